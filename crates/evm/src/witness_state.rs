//! The state that a witness shows.

use crate::{ExecutionWitness, threads::Mutex, witness_keys::WitnessKeys};
use alloy_primitives::{
    Address, B256, Bytes, U256, keccak256,
    map::{B256HashMap, HashMap},
};
use weir_primitives::{Account, StateDiff, StateError, StateProvider};
use weir_trie::{StateTrie, TrieError, TrieLeaf, WitnessNodes};

/// What a block needs and its witness does not show.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WitnessGap {
    /// A node on the way to an account or slot is missing, or is none.
    #[error(transparent)]
    Node(#[from] TrieError),
    /// A code that runs or is looked at is missing.
    #[error("code is missing: hash={hash}")]
    Code {
        /// Hash of the code.
        hash: B256,
    },
    /// The header of a block whose hash is asked for is missing.
    #[error("header is missing: number={number}")]
    Header {
        /// Number of the block.
        number: u64,
    },
}

/// Reads of a state of which only a part is known. What is not known is an error, never absent.
pub(crate) struct WitnessState {
    nodes: WitnessNodes,
    seen: Mutex<Seen>,
    codes: B256HashMap<Bytes>,
    /// Hashes of the headers shown, by number.
    hashes: HashMap<u64, B256>,
    /// The first thing that was needed and not shown.
    gap: Mutex<Option<WitnessGap>>,
}

/// The trie as far as it was read, and the keys under which that is there.
struct Seen {
    trie: StateTrie,
    keys: WitnessKeys,
}

impl WitnessState {
    /// The state with this root, of which `witness` is all that is known. `keys` are those known already.
    pub(crate) fn new(
        root: B256,
        witness: &ExecutionWitness,
        hashes: HashMap<u64, B256>,
        keys: WitnessKeys,
    ) -> Self {
        let codes = witness.codes.iter().map(|code| (keccak256(code), code.clone())).collect();
        Self {
            nodes: WitnessNodes::new(&witness.state),
            seen: Mutex::new(Seen { trie: StateTrie::new(root), keys }),
            codes,
            hashes,
            gap: Mutex::new(None),
        }
    }

    /// The first thing that was needed and not shown.
    pub(crate) fn gap(&self) -> Option<WitnessGap> {
        self.gap.lock().clone()
    }

    /// The root after a change. The state is then the one after it.
    pub(crate) fn root_after(&self, diff: &StateDiff) -> Result<B256, TrieError> {
        let Seen { trie, keys } = &mut *self.seen.lock();
        trie.apply(&keys.hashed(diff), &self.nodes)?;
        Ok(trie.root())
    }

    fn note(&self, gap: WitnessGap) -> StateError {
        self.gap.lock().get_or_insert_with(|| gap.clone());
        StateError::store(gap)
    }

    fn leaf(&self, address: &Address) -> Result<Option<TrieLeaf>, StateError> {
        let Seen { trie, keys } = &mut *self.seen.lock();
        let leaf = trie.account(keys.account(address), &self.nodes);
        leaf.map_err(|error| self.note(error.into()))
    }
}

impl StateProvider for WitnessState {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        Ok(self.leaf(address)?.map(|leaf| Account {
            nonce: leaf.account.nonce,
            balance: leaf.account.balance,
            code_hash: leaf.account.code_hash,
        }))
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        let Seen { trie, keys } = &mut *self.seen.lock();
        let value = trie.slot(keys.account(address), keys.slot(slot), &self.nodes);
        value.map_err(|error| self.note(error.into()))
    }

    fn has_storage(&self, address: &Address) -> Result<bool, StateError> {
        Ok(self.leaf(address)?.is_some_and(|leaf| !leaf.is_storage_empty()))
    }

    fn code(&self, code_hash: &B256) -> Result<Option<Bytes>, StateError> {
        match self.codes.get(code_hash) {
            Some(code) => Ok(Some(code.clone())),
            None => Err(self.note(WitnessGap::Code { hash: *code_hash })),
        }
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        match self.hashes.get(&number) {
            Some(hash) => Ok(Some(*hash)),
            None => Err(self.note(WitnessGap::Header { number })),
        }
    }
}
