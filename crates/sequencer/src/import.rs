//! A chain from a file: blocks in RLP one after the other, executed and checked one by one.

mod error;
pub use error::ImportError;

mod reader;
use reader::BlockReader;

use alloy_primitives::B256;
use std::{collections::VecDeque, fmt, io::Read, sync::Arc};
use weir_evm::{ChainSpec, SealedHeader, execute_block_with_ancestors, recover_block};
use weir_primitives::{Block, BlockRef, ExecutedBlock, RecoveredBlock, StateProvider};
use weir_storage::{BlockCommit, StorageError, Store, hash_diff};
use weir_trie::StateTrie;

/// Memory that nodes of the state's tries may take between blocks, in bytes.
const TRIE_BYTES_MAX: usize = 512 << 20;
/// Ancestors that a block with ommers is checked against.
const ANCESTORS: usize = 7;

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportReport {
    /// Blocks executed and stored.
    pub imported: u64,
    /// Blocks that the store held already.
    pub known: u64,
    /// The head afterwards.
    pub head: BlockRef,
}

/// Appends blocks from elsewhere to a store: proof of work (whose seals are not checked), ommers and rewards included.
/// Blocking.
pub struct ChainImporter {
    spec: Arc<ChainSpec>,
    store: Arc<dyn Store>,
    trie: StateTrie,
    /// The newest blocks, the newest first.
    ancestors: VecDeque<Block>,
    head: BlockRef,
}

impl fmt::Debug for ChainImporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainImporter").field("head", &self.head).finish_non_exhaustive()
    }
}

impl ChainImporter {
    /// Continues at the store's head.
    ///
    /// # Errors
    /// [`ImportError::Storage`].
    pub fn open(spec: Arc<ChainSpec>, store: Arc<dyn Store>) -> Result<Self, ImportError> {
        let snapshot = store.snapshot()?;
        let head = snapshot.head();
        let mut ancestors = VecDeque::with_capacity(ANCESTORS + 1);
        for number in (0..=head.number).rev().take(ANCESTORS) {
            let block = snapshot.block_by_number(number)?;
            let block = block.ok_or(StorageError::Malformed { table: "headers" })?;
            ancestors.push_back(block.block.block().clone());
        }
        let trie = StateTrie::new(ancestors[0].header.state_root);
        Ok(Self { spec, store, trie, ancestors, head })
    }

    /// Imports every block of a file. Blocks that the store holds already are passed over, so that an import which
    /// was interrupted can be repeated.
    ///
    /// # Errors
    /// At the first block that is not the valid child of the one before. The blocks before it are stored; the importer
    /// is of no use afterwards.
    pub fn import(&mut self, file: impl Read) -> Result<ImportReport, ImportError> {
        let mut report = ImportReport { imported: 0, known: 0, head: self.head };
        let mut blocks = BlockReader::new(file);
        while let Some(block) = blocks.next()? {
            if self.is_known(&block)? {
                report.known += 1;
                continue;
            }
            self.append(block)?;
            report.imported += 1;
        }
        report.head = self.head;
        Ok(report)
    }

    fn is_known(&self, block: &Block) -> Result<bool, ImportError> {
        if self.head.number < block.header.number {
            return Ok(false);
        }
        let known = self.store.snapshot()?.block_hash(block.header.number)?;
        Ok(known == Some(block.header.hash_slow()))
    }

    fn append(&mut self, block: Block) -> Result<(), ImportError> {
        let number = block.header.number;
        let block = recover_block(&self.spec, block)
            .map_err(|source| ImportError::Sender { number, source })?;
        let reference = BlockRef {
            number,
            hash: block.hash(),
            parent_hash: block.header().parent_hash,
            timestamp: block.header().timestamp,
        };
        if !reference.is_child_of(&self.head) {
            return Err(ImportError::Unlinked { block: reference, head: self.head });
        }
        self.execute(block)?;
        self.head = reference;
        Ok(())
    }

    /// Checks all that the header says, and stores the block.
    fn execute(&mut self, block: RecoveredBlock) -> Result<(), ImportError> {
        let number = block.header().number;
        let snapshot = self.store.snapshot()?;
        let output = {
            let ancestors: Vec<&Block> = self.ancestors.iter().collect();
            let parent = self.ancestors[0].header.clone();
            let parent = SealedHeader::new_unchecked(parent, self.head.hash);
            let state = Arc::clone(&snapshot) as Arc<dyn StateProvider>;
            execute_block_with_ancestors(&self.spec, &parent, &block, &ancestors, state)
                .map_err(|source| ImportError::Block { number, source })?
        };
        let hashed = hash_diff(&output.diff);
        self.trie.apply(&hashed, &*snapshot)?;
        let root: B256 = self.trie.root();
        output
            .check_state_root(block.header(), root)
            .map_err(|source| ImportError::Block { number, source })?;
        let updates = self.trie.take_updates();
        let block = ExecutedBlock {
            block: Arc::new(block),
            receipts: Arc::new(output.receipts),
            diff: Some(Arc::new(output.diff)),
        };
        self.store.commit(&BlockCommit {
            block: &block,
            hashed: &hashed,
            trie: &updates,
            records: &[],
        })?;
        self.trie.shrink_to(TRIE_BYTES_MAX);
        self.ancestors.push_front(block.block.block().clone());
        self.ancestors.truncate(ANCESTORS);
        Ok(())
    }
}
