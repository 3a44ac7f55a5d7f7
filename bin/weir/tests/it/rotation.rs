//! The key of the receipts changed while the node runs.

use crate::{
    admin::Operated,
    node::{DEV_KEY, PATIENCE, quantity, weir},
};
use jsonrpsee::rpc_params;
use serde_json::{Value, json};
use std::{fs, path::Path, time::Instant};
use tempfile::TempDir;
use weir_testkit::RemoteSignerServer;

/// The second development account's key.
const SECOND_KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
/// The third development account's key.
const THIRD_KEY: &str = "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";
const ADDRESSES: [&str; 3] = [
    "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
    "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
    "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc",
];

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("the file is written");
    path.to_str().expect("the path is text").to_owned()
}

/// A receipt of a transaction with this nonce.
async fn receipt(operated: &Operated, nonce: u64) -> Value {
    let client = operated.node.client();
    let raw = client.raw_transfer(nonce, 10_000_000_000, 1);
    client.call("weir_sendRawTransactionSigned", rpc_params![raw]).await
}

async fn signers(operated: &Operated) -> Value {
    operated.node.client().call("weir_receiptSigners", rpc_params![]).await
}

/// Addresses of the keys that are believed, newest first.
fn addresses(signers: &Value) -> Vec<&str> {
    let signers = signers.as_array().expect("a list").iter();
    signers.map(|signer| signer["signer"].as_str().expect("an address")).collect()
}

/// What `weir receipt verify` says with these signers, and whether it believes the receipt.
fn verify(folder: &Path, receipt: &Value, signers: &Value) -> (bool, String) {
    let receipt = file(folder, "receipt.json", &receipt.to_string());
    let signers = file(folder, "signers.json", &json!({ "result": signers }).to_string());
    let output = weir().args(["receipt", "verify", &receipt, "--signers", &signers]).output();
    let output = output.expect("the program runs");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_of_the_key_before_are_believed_and_the_new_key_stays_over_a_restart() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let datadir = folder.path().join("node");
    let first = file(folder.path(), "first", DEV_KEY);
    let second = file(folder.path(), "second", SECOND_KEY);
    let mut operated = Operated::on(&datadir, &["--receipt-key", &first]);
    let old = receipt(&operated, 0).await;
    let rotated = operated.admin(&["rotate-key", "receipt", "--key", &second]);
    assert_eq!(rotated, json!({ "previous": ADDRESSES[0], "signer": ADDRESSES[1] }));
    let new = receipt(&operated, 1).await;
    assert_eq!(new["signer"], ADDRESSES[1]);
    assert!(quantity(&old["sequence"]) < quantity(&new["sequence"]));
    let listed = signers(&operated).await;
    assert_eq!(addresses(&listed), [ADDRESSES[1], ADDRESSES[0]]);
    assert!(listed[0]["untilMs"].is_null() && listed[1]["acceptedUntilMs"].is_string());
    for receipt in [&old, &new] {
        let (is_believed, words) = verify(folder.path(), receipt, &listed);
        assert!(is_believed, "{words}");
    }
    // A signature of the old key that claims a time after it was replaced.
    let (is_believed, words) = verify(folder.path(), &old, &json!([listed[0]]));
    assert!(!is_believed && words.contains("signs no receipts"), "{words}");
    for bad in ["/nonexistent/key", "https://signer:9000#0x00", THIRD_KEY] {
        let refused = operated.run(&["rotate-key", "receipt", "--key", bad]);
        assert_eq!(refused.status.code(), Some(1));
    }
    assert_eq!(operated.run(&["rotate-key", "sealing"]).status.code(), Some(1));
    assert_eq!(receipt(&operated, 2).await["signer"], ADDRESSES[1], "the key stays");
    operated.node.child.kill();

    // The setting is the same, so what the operator chose goes on.
    let operated = Operated::on(&datadir, &["--receipt-key", &first]);
    assert_eq!(addresses(&signers(&operated).await), [ADDRESSES[1], ADDRESSES[0]]);
    assert_eq!(receipt(&operated, 3).await["signer"], ADDRESSES[1]);
    // Stolen: what it signed is not believed any more.
    let remote = RemoteSignerServer::start(THIRD_KEY);
    let rotate = ["rotate-key", "receipt", "--key", &remote.setting(), "--overlap", "0s"];
    operated.admin(&rotate);
    let last = receipt(&operated, 4).await;
    let listed = signers(&operated).await;
    assert_eq!(addresses(&listed), [ADDRESSES[2], ADDRESSES[0]]);
    assert!(verify(folder.path(), &last, &listed).0);
    assert!(!verify(folder.path(), &new, &listed).0);
    let audit = fs::read_to_string(datadir.join("operator/audit.jsonl")).expect("it is there");
    assert!(audit.contains("rotateKey") && !audit.contains(&THIRD_KEY[..16]), "{audit}");
    drop(operated);

    // Another setting counts again.
    let operated = Operated::on(&datadir, &["--receipt-key", &second]);
    assert_eq!(receipt(&operated, 5).await["signer"], ADDRESSES[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_is_read_again_on_sighup() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let datadir = folder.path().join("node");
    let key = file(folder.path(), "key", DEV_KEY);
    let operated = Operated::on(&datadir, &["--receipt-key", &key]);
    assert_eq!(addresses(&signers(&operated).await), [ADDRESSES[0]]);
    // What cannot be read changes nothing.
    file(folder.path(), "key", "no key");
    operated.node.child.signal("HUP");
    assert_eq!(receipt(&operated, 0).await["signer"], ADDRESSES[0]);
    file(folder.path(), "key", SECOND_KEY);
    operated.node.child.signal("HUP");
    let deadline = Instant::now() + PATIENCE;
    while addresses(&signers(&operated).await) != [ADDRESSES[1], ADDRESSES[0]] {
        assert!(Instant::now() < deadline, "the key is not read again");
        operated.node.client().next_block().await;
    }
    assert_eq!(receipt(&operated, 1).await["signer"], ADDRESSES[1]);
}
