//! Roots and blooms over the body of a block.

use crate::threads::{self, prelude::*};
use alloc::vec::Vec;
use alloy_consensus::{ReceiptWithBloom, TxReceipt};
use alloy_eips::Encodable2718;
use alloy_primitives::{B256, Bloom};
use weir_primitives::{Receipt, Transaction};
use weir_trie::{OrderedTrie, ordered_root};

/// Receipts whose blooms one thread makes at a time.
const CHUNK_RECEIPTS: usize = 64;

/// Root of the trie of transactions by index.
pub fn transactions_root(transactions: &[Transaction]) -> B256 {
    ordered_root(transactions.len(), |index, out| transactions[index].encode_2718(out))
}

/// Root of the trie of receipts by index, as headers carry it from Byzantium on.
pub fn receipts_root(receipts: &[Receipt]) -> B256 {
    root_with_blooms(&with_blooms(receipts))
}

/// The union of the logs' blooms.
pub fn logs_bloom(receipts: &[Receipt]) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for log in receipts.iter().flat_map(|receipt| &receipt.logs) {
        bloom.accrue_log(log);
    }
    bloom
}

/// The roots and the bloom of a body that grows.
#[derive(Debug, Default)]
pub struct BodyRoots {
    transactions: OrderedTrie,
    receipts: OrderedTrie,
    bloom: Bloom,
}

impl BodyRoots {
    /// Adds the next transactions with their receipts and hashes what will not change any more.
    pub fn extend<'a>(
        &mut self,
        executed: impl IntoIterator<Item = (&'a Transaction, &'a Receipt)>,
    ) {
        for (tx, receipt) in executed {
            self.transactions.push(|out| tx.encode_2718(out));
            let receipt = receipt.with_bloom_ref();
            self.bloom |= receipt.logs_bloom;
            self.receipts.push(|out| receipt.encode_2718(out));
        }
        self.transactions.root();
        self.receipts.root();
    }

    /// Roots of transactions and receipts, and the union of the logs' blooms, of a body that these began with.
    pub(crate) fn of(
        mut self,
        transactions: &[Transaction],
        receipts: &[Receipt],
    ) -> (B256, B256, Bloom) {
        if self.transactions.is_empty() {
            return all(transactions, receipts);
        }
        let done = self.transactions.len();
        self.extend(transactions.iter().zip(receipts).skip(done));
        (self.transactions.root(), self.receipts.root(), self.bloom)
    }
}

/// All three at once, on the threads that are free.
pub(crate) fn all(transactions: &[Transaction], receipts: &[Receipt]) -> (B256, B256, Bloom) {
    let (transactions_root, (receipts_root, bloom)) =
        threads::join(|| transactions_root(transactions), || of_receipts(receipts));
    (transactions_root, receipts_root, bloom)
}

/// The root of the receipts and the union of their blooms.
pub(crate) fn of_receipts(receipts: &[Receipt]) -> (B256, Bloom) {
    let receipts = with_blooms(receipts);
    let mut bloom = Bloom::ZERO;
    receipts.iter().for_each(|receipt| bloom |= receipt.logs_bloom);
    (root_with_blooms(&receipts), bloom)
}

fn with_blooms(receipts: &[Receipt]) -> Vec<ReceiptWithBloom<&Receipt>> {
    let receipts = receipts.par_iter().with_min_len(CHUNK_RECEIPTS);
    receipts.map(|receipt| receipt.with_bloom_ref()).collect()
}

fn root_with_blooms(receipts: &[ReceiptWithBloom<&Receipt>]) -> B256 {
    ordered_root(receipts.len(), |index, out| receipts[index].encode_2718(out))
}
