//! A node that lies, changes its chain in the middle of a walk, or lacks methods.

use super::{
    model::{Model, PATIENCE, config, next},
    nasty::{Action, Node},
};
use alloy_consensus::TxType;
use alloy_primitives::{B256, Bloom};
use serde_json::{Value, json};
use weir_follower::{ChainClient, ChainFollower, ClientError, FollowError, LogProof, StartAt};
use weir_primitives::Severity;

async fn follow(node: &Node, websocket: bool) -> (ChainFollower, Model) {
    let url = node.url(websocket);
    let follower = ChainFollower::connect(url, config(), StartAt::Block(1)).await.unwrap();
    let model = Model::new(follower.anchor());
    (follower, model)
}

/// Follows until the model is the node's canonical chain.
async fn catch_up(node: &Node, follower: &mut ChainFollower, model: &mut Model) {
    while model.tip().hash != node.tree(|tree| tree.tip()) {
        let followed = next(follower).await;
        model.apply(&followed);
    }
    assert_eq!(model.chain, node.tree(|tree| tree.references()));
    check_logs(node, model);
}

fn check_logs(node: &Node, model: &Model) {
    for (block, _) in model.blocks.values() {
        let served = node.tree(|tree| tree.blocks[&block.reference.hash].clone());
        let ours: Vec<_> =
            block.transactions.iter().map(|transaction| transaction.logs.len()).collect();
        let theirs: Vec<_> = served
            .receipts
            .iter()
            .map(|receipt| receipt["logs"].as_array().unwrap().len())
            .collect();
        assert_eq!(ours, theirs);
        assert_eq!(block.base_fee, 7);
    }
}

async fn fails(follower: &mut ChainFollower) -> FollowError {
    let failed = tokio::time::timeout(PATIENCE, follower.next()).await;
    failed.expect("it ends in time").expect_err("no update comes of a lie")
}

/// A change of receipts or logs.
type Lie = fn(&mut Vec<Value>);

/// Cuts the first answers to a method.
fn cutting(
    cut: &'static str,
    mut cuts: usize,
) -> impl FnMut(&str, &Value, &mut super::nasty::Tree) -> Action + Send {
    move |method, _, _| {
        if method == cut && cuts > 0 {
            cuts -= 1;
            return Action::Cut;
        }
        Action::Honest
    }
}

/// Changes the receipts of every block.
fn lie(
    change: impl Fn(&mut Vec<Value>) + Send + 'static,
) -> impl FnMut(&str, &Value, &mut super::nasty::Tree) -> Action + Send {
    move |method, params, tree| {
        let Action::Answer(mut result) = tree.answer(method, params) else { return Action::Honest };
        if method == "eth_getBlockReceipts" {
            change(result.as_array_mut().unwrap());
        }
        Action::Answer(result)
    }
}

#[tokio::test]
async fn receipts_that_are_not_the_blocks_are_never_handed_out() {
    let node = Node::start(3).await;
    let (mut follower, mut model) = follow(&node, false).await;
    let lies: [(&str, Lie); 7] = [
        ("receipts root", |receipts| receipts[1]["logs"] = json!([])),
        ("receipts root", |receipts| receipts[0]["status"] = json!("0x0")),
        ("receipts root", |receipts| receipts[1]["logs"][0]["data"] = json!("0x02")),
        ("receipts root", |receipts| receipts[1]["type"] = json!("0x1")),
        ("transaction of a receipt", |receipts| receipts.swap(0, 1)),
        ("block hash of a receipt", |receipts| receipts[0]["blockHash"] = json!(B256::ZERO)),
        ("receipts", |receipts| drop(receipts.pop())),
    ];
    for (expected, change) in lies {
        node.script(lie(change));
        let error = fails(&mut follower).await;
        assert_eq!(error.severity(), Severity::Halt);
        let FollowError::Client(
            ClientError::Inconsistent { part, .. } | ClientError::Incomplete { part, .. },
        ) = error
        else {
            panic!("{error:?}")
        };
        assert_eq!(part, expected);
        let asked = node.take_requests("eth_getBlockReceipts");
        assert!(asked >= 8, "it is asked several times before it is given up: {asked}");
    }
    node.honest();
    catch_up(&node, &mut follower, &mut model).await;
    assert_eq!(model.updates, 1, "nothing was handed out before");
}

#[tokio::test]
async fn a_lie_told_once_is_asked_again() {
    let node = Node::start(3).await;
    let (mut follower, mut model) = follow(&node, true).await;
    let mut lies = 3;
    node.script(move |method, _, _| {
        if method == "eth_getBlockReceipts" && lies > 0 {
            lies -= 1;
            return Action::Answer(json!([]));
        }
        Action::Honest
    });
    catch_up(&node, &mut follower, &mut model).await;
}

#[tokio::test]
async fn headers_that_do_not_hash_or_link_are_never_handed_out() {
    let node = Node::start(3).await;
    let (mut follower, mut model) = follow(&node, false).await;
    node.script(|method, params, tree| {
        let Action::Answer(mut result) = tree.answer(method, params) else { return Action::Honest };
        if method == "eth_getBlockByNumber" {
            result["timestamp"] = json!("0x1");
        }
        Action::Answer(result)
    });
    let error = fails(&mut follower).await;
    assert!(
        matches!(&error, FollowError::Client(ClientError::Inconsistent { part: "block hash", .. })),
        "{error:?}"
    );
    assert_eq!(error.severity(), Severity::Halt);

    // Headers that hash, and whose numbers jump.
    node.honest();
    node.tree(|tree| {
        let mut header = alloy_consensus::Header { number: 9, ..Default::default() };
        header.parent_hash = tree.tip();
        let jumped = tree.insert(&header, &[]);
        tree.choose(jumped);
    });
    let error = fails(&mut follower).await;
    assert!(matches!(error, FollowError::Numbering { expected: 8, found: 3 }), "{error:?}");
    assert_eq!(error.severity(), Severity::Halt);

    // Another block than the one asked for.
    node.tree(|tree| {
        tree.choose(tree.canonical[3]);
        let tip = tree.extend(1);
        tree.choose(tip);
    });
    node.script(|method, params, tree| match method {
        "eth_getBlockByHash" => tree.answer("eth_getBlockByNumber", &json!(["0x0", false])),
        "eth_getBlockByNumber" if params[0] != "latest" => Action::Answer(Value::Null),
        _ => Action::Honest,
    });
    let error = fails(&mut follower).await;
    assert!(
        matches!(
            &error,
            FollowError::Client(ClientError::Inconsistent { part: "hash asked for", .. })
        ),
        "{error:?}"
    );
    node.honest();
    catch_up(&node, &mut follower, &mut model).await;
}

#[tokio::test]
async fn a_reorg_between_header_and_receipts_begins_the_walk_anew() {
    for websocket in [false, true] {
        let node = Node::start(5).await;
        let (mut follower, mut model) = follow(&node, websocket).await;
        let mut is_first = true;
        node.script(move |method, _, tree| {
            if method == "eth_getBlockReceipts" && std::mem::take(&mut is_first) {
                let forgotten = tree.canonical[3..].to_vec();
                let other = tree.branch(2, 4);
                tree.choose(other);
                tree.blocks.retain(|hash, _| !forgotten.contains(hash));
            }
            Action::Honest
        });
        catch_up(&node, &mut follower, &mut model).await;
        assert_eq!((model.updates, model.reorgs.len()), (1, 0), "no half chain was handed out");
    }
}

#[tokio::test]
async fn a_chain_that_goes_and_comes_back_is_the_same_chain() {
    let node = Node::start(6).await;
    let (mut follower, mut model) = follow(&node, true).await;
    catch_up(&node, &mut follower, &mut model).await;
    let a = node.tree(|tree| tree.tip());
    let b = node.tree(|tree| tree.branch(3, 5));
    // Away and back before anybody looks: there is nothing to tell but the next block.
    node.tree(|tree| {
        tree.choose(b);
        tree.choose(a);
        tree.extend(1);
    });
    node.announce(&node.tree(|tree| tree.blocks[&b].block.clone()));
    catch_up(&node, &mut follower, &mut model).await;
    assert_eq!(model.reorgs, [0usize; 0]);

    // Away and back while we look at it: of what was read none is handed out unless it hangs together.
    let a = node.tree(|tree| tree.tip());
    let mut flips = 12;
    node.script(move |method, _, tree| {
        if method != "eth_subscribe" && flips > 0 {
            flips -= 1;
            let other = if tree.tip() == a { b } else { a };
            tree.choose(other);
        }
        Action::Honest
    });
    let url = node.url(true);
    let mut other = ChainFollower::connect(url, config(), StartAt::Block(1)).await.unwrap();
    let mut seen = Model::new(other.anchor());
    catch_up(&node, &mut other, &mut seen).await;

    // Away, seen, and back, seen.
    node.honest();
    for tip in [b, a, b, a] {
        node.tree(|tree| tree.choose(tip));
        catch_up(&node, &mut follower, &mut model).await;
    }
    let lengths: Vec<_> = model.reorgs.iter().rev().take(3).copied().collect();
    assert_eq!(lengths, [5, 4, 5], "four blocks of A and five of B in turn");
}

#[tokio::test]
async fn answers_by_number_of_another_chain_are_not_taken() {
    let node = Node::start(40).await;
    let (mut follower, mut model) = follow(&node, false).await;
    let a = node.tree(|tree| tree.tip());
    let b = node.tree(|tree| tree.branch(10, 32));
    // The head is always of A, everything by number of B.
    node.script(move |method, params, tree| {
        if method != "eth_getBlockByNumber" {
            return Action::Honest;
        }
        tree.choose(if params[0] == "latest" { a } else { b });
        let answer = tree.answer(method, params);
        tree.choose(a);
        answer
    });
    catch_up(&node, &mut follower, &mut model).await;
    assert_eq!((model.tip().hash, model.reorgs.len()), (a, 0));
}

#[tokio::test]
async fn announcements_late_doubled_and_out_of_order_hand_out_each_block_once() {
    let node = Node::start(4).await;
    let (mut follower, mut model) = follow(&node, true).await;
    catch_up(&node, &mut follower, &mut model).await;
    let updates = model.updates;
    let heads = node.tree(|tree| {
        tree.extend(5);
        let blocks = tree.canonical.iter().map(|hash| tree.blocks[hash].block.clone());
        blocks.collect::<Vec<_>>()
    });
    for head in heads.iter().rev().chain(&heads).chain([&json!("nonsense"), &json!(null)]) {
        node.announce(head);
    }
    catch_up(&node, &mut follower, &mut model).await;
    assert_eq!((model.updates - updates, model.reorgs.len()), (1, 0));
}

#[tokio::test]
async fn a_connection_dropped_in_the_middle_of_an_answer_loses_nothing() {
    for websocket in [false, true] {
        for cut in ["eth_getBlockByNumber", "eth_getBlockReceipts", "eth_subscribe"] {
            let node = Node::start(8).await;
            let (mut follower, mut model) = follow(&node, websocket).await;
            node.script(cutting(cut, 6));
            catch_up(&node, &mut follower, &mut model).await;
            node.tree(|tree| tree.extend(2));
            catch_up(&node, &mut follower, &mut model).await;
            assert_eq!((model.reorgs.len(), model.resets), (0, 0));
        }
    }
}

#[tokio::test]
async fn a_node_without_subscriptions_is_asked_instead() {
    let node = Node::start(2).await;
    node.script(|method, _, _| match method {
        "eth_subscribe" => Action::Refuse(-32601, "the method does not exist"),
        _ => Action::Honest,
    });
    let (mut follower, mut model) = follow(&node, true).await;
    catch_up(&node, &mut follower, &mut model).await;
    node.tree(|tree| tree.extend(3));
    catch_up(&node, &mut follower, &mut model).await;
}

#[tokio::test]
async fn nodes_that_lack_receipts_give_them_one_by_one_or_logs_by_hash() {
    for (lacking, proof) in [
        (&["eth_getBlockReceipts"][..], LogProof::ReceiptsRoot),
        (&["eth_getBlockReceipts", "eth_getTransactionReceipt"], LogProof::PinnedLogs),
    ] {
        let node = Node::start(3).await;
        node.script(move |method, _, _| {
            if lacking.contains(&method) {
                return Action::Refuse(-32601, "the method does not exist");
            }
            Action::Honest
        });
        let (mut follower, mut model) = follow(&node, false).await;
        catch_up(&node, &mut follower, &mut model).await;
        assert!(model.blocks.values().all(|(_, found)| *found == proof));
        node.take_requests(lacking[0]);
        node.tree(|tree| tree.extend(3));
        catch_up(&node, &mut follower, &mut model).await;
        assert_eq!(node.take_requests(lacking[0]), 0, "what is lacking is not asked for again");
    }
}

#[tokio::test]
async fn logs_by_hash_are_checked_against_the_bloom_filter_and_the_block() {
    let node = Node::start(1).await;
    let hash = node.tree(|tree| tree.tip());
    let client = ChainClient::connect_with(node.url(false), config().client).await.unwrap();
    let lies: [Lie; 4] = [
        |logs| drop(logs.pop()),
        |logs| logs.swap(1, 2),
        |logs| logs[0]["blockHash"] = json!(B256::ZERO),
        |logs| logs[0]["transactionIndex"] = json!("0x63"),
    ];
    let mut errors = Vec::new();
    for change in lies {
        node.script(move |method, params, tree| match method {
            "eth_getLogs" => {
                let Action::Answer(mut logs) = tree.answer(method, params) else { panic!() };
                change(logs.as_array_mut().unwrap());
                Action::Answer(logs)
            }
            "eth_getBlockReceipts" | "eth_getTransactionReceipt" => Action::Refuse(-32601, "no"),
            _ => Action::Honest,
        });
        errors.push(client.logged_block(hash).await.unwrap_err());
    }
    assert!(matches!(errors[0], ClientError::BloomMismatch { block: 1 }), "{:?}", errors[0]);
    assert!(matches!(errors[1], ClientError::LogOrder { block: 1 }), "{:?}", errors[1]);
    for (error, expected) in errors[2..].iter().zip(["block hash of a log", "transaction of a log"])
    {
        let ClientError::Inconsistent { part, .. } = error else { panic!("{error:?}") };
        assert_eq!(*part, expected);
    }
}

#[tokio::test]
async fn every_transaction_type_and_kind_of_header_gets_the_proof_it_allows() {
    let node = Node::start(0).await;
    let client = ChainClient::connect_with(node.url(false), config().client).await.unwrap();
    let types =
        [TxType::Legacy, TxType::Eip2930, TxType::Eip1559, TxType::Eip4844, TxType::Eip7702];
    let (empty, known, silent) = node.tree(|tree| {
        let known = tree.grow(tree.tip(), &types);
        let receipts = vec![alloy_consensus::ReceiptEnvelope::Legacy(Default::default())];
        let root = alloy_consensus::proofs::calculate_receipt_root(&receipts);
        let header = alloy_consensus::Header { receipts_root: root, ..Default::default() };
        (tree.tip(), known, tree.insert(&header, &receipts))
    });
    let (block, proof) = client.logged_block(empty).await.unwrap();
    assert_eq!((block.transactions.len(), proof), (0, LogProof::ReceiptsRoot));
    let (block, proof) = client.logged_block(silent).await.unwrap();
    assert_eq!((block.transactions.len(), proof), (1, LogProof::BloomExcluded));
    assert_eq!(
        node.take_requests("eth_getBlockReceipts"),
        0,
        "the headers say that there are no logs"
    );
    let (block, proof) = client.logged_block(known).await.unwrap();
    assert_eq!((block.transactions.len(), proof), (5, LogProof::ReceiptsRoot));
    assert_eq!(block.transactions[4].logs.len(), 5);

    // A type that nobody knows: the logs must fit the bloom filter.
    let change = |key: &'static str, value: Value| {
        node.tree(|tree| tree.blocks.get_mut(&known).unwrap().receipts[4][key] = value);
    };
    change("type", json!("0x64"));
    assert_eq!(client.logged_block(known).await.unwrap(), (block.clone(), LogProof::PinnedLogs));
    change("logs", json!([]));
    let error = client.logged_block(known).await.unwrap_err();
    assert!(matches!(error, ClientError::BloomMismatch { .. }), "{error:?}");

    // A header of another kind: it has a field that we do not know, and hashes in its own way.
    node.tree(|tree| {
        let served = tree.blocks.get_mut(&known).unwrap();
        served.block["l1BatchNumber"] = json!("0x1");
        served.block["logsBloom"] = json!(Bloom::ZERO);
    });
    let (block, proof) = client.logged_block(known).await.unwrap();
    assert_eq!((block.transactions.len(), proof), (5, LogProof::PinnedLogs));
    assert_eq!(block.transactions[1].logs.len(), 2);
}
