//! Roots and blooms over the body of a block.

use alloy_consensus::{
    TxReceipt,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_primitives::{B256, Bloom};
use rayon::prelude::*;
use weir_primitives::{Receipt, Transaction};

/// Root of the trie of transactions by index.
pub fn transactions_root(transactions: &[Transaction]) -> B256 {
    calculate_transaction_root(transactions)
}

/// Root of the trie of receipts by index, as headers carry it from Byzantium on.
pub fn receipts_root(receipts: &[Receipt]) -> B256 {
    let with_bloom: Vec<_> = receipts.par_iter().map(|receipt| receipt.with_bloom_ref()).collect();
    calculate_receipt_root(&with_bloom)
}

/// The union of the logs' blooms.
pub fn logs_bloom(receipts: &[Receipt]) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for log in receipts.iter().flat_map(|receipt| &receipt.logs) {
        bloom.accrue_log(log);
    }
    bloom
}

/// All three at once, on the threads that are free.
pub(crate) fn all(transactions: &[Transaction], receipts: &[Receipt]) -> (B256, B256, Bloom) {
    let (transactions_root, (receipts_root, bloom)) = rayon::join(
        || transactions_root(transactions),
        || rayon::join(|| receipts_root(receipts), || logs_bloom(receipts)),
    );
    (transactions_root, receipts_root, bloom)
}
