//! Checking a block with its witness and nothing else.
//!
//! The verifier shares the executor with the rest of the crate and no state: it has its own reader, its own trie and
//! its own code cache, all made for one block. It is built without `std`, too, for guest programs of zkVMs: the same code
//! on one thread, with Rust's implementations of what precompiles and signatures need (`scripts/check-no-std`).

use crate::{
    BlockError, ChainSpec, ExecutionWitness, SealedHeader, WitnessGap, block::execute_beside,
    witness_keys::WitnessKeys, witness_state::WitnessState,
};
use alloc::sync::Arc;
use alloy_primitives::{B256, keccak256, map::HashMap};
use alloy_rlp::Decodable;
use weir_primitives::{Header, RecoveredBlock, StateDiff};
use weir_trie::TrieError;

/// Most headers of a witness: those whose hash `BLOCKHASH` can give.
const HEADERS_MAX: usize = 256;

/// Why a block was not believed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StatelessError {
    /// The hash given is not that of the header.
    #[error("block hash is wrong: given={given} computed={computed}")]
    Hash {
        /// Hash that came with the block.
        given: B256,
        /// Hash of the header.
        computed: B256,
    },
    /// The witness shows no header, or more than `BLOCKHASH` can reach.
    #[error("number of headers is wrong: found={found} max={HEADERS_MAX}")]
    HeaderCount {
        /// Headers in the witness.
        found: usize,
    },
    /// A header of the witness is not one.
    #[error("header does not decode: index={index} error={error}")]
    HeaderMalformed {
        /// Index in the witness.
        index: usize,
        /// What the decoder said.
        error: alloy_rlp::Error,
    },
    /// A header of the witness is not the child of the one before it.
    #[error("headers are not linked: index={index}")]
    HeadersUnlinked {
        /// Index of the header that does not fit.
        index: usize,
    },
    /// The last header of the witness is not the block's parent.
    #[error("last header is not the parent: expected={expected} found={found}")]
    NotParent {
        /// Parent hash in the block.
        expected: B256,
        /// Hash of the last header.
        found: B256,
    },
    /// The witness does not show what the block needs. Nothing is known about the block.
    #[error("witness is incomplete")]
    Incomplete(#[source] WitnessGap),
    /// The block is not what executing it gives.
    #[error("block is invalid")]
    Block(#[from] BlockError),
}

/// A block that its witness proves: all that its header says follows from the parent's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Number of the block.
    pub number: u64,
    /// Hash of the block.
    pub hash: B256,
    /// State root before it: that of the parent.
    pub pre_state_root: B256,
    /// State root after it.
    pub state_root: B256,
    /// Transactions executed.
    pub transactions: usize,
    /// Gas used.
    pub gas_used: u64,
}

/// Executes a block on what its witness shows of the parent's state, and checks all that the header says, the state
/// root included.
///
/// The senders of `block` are believed: recover them with [`crate::recover_block`] unless whoever hands the block over
/// has done so. A node, code or header that is not shown is an error, whatever the block does with it.
pub fn verify_stateless(
    spec: &Arc<ChainSpec>,
    witness: &ExecutionWitness,
    block: &RecoveredBlock,
) -> Result<Verified, StatelessError> {
    let header = block.header();
    let computed = header.hash_slow();
    if computed != block.hash() {
        return Err(StatelessError::Hash { given: block.hash(), computed });
    }
    let (parent, hashes) = ancestors(witness, header.parent_hash)?;
    let keys = WitnessKeys::of_block(block);
    let state = Arc::new(WitnessState::new(parent.state_root, witness, hashes, keys));
    let provider = Arc::clone(&state) as _;
    let root = |diff: &StateDiff| state.root_after(diff);
    let output = execute_beside(spec, &parent, block, &[], provider, Arc::default(), root);
    let (output, root) = output.map_err(|error| match state.gap() {
        Some(gap) => StatelessError::Incomplete(gap),
        None => StatelessError::Block(error),
    })?;
    let root = root.map_err(|error: TrieError| StatelessError::Incomplete(error.into()))?;
    output.check_state_root(header, root)?;
    Ok(Verified {
        number: header.number,
        hash: computed,
        pre_state_root: parent.state_root,
        state_root: root,
        transactions: block.transactions().len(),
        gas_used: output.gas_used,
    })
}

/// The parent, and the hashes of the headers shown, by number. They end with the parent and each names the one before.
fn ancestors(
    witness: &ExecutionWitness,
    parent_hash: B256,
) -> Result<(SealedHeader, HashMap<u64, B256>), StatelessError> {
    if HEADERS_MAX < witness.headers.len() {
        return Err(StatelessError::HeaderCount { found: witness.headers.len() });
    }
    let mut hashes = HashMap::default();
    let mut newest: Option<SealedHeader> = None;
    for (index, raw) in witness.headers.iter().enumerate() {
        let malformed = |error| StatelessError::HeaderMalformed { index, error };
        let mut rest = raw.as_ref();
        let header = Header::decode(&mut rest).map_err(malformed)?;
        if !rest.is_empty() {
            return Err(malformed(alloy_rlp::Error::UnexpectedLength));
        }
        if let Some(newest) = &newest
            && (header.parent_hash != newest.hash()
                || newest.number.checked_add(1) != Some(header.number))
        {
            return Err(StatelessError::HeadersUnlinked { index });
        }
        let sealed = SealedHeader::new_unchecked(header, keccak256(raw));
        hashes.insert(sealed.number, sealed.hash());
        newest = Some(sealed);
    }
    let parent = newest.ok_or(StatelessError::HeaderCount { found: 0 })?;
    if parent.hash() != parent_hash {
        return Err(StatelessError::NotParent { expected: parent_hash, found: parent.hash() });
    }
    Ok((parent, hashes))
}
