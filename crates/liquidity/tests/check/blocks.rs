//! All blocks of a development node, as a store has them.

use crate::anvil::Node;
use weir_liquidity::BlockSource;
use weir_primitives::{BlockRef, ExecutedBlock, StateError};

/// All blocks of the node.
pub(crate) struct Blocks(pub(crate) Vec<ExecutedBlock>);

impl Blocks {
    pub(crate) async fn of(node: &Node) -> Self {
        let head = node.client.head().await.unwrap();
        let mut blocks = Vec::new();
        for number in 0..=head.number {
            let block = node.client.sealed_block_by_number(number).await.unwrap().unwrap();
            blocks.push(node.client.executed_block(block.hash()).await.unwrap());
        }
        Self(blocks)
    }
}

impl BlockSource for Blocks {
    fn tip(&self) -> Result<BlockRef, StateError> {
        Ok(self.0.last().unwrap().reference())
    }

    fn block(&self, number: u64) -> Result<Option<ExecutedBlock>, StateError> {
        Ok(self.0.get(number as usize).cloned())
    }
}
