//! Whole blocks of calls on top of a block, each on the state after the one before: `eth_simulateV1`.

mod ancestors;
mod error;
mod plan;
mod precompiles;
mod tracer;
mod transaction;

pub use error::BlockSimulationError;

use super::{BlockOverrides, CallOutcome, CallRequest, StateOverrides};
use crate::{
    ChainSpec, ExecutionError, Fork, SealedHeader,
    execution::pre_block_calls,
    overlay::{Overlay, ReadError},
    post_block, roots,
    transaction::spec_id,
};
use alloy_consensus::{BlockBody, EMPTY_OMMER_ROOT_HASH, proofs::calculate_withdrawals_root};
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_evm::{EthEvm, Evm, EvmEnv};
use alloy_primitives::{Address, B256, Log};
use ancestors::SimulatedAncestors;
use plan::PlannedBlock;
use precompiles::SimulatedPrecompiles;
use revm::{
    context_interface::{
        block::BlobExcessGasAndPrice,
        result::{EVMError, ResultAndState},
    },
    database_interface::DatabaseCommit,
};
use std::{fmt, sync::Arc};
use tracer::LogTracer;
use weir_primitives::{
    Block, Header, Receipt, RecoveredBlock, StateDiff, StateProvider, Transaction,
};

/// One block to simulate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BlockCalls {
    /// What the block is like; the number and time that follow from the block before unless told otherwise.
    pub block: BlockOverrides,
    /// What the state is pretended to be before the block.
    pub state: StateOverrides,
    /// The calls, in order.
    pub calls: Vec<CallRequest>,
}

/// What to simulate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BlockSimulation {
    /// The blocks, in order. Numbers that are left out are filled with empty blocks.
    pub blocks: Vec<BlockCalls>,
    /// Whether each transfer of wei gives a log of its own.
    pub traces_transfers: bool,
    /// Whether nonces and fees are checked as on the chain.
    pub validates: bool,
    /// Gas that all calls may use together.
    pub gas_budget: u64,
}

/// A log of a simulated call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedLog {
    /// The log.
    pub log: Log,
    /// Its index among all that were emitted in the block, undone ones included.
    pub index: u64,
}

/// How a simulated call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedCall {
    /// The outcome; its logs are in `logs`.
    pub outcome: CallOutcome,
    /// Logs, those of transfers among them if they were asked for.
    pub logs: Vec<SimulatedLog>,
    /// Gas used before refunds: what the call needs at its peak.
    pub gas_used_max: u64,
}

/// A simulated block. Its transactions are not signed: their signatures are zero.
#[derive(Debug, Clone)]
pub struct SimulatedBlock {
    /// The block, with the senders that the calls name.
    pub block: RecoveredBlock,
    /// What became of each call.
    pub calls: Vec<SimulatedCall>,
}

type SimulationEvm = EthEvm<Overlay, LogTracer, SimulatedPrecompiles>;

/// Computes the state root after a change of the base state; `None` ends the simulation.
pub type RootAfter<'a> = dyn FnMut(&StateDiff) -> Option<B256> + 'a;

/// A simulation under way.
struct Simulator {
    spec: Arc<ChainSpec>,
    ancestors: Arc<SimulatedAncestors>,
    /// `None` only while an EVM holds it.
    overlay: Option<Overlay>,
    parent: SealedHeader,
    gas_left: u64,
    traces_transfers: bool,
    validates: bool,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("parent", &self.parent.number).finish_non_exhaustive()
    }
}

const OVERLAY: &str = "the overlay is put back when the EVM of a block is taken apart";

impl BlockSimulation {
    /// Simulates the blocks on top of `base`, on the state after it. `root_after` computes state roots.
    ///
    /// # Errors
    /// [`BlockSimulationError`]; a call that reverts or stops is no error.
    pub fn run(
        self,
        spec: Arc<ChainSpec>,
        base: SealedHeader,
        state: Arc<dyn StateProvider>,
        root_after: &mut RootAfter<'_>,
    ) -> Result<Vec<SimulatedBlock>, BlockSimulationError> {
        let planned = plan::plan(self.blocks, &base)?;
        let ancestors = Arc::new(SimulatedAncestors::new(state, base.number));
        let overlay =
            Overlay::new(Arc::clone(&spec.codes), Arc::clone(&ancestors) as Arc<dyn StateProvider>);
        let mut simulator = Simulator {
            spec,
            ancestors,
            overlay: Some(overlay),
            parent: base,
            gas_left: self.gas_budget,
            traces_transfers: self.traces_transfers,
            validates: self.validates,
        };
        planned.into_iter().map(|block| simulator.block(block, root_after)).collect()
    }
}

/// A block's results so far.
#[derive(Default)]
struct Progress {
    transactions: Vec<Transaction>,
    encoded: Vec<Vec<u8>>,
    senders: Vec<Address>,
    receipts: Vec<Receipt>,
    calls: Vec<SimulatedCall>,
    gas_used: u64,
    blob_gas_used: u64,
}

impl Simulator {
    fn block(
        &mut self,
        planned: PlannedBlock,
        root_after: &mut RootAfter<'_>,
    ) -> Result<SimulatedBlock, BlockSimulationError> {
        let mut header = self.header(&planned);
        let fork = self.spec.fork_of(&header);
        if Fork::Amsterdam <= fork {
            return Err(ExecutionError::ForkUnsupported { fork }.into());
        }
        let env = self.env(&header, &planned.overrides);
        let mut overlay = self.overlay.take().expect(OVERLAY);
        let mut precompiles = SimulatedPrecompiles::of_fork(spec_id(fork));
        precompiles::apply(&mut overlay, precompiles.active(), &planned.state)?;
        let tracer = LogTracer::new(self.traces_transfers);
        let mut evm = precompiles::assemble(overlay, env.clone(), tracer, precompiles);
        pre_block_calls(&mut evm, fork, &header)?;
        let mut progress = Progress::default();
        for call in planned.calls {
            self.call(&mut evm, &header, call, &mut progress)?;
        }
        if Fork::Prague <= fork {
            let requests =
                post_block::requests(&mut evm, &progress.receipts, self.spec.deposit_contract)?;
            header.requests_hash = Some(requests.requests_hash());
        }
        let mut overlay = evm.finish().0;
        let withdrawals =
            (Fork::Shanghai <= fork).then(|| planned.overrides.withdrawals.unwrap_or_default());
        post_block::pay(&self.spec, &env, &mut overlay, &[], withdrawals.as_deref())?;
        let diff = overlay.diff().map_err(ExecutionError::from)?;
        self.overlay = Some(overlay);
        header.state_root = root_after(&diff).ok_or(BlockSimulationError::RootUnknown)?;
        header.withdrawals_root = withdrawals.as_deref().map(calculate_withdrawals_root);
        Ok(self.seal(header, withdrawals, progress))
    }

    /// The header as far as it is known before the block is executed.
    fn header(&self, planned: &PlannedBlock) -> Header {
        let (overrides, parent) = (&planned.overrides, &self.parent);
        let (number, timestamp) = (planned.number, planned.timestamp);
        let is_active = |fork| self.spec.is_active(fork, number, timestamp);
        let base_fee = overrides.base_fee_per_gas.or_else(|| match self.validates {
            true => self.spec.next_base_fee(parent),
            false => Some(0),
        });
        let is_cancun = is_active(Fork::Cancun);
        Header {
            parent_hash: parent.hash(),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: overrides.beneficiary.unwrap_or(parent.beneficiary),
            difficulty: overrides.difficulty.unwrap_or(parent.difficulty),
            number,
            gas_limit: overrides.gas_limit.unwrap_or(parent.gas_limit),
            timestamp,
            mix_hash: overrides.prev_randao.unwrap_or_default(),
            base_fee_per_gas: base_fee.filter(|_| is_active(Fork::London)),
            excess_blob_gas: self.spec.next_excess_blob_gas(parent, timestamp),
            blob_gas_used: is_cancun.then_some(0),
            parent_beacon_block_root: is_cancun
                .then(|| overrides.parent_beacon_block_root.unwrap_or_default()),
            ..Header::default()
        }
    }

    fn env(&self, header: &Header, overrides: &BlockOverrides) -> EvmEnv {
        let mut env = self.spec.evm_env(header);
        env.cfg_env.disable_nonce_check = !self.validates;
        env.cfg_env.disable_eip3607 = true;
        // What calls may use is checked here, with the limits of this block and of the whole simulation.
        env.cfg_env.disable_block_gas_limit = true;
        env.cfg_env.tx_gas_limit_cap = Some(u64::MAX);
        env.cfg_env.tx_chain_id_check = false;
        if let (Some(fee), Some(blobs)) =
            (overrides.blob_base_fee, &mut env.block_env.blob_excess_gas_and_price)
        {
            *blobs = BlobExcessGasAndPrice { blob_gasprice: fee, ..*blobs };
        }
        env
    }

    fn call(
        &mut self,
        evm: &mut SimulationEvm,
        header: &Header,
        call: CallRequest,
        progress: &mut Progress,
    ) -> Result<(), BlockSimulationError> {
        call.check().map_err(|_| BlockSimulationError::ConflictingFees)?;
        let remaining = header.gas_limit - progress.gas_used;
        let required = call.gas.unwrap_or(remaining);
        if remaining < required {
            return Err(BlockSimulationError::BlockGasExhausted { remaining, required });
        }
        let sender = call.sender();
        let account = evm.db_mut().account(sender).map_err(ExecutionError::from)?;
        let call = CallRequest {
            gas: Some(required.min(self.gas_left)),
            nonce: Some(call.nonce.unwrap_or_else(|| account.unwrap_or_default().nonce)),
            ..call
        };
        let (transaction, encoded) = transaction::unsigned(&call, &self.spec, header)?;
        evm.components_mut().1.begin();
        let ResultAndState { result, state } = self.transact(evm, &call, header)?;
        evm.db_mut().commit(state);
        let gas = *result.gas();
        let used = gas.tx_gas_used();
        self.gas_left = self.gas_left.saturating_sub(used);
        progress.gas_used += used;
        let blobs = call.blob_versioned_hashes.as_ref().map_or(0, Vec::len) as u64;
        progress.blob_gas_used += blobs * DATA_GAS_PER_BLOB;
        progress.receipts.push(Receipt {
            tx_type: transaction.tx_type(),
            success: result.is_success(),
            cumulative_gas_used: progress.gas_used,
            logs: result.logs().to_vec(),
        });
        progress.calls.push(SimulatedCall {
            logs: evm.components_mut().1.take_logs(),
            outcome: CallOutcome::from_evm(result),
            gas_used_max: gas.total_gas_spent().max(gas.floor_gas()),
        });
        progress.transactions.push(transaction);
        progress.encoded.push(encoded);
        progress.senders.push(sender);
        Ok(())
    }

    fn transact(
        &self,
        evm: &mut SimulationEvm,
        call: &CallRequest,
        header: &Header,
    ) -> Result<ResultAndState, BlockSimulationError> {
        let gas = call.gas.unwrap_or_default();
        let is_free = call.fee_cap() == 0 && call.max_priority_fee_per_gas.unwrap_or_default() == 0;
        let mut env = call.to_env(gas, call.nonce.unwrap_or_default());
        env.tx_type = match transaction::type_of(call, header) {
            0 => u8::from(call.access_list.is_some()),
            ty => ty,
        };
        if env.gas_priority_fee.is_none() && env.tx_type > 1 {
            env.gas_priority_fee = Some(0);
        }
        evm.ctx_mut().cfg.disable_base_fee = !self.validates && is_free;
        let ty = env.tx_type;
        evm.transact_raw(env).map_err(|error| match error {
            EVMError::Transaction(invalid) => {
                let limits = (gas, header.gas_limit);
                let reason = crate::TransactionRejected::from_evm(invalid, ty, limits);
                BlockSimulationError::Rejected { reason, gas }
            }
            EVMError::Database(ReadError(error)) => ExecutionError::State(error).into(),
            EVMError::Header(_) | EVMError::Custom(_) | EVMError::CustomAny(_) => {
                ExecutionError::Evm { hash: B256::ZERO }.into()
            }
        })
    }

    /// Completes the header, and makes the block the parent of the next.
    fn seal(
        &mut self,
        mut header: Header,
        withdrawals: Option<Vec<alloy_eips::eip4895::Withdrawal>>,
        progress: Progress,
    ) -> SimulatedBlock {
        let encoded = progress.encoded;
        header.transactions_root =
            weir_trie::ordered_root(encoded.len(), |index, out| out.extend(&encoded[index]));
        header.receipts_root = roots::receipts_root(&progress.receipts);
        header.logs_bloom = roots::logs_bloom(&progress.receipts);
        header.gas_used = progress.gas_used;
        header.blob_gas_used = header.blob_gas_used.map(|_| progress.blob_gas_used);
        let hash = header.hash_slow();
        self.ancestors.push(header.number, hash);
        self.parent = SealedHeader::new_unchecked(header.clone(), hash);
        let body = BlockBody {
            transactions: progress.transactions,
            ommers: Vec::new(),
            withdrawals: withdrawals.map(Into::into),
        };
        let block = RecoveredBlock::new(Block { header, body }, hash, progress.senders);
        SimulatedBlock { block, calls: progress.calls }
    }
}
