//! How a producer knows that a block holds every pool event.

use crate::CodecError;
use std::fmt;

/// The evidence that no pool event of a block is missing, strongest first.
///
/// A consumer sets the weakest grade that it trades on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Completeness {
    /// The producer executed the block itself.
    ExecutedInNode = 1,
    /// All receipts of the block hash to the header's `receiptsRoot`.
    ReceiptsRootVerified = 2,
    /// The block access list hashes to the header's commitment (EIP-7928).
    BlockAccessListVerified = 3,
    /// Logs were asked for by block hash; the node's word is taken for their number.
    BlockHashPinnedLogs = 4,
    /// The header's bloom excludes every watched pool.
    BloomExcluded = 5,
    /// Nothing is known.
    Unproven = 6,
}

impl Completeness {
    pub(crate) fn from_wire(value: u8) -> Result<Self, CodecError> {
        Ok(match value {
            1 => Self::ExecutedInNode,
            2 => Self::ReceiptsRootVerified,
            3 => Self::BlockAccessListVerified,
            4 => Self::BlockHashPinnedLogs,
            5 => Self::BloomExcluded,
            6 => Self::Unproven,
            other => {
                let value = other.into();
                return Err(CodecError::UnknownValue { field: "completeness", value });
            }
        })
    }

    /// The name in JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExecutedInNode => "executed_in_node",
            Self::ReceiptsRootVerified => "receipts_root_verified",
            Self::BlockAccessListVerified => "block_access_list_verified",
            Self::BlockHashPinnedLogs => "block_hash_pinned_logs",
            Self::BloomExcluded => "bloom_excluded",
            Self::Unproven => "unproven",
        }
    }
}

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
