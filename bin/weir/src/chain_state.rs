//! A node's own chain as its engine reads pools from it: no JSON-RPC to itself.

use alloy_primitives::{Address, B256, Bloom, BloomInput, Bytes, Log};
use std::sync::Arc;
use weir_evm::ExecutionError;
use weir_evm::simulate::{
    CallOutcome as Simulated, CallRequest as SimulatedCall, Simulation, SimulationError,
};
use weir_follower::{CallOutcome, CallRequest};
use weir_liquidity::{NodeFuture, NodeState, ReadError};
use weir_primitives::{BlockRef, StateError, StateProvider};
use weir_sequencer::{Chain, ChainView};

/// Most gas of one read: 800 storage slots of a PoolManager take two million.
const CALL_GAS_MAX: u64 = 50_000_000;

/// The chain of this process.
#[derive(Debug, Clone)]
pub(crate) struct ChainState(pub(crate) Arc<Chain>);

impl NodeState for ChainState {
    fn head(&self) -> NodeFuture<'_, BlockRef> {
        Box::pin(async { Ok(self.0.view().heads().unsafe_head()) })
    }

    fn call_many(
        &self,
        calls: Vec<CallRequest>,
        block_hash: B256,
    ) -> NodeFuture<'_, Vec<CallOutcome>> {
        let chain = Arc::clone(&self.0);
        Box::pin(off_worker(move || {
            let view = chain.view();
            let (number, state) = state_at(&view, block_hash)?;
            let header = view.header_by_number(number).map_err(ReadError::other)?;
            let header = header.ok_or(ReadError::UnknownBlock { hash: block_hash })?;
            let spec = Arc::clone(chain.spec());
            let simulation = Simulation::new(spec, header.into_inner(), state, CALL_GAS_MAX);
            calls.into_iter().map(|call| outcome(&simulation, call, block_hash)).collect()
        }))
    }

    fn code(&self, address: Address, block_hash: B256) -> NodeFuture<'_, Bytes> {
        let chain = Arc::clone(&self.0);
        Box::pin(off_worker(move || {
            let (_, state) = state_at(&chain.view(), block_hash)?;
            let account = state.account(&address).map_err(|error| lost(error, block_hash))?;
            let Some(account) = account else { return Ok(Bytes::new()) };
            let code = state.code(&account.code_hash).map_err(|error| lost(error, block_hash))?;
            Ok(code.unwrap_or_default())
        }))
    }

    fn logs(&self, topics: [B256; 2]) -> NodeFuture<'_, Vec<Log>> {
        let chain = Arc::clone(&self.0);
        Box::pin(off_worker(move || logs(&chain.view(), topics)))
    }
}

/// The state after a block, which must be canonical and not too old.
fn state_at(
    view: &ChainView,
    block_hash: B256,
) -> Result<(u64, Arc<dyn StateProvider>), ReadError> {
    let number = view.snapshot().number_of(&block_hash).map_err(ReadError::other)?;
    let number = number.ok_or(ReadError::UnknownBlock { hash: block_hash })?;
    let state = view.state_at(number).map_err(|error| lost(error, block_hash))?;
    Ok((number, state))
}

fn lost(error: StateError, hash: B256) -> ReadError {
    match error {
        StateError::Pruned { .. } => ReadError::UnknownBlock { hash },
        error => ReadError::other(error),
    }
}

fn outcome(
    simulation: &Simulation,
    call: CallRequest,
    block_hash: B256,
) -> Result<CallOutcome, ReadError> {
    let request = SimulatedCall { to: Some(call.to), input: call.data, ..SimulatedCall::default() };
    match simulation.call(&request) {
        Ok(Simulated::Success { output, .. }) => Ok(CallOutcome::Returned(output)),
        Ok(Simulated::Revert { output, .. }) => Ok(CallOutcome::Reverted(Some(output))),
        Ok(Simulated::Halt { .. }) => Ok(CallOutcome::Reverted(None)),
        Err(SimulationError::Failed(ExecutionError::State(error))) => Err(lost(error, block_hash)),
        Err(error) => Err(ReadError::other(error)),
    }
}

/// Blocks whose bloom filter excludes the topics are not read.
fn logs(view: &ChainView, topics: [B256; 2]) -> Result<Vec<Log>, ReadError> {
    let mut found = Vec::new();
    let may_have = |bloom: &Bloom| {
        topics.iter().all(|topic| bloom.contains_input(BloomInput::Raw(topic.as_slice())))
    };
    for number in 0..=view.heads().unsafe_head().number {
        let header = view.header_by_number(number).map_err(ReadError::other)?;
        if !header.is_some_and(|header| may_have(&header.logs_bloom)) {
            continue;
        }
        let block = view.block_by_number(number).map_err(ReadError::other)?;
        for receipt in block.iter().flat_map(|block| block.receipts.iter()) {
            let matching = receipt.logs.iter().filter(|log| log.data.topics().starts_with(&topics));
            found.extend(matching.cloned());
        }
    }
    Ok(found)
}

/// Runs reads off the asynchronous workers.
async fn off_worker<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    tokio::task::spawn_blocking(work).await.map_err(ReadError::other)?
}
