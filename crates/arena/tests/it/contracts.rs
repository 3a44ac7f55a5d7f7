//! Bytecode: Uniswap's from its npm packages, and two tiny contracts assembled here.

use alloy_primitives::{Address, Bytes, U256, address, hex};
use alloy_sol_types::sol;
use std::path::{Path, PathBuf};

sol! {
    function transfer(address to, uint256 amount) returns (bool);
    function createPair(address a, address b) returns (address);
    function createPool(address a, address b, uint24 fee) returns (address);
    function enableFeeAmount(uint24 fee, int24 tickSpacing);
    function sync();
    function skim(address to);
    interface Pair {
        function mint(address to) returns (uint256);
        function burn(address to) returns (uint256, uint256);
        function swap(uint256 out0, uint256 out1, address to, bytes data);
        function balanceOf(address owner) returns (uint256);
    }
    interface Pool {
        function initialize(uint160 sqrtPriceX96);
        function mint(address recipient, int24 lower, int24 upper, uint128 amount, bytes data) returns (uint256, uint256);
        function burn(int24 lower, int24 upper, uint128 amount) returns (uint256, uint256);
        function swap(address recipient, bool zeroForOne, int256 amount, uint160 limit, bytes data) returns (int256, int256);
        function setFeeProtocol(uint8 fee0, uint8 fee1);
    }
    interface PancakePool {
        function setFeeProtocol(uint32 fee0, uint32 fee1);
    }
}

pub(crate) mod v4 {
    //! What the tests ask of Uniswap V4's contracts and of the routers and hooks in its test folder.

    alloy_sol_types::sol! {
        #[derive(Debug)]
        struct Key { address currency0; address currency1; uint24 fee; int24 tickSpacing; address hooks; }
        struct SwapParams { bool zeroForOne; int256 amountSpecified; uint160 sqrtPriceLimitX96; }
        struct LiquidityParams { int24 tickLower; int24 tickUpper; int256 liquidityDelta; bytes32 salt; }
        struct Settings { bool takeClaims; bool settleUsingBurn; }
        function initialize(Key key, uint160 sqrtPriceX96) returns (int24);
        function setProtocolFeeController(address controller);
        function setProtocolFee(Key key, uint24 fee);
        function swap(Key key, SwapParams params, Settings settings, bytes hookData) returns (int256);
        function modifyLiquidity(Key key, LiquidityParams params, bytes hookData) returns (int256);
        function setManager(address manager);
        function setFee(uint24 fee);
        function forcePoolFeeUpdate(Key key, uint24 fee);
        function setDeltaSpecified(int128 delta);
    }
}

/// The lower token.
pub(crate) const TOKEN0: Address = address!("0x1000000000000000000000000000000000000001");
/// The higher token.
pub(crate) const TOKEN1: Address = address!("0x2000000000000000000000000000000000000002");
/// Stands for PancakeSwap's `PancakeV3PoolDeployer`, which its npm package leaves out.
pub(crate) const DEPLOYER: Address = address!("0x4000000000000000000000000000000000000004");
/// Has PancakeSwap's creation code of pools as its own code, for the deployer to copy.
pub(crate) const POOL_CODE: Address = address!("0x4000000000000000000000000000000000000005");
/// Calls pools and pays in their callbacks.
pub(crate) const ACTOR: Address = address!("0x3000000000000000000000000000000000000003");

/// Creation code from an artifact, or `None` with a word of it on stdout.
pub(crate) fn creation_code(path: &str) -> Option<Bytes> {
    code_of(path, "bytecode")
}

/// Deployed code from an artifact of Foundry, or `None` with a word of it on stdout.
pub(crate) fn deployed_code(path: &str) -> Option<Bytes> {
    code_of(path, "deployedBytecode")
}

fn code_of(path: &str, field: &str) -> Option<Bytes> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/node_modules");
    let root = std::env::var_os("WEIR_NPM").map_or(beside, PathBuf::from);
    let Ok(json) = std::fs::read_to_string(root.join(path)) else {
        println!("skipped: no {path} in {}", root.display());
        return None;
    };
    let artifact: serde_json::Value = serde_json::from_str(&json).unwrap();
    // Hardhat's artifacts hold the code itself, Foundry's an object with it.
    let code = artifact[field].as_str().or_else(|| artifact[field]["object"].as_str());
    let code = code.unwrap().trim_start_matches("0x");
    Some(hex::decode(code).unwrap().into())
}

/// A call of the actor that it forwards to `target`.
pub(crate) fn forwarded(target: Address, call: &[u8]) -> Bytes {
    [target.into_word().as_slice(), call].concat().into()
}

enum Op {
    Code(&'static [u8]),
    Owned(Vec<u8>),
    /// Push the place of a label.
    To(u8),
    /// A label.
    At(u8),
}

fn assemble(ops: &[Op]) -> Bytes {
    let mut places = [0; 8];
    let mut place = 0;
    for op in ops {
        place += match op {
            Op::Code(bytes) => bytes.len(),
            Op::Owned(bytes) => bytes.len(),
            Op::To(_) => 3,
            Op::At(label) => {
                places[usize::from(*label)] = place as u16;
                1
            }
        };
    }
    emit(ops, &places).into()
}

fn emit(ops: &[Op], places: &[u16; 8]) -> Vec<u8> {
    let mut code = Vec::new();
    for op in ops {
        match op {
            Op::Code(bytes) => code.extend_from_slice(bytes),
            Op::Owned(bytes) => code.extend_from_slice(bytes),
            Op::To(label) => {
                code.push(0x61);
                code.extend_from_slice(&places[usize::from(*label)].to_be_bytes());
            }
            Op::At(_) => code.push(0x5b),
        }
    }
    code
}

/// A token without supply: balances wrap, so everybody can pay anything.
pub(crate) fn token_code() -> Bytes {
    assemble(&[
        Op::Code(&hex!("5f3560e01c80 6370a0823114")),
        Op::To(1),
        Op::Code(&hex!("57 80 63a9059cbb14")),
        Op::To(2),
        Op::Code(&hex!("57 6323b872dd14")),
        Op::To(3),
        Op::Code(&hex!("57 5f5ffd")),
        Op::At(1),
        // return storage[holder]
        Op::Code(&hex!("600435 54 5f52 60205ff3")),
        Op::At(2),
        // storage[caller] -= amount; storage[to] += amount; return true
        Op::Code(&hex!("602435 80 3354 03 3355 600435 54 01 600435 55 6001 5f52 60205ff3")),
        Op::At(3),
        // storage[from] -= amount; storage[to] += amount; return true
        Op::Code(&hex!(
            "604435 80 600435 54 03 600435 55 602435 54 01 602435 55 6001 5f52 60205ff3"
        )),
    ])
}

/// Forwards calls, and pays what a V3 pool's callback asks for.
pub(crate) fn actor_code() -> Bytes {
    let mut ops = vec![
        Op::Code(&hex!("5f3560e01c 80 63fa461e3314")),
        Op::To(1),
        Op::Code(&hex!("57 80 63d348799714")),
        Op::To(1),
        // the same by PancakeSwap's names
        Op::Code(&hex!("57 80 6323a69e7514")),
        Op::To(1),
        Op::Code(&hex!("57 80 6399eee9d014")),
        Op::To(1),
        // copy all but the first word; call it; give back what it gives back
        Op::Code(&hex!("57 60203603 80 60205f37 5f5f82 5f5f 5f35 5a f1 3d5f5f3e")),
        Op::To(2),
        Op::Code(&hex!("57 3d5ffd")),
        Op::At(2),
        Op::Code(&hex!("3d5ff3")),
        Op::At(1),
    ];
    for (offset, token, skip) in [(0x04u8, TOKEN0, 3u8), (0x24, TOKEN1, 4)] {
        // if amount > 0: token.transfer(caller, amount)
        ops.push(Op::Owned(vec![0x60, offset, 0x35, 0x80, 0x5f, 0x12, 0x15]));
        ops.push(Op::To(skip));
        ops.push(Op::Code(&hex!("57 63a9059cbb60e01b5f52 33600452 80602452 60205f60445f5f73")));
        ops.push(Op::Owned(token.to_vec()));
        ops.push(Op::Code(&hex!("5af150")));
        ops.push(Op::At(skip));
        ops.push(Op::Code(&hex!("50")));
    }
    ops.push(Op::Code(&hex!("00")));
    assemble(&ops)
}

/// `parameters()` and `deploy(factory, token0, token1, fee, tickSpacing)` of PancakeSwap's deployer: the pool is created by `CREATE2`
/// with the hash of tokens and fee as its salt, and asks for its parameters meanwhile.
pub(crate) fn deployer_code() -> Bytes {
    let mut ops =
        vec![Op::Code(&hex!("5f3560e01c 638903573014")), Op::To(1), Op::Code(&hex!("57"))];
    for place in 0..5u8 {
        // storage[place] = argument
        ops.push(Op::Owned(vec![0x60, 4 + 32 * place, 0x35, 0x60, place, 0x55]));
    }
    // salt = keccak256(token0, token1, fee)
    ops.push(Op::Code(&hex!("6060 6024 5f 37 6060 5f 20")));
    ops.push(Op::Owned([&hex!("73")[..], POOL_CODE.as_slice(), &hex!("3b 80 5f 5f 73")].concat()));
    ops.push(Op::Owned([POOL_CODE.as_slice(), &hex!("3c 5f 5f f5 5f52 60205ff3")].concat()));
    ops.push(Op::At(1));
    for place in 0..5u8 {
        ops.push(Op::Owned(vec![0x60, place, 0x54, 0x60, 32 * place, 0x52]));
    }
    ops.push(Op::Code(&hex!("60a0 5f f3")));
    assemble(&ops)
}

/// Two's complement of an `int24` as a mapping key.
pub(crate) fn word_of(value: i32) -> U256 {
    let magnitude = U256::from(value.unsigned_abs());
    if value < 0 { U256::ZERO.wrapping_sub(magnitude) } else { magnitude }
}
