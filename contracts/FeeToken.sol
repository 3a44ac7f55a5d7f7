// SPDX-License-Identifier: MIT
pragma solidity ^0.8.26;

/// @title Tokens that are not plain: what is sent is not what arrives
/// @notice For tests. Every kind of one hundred sent takes one away, or tells so differently.
contract FeeToken {
    /// @notice How transfers are made and told.
    enum Kind {
        /// The whole amount arrives, and is told.
        Plain,
        /// A share goes to the collector; both transfers are told.
        Shared,
        /// A share vanishes; the whole amount is told.
        Hidden,
        /// The whole amount arrives and is told, and the sender loses a share beside it.
        OnTop,
        /// A share vanishes; nothing is told.
        Silent
    }

    address public constant COLLECTOR = address(0xfee);
    Kind public kind;
    mapping(address holder => uint256) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 amount);

    function setKind(Kind kind_) external {
        kind = kind_;
    }

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
        emit Transfer(address(0), to, amount);
    }

    /// @notice Takes balances away without a word, as a token whose supply shrinks does.
    function shrink(address holder, uint256 amount) external {
        balanceOf[holder] -= amount;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    /// @dev Without allowances: nobody's money is at stake.
    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        uint256 share = kind == Kind.Plain ? 0 : amount / 100;
        uint256 arrives = kind == Kind.OnTop ? amount : amount - share;
        balanceOf[from] -= kind == Kind.OnTop ? amount + share : amount;
        balanceOf[to] += arrives;
        if (kind == Kind.Shared) balanceOf[COLLECTOR] += share;
        if (kind == Kind.Silent) return true;
        emit Transfer(from, to, kind == Kind.Hidden ? amount : arrives);
        if (kind == Kind.Shared) emit Transfer(from, COLLECTOR, share);
        return true;
    }
}
