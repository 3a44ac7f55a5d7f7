//! Why a key cannot be changed.

use std::path::PathBuf;
use weir_keys::KeyError;

/// Why the keys of a node cannot be read or changed. The key that signs goes on to sign.
#[derive(Debug, thiserror::Error)]
pub enum RoleKeysError {
    /// The key cannot be used.
    #[error("key cannot be used")]
    Key(#[from] KeyError),
    /// The file of the keys cannot be read or written.
    #[error("choice of keys cannot be kept: path={}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file of the keys is not what this program writes.
    #[error("choice of keys cannot be read: path={} reason={reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// As many earlier keys are still believed as are kept. Rotate later, or with a shorter overlap.
    #[error("too many keys are believed: limit={limit}")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// A thread that opens keys panicked.
    #[error("thread of the keys panicked")]
    Panicked,
}
