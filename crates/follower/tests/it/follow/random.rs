//! Random trees, random changes of the canonical branch at random moments of the walk, and random failures.

use super::{
    model::{Model, config, next},
    nasty::{Action, Node},
};
use proptest::{collection::vec, prelude::*};
use weir_follower::{ChainFollower, FollowConfig, StartAt};

/// One thing that happens to the node.
#[derive(Debug, Clone)]
enum Event {
    /// The canonical chain grows.
    Grow(usize),
    /// So many blocks are replaced by so many others.
    Replace(usize, usize),
    /// So many blocks are taken off.
    Rollback(usize),
    /// The branch that was left last is canonical again.
    Return,
}

/// What happens before an answer, by request.
#[derive(Debug, Clone)]
enum Before {
    Nothing,
    Happens(Event),
    Cut,
    Refused,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (1usize..12).prop_map(Event::Grow),
        3 => (1usize..30, 0usize..30).prop_map(|(old, new)| Event::Replace(old, new)),
        1 => (1usize..8).prop_map(Event::Rollback),
        2 => Just(Event::Return),
    ]
}

fn before() -> impl Strategy<Value = Before> {
    prop_oneof![
        6 => Just(Before::Nothing),
        2 => event().prop_map(Before::Happens),
        1 => Just(Before::Cut),
        1 => Just(Before::Refused),
    ]
}

fn happen(tree: &mut super::nasty::Tree, event: &Event, left: &mut Vec<alloy_primitives::B256>) {
    let tip = tree.tip();
    let height = tree.canonical.len() - 1;
    match event {
        Event::Grow(blocks) => drop(tree.extend(*blocks)),
        Event::Replace(old, new) => {
            left.push(tip);
            let branch = tree.branch(height.saturating_sub(*old), *new);
            tree.choose(branch);
        }
        Event::Rollback(blocks) => {
            left.push(tip);
            tree.choose(tree.canonical[height.saturating_sub(*blocks)]);
        }
        Event::Return => {
            if let Some(other) = left.pop() {
                left.push(tip);
                tree.choose(other);
            }
        }
    }
}

async fn converges(websocket: bool, remembered: usize, rounds: Vec<(Event, Vec<Before>)>) {
    let node = Node::start(3).await;
    let config = FollowConfig {
        remembered_blocks: remembered,
        update_blocks_max: 7,
        attempts_max: u32::MAX,
        ..config()
    };
    let url = node.url(websocket);
    let mut follower = ChainFollower::connect(url, config, StartAt::Block(1)).await.unwrap();
    let mut model = Model::new(follower.anchor());
    let mut left = Vec::new();
    for (event, before) in rounds {
        node.tree(|tree| happen(tree, &event, &mut left));
        let mut before = before.into_iter();
        let mut left_meanwhile = Vec::new();
        node.script(move |method, _, tree| {
            if method == "eth_subscribe" {
                return Action::Honest;
            }
            match before.next().unwrap_or(Before::Nothing) {
                Before::Nothing => Action::Honest,
                Before::Happens(event) => {
                    happen(tree, &event, &mut left_meanwhile);
                    Action::Honest
                }
                Before::Cut => Action::Cut,
                Before::Refused => Action::Refuse(-32000, "header not found"),
            }
        });
        // The head may come to where we are, and then there is no update; what was under way is dropped.
        while model.tip().hash != node.tree(|tree| tree.tip()) {
            tokio::select! {
                biased;
                () = node.has_head(model.tip().hash) => {}
                followed = next(&mut follower) => model.apply(&followed),
            }
        }
        let canonical = node.tree(|tree| tree.references());
        assert!(canonical.ends_with(&model.chain), "the model is the end of the canonical chain");
        if model.resets == 0 {
            assert_eq!(model.chain, canonical);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn random_histories_end_in_the_canonical_chain(
        websocket: bool,
        remembered in prop_oneof![Just(6usize), Just(4_096)],
        rounds in vec((event(), vec(before(), 0..24)), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(converges(websocket, remembered, rounds));
    }
}
