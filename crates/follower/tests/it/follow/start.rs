//! Where following begins.

use super::model::{Followers, config, hash};
use weir_follower::{ChainFollower, FollowError, StartAt};
use weir_primitives::{BlockRef, Severity};

#[tokio::test]
async fn following_begins_at_the_head_a_number_or_a_known_block() {
    let Some(node) = Followers::start(&["--no-mining"]).await else { return };
    node.mine_logs(12).await;
    let head = node.head().await;
    let seven = node.reader.reference(7.into()).await.unwrap().unwrap();
    let starts =
        [(StartAt::Head, head), (StartAt::Block(8), seven), (StartAt::After(seven), seven)];
    let mut all = Vec::new();
    for (start, anchor) in starts {
        let (follower, model) = node.follow(&node.url, start).await;
        assert_eq!((follower.anchor(), follower.tip()), (anchor, anchor));
        assert_eq!(follower.chain_id(), 31_337);
        all.push((follower, model));
    }
    node.mine_logs(2).await;
    for (follower, model) in &mut all {
        node.catch_up(follower, model).await;
        assert_eq!((model.chain[0], model.tip().number), (follower.anchor(), 14));
    }
    // Below the start of the first, within what the others have.
    node.reorg(5, &[2]).await;
    for ((follower, model), (resets, blocks)) in all.iter_mut().zip([(1, 1), (0, 8), (0, 8)]) {
        node.catch_up(follower, model).await;
        assert_eq!((model.resets, model.chain.len()), (resets, blocks));
    }
}

#[tokio::test]
async fn blocks_that_left_while_nobody_followed_are_handed_out_as_old() {
    let Some(node) = Followers::start(&["--no-mining"]).await else { return };
    node.mine_logs(10).await;
    let (mut follower, mut model) = node.follow(&node.url, StartAt::Block(5)).await;
    node.catch_up(&mut follower, &mut model).await;
    drop(follower);
    let known = model.chain.clone();
    node.reorg(3, &[0, 1, 2]).await;

    let follower = ChainFollower::connect(&node.url, config(), StartAt::Resume(known)).await;
    let mut follower = follower.unwrap();
    node.catch_up(&mut follower, &mut model).await;
    assert_eq!((model.reorgs, model.resets), (vec![3], 0));

    node.reorg(1, &[0]).await;
    let gone = follower.tip();
    let (mut follower, mut model) = node.follow(&node.url, StartAt::After(gone)).await;
    node.catch_up(&mut follower, &mut model).await;
    assert_eq!((model.resets, model.chain.len()), (1, 1));
}

#[tokio::test]
async fn a_start_that_cannot_be_is_refused() {
    let Some(node) = Followers::start(&["--no-mining"]).await else { return };
    node.mine(3).await;
    let connect = async |start| {
        ChainFollower::connect(&node.url, config(), start).await.expect_err("no such start")
    };
    let error = connect(StartAt::Block(9)).await;
    assert!(matches!(error, FollowError::StartAhead { start: 9, head: 3 }), "{error}");
    assert_eq!(error.severity(), Severity::Retry);
    let block = |number, parent| BlockRef {
        number,
        hash: hash(number),
        parent_hash: hash(parent),
        timestamp: 0,
    };
    for blocks in [vec![], vec![block(1, 0), block(3, 1)], vec![block(1, 0), block(2, 9)]] {
        let error = connect(StartAt::Resume(blocks)).await;
        assert!(matches!(error, FollowError::StartUnlinked { .. }), "{error}");
        assert_eq!(error.severity(), Severity::Halt);
    }
    let error = ChainFollower::connect("ws://127.0.0.1:1", config(), StartAt::Head).await;
    assert_eq!(error.unwrap_err().severity(), Severity::Retry);
}
