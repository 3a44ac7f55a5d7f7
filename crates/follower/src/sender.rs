//! Signing and sending for a caller that owns the nonces.

use crate::{
    ChainClient, ClientError, Fees, Inclusion, L1Transaction, Observation, SendOutcome,
    SignedTransaction,
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256};
use std::sync::Arc;
use weir_keys::{KeyError, Signer};

/// A signer on one chain. It keeps no nonce and remembers nothing it sent.
#[derive(Debug, Clone)]
pub struct TransactionSender {
    client: ChainClient,
    signer: Arc<Signer>,
    chain_id: u64,
}

/// Where the chain and the sender's account stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Number of the chain's head.
    pub head_number: u64,
    /// Nonce of the account after the head.
    pub account_nonce: u64,
}

impl TransactionSender {
    /// Asks the node for its chain id, which every signature is bound to.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn new(client: ChainClient, signer: Arc<Signer>) -> Result<Self, ClientError> {
        let chain_id = client.chain_id().await?;
        Ok(Self { client, signer, chain_id })
    }

    /// The client this sender sends through.
    pub const fn client(&self) -> &ChainClient {
        &self.client
    }

    /// The address that pays.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The chain's id.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The next nonce that no included transaction has used.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn next_nonce(&self) -> Result<u64, ClientError> {
        self.client.nonce(self.address(), BlockNumberOrTag::Latest).await
    }

    /// Signs; keep the result durably before [`send`](Self::send).
    ///
    /// # Errors
    /// [`KeyError`] of a remote signer. Nothing was sent.
    pub async fn sign(
        &self,
        request: &L1Transaction,
        fees: Fees,
    ) -> Result<SignedTransaction, KeyError> {
        request.sign(&self.signer, self.chain_id, fees).await
    }

    /// Sends signed bytes, once.
    ///
    /// # Errors
    /// As [`ChainClient::send_raw`].
    pub async fn send(&self, signed: &SignedTransaction) -> Result<SendOutcome, ClientError> {
        self.client.send_raw(&signed.raw).await
    }

    /// The chain's head and this sender's nonce after it.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn position(&self) -> Result<Position, ClientError> {
        let head_number = self.client.head().await?.number;
        let account_nonce = self.next_nonce().await?;
        Ok(Position { head_number, account_nonce })
    }

    /// Looks at everything an [`InclusionTracker`](crate::InclusionTracker) wants to know about the attempts of one nonce.
    ///
    /// `position` must have been read before: if the account's nonce was beyond ours then, and none of our
    /// attempts has a receipt now, another transaction used the nonce.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn observe(
        &self,
        position: Position,
        attempts: &[B256],
        now_ms: u64,
    ) -> Result<Observation, ClientError> {
        let Position { head_number, account_nonce } = position;
        let inclusion = self.inclusion_of(attempts).await?;
        let mut is_known = inclusion.is_some();
        for hash in attempts.iter().rev() {
            if is_known {
                break;
            }
            is_known = self.client.is_transaction_known(*hash).await?;
        }
        Ok(Observation { head_number, account_nonce, inclusion, is_known, now_ms })
    }

    async fn inclusion_of(&self, attempts: &[B256]) -> Result<Option<Inclusion>, ClientError> {
        // The newest attempt is the most likely one.
        for hash in attempts.iter().rev() {
            if let Some(inclusion) = self.client.inclusion(*hash).await? {
                return Ok(Some(inclusion));
            }
        }
        Ok(None)
    }
}
