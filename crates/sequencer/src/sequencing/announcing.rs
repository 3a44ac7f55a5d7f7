//! Steps of the open block on their way to who listens.

use crate::Chain;
use alloy_consensus::TxReceipt;
use weir_evm::OpenBlock;
use weir_primitives::{BlockRef, LoggedTransaction, OpenStep, result_hash};

/// Tells others of one open block.
#[derive(Debug)]
pub(super) struct StepAnnouncer {
    parent: BlockRef,
    /// Transactions told of.
    told: usize,
    /// Their logs.
    told_logs: usize,
}

impl StepAnnouncer {
    /// Nothing of the child of `parent` is told yet.
    pub(super) const fn new(parent: BlockRef) -> Self {
        Self { parent, told: 0, told_logs: 0 }
    }

    /// Tells of the transactions that joined since the last call.
    pub(super) fn announce(&mut self, chain: &Chain, open: &OpenBlock) {
        let receipts = &open.receipts()[self.told..];
        let new = open.transactions()[self.told..].iter().zip(receipts);
        let results =
            new.map(|(transaction, receipt)| (*transaction.tx_hash(), result_hash(receipt)));
        let results = results.collect();
        chain.statuses().preconfirmed(self.parent.number + 1, self.told as u64, results);
        chain.announce_step(|| self.step(open));
        self.told += receipts.len();
        self.told_logs += receipts.iter().map(|receipt| receipt.logs().len()).sum::<usize>();
    }

    fn step(&self, open: &OpenBlock) -> OpenStep {
        let new = open.transactions().iter().zip(open.receipts()).skip(self.told);
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
    pub(super) fn retract(self, chain: &Chain) {
        if self.told > 0 {
            let _ = chain.statuses().retract_open();
            chain.retract_open(self.parent.hash);
        }
    }
}
