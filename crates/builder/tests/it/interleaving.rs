//! Candidates that fail leave no trace, wherever they stand.

use crate::{
    script::Script,
    support::{COUNTER, Chain, Draft, FUNDED, GWEI, HALTER, POOR, REVERTER, hashes},
};
use alloy_primitives::{B256, Bytes, TxKind, U256};
use proptest::prelude::*;
use std::{cell::Cell, sync::Arc};
use weir_builder::{BlockBuilder, SealedOutput, Step, StepEnd, StepLimits};
use weir_txpool::PoolTransaction;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Transfer,
    Count,
    CountWarm,
    Revert,
    Halt,
    Create,
    // Those that fail:
    NonceTooLow,
    NonceTooHigh,
    Poor,
    TooMuchValue,
    IntrinsicGas,
    BelowBaseFee,
    WrongChain,
    TipAboveCap,
    AboveGasCap,
    LongInitCode,
}

impl Kind {
    const GOOD: [Self; 6] =
        [Self::Transfer, Self::Count, Self::CountWarm, Self::Revert, Self::Halt, Self::Create];
    const BAD: [Self; 10] = [
        Self::NonceTooLow,
        Self::NonceTooHigh,
        Self::Poor,
        Self::TooMuchValue,
        Self::IntrinsicGas,
        Self::BelowBaseFee,
        Self::WrongChain,
        Self::TipAboveCap,
        Self::AboveGasCap,
        Self::LongInitCode,
    ];

    fn is_good(self) -> bool {
        Self::GOOD.iter().any(|good| std::mem::discriminant(good) == std::mem::discriminant(&self))
    }

    /// A transaction of this kind by a signer whose next nonce is given.
    fn draft(self, signer: u8, nonce: u64) -> Option<Draft> {
        let count = Draft::call(signer, nonce, COUNTER).warming();
        Some(match self {
            Self::Transfer => Draft::transfer(signer, nonce),
            Self::Count => Draft::call(signer, nonce, COUNTER),
            Self::CountWarm => count,
            Self::Revert => Draft::call(signer, nonce, REVERTER),
            Self::Halt => Draft::call(signer, nonce, HALTER),
            Self::Create => Draft::create(signer, nonce),
            Self::NonceTooLow => Draft::call(signer, nonce.checked_sub(1)?, COUNTER)
                .warming()
                .with(|tx| tx.max_fee_per_gas += 1),
            Self::NonceTooHigh => count.with(|tx| tx.nonce += 3),
            Self::Poor => Draft::call(POOR, 0, COUNTER).warming(),
            Self::TooMuchValue => count.with(|tx| tx.value = U256::from(10).pow(U256::from(18))),
            Self::IntrinsicGas => count.with(|tx| tx.gas_limit = 21_500),
            Self::BelowBaseFee => {
                count.with(|tx| (tx.max_fee_per_gas, tx.max_priority_fee_per_gas) = (1, 1))
            }
            Self::WrongChain => count.with(|tx| tx.chain_id += 1),
            Self::TipAboveCap => count.with(|tx| tx.max_priority_fee_per_gas = 101 * GWEI),
            Self::AboveGasCap => count.with(|tx| tx.gas_limit = (1 << 24) + 1),
            Self::LongInitCode => Draft::create(signer, nonce).with(|tx| {
                (tx.to, tx.gas_limit) = (TxKind::Create, 5_000_000);
                tx.input = Bytes::from(vec![0; 49_153]);
            }),
        })
    }
}

/// Signed candidates in order, and which of them are good.
fn candidates(kinds: &[(u8, Kind)]) -> (Vec<PoolTransaction>, Vec<B256>) {
    let mut nonces = [0; FUNDED as usize];
    let (mut all, mut good): (Vec<PoolTransaction>, Vec<B256>) = (Vec::new(), Vec::new());
    for (index, (signer, kind)) in kinds.iter().enumerate() {
        let next = &mut nonces[usize::from(*signer)];
        let Some(draft) = kind.draft(*signer, *next) else { continue };
        // A bad candidate may repeat; the tip tells them apart.
        let tx = draft.with(|tx| tx.max_fee_per_gas += 2 * index as u128).sign(index as u64);
        if kind.is_good() {
            *next += 1;
            good.push(tx.hash);
        }
        all.push(tx);
    }
    (all, good)
}

/// Builds from the script in steps of random length until nothing is left.
fn build(builder: &mut BlockBuilder, script: &mut Script, stops: &[usize]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut stops = stops.iter().copied();
    loop {
        let patience = Cell::new(stops.next().unwrap_or(usize::MAX));
        let should_stop = || {
            let left = patience.get();
            patience.set(left.saturating_sub(1));
            left == 0
        };
        let max_transactions = patience.get().saturating_mul(2).max(1);
        let step = builder.step(script, &StepLimits { max_transactions }, &should_stop).unwrap();
        let is_last = step.end == StepEnd::Exhausted;
        steps.push(step);
        if is_last {
            return steps;
        }
    }
}

fn assert_same(left: &SealedOutput, right: &SealedOutput) {
    assert_eq!(left.executed, right.executed);
    assert_eq!(left.hashed, right.hashed);
    assert_eq!(left.updates, right.updates);
}

fn kinds() -> impl Strategy<Value = Vec<(u8, Kind)>> {
    let kind = prop_oneof![
        prop::sample::select(Kind::GOOD.as_slice()),
        prop::sample::select(Kind::BAD.as_slice()),
    ];
    prop::collection::vec((0..FUNDED, kind), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_block_with_failing_candidates_equals_the_block_without_them(
        kinds in kinds(),
        stops in prop::collection::vec(0usize..12, 0..6),
        chunk in 1usize..20,
    ) {
        let (all, good) = candidates(&kinds);
        let total = all.len();
        let mut chain = Chain::new(30_000_000);
        let mut builder = chain.begin();
        let mut script = Script::new(all, chunk);
        let steps = build(&mut builder, &mut script, &stops);

        // Steps follow each other, and what is still taken is what joined the block.
        let mut index = 0;
        let mut joined = Vec::new();
        for step in &steps {
            prop_assert_eq!(step.first_index, index);
            index += step.transactions.len();
            joined.extend(step.transactions.iter().map(|tx| tx.hash));
        }
        prop_assert_eq!(&joined, &script.taken.iter().map(|tx| tx.hash).collect::<Vec<_>>());
        let mut sorted = (joined.clone(), good);
        sorted.0.sort_unstable();
        sorted.1.sort_unstable();
        prop_assert_eq!(sorted.0, sorted.1, "every good candidate joined, and no other");
        let rejected: usize = steps.iter().map(|step| step.rejected.len()).sum();
        let deferred: usize = steps.iter().map(|step| step.deferred.len()).sum();
        prop_assert_eq!((rejected, deferred), (script.dropped.len(), script.deferred.len()));
        prop_assert_eq!(joined.len() + rejected + deferred, total);

        // The same transactions alone, one by one.
        let mut pure_chain = Chain::new(30_000_000);
        let mut pure = pure_chain.begin();
        for tx in &script.taken {
            pure.append(Arc::clone(&tx.tx), tx.sender).unwrap().unwrap();
        }
        let (mixed, pure) = (chain.seal(builder), pure_chain.seal(pure));
        assert_same(&mixed, &pure);
        prop_assert_eq!(hashes(&mixed), joined);
    }
}

#[test]
fn every_bad_kind_fails_and_every_good_one_does_not() {
    let chain = Chain::new(30_000_000);
    let mut builder = chain.begin();
    let first = Kind::Transfer.draft(0, 0).unwrap().sign(0);
    builder.append(first.tx, first.sender).unwrap().unwrap();
    for kind in Kind::BAD {
        let tx = kind.draft(0, 1).unwrap().sign(0);
        let outcome = builder.append(tx.tx, tx.sender).unwrap();
        assert!(outcome.is_err(), "{kind:?}");
    }
    for (nonce, kind) in (1..).zip(Kind::GOOD) {
        let tx = kind.draft(0, nonce).unwrap().sign(0);
        builder.append(tx.tx, tx.sender).unwrap().unwrap();
    }
}
