//! The witness of a transaction that is in no block.

use crate::ChainView;
use alloy_primitives::{B256, Bytes};
use std::sync::Arc;
use weir_evm::{
    BlockAccesses, BlockAttributes, ChainSpec, ExecutionWitness, OpenBlock, SealedHeader,
    WitnessError, decode_transaction, recover_sender,
};
use weir_primitives::{Header, StateError, StateProvider};
use weir_rpc::BackendError;
use weir_storage::hash_diff;

/// The witness of an encoded transaction as if it were alone in the next block. Leaves no trace.
pub(crate) fn transaction_witness(
    spec: &Arc<ChainSpec>,
    view: &ChainView,
    raw: &Bytes,
) -> Result<ExecutionWitness, BackendError> {
    let tx = decode_transaction(raw).map_err(refused)?;
    let sender = recover_sender(&tx).map_err(refused)?;
    let head = &view.head().block;
    let parent = SealedHeader::new_unchecked(head.header().clone(), head.hash());
    let attributes = BlockAttributes {
        timestamp: parent.timestamp + 1,
        beneficiary: parent.beneficiary,
        prev_randao: B256::ZERO,
        gas_limit: parent.gas_limit,
        extra_data: Bytes::new(),
        parent_beacon_block_root: Some(B256::ZERO),
        withdrawals: None,
    };
    let state = Arc::clone(view.snapshot()) as Arc<dyn StateProvider>;
    let mut open =
        OpenBlock::begin(Arc::clone(spec), &parent, attributes, state).map_err(refused)?;
    open.execute(Arc::new(tx), sender).map_err(refused)?;
    let unsealed = open.finish().map_err(refused)?;
    let hashed = hash_diff(unsealed.diff());
    let snapshot = &**view.snapshot();
    let needs = (&**unsealed.accesses(), &hashed);
    let mut header = |number| header(view, number);
    ExecutionWitness::record(head.header(), needs, snapshot, snapshot, &mut header)
        .map_err(BackendError::store)
}

/// The witness of a block on top of a view's head, from what it read and the nodes noted meanwhile.
pub(crate) fn witness_of_nodes(
    view: &ChainView,
    accesses: &BlockAccesses,
    nodes: Vec<Bytes>,
) -> Result<ExecutionWitness, WitnessError> {
    let parent = view.head().block.header();
    let mut header = |number| header(view, number);
    ExecutionWitness::of_nodes(parent, accesses, nodes, &**view.snapshot(), &mut header)
}

fn header(view: &ChainView, number: u64) -> Result<Option<Header>, StateError> {
    let header = view.header_by_number(number).map_err(StateError::store)?;
    Ok(header.map(SealedHeader::into_inner))
}

fn refused(error: impl std::error::Error) -> BackendError {
    BackendError::refused(error.to_string())
}
