//! What is asked of a node, over JSON-RPC or in process.

use super::{PoolRefusal, ReadError};
use alloy_primitives::{Address, B256, Bytes, Log};
use std::{future::Future, pin::Pin};
use weir_follower::{CallOutcome, CallRequest, ChainClient, ClientError};
use weir_primitives::BlockRef;

/// What the methods of [`NodeState`] return.
pub type NodeFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ReadError>> + Send + 'a>>;

/// The state of a chain, asked by calls at one block hash. A node over JSON-RPC is one, and so is a chain in this process.
pub trait NodeState: Send + Sync + 'static {
    /// The newest canonical block.
    ///
    /// # Errors
    /// [`ReadError::Node`].
    fn head(&self) -> NodeFuture<'_, BlockRef>;

    /// Executes calls on the state after one block; the outcomes are in the order of the calls. A revert is an outcome.
    ///
    /// # Errors
    /// [`ReadError::UnknownBlock`] or [`ReadError::Node`].
    fn call_many(
        &self,
        calls: Vec<CallRequest>,
        block_hash: B256,
    ) -> NodeFuture<'_, Vec<CallOutcome>>;

    /// The code of an account after one block; empty if it has none.
    ///
    /// # Errors
    /// [`ReadError::UnknownBlock`] or [`ReadError::Node`].
    fn code(&self, address: Address, block_hash: B256) -> NodeFuture<'_, Bytes>;

    /// Every log of the canonical chain that begins with these two topics, whoever emitted it, in order. It may take long, and a
    /// node may refuse it.
    ///
    /// # Errors
    /// [`ReadError::Node`].
    fn logs(&self, topics: [B256; 2]) -> NodeFuture<'_, Vec<Log>>;
}

impl NodeState for ChainClient {
    fn head(&self) -> NodeFuture<'_, BlockRef> {
        Box::pin(async { Self::head(self).await.map_err(ReadError::node) })
    }

    fn call_many(
        &self,
        calls: Vec<CallRequest>,
        block_hash: B256,
    ) -> NodeFuture<'_, Vec<CallOutcome>> {
        Box::pin(
            async move { Self::call_many(self, &calls, block_hash).await.map_err(ReadError::node) },
        )
    }

    fn code(&self, address: Address, block_hash: B256) -> NodeFuture<'_, Bytes> {
        Box::pin(
            async move { Self::code(self, address, block_hash).await.map_err(ReadError::node) },
        )
    }

    fn logs(&self, topics: [B256; 2]) -> NodeFuture<'_, Vec<Log>> {
        Box::pin(async move {
            self.topic_logs(topics).await.map_err(|error| match error {
                // Too many blocks for it: asking again does not help.
                ClientError::Refused { .. } => ReadError::Refused(PoolRefusal::KeyUnknown),
                error => ReadError::node(error),
            })
        })
    }
}
