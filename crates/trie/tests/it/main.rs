//! The trie against models and against alloy-trie.

mod errors;
mod histories;
mod model;
mod nodes;
mod proofs;
mod witness;
