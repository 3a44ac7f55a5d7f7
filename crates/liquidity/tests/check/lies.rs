//! One pair and one pool, and every kind of lie about them.

use crate::{
    anvil::{Market, Node, trade},
    blocks::Blocks,
    engine::{Engine, Lie, add_one},
};
use alloy_primitives::B256;
use serde_json::json;
use weir_follower::ChainClient;
use weir_liquidity::{BlockSource, CheckError, CheckReport, Difference};
use weir_testkit::Peers;

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
    let Market { pair, pool, .. } = trade(&node).await;

    let blocks = Blocks::of(&node).await;
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
