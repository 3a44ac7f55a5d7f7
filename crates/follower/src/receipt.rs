//! What became of a transaction, as the node tells it.

use crate::{ChainClient, ClientError, RefusedError};
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_eth::TransactionReceipt;

/// A transaction in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inclusion {
    /// Hash of the transaction.
    pub transaction_hash: B256,
    /// Number of the block.
    pub block_number: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Whether it succeeded; a reverted transaction is in the block all the same.
    pub is_success: bool,
    /// Gas it used.
    pub gas_used: u64,
    /// Price it paid for a unit of gas, in wei.
    pub effective_gas_price_wei: u128,
}

/// How a node received a signed transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    /// It is in the node's pool now.
    Accepted,
    /// It was in the pool, or in a block, before.
    AlreadyKnown,
    /// The nonce is used up: by this transaction, or by another. Ask for the receipts to find out which.
    NonceTooLow,
    /// The pool holds another transaction of this nonce with fees that this one does not beat.
    Underpriced,
}

impl SendOutcome {
    /// Reads the verdict from an error, if it is one of those above.
    ///
    /// There is no agreed code, so the wording of geth, Reth, Erigon, Besu, Nethermind and anvil is matched.
    pub(crate) fn from_refusal(refusal: &RefusedError) -> Option<Self> {
        const CODE_ALREADY_KNOWN: i64 = 1000;
        let message = refusal.message.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if refusal.code == CODE_ALREADY_KNOWN
            || says(&["already known", "alreadyknown", "already imported", "known transaction"])
        {
            Some(Self::AlreadyKnown)
        } else if says(&["nonce too low", "nonce is too low", "oldnonce", "old nonce"]) {
            Some(Self::NonceTooLow)
        } else if says(&["underpriced", "not_replaced", "replacementnotallowed"]) {
            Some(Self::Underpriced)
        } else {
            None
        }
    }
}

impl ChainClient {
    /// Hands a signed transaction to the node, once.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the node will not have it (funds, gas, size); any [`ClientError`]. After a timeout the
    /// transaction may or may not be in the pool: sending the same bytes again is safe.
    pub async fn send_raw(&self, raw: &Bytes) -> Result<SendOutcome, ClientError> {
        match self.once::<_, B256>("eth_sendRawTransaction", (raw.clone(),)).await {
            Ok(_) => Ok(SendOutcome::Accepted),
            Err(error) => match error.refused().and_then(SendOutcome::from_refusal) {
                Some(outcome) => Ok(outcome),
                None => Err(error),
            },
        }
    }

    /// Where a transaction was included, or `None` if it is in no canonical block.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn inclusion(&self, hash: B256) -> Result<Option<Inclusion>, ClientError> {
        let found: Option<TransactionReceipt> =
            self.read("eth_getTransactionReceipt", (hash,)).await?;
        Ok(found.and_then(|receipt| {
            Some(Inclusion {
                transaction_hash: hash,
                block_number: receipt.block_number?,
                block_hash: receipt.block_hash?,
                is_success: receipt.status(),
                gas_used: receipt.gas_used,
                effective_gas_price_wei: receipt.effective_gas_price,
            })
        }))
    }

    /// Whether the node knows a transaction at all, in its pool or in a block.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn is_transaction_known(&self, hash: B256) -> Result<bool, ClientError> {
        let found: Option<serde_json::Value> =
            self.read("eth_getTransactionByHash", (hash,)).await?;
        Ok(found.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wording_of_each_client_is_understood() {
        let check = |code, message: &str, expected| {
            let refusal = RefusedError { code, message: message.to_owned(), data: None };
            assert_eq!(SendOutcome::from_refusal(&refusal), expected, "{message}");
        };
        check(-32000, "already known", Some(SendOutcome::AlreadyKnown));
        check(1000, "whatever", Some(SendOutcome::AlreadyKnown));
        check(-32003, "transaction already imported", Some(SendOutcome::AlreadyKnown));
        check(-32000, "Known transaction", Some(SendOutcome::AlreadyKnown));
        check(-32000, "nonce too low: next nonce 5, tx nonce 4", Some(SendOutcome::NonceTooLow));
        check(-32001, "Nonce too low", Some(SendOutcome::NonceTooLow));
        check(-32010, "OldNonce", Some(SendOutcome::NonceTooLow));
        check(-32000, "replacement transaction underpriced", Some(SendOutcome::Underpriced));
        check(-32000, "insufficient funds for gas * price + value", None);
        check(-32000, "nonce too high", None);
    }
}
