//! Why a chain is not imported.

use std::io;
use weir_evm::{BlockError, DecodeError};
use weir_primitives::{BlockRef, SenderError, StateError};
use weir_storage::StorageError;
use weir_trie::TrieError;

/// Why an import ended early. What came before is stored.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file could not be read.
    #[error("file cannot be read: offset={offset}")]
    Read {
        /// Byte of the file at which the block starts.
        offset: u64,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The bytes are not the RLP list of a block.
    #[error("bytes are not a block: offset={offset}")]
    NotABlock {
        /// Byte of the file at which the block starts.
        offset: u64,
    },
    /// The block is larger than any that is imported.
    #[error("block is too large: offset={offset} bytes={bytes} bytes_max={bytes_max}")]
    TooLarge {
        /// Byte of the file at which the block starts.
        offset: u64,
        /// Bytes it claims to have.
        bytes: u64,
        /// Most bytes of a block.
        bytes_max: u64,
    },
    /// The block does not decode.
    #[error("block does not decode: offset={offset}")]
    Decode {
        /// Byte of the file at which the block starts.
        offset: u64,
        /// What is wrong.
        #[source]
        source: DecodeError,
    },
    /// A transaction's signature does not recover.
    #[error("block has a transaction without a sender: number={number}")]
    Sender {
        /// Number of the block.
        number: u64,
        /// Which one.
        #[source]
        source: SenderError,
    },
    /// The block is not the child of the head.
    #[error(
        "block is not the child of the head: head={head_number} {head_hash} block={number} {hash} parent={parent}",
        head_number = .head.number, head_hash = .head.hash,
        number = .block.number, hash = .block.hash, parent = .block.parent_hash
    )]
    Unlinked {
        /// The block.
        block: BlockRef,
        /// The head of the store.
        head: BlockRef,
    },
    /// The block breaks a rule of the chain.
    #[error("block is invalid: number={number}")]
    Block {
        /// Number of the block.
        number: u64,
        /// Which rule.
        #[source]
        source: BlockError,
    },
    /// The trie could not be computed.
    #[error("state root cannot be computed")]
    Trie(#[from] TrieError),
    /// State could not be read.
    #[error("state cannot be read")]
    State(#[from] StateError),
    /// The store failed.
    #[error("store failed")]
    Storage(#[from] StorageError),
}
