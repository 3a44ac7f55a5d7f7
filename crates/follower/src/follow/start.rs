//! Where following begins.

use super::FollowError;
use crate::ChainClient;
use alloy_eips::BlockNumberOrTag;
use weir_primitives::BlockRef;

/// The first block that is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartAt {
    /// The child of the head at the time of connecting.
    Head,
    /// The block of this number. Genesis has no transactions, so 0 means 1.
    Block(u64),
    /// The child of this block. If it is not canonical any more, following begins with a reset.
    After(BlockRef),
    /// The child of the last of these blocks, which are each the parent of the next. If it is not canonical any more, those
    /// that are not are handed out as old; if none is, following begins with a reset.
    Resume(Vec<BlockRef>),
}

impl StartAt {
    /// The blocks to remember at the start, at least one.
    pub(super) async fn resolve(self, client: &ChainClient) -> Result<Vec<BlockRef>, FollowError> {
        match self {
            Self::Head => Ok(vec![client.linked_head().await?.reference]),
            Self::Block(number) => {
                let parent = number.saturating_sub(1);
                let header = client.linked_header_at(BlockNumberOrTag::Number(parent)).await?;
                match header {
                    Some(header) => Ok(vec![header.reference]),
                    None => {
                        let head = client.linked_head().await?.reference.number;
                        Err(FollowError::StartAhead { start: number, head })
                    }
                }
            }
            Self::After(block) => Ok(vec![block]),
            Self::Resume(blocks) => {
                let is_linked = blocks.windows(2).all(|pair| pair[1].is_child_of(&pair[0]));
                if blocks.is_empty() || !is_linked {
                    return Err(FollowError::StartUnlinked { blocks: blocks.len() });
                }
                Ok(blocks)
            }
        }
    }
}
