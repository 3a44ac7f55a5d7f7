//! One pair and one pool, and every kind of lie about them.

use crate::{
    engine::{Engine, Lie, add_one},
    node::{Node, USER},
};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolValue, sol};
use serde_json::json;
use weir_follower::ChainClient;
use weir_liquidity::{BlockSource, CheckError, CheckReport, Difference};
use weir_testkit::Peers;

sol! {
    function mint(address to, uint256 amount);
    function createPair(address a, address b) returns (address);
    function getPair(address a, address b) returns (address);
    function createPool(address a, address b, uint24 fee) returns (address);
    function getPool(address a, address b, uint24 fee) returns (address);
    function initialize(uint160 sqrtPriceX96);
    function mintV2(address pair, uint256 amount0, uint256 amount1, bool own);
    function swapV2(address pair, bool zeroForOne, uint256 amountIn, bool own);
    function mintV3(address pool, int24 lower, int24 upper, uint128 liquidity, bool own);
    function burnV3(address pool, int24 lower, int24 upper, uint128 liquidity, bool own);
    function swapV3(address pool, bool zeroForOne, int256 amount, bool own);
}

/// Tokens, a pair and a pool with a history of mints, burns and swaps.
async fn trade(node: &Node) -> (Address, Address) {
    let token =
        |name: &str| (name.to_owned(), name.to_owned(), U256::from(18), USER).abi_encode_params();
    let artifact = "artifacts/TestToken.json";
    let mut tokens =
        [node.deploy(artifact, &token("A")).await, node.deploy(artifact, &token("B")).await];
    tokens.sort_unstable();
    let [a, b] = tokens;
    let swapper = node.deploy("artifacts/Swapper.json", &[]).await;
    let (v2, v3) = (
        "node_modules/@uniswap/v2-core/build/UniswapV2Factory.json",
        "node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json",
    );
    let (v2, v3) = (node.deploy(v2, &USER.abi_encode()).await, node.deploy(v3, &[]).await);
    for token in tokens {
        let amount = U256::from(10).pow(U256::from(30));
        node.send(Some(token), mintCall { to: swapper, amount }.abi_encode()).await;
    }
    node.send(Some(v2), createPairCall { a, b }.abi_encode()).await;
    let pair = node.address(v2, getPairCall { a, b }.abi_encode()).await;
    let fee = alloy_primitives::aliases::U24::from(3000);
    node.send(Some(v3), createPoolCall { a, b, fee }.abi_encode()).await;
    let pool = node.address(v3, getPoolCall { a, b, fee }.abi_encode()).await;
    let price = alloy_primitives::U160::from(1) << 96;
    node.send(Some(pool), initializeCall { sqrtPriceX96: price }.abi_encode()).await;
    let own = true;
    let (amount0, amount1) = (U256::from(10u64.pow(18)), U256::from(3 * 10u64.pow(18)));
    node.send(Some(swapper), mintV2Call { pair, amount0, amount1, own }.abi_encode()).await;
    for (lower, upper, liquidity) in [
        (-887_220, 887_220, 10u128.pow(18)),
        (-600, 600, 10u128.pow(20)),
        (60, 180, 77),
        (-15_360, -60, 10u128.pow(15)),
    ] {
        let (lower, upper) = (lower.try_into().unwrap(), upper.try_into().unwrap());
        node.send(Some(swapper), mintV3Call { pool, lower, upper, liquidity, own }.abi_encode())
            .await;
    }
    for (zero_for_one, amount) in [
        (true, 10u64.pow(17)),
        (false, 3 * 10u64.pow(18)),
        (true, 12_345),
        (true, 9 * 10u64.pow(18)),
    ] {
        let amount_in = U256::from(amount / 10);
        let swap = swapV2Call { pair, zeroForOne: zero_for_one, amountIn: amount_in, own };
        node.send(Some(swapper), swap.abi_encode()).await;
        let amount = amount.try_into().unwrap();
        let swap = swapV3Call { pool, zeroForOne: zero_for_one, amount, own };
        node.send(Some(swapper), swap.abi_encode()).await;
    }
    let (lower, upper) = (60.try_into().unwrap(), 180.try_into().unwrap());
    node.send(Some(swapper), burnV3Call { pool, lower, upper, liquidity: 77, own }.abi_encode())
        .await;
    (pair, pool)
}

const LIES: [(&str, Lie); 8] = [
    ("status", |method, pools| {
        if method == "weir_listPools" {
            pools[1]["status"] = json!("halted");
        }
    }),
    ("reserve1", |method, pool| {
        if method == "weir_getPool" && pool["protocol"] == "v2" {
            add_one(&mut pool["reserve1"], 1);
        }
    }),
    ("liquidity", |method, pool| {
        if method == "weir_getPool" && pool["protocol"] == "v3" {
            add_one(&mut pool["liquidity"], -1);
        }
    }),
    ("tick[-600].liquidityNet", |method, pool| {
        if method == "weir_getPool" && pool["protocol"] == "v3" {
            let tick =
                pool["ticks"].as_array_mut().unwrap().iter_mut().find(|tick| tick["index"] == -600);
            add_one(&mut tick.unwrap()["liquidityNet"], 1);
        }
    }),
    ("tick[600].liquidityGross", |method, pool| {
        if method == "weir_getPool" && pool["protocol"] == "v3" {
            pool["ticks"].as_array_mut().unwrap().retain(|tick| tick["index"] != 600);
        }
    }),
    ("tick[120].liquidityGross", |method, pool| {
        if method == "weir_getPool" && pool["protocol"] == "v3" {
            let tick = json!({"index": 120, "liquidityGross": "77", "liquidityNet": "77"});
            pool["ticks"].as_array_mut().unwrap().push(tick);
        }
    }),
    ("quote[", |method, quote| {
        if method == "weir_quote" && quote.is_object() {
            add_one(&mut quote["amountOut"], 1);
        }
    }),
    ("quote[", |method, quote| {
        if method == "weir_quote" && quote.is_object() && quote["amountOut"] != "0" {
            add_one(&mut quote["amountOut"], -1);
        }
    }),
];

#[tokio::test]
async fn contracts_and_arena_agree_and_every_lie_is_found() {
    let Some(peers) = Peers::find() else { return };
    let (_anvil, url) = peers.anvil(&["--no-mining"]);
    let node = Node { client: ChainClient::connect(&url).await.unwrap(), peers };
    let (pair, pool) = trade(&node).await;

    let blocks = node.blocks().await;
    let tip = blocks.tip().unwrap();
    let engine = Engine::start(&url, blocks).await;
    let view = engine.handle.view();
    let listed: Vec<_> = view.head.pools().map(|(_, pool)| pool.statics().key.id).collect();
    assert_eq!(listed, [pair.into(), pool.into()]);

    let report = engine.check(|_, _| {}).await;
    assert_eq!(report.difference, None);
    assert_eq!((report.block_hash, report.pools, report.words), (tip.hash, 2, 116));
    // -887220, -15360, -600, -60, 600, 887220; what lay between 60 and 180 is burnt.
    assert_eq!((report.ticks, report.skipped.len()), (6, 0));
    assert!(report.quotes >= 18, "{report:?}");

    for (field, lie) in LIES {
        let difference = engine.check(lie).await.difference.expect(field);
        assert!(difference.field.starts_with(field), "{difference}");
        assert_ne!(difference.chain, difference.arena);
    }
    let lie: Lie = |method, pools| {
        if method == "weir_listPools" {
            pools[0]["blockHash"] = json!(B256::repeat_byte(1));
            pools[0]["blockNumber"] = json!(u64::from(u32::MAX));
        }
    };
    assert!(engine.check(lie).await.difference.unwrap().field.starts_with("hash of block"));
    let lie: Lie = |method, pools| {
        if method == "weir_listPools" {
            pools[0]["status"] = json!("resyncing");
        }
    };
    let report = engine.check(lie).await;
    assert_eq!((report.pools, report.difference), (1, None));
    assert_eq!(report.skipped, [(pair.to_string(), "resyncing".to_owned())]);
    let lie: Lie = |method, pools| {
        if method == "weir_listPools" {
            pools
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .for_each(|pool| pool["status"] = json!("resyncing"));
        }
    };
    let nothing = engine.try_check(lie).await;
    assert!(matches!(nothing, Err(CheckError::NothingCompared { listed: 2 })), "{nothing:?}");
    engine.stop().await;
}

#[test]
fn a_report_reads_as_lines() {
    let mut report = CheckReport {
        block_number: 7,
        pools: 2,
        words: 116,
        ticks: 6,
        quotes: 18,
        skipped: vec![("0xab".to_owned(), "resyncing".to_owned())],
        inexact: vec![("0xef".to_owned(), "accuracy C, dynamic_fee_learned".to_owned())],
        ..CheckReport::default()
    };
    let zero = B256::ZERO;
    let lines = format!(
        "block 7 {zero}: compared 2 pools, 116 bitmap words, 6 ticks, 18 quotes\nskipped 0xab: resyncing\nno quotes compared of 0xef: accuracy C, dynamic_fee_learned\n"
    );
    assert_eq!(report.to_string(), format!("{lines}no difference"));
    let [pool, field, chain, arena] = ["0xcd", "status", "live", "halted"].map(str::to_owned);
    report.difference = Some(Difference { pool, field, chain, arena });
    let difference = "difference: pool=0xcd field=status chain=live arena=halted";
    assert_eq!(report.to_string(), format!("{lines}{difference}"));
}
