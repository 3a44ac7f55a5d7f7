// SPDX-License-Identifier: MIT
pragma solidity ^0.8.26;

/// @title A token that takes a fee from each transfer
/// @notice For tests only: balances wrap, so everybody can pay anything, and anyone may set the fees.
contract FeeToken {
    uint256 private constant WHOLE = 10_000;

    mapping(address holder => uint256) public balanceOf;
    uint256 public senderFee;
    uint256 public recipientFee;

    /// @notice Sets what senders pay on top and what recipients do not get, in ten-thousandths of the amount.
    function setFees(uint256 senderFee_, uint256 recipientFee_) external {
        senderFee = senderFee_;
        recipientFee = recipientFee_;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        unchecked {
            balanceOf[from] -= amount + (amount * senderFee) / WHOLE;
            balanceOf[to] += amount - (amount * recipientFee) / WHOLE;
        }
        return true;
    }
}
