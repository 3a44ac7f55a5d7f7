//! Traces against anvil's, and what a transaction read and wrote.

use crate::node::{Client, Node};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, bytes};
use jsonrpsee::rpc_params;
use serde_json::{Value, json};
use weir_testkit::Peers;

/// Writes its input to slot 1, logs, calls the identity precompile, and returns slot 1.
const CONTRACT: Bytes = bytes!(
    "602580600b6000396000f3\
     60003560015560206000a0602060006020600060006004\
     5af15060015460005260206000f3"
);

/// Deploys the contract and calls it twice; answers its address and the hash of the second call.
async fn traced(client: &Client) -> (Address, B256) {
    let contract = client.signer.address().create(0);
    client.included(client.send(0, TxKind::Create, U256::ZERO, CONTRACT).await).await;
    let call = |nonce: u64, word: u64| {
        let input = B256::from(U256::from(word)).0.into();
        client.send(nonce, TxKind::Call(contract), U256::ZERO, input)
    };
    client.included(call(1, 7).await).await;
    let hash = call(2, 9).await;
    client.included(hash).await;
    (contract, hash)
}

fn chosen(trace: &Value, fields: &[&str]) -> Vec<Value> {
    let steps = trace["structLogs"].as_array().expect("a list of steps");
    let step = |step: &Value| fields.iter().map(|field| step[*field].clone()).collect();
    steps.iter().map(step).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_are_those_of_anvil() {
    let Some(peers) = Peers::find() else { return };
    let (_anvil, url) = peers.anvil(&[
        "--chain-id",
        "61972",
        "--hardfork",
        "osaka",
        "--steps-tracing",
        "--block-time",
        "1",
    ]);
    let node = Node::start(&["--ephemeral"]);
    let (ours, theirs) = (node.client(), Client::at(&url));
    let (contract, hash) = traced(&ours).await;
    assert_eq!(traced(&theirs).await, (contract, hash), "the same transactions on both chains");
    let trace = async |client: &Client, options: Value| {
        client.call("debug_traceTransaction", rpc_params![hash, options]).await
    };
    let fields = ["pc", "op", "gas", "gasCost", "depth", "stack"];
    let (left, right) = (trace(&ours, json!({})).await, trace(&theirs, json!({})).await);
    assert!(chosen(&left, &fields).len() > 20, "{left}");
    assert_eq!(chosen(&left, &fields), chosen(&right, &fields));
    for field in ["gas", "failed", "returnValue"] {
        assert_eq!(left[field], right[field], "{field}");
    }
    let calls = json!({ "tracer": "callTracer" });
    let mut left = trace(&ours, calls.clone()).await;
    let mut right = trace(&theirs, calls).await;
    // Anvil leaves out what the transaction costs before any code runs; go-ethereum does not.
    assert_eq!(left["gas"], format!("{:#x}", 500_000));
    left["gas"].take();
    right["gas"].take();
    assert_eq!(left, right);
    // Anvil counts the call of the precompile, too; go-ethereum does not.
    let selectors = trace(&ours, json!({ "tracer": "4byteTracer" })).await;
    assert_eq!(selectors, json!({ "0x00000000-28": 1 }));
    // Of the accounts the chains share only the contract: the sender has paid other fees.
    let diff = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } });
    let (left, right) = (trace(&ours, diff.clone()).await, trace(&theirs, diff).await);
    let at = format!("{contract:#x}");
    for side in ["pre", "post"] {
        assert!(left[side][&at]["storage"].is_object(), "{left}");
        assert_eq!(left[side][&at]["storage"], right[side][&at]["storage"], "{side}");
    }
    let block = ours.call("eth_getTransactionReceipt", rpc_params![hash]).await;
    let number = block["blockNumber"].clone();
    let call = json!({ "tracer": "callTracer" });
    let of_block = ours.call("debug_traceBlockByNumber", rpc_params![number, &call]).await;
    assert_eq!(of_block[0]["result"], trace(&ours, call).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_set_names_what_was_read_and_written() {
    let node = Node::start(&["--ephemeral"]);
    let client = node.client();
    let (contract, hash) = traced(&client).await;
    let set = client.call("weir_getAccessSet", rpc_params![hash]).await;
    let slot = B256::with_last_byte(1);
    let row = |rows: &Value, address: Address| {
        let rows = rows.as_array().expect("a list").clone();
        let is_it = |row: &Value| row["address"] == format!("{address:#x}");
        rows.into_iter().find(is_it).unwrap_or_default()
    };
    assert_eq!(row(&set["reads"], contract)["slots"], json!([slot]), "{set}");
    let written = row(&set["writes"], contract);
    assert_eq!((&written["slots"], &written["account"]), (&json!([slot]), &json!(false)), "{set}");
    let sender = row(&set["writes"], client.signer.address());
    assert_eq!((&sender["slots"], &sender["account"]), (&json!([]), &json!(true)), "{set}");
    let unknown = client.call("weir_getAccessSet", rpc_params![B256::ZERO]).await;
    assert!(unknown.is_null());
}
