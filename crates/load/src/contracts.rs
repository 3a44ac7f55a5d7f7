//! Interfaces of the contracts that load and traffic call: our own (`contracts/*.sol`) and Uniswap's factories and
//! PoolManager.

use alloy_sol_types::sol;

sol! {
    #[derive(Debug)]
    struct PoolKey {
        address currency0;
        address currency1;
        uint24 fee;
        int24 tickSpacing;
        address hooks;
    }

    contract TestToken {
        constructor(string name, string symbol, uint8 decimals, address owner);
        function mint(address to, uint256 amount);
        function mintMany(address[] holders, uint256 amount);
        function transfer(address to, uint256 amount) returns (bool);
        function approve(address spender, uint256 amount) returns (bool);
        function balanceOf(address holder) view returns (uint256);
    }

    contract Weth {
        function deposit() payable;
    }

    contract Swapper {
        function multi(bytes[] calls);
        function execute(address target, bytes data);
        function swapV2(address pair, bool zeroForOne, uint256 amountIn, bool own);
        function mintV2(address pair, uint256 amount0, uint256 amount1, bool own);
        function burnV2(address pair, uint256 liquidity, bool own);
        function swapV3(address pool, bool zeroForOne, int256 amount, bool own);
        function mintV3(address pool, int24 lower, int24 upper, uint128 liquidity, bool own);
        function burnV3(address pool, int24 lower, int24 upper, uint128 liquidity, bool own);
        function deploy(bytes code, bytes32 salt);
        function swapV4(address manager, PoolKey key, bool zeroForOne, int256 amount, bool own) payable;
        function modifyV4(address manager, PoolKey key, int24 lower, int24 upper, int256 delta, bool own) payable;
    }

    contract V2Factory {
        constructor(address feeToSetter);
        function createPair(address a, address b) returns (address pair);
    }

    contract V3Factory {
        function createPool(address a, address b, uint24 fee) returns (address pool);
    }

    contract V3Pool {
        function initialize(uint160 sqrtPriceX96);
        function slot0() view returns (
            uint160 sqrtPriceX96,
            int24 tick,
            uint16 observationIndex,
            uint16 observationCardinality,
            uint16 observationCardinalityNext,
            uint8 feeProtocol,
            bool unlocked
        );
    }

    contract PoolManager {
        constructor(address initialOwner);
        function initialize(PoolKey key, uint160 sqrtPriceX96) returns (int24 tick);
        function setProtocolFeeController(address controller);
        function setProtocolFee(PoolKey key, uint24 newProtocolFee);
    }

    /// `StateView` and `V4Quoter`.
    contract V4Lens {
        constructor(address poolManager);
    }

    contract FeeHook {
        function setFee(address manager, PoolKey key, uint24 fee);
    }
}
