//! Reorgs of a real node, over HTTP and WebSocket.

use super::model::{Followers, UPDATE_BLOCKS_MAX, config};
use weir_follower::{FollowConfig, StartAt};

const DEPTHS: [u64; 7] = [1, 2, 3, 40, 127, 129, 300];

async fn every_depth(websocket: bool) {
    let Some(node) = Followers::start(&["--no-mining"]).await else { return };
    node.mine(300).await;
    node.mine_logs(5).await;
    let url = if websocket { node.websocket() } else { node.url.clone() };
    let (mut follower, mut model) = node.follow(&url, StartAt::Block(0)).await;
    node.catch_up(&mut follower, &mut model).await;
    assert_eq!(model.chain.len(), 306);
    assert_eq!(model.updates, 306usize.div_ceil(UPDATE_BLOCKS_MAX));
    for depth in DEPTHS {
        let every_third: Vec<_> = (0..depth).step_by(3).collect();
        let mut deepest = 0;
        for with_logs_at in [&[][..], &every_third] {
            let before = model.chain.clone();
            node.reorg(depth, with_logs_at).await;
            node.catch_up(&mut follower, &mut model).await;
            // The node makes the same block again where it is empty before and after.
            let same = before.iter().zip(&model.chain).take_while(|(old, new)| old == new);
            let replaced = before.len() - same.count();
            assert_eq!(model.reorgs, [replaced], "one reorg is one update with old blocks");
            model.reorgs.clear();
            deepest = deepest.max(replaced as u64);
        }
        assert_eq!(deepest, depth);
        node.mine_logs(2).await;
        node.catch_up(&mut follower, &mut model).await;
    }
    assert_eq!(model.resets, 0);
    assert_eq!(follower.status().borrow().lag_blocks, 0);
}

#[tokio::test]
async fn reorgs_of_every_depth_are_followed_over_http() {
    every_depth(false).await;
}

#[tokio::test]
async fn reorgs_of_every_depth_are_followed_over_a_websocket() {
    every_depth(true).await;
}

#[tokio::test]
async fn a_rollback_takes_blocks_off_and_puts_none_on() {
    let Some(node) = Followers::start(&["--no-mining"]).await else { return };
    node.mine_logs(20).await;
    for url in [node.url.clone(), node.websocket()] {
        let (mut follower, mut model) = node.follow(&url, StartAt::Block(1)).await;
        node.catch_up(&mut follower, &mut model).await;
        let height = model.tip().number;
        node.rollback(5).await;
        node.catch_up(&mut follower, &mut model).await;
        assert_eq!((model.tip().number, model.reorgs.pop()), (height - 5, Some(5)));
        // Lower than before, and of other blocks.
        node.reorg(3, &[1]).await;
        node.catch_up(&mut follower, &mut model).await;
        assert_eq!((model.tip().number, model.reorgs.pop()), (height - 5, Some(3)));
        node.mine_logs(7).await;
        node.catch_up(&mut follower, &mut model).await;
        assert_eq!(model.resets, 0);
    }
}

#[tokio::test]
async fn many_reorgs_between_two_looks_are_one_step() {
    let Some(node) = Followers::start(&["--no-mining"]).await else { return };
    node.mine_logs(30).await;
    let (mut follower, mut model) = node.follow(&node.websocket(), StartAt::Block(1)).await;
    node.catch_up(&mut follower, &mut model).await;
    for depth in [2, 9, 4, 1] {
        node.reorg(depth, &[0]).await;
        node.mine_logs(1).await;
    }
    node.catch_up(&mut follower, &mut model).await;
    assert_eq!(model.reorgs.iter().sum::<usize>(), 8, "{:?}", model.reorgs);
}

#[tokio::test]
async fn a_reorg_deeper_than_what_is_remembered_is_a_reset_to_the_new_head() {
    let Some(node) = Followers::start(&["--no-mining"]).await else { return };
    node.mine_logs(60).await;
    let config = FollowConfig { remembered_blocks: 20, ..config() };
    let (mut follower, mut model) =
        node.follow_with(&node.websocket(), StartAt::Block(1), config).await;
    node.catch_up(&mut follower, &mut model).await;
    node.reorg(20, &[0, 19]).await;
    node.catch_up(&mut follower, &mut model).await;
    assert_eq!((model.resets, model.reorgs.pop()), (0, Some(20)), "as deep as is remembered");
    node.reorg(21, &[0, 20]).await;
    node.catch_up(&mut follower, &mut model).await;
    assert_eq!((model.resets, model.chain.len()), (1, 1));
    node.mine_logs(3).await;
    node.catch_up(&mut follower, &mut model).await;
    assert_eq!((model.resets, model.chain.len()), (1, 4), "it goes on from there");
}
