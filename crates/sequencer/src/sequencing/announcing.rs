//! Steps of the open block on their way to who listens: first into the journal, then to the others.

use crate::{Chain, Ingress, SharedPool};
use alloy_consensus::TxReceipt;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use weir_builder::BlockBuilder;
use weir_evm::OpenBlock;
use weir_primitives::{BlockRef, LoggedTransaction, OpenStep, result_hash};
use weir_storage::{CrashPoint, JournalError};

/// How far a restart would seal the open block as it is.
#[derive(Debug, Default)]
struct Kept {
    /// Transactions from the first on.
    transactions: AtomicUsize,
    /// Whether a step is not in the journal. What comes after it is told to nobody.
    has_gap: AtomicBool,
}

/// Tells others of one open block.
pub(super) struct StepAnnouncer {
    chain: Arc<Chain>,
    ingress: Arc<Ingress>,
    pool: Arc<SharedPool>,
    parent: BlockRef,
    /// Transactions on their way into the journal, or there.
    promised: usize,
    kept: Arc<Kept>,
    /// Transactions told of.
    told: usize,
    /// Their logs.
    told_logs: usize,
}

impl fmt::Debug for StepAnnouncer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parent, promised, kept, told, .. } = self;
        let mut debug = f.debug_struct("StepAnnouncer");
        debug.field("parent", parent).field("promised", promised);
        debug.field("kept", kept).field("told", told).finish_non_exhaustive()
    }
}

impl StepAnnouncer {
    /// Nothing of the child of `parent` is told yet.
    pub(super) fn new(
        chain: &Arc<Chain>,
        ingress: &Arc<Ingress>,
        pool: &Arc<SharedPool>,
        parent: BlockRef,
    ) -> Self {
        Self {
            chain: Arc::clone(chain),
            ingress: Arc::clone(ingress),
            pool: Arc::clone(pool),
            parent,
            promised: 0,
            kept: Arc::default(),
            told: 0,
            told_logs: 0,
        }
    }

    /// The block begins with what the journal holds already.
    pub(super) fn resume(&mut self, transactions: usize) {
        self.promised = transactions;
        self.kept.transactions.store(transactions, Ordering::SeqCst);
    }

    /// Sends what joined since the last call into the journal, from where [`Self::tell`] goes on.
    pub(super) fn promise(&mut self, builder: &BlockBuilder) {
        let transactions = builder.open().transactions().len();
        if transactions == self.promised || self.kept.has_gap.load(Ordering::SeqCst) {
            return;
        }
        let (kept, pool) = (Arc::clone(&self.kept), Arc::clone(&self.pool));
        let on_durable = move |result: Result<(), JournalError>| {
            if result.is_err() {
                kept.has_gap.store(true, Ordering::SeqCst);
            } else if !kept.has_gap.load(Ordering::SeqCst) {
                CrashPoint::StepTell.pass();
                kept.transactions.store(transactions, Ordering::SeqCst);
                pool.ring();
            }
        };
        match self.ingress.promise(builder, Box::new(on_durable)) {
            Ok(()) => self.promised = transactions,
            // The next step takes them along.
            Err(error) => tracing::warn!(%error, "step is not in the journal and not told"),
        }
    }

    /// Whether something is in the journal, or will be in a moment, and not told.
    pub(super) fn is_behind(&self) -> bool {
        self.told < self.promised && !self.kept.has_gap.load(Ordering::SeqCst)
    }

    /// Tells of the transactions that a restart would keep.
    pub(super) fn tell(&mut self, open: &OpenBlock) {
        let kept = self.kept.transactions.load(Ordering::SeqCst);
        if kept <= self.told {
            return;
        }
        let receipts = &open.receipts()[self.told..kept];
        let new = open.transactions()[self.told..kept].iter().zip(receipts);
        let results =
            new.map(|(transaction, receipt)| (*transaction.tx_hash(), result_hash(receipt)));
        let (number, first) = (self.parent.number + 1, self.told as u64);
        self.chain.statuses().preconfirmed(number, first, results.collect());
        self.chain.announce_step(|| self.step(open, kept));
        self.told = kept;
        self.told_logs += receipts.iter().map(|receipt| receipt.logs().len()).sum::<usize>();
    }

    fn step(&self, open: &OpenBlock, kept: usize) -> OpenStep {
        let all = open.transactions().iter().zip(open.receipts());
        let new = all.take(kept).skip(self.told);
        let logged = new.map(|(transaction, receipt)| LoggedTransaction {
            hash: *transaction.tx_hash(),
            logs: receipt.logs().to_vec(),
        });
        let index = |count: usize| u32::try_from(count).expect("gas bounds what a block holds");
        OpenStep {
            parent: self.parent,
            timestamp: open.header().timestamp,
            base_fee: open.header().base_fee_per_gas.unwrap_or(0),
            first_tx: index(self.told),
            first_log: index(self.told_logs),
            transactions: logged.collect(),
        }
    }

    /// The open block is dropped: what was told of it does not hold.
    pub(super) fn retract(self) {
        self.ingress.retract_promise();
        if self.told > 0 {
            let _ = self.chain.statuses().retract_open();
            self.chain.retract_open(self.parent.hash);
        }
    }
}
