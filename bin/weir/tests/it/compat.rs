//! Ethereum's RPC conformance files against an imported chain: `weir import`, then `weir node --role follower`.

use crate::node::{Node, weir};
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
};
use weir_testkit::fixtures;

/// Files whose method is not served, and why.
const NOT_SERVED: &[(&str, &str)] =
    &[("eth_sendRawTransaction/send-blob-tx.io", "a rollup's pool takes no blobs")];

/// One request and the answer that clients agree on.
struct Exchange {
    request: String,
    expected: Value,
}

/// A conformance file: comments, requests after `>>`, answers after `<<`.
struct Conversation {
    name: String,
    /// Only the shape of the answer is agreed on.
    is_shape_only: bool,
    exchanges: Vec<Exchange>,
}

impl Conversation {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("the file is text");
        let mut exchanges = Vec::new();
        let mut request = String::new();
        for line in text.lines() {
            if let Some(sent) = line.strip_prefix(">> ") {
                request = sent.to_owned();
            } else if let Some(answer) = line.strip_prefix("<< ") {
                let expected = serde_json::from_str(answer).expect("the answer is JSON");
                exchanges.push(Exchange { request: std::mem::take(&mut request), expected });
            }
        }
        let comments = text.lines().filter(|line| line.starts_with("//"));
        let is_shape_only = comments.into_iter().any(|line| line.contains("speconly"));
        let folder = path.parent().and_then(Path::file_name).expect("in a folder of its method");
        let file = path.file_name().expect("a file");
        let name = format!("{}/{}", folder.to_string_lossy(), file.to_string_lossy());
        Self { name, is_shape_only, exchanges }
    }
}

/// All files below a folder that end in `.io`, in order.
fn conversations(folder: &Path) -> Vec<Conversation> {
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("the entry is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "io") {
                files.push(path);
            }
        }
    }
    files.sort();
    files.iter().map(|path| Conversation::read(path)).collect()
}

fn post(url: &str, body: &str) -> Value {
    let address = url.strip_prefix("http://").expect("an http address");
    let mut stream = TcpStream::connect(address).expect("the node listens");
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer is text");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("no JSON: {error}: {answer}"))
}

/// Clients agree on codes of errors, and not on their words.
fn without_message(mut answer: Value) -> Value {
    if let Some(error) = answer.get_mut("error").and_then(Value::as_object_mut) {
        error.remove("message");
    }
    answer
}

fn has_same_shape(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => right.iter().all(|(name, value)| {
            // Accounts and nonces are data, also where they stand as names.
            let is_data = name.starts_with(|first: char| first.is_ascii_digit());
            left.get(name).map_or(is_data, |held| has_same_shape(held, value))
        }),
        (Value::Array(_), Value::Array(_))
        | (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, _)
        | (_, Value::Null) => true,
        _ => false,
    }
}

/// Equal but for how numbers are written.
fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && right
                    .iter()
                    .all(|(name, value)| left.get(name).is_some_and(|held| is_equal(held, value)))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| is_equal(left, right))
        }
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

/// What is wrong with the node's answers to a file, if anything is.
fn fault(url: &str, conversation: &Conversation) -> Option<String> {
    conversation.exchanges.iter().find_map(|Exchange { request, expected }| {
        let found = without_message(post(url, request));
        let expected = without_message(expected.clone());
        let is_right = if conversation.is_shape_only {
            has_same_shape(&found, &expected)
        } else {
            is_equal(&found, &expected)
        };
        (!is_right).then(|| format!("request: {request}\nexpected: {expected}\nfound: {found}"))
    })
}

#[test]
fn an_imported_chain_answers_as_ethereum_clients_do() {
    let Some(archive) = fixtures("rpc-compat") else { return };
    let folder = archive.path().join("rpc-compat");
    let data = tempfile::tempdir().expect("a temporary folder can be made");
    let (datadir, genesis) = (data.path(), folder.join("genesis.json"));
    let mut import = weir();
    import.arg("import").arg("--datadir").arg(datadir).arg("--genesis").arg(&genesis);
    let output = import.arg(folder.join("chain.rlp")).output().expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");

    let node = Node::follower(datadir);
    let (mut passed, mut faults) = (0, Vec::new());
    for conversation in conversations(&folder) {
        if let Some((_, why)) =
            NOT_SERVED.iter().find(|(name, _)| conversation.name.starts_with(name))
        {
            println!("not served: {} ({why})", conversation.name);
            continue;
        }
        match fault(&node.http, &conversation) {
            None => passed += 1,
            Some(fault) => faults.push(format!("{}\n{fault}", conversation.name)),
        }
    }
    println!("{passed} passed, {} failed", faults.len());
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert!(passed > 40, "the files were found: {passed}");
}
