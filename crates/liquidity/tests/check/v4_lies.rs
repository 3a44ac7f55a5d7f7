//! All protocols after hundreds of random swaps, mints, burns and fee changes, and lies about V4 pools.

use crate::{
    blocks::Blocks,
    deployed::Deployed,
    engine::{Engine, Lie, add_one},
};
use serde_json::{Value, json};
use weir_liquidity::BlockSource;

/// Whether a result is a V4 pool with an even fee: the others stay as they are.
fn is_v4(method: &str, pool: &Value) -> bool {
    method == "weir_getPool" && pool["protocol"] == "v4" && pool["fee"] != json!(0x80_0000)
}

fn add_to_number(value: &mut Value, delta: i64) {
    *value = json!(value.as_i64().unwrap() + delta);
}

const LIES: [(&str, Lie); 12] = [
    ("lpFee", |method, pool| {
        if is_v4(method, pool) {
            add_to_number(&mut pool["fees"]["lp"], 1);
        }
    }),
    ("protocolFee[zeroForOne]", |method, pool| {
        if is_v4(method, pool) {
            add_to_number(&mut pool["fees"]["zeroForOne"], 1);
        }
    }),
    ("protocolFee[oneForZero]", |method, pool| {
        if is_v4(method, pool) {
            add_to_number(&mut pool["fees"]["oneForZero"], 1);
        }
    }),
    ("protocolFee[zeroForOne]", |method, pool| {
        if pool["fee"] == json!(0x80_0000) && method == "weir_getPool" {
            add_to_number(&mut pool["fees"]["zeroForOne"], 1);
        }
    }),
    ("id", |method, pool| {
        if is_v4(method, pool) {
            pool["hooks"] = json!("0x00000000000000000000000000000000000000c0");
        }
    }),
    ("sqrtPriceX96", |method, pool| {
        if is_v4(method, pool) {
            add_one(&mut pool["sqrtPriceX96"], 1);
        }
    }),
    ("tick", |method, pool| {
        if is_v4(method, pool) {
            add_to_number(&mut pool["tick"], -1);
        }
    }),
    ("liquidity", |method, pool| {
        if is_v4(method, pool) {
            add_one(&mut pool["liquidity"], -1);
        }
    }),
    ("tick[", |method, pool| {
        if is_v4(method, pool) {
            let tick = pool["ticks"].as_array_mut().unwrap().last_mut().unwrap();
            add_one(&mut tick["liquidityNet"], 1);
        }
    }),
    ("tick[", |method, pool| {
        if is_v4(method, pool) {
            let tick = pool["ticks"].as_array_mut().unwrap().first_mut().unwrap();
            add_one(&mut tick["liquidityGross"], 1);
        }
    }),
    ("tick[", |method, pool| {
        if is_v4(method, pool) {
            pool["ticks"].as_array_mut().unwrap().pop();
        }
    }),
    ("quote[", |method, quote| {
        // The id of a V4 pool has 32 bytes.
        let is_v4 = quote["hops"][0]["pool"].as_str().is_some_and(|id| id.len() == 66);
        if method == "weir_quote" && is_v4 && quote["amountOut"] != "0" {
            add_one(&mut quote["amountOut"], 1);
        }
    }),
];

#[tokio::test(flavor = "multi_thread")]
async fn all_pools_agree_after_mixed_traffic_and_every_lie_about_v4_is_found() {
    let Some(deployed) = Deployed::start(500, 3).await else { return };
    let blocks = Blocks::of(&deployed.node).await;
    let tip = blocks.tip().unwrap();
    let engine = Engine::start(&deployed.url, blocks).await;
    let report = engine.check(|_, _| {}).await;
    assert_eq!(report.difference, None);
    assert_eq!((report.block_hash, report.pools, report.skipped.len()), (tip.hash, 18, 0));
    // 3 pairs, 9 V3 pools and the V4 pools without hooks: both directions, five amounts, of which a few are the same.
    assert!(report.quotes > 16 * 8, "{report}");
    // Words of three V3 spacings, three pools each; of the V4 spacings 10, 60, 1, 60, 60, 60.
    let words = [3 * (694 + 116 + 36), 694 + 4 * 116 + 6_932];
    assert_eq!(report.words, words.iter().sum::<u64>(), "{report}");
    let hooked: Vec<_> = report.inexact.iter().map(|(_, accuracy)| accuracy.as_str()).collect();
    assert_eq!(hooked, ["accuracy C, hooks_run_on_swap", "accuracy C, dynamic_fee_learned"]);

    for (field, lie) in LIES {
        let difference = engine.check(lie).await.difference.expect(field);
        assert!(difference.field.starts_with(field), "{difference}");
        assert_eq!(difference.pool.len(), 66, "{difference}");
        assert_ne!(difference.chain, difference.arena);
    }
    engine.stop().await;
}
