// SPDX-License-Identifier: MIT
pragma solidity ^0.8.26;

interface IToken {
    function balanceOf(address holder) external view returns (uint256);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

interface IPair {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function getReserves() external view returns (uint112, uint112, uint32);
    function mint(address to) external returns (uint256);
    function burn(address to) external returns (uint256, uint256);
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data) external;
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// @title A trader who looks at what has arrived, as Uniswap's router does for tokens that take a share
/// @notice For tests, with tokens that ask for no allowance.
contract FeeTrader {
    /// @notice Pays `amount` into a pair and takes out what it gives for what arrived.
    function sell(IPair pair, bool zeroForOne, uint256 amount) external {
        _pay(pair, zeroForOne, amount);
        _take(pair, zeroForOne, msg.sender);
    }

    /// @notice Takes out what `amount` will buy, and pays for it in the callback.
    function borrow(IPair pair, bool zeroForOne, uint256 amount) external {
        (uint256 reserveIn, uint256 reserveOut) = _reserves(pair, zeroForOne);
        uint256 out = _out(amount, reserveIn, reserveOut);
        bytes memory data = abi.encode(msg.sender, zeroForOne, amount);
        pair.swap(zeroForOne ? 0 : out, zeroForOne ? out : 0, address(this), data);
    }

    function uniswapV2Call(address, uint256, uint256, bytes calldata data) external {
        (address payer, bool zeroForOne, uint256 amount) = abi.decode(data, (address, bool, uint256));
        IPair pair = IPair(msg.sender);
        IToken(zeroForOne ? pair.token0() : pair.token1()).transferFrom(payer, address(pair), amount);
    }

    function mint(IPair pair, uint256 amount0, uint256 amount1) external {
        _pay(pair, true, amount0);
        _pay(pair, false, amount1);
        pair.mint(msg.sender);
    }

    function burn(IPair pair, uint256 shares) external {
        pair.transferFrom(msg.sender, address(pair), shares);
        pair.burn(msg.sender);
    }

    /// @notice There and back through the same pair, in one transaction.
    function turn(IPair pair, uint256 amount) external {
        for (uint256 i = 0; i < 2; ++i) {
            _pay(pair, i == 0, amount);
            _take(pair, i == 0, msg.sender);
        }
    }

    function _pay(IPair pair, bool zero, uint256 amount) private {
        IToken(zero ? pair.token0() : pair.token1()).transferFrom(msg.sender, address(pair), amount);
    }

    function _take(IPair pair, bool zeroForOne, address to) private {
        (uint256 reserveIn, uint256 reserveOut) = _reserves(pair, zeroForOne);
        uint256 held = IToken(zeroForOne ? pair.token0() : pair.token1()).balanceOf(address(pair));
        uint256 out = _out(held - reserveIn, reserveIn, reserveOut);
        pair.swap(zeroForOne ? 0 : out, zeroForOne ? out : 0, to, "");
    }

    function _reserves(IPair pair, bool zeroForOne) private view returns (uint256 reserveIn, uint256 reserveOut) {
        (uint112 reserve0, uint112 reserve1,) = pair.getReserves();
        return zeroForOne ? (reserve0, reserve1) : (reserve1, reserve0);
    }

    function _out(uint256 amountIn, uint256 reserveIn, uint256 reserveOut) private pure returns (uint256) {
        uint256 taxed = amountIn * 997;
        return taxed * reserveOut / (reserveIn * 1000 + taxed);
    }
}
