//! Checking a block by executing it: the one path by which blocks of others are believed.

use crate::{
    BlockAccesses, ChainSpec, ExecutionError, Fork, SealedHeader, TransactionError,
    TransactionRejected,
    bytecode::CodeCache,
    execution::{self, Execution, Finished},
    header_rules::{self, HeaderError},
    ommers::{self, OmmerError},
    roots, threads,
};
use alloc::{sync::Arc, vec::Vec};
use alloy_consensus::{
    Transaction as _,
    proofs::{calculate_ommers_root, calculate_withdrawals_root},
};
use alloy_eips::eip7685::Requests;
use alloy_primitives::B256;
use alloy_rlp::Encodable;
use weir_primitives::{Block, Header, Receipt, RecoveredBlock, Severity, StateDiff, StateProvider};

/// Most bytes of a block in RLP from Osaka on (EIP-7934): 10 MiB less a margin of 2 MiB.
pub(crate) const BLOCK_RLP_BYTES_MAX: usize = 8 << 20;

/// Why a block was not believed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BlockError {
    /// The header contradicts its parent or its fork: the block is invalid.
    #[error("header is invalid")]
    Header(#[from] HeaderError),
    /// The ommers are not allowed: the block is invalid.
    #[error("ommers are invalid")]
    Ommers(#[from] OmmerError),
    /// A hash in the header is not that of the body or of what execution gave: the block is invalid.
    #[error("header commits to something else: field={field} header={header} computed={computed}")]
    Commitment {
        /// Name of the field.
        field: &'static str,
        /// Value in the header.
        header: B256,
        /// Value computed.
        computed: B256,
    },
    /// The bloom in the header is not that of the logs: the block is invalid.
    #[error("logs bloom differs")]
    LogsBloom,
    /// The gas used in the header is not what execution used: the block is invalid.
    #[error("gas used differs: header={header} computed={computed}")]
    GasUsed {
        /// Value in the header.
        header: u64,
        /// Gas that the transactions used.
        computed: u64,
    },
    /// The blob gas used in the header is not what the transactions carry: the block is invalid.
    #[error("blob gas used differs: header={header} computed={computed}")]
    BlobGasUsed {
        /// Value in the header.
        header: u64,
        /// Blob gas of the transactions.
        computed: u64,
    },
    /// Withdrawals are present before Shanghai or absent after it: the block is invalid.
    #[error("withdrawals do not fit the fork: fork={fork}")]
    Withdrawals {
        /// The fork of the block.
        fork: Fork,
    },
    /// The block is larger than EIP-7934 allows: the block is invalid.
    #[error("block is too large: bytes={bytes} max={max}")]
    TooLarge {
        /// Bytes in RLP.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A transaction may not stand where it stands: the block is invalid.
    #[error("transaction is invalid: index={index}")]
    Transaction {
        /// Index in the block.
        index: usize,
        /// Which rule it breaks.
        #[source]
        reason: TransactionRejected,
    },
    /// Execution failed; see [`ExecutionError::severity`] for whether the block is at fault.
    #[error("execution failed")]
    Execution(#[from] ExecutionError),
}

impl BlockError {
    /// Whether the block itself is wrong, whoever checks it; otherwise the check could not be completed.
    pub const fn is_invalid(&self) -> bool {
        match self {
            Self::Execution(error) => matches!(
                error,
                ExecutionError::SystemContract { .. }
                    | ExecutionError::DepositLog { .. }
                    | ExecutionError::Header(_)
            ),
            _ => true,
        }
    }

    /// What a driver that trusted this block does next.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Execution(error) => error.severity(),
            _ => Severity::Reset,
        }
    }
}

/// What executing a block gave. All of it but the state root has been compared with the header.
#[derive(Debug, Clone)]
pub struct BlockOutput {
    /// One receipt a transaction, in order.
    pub receipts: Vec<Receipt>,
    /// What the block changed.
    pub diff: StateDiff,
    /// What the block read of the state before it.
    pub accesses: BlockAccesses,
    /// Requests to the consensus layer (EIP-7685).
    pub requests: Requests,
    /// Gas used, as the header states it.
    pub gas_used: u64,
}

impl BlockOutput {
    /// Compares the root of the state after the block with the header.
    pub fn check_state_root(&self, header: &Header, computed: B256) -> Result<(), BlockError> {
        commitment("stateRoot", header.state_root, computed)
    }
}

/// Executes a block on the state after its parent and checks all that its header says, the state root apart.
///
/// A block with ommers needs [`execute_block_with_ancestors`].
pub fn execute_block(
    spec: &Arc<ChainSpec>,
    parent: &SealedHeader,
    block: &RecoveredBlock,
    state: Arc<dyn StateProvider>,
) -> Result<BlockOutput, BlockError> {
    execute_block_with_ancestors(spec, parent, block, &[], state)
}

/// [`execute_block`] for a chain with proof of work, whose blocks may name ommers.
///
/// `ancestors` are the parent, the parent's parent and so on: the last seven, or all that there are.
pub fn execute_block_with_ancestors(
    spec: &Arc<ChainSpec>,
    parent: &SealedHeader,
    block: &RecoveredBlock,
    ancestors: &[&Block],
    state: Arc<dyn StateProvider>,
) -> Result<BlockOutput, BlockError> {
    let codes = Arc::clone(&spec.codes);
    execute_with_codes(spec, parent, block, ancestors, state, codes)
}

/// [`execute_block_with_ancestors`] where `codes` are the codes that need not be read from `state`.
pub(crate) fn execute_with_codes(
    spec: &Arc<ChainSpec>,
    parent: &SealedHeader,
    block: &RecoveredBlock,
    ancestors: &[&Block],
    state: Arc<dyn StateProvider>,
    codes: Arc<CodeCache>,
) -> Result<BlockOutput, BlockError> {
    Ok(execute_beside(spec, parent, block, ancestors, state, codes, |_| ())?.0)
}

/// [`execute_with_codes`], and beside the checks of what it gave, on another thread if one is free, what `beside` makes
/// of the block's diff.
pub(crate) fn execute_beside<R: Send>(
    spec: &Arc<ChainSpec>,
    parent: &SealedHeader,
    block: &RecoveredBlock,
    ancestors: &[&Block],
    state: Arc<dyn StateProvider>,
    codes: Arc<CodeCache>,
    beside: impl FnOnce(&StateDiff) -> R + Send,
) -> Result<(BlockOutput, R), BlockError> {
    let header = block.header();
    header_rules::check(spec, header, parent)?;
    ommers::check(spec, block, ancestors)?;
    // A body that is not what the header says is not worth executing, but it is rare.
    let (is_whole, finished) =
        threads::join(|| check_body(spec, block), || execute_body(spec, block, state, codes));
    is_whole?;
    let finished = finished?;
    let (beside, is_right) =
        threads::join(|| beside(&finished.diff), || check_results(spec, header, &finished));
    is_right?;
    let output = BlockOutput {
        receipts: finished.receipts,
        diff: finished.diff,
        accesses: finished.accesses,
        requests: finished.requests,
        gas_used: finished.gas_used,
    };
    Ok((output, beside))
}

fn execute_body(
    spec: &Arc<ChainSpec>,
    block: &RecoveredBlock,
    state: Arc<dyn StateProvider>,
    codes: Arc<CodeCache>,
) -> Result<Finished, BlockError> {
    let mut execution = Execution::begin(Arc::clone(spec), block.header(), state, codes)?;
    execute_transactions(&mut execution, block)?;
    let body = &block.block().body;
    let withdrawals = body.withdrawals.as_ref().map(|list| list.as_slice());
    Ok(execution.finish(&body.ommers, withdrawals)?)
}

fn commitment(field: &'static str, header: B256, computed: B256) -> Result<(), BlockError> {
    if header == computed {
        Ok(())
    } else {
        Err(BlockError::Commitment { field, header, computed })
    }
}

/// What can be said about the body before anything is executed.
fn check_body(spec: &ChainSpec, block: &RecoveredBlock) -> Result<(), BlockError> {
    let (header, body) = (block.header(), &block.block().body);
    let fork = spec.fork_at(header.number, header.timestamp);
    let bytes = block.block().length();
    if Fork::Osaka <= fork && BLOCK_RLP_BYTES_MAX < bytes {
        return Err(BlockError::TooLarge { bytes, max: BLOCK_RLP_BYTES_MAX });
    }
    commitment("ommersHash", header.ommers_hash, calculate_ommers_root(&body.ommers))?;
    commitment(
        "transactionsRoot",
        header.transactions_root,
        roots::transactions_root(&body.transactions),
    )?;
    match (&body.withdrawals, header.withdrawals_root) {
        (None, None) => {}
        (Some(list), Some(root)) => {
            commitment("withdrawalsRoot", root, calculate_withdrawals_root(list))?;
        }
        _ => return Err(BlockError::Withdrawals { fork }),
    }
    if let Some(header) = header.blob_gas_used {
        let computed = body.transactions.iter().filter_map(|tx| tx.blob_gas_used()).sum();
        if header != computed {
            return Err(BlockError::BlobGasUsed { header, computed });
        }
    }
    Ok(())
}

fn execute_transactions(
    execution: &mut Execution,
    block: &RecoveredBlock,
) -> Result<(), BlockError> {
    let rules = execution.rules();
    execution.with_machine(|machine, tally| {
        tally.receipts.reserve_exact(block.transactions().len());
        let signed = block.transactions().iter().zip(block.senders().iter().copied());
        for (index, signed) in signed.enumerate() {
            execution::run(machine, tally, rules, signed).map_err(|error| match error {
                TransactionError::Rejected(reason) => BlockError::Transaction { index, reason },
                TransactionError::Failed(error) => BlockError::Execution(error),
            })?;
        }
        Ok(())
    })
}

/// What execution gave against what the header says.
fn check_results(spec: &ChainSpec, header: &Header, finished: &Finished) -> Result<(), BlockError> {
    if header.gas_used != finished.gas_used {
        return Err(BlockError::GasUsed { header: header.gas_used, computed: finished.gas_used });
    }
    let (receipts_root, bloom) = roots::of_receipts(&finished.receipts);
    // Before Byzantium a receipt holds a state root a transaction (EIP-658), which is not computed here;
    // gas, bloom and the final state root still bind the block.
    if spec.is_active(Fork::Byzantium, header.number, header.timestamp) {
        commitment("receiptsRoot", header.receipts_root, receipts_root)?;
    }
    if header.logs_bloom != bloom {
        return Err(BlockError::LogsBloom);
    }
    if let (Some(hash), Some(computed)) = (header.block_access_list_hash, finished.access_list_hash)
    {
        commitment("blockAccessListHash", hash, computed)?;
    }
    if let Some(root) = header.requests_hash {
        commitment("requestsHash", root, finished.requests.requests_hash())?;
    }
    Ok(())
}
