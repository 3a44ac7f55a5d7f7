//! From a block down to what is remembered, by parent hashes.

use super::{FollowError, window::Window};
use crate::{ChainClient, linked::LinkedHeader};
use std::collections::VecDeque;
use weir_primitives::BlockRef;

/// How a block hangs together with what is remembered.
#[derive(Debug)]
pub(super) enum Path {
    /// Not at all: the chains part below everything remembered.
    Apart,
    /// By these blocks above the common ancestor, ascending. If they are more than asked for, the newest are left out.
    Joined {
        /// Number of the common ancestor, which is remembered.
        ancestor: u64,
        /// The blocks; none if the block itself is remembered.
        blocks: VecDeque<LinkedHeader>,
    },
}

/// Walks from `target` to the first remembered block on its chain and keeps the `keep` oldest blocks of the way.
pub(super) async fn walk(
    client: &ChainClient,
    window: &Window,
    target: LinkedHeader,
    keep: usize,
) -> Result<Path, FollowError> {
    let first = window.first().number;
    let mut blocks = VecDeque::new();
    if window.contains(&target.reference) {
        return Ok(Path::Joined { ancestor: target.reference.number, blocks });
    }
    let mut parents =
        Parents { client, floor: first.saturating_add(1), ahead: VecDeque::new(), step: 1 };
    // What lies above the tip has to be read in any case.
    parents.step = target.reference.number.saturating_sub(window.tip().number).max(1);
    let mut lowest = target;
    loop {
        let BlockRef { number, parent_hash, .. } = lowest.reference;
        if number <= first {
            return Ok(Path::Apart);
        }
        let parent = number - 1;
        let is_joined = window.get(parent).is_some_and(|known| known.hash == parent_hash);
        blocks.push_front(lowest);
        blocks.truncate(keep.max(1));
        if is_joined {
            return Ok(Path::Joined { ancestor: parent, blocks });
        }
        if parent <= first {
            return Ok(Path::Apart);
        }
        lowest = parents.of(number, parent_hash).await?;
    }
}

/// Reads ancestors in ever larger strides by number, and takes each only if its hash is the parent hash of the one above.
struct Parents<'a> {
    client: &'a ChainClient,
    /// Lowest number worth reading.
    floor: u64,
    /// Headers read ahead, newest first.
    ahead: VecDeque<LinkedHeader>,
    /// How many to read next.
    step: u64,
}

impl Parents<'_> {
    /// The parent, by its hash, of a block of this number.
    async fn of(
        &mut self,
        number: u64,
        hash: alloy_primitives::B256,
    ) -> Result<LinkedHeader, FollowError> {
        if self.ahead.is_empty() {
            if self.step > 1 {
                self.read_ahead(number - 1).await?;
            }
            self.step = self.step.saturating_mul(2);
        }
        let header = match self.ahead.pop_front() {
            Some(header) if header.reference.hash == hash => header,
            _ => {
                // The numbers lead along another chain than the one we walk.
                self.ahead.clear();
                self.client.linked_header(hash).await?
            }
        };
        header.expect_number(number - 1)
    }

    async fn read_ahead(&mut self, newest: u64) -> Result<(), FollowError> {
        let most = u64::try_from(self.client.config().batch_calls_max).unwrap_or(u64::MAX);
        self.step = self.step.min(most.max(1));
        let oldest = newest.saturating_sub(self.step - 1).max(self.floor);
        let headers = self.client.linked_headers_at((oldest..=newest).rev()).await?;
        // A number without a block ends the stretch: the node's chain has become shorter meanwhile.
        self.ahead = headers.into_iter().map_while(|header| header).collect();
        Ok(())
    }
}
