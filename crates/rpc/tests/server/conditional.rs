//! Conditions on the prices of pools, between the caller and the engine that knows the pools.

use crate::{
    chain::{RICH, transaction},
    client::Http,
    node,
};
use alloy_eips::Encodable2718;
use alloy_primitives::{B256, U256, hex};
use serde_json::{Value, json};
use weir_primitives::{BlockRef, PoolCondition, PoolId, PoolPrice, PriceForm, PriceSlot};
use weir_rpc::{LocatedPrice, PoolUnusable};

const METHOD: &str = "eth_sendRawTransactionConditional";

fn raw() -> String {
    hex::encode_prefixed(transaction(0, 1).encoded_2718())
}

/// A pool whose slot is that of an account without storage, as the engine has it after this block.
fn located(block: BlockRef, price: Option<PoolPrice>) -> LocatedPrice {
    let slot = PriceSlot { contract: RICH, slot: U256::from(8), form: PriceForm::Reserves };
    let pool = PoolId::Address(RICH);
    LocatedPrice { chain_id: crate::chain::DEV_CHAIN_ID, pool, slot, block, price }
}

async fn ask(client: &mut Http, pools: Value) -> Value {
    client.call(METHOD, json!([raw(), { "pools": pools }])).await
}

fn one(pool: &str) -> Value {
    json!([{ "pool": pool, "priceAtLeast": "0.5" }])
}

#[tokio::test]
async fn a_pool_is_located_before_its_transaction_is_taken() {
    let node = node().await;
    let head = node.chain.head().reference();
    let mut client = Http::connect(node.address).await;
    node.pools.prices.lock().unwrap().insert("p".to_owned(), Ok(located(head, None)));
    let answer = ask(&mut client, one("p")).await;
    assert!(answer["result"].is_string(), "{answer}");
    let taken = node.chain.conditions.lock().unwrap().pop().unwrap();
    let LocatedPrice { pool, slot: at, .. } = located(head, None);
    let at_least = Some("0.5".parse().unwrap());
    assert_eq!(taken.pools, [PoolCondition { pool, at, at_least, at_most: None }]);
}

#[tokio::test]
async fn a_pool_that_cannot_be_judged_is_refused_with_the_reason() {
    let node = node().await;
    let head = node.chain.head().reference();
    let mut client = Http::connect(node.address).await;
    {
        let mut prices = node.pools.prices.lock().unwrap();
        let status = "halted: event contradicts the state".to_owned();
        let halted = PoolUnusable::NotLive { pool: "halted".to_owned(), status };
        prices.insert("halted".to_owned(), Err(halted));
        let reserves = PoolPrice::Reserves { reserve0: U256::from(1), reserve1: U256::from(2) };
        prices.insert("fork".to_owned(), Ok(located(head, Some(reserves))));
        let left = BlockRef { hash: B256::repeat_byte(9), ..head };
        prices.insert("reorged".to_owned(), Ok(located(left, None)));
        let other = LocatedPrice { chain_id: 1, ..located(head, None) };
        prices.insert("1:other".to_owned(), Ok(other));
    }
    for (pool, code, words) in [
        ("absent", "poolUnknown", "transaction rejected: pool is unknown: pool=absent"),
        ("1:other", "poolUnknown", "pool is unknown: pool=1:other"),
        ("halted", "poolNotLive", "pool is not live: pool=halted status=halted: event"),
        ("reorged", "poolNotLive", "pool is not live: pool=reorged status=resyncing"),
        ("fork", "poolPriceElsewhere", "pool keeps its price elsewhere: pool=fork"),
    ] {
        let error = &ask(&mut client, one(pool)).await["error"];
        assert_eq!((&error["code"], &error["data"]), (&json!(-32003), &json!(code)), "{error}");
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    }
    let many = vec![json!({ "pool": "p", "priceAtMost": "1" }); 65];
    let error = &ask(&mut client, json!(many)).await["error"];
    assert_eq!(error["code"], -32005, "{error}");
    let error = &ask(&mut client, json!([{ "pool": "p" }])).await["error"];
    assert_eq!(error["code"], -32602, "{error}");
    assert!(node.chain.conditions.lock().unwrap().is_empty(), "nothing of it reached the chain");
}
