// SPDX-License-Identifier: MIT
pragma solidity ^0.8.26;

import {IPoolManager, PoolKey, SwapParams} from "./V4Swaps.sol";

/// @title A hook for Uniswap V4 pools that sets their dynamic fee, and watches swaps without changing them
/// @notice What it is asked depends on the address that it is deployed at: the low 14 bits name the callbacks.
/// @dev For tests and load only: anyone may set the fee.
contract FeeHook {
    /// @notice Sets the fee of liquidity providers, in millionths, of a pool with a dynamic fee and this hook.
    function setFee(address manager, PoolKey calldata key, uint24 fee) external {
        IPoolManager(manager).updateDynamicLPFee(key, fee);
    }

    /// @notice Called before a swap if the address says so (bit 7). Takes nothing and overrides no fee.
    function beforeSwap(address, PoolKey calldata, SwapParams calldata, bytes calldata)
        external
        pure
        returns (bytes4, int256 delta, uint24 fee)
    {
        return (FeeHook.beforeSwap.selector, 0, 0);
    }

    /// @notice Called after a swap if the address says so (bit 6). Takes nothing.
    function afterSwap(address, PoolKey calldata, SwapParams calldata, int256, bytes calldata)
        external
        pure
        returns (bytes4, int128 delta)
    {
        return (FeeHook.afterSwap.selector, 0);
    }
}
