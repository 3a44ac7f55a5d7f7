//! What a key signs.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What a key signs; each has a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Receipts of transactions.
    Receipt,
    /// Transactions on L1 that carry batches.
    L1,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::Receipt, Self::L1];

    /// Its name for operators; the setting is called `NAME-key`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::L1 => "l1",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("role is none of receipt, l1: role={0}")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let is_it = |role: &Self| role.name() == text;
        Self::ALL.into_iter().find(is_it).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}
