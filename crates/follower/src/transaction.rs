//! What is sent, and how it is signed.

use crate::Fees;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use weir_keys::{KeyError, LocalKey, Signer};

/// A transaction to sign: everything but fees and chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct L1Transaction {
    /// The nonce, which the caller owns.
    pub nonce: u64,
    /// The recipient.
    pub to: Address,
    /// Wei sent along.
    pub value: U256,
    /// The calldata.
    pub input: Bytes,
    /// Gas limit.
    pub gas_limit: u64,
}

/// A signed transaction: the same bytes can be sent any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTransaction {
    /// EIP-2718 bytes.
    pub raw: Bytes,
    /// Hash of the transaction.
    pub hash: B256,
}

impl L1Transaction {
    /// Signs it as an EIP-1559 transaction.
    ///
    /// # Errors
    /// [`KeyError`] of a remote signer.
    pub async fn sign(
        &self,
        signer: &Signer,
        chain_id: u64,
        fees: Fees,
    ) -> Result<SignedTransaction, KeyError> {
        let unsigned = self.unsigned(chain_id, fees);
        let signature = signer.sign(&unsigned.encoded_for_signing()).await?;
        Ok(signed(unsigned, signature))
    }

    /// Signs it with a key of this process. Deterministic (RFC 6979): the same request gives the same bytes.
    pub fn sign_with(&self, key: &LocalKey, chain_id: u64, fees: Fees) -> SignedTransaction {
        let unsigned = self.unsigned(chain_id, fees);
        let signature = key.sign(&unsigned.encoded_for_signing());
        signed(unsigned, signature)
    }

    fn unsigned(&self, chain_id: u64, fees: Fees) -> TxEip1559 {
        TxEip1559 {
            chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: fees.max_fee_per_gas,
            max_priority_fee_per_gas: fees.max_priority_fee_per_gas,
            to: TxKind::Call(self.to),
            value: self.value,
            access_list: Default::default(),
            input: self.input.clone(),
        }
    }
}

fn signed(unsigned: TxEip1559, signature: Signature) -> SignedTransaction {
    let envelope = TxEnvelope::from(unsigned.into_signed(signature));
    SignedTransaction { raw: envelope.encoded_2718().into(), hash: *envelope.tx_hash() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_twice_gives_the_same_bytes_and_another_fee_gives_others() {
        let key = LocalKey::from_bytes(&[7; 32]).unwrap();
        let request = L1Transaction {
            nonce: 7,
            to: Address::ZERO,
            value: U256::ZERO,
            input: Bytes::from_static(b"payload"),
            gas_limit: 100_000,
        };
        let fees = Fees { max_fee_per_gas: 10, max_priority_fee_per_gas: 1 };
        let first = request.sign_with(&key, 1, fees);
        assert_eq!(first, request.sign_with(&key, 1, fees));
        assert_ne!(first.hash, request.sign_with(&key, 1, fees.bumped()).hash);
        assert_ne!(first.hash, request.sign_with(&key, 2, fees).hash);
        assert_eq!(first.hash, alloy_primitives::keccak256(&first.raw));
    }
}
