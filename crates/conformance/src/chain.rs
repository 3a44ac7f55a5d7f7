//! A chain that a block test grows.

use crate::{
    memory::{BlockHashes, MemoryState},
    run::in_words,
};
use alloy_primitives::{B256, U256, map::HashMap};
use std::sync::Arc;
use weir_evm::{
    BlockError, ChainSpec, SealedHeader, decode_block, execute_block_with_ancestors, recover_block,
};
use weir_primitives::{Block, RecoveredBlock, StateDiff};
use weir_storage::hash_diff;
use weir_trie::{EmptyNodes, StateTrie};

/// Most ancestors that a block with ommers is checked against.
const ANCESTORS_MAX: usize = 7;

/// Blocks by hash, with the state after each, and the head by total difficulty.
pub(crate) struct TestChain {
    spec: Arc<ChainSpec>,
    blocks: HashMap<B256, Imported>,
    head: B256,
    /// The trie of the block that was imported last, if its state was right.
    trie: Option<(B256, StateTrie)>,
}

struct Imported {
    block: Block,
    state: Arc<MemoryState>,
    total_difficulty: U256,
}

impl TestChain {
    /// A chain of one block, whose state root is checked.
    pub(crate) fn new(
        spec: Arc<ChainSpec>,
        genesis: Block,
        mut state: MemoryState,
    ) -> Result<Self, String> {
        let hash = genesis.header.hash_slow();
        let mut trie = state.trie().map_err(|error| error.to_string())?;
        let root = trie.root();
        if root != genesis.header.state_root {
            return Err(format!("genesis state root is {root}, not {}", genesis.header.state_root));
        }
        state.hashes = BlockHashes::Known(HashMap::from_iter([(genesis.header.number, hash)]));
        let total_difficulty = genesis.header.difficulty;
        let genesis = Imported { block: genesis, state: Arc::new(state), total_difficulty };
        Ok(Self {
            spec,
            blocks: HashMap::from_iter([(hash, genesis)]),
            head: hash,
            trie: Some((hash, trie)),
        })
    }

    /// Hash of the head.
    pub(crate) const fn head(&self) -> B256 {
        self.head
    }

    /// The state after the head.
    pub(crate) fn head_state(&self) -> &MemoryState {
        &self.blocks[&self.head].state
    }

    /// Imports a block as it came over the wire. An error is a refusal in words.
    pub(crate) fn import(&mut self, rlp: &[u8]) -> Result<(), String> {
        let block = decode_block(rlp).map_err(|error| error.to_string())?;
        let block = recover_block(&self.spec, block).map_err(|error| error.to_string())?;
        if self.blocks.contains_key(&block.hash()) {
            return Ok(());
        }
        let parent_hash = block.header().parent_hash;
        let parent = self.blocks.get(&parent_hash).ok_or("parent is unknown")?;
        let (state, total_difficulty) = (Arc::clone(&parent.state), parent.total_difficulty);
        let diff = self.check(&block, &state).map_err(|error| in_words(&error))?;
        let mut state = Arc::unwrap_or_clone(state);
        state.apply(&diff);
        if let BlockHashes::Known(hashes) = &mut state.hashes {
            hashes.insert(block.header().number, block.hash());
        }
        self.insert(&block, state, total_difficulty + block.header().difficulty);
        Ok(())
    }

    fn insert(&mut self, block: &RecoveredBlock, state: MemoryState, total_difficulty: U256) {
        let is_merged = block.header().difficulty.is_zero();
        if is_merged || self.blocks[&self.head].total_difficulty < total_difficulty {
            self.head = block.hash();
        }
        let imported =
            Imported { block: block.block().clone(), state: Arc::new(state), total_difficulty };
        self.blocks.insert(block.hash(), imported);
    }

    /// Executes the block and compares all that its header says, the state root included.
    fn check(
        &mut self,
        block: &RecoveredBlock,
        state: &Arc<MemoryState>,
    ) -> Result<StateDiff, BlockError> {
        let parent_hash = block.header().parent_hash;
        let ancestors = self.ancestors(parent_hash);
        let parent: SealedHeader = ancestors[0].header.clone().seal(parent_hash);
        let output = execute_block_with_ancestors(
            &self.spec,
            &parent,
            block,
            &ancestors,
            Arc::clone(state) as _,
        )?;
        let mut trie = match self.trie.take() {
            Some((hash, trie)) if hash == parent_hash => trie,
            _ => state.trie().expect("a trie in memory loads nothing"),
        };
        trie.apply(&hash_diff(&output.diff), &EmptyNodes).expect("a trie in memory loads nothing");
        output.check_state_root(block.header(), trie.root())?;
        self.trie = Some((block.hash(), trie));
        Ok(output.diff)
    }

    fn ancestors(&self, parent: B256) -> Vec<&Block> {
        let mut ancestors = Vec::with_capacity(ANCESTORS_MAX);
        let mut next = parent;
        while ancestors.len() < ANCESTORS_MAX
            && let Some(found) = self.blocks.get(&next)
        {
            ancestors.push(&found.block);
            next = found.block.header.parent_hash;
        }
        ancestors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::RawState;
    use alloy_rlp::Header;
    use weir_evm::Fork;
    use weir_testkit::fixtures;

    /// A chain from proof of work through every fork to BPO2, each block made by another client.
    #[test]
    fn a_chain_through_all_forks_is_imported() {
        let Some(archive) = fixtures("rpc-compat") else { return };
        let file = |name| std::fs::read(archive.path().join("rpc-compat").join(name)).unwrap();
        let genesis = String::from_utf8(file("genesis.json")).unwrap();
        let spec = Arc::new(ChainSpec::from_genesis_json(&genesis).unwrap());
        let hashes = BlockHashes::Known(HashMap::default());
        let mut state = MemoryState::parse(&RawState::new(), hashes).unwrap();
        state.apply(&spec.genesis_diff());
        let root = state.trie().unwrap().root();
        let header = spec.genesis_header(root);
        let body = alloy_consensus::BlockBody {
            withdrawals: header.withdrawals_root.map(|_| Default::default()),
            ..Default::default()
        };
        let genesis = Block { header, body };
        let mut chain = TestChain::new(Arc::clone(&spec), genesis, state).unwrap();
        let raw = file("chain.rlp");
        let (mut rest, mut blocks) = (raw.as_slice(), 0);
        while !rest.is_empty() {
            let start = rest;
            let header = Header::decode(&mut rest).unwrap();
            rest = &rest[header.payload_length..];
            let block = &start[..start.len() - rest.len()];
            chain.import(block).unwrap_or_else(|reason| panic!("block {blocks}: {reason}"));
            blocks += 1;
        }
        assert_eq!(blocks, 54);
        let head = &chain.blocks[&chain.head()].block.header;
        assert_eq!(head.number, 54);
        assert_eq!(spec.fork_at(head.number, head.timestamp), Fork::Bpo2);
    }
}
