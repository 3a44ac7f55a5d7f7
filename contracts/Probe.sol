// SPDX-License-Identifier: MIT
pragma solidity ^0.8.26;

/// @title What a client needs to see work: state, logs, return data and every way to revert
contract Probe {
    uint256 public value;

    event ValueChanged(address indexed by, uint256 indexed previous, uint256 indexed next, bytes note);

    error TooLarge(uint256 given, uint256 limit);

    constructor(uint256 initial) payable {
        value = initial;
    }

    /// @notice Sets the value and logs the change with a note.
    function set(uint256 next, bytes calldata note) external payable {
        if (next > type(uint128).max) revert TooLarge(next, type(uint128).max);
        emit ValueChanged(msg.sender, value, next, note);
        value = next;
    }

    /// @notice Emits `count` logs in one transaction.
    function shout(uint256 count) external {
        for (uint256 i = 0; i < count; ++i) {
            emit ValueChanged(msg.sender, i, i + 1, "");
        }
    }

    /// @notice Reverts with a reason string.
    function failWithReason() external pure {
        require(false, "the weir is closed");
    }

    /// @notice Reverts with a panic (division by zero).
    function failWithPanic(uint256 divisor) external pure returns (uint256) {
        return 1 / divisor;
    }
}
