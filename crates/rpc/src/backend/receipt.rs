//! What the sequencer signs when it takes a transaction. `docs/spec/receipt.md` draws it.

use alloy_primitives::{Address, B256, Bytes, Signature, U64, U256, keccak256};
use serde::{Deserialize, Serialize};

/// Type of the EIP-712 domain.
const DOMAIN_TYPE: &[u8] = b"EIP712Domain(string name,string version,uint256 chainId)";
/// Name and version of the domain.
const DOMAIN_NAME: &[u8] = b"Weir receipt";
const DOMAIN_VERSION: &[u8] = b"1";
/// Type of what is signed.
const RECEIPT_TYPE: &[u8] = b"Receipt(bytes32 transactionHash,uint64 sequence,uint64 timeMs)";

/// A transaction that the sequencer says it has taken. It binds whoever signed it to one number and one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedReceipt {
    /// Hash of the transaction.
    pub transaction_hash: B256,
    /// Number of the receipt: each number is signed once at most, and later receipts have higher ones.
    pub sequence: U64,
    /// Unix time in milliseconds at which the transaction was durable.
    pub time_ms: U64,
    /// Chain id.
    pub chain_id: U64,
    /// Who signed.
    pub signer: Address,
    /// r, s and v, 65 bytes; v is 27 or 28.
    pub signature: Bytes,
}

/// Why a receipt is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The signature is none.
    #[error("signature is malformed: bytes={bytes}")]
    Malformed {
        /// Its length.
        bytes: usize,
    },
    /// The signature is another's, or of another receipt.
    #[error("signature is another's: signer={signer} recovered={recovered}")]
    Signer {
        /// Who should have signed.
        signer: Address,
        /// Who did.
        recovered: Address,
    },
    /// The signer is none of those that sign receipts.
    #[error("signer signs no receipts: signer={signer}")]
    UnknownSigner {
        /// Who signed.
        signer: Address,
    },
    /// The signer did not sign receipts at that time.
    #[error("signer signed no receipts at that time: signer={signer} time_ms={time_ms}")]
    WrongTime {
        /// Who signed.
        signer: Address,
        /// Unix time in milliseconds in the receipt.
        time_ms: u64,
    },
    /// The key has been replaced, and is no longer believed.
    #[error("signer is retired: signer={signer}")]
    Retired {
        /// Who signed.
        signer: Address,
    },
}

impl SignedReceipt {
    /// The hash that is signed (EIP-712).
    pub fn signing_hash(&self) -> B256 {
        keccak256(self.signing_data())
    }

    /// What the signed hash is of: a remote signer hashes it itself.
    pub fn signing_data(&self) -> Vec<u8> {
        let word = |number: U64| B256::from(U256::from(number));
        let domain = hash_words(&[
            keccak256(DOMAIN_TYPE),
            keccak256(DOMAIN_NAME),
            keccak256(DOMAIN_VERSION),
            word(self.chain_id),
        ]);
        let receipt = hash_words(&[
            keccak256(RECEIPT_TYPE),
            self.transaction_hash,
            word(self.sequence),
            word(self.time_ms),
        ]);
        [b"\x19\x01", domain.as_slice(), receipt.as_slice()].concat()
    }

    /// Checks that [`Self::signer`] signed it.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn verify(&self) -> Result<(), ReceiptError> {
        let malformed = || ReceiptError::Malformed { bytes: self.signature.len() };
        let signature = Signature::from_raw(&self.signature).map_err(|_| malformed())?;
        let recovered = signature.recover_address_from_prehash(&self.signing_hash());
        let recovered = recovered.map_err(|_| malformed())?;
        if recovered != self.signer {
            return Err(ReceiptError::Signer { signer: self.signer, recovered });
        }
        Ok(())
    }
}

fn hash_words(words: &[B256]) -> B256 {
    keccak256(words.iter().flat_map(|word| word.0).collect::<Vec<u8>>())
}
