//! Transactions that are executed only at the price that their sender saw, on Uniswap's own contracts.

use crate::node::{Client, Node, weir};
use alloy_primitives::{Address, Bytes, TxKind, U256, keccak256};
use jsonrpsee::rpc_params;
use serde_json::{Value, json};
use std::path::Path;
use weir_load::Wallet;
use weir_primitives::PoolPrice;
use weir_testkit::Peers;

const METHOD: &str = "eth_sendRawTransactionConditional";

/// Deploys Uniswap V2, V3 and V4 with pools, and answers where the contract is that swaps.
async fn deploy(node: &Node, artifacts: &Path) -> Address {
    let mut command = weir();
    command.args(["load", "--rpc", &node.http, "--scenario", "mixed", "--duration", "1s"]);
    command.args(["--accounts", "4", "--rate", "20", "--json", "--artifacts"]).arg(artifacts);
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A second time it finds what is there.
    let deployment = weir_load::deploy(&node.http, &Wallet::test_account(), artifacts).await;
    deployment.expect("the contracts are there").swapper
}

fn word(value: &Value) -> U256 {
    let text = value.as_str().expect("a value is a string");
    text.parse().unwrap_or_else(|_| panic!("not a number: {text}"))
}

/// The price of a pool as `weir_getPool` shows it.
fn price(pool: &Value) -> PoolPrice {
    if pool["protocol"] == "v2" {
        let (reserve0, reserve1) = (word(&pool["reserve0"]), word(&pool["reserve1"]));
        return PoolPrice::Reserves { reserve0, reserve1 };
    }
    PoolPrice::SqrtPrice(word(&pool["sqrtPriceX96"]))
}

/// A thousandth of what a V2 pair holds of a token.
async fn amount_of(client: &Client, token: &Value) -> U256 {
    let listed = client.call("weir_listPools", rpc_params![json!({ "protocol": "v2" })]).await;
    for pair in listed.as_array().expect("pools") {
        for (side, reserve) in [("token0", "reserve0"), ("token1", "reserve1")] {
            if pair[side] == *token {
                return word(&pair[reserve]) / U256::from(1_000);
            }
        }
    }
    panic!("no pair holds {token}: {listed}");
}

/// The call that sells this much of token 0, for which the swapper itself pays.
fn sell(pool: &Value, amount: U256) -> Bytes {
    let address = |value: &Value| {
        let address: Address = serde_json::from_value(value.clone()).expect("an address");
        U256::from_be_slice(address.into_word().as_slice())
    };
    let one = U256::from(1);
    let (signature, words) = match pool["protocol"].as_str().expect("a name") {
        "v2" => ("swapV2(address,bool,uint256,bool)", vec![address(&pool["id"]), one, amount, one]),
        "v3" => ("swapV3(address,bool,int256,bool)", vec![address(&pool["id"]), one, amount, one]),
        _ => {
            let number = |name: &str| U256::from(pool[name].as_u64().expect("a number"));
            let key = [
                address(&pool["token0"]),
                address(&pool["token1"]),
                number("fee"),
                number("tickSpacing"),
                U256::ZERO,
            ];
            let call = "swapV4(address,(address,address,uint24,int24,address),bool,int256,bool)";
            let manager = [address(&pool["manager"])];
            (call, [&manager[..], &key, &[one, amount, one]].concat())
        }
    };
    let words = words.iter().flat_map(|word| word.to_be_bytes::<32>());
    keccak256(signature)[..4].iter().copied().chain(words).collect()
}

fn condition(pool: &Value, bound: &str, price: &str) -> Value {
    json!({ "pools": [{ "pool": pool["id"], bound: price }] })
}

/// One pool of this protocol, without hooks and without ether.
async fn find(client: &Client, protocol: &str) -> Value {
    let listed = client.call("weir_listPools", rpc_params![json!({ "protocol": protocol })]).await;
    let is_plain = |pool: &&Value| {
        pool["hooks"].is_null()
            && pool["status"] == "live"
            && pool["token0"] != Address::ZERO.to_string()
    };
    let found = listed.as_array().expect("pools").iter().find(is_plain);
    found.unwrap_or_else(|| panic!("no pool of {protocol}: {listed}")).clone()
}

async fn status(client: &Client, hash: &Value) -> Value {
    client.call("weir_transactionStatus", rpc_params![hash]).await
}

/// Lets a swap move the price between what a sender saw and its turn, in one block.
async fn moves(client: &Client, swapper: Address, pool: &Value) {
    let seen = price(pool).to_string();
    let nonce = client.nonce().await;
    let transfer = |nonce| client.raw_transfer(nonce, 10_000_000_000, 1);

    // As it is now.
    let holds = condition(pool, "priceAtLeast", &seen);
    let included = client.call(METHOD, rpc_params![transfer(nonce), holds.clone()]).await;
    client.included(serde_json::from_value(included).expect("a hash")).await;
    let words = client
        .refused(METHOD, rpc_params![transfer(nonce + 1), condition(pool, "priceAtMost", "0")]);
    let words = words.await;
    assert!(words.contains("-32003") && words.contains("pool price too high"), "{words}");

    // It waits behind the swap that moves the price, and is executed right after it.
    let late = client.call(METHOD, rpc_params![transfer(nonce + 2), holds.clone()]).await;
    assert_eq!(status(client, &late).await["status"], "queued");
    let sale = sell(pool, amount_of(client, &pool["token0"]).await);
    let swap = client.send(nonce + 1, TxKind::Call(swapper), U256::ZERO, sale).await;
    client.included(swap).await;
    let receipt = client.call("eth_getTransactionReceipt", rpc_params![swap]).await;
    assert_eq!(receipt["status"], "0x1", "{receipt}");
    let dropped = status(client, &late).await;
    assert_eq!(
        (&dropped["status"], &dropped["code"]),
        (&json!("dropped"), &json!("conditionFailed")),
        "{pool}: {dropped}"
    );
    let reason = dropped["reason"].as_str().expect("words");
    assert!(reason.contains("pool price too low"), "{reason}");
    assert_eq!(client.nonce().await, nonce + 2, "it cost nothing");

    // What it refuses now, the other direction allows.
    let words = client.refused(METHOD, rpc_params![transfer(nonce + 2), holds]).await;
    assert!(words.contains("pool price too low"), "{words}");
    let fell = condition(pool, "priceAtMost", &seen);
    let included = client.call(METHOD, rpc_params![transfer(nonce + 2), fell]).await;
    client.included(serde_json::from_value(included).expect("a hash")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_moved_in_the_same_block_drops_the_transaction() {
    let Some(peers) = Peers::find() else { return };
    let node = Node::start(&["--ephemeral"]);
    let swapper = deploy(&node, peers.root()).await;
    let client = node.client();
    for protocol in ["v2", "v3", "v4"] {
        let pool = find(&client, protocol).await;
        let pool = client.call("weir_getPool", rpc_params![&pool["id"]]).await;
        moves(&client, swapper, &pool).await;
    }
    let unknown = json!({ "id": Address::repeat_byte(0x42) });
    let raw = client.raw_transfer(client.nonce().await, 10_000_000_000, 1);
    let condition = condition(&unknown, "priceAtLeast", "0");
    let words = client.refused(METHOD, rpc_params![raw, condition]).await;
    assert!(words.contains("pool is unknown") && words.contains("poolUnknown"), "{words}");
}
