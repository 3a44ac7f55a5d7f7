//! Methods that Ethereum's recorded answers do not reach.

use crate::{
    chain::{DEV_CHAIN_ID, MemoryChain, RICH, transaction},
    client::Http,
    config, node, serve,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, U256, hex};
use serde_json::{Value, json};
use std::time::Duration;
use weir_rpc::{PendingView, method_names};

#[tokio::test]
async fn every_method_of_the_table_answers() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    // What an operator calls is served on another address alone.
    let names = method_names().map(|(name, _)| name);
    for name in names.filter(|name| !name.starts_with("weir_admin")) {
        let response = client.call(name, json!([])).await;
        let code = response["error"]["code"].as_i64();
        assert_ne!(code, Some(-32603), "{response}");
        // Subscriptions need a WebSocket, and signers a key.
        let is_absent = name.contains("subscribe") || name == "weir_receiptSigners";
        if !is_absent && !name.ends_with("Stream") {
            assert_ne!(code, Some(-32601), "{response}");
        }
    }
}

#[tokio::test]
async fn small_answers() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    assert_eq!(client.result("net_version", json!([])).await, DEV_CHAIN_ID.to_string());
    assert_eq!(client.result("net_listening", json!([])).await, true);
    assert_eq!(client.result("net_peerCount", json!([])).await, "0x0");
    assert_eq!(client.result("eth_accounts", json!([])).await, json!([]));
    assert_eq!(client.result("eth_syncing", json!([])).await, false);
    let modules = client.result("rpc_modules", json!([])).await;
    assert_eq!(modules["eth"], "1.0");
    assert_eq!(modules["weir"], "1.0");
    let version = client.result("web3_clientVersion", json!([])).await;
    assert!(version.as_str().unwrap().starts_with("weir/v"));
    assert_eq!(
        client.result("web3_sha3", json!(["0x68656c6c6f20776f726c64"])).await,
        "0x47173285a8d7341e5e972fc677286384f802f8ef42a5ec5f03bbfa254cb01fad"
    );
}

#[tokio::test]
async fn block_parameters_mean_what_they_say() {
    let node = node().await;
    let blocks: Vec<_> = (0..3).map(|salt| node.chain.commit(salt, vec![Vec::new()])).collect();
    let (old, new) = node.chain.reorg(9, Vec::new());
    let mut client = Http::connect(node.address).await;
    for (tag, number) in [
        ("latest", "0x3"),
        ("pending", "0x3"),
        ("safe", "0x2"),
        ("finalized", "0x1"),
        ("earliest", "0x0"),
    ] {
        let block = client.result("eth_getBlockByNumber", json!([tag, false])).await;
        assert_eq!(block["number"], number, "{tag}");
    }
    let side = old.block.hash();
    let block = client.result("eth_getBlockByHash", json!([side, false])).await;
    assert_eq!(block["hash"], side.to_string());
    let canonical = json!({"blockHash": new.block.hash(), "requireCanonical": true});
    assert_eq!(
        client.result("eth_getBalance", json!([RICH, canonical])).await,
        format!("{:#x}", U256::from(10).pow(U256::from(22)))
    );
    // The state of a side block is not kept, so it must not be answered from the canonical one.
    let (code, message) = client.error("eth_getBalance", json!([RICH, {"blockHash": side}])).await;
    assert_eq!((code, message.as_str()), (-32000, "hash is not currently canonical"));
    let (code, message) = client.error("eth_getBalance", json!([RICH, "0x10"])).await;
    assert_eq!((code, message.as_str()), (-32000, "header not found"));
    let (code, _) = client.error("eth_getBalance", json!([RICH, {"blockHash": B256::ZERO}])).await;
    assert_eq!(code, -32000);
    let first = blocks[0].block.hash();
    assert_eq!(client.result("eth_getBlockTransactionCountByHash", json!([first])).await, "0x1");
    assert_eq!(client.result("eth_getUncleCountByBlockHash", json!([first])).await, "0x0");
    assert_eq!(
        client.result("eth_getUncleByBlockNumberAndIndex", json!(["0x1", "0x0"])).await,
        Value::Null
    );
    let by_index =
        client.result("eth_getTransactionByBlockHashAndIndex", json!([first, "0x0"])).await;
    assert_eq!(by_index["transactionIndex"], "0x0");
    assert_eq!(
        client.result("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x7"])).await,
        Value::Null
    );
}

#[tokio::test]
async fn the_open_block_is_pending() {
    let node = node().await;
    let head = node.chain.head();
    let open = node.chain.child(&head, 5, vec![Vec::new()]);
    let state = weir_rpc::ChainBackend::state_at(&*node.chain, 0).unwrap();
    let hash = open.block.hash();
    *node.chain.open.lock().unwrap() = Some(PendingView { block: open, state });
    let mut client = Http::connect(node.address).await;
    let block = client.result("eth_getBlockByNumber", json!(["pending", true])).await;
    assert_eq!((&block["number"], &block["hash"]), (&json!("0x1"), &json!(hash)));
    assert_eq!(block["transactions"][0]["blockHash"], Value::Null);
    assert_eq!(client.result("eth_blockNumber", json!([])).await, "0x0");
}

#[tokio::test]
async fn the_pool_is_shown() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    let tx = transaction(3, 4);
    let raw = hex::encode_prefixed(tx.encoded_2718());
    let hash = client.result("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(
        client.result("txpool_status", json!([])).await,
        json!({"pending": "0x1", "queued": "0x0"})
    );
    assert_eq!(client.result("eth_getRawTransactionByHash", json!([hash])).await, raw);
    assert_eq!(client.result("debug_getRawTransaction", json!([hash])).await, raw);
    assert_eq!(client.result("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    assert_eq!(
        client.result("weir_transactionStatus", json!([hash])).await,
        json!({"status": "pending"})
    );
    let sender: Address = serde_json::from_value(
        client.result("eth_getTransactionByHash", json!([hash])).await["from"].clone(),
    )
    .unwrap();
    assert_eq!(client.result("eth_getTransactionCount", json!([sender, "pending"])).await, "0x1");
    assert_eq!(client.result("eth_getTransactionCount", json!([sender, "latest"])).await, "0x0");
    let inspect = client.result("txpool_inspect", json!([])).await;
    let to = Address::repeat_byte(0x22).to_checksum(None);
    assert_eq!(
        inspect["pending"][sender.to_checksum(None)]["3"],
        format!("{to}: 4 wei + 21000 gas × 2000 wei")
    );
    let block = node.chain.seal_pool();
    let status = client.result("weir_transactionStatus", json!([hash])).await;
    assert_eq!(
        status,
        json!({"status": "included", "blockNumber": "0x1", "blockHash": block.block.hash(), "transactionIndex": "0x0"})
    );
    let receipt = client.result("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["effectiveGasPrice"], "0x3f6");
    assert_eq!(client.result("weir_transactionStatus", json!([B256::ZERO])).await, Value::Null);
}

#[tokio::test]
async fn a_synchronous_submission_answers_with_the_receipt() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    let tx = transaction(1, 1);
    let raw = hex::encode_prefixed(tx.encoded_2718());
    let address = node.address;
    let waiting = tokio::spawn(async move {
        let mut client = Http::connect(address).await;
        client.result("eth_sendRawTransactionSync", json!([raw, 30_000])).await
    });
    while client.result("txpool_status", json!([])).await["pending"] == "0x0" {}
    node.chain.seal_pool();
    let receipt = waiting.await.unwrap();
    assert_eq!(receipt["transactionHash"], tx.tx_hash().to_string());
    assert_eq!(receipt["blockNumber"], "0x1");
}

#[tokio::test]
async fn a_synchronous_submission_may_time_out_or_be_refused() {
    let mut config = config();
    config.sync_timeout = Duration::from_millis(50);
    let node = serve(MemoryChain::dev(), config).await;
    let mut client = Http::connect(node.address).await;
    let tx = transaction(1, 1);
    let raw = hex::encode_prefixed(tx.encoded_2718());
    for timeout in [json!(10), json!("0xa"), json!(0), Value::Null] {
        let error =
            &client.call("eth_sendRawTransactionSync", json!([raw, timeout])).await["error"];
        assert_eq!(error["code"], 4, "{error}");
        assert_eq!(error["data"], tx.tx_hash().to_string());
    }
    let gapped = hex::encode_prefixed(transaction(2_000_000, 1).encoded_2718());
    let error = &client.call("eth_sendRawTransactionSync", json!([gapped])).await["error"];
    assert_eq!((&error["code"], &error["data"]), (&json!(6), &json!("0x0")));
    let error = &client.call("eth_sendRawTransactionSync", json!([raw, "soon"])).await["error"];
    assert_eq!(error["code"], 4, "what is no number means the default: {error}");
}

#[tokio::test]
async fn a_transaction_sealed_during_the_lookup_is_found() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    let block = node.chain.commit(1, vec![Vec::new()]);
    let tx = &block.block.transactions()[0];
    let hash = *tx.tx_hash();
    // Not sealed when first looked for, out of the pool a moment later.
    *node.chain.early_lookups.lock().unwrap() = 1;
    let found = client.result("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(found["blockHash"], block.block.hash().to_string());
    *node.chain.early_lookups.lock().unwrap() = 1;
    let raw = client.result("eth_getRawTransactionByHash", json!([hash])).await;
    assert_eq!(raw, hex::encode_prefixed(tx.encoded_2718()));
}

#[tokio::test]
async fn fees_follow_the_chain() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    assert_eq!(client.result("eth_maxPriorityFeePerGas", json!([])).await, "0x1");
    for salt in 0..4 {
        node.chain.commit(salt, vec![Vec::new(); 3]);
    }
    // Tips are 10 plus the salt; the base fee is 1000.
    assert_eq!(client.result("eth_maxPriorityFeePerGas", json!([])).await, "0xc");
    assert_eq!(client.result("eth_gasPrice", json!([])).await, format!("{:#x}", 1_012));
    let history = client.result("eth_feeHistory", json!([2, "latest", [0.0, 50, 100]])).await;
    assert_eq!(history["oldestBlock"], "0x3");
    assert_eq!(history["reward"], json!([["0xc", "0xc", "0xc"], ["0xd", "0xd", "0xd"]]));
    assert_eq!(history["baseFeePerGas"].as_array().unwrap().len(), 3);
    assert_eq!(history["gasUsedRatio"][0], json!(63_000.0 / 30_000_000.0));
    let reads = *node.chain.block_reads.lock().unwrap();
    client.result("eth_maxPriorityFeePerGas", json!([])).await;
    let whole = client.result("eth_feeHistory", json!(["0x400", "latest"])).await;
    // The tip is known for this head, and ratios are in the headers.
    assert_eq!(*node.chain.block_reads.lock().unwrap(), reads);
    assert_eq!(whole["oldestBlock"], "0x0");
    assert!(whole.get("reward").is_none());
    for params in [json!([1, "latest", [50, 10]]), json!([1, "latest", [101]]), json!([1, "0x99"])]
    {
        assert_eq!(client.error("eth_feeHistory", params).await.0, -32000);
    }
}

#[tokio::test]
async fn calls_see_overrides_and_say_why_they_fail() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    let at = Address::repeat_byte(0xcc);
    let with_code = |code: &str| json!({(at.to_string()): {"code": code}});
    // PUSH0 SLOAD PUSH0 MSTORE PUSH1 32 PUSH0 RETURN, with slot 0 overridden.
    let slot = B256::ZERO;
    let state = json!({(at.to_string()): {"code": "0x5f545f5260205ff3", "stateDiff": {(slot.to_string()): B256::with_last_byte(7)}}});
    assert_eq!(
        client.result("eth_call", json!([{"to": at}, "latest", state])).await,
        B256::with_last_byte(7).to_string()
    );
    // NUMBER, with the number overridden.
    let number = with_code("0x435f5260205ff3");
    let answer =
        client.result("eth_call", json!([{"to": at}, "latest", number, {"number": "0x2a"}])).await;
    assert_eq!(answer, B256::with_last_byte(0x2a).to_string());
    assert_eq!(
        client.error("eth_call", json!([{"to": at}, "latest", {}, {"weather": 1}])).await.0,
        -32602
    );
    // PUSH0 PUSH0 REVERT.
    let response =
        client.call("eth_call", json!([{"to": at}, "latest", with_code("0x5f5ffd")])).await;
    assert_eq!(
        response["error"],
        json!({"code": 3, "message": "execution reverted", "data": "0x"})
    );
    let invalid = client.error("eth_call", json!([{"to": at}, "latest", with_code("0xfe")])).await;
    assert_eq!(invalid.0, -32000);
    let both = json!([{"to": at, "data": "0x01", "input": "0x02"}]);
    assert_eq!(client.error("eth_call", both).await.0, -32602);
    let same = json!([{"to": at, "data": "0x01", "input": "0x01"}]);
    assert_eq!(client.result("eth_call", same).await, "0x");
    let transfer = json!([{"from": RICH, "to": at, "value": "0x1"}]);
    assert_eq!(client.result("eth_estimateGas", transfer).await, "0x5208");
    let poor = json!([{"from": at, "to": RICH, "value": "0x1"}]);
    assert_eq!(client.error("eth_estimateGas", poor).await.0, -32000);
    let list = client
        .result(
            "eth_createAccessList",
            json!([{"from": RICH, "to": at}, "latest", with_code("0x5f545000")]),
        )
        .await;
    assert_eq!(list["accessList"], json!([{"address": at, "storageKeys": [slot]}]));
}

#[tokio::test]
async fn pools_and_batches_are_passed_on() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    let pools = client.result("weir_listPools", json!([])).await;
    let id = pools[0]["id"].clone();
    assert_eq!(pools[0]["reserve0"], "1000");
    assert!(pools[0].get("sqrtPriceX96").is_none());
    assert_eq!(client.result("weir_getPool", json!([id])).await["blockNumber"], 7);
    assert_eq!(client.result("weir_getPool", json!(["0x00"])).await, Value::Null);
    node.chain.commit(1, Vec::new());
    // The pools' own tip, whatever the chain's head is.
    assert_eq!(client.result("weir_getPool", json!([id, "latest"])).await["blockNumber"], 7);
    let open = client.result("weir_getPool", json!([id, "pending"])).await;
    assert_eq!((&open["blockNumber"], &open["blockHash"]), (&json!(8), &Value::Null));
    let (code, message) = client.error("weir_getPool", json!([id, "0x1"])).await;
    assert_eq!(code, -32602);
    assert!(message.contains("outside the window"), "{message}");
    let hop = json!({"pool": id, "tokenIn": Address::repeat_byte(1)});
    for amount in [json!("0x64"), json!("100"), json!(100)] {
        assert_eq!(client.result("weir_quote", json!([[hop], amount])).await["amountOut"], "200");
    }
    let open = client.result("weir_quote", json!([[hop], "0x1", "pending"])).await;
    assert_eq!(open["blockHash"], Value::Null);
    assert_eq!(client.error("weir_quote", json!([[], "0x1"])).await.0, -32602);
    assert_eq!(client.error("weir_quote", json!([vec![hop.clone(); 17], "0x1"])).await.0, -32602);
    let batches = client.result("weir_batches", json!([])).await;
    assert_eq!((&batches[0]["index"], &batches[0]["state"]), (&json!(3), &json!("sent")));
    assert_eq!(client.result("weir_batches", json!([5, 1])).await[0]["index"], 5);
}

#[tokio::test]
async fn proofs_show_keys_as_geth_does() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    let full = B256::with_last_byte(1);
    let proof = client.result("eth_getProof", json!([RICH, ["0x01", full], "latest"])).await;
    assert_eq!(proof["storageProof"][0], json!({"key": "0x1", "value": "0x0", "proof": []}));
    assert_eq!(proof["storageProof"][1]["key"], full.to_string());
    assert_eq!(proof["nonce"], "0x0");
    assert!(!proof["accountProof"].as_array().unwrap().is_empty());
    let many = vec!["0x0"; 1_025];
    let (code, message) = client.error("eth_getProof", json!([RICH, many])).await;
    assert_eq!(code, -32602);
    assert!(message.contains("count=1025 limit=1024"), "{message}");
}
