//! Why a block cannot be built.

use alloy_primitives::B256;
use weir_evm::ExecutionError;
use weir_primitives::Severity;
use weir_trie::TrieError;

/// Why the open block is of no use any more. The driver drops it and releases what it has in flight.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BuildError {
    /// The block could not be opened: attributes, parent or state are at fault.
    #[error("block cannot be opened")]
    Open(#[source] ExecutionError),
    /// Execution failed at a transaction. If the EVM itself is at fault, the driver may exclude the transaction.
    #[error("execution failed: transaction={hash}")]
    Execute {
        /// Hash of the transaction.
        hash: B256,
        /// What failed.
        #[source]
        source: ExecutionError,
    },
    /// The block could not be ended: a system contract or the state is at fault.
    #[error("block cannot be finished")]
    Finish(#[source] ExecutionError),
    /// The state root could not be computed. The trie is poisoned; build it anew from the parent's root.
    #[error("state root cannot be computed")]
    StateRoot(#[from] TrieError),
}

impl BuildError {
    /// What the driver does next.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Open(source) | Self::Execute { source, .. } | Self::Finish(source) => {
                source.severity()
            }
            Self::StateRoot(TrieError::Poisoned) => Severity::Reset,
            Self::StateRoot(
                TrieError::Missing { .. }
                | TrieError::Mismatch { .. }
                | TrieError::Malformed { .. }
                | TrieError::MalformedAccount { .. }
                | TrieError::Source(_),
            ) => Severity::Halt,
        }
    }
}
