//! Random histories of blocks and reorgs against a rebuild.

use super::node::{HISTORY, Node, memory};
use alloy_primitives::Address;
use proptest::{collection::vec, prelude::*};
use weir_rpc::ReorgTransactions;

#[derive(Debug, Clone)]
enum Move {
    /// Accounts that each write a slot, and what they write.
    Seal(Vec<(usize, u64, u64)>),
    /// Sends without sealing.
    Send(usize, u64),
    Reorg(u64, Option<u64>, ReorgTransactions),
}

fn transactions() -> impl Strategy<Value = ReorgTransactions> {
    use ReorgTransactions::{Drop, Replay, Return};
    prop_oneof![3 => Just(Replay), 1 => Just(Return), 1 => Just(Drop)]
}

fn step() -> impl Strategy<Value = Move> {
    let call = (0usize..3, 0u64..8, 0u64..3);
    prop_oneof![
        4 => vec(call, 0..4).prop_map(Move::Seal),
        1 => (0usize..3, 1u64..9).prop_map(|(account, wei)| Move::Send(account, wei)),
        3 => (1u64..7, proptest::option::weighted(0.8, 1u64..8), transactions())
            .prop_map(|(depth, new_blocks, what)| Move::Reorg(depth, new_blocks, what)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_history_equals_its_rebuild(moves in vec(step(), 1..24)) {
        let mut node = Node::open(memory(), HISTORY);
        for step in moves {
            match step {
                Move::Seal(calls) => {
                    for (account, slot, value) in calls {
                        node.store(account, slot, value);
                    }
                    node.seal();
                }
                Move::Send(account, wei) => {
                    node.transfer(account, Address::repeat_byte(0x77), wei);
                }
                Move::Reorg(depth, new_blocks, transactions) => {
                    let depth = depth.min(node.head());
                    if depth > 0 {
                        let pooled = node.pool.lock().len() as u64;
                        let outcome = node.reorg(depth, new_blocks, transactions);
                        prop_assert_eq!(node.head(), outcome.ancestor.number + new_blocks.unwrap_or(0));
                        let now = node.pool.lock().len() as u64;
                        if transactions != ReorgTransactions::Drop {
                            prop_assert!(outcome.dropped.is_empty());
                            prop_assert_eq!(now, pooled + outcome.returned);
                        }
                    }
                }
            }
            node.check();
        }
        // Whatever is pending and not behind a gap can be sealed.
        let pending = node.pool.lock().status().pending;
        prop_assert_eq!(node.seal().receipts.len(), pending);
        prop_assert_eq!(node.pool.lock().status().pending, 0);
        node.check();
    }
}
