//! What logs are looked up by.

use alloy_primitives::{Address, B256, Keccak256};

/// A value at a place of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogValue {
    /// The contract that emitted it.
    Address(Address),
    /// A topic at a position, 0 to 3.
    Topic {
        /// The position.
        position: u8,
        /// The topic.
        value: B256,
    },
}

impl LogValue {
    /// Place byte of an address; topics have their position.
    const ADDRESS_PLACE: u8 = 0xff;

    /// What the index keeps: few bytes, because a collision only costs a look at a block.
    pub(crate) fn index_key(&self) -> [u8; 8] {
        let mut hasher = Keccak256::new();
        match self {
            Self::Address(address) => {
                hasher.update([Self::ADDRESS_PLACE]);
                hasher.update(address);
            }
            Self::Topic { position, value } => {
                hasher.update([*position]);
                hasher.update(value);
            }
        }
        let hash = hasher.finalize();
        hash.first_chunk().copied().expect("a hash has 32 bytes")
    }
}
