#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod diff;
pub use diff::{AccountChange, HashedDiff};

mod account;
pub use account::{LeafAccount, TrieLeaf};

mod source;
pub use source::{EmptyNodes, NodePath, NodeSource};

mod state;
pub use state::StateTrie;

mod read;

mod witness;
pub use witness::{WitnessNodes, witness_nodes};

mod updates;
pub use updates::TrieUpdates;

mod audit;
pub use audit::{LeafCount, count_leaves};

mod proof;
pub use proof::{AccountProof, SlotProof, prove};

mod ordered;
pub use ordered::{OrderedTrie, ordered_root};

mod keccak;
pub use keccak::keccak256_each;

mod scratch;
pub use scratch::{state_root_from_scratch, storage_root_from_scratch};

mod error;
pub use error::TrieError;

mod codec;
mod evict;
mod hash;
mod merkle;
mod node;
mod notes;
mod remove;
mod split;
mod threads;

pub use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

#[cfg(test)]
mod vectors;
