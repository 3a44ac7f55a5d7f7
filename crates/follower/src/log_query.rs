//! Logs of many blocks.

use crate::{ChainClient, ClientError};
use alloy_primitives::{Address, B256, Log};
use alloy_rpc_types_eth::Filter;

/// Which logs of a range of blocks are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// The first block.
    pub first: u64,
    /// The last block.
    pub last: u64,
    /// Who emitted them; anybody if empty.
    pub emitters: Vec<Address>,
    /// Their first topics, one of these; any if empty.
    pub signatures: Vec<B256>,
}

impl ChainClient {
    /// The logs of canonical blocks that match, in order (`eth_getLogs`). Nothing proves that they are all: what must be
    /// complete is followed block by block. Nodes refuse what takes them too long.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn logs_between(&self, query: &LogQuery) -> Result<Vec<Log>, ClientError> {
        let mut filter = Filter::new().from_block(query.first).to_block(query.last);
        if !query.emitters.is_empty() {
            filter = filter.address(query.emitters.clone());
        }
        if !query.signatures.is_empty() {
            filter = filter.event_signature(query.signatures.clone());
        }
        let logs = self.logs(&filter).await?;
        Ok(logs.into_iter().filter(|log| !log.removed).map(|log| log.inner).collect())
    }
}
