//! Keeps the architecture: which crate may depend on which, and who alone may name a heavy dependency.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};

/// Layer of each crate and the crates of ours that it may depend on. ARCHITECTURE.md draws the same table.
const EDGES: &[(u8, &str, &[&str])] = &[
    (0, "primitives", &[]),
    (0, "amm", &[]),
    (0, "trie", &[]),
    (0, "runtime", &[]),
    (1, "evm", &["primitives", "trie"]),
    (1, "storage", &["primitives", "trie"]),
    (1, "txpool", &["primitives"]),
    (1, "derivation", &["primitives"]),
    (1, "arena", &["primitives", "amm"]),
    (2, "route", &["primitives", "amm", "arena"]),
    (2, "feed", &["primitives", "runtime", "amm", "arena"]),
    (2, "keys", &[]),
    (2, "conformance", &["primitives", "trie", "evm", "storage"]),
    (3, "builder", &["primitives", "trie", "evm", "storage", "txpool"]),
    (3, "rpc", &["primitives", "runtime", "evm"]),
    (3, "load", &["runtime"]),
    (3, "follower", &["primitives", "runtime", "keys"]),
    (
        4,
        "sequencer",
        &[
            "primitives",
            "runtime",
            "trie",
            "evm",
            "storage",
            "txpool",
            "derivation",
            "keys",
            "follower",
            "builder",
            "rpc",
        ],
    ),
    (
        4,
        "liquidity",
        &["primitives", "runtime", "amm", "arena", "route", "feed", "follower", "rpc"],
    ),
];

/// Dependencies that exactly these crates may name, so that an upgrade touches one place.
const FENCES: &[(&str, &[&str])] = &[
    ("alloy-trie", &["trie"]),
    ("revm", &["evm"]),
    ("revm-inspectors", &["evm"]),
    ("alloy-evm", &["evm"]),
    ("signet-libmdbx", &["storage"]),
    ("alloy-rpc-client", &["follower"]),
    ("alloy-pubsub", &["follower"]),
    ("tokio-tungstenite", &["rpc"]),
    ("async-nats", &["feed"]),
    ("zstd", &["derivation"]),
    ("alloy-signer", &["keys"]),
    ("metrics-exporter-prometheus", &["runtime"]),
    ("tracing-subscriber", &["runtime"]),
    ("clap", &["weir"]),
    ("eyre", &["weir"]),
];

/// Crates without sockets, clocks or tasks.
const PURE: &[&str] = &[
    "primitives",
    "amm",
    "trie",
    "evm",
    "storage",
    "txpool",
    "derivation",
    "arena",
    "route",
    "builder",
];

fn metadata() -> Metadata {
    MetadataCommand::new().no_deps().exec().expect("cargo metadata runs in the workspace")
}

fn short(name: &str) -> &str {
    name.strip_prefix("weir-").unwrap_or(name)
}

fn normal_dependencies(package: &Package) -> BTreeSet<String> {
    let normal = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
    normal.map(|d| d.name.to_string()).collect()
}

#[test]
fn every_edge_is_in_the_table() {
    let table: BTreeMap<_, _> = EDGES.iter().map(|(_, name, edges)| (*name, *edges)).collect();
    let mut wrong = Vec::new();
    for package in &metadata().packages {
        let name = short(&package.name);
        if ["weir", "testkit", "bench"].contains(&name) {
            continue;
        }
        let Some(allowed) = table.get(name) else {
            wrong.push(format!("crate {name} is not in the table"));
            continue;
        };
        for dependency in normal_dependencies(package) {
            let Some(target) = dependency.strip_prefix("weir-") else { continue };
            if !allowed.contains(&target) {
                wrong.push(format!("{name} -> {target}"));
            }
        }
    }
    assert!(wrong.is_empty(), "edges that ARCHITECTURE.md does not list: {wrong:#?}");
}

#[test]
fn edges_go_down() {
    let layers: BTreeMap<_, _> = EDGES.iter().map(|(layer, name, _)| (*name, *layer)).collect();
    for (layer, name, edges) in EDGES {
        for target in *edges {
            assert!(layers[target] < *layer, "{name} -> {target} does not go down");
        }
    }
}

#[test]
fn fenced_dependencies_have_one_owner() {
    let mut wrong = Vec::new();
    for package in &metadata().packages {
        let name = short(&package.name);
        if ["testkit", "bench"].contains(&name) {
            continue;
        }
        for dependency in normal_dependencies(package) {
            let fence = FENCES.iter().find(|(fenced, _)| *fenced == dependency);
            if fence.is_some_and(|(_, owners)| !owners.contains(&name)) {
                wrong.push(format!("{name} names {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "fenced dependencies named elsewhere: {wrong:#?}");
}

#[test]
fn pure_crates_have_no_runtime() {
    for package in metadata().packages.iter().filter(|p| PURE.contains(&short(&p.name))) {
        for dependency in normal_dependencies(package) {
            let impure = ["tokio", "tokio-util", "hyper", "weir-runtime", "metrics"];
            assert!(!impure.contains(&dependency.as_str()), "{} names {dependency}", package.name);
        }
    }
}
