//! The transactions of one block, one after the other, and what the block does before and after them.

#[cfg(feature = "std")]
mod inspected;

use crate::{
    AmsterdamRules, BlockAccesses, ChainSpec, ExecutionError, Fork, TransactionError,
    TransactionRejected,
    accesses::{Recent, StateRead},
    amsterdam_handler,
    bytecode::CodeCache,
    machine::{self, Machine, OverlayEvm},
    overlay::{Overlay, OverlayMark, ReadError},
    post_block,
};
use alloc::{sync::Arc, vec::Vec};
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS, eip7685::Requests,
};
use alloy_evm::{Evm, EvmEnv, FromRecoveredTx, eth::dao_fork};
use alloy_hardforks::EthereumHardforks;
use alloy_primitives::{Address, B256, Bytes, U256};
use revm::{
    context::TxEnv,
    context_interface::{
        Cfg,
        result::{EVMError, ExecutionResult, Output, ResultAndState},
    },
    database_interface::DatabaseCommit,
    state::EvmState,
};
use weir_primitives::{ConditionFailure, Header, Receipt, StateDiff, StateProvider, Transaction};

/// How an executed transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// It did what it should.
    Succeeded,
    /// The contract undid it and gave back the rest of the gas.
    Reverted,
    /// It ran out of gas or hit an invalid instruction; all gas is spent.
    Halted,
}

/// What executing a transaction in an open block gave. Logs are in its receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionOutcome {
    /// Index in the block.
    pub index: usize,
    /// Gas paid for.
    pub gas_used: u64,
    /// How it ended.
    pub status: Completion,
    /// Return data, or the reason given for reverting; the code for a creation.
    pub output: Bytes,
    /// The contract created, if the transaction was a successful creation.
    pub created: Option<Address>,
}

impl TransactionOutcome {
    /// Whether the receipt says success.
    pub fn is_success(&self) -> bool {
        self.status == Completion::Succeeded
    }
}

/// Gas and receipts so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) cumulative_gas_used: u64,
    /// EIP-8037 counts two kinds of gas for the block's limit; before it, only the first is used.
    regular_gas_used: u64,
    state_gas_used: u64,
    pub(crate) blob_gas_used: u64,
}

/// Where the execution of a block stood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExecutionMark {
    overlay: OverlayMark,
    receipts: usize,
    cumulative_gas_used: u64,
    regular_gas_used: u64,
    state_gas_used: u64,
    blob_gas_used: u64,
}

impl Tally {
    fn roll_back(&mut self, mark: &ExecutionMark) {
        self.receipts.truncate(mark.receipts);
        self.cumulative_gas_used = mark.cumulative_gas_used;
        self.regular_gas_used = mark.regular_gas_used;
        self.state_gas_used = mark.state_gas_used;
        self.blob_gas_used = mark.blob_gas_used;
    }
}

/// One block being executed: the shared core of building and of checking blocks.
pub(crate) struct Execution {
    pub(crate) spec: Arc<ChainSpec>,
    /// Rules of this block.
    pub(crate) fork: Fork,
    pub(crate) tally: Tally,
    timestamp: u64,
    env: EvmEnv,
    /// `None` only while an EVM holds it.
    overlay: Option<Overlay>,
    #[cfg(feature = "fault-injection")]
    stains: crate::fault::Stains,
}

/// What the block did after its transactions.
pub(crate) struct Finished {
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) diff: StateDiff,
    pub(crate) accesses: BlockAccesses,
    /// What of it nobody has asked for yet.
    pub(crate) recent_reads: Vec<StateRead>,
    /// Hash of the block's access list, from Amsterdam on (EIP-7928).
    pub(crate) access_list_hash: Option<B256>,
    pub(crate) requests: Requests,
    pub(crate) gas_used: u64,
    pub(crate) blob_gas_used: u64,
}

const OVERLAY: &str = "the overlay is put back whenever an EVM is taken apart";

impl Execution {
    /// Opens the block of `header` on the state after its parent, and makes the calls that precede transactions.
    /// `codes` are codes that the state is known to hold.
    pub(crate) fn begin(
        spec: Arc<ChainSpec>,
        header: &Header,
        state: Arc<dyn StateProvider>,
        codes: Arc<CodeCache>,
    ) -> Result<Self, ExecutionError> {
        let fork = spec.fork_at(header.number, header.timestamp);
        let has_access_list = Fork::Amsterdam <= fork;
        if has_access_list && spec.amsterdam.is_none() {
            // Its rules are not final, so a chain says which draft it follows.
            return Err(ExecutionError::ForkUnsupported { fork });
        }
        let mut execution = Self::bare(spec, header, state, codes);
        if has_access_list && let Some(overlay) = &mut execution.overlay {
            overlay.log_changes();
        }
        execution.apply_dao_fork(header.number)?;
        execution.pre_block_calls(header)?;
        Ok(execution)
    }

    /// The block of `header` before anything has happened in it.
    pub(crate) fn bare(
        spec: Arc<ChainSpec>,
        header: &Header,
        state: Arc<dyn StateProvider>,
        codes: Arc<CodeCache>,
    ) -> Self {
        let env = spec.evm_env(header);
        let overlay = Overlay::new(codes, state);
        Self {
            fork: spec.fork_of(header),
            spec,
            tally: Tally::default(),
            timestamp: header.timestamp,
            env,
            overlay: Some(overlay),
            #[cfg(feature = "fault-injection")]
            stains: Default::default(),
        }
    }

    /// The irregular state change of the DAO fork, before the first transaction of its block.
    fn apply_dao_fork(&mut self, number: u64) -> Result<(), ExecutionError> {
        if !self.spec.ethereum_fork_activation(Fork::Dao).transitions_at_block(number) {
            return Ok(());
        }
        let overlay = self.overlay.as_mut().expect(OVERLAY);
        for account in dao_fork::DAO_HARDFORK_ACCOUNTS {
            let drained = overlay.drain_balance(account)?;
            overlay.add_balance(dao_fork::DAO_HARDFORK_BENEFICIARY, drained, true)?;
        }
        Ok(())
    }

    fn pre_block_calls(&mut self, header: &Header) -> Result<(), ExecutionError> {
        let fork = self.fork;
        self.with_machine(|machine, _| pre_block_calls(machine, fork, header))
    }

    /// Runs `body` with an assembled EVM.
    pub(crate) fn with_machine<R>(
        &mut self,
        body: impl FnOnce(&mut Machine, &mut Tally) -> R,
    ) -> R {
        let overlay = self.overlay.take().expect(OVERLAY);
        let mut machine = machine::assemble(overlay, &self.env);
        let result = body(&mut machine, &mut self.tally);
        self.overlay = Some(machine::dismantle(machine));
        result
    }

    /// Executes one transaction; see [`run`].
    pub(crate) fn execute(
        &mut self,
        tx: &Transaction,
        sender: Address,
    ) -> Result<TransactionOutcome, TransactionError> {
        self.execute_paying(tx, sender, U256::ZERO)
    }

    /// As [`Self::execute`]; it is rejected if the beneficiary would gain less than `pays_min` wei.
    pub(crate) fn execute_paying(
        &mut self,
        tx: &Transaction,
        sender: Address,
        pays_min: U256,
    ) -> Result<TransactionOutcome, TransactionError> {
        let rules = Rules { pays_min, ..self.rules() };
        #[cfg(feature = "fault-injection")]
        if self.spec.has_dirty_journal {
            return self.execute_dirtily(tx, sender, rules);
        }
        self.with_machine(|machine, tally| run(machine, tally, rules, (tx, sender)))
    }

    #[cfg(feature = "fault-injection")]
    fn execute_dirtily(
        &mut self,
        tx: &Transaction,
        sender: Address,
        rules: Rules,
    ) -> Result<TransactionOutcome, TransactionError> {
        let mut stains = core::mem::take(&mut self.stains);
        let outcome = self.with_machine(|machine, tally| {
            stains.put_back(machine).map_err(ExecutionError::from)?;
            run(machine, tally, rules, (tx, sender))
        });
        let has_failed = !outcome.as_ref().is_ok_and(TransactionOutcome::is_success);
        if let Some(to) = tx.to().filter(|_| has_failed) {
            stains.leave(to, self.overlay().slots_of(&to));
        }
        self.stains = stains;
        outcome
    }

    /// What a transaction is checked against besides the EVM's own rules.
    pub(crate) fn rules(&self) -> Rules {
        let blobs = self.spec.blob_params_at(self.timestamp);
        Rules {
            fork: self.fork,
            amsterdam: self.spec.amsterdam.filter(|_| Fork::Amsterdam <= self.fork),
            blob_gas_max: blobs.map_or(0, |params| params.max_blob_gas_per_block()),
            pays_min: U256::ZERO,
        }
    }

    pub(crate) fn overlay(&self) -> &Overlay {
        self.overlay.as_ref().expect(OVERLAY)
    }

    /// Notes from now on how to come back here. A block with an access list cannot: its list would keep what is undone.
    pub(crate) fn mark(&mut self) -> ExecutionMark {
        let overlay = self.overlay.as_mut().expect(OVERLAY).mark();
        let Tally {
            receipts,
            cumulative_gas_used,
            regular_gas_used,
            state_gas_used,
            blob_gas_used,
        } = &self.tally;
        ExecutionMark {
            overlay,
            receipts: receipts.len(),
            cumulative_gas_used: *cumulative_gas_used,
            regular_gas_used: *regular_gas_used,
            state_gas_used: *state_gas_used,
            blob_gas_used: *blob_gas_used,
        }
    }

    /// Undoes every transaction since the mark; see [`Overlay::roll_back`].
    pub(crate) fn roll_back(&mut self, mark: &ExecutionMark) {
        self.overlay.as_mut().expect(OVERLAY).roll_back(&mark.overlay);
        self.tally.roll_back(mark);
    }

    /// Forgets how to come back to any mark.
    pub(crate) fn forget_marks(&mut self) {
        self.overlay.as_mut().expect(OVERLAY).forget_marks();
    }

    /// Notes what is written from now on, too.
    pub(crate) fn note_writes(&mut self) {
        self.overlay.as_mut().expect(OVERLAY).note_writes();
    }

    /// What the block has done to the state since the last call.
    pub(crate) fn take_recent(&mut self) -> Recent {
        let overlay = self.overlay.as_mut().expect(OVERLAY);
        let (reads, writes) = (overlay.take_recent_reads(), overlay.take_recent_writes());
        Recent { reads, writes, executed: Vec::new() }
    }

    pub(crate) const fn env(&self) -> &EvmEnv {
        &self.env
    }

    /// Ends the block: requests, withdrawals, rewards.
    pub(crate) fn finish(
        mut self,
        ommers: &[Header],
        withdrawals: Option<&[alloy_eips::eip4895::Withdrawal]>,
    ) -> Result<Finished, ExecutionError> {
        let index = self.tally.receipts.len() as u64 + 1;
        self.overlay.as_mut().expect(OVERLAY).begin_changes(index);
        let requests = if Fork::Prague <= self.fork {
            let deposit_contract = self.spec.deposit_contract;
            self.with_machine(|machine, tally| {
                post_block::requests(machine, &tally.receipts, deposit_contract)
            })?
        } else {
            Requests::default()
        };
        let mut overlay = self.overlay.take().expect(OVERLAY);
        post_block::pay(&self.spec, &self.env, &mut overlay, ommers, withdrawals)?;
        let (diff, accesses) = (overlay.diff()?, overlay.accesses());
        let recent_reads = overlay.take_recent_reads();
        let gas_used = if self.env.cfg_env.enable_amsterdam_eip8037 {
            self.tally.regular_gas_used.max(self.tally.state_gas_used)
        } else {
            self.tally.cumulative_gas_used
        };
        Ok(Finished {
            receipts: self.tally.receipts,
            diff,
            accesses,
            recent_reads,
            access_list_hash: overlay.access_list_hash(),
            requests,
            gas_used,
            blob_gas_used: self.tally.blob_gas_used,
        })
    }
}

/// Makes the calls that precede the transactions of the block `header` (EIP-2935, EIP-4788).
pub(crate) fn pre_block_calls(
    machine: &mut impl OverlayEvm,
    fork: Fork,
    header: &Header,
) -> Result<(), ExecutionError> {
    if Fork::Prague <= fork {
        machine::system_call(machine, HISTORY_STORAGE_ADDRESS, header.parent_hash.0.into())?;
    }
    if Fork::Cancun <= fork {
        let root = header.parent_beacon_block_root.unwrap_or_default();
        machine::system_call(machine, BEACON_ROOTS_ADDRESS, root.0.into())?;
    }
    Ok(())
}

/// Rules of a block that the EVM does not check itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    fork: Fork,
    amsterdam: Option<AmsterdamRules>,
    blob_gas_max: u64,
    /// Wei that the beneficiary must gain by the transaction.
    pays_min: U256,
}

/// Executes a transaction on top of the block so far.
///
/// A rejected transaction leaves nothing behind: no warm address, no cached account, no nonce.
pub(crate) fn run(
    machine: &mut Machine,
    tally: &mut Tally,
    rules: Rules,
    (tx, sender): (&Transaction, Address),
) -> Result<TransactionOutcome, TransactionError> {
    check_room(machine, tally, rules, tx)?;
    let env = TxEnv::from_recovered_tx(tx, sender);
    let outcome = match rules.amsterdam {
        Some(AmsterdamRules::April2026) => amsterdam_handler::transact(machine, env),
        None => machine.transact_raw(env),
    };
    match outcome {
        Ok(outcome) => match check_payment(machine, rules.pays_min, &outcome.state) {
            Ok(()) => Ok(commit(machine, tally, tx, outcome)),
            Err(refused) => {
                machine::discard(machine);
                machine.db_mut().forget_reads();
                Err(refused)
            }
        },
        Err(error) => {
            machine::discard(machine);
            machine.db_mut().forget_reads();
            Err(match error {
                EVMError::Transaction(invalid) => {
                    let limits = (tx.gas_limit(), machine.block().gas_limit);
                    TransactionRejected::from_evm(invalid, tx.ty(), limits).into()
                }
                EVMError::Database(ReadError(error)) => ExecutionError::State(error).into(),
                EVMError::Header(_) | EVMError::Custom(_) | EVMError::CustomAny(_) => {
                    ExecutionError::Evm { hash: *tx.tx_hash() }.into()
                }
            })
        }
    }
}

/// Whether the block has gas and blob gas left for `tx`, and its rules know this kind of signature.
fn check_room(
    machine: &Machine,
    tally: &Tally,
    rules: Rules,
    tx: &Transaction,
) -> Result<(), TransactionRejected> {
    if rules.fork < Fork::SpuriousDragon && tx.is_legacy() && tx.chain_id().is_some() {
        return Err(TransactionRejected::WrongChainId);
    }
    let gas_limit = tx.gas_limit();
    let cfg = machine.cfg_env();
    let block_gas_limit = machine.block().gas_limit;
    let used = if cfg.enable_amsterdam_eip8037 {
        tally.regular_gas_used
    } else {
        tally.cumulative_gas_used
    };
    let available = block_gas_limit.saturating_sub(used);
    if available < gas_limit.min(cfg.tx_gas_limit_cap()) {
        return Err(TransactionRejected::BlockGasExhausted { gas_limit, available });
    }
    if cfg.enable_amsterdam_eip8037 {
        let available = block_gas_limit.saturating_sub(tally.state_gas_used);
        if available < gas_limit {
            return Err(TransactionRejected::BlockGasExhausted { gas_limit, available });
        }
    }
    if let Some(blob_gas) = tx.blob_gas_used().filter(|_| Fork::Cancun <= rules.fork) {
        let available = rules.blob_gas_max.saturating_sub(tally.blob_gas_used);
        if available < blob_gas {
            return Err(TransactionRejected::BlobGasExhausted { blob_gas, available });
        }
    }
    Ok(())
}

/// Whether what a transaction leaves gives the beneficiary enough.
fn check_payment(
    machine: &Machine,
    required: U256,
    state: &EvmState,
) -> Result<(), TransactionError> {
    if required.is_zero() {
        return Ok(());
    }
    let beneficiary = machine.block().beneficiary;
    let before = machine.db().peek_balance(&beneficiary).map_err(ExecutionError::State)?;
    let after = state.get(&beneficiary).map_or(before, |account| account.info.balance);
    let paid = after.saturating_sub(before);
    if paid >= required {
        return Ok(());
    }
    Err(TransactionRejected::from(ConditionFailure::PaysTooLittle { paid, required }).into())
}

fn commit(
    machine: &mut Machine,
    tally: &mut Tally,
    tx: &Transaction,
    ResultAndState { result, state }: ResultAndState,
) -> TransactionOutcome {
    machine.db_mut().begin_changes(tally.receipts.len() as u64 + 1);
    machine.db_mut().commit(state);
    let gas = *result.gas();
    let gas_used = gas.tx_gas_used();
    tally.cumulative_gas_used += gas_used;
    tally.regular_gas_used += gas.block_regular_gas_used();
    tally.state_gas_used += gas.block_state_gas_used();
    tally.blob_gas_used += tx.blob_gas_used().unwrap_or_default();
    let (status, logs, output, created) = match result {
        ExecutionResult::Success { logs, output: Output::Call(output), .. } => {
            (Completion::Succeeded, logs, output, None)
        }
        ExecutionResult::Success { logs, output: Output::Create(output, created), .. } => {
            (Completion::Succeeded, logs, output, created)
        }
        ExecutionResult::Revert { logs, output, .. } => (Completion::Reverted, logs, output, None),
        ExecutionResult::Halt { logs, .. } => (Completion::Halted, logs, Bytes::new(), None),
    };
    tally.receipts.push(Receipt {
        tx_type: tx.tx_type(),
        success: status == Completion::Succeeded,
        cumulative_gas_used: tally.cumulative_gas_used,
        logs,
    });
    TransactionOutcome { index: tally.receipts.len() - 1, gas_used, status, output, created }
}
