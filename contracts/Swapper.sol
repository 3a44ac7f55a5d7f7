// SPDX-License-Identifier: MIT
pragma solidity ^0.8.26;

import {V4Swaps} from "./V4Swaps.sol";

interface IERC20 {
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

interface IV2Pair {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 timestamp);
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data) external;
    function mint(address to) external returns (uint256 liquidity);
    function burn(address to) external returns (uint256 amount0, uint256 amount1);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
    function transfer(address to, uint256 amount) external returns (bool);
}

interface IV3Pool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function swap(address to, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data)
        external
        returns (int256 amount0, int256 amount1);
    function mint(address owner, int24 lower, int24 upper, uint128 liquidity, bytes calldata data)
        external
        returns (uint256 amount0, uint256 amount1);
    function burn(int24 lower, int24 upper, uint128 liquidity) external returns (uint256 amount0, uint256 amount1);
    function collect(address to, int24 lower, int24 upper, uint128 amount0, uint128 amount1)
        external
        returns (uint128 paid0, uint128 paid1);
}

/// @title Swaps, mints and burns on Uniswap V2 pairs, V3 pools and V4 pools
/// @notice The caller that the pools expect: it pays a V2 pair before the swap, a V3 pool and a V4 PoolManager in the callback.
/// Payment comes from the sender, who has approved this contract, or, when `own` is true, from this contract's balance;
/// the proceeds go back to where the payment came from.
/// @dev For tests and load only. It trusts the pool it is given and lets anyone trade with what it holds, so that
/// a thousand load accounts need neither tokens nor approvals. Give it nothing of value.
contract Swapper is V4Swaps {
    uint160 private constant MIN_LIMIT = 4295128740; // TickMath.MIN_SQRT_RATIO + 1
    uint160 private constant MAX_LIMIT = 1461446703485210103287273052203988822378723970341; // TickMath.MAX_SQRT_RATIO - 1

    /// @notice Liquidity of a V3 position, by `positionKey`. Positions are this contract's in the pool's eyes.
    mapping(bytes32 key => uint128) public liquidityOf;

    error NotThePool(address caller);
    error NotDeployed(bytes32 salt);
    error NotThisContract(address caller);
    error TransferFailed(address token);
    error NotEnoughLiquidity(uint128 held, uint128 asked);

    /// @notice Runs several calls of this contract in one transaction; all or none.
    function multi(bytes[] calldata calls) external {
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool ok, bytes memory answer) = address(this).delegatecall(calls[i]);
            if (!ok) _bubble(answer);
        }
    }

    /// @notice Calls another contract as this one; how factories are asked for several pools in one transaction.
    /// @dev Would let anyone spend the approvals given to this contract, hence the fence on `transferFrom`.
    function execute(address target, bytes calldata data) external {
        if (bytes4(data) == IERC20.transferFrom.selector) revert NotThisContract(msg.sender);
        (bool ok, bytes memory answer) = target.call(data);
        if (!ok) _bubble(answer);
    }

    /// @notice Deploys a contract by CREATE2: the addresses of V4 hooks say what they do, so their salts are searched for.
    function deploy(bytes calldata code, bytes32 salt) external returns (address deployed) {
        bytes memory creation = code;
        assembly ("memory-safe") {
            deployed := create2(0, add(creation, 32), mload(creation), salt)
        }
        if (deployed == address(0)) revert NotDeployed(salt);
    }

    /// @notice Swaps exactly `amountIn` on a V2 pair at the price of its reserves, fee 0.3 %.
    function swapV2(address pair, bool zeroForOne, uint256 amountIn, bool own) external returns (uint256 amountOut) {
        (uint256 reserve0, uint256 reserve1,) = IV2Pair(pair).getReserves();
        (uint256 reserveIn, uint256 reserveOut) = zeroForOne ? (reserve0, reserve1) : (reserve1, reserve0);
        uint256 afterFee = amountIn * 997;
        amountOut = (afterFee * reserveOut) / (reserveIn * 1000 + afterFee);
        address payer = _payer(own);
        _pay(zeroForOne ? IV2Pair(pair).token0() : IV2Pair(pair).token1(), payer, pair, amountIn);
        IV2Pair(pair).swap(zeroForOne ? 0 : amountOut, zeroForOne ? amountOut : 0, payer, "");
    }

    /// @notice Adds both tokens to a V2 pair; the pair's own tokens go to the payer.
    function mintV2(address pair, uint256 amount0, uint256 amount1, bool own) external returns (uint256 liquidity) {
        address payer = _payer(own);
        _pay(IV2Pair(pair).token0(), payer, pair, amount0);
        _pay(IV2Pair(pair).token1(), payer, pair, amount1);
        liquidity = IV2Pair(pair).mint(payer);
    }

    /// @notice Gives `liquidity` of the pair's own tokens back to it and takes out both tokens.
    function burnV2(address pair, uint256 liquidity, bool own) external returns (uint256 amount0, uint256 amount1) {
        address payer = _payer(own);
        _pay(pair, payer, pair, liquidity);
        (amount0, amount1) = IV2Pair(pair).burn(payer);
    }

    /// @notice Swaps on a V3 pool without a price limit.
    /// @param amount Positive: exactly this much in. Negative: exactly this much out.
    function swapV3(address pool, bool zeroForOne, int256 amount, bool own)
        external
        returns (int256 amount0, int256 amount1)
    {
        address payer = _payer(own);
        _expect(pool);
        (amount0, amount1) =
            IV3Pool(pool).swap(payer, zeroForOne, amount, zeroForOne ? MIN_LIMIT : MAX_LIMIT, abi.encode(payer));
        _expect(address(0));
    }

    /// @notice Adds liquidity between two ticks of a V3 pool.
    function mintV3(address pool, int24 lower, int24 upper, uint128 liquidity, bool own)
        external
        returns (uint256 amount0, uint256 amount1)
    {
        address payer = _payer(own);
        liquidityOf[positionKey(payer, pool, lower, upper)] += liquidity;
        _expect(pool);
        (amount0, amount1) = IV3Pool(pool).mint(address(this), lower, upper, liquidity, abi.encode(payer));
        _expect(address(0));
    }

    /// @notice Removes liquidity that the payer added between two ticks and collects the two tokens and fees.
    function burnV3(address pool, int24 lower, int24 upper, uint128 liquidity, bool own)
        external
        returns (uint256 amount0, uint256 amount1)
    {
        address payer = _payer(own);
        bytes32 key = positionKey(payer, pool, lower, upper);
        uint128 held = liquidityOf[key];
        if (held < liquidity) revert NotEnoughLiquidity(held, liquidity);
        liquidityOf[key] = held - liquidity;
        (amount0, amount1) = IV3Pool(pool).burn(lower, upper, liquidity);
        IV3Pool(pool).collect(payer, lower, upper, type(uint128).max, type(uint128).max);
    }

    /// @notice Called by a V3 pool in the middle of a swap, to be paid.
    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        address payer = _checkCallback(data);
        if (amount0 > 0) _pay(IV3Pool(msg.sender).token0(), payer, msg.sender, uint256(amount0));
        if (amount1 > 0) _pay(IV3Pool(msg.sender).token1(), payer, msg.sender, uint256(amount1));
    }

    /// @notice Called by a V3 pool in the middle of a mint, to be paid.
    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external {
        address payer = _checkCallback(data);
        if (amount0 > 0) _pay(IV3Pool(msg.sender).token0(), payer, msg.sender, amount0);
        if (amount1 > 0) _pay(IV3Pool(msg.sender).token1(), payer, msg.sender, amount1);
    }

    /// @notice Where `liquidityOf` keeps a position.
    function positionKey(address owner, address pool, int24 lower, int24 upper) public pure returns (bytes32) {
        return keccak256(abi.encode(owner, pool, lower, upper));
    }

    function _payer(bool own) internal view override returns (address) {
        return own ? address(this) : msg.sender;
    }

    /// @dev The one pool that may call back, in transient storage (EIP-1153): a stranger's call finds zero there.
    function _expect(address pool) internal override {
        assembly ("memory-safe") {
            tstore(0, pool)
        }
    }

    function _checkCallback(bytes calldata data) private view returns (address payer) {
        _checkCaller();
        payer = abi.decode(data, (address));
    }

    function _checkCaller() internal view override {
        address expected;
        assembly ("memory-safe") {
            expected := tload(0)
        }
        if (msg.sender != expected) revert NotThePool(msg.sender);
    }

    function _pay(address token, address payer, address to, uint256 amount) internal override {
        bool ok = payer == address(this)
            ? IERC20(token).transfer(to, amount)
            : IERC20(token).transferFrom(payer, to, amount);
        if (!ok) revert TransferFailed(token);
    }

    function _bubble(bytes memory answer) private pure {
        assembly ("memory-safe") {
            revert(add(answer, 32), mload(answer))
        }
    }
}
