//! Coalesced changes against a model that works out the list from its whole history.

use crate::support::{CHAIN, ids, list, pool, removal, row};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use weir_arena::PoolId;
use weir_feed::{
    DEFERRED_MAX, DELTAS_MAX, WhitelistApplied, WhitelistChange, WhitelistKind, WhitelistMessage,
    WhitelistOutcome, WhitelistTracker, WhitelistUpdate, WhitelistVersion,
};

fn parse(json: &[u8], kind: WhitelistKind) -> WhitelistUpdate {
    WhitelistMessage::parse(json, CHAIN, kind).unwrap().update
}

fn full(id: u64, numbers: impl IntoIterator<Item = u64>) -> WhitelistUpdate {
    parse(&list(id, numbers), WhitelistKind::Full)
}

fn add(id: u64, numbers: impl IntoIterator<Item = u64>) -> WhitelistUpdate {
    parse(&list(id, numbers), WhitelistKind::Add)
}

fn remove(id: u64, numbers: impl IntoIterator<Item = u64>) -> WhitelistUpdate {
    parse(&removal(id, numbers), WhitelistKind::Remove)
}

fn epoch(epoch: u64, mut update: WhitelistUpdate) -> WhitelistUpdate {
    update.version.as_mut().unwrap().epoch = epoch;
    update
}

fn from_block(block: u64, update: WhitelistUpdate) -> WhitelistUpdate {
    WhitelistUpdate { effective_from: Some(block), ..update }
}

fn added(change: &WhitelistChange) -> Vec<PoolId> {
    change.added.iter().map(|pool| pool.id()).collect()
}

fn tracker(numbers: impl IntoIterator<Item = u64>) -> WhitelistTracker {
    let mut tracker = WhitelistTracker::new();
    assert_eq!(tracker.push(full(100, numbers)), WhitelistOutcome::Applied);
    tracker.drain(1);
    tracker
}

#[test]
fn changes_between_two_blocks_are_one_change() {
    let mut tracker = tracker([1, 2, 3]);
    tracker.push(add(101, [4, 5]));
    tracker.push(remove(102, [1, 4]));
    tracker.push(remove(103, [2]));
    tracker.push(add(104, [2]));
    let change = tracker.drain(2);
    // 4 came and went, 2 went and came: neither is a change.
    assert_eq!((change.removed.clone(), added(&change)), (ids([1]), ids([5])));
    assert_eq!((change.updates, change.version.unwrap().snapshot_id), (4, 104));
    assert!(tracker.drain(3).is_empty());
    assert_eq!(tracker.ids().collect::<Vec<_>>(), ids([2, 3, 5]));
}

#[test]
fn a_pool_whose_row_changes_is_removed_and_added() {
    let mut tracker = tracker([1, 2]);
    let mut changed = full(101, [1, 2]);
    changed.pools[1].fee_pips = 2_500;
    tracker.push(changed);
    let change = tracker.drain(2);
    assert_eq!((change.removed.clone(), added(&change)), (ids([2]), ids([2])));
    assert_eq!(change.added[0].fee_pips, 2_500);
}

#[test]
fn nothing_is_listed_before_the_first_full_list_with_a_pool() {
    let mut tracker = WhitelistTracker::new();
    assert_eq!(tracker.push(add(5, [1])), WhitelistOutcome::Waiting);
    assert_eq!(tracker.push(full(6, [])), WhitelistOutcome::Unusable);
    assert_eq!(tracker.push(add(9, [9])), WhitelistOutcome::Waiting);
    assert!(!tracker.is_ready() && tracker.drain(1).is_empty());
    // The addition before the list is part of it or not, as the list says; the one after it counts.
    assert_eq!(tracker.push(full(7, [2, 3])), WhitelistOutcome::Applied);
    assert!(tracker.is_ready());
    assert_eq!(added(&tracker.drain(2)), ids([2, 3, 9]));
    assert_eq!(tracker.counts().waiting, 2);
    assert_eq!(tracker.counts().unusable, 1);
}

#[test]
fn a_list_whose_rows_are_all_wrong_removes_nothing_and_an_empty_one_everything() {
    let mut tracker = tracker([1, 2]);
    let json = json!({"snapshot_id": 101, "chain": "ethereum", "pools": [{}, 7]}).to_string();
    let wrong = parse(json.as_bytes(), WhitelistKind::Full);
    assert_eq!(tracker.push(wrong), WhitelistOutcome::Unusable);
    let change = tracker.drain(2);
    assert_eq!((change.removed.len(), change.rejected.len()), (0, 2));
    assert!(!change.is_empty(), "the refusal is to be acknowledged");
    assert_eq!(tracker.push(full(102, [])), WhitelistOutcome::Applied);
    assert_eq!(tracker.drain(3).removed, ids([1, 2]));
}

#[test]
fn older_messages_are_ignored_and_counted() {
    let mut tracker = tracker([1]);
    assert_eq!(tracker.push(full(99, [7])), WhitelistOutcome::Stale);
    assert_eq!(tracker.push(add(99, [7])), WhitelistOutcome::Stale);
    assert_eq!(tracker.push(add(105, [2])), WhitelistOutcome::Applied);
    assert_eq!(tracker.push(remove(104, [2])), WhitelistOutcome::Stale);
    assert_eq!(tracker.counts().stale, 3);
    assert_eq!(added(&tracker.drain(2)), ids([2]));
}

#[test]
fn a_full_list_older_than_an_addition_does_not_undo_it() {
    let mut tracker = tracker([1]);
    tracker.push(add(110, [2]));
    tracker.push(remove(111, [1]));
    // The answer to a request was written before the two and comes after them.
    assert_eq!(tracker.push(full(105, [1, 3])), WhitelistOutcome::Applied);
    assert_eq!(tracker.ids().collect::<Vec<_>>(), ids([2, 3]));
    assert_eq!(tracker.push(full(112, [1])), WhitelistOutcome::Applied);
    assert_eq!(tracker.ids().collect::<Vec<_>>(), ids([1]));
}

#[test]
fn what_is_forgotten_cannot_be_undone() {
    let mut tracker = tracker([1]);
    for id in 0..=DELTAS_MAX as u64 {
        tracker.push(add(200 + id, [id]));
    }
    assert_eq!(tracker.push(full(199, [1])), WhitelistOutcome::Stale);
    assert_eq!(tracker.push(full(200, [1])), WhitelistOutcome::Applied);
    assert_eq!(tracker.len(), DELTAS_MAX);
}

#[test]
fn a_newer_epoch_begins_with_its_full_list() {
    let mut tracker = tracker([1]);
    assert_eq!(tracker.push(epoch(2, add(5, [8]))), WhitelistOutcome::Waiting);
    assert!(!tracker.contains(&ids([8])[0]));
    assert_eq!(tracker.push(epoch(2, full(4, [2]))), WhitelistOutcome::Applied);
    assert_eq!(tracker.ids().collect::<Vec<_>>(), ids([2, 8]));
    assert_eq!(tracker.push(add(1_000, [9])), WhitelistOutcome::Stale);
}

#[test]
fn updates_wait_for_their_block() {
    let mut tracker = tracker([1]);
    assert_eq!(tracker.push(from_block(10, add(101, [2]))), WhitelistOutcome::Deferred);
    assert_eq!(tracker.push(from_block(20, add(102, [3]))), WhitelistOutcome::Deferred);
    assert_eq!(tracker.push(add(103, [4])), WhitelistOutcome::Applied);
    assert_eq!(added(&tracker.drain(9)), ids([4]));
    assert_eq!(added(&tracker.drain(10)), ids([2]));
    // A block that has passed already does not delay.
    assert_eq!(tracker.push(from_block(10, add(104, [5]))), WhitelistOutcome::Applied);
    // A newer full list takes the place of what waits.
    assert_eq!(tracker.push(full(105, [1])), WhitelistOutcome::Applied);
    assert_eq!(added(&tracker.drain(20)), ids([]));
    for id in 0..DEFERRED_MAX as u64 {
        let update = from_block(1_000, add(200 + id, [id]));
        assert_eq!(tracker.push(update), WhitelistOutcome::Deferred);
    }
    let one_more = from_block(1_000, add(900, [1]));
    assert_eq!(tracker.push(one_more), WhitelistOutcome::Overflow);
}

#[test]
fn a_minimal_row_does_not_replace_a_rich_one() {
    let mut tracker = tracker([1]);
    let json = json!({
        "type": "full", "snapshot_id": 101, "chain": "ethereum",
        "pools": [pool(1), pool(2)], "protocols": ["v2", "v2"],
    });
    tracker.push(parse(json.to_string().as_bytes(), WhitelistKind::Full));
    let change = tracker.drain(2);
    assert_eq!((change.removed.len(), change.added.len()), (0, 0));
    let unresolved: Vec<_> = change.unresolved.iter().map(|row| row.id).collect();
    assert_eq!(unresolved, ids([2]));
    // Its metadata comes later: the engine is told to take the described pool instead.
    tracker.push(add(102, [2]));
    let change = tracker.drain(3);
    assert_eq!((change.removed.clone(), added(&change)), (ids([2]), ids([2])));
}

#[test]
fn an_acknowledgement_says_what_was_done() {
    let mut tracker = tracker([1, 2]);
    let json =
        json!({"snapshot_id": 101, "chain": "ethereum", "pools": [row(1), row(3), {"id": "x"}]});
    tracker.push(parse(json.to_string().as_bytes(), WhitelistKind::Full));
    let applied = WhitelistApplied::of(CHAIN, &tracker.drain(77), 77, 1);
    let version = Some(WhitelistVersion { epoch: 0, snapshot_id: 101 });
    assert_eq!((applied.version, applied.block), (version, 77));
    assert_eq!((applied.added, applied.removed, applied.hydrated), (1, 1, 1));
    assert_eq!(applied.rejected[0].reason, "field is missing: field=protocol");
    assert_eq!(WhitelistApplied::from_json(&applied.to_json()).unwrap(), applied);
    let value: serde_json::Value = serde_json::from_slice(&applied.to_json()).unwrap();
    assert_eq!((&value["schema"], &value["chain_id"]), (&json!(1), &json!(1)));
    assert_eq!((&value["snapshot_id"], &value["rejected"][0]["id"]), (&json!(101), &json!("x")));
    assert!(WhitelistApplied::from_json(b"{}").is_err());
    assert!(WhitelistApplied::from_json(b"[").is_err());
}

/// The whole history of accepted updates, replayed for every question.
#[derive(Default)]
struct Model {
    accepted: Vec<WhitelistUpdate>,
}

impl Model {
    fn push(&mut self, update: WhitelistUpdate) -> bool {
        let fulls = || self.accepted.iter().filter(|update| update.kind == WhitelistKind::Full);
        let newest_full = fulls().filter_map(|update| update.version).max();
        let newest = self.accepted.iter().filter_map(|update| update.version).max();
        let floor = if update.kind == WhitelistKind::Full { newest_full } else { newest };
        let is_stale = update.version.is_some() && update.version < floor;
        let is_barred =
            fulls().next().is_none() && update.kind == WhitelistKind::Full && update.is_empty();
        if is_stale || is_barred {
            return false;
        }
        self.accepted.push(update);
        true
    }

    /// The list: the last full list, then all additions and removals that are newer, or came after it.
    fn listed(&self) -> BTreeMap<PoolId, u32> {
        let is_full = |update: &WhitelistUpdate| update.kind == WhitelistKind::Full;
        let Some(at) = self.accepted.iter().rposition(is_full) else { return BTreeMap::new() };
        let base = &self.accepted[at];
        let mut listed = rows(base).collect::<BTreeMap<_, _>>();
        for (index, delta) in self.accepted.iter().enumerate().filter(|(_, u)| !is_full(u)) {
            let is_newer = base.version.is_some() && delta.version > base.version;
            // A list without a number in between wiped what came before it.
            let is_wiped = self.accepted[index..at.max(index)]
                .iter()
                .any(|update| is_full(update) && update.version.is_none());
            if index > at || (is_newer && !is_wiped) {
                listed.extend(rows(delta));
                listed.retain(|id, _| !delta.removed.contains(id));
            }
        }
        listed
    }
}

fn rows(update: &WhitelistUpdate) -> impl Iterator<Item = (PoolId, u32)> + '_ {
    update.pools.iter().map(|pool| (pool.id(), pool.fee_pips))
}

#[derive(Debug, Clone)]
enum Step {
    Push(WhitelistUpdate),
    Drain,
}

fn step() -> impl Strategy<Value = Step> {
    let numbers = proptest::collection::btree_set(0..8u64, 0..5);
    let version = proptest::option::weighted(0.9, 0..40u64);
    let update = (0..3usize, version, numbers, 1..3u32).prop_map(|(kind, id, numbers, fee)| {
        let mut update = match WhitelistKind::ALL[kind] {
            WhitelistKind::Full => full(0, numbers),
            WhitelistKind::Add => add(0, numbers),
            WhitelistKind::Remove => remove(0, numbers),
        };
        update.version = id.map(|snapshot_id| WhitelistVersion { epoch: 0, snapshot_id });
        update.pools.iter_mut().for_each(|pool| pool.fee_pips = fee);
        update
    });
    prop_oneof![3 => update.prop_map(Step::Push), 1 => Just(Step::Drain)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// What the engine holds after it applied every change is what the history says.
    #[test]
    fn drained_changes_add_up_to_the_list(steps in proptest::collection::vec(step(), 1..40)) {
        let (mut tracker, mut model) = (WhitelistTracker::new(), Model::default());
        let mut held: BTreeMap<PoolId, u32> = BTreeMap::new();
        let drained = steps.into_iter().chain([Step::Drain]);
        for (block, step) in (1..).zip(drained) {
            match step {
                Step::Push(update) => {
                    let outcome = tracker.push(update.clone());
                    let is_accepted = matches!(outcome, WhitelistOutcome::Applied | WhitelistOutcome::Waiting);
                    prop_assert_eq!(is_accepted, model.push(update), "{:?}", outcome);
                }
                Step::Drain => {
                    let change = tracker.drain(block);
                    for id in &change.removed {
                        prop_assert!(held.remove(id).is_some(), "only what is held is removed");
                    }
                    for pool in &change.added {
                        let before = held.insert(pool.id(), pool.fee_pips);
                        prop_assert!(before.is_none(), "only what is not held is added");
                    }
                    prop_assert_eq!(&held, &model.listed());
                    prop_assert_eq!(tracker.len(), held.len());
                }
            }
        }
    }
}
