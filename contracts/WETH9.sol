// SPDX-License-Identifier: MIT
pragma solidity ^0.8.26;

/// @title Wrapped ether
/// @notice One token for each wei deposited, redeemable at any time. The interface is that of mainnet's WETH9.
contract WETH9 {
    string public constant name = "Wrapped Ether";
    string public constant symbol = "WETH";
    uint8 public constant decimals = 18;

    mapping(address owner => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    event Approval(address indexed owner, address indexed spender, uint256 amount);
    event Transfer(address indexed from, address indexed to, uint256 amount);
    event Deposit(address indexed to, uint256 amount);
    event Withdrawal(address indexed from, uint256 amount);

    error InsufficientBalance(address owner, uint256 held, uint256 needed);
    error InsufficientAllowance(address owner, address spender, uint256 allowed, uint256 needed);
    error EtherRefused(address to);

    receive() external payable {
        deposit();
    }

    /// @notice Mints as many tokens as wei sent, to the sender.
    function deposit() public payable {
        balanceOf[msg.sender] += msg.value;
        emit Deposit(msg.sender, msg.value);
    }

    /// @notice Burns `amount` of the sender's tokens and pays the ether out.
    function withdraw(uint256 amount) external {
        _debit(msg.sender, amount);
        emit Withdrawal(msg.sender, amount);
        (bool paid,) = msg.sender.call{value: amount}("");
        if (!paid) revert EtherRefused(msg.sender);
    }

    /// @notice Tokens in existence: the ether held.
    function totalSupply() external view returns (uint256) {
        return address(this).balance;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    /// @dev An allowance of `type(uint256).max` is not used up.
    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        if (from != msg.sender && allowed != type(uint256).max) {
            if (allowed < amount) revert InsufficientAllowance(from, msg.sender, allowed, amount);
            unchecked {
                allowance[from][msg.sender] = allowed - amount;
            }
        }
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        _debit(from, amount);
        unchecked {
            balanceOf[to] += amount; // cannot overflow: the sum of balances is the ether held
        }
        emit Transfer(from, to, amount);
        return true;
    }

    function _debit(address owner, uint256 amount) private {
        uint256 held = balanceOf[owner];
        if (held < amount) revert InsufficientBalance(owner, held, amount);
        unchecked {
            balanceOf[owner] = held - amount;
        }
    }
}
