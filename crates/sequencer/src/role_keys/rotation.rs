//! A change of a key.

use alloy_primitives::Address;

/// A change of the key of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The key that signed before.
    pub previous: Address,
    /// The key that signs now: the same, if the file still holds it.
    pub signer: Address,
}

impl Rotation {
    /// Whether another key signs now.
    pub fn is_change(&self) -> bool {
        self.previous != self.signer
    }
}
