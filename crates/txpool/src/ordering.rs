//! Which executable transaction comes first.

use std::{fmt, str::FromStr};

/// The order in which executable transactions of different senders are given out. Those of one sender always come
/// in the order of their nonces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OrderingPolicy {
    /// First come, first served, by arrival number.
    #[default]
    Fifo,
    /// Highest effective priority fee at the block's base fee first, then by arrival number.
    PriorityFee,
}

impl OrderingPolicy {
    /// Every policy.
    pub const ALL: [Self; 2] = [Self::Fifo, Self::PriorityFee];

    /// The name in configuration files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::PriorityFee => "priority-fee",
        }
    }
}

impl fmt::Display for OrderingPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no ordering policy has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown ordering policy: name={name} known=fifo,priority-fee")]
pub struct UnknownOrderingPolicy {
    /// The name given.
    pub name: String,
}

impl FromStr for OrderingPolicy {
    type Err = UnknownOrderingPolicy;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.name() == name)
            .ok_or_else(|| UnknownOrderingPolicy { name: name.to_owned() })
    }
}
