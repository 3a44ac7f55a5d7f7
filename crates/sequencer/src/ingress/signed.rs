//! Receipts that the sequencer signs for transactions it takes.

use super::{GapPolicy, Ingress, IngressError, record};
use crate::{ReceiptKeys, sequencing::unix_millis};
use alloy_primitives::{Bytes, U64};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use weir_rpc::SignedReceipt;

/// Sequence numbers in one millisecond, where they begin with the time.
const NUMBERS_PER_MILLISECOND: u64 = 1_000;

/// The keys that sign receipts, and the next number.
#[derive(Debug)]
pub(super) struct ReceiptSigning {
    keys: Arc<ReceiptKeys>,
    next: AtomicU64,
}

impl ReceiptSigning {
    pub(super) fn next(&self) -> u64 {
        self.next.load(Ordering::SeqCst)
    }

    /// No number below this one is signed any more.
    pub(super) fn go_on_from(&self, next: u64) {
        self.next.fetch_max(next, Ordering::SeqCst);
    }
}

impl Ingress {
    /// Signs receipts with these keys. Without a journal, numbers begin with the time, so that they do not repeat either as
    /// long as fewer than a thousand are signed in a millisecond.
    #[must_use]
    pub fn with_receipt_keys(mut self, keys: Arc<ReceiptKeys>) -> Self {
        let first = match self.journal {
            Some(_) => 0,
            None => unix_millis(self.drops.clock()).saturating_mul(NUMBERS_PER_MILLISECOND),
        };
        self.receipts = Some(ReceiptSigning { keys, next: AtomicU64::new(first) });
        self
    }

    /// The keys that sign receipts; `None` if none are signed.
    pub fn receipt_keys(&self) -> Option<&Arc<ReceiptKeys>> {
        self.receipts.as_ref().map(|receipts| &receipts.keys)
    }

    /// Accepts a transaction as [`Self::submit`] does, and signs that it did.
    ///
    /// The number is in the journal ahead of the transaction: what is durable with the transaction is durable with its
    /// number. Numbers of refused transactions are skipped.
    ///
    /// # Errors
    /// As [`Self::submit`]; [`IngressError::ReceiptsOff`] without a key, [`IngressError::Signing`] if the transaction is
    /// accepted and the receipt could not be signed.
    pub async fn submit_signed(&self, raw: Bytes) -> Result<SignedReceipt, IngressError> {
        let receipts = self.receipts.as_ref().ok_or(IngressError::ReceiptsOff)?;
        let sequence = receipts.next.fetch_add(1, Ordering::SeqCst);
        if let Some(journal) = &self.journal {
            journal.append(record::sequence(sequence + 1), Box::new(|_| {}))?;
        }
        let transaction_hash = self.accept(raw, GapPolicy::Queue, None).await?;
        let (signer, time_ms) = receipts.keys.next();
        let mut receipt = SignedReceipt {
            transaction_hash,
            sequence: U64::from(sequence),
            time_ms: U64::from(time_ms),
            chain_id: U64::from(self.chain.spec().chain_id()),
            signer: signer.address(),
            signature: Bytes::new(),
        };
        let signature = signer.sign(&receipt.signing_data()).await;
        let signature = signature.map_err(|error| IngressError::Signing {
            hash: transaction_hash,
            reason: error.to_string(),
        })?;
        receipt.signature = signature.as_bytes().into();
        Ok(receipt)
    }
}
