//! Transactions signed ahead of the run, on all cores, so that signing does not limit what is measured.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Wallet,
    wallet::SignedTransaction,
    workload::{Fees, Workload},
};

/// An account of the run with its signed transactions, in nonce order.
#[derive(Debug)]
pub(crate) struct Sender {
    /// Index among the run's accounts.
    pub(crate) account: usize,
    pub(crate) wallet: Wallet,
    /// Nonce of the next transaction to sign.
    pub(crate) next_nonce: u64,
    /// Transactions signed in this run.
    pub(crate) signed_count: u64,
    /// Signed and not yet accepted by the node.
    pub(crate) queue: VecDeque<SignedTransaction>,
}

/// Turns the workload into signed transactions.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) workload: Arc<Workload>,
    pub(crate) chain_id: u64,
    pub(crate) fees: Fees,
}

impl Signer {
    /// Adds `count` transactions to the sender's queue.
    pub(crate) fn extend(&self, sender: &mut Sender, count: u64) {
        for _ in 0..count {
            let call = self.workload.call(sender.account, sender.signed_count);
            let transaction = call.transaction(self.chain_id, sender.next_nonce, self.fees);
            sender.queue.push_back(sender.wallet.sign(transaction));
            sender.next_nonce += 1;
            sender.signed_count += 1;
        }
    }

    /// Adds to each sender as many transactions as `count` says for its index, on all cores. Blocks.
    pub(crate) fn extend_all(
        &self,
        senders: &mut [Sender],
        count: impl Fn(usize) -> u64 + Sync,
        signed: impl Fn(u64) + Sync,
    ) -> Duration {
        let started = Instant::now();
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let share = senders.len().div_ceil(threads).max(1);
        let extend = |chunk: &mut [Sender]| {
            for sender in chunk {
                let more = count(sender.account);
                self.extend(sender, more);
                signed(more);
            }
        };
        thread::scope(|scope| {
            for chunk in senders.chunks_mut(share) {
                scope.spawn(|| extend(chunk));
            }
        });
        started.elapsed()
    }
}
