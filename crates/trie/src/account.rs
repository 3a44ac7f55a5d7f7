//! The account as the state trie holds it.

use alloc::vec::Vec;
use alloy_primitives::{B256, U256, keccak256};
use alloy_rlp::{Decodable, Encodable, Header};
use alloy_trie::EMPTY_ROOT_HASH;

/// Bytes of an RLP-encoded hash: prefix and 32 bytes.
const HASH_RLP_BYTES: usize = 33;

/// The fields of an account that a caller sets. The storage root is not among them: the trie computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafAccount {
    /// Transactions sent (or contracts created).
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Keccak-256 of the code.
    pub code_hash: B256,
}

/// An account leaf of the state trie: `RLP[nonce, balance, storage root, code hash]` (Yellow Paper, section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrieLeaf {
    /// Nonce, balance and code hash.
    pub account: LeafAccount,
    /// Root of the account's storage trie.
    pub storage_root: B256,
}

impl Default for LeafAccount {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: keccak256([]) }
    }
}

impl TrieLeaf {
    /// The value of the leaf.
    pub fn encode(&self) -> Vec<u8> {
        let account = &self.account;
        let payload_length = account.nonce.length() + account.balance.length() + 2 * HASH_RLP_BYTES;
        let mut out = Vec::with_capacity(payload_length + 2);
        Header { list: true, payload_length }.encode(&mut out);
        account.nonce.encode(&mut out);
        account.balance.encode(&mut out);
        self.storage_root.encode(&mut out);
        account.code_hash.encode(&mut out);
        out
    }

    /// Reads the value of a leaf; `None` if it is not exactly an account.
    pub fn decode(mut value: &[u8]) -> Option<Self> {
        let header = Header::decode(&mut value).ok()?;
        if !header.list || header.payload_length != value.len() {
            return None;
        }
        let nonce = u64::decode(&mut value).ok()?;
        let balance = U256::decode(&mut value).ok()?;
        let storage_root = B256::decode(&mut value).ok()?;
        let code_hash = B256::decode(&mut value).ok()?;
        let account = LeafAccount { nonce, balance, code_hash };
        value.is_empty().then_some(Self { account, storage_root })
    }

    /// Whether the account has no storage.
    pub fn is_storage_empty(&self) -> bool {
        self.storage_root == EMPTY_ROOT_HASH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaf_decodes_to_what_was_encoded_and_rejects_the_rest() {
        let account = LeafAccount { nonce: 7, balance: U256::MAX, code_hash: keccak256(b"code") };
        let leaf = TrieLeaf { account, storage_root: keccak256(b"root") };
        let bytes = leaf.encode();
        assert_eq!(TrieLeaf::decode(&bytes), Some(leaf));
        for len in 0..bytes.len() {
            assert_eq!(TrieLeaf::decode(&bytes[..len]), None);
        }
        let mut longer = bytes;
        longer.push(0);
        assert_eq!(TrieLeaf::decode(&longer), None);
    }
}
