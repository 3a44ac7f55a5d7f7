//! A block under construction.

use crate::{
    ChainSpec, DiffState, ExecutionError, Fork, Recent, SealedHeader, StateRead, TransactionError,
    TransactionOutcome, TransactionRejected, UnsealedBlock,
    block::BLOCK_RLP_BYTES_MAX,
    execution::{Execution, ExecutionMark},
    header_rules,
    overlay::Peek,
    roots::BodyRoots,
};
use alloc::{sync::Arc, vec::Vec};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Transaction as _};
use alloy_eips::{Encodable2718, eip4895::Withdrawal};
use alloy_primitives::{Address, B256, Bytes, U256};
use weir_primitives::{
    AccountDiff, Header, Receipt, StateDiff, StateError, StateProvider, Transaction,
};

/// Room kept for the header and the list headers of a block when its size is watched, in bytes.
const HEADER_RLP_BYTES_MAX: usize = 2048;
/// Most bytes of one withdrawal in RLP.
const WITHDRAWAL_RLP_BYTES_MAX: usize = 64;

/// What the driver decides about the next block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockAttributes {
    /// Unix time in seconds; after the parent's.
    pub timestamp: u64,
    /// Receives the priority fees.
    pub beneficiary: Address,
    /// Value of `PREVRANDAO` (EIP-4399).
    pub prev_randao: B256,
    /// Gas limit; within 1/1024 of the parent's.
    pub gas_limit: u64,
    /// At most 32 bytes.
    pub extra_data: Bytes,
    /// Root of the parent beacon block (EIP-4788); `None` counts as zero.
    pub parent_beacon_block_root: Option<B256>,
    /// Withdrawals (EIP-4895); `None` counts as an empty list from Shanghai on.
    pub withdrawals: Option<Vec<Withdrawal>>,
}

/// A block to which transactions are added one by one.
///
/// Owns all it needs, so it can move between threads. Dropping it undoes it: nothing is written anywhere.
pub struct OpenBlock {
    header: Header,
    withdrawals: Option<Vec<Withdrawal>>,
    execution: Execution,
    transactions: Vec<Arc<Transaction>>,
    senders: Vec<Address>,
    /// Upper bound of the block's RLP so far.
    size_bytes: usize,
    /// Transactions that [`Self::take_recent`] has given out.
    told: usize,
    body_roots: BodyRoots,
    /// How many calls of [`Self::atomically`] are under way, one in the other.
    depth: usize,
}

/// Where an open block stood.
struct Mark {
    execution: ExecutionMark,
    transactions: usize,
    size_bytes: usize,
}

impl core::fmt::Debug for OpenBlock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OpenBlock")
            .field("number", &self.header.number)
            .field("parent_hash", &self.header.parent_hash)
            .field("transactions", &self.transactions.len())
            .field("gas_used", &self.execution.tally.cumulative_gas_used)
            .finish_non_exhaustive()
    }
}

impl OpenBlock {
    /// Opens the child of `parent` on the state after `parent`, and makes the calls that precede transactions.
    ///
    /// # Errors
    /// If the attributes give a header that [`crate::execute_block`] would refuse, if the fork has proof of work
    /// or is newer than Osaka's blob-parameter forks, or if state cannot be read.
    pub fn begin(
        spec: Arc<ChainSpec>,
        parent: &SealedHeader,
        attributes: BlockAttributes,
        state: Arc<dyn StateProvider>,
    ) -> Result<Self, ExecutionError> {
        let header = next_header(&spec, parent, &attributes)?;
        let fork = spec.fork_at(header.number, header.timestamp);
        let withdrawals =
            (Fork::Shanghai <= fork).then(|| attributes.withdrawals.unwrap_or_default());
        let size_bytes = HEADER_RLP_BYTES_MAX
            + WITHDRAWAL_RLP_BYTES_MAX * withdrawals.as_ref().map_or(0, Vec::len);
        let codes = Arc::clone(&spec.codes);
        let execution = Execution::begin(spec, &header, state, codes)?;
        Ok(Self {
            header,
            withdrawals,
            execution,
            transactions: Vec::new(),
            senders: Vec::new(),
            size_bytes,
            told: 0,
            body_roots: BodyRoots::default(),
            depth: 0,
        })
    }

    /// Executes a transaction as the next of the block.
    ///
    /// A rejected transaction leaves no trace in the block: neither in state nor in gas nor in what is warm.
    /// `sender` must be the address that [`crate::recover_sender`] gives; it is not recovered again.
    pub fn execute(
        &mut self,
        tx: Arc<Transaction>,
        sender: Address,
    ) -> Result<TransactionOutcome, TransactionError> {
        self.execute_paying(tx, sender, U256::ZERO)
    }

    /// As [`Self::execute`]; the transaction is rejected if the beneficiary would gain less than `pays_min` wei by it.
    pub fn execute_paying(
        &mut self,
        tx: Arc<Transaction>,
        sender: Address,
        pays_min: U256,
    ) -> Result<TransactionOutcome, TransactionError> {
        let size = self.size_bytes + tx.network_len();
        if Fork::Osaka <= self.execution.fork && BLOCK_RLP_BYTES_MAX < size {
            return Err(
                TransactionRejected::BlockSizeExhausted { size, max: BLOCK_RLP_BYTES_MAX }.into()
            );
        }
        let outcome = self.execution.execute_paying(&tx, sender, pays_min)?;
        self.size_bytes = size;
        self.transactions.push(tx);
        self.senders.push(sender);
        Ok(outcome)
    }

    /// Lets `body` execute transactions. If it answers an error, all of them are undone and leave no trace in the block, as if
    /// they had been rejected. Calls may stand in one another.
    ///
    /// `body` must not call [`Self::take_recent`]: what it gives out cannot be undone.
    pub fn atomically<R, E>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<R, E>,
    ) -> Result<R, E> {
        let mark = Mark {
            execution: self.execution.mark(),
            transactions: self.transactions.len(),
            size_bytes: self.size_bytes,
        };
        self.depth += 1;
        let result = body(self);
        self.depth -= 1;
        if result.is_err() {
            self.execution.roll_back(&mark.execution);
            self.transactions.truncate(mark.transactions);
            self.senders.truncate(mark.transactions);
            self.size_bytes = mark.size_bytes;
        }
        if self.depth == 0 {
            self.execution.forget_marks();
        }
        result
    }

    /// The header as far as it is known: without gas used, bloom and roots.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Gas that transactions have used so far.
    pub const fn gas_used(&self) -> u64 {
        self.execution.tally.cumulative_gas_used
    }

    /// Gas that the block has left.
    pub const fn gas_remaining(&self) -> u64 {
        self.header.gas_limit.saturating_sub(self.gas_used())
    }

    /// Blob gas that transactions have used so far.
    pub const fn blob_gas_used(&self) -> u64 {
        self.execution.tally.blob_gas_used
    }

    /// The transactions so far, in order.
    pub fn transactions(&self) -> &[Arc<Transaction>] {
        &self.transactions
    }

    /// The senders so far, one a transaction.
    pub fn senders(&self) -> &[Address] {
        &self.senders
    }

    /// The receipts so far, one a transaction.
    pub fn receipts(&self) -> &[Receipt] {
        &self.execution.tally.receipts
    }

    /// Notes what transactions write from now on, for [`Self::take_recent`].
    pub fn note_writes(&mut self) {
        self.execution.note_writes();
    }

    /// What the block has read of the state before it for the first time, what its transactions have written over, if that is
    /// noted, and the transactions with their receipts, since the last call.
    pub fn take_recent(&mut self) -> Recent {
        let told = core::mem::replace(&mut self.told, self.transactions.len());
        let executed = self.transactions[told..].iter().zip(&self.receipts()[told..]);
        let executed = executed.map(|(tx, receipt)| (Arc::clone(tx), receipt.clone())).collect();
        Recent { executed, ..self.execution.take_recent() }
    }

    /// Says what of the roots of the body is known: those of the first transactions, as many as were added.
    pub fn set_body_roots(&mut self, roots: BodyRoots) {
        self.body_roots = roots;
    }

    /// What the block has changed so far, its pre-block calls included. Costs time in proportion.
    pub fn diff(&self) -> Result<StateDiff, ExecutionError> {
        Ok(self.execution.overlay().diff()?)
    }

    /// The state after the transactions so far, frozen: what the `pending` tag reads.
    pub fn pending_state(&self) -> Result<DiffState, ExecutionError> {
        let base = Arc::clone(self.execution.overlay().parent_state());
        Ok(DiffState::open(base, Arc::new(self.diff()?)))
    }

    /// The state after the transactions so far, for a look: what is read leaves no trace in the block.
    pub fn peek(&self) -> impl StateProvider + '_ {
        Peek(self.execution.overlay())
    }

    /// What the block so far has changed of an account; `None` unless it has left other storage to it than it had.
    ///
    /// # Errors
    /// If the state before the block cannot be read.
    pub fn storage_change(&self, address: &Address) -> Result<Option<AccountDiff>, StateError> {
        self.execution.overlay().storage_change(address)
    }

    /// The least effective tip in wei per gas that `tx` pays in this block, `None` if it cannot pay the base fee.
    pub fn effective_tip(&self, tx: &Transaction) -> Option<u128> {
        tx.effective_tip_per_gas(self.execution.env().block_env.basefee)
    }

    /// Ends the block: withdrawals, requests, roots of the body. The state root is left to the caller.
    pub fn finish(self) -> Result<UnsealedBlock, ExecutionError> {
        Ok(self.finish_beside(|_, _| ())?.0)
    }

    /// [`Self::finish`], and beside the roots of the body, on another thread if one is free, what `beside` makes of
    /// the block's diff and its reads since [`Self::take_recent`]: its state root, say. `beside` is not called if
    /// the block cannot be ended.
    pub fn finish_beside<R: Send>(
        self,
        beside: impl FnOnce(&StateDiff, &[StateRead]) -> R + Send,
    ) -> Result<(UnsealedBlock, R), ExecutionError> {
        let finished = self.execution.finish(&[], self.withdrawals.as_deref())?;
        Ok(UnsealedBlock::assemble(
            self.header,
            self.transactions,
            self.senders,
            self.withdrawals,
            finished,
            self.body_roots,
            beside,
        ))
    }
}

/// The header of the block to open, checked as if it came from elsewhere.
fn next_header(
    spec: &ChainSpec,
    parent: &SealedHeader,
    attributes: &BlockAttributes,
) -> Result<Header, ExecutionError> {
    let number = parent.number + 1;
    let timestamp = attributes.timestamp;
    let fork = spec.fork_at(number, timestamp);
    if fork < Fork::Paris || Fork::Amsterdam <= fork {
        return Err(ExecutionError::ForkUnsupported { fork });
    }
    let is_cancun = Fork::Cancun <= fork;
    let header = Header {
        parent_hash: parent.hash(),
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: attributes.beneficiary,
        number,
        gas_limit: attributes.gas_limit,
        timestamp,
        extra_data: attributes.extra_data.clone(),
        mix_hash: attributes.prev_randao,
        base_fee_per_gas: spec.next_base_fee(parent),
        withdrawals_root: (Fork::Shanghai <= fork).then_some(B256::ZERO),
        blob_gas_used: is_cancun.then_some(0),
        excess_blob_gas: spec.next_excess_blob_gas(parent, timestamp),
        parent_beacon_block_root: is_cancun
            .then(|| attributes.parent_beacon_block_root.unwrap_or_default()),
        requests_hash: (Fork::Prague <= fork).then_some(B256::ZERO),
        ..Default::default()
    };
    header_rules::check(spec, &header, parent)?;
    Ok(header)
}
