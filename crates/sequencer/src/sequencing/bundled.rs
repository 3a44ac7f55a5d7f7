//! Bundles on their way into the open block.

use super::SequencingDriver;
use crate::metrics;
use alloy_primitives::{
    B256,
    map::{B256Map, B256Set},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use weir_builder::{BlockBuilder, BuildError};
use weir_runtime::Clock;
use weir_txpool::Bundle;

/// How often a bundle is tried in one block at most: what fails costs others time.
const BUNDLE_TRIALS_MAX: u32 = 8;
/// Trials that fail get this part of the block time at most; then the block goes on without bundles.
const FAILED_TIME_SHARE: u32 = 4;
/// A bundle that takes this part of the block time to fail is not tried again in the same block.
const SLOW_TIME_SHARE: u32 = 100;

/// What was tried in one open block.
#[derive(Debug, Default)]
pub(super) struct BundleTrials {
    /// Those that joined it, or were in it when it was opened.
    joined: B256Set,
    failed: B256Map<Failed>,
    /// Time that those took which failed.
    failed_time: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Failed {
    times: u32,
    /// Transactions in the block when it was last tried.
    at: usize,
    is_slow: bool,
}

impl BundleTrials {
    /// Whether a bundle is worth a trial: the block has changed since the last one.
    fn is_due(&self, bundle: &Bundle, at: usize) -> bool {
        let is_worth =
            |failed: &Failed| failed.at < at && failed.times < BUNDLE_TRIALS_MAX && !failed.is_slow;
        !self.joined.contains(&bundle.hash) && self.failed.get(&bundle.hash).is_none_or(is_worth)
    }

    fn fail(&mut self, hash: B256, at: usize, (took, block_time): (Duration, Duration)) {
        self.failed_time += took;
        let times = self.failed.get(&hash).map_or(0, |failed| failed.times) + 1;
        let is_slow = took >= block_time / SLOW_TIME_SHARE;
        self.failed.insert(hash, Failed { times, at, is_slow });
    }

    /// Whether those that failed took all the time that they get.
    fn is_exhausted(&self, block_time: Duration) -> bool {
        self.failed_time >= block_time / FAILED_TIME_SHARE
    }
}

impl<C: Clock> SequencingDriver<C> {
    /// Looks which bundles are in a block that was opened with transactions in it.
    pub(super) fn begin_bundles(&mut self, builder: &BlockBuilder) {
        self.trials = BundleTrials::default();
        let mut bundles = self.ingress.bundles();
        bundles.begin_block();
        if bundles.pool.is_empty() {
            return;
        }
        let there: B256Set = builder
            .open()
            .transactions()
            .iter()
            .map(|transaction| *transaction.tx_hash())
            .collect();
        let joined = bundles.pool.bundles().filter(|one| one.is_in(|hash| there.contains(hash)));
        self.trials.joined = joined.map(|bundle| bundle.hash).collect();
        for hash in &self.trials.joined {
            bundles.begin_trial(*hash);
        }
    }

    /// Tries the bundles that may stand in the block, in the order in which they came, ahead of what the pool has.
    pub(super) fn try_bundles(
        &mut self,
        builder: &mut BlockBuilder,
        seal_at: Duration,
    ) -> Result<(), BuildError> {
        for bundle in self.due_bundles(builder) {
            if self.clock.now() >= seal_at || self.trials.is_exhausted(self.config.block_time) {
                break;
            }
            if self.ingress.bundles().begin_trial(bundle.hash) {
                self.try_bundle(builder, &bundle)?;
            }
        }
        Ok(())
    }

    fn due_bundles(&self, builder: &BlockBuilder) -> Vec<Arc<Bundle>> {
        let open = builder.open();
        let (number, timestamp) = (open.header().number, open.header().timestamp);
        let at = open.transactions().len();
        let bundles = self.ingress.bundles();
        let all = bundles.pool.bundles();
        let due = all.filter(|one| one.fits(number, timestamp) && self.trials.is_due(one, at));
        due.cloned().collect()
    }

    fn try_bundle(
        &mut self,
        builder: &mut BlockBuilder,
        bundle: &Arc<Bundle>,
    ) -> Result<(), BuildError> {
        let at = builder.open().transactions().len();
        let hashes = bundle.transactions.iter().map(|(transaction, _)| transaction.hash);
        // What everybody can see of it, the pool must not give out as well.
        let mut pool = self.pool.lock();
        let taken: Vec<B256> =
            hashes.filter(|hash| !pool.take_named(std::slice::from_ref(hash)).is_empty()).collect();
        drop(pool);
        let started = Instant::now();
        let outcome = builder.try_bundle(bundle)?;
        let took = started.elapsed();
        let joined: B256Set =
            outcome.iter().flatten().map(|transaction| transaction.hash).collect();
        let mut pool = self.pool.lock();
        taken.iter().filter(|hash| !joined.contains(*hash)).for_each(|hash| pool.put_back(hash));
        drop(pool);
        metrics::bundle_tried(outcome.is_ok());
        match outcome {
            Ok(_) => {
                self.trials.joined.insert(bundle.hash);
            }
            Err(failure) => {
                self.trials.fail(bundle.hash, at, (took, self.config.block_time));
                self.ingress.bundles().fail_trial(bundle.hash, failure.to_string());
            }
        }
        Ok(())
    }

    /// Whether the open block has taken a transaction from a bundle that the pool was about to give.
    pub(super) fn is_bundled(&self, builder: &BlockBuilder, hash: &B256) -> bool {
        let mut there = builder.open().transactions().iter();
        !self.trials.joined.is_empty() && there.any(|transaction| transaction.tx_hash() == hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK_TIME: Duration = Duration::from_secs(1);

    fn bundle() -> Bundle {
        Bundle {
            hash: B256::repeat_byte(1),
            transactions: Vec::new(),
            blocks: 0..=9,
            timestamps: 0..=9,
            replacement: None,
            arrival: 0,
        }
    }

    #[test]
    fn what_fails_is_tried_when_the_block_has_grown_and_not_for_ever() {
        let (bundle, quick) = (bundle(), (Duration::from_micros(1), BLOCK_TIME));
        let mut trials = BundleTrials::default();
        for at in 0..BUNDLE_TRIALS_MAX as usize {
            assert!(trials.is_due(&bundle, at));
            trials.fail(bundle.hash, at, quick);
            assert!(!trials.is_due(&bundle, at), "the block is the same");
        }
        assert!(!trials.is_due(&bundle, 100));
        assert!(!trials.is_exhausted(BLOCK_TIME));
    }

    #[test]
    fn slow_failures_are_not_repeated_and_take_a_part_of_the_block_time() {
        let bundle = bundle();
        let mut trials = BundleTrials::default();
        let slow = BLOCK_TIME / SLOW_TIME_SHARE;
        trials.fail(bundle.hash, 0, (slow, BLOCK_TIME));
        assert!(!trials.is_due(&bundle, 1));
        for other in 2..=u8::MAX {
            if trials.is_exhausted(BLOCK_TIME) {
                assert_eq!(u32::from(other), SLOW_TIME_SHARE / FAILED_TIME_SHARE + 1);
                return;
            }
            trials.fail(B256::repeat_byte(other), 0, (slow, BLOCK_TIME));
        }
        panic!("nothing ends the trials");
    }
}
