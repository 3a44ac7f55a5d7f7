//! A chain that a witness test grows, with the nodes of its states.

use crate::{
    json::RawState,
    memory::{BlockHashes, MemoryState},
    run::in_words,
};
use alloy_primitives::{Sealable, map::HashMap};
use std::sync::Arc;
use weir_evm::{ChainSpec, ExecutionWitness, execute_block};
use weir_primitives::{Block, Header, RecoveredBlock};
use weir_storage::hash_diff;
use weir_trie::{StateTrie, TrieUpdates, WitnessNodes};

/// One block after the other, each on the state after the one before.
pub(crate) struct WitnessChain {
    spec: Arc<ChainSpec>,
    /// From genesis on.
    headers: Vec<Header>,
    state: MemoryState,
    trie: StateTrie,
    /// Every node that any state of the chain has had.
    nodes: WitnessNodes,
}

impl WitnessChain {
    /// A chain of one block, whose state root is checked.
    pub(crate) fn new(
        spec: Arc<ChainSpec>,
        genesis: Block,
        pre: &RawState,
    ) -> Result<Self, String> {
        let mut state = MemoryState::parse(pre, BlockHashes::Known(HashMap::default()))?;
        let mut trie = state.trie().map_err(|error| in_words(&error))?;
        let (root, header) = (trie.root(), genesis.header);
        if root != header.state_root {
            return Err(format!("genesis state root is {root}, not {}", header.state_root));
        }
        let hashes = HashMap::from_iter([(header.number, header.hash_slow())]);
        state.hashes = BlockHashes::Known(hashes);
        let mut nodes = WitnessNodes::default();
        insert(&mut nodes, trie.take_updates());
        Ok(Self { spec, headers: vec![header], state, trie, nodes })
    }

    /// Hash of the newest block.
    #[cfg(test)]
    pub(crate) fn head(&self) -> alloy_primitives::B256 {
        self.headers.last().map(Header::hash_slow).unwrap_or_default()
    }

    /// Executes a block on the whole state, compares all that its header says, and makes its witness.
    pub(crate) fn import(&mut self, block: &RecoveredBlock) -> Result<ExecutionWitness, String> {
        let parent = self.headers.last().ok_or("chain is empty")?.clone();
        let sealed = parent.clone().seal_slow();
        let state = Arc::new(self.state.clone());
        let output = execute_block(&self.spec, &sealed, block, Arc::clone(&state) as _)
            .map_err(|error| format!("block is refused: {}", in_words(&error)))?;
        let hashed = hash_diff(&output.diff);
        let headers = &self.headers;
        let mut header =
            |number: u64| Ok(headers.iter().find(|header| header.number == number).cloned());
        let reads = (&output.accesses, &hashed);
        let witness = ExecutionWitness::record(&parent, reads, &self.nodes, &*state, &mut header)
            .map_err(|error| in_words(&error))?;
        self.trie.apply(&hashed, &self.nodes).map_err(|error| in_words(&error))?;
        if let Err(error) = output.check_state_root(block.header(), self.trie.root()) {
            self.trie = StateTrie::new(parent.state_root);
            return Err(in_words(&error));
        }
        insert(&mut self.nodes, self.trie.take_updates());
        self.state.apply(&output.diff);
        if let BlockHashes::Known(hashes) = &mut self.state.hashes {
            hashes.insert(block.header().number, block.hash());
        }
        self.headers.push(block.header().clone());
        Ok(witness)
    }
}

fn insert(nodes: &mut WitnessNodes, updates: TrieUpdates) {
    let accounts = updates.account_nodes.into_iter().map(|(_, rlp)| rlp);
    let storages = updates.storage_nodes.into_iter().map(|(_, _, rlp)| rlp);
    nodes.extend(accounts.chain(storages).flatten());
}
