//! An account as execution sees it.

use alloy_primitives::{B256, U256, b256};

/// Keccak-256 of the empty byte string: the code hash of an account without code.
pub const KECCAK_EMPTY: B256 =
    b256!("0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");

/// The fields of an account that execution reads and writes.
///
/// The storage root is not here: it is a fact about the trie, and only `weir-trie` computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Account {
    /// Number of transactions sent (or contracts created) by this account.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Keccak-256 of the code, [`KECCAK_EMPTY`] if there is none.
    pub code_hash: B256,
}

impl Account {
    /// Whether EIP-161 calls this account empty: no nonce, no balance, no code.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK_EMPTY
    }

    /// Whether the account has code (a 7702 delegation counts as code).
    pub fn has_code(&self) -> bool {
        self.code_hash != KECCAK_EMPTY
    }
}

impl Default for Account {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK_EMPTY }
    }
}
