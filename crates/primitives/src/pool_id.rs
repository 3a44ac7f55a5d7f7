//! What names a pool on its chain.

use alloy_primitives::{Address, B256};
use core::fmt;

/// A pool on one chain: its contract's address, or the id under which a singleton contract keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PoolId {
    /// The pool is a contract (Uniswap V2, V3 and their forks).
    Address(Address),
    /// The pool is a record of a singleton (Uniswap V4); all of them share one address.
    Id(B256),
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Id(id) => id.fmt(f),
        }
    }
}

impl From<Address> for PoolId {
    fn from(address: Address) -> Self {
        Self::Address(address)
    }
}
