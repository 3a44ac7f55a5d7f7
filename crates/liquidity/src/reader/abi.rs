//! The functions of the Uniswap V2, V3 and V4 contracts that are read and simulated.
//!
//! Signatures are those of `IUniswapV2Pair` (v2-core 1.0.1), `IUniswapV3Pool` (v3-core 1.0.1) and `IPoolManager`
//! (v4-core 1.0.2).

alloy_sol_types::sol! {
    #[derive(Debug)]
    interface V2Pair {
        function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 blockTimestampLast);
        function token0() external view returns (address);
        function token1() external view returns (address);
        function factory() external view returns (address);
        function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes data) external;
    }

    #[derive(Debug)]
    interface V3Pool {
        function slot0() external view returns (
            uint160 sqrtPriceX96,
            int24 tick,
            uint16 observationIndex,
            uint16 observationCardinality,
            uint16 observationCardinalityNext,
            // Uniswap has one byte here, PancakeSwap four.
            uint32 feeProtocol,
            bool unlocked
        );
        function liquidity() external view returns (uint128);
        function fee() external view returns (uint24);
        function tickSpacing() external view returns (int24);
        function tickBitmap(int16 wordPosition) external view returns (uint256);
        function ticks(int24 tick) external view returns (
            uint128 liquidityGross,
            int128 liquidityNet,
            uint256 feeGrowthOutside0X128,
            uint256 feeGrowthOutside1X128,
            int56 tickCumulativeOutside,
            uint160 secondsPerLiquidityOutsideX128,
            uint32 secondsOutside,
            bool initialized
        );
        function swap(
            address recipient,
            bool zeroForOne,
            int256 amountSpecified,
            uint160 sqrtPriceLimitX96,
            bytes data
        ) external returns (int256 amount0, int256 amount1);
    }

    #[derive(Debug)]
    interface V2Factory {
        function getPair(address token0, address token1) external view returns (address pair);
    }

    #[derive(Debug)]
    interface V3Factory {
        function getPool(address token0, address token1, uint24 fee) external view returns (address pool);
    }

    /// What identifies a V4 pool: the id is the hash of the five words.
    #[derive(Debug, PartialEq, Eq)]
    struct PoolKey {
        address currency0;
        address currency1;
        uint24 fee;
        int24 tickSpacing;
        address hooks;
    }

    #[derive(Debug)]
    struct SwapParams {
        bool zeroForOne;
        int256 amountSpecified;
        uint160 sqrtPriceLimitX96;
    }

    #[derive(Debug)]
    interface PoolManager {
        function extsload(bytes32[] slots) external view returns (bytes32[] values);
        function unlock(bytes data) external returns (bytes result);
        function swap(PoolKey key, SwapParams params, bytes hookData) external returns (int256 swapDelta);
    }

    /// What a token is replaced by while a pair's swap is simulated.
    #[derive(Debug)]
    interface TokenStub {
        function setBalance(uint256 balance) external;
    }
}

pub(crate) mod events {
    //! What a PoolManager announces.

    alloy_sol_types::sol! {
        #[derive(Debug)]
        event Initialize(
            bytes32 indexed id,
            address indexed currency0,
            address indexed currency1,
            uint24 fee,
            int24 tickSpacing,
            address hooks,
            uint160 sqrtPriceX96,
            int24 tick
        );
    }
}
