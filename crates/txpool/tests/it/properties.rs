//! The pool answers like the naive model, whatever happens to it.

use crate::{
    model::Model,
    support::{Draft, address},
};
use alloy_primitives::{Address, B256, U256};
use proptest::{prelude::*, sample::Index};
use std::collections::BTreeMap;
use weir_txpool::{OrderingPolicy, PoolConfig, SenderCode, SenderState, TxPool};

const SENDERS: u8 = 6;

#[derive(Debug, Clone)]
enum Action {
    Add {
        draft: Draft,
    },
    Take {
        gas: u64,
        count: usize,
    },
    PutBack(Index),
    Defer(Index),
    Reject(Index),
    Remove(Index),
    RemoveSender(u8),
    Release,
    /// Removes what came in so long ago.
    Expire {
        age: u64,
        max: usize,
    },
    /// Seals what is in flight, with balances and codes that the block left, and a new base fee.
    Seal {
        touched: Vec<(u8, u64, SenderCode)>,
        base_fee: u64,
    },
}

fn draft() -> impl Strategy<Value = Draft> {
    let fees = (0u128..60, 0u128..60);
    (0..SENDERS, 0u64..9, fees, 0u64..3, 0u64..100_000, 0usize..200).prop_map(
        |(sender, nonce, (a, b), gas, value, input_length)| Draft {
            input_length,
            ..Draft::new(sender, nonce)
                .fees(a.max(b), a.min(b))
                .gas(21_000 * (1 + gas * gas))
                .value(value)
        },
    )
}

fn code() -> impl Strategy<Value = SenderCode> {
    prop_oneof![
        6 => Just(SenderCode::Empty),
        3 => Just(SenderCode::Delegated),
        1 => Just(SenderCode::Contract),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let touched = prop::collection::vec((0..SENDERS, 0u64..8_000_000, code()), 0..3);
    prop_oneof![
        24 => draft().prop_map(|draft| Action::Add { draft }),
        8 => (20_000u64..200_000, 1usize..5).prop_map(|(gas, count)| Action::Take { gas, count }),
        2 => any::<Index>().prop_map(Action::PutBack),
        2 => any::<Index>().prop_map(Action::Defer),
        2 => any::<Index>().prop_map(Action::Reject),
        1 => any::<Index>().prop_map(Action::Remove),
        1 => (0..SENDERS).prop_map(Action::RemoveSender),
        1 => Just(Action::Release),
        2 => (0u64..40, 1usize..6).prop_map(|(age, max)| Action::Expire { age, max }),
        4 => (touched, 0u64..70)
            .prop_map(|(touched, base_fee)| Action::Seal { touched, base_fee }),
    ]
}

fn config() -> impl Strategy<Value = PoolConfig> {
    let ordering = prop_oneof![Just(OrderingPolicy::Fifo), Just(OrderingPolicy::PriorityFee)];
    (4usize..20, 600usize..4_000, 3usize..9, 2usize..8, 2usize..5, ordering).prop_map(
        |(max_transactions, max_bytes, max_per_sender, max_queued, few, ordering)| PoolConfig {
            max_transactions,
            max_bytes,
            max_per_sender,
            max_queued,
            max_queued_per_sender: few,
            max_per_delegated_sender: few,
            price_bump_percent: 10,
            ordering,
        },
    )
}

/// The pool, the model and the chain's true accounts.
struct Pair {
    pool: TxPool,
    model: Model,
    accounts: BTreeMap<Address, SenderState>,
    arrival: u64,
}

impl Pair {
    fn new(config: PoolConfig) -> Self {
        let accounts = (0..SENDERS)
            .map(|sender| {
                let balance = U256::from(3_000_000 + 1_000_000 * u64::from(sender));
                (address(sender), SenderState { nonce: 0, balance, code: SenderCode::Empty })
            })
            .collect();
        Self { pool: TxPool::new(config, 7), model: Model::new(config, 7), accounts, arrival: 0 }
    }

    fn run(&mut self, action: Action) {
        match action {
            Action::Add { draft } => self.add(draft),
            Action::Take { gas, count } => {
                for _ in 0..count {
                    let taken = self.pool.take_best(gas).map(|tx| tx.hash);
                    assert_eq!(taken, self.model.take(gas));
                }
            }
            Action::PutBack(index) => {
                let Some(hash) = self.pick(index) else { return };
                self.pool.put_back(&hash);
                self.model.put_back(&hash);
            }
            Action::Defer(index) => {
                let Some(hash) = self.pick(index) else { return };
                self.pool.defer(&hash);
                self.model.defer(&hash);
            }
            Action::Reject(index) => {
                let Some(hash) = self.pick(index) else { return };
                let rejected = self.pool.reject(&hash).map(|tx| tx.hash);
                assert_eq!(rejected, self.model.reject(&hash));
            }
            Action::Remove(index) => {
                let Some(hash) = self.pick(index) else { return };
                assert_eq!(self.pool.remove(hash).is_ok(), self.model.remove(&hash));
            }
            Action::RemoveSender(sender) => {
                let removed = self.pool.remove_sender(address(sender)).len();
                assert_eq!(removed, self.model.remove_sender(address(sender)));
            }
            Action::Release => {
                self.pool.release_in_flight();
                self.model.release();
            }
            Action::Expire { age, max } => {
                let before = self.arrival.saturating_sub(age);
                let expired = self.pool.expire(before, max);
                let expired: Vec<B256> = expired.iter().map(|tx| tx.hash).collect();
                assert_eq!(expired, self.model.expire(before, max));
            }
            Action::Seal { touched, base_fee } => self.seal(&touched, base_fee),
        }
    }

    fn add(&mut self, mut draft: Draft) {
        let state = self.accounts[&address(draft.sender)];
        draft.nonce += state.nonce.saturating_sub(1);
        // A transaction a second.
        let tx = draft.build(self.arrival).at(self.arrival);
        self.arrival += 1;
        let hash = tx.hash;
        let expected = self.model.add(&tx, state);
        let added = self.pool.add(tx, &state);
        match (added, expected) {
            (Ok(added), Ok((replaced, evicted))) => {
                assert_eq!((added.replaced, &added.evicted), (replaced, &evicted));
                assert_eq!(Some(added.placement), self.model.placement(&hash));
            }
            (added, expected) => {
                assert_eq!(added.map(|_| ()), expected.map(|_| ()));
            }
        }
        // The bounds hold after every admission.
        let config = self.pool.config();
        assert!(self.pool.len() <= config.max_transactions);
        assert!(self.pool.status().bytes <= config.max_bytes);
    }

    fn seal(&mut self, touched: &[(u8, u64, SenderCode)], base_fee: u64) {
        let mut changes: BTreeMap<Address, SenderState> = BTreeMap::new();
        for tx in self.model.in_flight() {
            let account = self.accounts[&tx.sender];
            let change = changes.entry(tx.sender).or_insert(account);
            change.nonce = change.nonce.max(tx.nonce + 1);
            change.balance -= tx.cost;
        }
        for (sender, balance, code) in touched {
            let sender = address(*sender);
            let change = changes.entry(sender).or_insert_with(|| self.accounts[&sender]);
            (change.balance, change.code) = (U256::from(*balance), *code);
        }
        self.accounts.extend(changes.iter().map(|(sender, state)| (*sender, *state)));
        let changes: Vec<_> = changes.into_iter().collect();
        let effects = self.pool.on_sealed(changes.iter().copied(), base_fee);
        let (passed, unfunded) = self.model.on_sealed(&changes, base_fee);
        assert_eq!(effects.passed.len(), passed);
        let mut left: Vec<_> = effects.unfunded.iter().map(|left| left.hash).collect();
        left.sort_unstable();
        assert_eq!(left, unfunded);
        for hash in &effects.restood {
            assert!(self.pool.contains(hash), "what stands otherwise is there");
        }
    }

    fn pick(&self, index: Index) -> Option<B256> {
        let hashes = self.model.hashes();
        (!hashes.is_empty()).then(|| *index.get(&hashes))
    }

    fn compare(&self) {
        let mut held: Vec<B256> = self.pool.transactions().map(|tx| tx.hash).collect();
        let mut expected = self.model.hashes();
        held.sort_unstable();
        expected.sort_unstable();
        assert_eq!(held, expected);
        let status = self.pool.status();
        assert_eq!(status.bytes, self.model.bytes());
        assert_eq!(status.queued, self.model.queued());
        assert_eq!(status.pending + status.queued, expected.len());
        assert_eq!(status.in_flight, self.model.in_flight().len());
        for hash in &expected {
            assert_eq!(self.pool.placement(hash), self.model.placement(hash));
        }
        for flying in self.model.in_flight() {
            assert!(self.pool.is_in_flight(&flying.hash));
        }
        for (sender, state) in &self.accounts {
            let expected = self.model.missing_nonce(*sender).max(state.nonce);
            assert_eq!(self.pool.pending_nonce(sender, state.nonce), expected);
        }
        let viewed: usize =
            self.pool.senders().map(|view| view.pending().count() + view.queued().count()).sum();
        assert_eq!(viewed, expected.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn the_pool_equals_the_naive_model(
        config in config(),
        actions in prop::collection::vec(action(), 1..120),
    ) {
        let mut pair = Pair::new(config);
        for action in actions {
            pair.run(action);
            pair.compare();
        }
    }

    /// Blocks of any size, dropped or sealed, give each sender's nonces once and in order.
    #[test]
    fn nonces_are_sealed_once_and_in_order(
        drafts in prop::collection::vec(draft(), 1..60),
        blocks in prop::collection::vec((0usize..8, any::<bool>(), 0u64..70), 1..40),
    ) {
        let mut pool = TxPool::new(PoolConfig::default(), 0);
        let mut nonces = [0u64; SENDERS as usize];
        let rich = |nonce| crate::support::rich(nonce);
        for (arrival, draft) in drafts.iter().enumerate() {
            let _ = pool.add(draft.build(arrival as u64), &rich(0));
        }
        for (size, is_sealed, base_fee) in blocks {
            let mut open = nonces;
            let mut block = Vec::new();
            pool.take(size, u64::MAX, &mut block);
            for tx in &block {
                let next = &mut open[usize::from(tx.sender.0[0] - 1)];
                prop_assert_eq!(tx.nonce, *next);
                *next += 1;
            }
            if is_sealed {
                nonces = open;
                let changes = (0..SENDERS).map(|s| (address(s), rich(nonces[usize::from(s)])));
                let passed = pool.on_sealed(changes, base_fee).passed;
                prop_assert_eq!(passed.len(), block.len());
            } else {
                pool.release_in_flight();
            }
        }
    }
}
