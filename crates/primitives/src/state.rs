//! Read access to the state after one block.

use crate::Account;
use alloc::sync::Arc;
use alloy_primitives::{Address, B256, Bytes, U256};
use core::error::Error;

/// Why state could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StateError {
    /// The store failed. Mutable work based on this read must stop.
    #[error("state store failed: {0}")]
    Store(#[source] Arc<dyn Error + Send + Sync>),
    /// The state of this block is no longer kept; ask for a block in the history window.
    #[error("state is pruned: block={block} oldest={oldest}")]
    Pruned {
        /// The block asked for.
        block: u64,
        /// The oldest block whose state can still be read.
        oldest: u64,
    },
    /// A trie node, code or header that the state refers to is absent from the source.
    #[error("state is incomplete: missing={hash}")]
    Missing {
        /// Hash of what is missing.
        hash: B256,
    },
}

impl StateError {
    /// Wraps an error of the backing store.
    pub fn store(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// Read access to accounts, storage and code after one block, and to the hashes of its ancestors.
///
/// A provider is an immutable snapshot: two reads of the same key give the same answer, whatever the
/// node does meanwhile.
pub trait StateProvider: Send + Sync {
    /// The account, or `None` if the state trie has no leaf for it.
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError>;

    /// The value of a storage slot; zero if the slot, or the account, is absent.
    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError>;

    /// Whether the account holds any non-zero slot; asked only of accounts with neither nonce nor code.
    ///
    /// Such accounts exist only if a genesis says so or from before EIP-161; creating a contract on one must
    /// fail (EIP-7610). A provider over a chain that cannot hold one may keep the default, `false`.
    fn has_storage(&self, _address: &Address) -> Result<bool, StateError> {
        Ok(false)
    }

    /// The code with this hash, or `None` if the store has never seen it.
    fn code(&self, code_hash: &B256) -> Result<Option<Bytes>, StateError>;

    /// The canonical hash of block `number`, or `None` if it is not an ancestor-or-self of this state's block.
    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError>;
}

impl<T: StateProvider + ?Sized> StateProvider for Arc<T> {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        (**self).account(address)
    }
    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        (**self).storage(address, slot)
    }
    fn has_storage(&self, address: &Address) -> Result<bool, StateError> {
        (**self).has_storage(address)
    }
    fn code(&self, code_hash: &B256) -> Result<Option<Bytes>, StateError> {
        (**self).code(code_hash)
    }
    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        (**self).block_hash(number)
    }
}

/// The state before genesis: nothing exists.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyState;

impl StateProvider for EmptyState {
    fn account(&self, _address: &Address) -> Result<Option<Account>, StateError> {
        Ok(None)
    }
    fn storage(&self, _address: &Address, _slot: &U256) -> Result<U256, StateError> {
        Ok(U256::ZERO)
    }
    fn code(&self, _code_hash: &B256) -> Result<Option<Bytes>, StateError> {
        Ok(None)
    }
    fn block_hash(&self, _number: u64) -> Result<Option<B256>, StateError> {
        Ok(None)
    }
}
