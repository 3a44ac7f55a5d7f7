//! Ethereum's own trie tests, all files of the archive, run on the trie that everything else is made of.

use crate::{
    NodeSource, TrieError,
    merkle::MerkleTrie,
    node::{NO_LINK, Node},
    source::Loader,
};
use alloy_primitives::{B256, Bytes, hex, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

/// A key with its new value, or `None` to remove it.
type Write = (Vec<u8>, Option<Vec<u8>>);

#[derive(Default)]
struct Stored(BTreeMap<Nibbles, Bytes>);

impl NodeSource for Stored {
    fn account_node(&self, path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        Ok(self.0.get(path).cloned())
    }

    fn storage_node(&self, _account: &B256, _path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        Ok(None)
    }
}

impl Stored {
    fn write(&mut self, trie: &mut MerkleTrie) {
        for (path, rlp) in trie.take_updates() {
            match rlp {
                Some(rlp) => drop(self.0.insert(path, rlp)),
                None => drop(self.0.remove(&path)),
            }
        }
    }
}

/// Files of the archive by name; `None` if it is not there.
fn files() -> Option<BTreeMap<String, Value>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let root = std::env::var_os("WEIR_FIXTURES").map_or(beside, PathBuf::from);
    let archive = root.join("eth-tries.tar.xz");
    if !archive.is_file() {
        println!("skipped: no eth-tries.tar.xz in {}", root.display());
        return None;
    }
    let tar = |arguments: &[&str]| {
        let output = Command::new("tar").args(arguments).arg("-f").arg(&archive).output().unwrap();
        assert!(output.status.success(), "tar {arguments:?}");
        output.stdout
    };
    let names = String::from_utf8(tar(&["-J", "-t"])).unwrap();
    let names = names.lines().filter(|name| name.ends_with(".json"));
    let read = |name: &str| {
        let output =
            Command::new("tar").args(["-J", "-x", "-O", "-f"]).arg(&archive).arg(name).output();
        (name.to_owned(), serde_json::from_slice(&output.unwrap().stdout).unwrap())
    };
    Some(names.map(read).collect())
}

fn bytes(text: &str) -> Vec<u8> {
    text.strip_prefix("0x").map_or_else(|| text.into(), |digits| hex::decode(digits).unwrap())
}

/// The writes of a test: a list in order, or a map, whose order is free.
fn writes(test: &Value) -> Vec<Write> {
    let value = |value: &Value| value.as_str().map(bytes);
    match &test["in"] {
        Value::Array(rows) => {
            rows.iter().map(|row| (bytes(row[0].as_str().unwrap()), value(&row[1]))).collect()
        }
        Value::Object(map) => map.iter().map(|(key, new)| (bytes(key), value(new))).collect(),
        other => panic!("unknown form of input: {other}"),
    }
}

fn apply(trie: &mut MerkleTrie, stored: &Stored, writes: &[Write]) {
    let loader = Loader { source: stored, account: None };
    for (key, value) in writes {
        let key = Nibbles::unpack(key);
        match value {
            Some(value) => drop(trie.insert(&key, value, &loader).unwrap()),
            None => drop(trie.remove(&key, &loader).unwrap()),
        }
    }
}

/// Runs the writes with a store after every `pause` writes, reloading the trie each time.
fn check(name: &str, writes: &[Write], root: B256, pause: usize) {
    let mut stored = Stored::default();
    let mut trie = MerkleTrie::new(EMPTY_ROOT_HASH);
    for chunk in writes.chunks(pause) {
        apply(&mut trie, &stored, chunk);
        let root = trie.root();
        stored.write(&mut trie);
        trie = MerkleTrie::new(root);
    }
    assert_eq!(trie.root(), root, "{name}");
    let removals: Vec<Write> = writes.iter().map(|(key, _)| (key.clone(), None)).collect();
    apply(&mut trie, &stored, &removals);
    assert_eq!(trie.root(), EMPTY_ROOT_HASH, "{name}: emptied");
    stored.write(&mut trie);
    assert!(stored.0.is_empty(), "{name}: nothing is left in the store");
}

fn run_roots(file: &str, test: &str, body: &Value) {
    let root: B256 = body["root"].as_str().unwrap().parse().unwrap();
    let mut writes = writes(body);
    if file.contains("secure") {
        writes.iter_mut().for_each(|(key, _)| *key = keccak256(&*key).to_vec());
    }
    for pause in [1, 2, usize::MAX] {
        check(&format!("{file} {test}"), &writes, root, pause);
    }
}

/// Keys below a node, in the order in which a walk meets them.
fn keys(trie: &MerkleTrie, index: u32, path: Nibbles, found: &mut Vec<Vec<u8>>) {
    match &trie.slots[index as usize].node {
        Node::Vacant => {}
        Node::Leaf { key, .. } => found.push(path.join(key).pack().to_vec()),
        Node::Extension(extension) => {
            keys(trie, extension.child.link, path.join(&extension.key), found);
        }
        Node::Branch(branch) => {
            if branch.value.is_some() {
                found.push(path.pack().to_vec());
            }
            for (nibble, child) in branch.nibbles().zip(&branch.children) {
                let mut path = path;
                path.push(nibble);
                keys(trie, child.link, path, found);
            }
        }
    }
}

fn run_neighbours(file: &str, body: &Value) {
    let inputs = body["in"].as_array().unwrap();
    let inputs: Vec<Write> =
        inputs.iter().map(|key| (bytes(key.as_str().unwrap()), Some(vec![1]))).collect();
    let mut trie = MerkleTrie::new(EMPTY_ROOT_HASH);
    apply(&mut trie, &Stored::default(), &inputs);
    assert_ne!(trie.root.link, NO_LINK);
    let mut walked = Vec::new();
    keys(&trie, trie.root.link, Nibbles::new(), &mut walked);
    for test in body["tests"].as_array().unwrap() {
        let [key, previous, next] = [0, 1, 2].map(|column| bytes(test[column].as_str().unwrap()));
        let before = walked.iter().rev().find(|walked| **walked < key);
        let after = walked.iter().find(|walked| **walked > key);
        assert_eq!(before.cloned().unwrap_or_default(), previous, "{file} before {key:?}");
        assert_eq!(after.cloned().unwrap_or_default(), next, "{file} after {key:?}");
    }
}

#[test]
fn ethereum_trie_vectors_pass() {
    let Some(files) = files() else { return };
    let mut run = 0;
    for (file, tests) in &files {
        for (test, body) in tests.as_object().unwrap() {
            if body.get("root").is_some() {
                run_roots(file, test, body);
            } else {
                run_neighbours(file, body);
            }
            run += 1;
        }
    }
    println!("{run} trie vectors of {} files passed", files.len());
    assert!(run >= 9, "the archive holds nine tests, {run} ran");
}
