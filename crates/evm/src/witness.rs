//! All that executing a block needs of the state before it.

use crate::BlockAccesses;
use alloc::{vec, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use weir_primitives::{Header, StateError, StateProvider};
use weir_trie::{HashedDiff, NodeSource, TrieError, witness_nodes};

/// What a block needs to be executed without any state: the canonical form of execution-specs (EIP-8025).
///
/// Nodes and codes are those of the state before the block, each once, sorted by their bytes, and none could be left
/// out. `docs/spec/witness.md` draws the forms in which it leaves the process.
#[derive(Debug, Clone, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct ExecutionWitness {
    /// Nodes of the account trie and of storage tries, each in RLP.
    pub state: Vec<Bytes>,
    /// Codes that were read.
    pub codes: Vec<Bytes>,
    /// Headers in RLP, from the lowest whose hash was asked for up to the parent, which is always there.
    pub headers: Vec<Bytes>,
    /// Addresses (20 bytes), each followed by its slots (32 bytes) that were read. Not part of the canonical form.
    pub keys: Vec<Bytes>,
}

/// First byte of the binary form.
const BINARY_VERSION: u8 = 1;

#[derive(RlpEncodable, RlpDecodable)]
struct Binary {
    state: Vec<Bytes>,
    codes: Vec<Bytes>,
    headers: Vec<Bytes>,
}

/// Why a witness could not be made. The store is at fault.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WitnessError {
    /// A node could not be read.
    #[error("node cannot be read")]
    Trie(#[from] TrieError),
    /// A code or header could not be read.
    #[error("state cannot be read")]
    State(#[from] StateError),
    /// A code that the block read is not in the store.
    #[error("code is missing: hash={hash}")]
    CodeMissing {
        /// Hash of the code.
        hash: B256,
    },
    /// A header whose hash the block asked for is not in the store.
    #[error("header is missing: number={number}")]
    HeaderMissing {
        /// Number of the block.
        number: u64,
    },
}

impl ExecutionWitness {
    /// Makes the witness of a block that read `accesses` and changed `diff` on top of the state after `parent`, from
    /// that state: its nodes, its codes, and its chain by number. Nothing is executed, and no cache is touched.
    pub fn record(
        parent: &Header,
        (accesses, diff): (&BlockAccesses, &HashedDiff),
        nodes: &dyn NodeSource,
        state: &dyn StateProvider,
        header: &mut dyn FnMut(u64) -> Result<Option<Header>, StateError>,
    ) -> Result<Self, WitnessError> {
        let hashed = |(address, slots): &(Address, Vec<U256>)| {
            let slots = slots.iter().map(|slot| keccak256(B256::from(*slot)));
            (keccak256(address), slots.collect())
        };
        let reads: Vec<(B256, Vec<B256>)> = accesses.accounts.iter().map(hashed).collect();
        let nodes = witness_nodes(parent.state_root, &reads, diff, nodes)?;
        Self::of_nodes(parent, accesses, nodes, state, header)
    }

    /// [`Self::record`] where the nodes are known: those that a trie noted while the block was read and applied.
    pub fn of_nodes(
        parent: &Header,
        accesses: &BlockAccesses,
        nodes: Vec<Bytes>,
        state: &dyn StateProvider,
        header: &mut dyn FnMut(u64) -> Result<Option<Header>, StateError>,
    ) -> Result<Self, WitnessError> {
        let mut keys = Vec::with_capacity(accesses.accounts.len());
        for (address, slots) in &accesses.accounts {
            keys.push(Bytes::copy_from_slice(address.as_slice()));
            let slots = slots.iter().map(|slot| B256::from(*slot));
            keys.extend(slots.map(|slot| Bytes::copy_from_slice(slot.as_slice())));
        }
        let mut codes = Vec::with_capacity(accesses.codes.len());
        for hash in &accesses.codes {
            codes.push(state.code(hash)?.ok_or(WitnessError::CodeMissing { hash: *hash })?);
        }
        codes.sort_unstable();
        let lowest = accesses.lowest_block_hash.unwrap_or(parent.number).min(parent.number);
        let mut headers = Vec::new();
        for number in lowest..parent.number {
            let header = header(number)?.ok_or(WitnessError::HeaderMissing { number })?;
            headers.push(alloy_rlp::encode(header).into());
        }
        headers.push(alloy_rlp::encode(parent).into());
        Ok(Self { state: nodes, codes, headers, keys })
    }

    /// The binary form: version 1, then `RLP[[node..], [code..], [header..]]`.
    pub fn to_binary(&self) -> Vec<u8> {
        let Self { state, codes, headers, .. } = self;
        let mut out = vec![BINARY_VERSION];
        Binary { state: state.clone(), codes: codes.clone(), headers: headers.clone() }
            .encode(&mut out);
        out
    }

    /// Reads the binary form; `None` if the bytes are not exactly one.
    pub fn from_binary(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[BINARY_VERSION])?;
        let Binary { state, codes, headers } = Binary::decode(&mut rest).ok()?;
        rest.is_empty().then_some(Self { state, codes, headers, keys: Vec::new() })
    }

    /// Bytes of nodes, codes and headers.
    pub fn size_bytes(&self) -> usize {
        let parts = [&self.state, &self.codes, &self.headers];
        parts.into_iter().flatten().map(|part| part.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{bytes, hex};

    #[test]
    fn the_binary_form_is_what_the_document_says() {
        let witness = ExecutionWitness {
            state: vec![bytes!("c20102"), bytes!("c3010203")],
            codes: vec![bytes!("5f")],
            headers: vec![bytes!("c0")],
            keys: Vec::new(),
        };
        let bytes = witness.to_binary();
        assert_eq!(bytes, hex!("01 cf c9 83c20102 84c3010203 c1 5f c2 81c0"));
        assert_eq!(ExecutionWitness::from_binary(&bytes), Some(witness));
        for len in 0..bytes.len() {
            assert_eq!(ExecutionWitness::from_binary(&bytes[..len]), None);
        }
        assert_eq!(ExecutionWitness::from_binary(&[bytes.as_slice(), &[0]].concat()), None);
    }
}
