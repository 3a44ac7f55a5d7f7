//! Pools that were created before following began, found in a node's logs.

use crate::{
    EngineInput,
    metrics::{count_discovered, record_discovery},
};
use alloy_primitives::Address;
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;
use weir_arena::{CREATION_TOPICS, Discovery, PoolKey, PoolStatic, decode};
use weir_follower::{Backoff, ChainClient, ClientError, LogQuery};
use weir_primitives::Severity;
use weir_runtime::Shutdown;

/// Blocks of the first request. A node that finds them too many is asked for half, one that answers for twice as many.
const FIRST_BLOCKS: u64 = 2_000;
/// Blocks of one request at most.
const BLOCKS_MAX: u64 = 100_000;
/// First wait after a request that was lost; it doubles up to [`RETRY_MAX`].
const RETRY_BASE: Duration = Duration::from_millis(200);
/// Longest wait after a request that was lost.
const RETRY_MAX: Duration = Duration::from_secs(10);

/// What to search for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastPoolsOptions {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The first block searched.
    pub from: u64,
    /// The last block searched: the one on which following begins.
    pub to: u64,
    /// Whose pools are wanted.
    pub discovery: Discovery,
    /// Pools found at most. The search ends with a warning when there are so many.
    pub pools_max: usize,
}

/// Why the search for older pools ended.
#[derive(Debug, thiserror::Error)]
pub enum PastPoolsError {
    /// The node does not answer for a single block, or not as a node does.
    #[error("logs cannot be searched: block={block}")]
    Refused {
        /// The first block that was asked for.
        block: u64,
        /// What the node says.
        #[source]
        source: ClientError,
    },
}

/// Searches the logs of factories and PoolManagers in ranges of blocks, and hands an engine the pools that they created.
///
/// A node's word for a log is not taken: the engine reads each pool from its contract, and follows it only if it is what the
/// log says.
#[derive(Debug)]
pub struct PastPools {
    client: Arc<ChainClient>,
    inputs: mpsc::Sender<EngineInput>,
    options: PastPoolsOptions,
}

/// How many blocks to ask for.
#[derive(Debug)]
struct Range {
    next: u64,
    blocks: u64,
}

impl Range {
    const fn last(&self, to: u64) -> u64 {
        let last = self.next.saturating_add(self.blocks - 1);
        if last < to { last } else { to }
    }

    const fn answered(&mut self, last: u64) {
        self.next = last.saturating_add(1);
        self.blocks = if self.blocks < BLOCKS_MAX / 2 { self.blocks * 2 } else { BLOCKS_MAX };
    }

    /// Half as many. `false` if it was one block only.
    const fn refused(&mut self, last: u64) -> bool {
        let asked = last - self.next + 1;
        self.blocks = asked.div_ceil(2);
        asked > 1
    }
}

impl PastPools {
    /// A search that has not begun.
    pub const fn new(
        client: Arc<ChainClient>,
        inputs: mpsc::Sender<EngineInput>,
        options: PastPoolsOptions,
    ) -> Self {
        Self { client, inputs, options }
    }

    /// Searches all blocks, and then waits for the shutdown.
    ///
    /// # Errors
    /// If the node will not be searched.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), PastPoolsError> {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            found = self.search() => {
                let (from, to, pools) = (self.options.from, self.options.to, found?);
                tracing::info!(from, to, pools, "older pools are searched for");
            }
        }
        shutdown.cancelled().await;
        Ok(())
    }

    /// Hands over all pools, and says how many.
    async fn search(&self) -> Result<usize, PastPoolsError> {
        let PastPoolsOptions { chain_id, from, to, pools_max, .. } = self.options;
        let (mut range, mut found) = (Range { next: from, blocks: FIRST_BLOCKS }, 0);
        let mut backoff = Backoff::new(RETRY_BASE, RETRY_MAX);
        while range.next <= to {
            let (block, last) = (range.next, range.last(to));
            match self.created(block, last).await {
                Ok(mut pools) => {
                    range.answered(last);
                    backoff.reset();
                    let room = pools_max - found;
                    let is_full = pools.len() > room;
                    pools.truncate(room);
                    found += pools.len();
                    count_discovered(chain_id, pools.len());
                    record_discovery(chain_id, last);
                    let is_gone = !pools.is_empty()
                        && self.inputs.send(EngineInput::Discovered(pools)).await.is_err();
                    if is_full {
                        tracing::warn!(
                            last,
                            pools_max,
                            "older pools are too many: the rest is not followed"
                        );
                    }
                    if is_gone || is_full {
                        return Ok(found);
                    }
                }
                Err(error) if error.refused().is_some() => {
                    if !range.refused(last) {
                        return Err(PastPoolsError::Refused { block, source: error });
                    }
                    tracing::debug!(%error, block, last, "node is asked for fewer blocks");
                }
                Err(error) if error.severity() == Severity::Halt => {
                    return Err(PastPoolsError::Refused { block, source: error });
                }
                Err(error) => {
                    tracing::warn!(%error, block, last, "logs are not searched, asking again");
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        }
        Ok(found)
    }

    /// The pools that blocks created, in order.
    async fn created(&self, first: u64, last: u64) -> Result<Vec<PoolStatic>, ClientError> {
        let chain_id = self.options.chain_id;
        let query = LogQuery {
            first,
            last,
            emitters: self.emitters(),
            signatures: CREATION_TOPICS.to_vec(),
        };
        let logs = self.client.logs_between(&query).await?;
        let created = logs.iter().filter_map(|log| {
            let created = decode(log).ok().flatten()?;
            let key = PoolKey { chain_id, id: created.pool };
            PoolStatic::of_creation(key, &created.event)
        });
        Ok(created.filter(|statics| self.options.discovery.is_wanted(&statics.factory)).collect())
    }

    /// Whose logs are asked for; nobody in particular for an empty list.
    fn emitters(&self) -> Vec<Address> {
        match &self.options.discovery {
            Discovery::Factories(factories) => factories.iter().copied().collect(),
            Discovery::Off | Discovery::All => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_shrink_to_what_a_node_answers_and_cover_every_block_once() {
        // A node that answers for at most `limit` blocks.
        for (limit, to) in [(1, 9), (7, 5_000), (2_000, 2_000), (150_000, 1_000_000)] {
            let mut range = Range { next: 3, blocks: FIRST_BLOCKS };
            let mut covered = 3;
            let mut requests = 0;
            while range.next <= to {
                let last = range.last(to);
                assert!(range.next <= last && last <= to, "{range:?}");
                assert!(last - range.next < BLOCKS_MAX);
                requests += 1;
                if last - range.next < limit {
                    assert_eq!(range.next, covered);
                    covered = last + 1;
                    range.answered(last);
                } else {
                    assert!(range.refused(last), "one block is always answered");
                }
            }
            assert_eq!(covered, to + 1);
            // An answer covers half of the limit at least, and twice as many blocks are tried after it.
            assert!(requests <= 4 * (to / limit.min(BLOCKS_MAX) + 16), "{requests}");
        }
        assert!(!Range { next: 8, blocks: 1 }.refused(8));
    }
}
