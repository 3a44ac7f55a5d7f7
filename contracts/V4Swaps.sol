// SPDX-License-Identifier: MIT
pragma solidity ^0.8.26;

/// @notice What identifies a Uniswap V4 pool. Its id is the hash of the five words.
struct PoolKey {
    address currency0;
    address currency1;
    uint24 fee;
    int24 tickSpacing;
    address hooks;
}

struct ModifyLiquidityParams {
    int24 tickLower;
    int24 tickUpper;
    int256 liquidityDelta;
    bytes32 salt;
}

struct SwapParams {
    bool zeroForOne;
    int256 amountSpecified;
    uint160 sqrtPriceLimitX96;
}

interface IPoolManager {
    function unlock(bytes calldata data) external returns (bytes memory);
    function swap(PoolKey calldata key, SwapParams calldata params, bytes calldata hookData)
        external
        returns (int256 delta);
    function modifyLiquidity(PoolKey calldata key, ModifyLiquidityParams calldata params, bytes calldata hookData)
        external
        returns (int256 delta, int256 feesAccrued);
    function sync(address currency) external;
    function settle() external payable returns (uint256 paid);
    function take(address currency, address to, uint256 amount) external;
    function updateDynamicLPFee(PoolKey calldata key, uint24 fee) external;
}

/// @title Swaps, mints and burns on Uniswap V4 pools
/// @notice The part of `Swapper` that speaks with a PoolManager. Currency zero is the chain's native coin: its sender pays
/// with the transaction's value, and what was not needed goes back.
abstract contract V4Swaps {
    uint160 private constant MIN_LIMIT = 4295128740; // TickMath.MIN_SQRT_PRICE + 1
    uint160 private constant MAX_LIMIT = 1461446703485210103287273052203988822378723970341; // TickMath.MAX_SQRT_PRICE - 1

    /// @dev What `unlockCallback` is to do, and for whom.
    struct V4Action {
        address payer;
        /// Native coin that the payer sent along.
        uint256 value;
        bool isSwap;
        PoolKey key;
        SwapParams swap;
        ModifyLiquidityParams change;
    }

    error NotEnoughValue(uint256 sent, uint256 needed);
    error CoinRefused(address to);

    /// @notice Takes native coin: stock to swap with, and what a PoolManager pays out.
    receive() external payable {}

    /// @notice Swaps on a V4 pool without a price limit.
    /// @param amount Positive: exactly this much in. Negative: exactly this much out. (V4 itself has it the other way.)
    function swapV4(address manager, PoolKey calldata key, bool zeroForOne, int256 amount, bool own) external payable {
        V4Action memory action;
        action.isSwap = true;
        action.key = key;
        action.swap = SwapParams(zeroForOne, -amount, zeroForOne ? MIN_LIMIT : MAX_LIMIT);
        _run(manager, action, own);
    }

    /// @notice Adds liquidity between two ticks of a V4 pool, or removes it if `delta` is negative; fees come with it.
    /// @dev Positions are this contract's in the manager's eyes; the salt keeps the payers apart.
    function modifyV4(address manager, PoolKey calldata key, int24 lower, int24 upper, int256 delta, bool own)
        external
        payable
    {
        V4Action memory action;
        action.key = key;
        action.change = ModifyLiquidityParams(lower, upper, delta, bytes32(uint256(uint160(_payer(own)))));
        _run(manager, action, own);
    }

    /// @notice Called by the PoolManager that this contract unlocked.
    function unlockCallback(bytes calldata data) external returns (bytes memory) {
        _checkCaller();
        V4Action memory action = abi.decode(data, (V4Action));
        IPoolManager manager = IPoolManager(msg.sender);
        int256 delta;
        if (action.isSwap) {
            delta = manager.swap(action.key, action.swap, "");
        } else {
            (delta,) = manager.modifyLiquidity(action.key, action.change, "");
        }
        // Two signed halves: token0 above, token1 below. Negative is owed to the manager.
        uint256 spent = _settle(manager, action, action.key.currency0, int128(delta >> 128));
        spent += _settle(manager, action, action.key.currency1, int128(delta));
        return abi.encode(spent);
    }

    function _run(address manager, V4Action memory action, bool own) private {
        action.payer = _payer(own);
        action.value = msg.value;
        _expect(manager);
        bytes memory answer = IPoolManager(manager).unlock(abi.encode(action));
        _expect(address(0));
        uint256 left = own ? 0 : msg.value - abi.decode(answer, (uint256));
        if (left > 0) {
            (bool paid,) = msg.sender.call{value: left}("");
            if (!paid) revert CoinRefused(msg.sender);
        }
    }

    /// @return spent Native coin that was paid.
    function _settle(IPoolManager manager, V4Action memory action, address currency, int128 delta)
        private
        returns (uint256 spent)
    {
        if (delta > 0) {
            manager.take(currency, action.payer, uint128(delta));
        } else if (delta < 0) {
            uint256 owed = uint256(-int256(delta));
            manager.sync(currency);
            if (currency == address(0)) {
                if (action.payer != address(this) && owed > action.value) revert NotEnoughValue(action.value, owed);
                manager.settle{value: owed}();
                spent = owed;
            } else {
                _pay(currency, action.payer, address(manager), owed);
                manager.settle();
            }
        }
    }

    function _payer(bool own) internal view virtual returns (address);

    function _pay(address token, address payer, address to, uint256 amount) internal virtual;

    /// @dev Says who may call back; zero for nobody.
    function _expect(address caller) internal virtual;

    function _checkCaller() internal view virtual;
}
