//! An account that signs.

use std::fmt;

use alloy_consensus::{SignableTransaction, TxEip1559, crypto::secp256k1::sign_message};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, hex, keccak256};
use alloy_signer_local::PrivateKeySigner;
use bytes::Bytes;

use crate::LoadError;

/// Private key of the first account of the mnemonic `test test test test test test test test test test test junk`.
const TEST_KEY: B256 =
    B256::new(hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"));

/// A private key with its address. Never printed.
#[derive(Clone)]
pub struct Wallet {
    secret: B256,
    address: Address,
}

/// A transaction ready to be posted.
#[derive(Clone, Debug)]
pub(crate) struct SignedTransaction {
    /// Transaction hash.
    pub(crate) hash: B256,
    /// The whole JSON-RPC request, `eth_sendRawTransaction` with the transaction in it.
    pub(crate) request: Bytes,
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wallet").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Wallet {
    /// An account by its private key.
    ///
    /// # Errors
    /// [`LoadError::InvalidKey`] if `secret` is zero or not below the order of the curve.
    pub fn new(secret: B256) -> Result<Self, LoadError> {
        let signer = PrivateKeySigner::from_bytes(&secret).map_err(|_| LoadError::InvalidKey)?;
        Ok(Self { secret, address: signer.address() })
    }

    /// The first account of the well-known test mnemonic, rich on every development chain.
    pub fn test_account() -> Self {
        Self::new(TEST_KEY).expect("the first key of the test mnemonic is a valid scalar")
    }

    /// An account that only depends on this one, `purpose` and `index`: a second run finds the same accounts.
    pub fn derive(&self, purpose: &str, index: u64) -> Self {
        let mut preimage = self.secret.to_vec();
        preimage.extend_from_slice(purpose.as_bytes());
        preimage.extend_from_slice(&index.to_be_bytes());
        Self::new(keccak256(preimage)).expect("a hash is an invalid scalar once in 2^128")
    }

    /// The account's address.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Signs an EIP-1559 transaction and wraps it in its JSON-RPC request.
    pub(crate) fn sign(&self, transaction: TxEip1559) -> SignedTransaction {
        let signature = sign_message(self.secret, transaction.signature_hash())
            .expect("the key was checked in new, and any hash can be signed");
        let signed = transaction.into_signed(signature);
        let hash = *signed.hash();
        let raw = hex::encode(signed.encoded_2718());
        let request = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x{raw}"]}}"#
        );
        SignedTransaction { hash, request: Bytes::from(request) }
    }
}

#[cfg(test)]
mod tests {
    use alloy_consensus::{TxEnvelope, transaction::SignerRecoverable};
    use alloy_eips::eip2718::Decodable2718;
    use alloy_primitives::{TxKind, U256, address};

    use super::*;

    #[test]
    fn signed_request_carries_a_transaction_of_the_wallet() {
        let wallet = Wallet::test_account();
        assert_eq!(wallet.address(), address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
        let transaction = TxEip1559 {
            chain_id: 61972,
            nonce: 7,
            gas_limit: 21_000,
            to: TxKind::Call(Address::ZERO),
            value: U256::from(1),
            ..TxEip1559::default()
        };
        let signed = wallet.sign(transaction);
        let body: serde_json::Value = serde_json::from_slice(&signed.request).unwrap();
        assert_eq!(body["method"], "eth_sendRawTransaction");
        let raw = hex::decode(body["params"][0].as_str().unwrap()).unwrap();
        let decoded = TxEnvelope::decode_2718_exact(&raw).unwrap();
        assert_eq!(decoded.recover_signer().unwrap(), wallet.address());
        assert_eq!(*decoded.tx_hash(), signed.hash);
    }

    #[test]
    fn derived_accounts_differ_by_purpose_and_index_and_repeat() {
        let root = Wallet::test_account();
        assert_eq!(root.derive("a", 1).address(), root.derive("a", 1).address());
        assert_ne!(root.derive("a", 1).address(), root.derive("a", 2).address());
        assert_ne!(root.derive("a", 1).address(), root.derive("b", 1).address());
    }

    #[test]
    fn key_never_reaches_the_debug_output() {
        let printed = format!("{:?}", Wallet::test_account());
        assert!(!printed.contains("ac0974be"), "{printed}");
        assert!(matches!(Wallet::new(B256::ZERO), Err(LoadError::InvalidKey)));
    }
}
