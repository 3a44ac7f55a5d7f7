//! The loop that turns the pool into blocks.

mod announcing;
mod bundled;
mod checked;
mod kept;
mod pooled;
mod promised;
mod reorg;
#[cfg(test)]
mod tests;

use crate::{
    Chain, ChainError, ChainView, Controls, Ingress, ReorgInbox, SelfCheckOptions, SharedPool,
    metrics::{self, SealTimes},
    pool::Awaited,
    sequencing::announcing::StepAnnouncer,
};
use alloy_primitives::{Address, B256, Bytes, keccak256, map::AddressSet};
use bundled::BundleTrials;
use checked::Checked;
use kept::KeptConditions;
use std::{
    fmt, io,
    sync::Arc,
    time::{Duration, Instant},
};
use weir_builder::{BlockBuilder, BuildError, StepLimits, StorageRoots, TrieAhead};
use weir_evm::{BlockAttributes, SealedHeader, StatelessError, TransactionRejected, WitnessError};
use weir_primitives::{DropCode, ExecutedBlock, Fate, StateError, StateProvider};
use weir_runtime::{Clock, Scope, Shutdown, ShutdownReason};
use weir_storage::{CrashPoint, JournalError};
use weir_trie::{NodeSource, StateTrie};

/// Transactions executed between two looks at the clock and the shutdown.
const STEP_TRANSACTIONS_MAX: usize = 256;
/// A step of so many transactions says that more are waiting: the next one follows at once.
const BUSY_STEP_TRANSACTIONS: usize = 64;
/// How long the loop sleeps at most before it looks whether sealing goes on or the node stops.
const HALT_LOOK: Duration = Duration::from_millis(100);
/// Longest wait for the bell while a step is on its way into the journal: what is there is told soon, also if the bell is
/// missed.
const JOURNAL_LOOK: Duration = Duration::from_millis(1);

/// Memory that nodes of the state's tries may take between blocks unless a setting says otherwise, in bytes: about four
/// million nodes.
pub const DEFAULT_TRIE_CACHE_BYTES: usize = 1 << 30;

/// How long transactions wait in the pool unless told otherwise.
pub const DEFAULT_POOL_LIFETIME: Duration = Duration::from_hours(3);

/// How blocks are made.
#[derive(Debug, Clone, Copy)]
pub struct SequencingConfig {
    /// Time between blocks; whole seconds.
    pub block_time: Duration,
    /// Longest wait between two steps of an open block.
    pub step_time: Duration,
    /// Receives the tips.
    pub beneficiary: Address,
    /// Seed of PREVRANDAO.
    pub seed: u64,
    /// Memory that nodes of the state's tries may take between blocks, in bytes.
    pub trie_cache_bytes: usize,
    /// How long transactions wait in the pool at most; looked at once a block, in whole seconds.
    pub pool_lifetime: Duration,
}

/// Why sequencing stopped. All of these halt the node: what is on disk is consistent, what is in memory may not be.
#[derive(Debug, thiserror::Error)]
pub enum SequencingError {
    /// A block could not be opened, extended or sealed.
    #[error("block could not be built: number={number}")]
    Build {
        /// Number of the block.
        number: u64,
        /// What failed.
        #[source]
        source: BuildError,
    },
    /// A sealed block could not be stored.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The state after a block could not be read.
    #[error("state cannot be read")]
    State(#[from] StateError),
    /// The witness of a block could not be made: the store is at fault.
    #[error("witness cannot be made: number={number}")]
    Witness {
        /// Number of the block.
        number: u64,
        /// What failed.
        #[source]
        source: WitnessError,
    },
    /// Not even a block without transactions passes the check. None was published.
    #[error("sealed block does not pass its check: number={number}")]
    SelfCheck {
        /// Number of the block.
        number: u64,
        /// What the verifier says.
        #[source]
        source: Box<StatelessError>,
    },
    /// No thread can be had for the state's tries.
    #[error("thread cannot be started: {error}")]
    Thread {
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// The journal could not be rewritten.
    #[error("journal cannot be rewritten")]
    Journal(#[from] JournalError),
}

/// The open block.
struct Underway {
    builder: BlockBuilder,
    announcer: StepAnnouncer,
    ahead: TrieAhead,
}

/// Builds one block after the other on a thread of its own.
pub struct SequencingDriver<C> {
    chain: Arc<Chain>,
    pool: Arc<SharedPool>,
    ingress: Arc<Ingress>,
    trie: StateTrie,
    config: SequencingConfig,
    clock: C,
    /// Bytes of the journal beyond which it is rewritten.
    journal_rewrite_at: u64,
    /// Whether the newest block was sealed during a drain and found nothing to include.
    is_drained: bool,
    /// `None` unless reorgs may be asked for.
    reorgs: Option<ReorgInbox>,
    self_check: SelfCheckOptions,
    /// Senders whose transactions were not executed although the pool held them for executable: it takes their accounts to be
    /// other than they are.
    mistaken: AddressSet,
    /// Conditions of included transactions, where reorgs may bring those back.
    kept: KeptConditions,
    /// What became of bundles in the open block.
    trials: BundleTrials,
}

impl<C> fmt::Debug for SequencingDriver<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SequencingDriver").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<C: Clock> SequencingDriver<C> {
    /// A driver that continues the chain at its head.
    pub fn new(
        chain: Arc<Chain>,
        pool: Arc<SharedPool>,
        ingress: Arc<Ingress>,
        config: SequencingConfig,
        clock: C,
    ) -> Self {
        let trie = StateTrie::new(chain.view().head().block.header().state_root);
        let journal_rewrite_at = ingress.journal_rewrite_at();
        let driver = Self {
            chain,
            pool,
            ingress,
            trie,
            config,
            clock,
            journal_rewrite_at,
            is_drained: false,
            reorgs: None,
            self_check: SelfCheckOptions::default(),
            mistaken: AddressSet::default(),
            kept: KeptConditions::default(),
            trials: BundleTrials::default(),
        };
        driver.with_self_check(SelfCheckOptions::default())
    }

    /// Checks sealed blocks, and keeps their witnesses, as these options say.
    #[must_use]
    pub fn with_self_check(mut self, options: SelfCheckOptions) -> Self {
        self.chain.witnesses().keep_blocks(options.witness_blocks);
        self.self_check = options;
        self
    }

    /// Also does the reorgs that are asked for through `inbox`: a development chain.
    #[must_use]
    pub fn with_reorgs(mut self, inbox: ReorgInbox) -> Self {
        self.reorgs = Some(inbox);
        self
    }

    /// Builds blocks until shutdown. What was told of the open block is in the journal, and the next start goes on with it.
    pub fn run(mut self, shutdown: &Shutdown) -> Result<(), SequencingError> {
        while !shutdown.is_cancelled() {
            if self.is_finished() {
                shutdown.trigger(ShutdownReason::Done);
            } else if self.controls().is_sealing_halted() {
                self.pool.lock().release_in_flight();
                self.controls().halts.wait_while_halted(Scope::Sealing, HALT_LOOK);
            } else {
                self.produce(shutdown)?;
            }
        }
        self.pool.lock().release_in_flight();
        Ok(())
    }

    fn controls(&self) -> &Controls {
        self.ingress.controls()
    }

    /// Whether the last block is sealed, or all that could be executed is in a block and no more comes.
    fn is_finished(&self) -> bool {
        let head = self.chain.view().head().reference().number;
        self.is_drained || self.controls().stop_at_block.is_some_and(|last| last <= head)
    }

    fn produce(&mut self, shutdown: &Shutdown) -> Result<(), SequencingError> {
        let view = self.chain.view();
        let Underway { mut builder, mut announcer, ahead } = self.begin(&view)?;
        let number = builder.open().header().number;
        let failed = |source| SequencingError::Build { number, source };
        let seal_at = self.seal_at(builder.attributes());
        let mut stepped = 0;
        while !shutdown.is_cancelled() {
            if self.serve_reorg()? || self.controls().is_sealing_halted() {
                announcer.retract();
                return Ok(());
            }
            announcer.tell(builder.open());
            let now = self.clock.now();
            if now >= seal_at {
                self.trie = ahead.finish(&mut builder).map_err(failed)?;
                return self.seal(builder, &view);
            }
            // What comes while a small step is on its way into the journal could not be told sooner if it were executed now.
            if !announcer.is_behind() || stepped >= BUSY_STEP_TRANSACTIONS {
                stepped = self.step(&mut builder, seal_at).map_err(failed)?;
                announcer.promise(&builder);
                if stepped > 0 {
                    ahead.advance(&mut builder);
                    continue;
                }
            }
            let longest = (seal_at - now).min(self.config.step_time);
            match announcer.is_behind() {
                true => self.pool.wait(Awaited::Journal, longest.min(JOURNAL_LOOK)),
                false => self.pool.wait(Awaited::Candidate, longest),
            }
        }
        Ok(())
    }

    /// Opens the next block; with what a crash or a stop has left of it, if it was promised to anybody.
    fn begin(&mut self, view: &ChainView) -> Result<Underway, SequencingError> {
        let parent = sealed_header(view.head());
        let attributes = self.attributes(&parent);
        let promise = self.ingress.promise_on(parent.hash());
        let attributes = match &promise {
            Some(promise) => promise.attributes(attributes),
            None => attributes,
        };
        self.chain.set_open_timestamp(attributes.timestamp);
        let mut builder = self.open(view, attributes)?;
        self.begin_witness();
        // If the block is dropped, the trie begins anew from the parent's root.
        let trie = std::mem::replace(&mut self.trie, StateTrie::new(parent.state_root));
        let nodes = Arc::clone(view.snapshot()) as Arc<dyn NodeSource>;
        let ahead = TrieAhead::begin(&mut builder, trie, nodes);
        let ahead = ahead.map_err(|error| SequencingError::Thread { error: Arc::new(error) })?;
        let reference = view.heads().unsafe_head();
        let mut announcer = StepAnnouncer::new(&self.chain, &self.ingress, &self.pool, reference);
        if let Some(promise) = promise {
            if self.keep_promise(&mut builder, &promise)? {
                announcer.resume(builder.open().transactions().len());
            }
            ahead.advance(&mut builder);
        }
        self.begin_bundles(&builder);
        Ok(Underway { builder, announcer, ahead })
    }

    /// Opens the child of a view's head.
    fn open(
        &self,
        view: &ChainView,
        attributes: BlockAttributes,
    ) -> Result<BlockBuilder, SequencingError> {
        let parent = sealed_header(view.head());
        let number = parent.number + 1;
        let state = Arc::clone(view.snapshot()) as Arc<dyn StateProvider>;
        let spec = Arc::clone(self.chain.spec());
        let roots = StorageRoots::new(parent.state_root, Arc::clone(view.snapshot()));
        BlockBuilder::begin(spec, &parent, attributes, state)
            .map(|builder| builder.with_roots(roots))
            .map_err(|source| SequencingError::Build { number, source })
    }

    /// Lets the trie note what the block needs of the state before it, if that is checked or kept.
    fn begin_witness(&mut self) {
        if self.self_check.needs_witness() {
            self.trie.begin_witness();
        }
    }

    /// The block carries the time at which it is sealed: the next multiple of the block time, so that a published
    /// block is never from the future.
    fn attributes(&self, parent: &SealedHeader) -> BlockAttributes {
        let block_time = self.config.block_time.as_secs().max(1);
        let next = (self.clock.unix_seconds() / block_time + 1) * block_time;
        let mut seed = [0; 16];
        seed[..8].copy_from_slice(&self.config.seed.to_be_bytes());
        seed[8..].copy_from_slice(&(parent.number + 1).to_be_bytes());
        BlockAttributes {
            timestamp: next.max(parent.timestamp + 1),
            beneficiary: self.config.beneficiary,
            prev_randao: keccak256(seed),
            gas_limit: parent.gas_limit,
            extra_data: Bytes::new(),
            parent_beacon_block_root: Some(B256::ZERO),
            withdrawals: None,
        }
    }

    /// When the block is sealed: at its timestamp, unless the clock has gone back. Then block time goes on as usual, and
    /// timestamps, which must grow, stay ahead of the clock until it has caught up.
    fn seal_at(&self, attributes: &BlockAttributes) -> Duration {
        let due = Duration::from_secs(attributes.timestamp);
        let now = self.clock.now();
        if due <= now + 2 * self.config.block_time {
            return due;
        }
        tracing::warn!(timestamp = attributes.timestamp, "block time is ahead of the clock");
        now + self.config.block_time
    }

    /// Appends bundles and transactions, and answers how many transactions joined.
    fn step(&mut self, builder: &mut BlockBuilder, seal_at: Duration) -> Result<usize, BuildError> {
        builder.set_time(unix_millis(&self.clock));
        let before = builder.open().transactions().len();
        self.try_bundles(builder, seal_at)?;
        let limits = StepLimits { max_transactions: STEP_TRANSACTIONS_MAX };
        let should_stop = || self.clock.now() >= seal_at;
        let mut candidates = &*self.pool;
        let step = builder.step(&mut candidates, &limits, &should_stop)?;
        for left_out in &step.rejected {
            if !self.is_bundled(builder, &left_out.hash) {
                self.ingress.ended(left_out.hash, rejected(&left_out.reason));
            }
        }
        self.note_mistaken(&step);
        Ok(builder.open().transactions().len() - before)
    }

    fn seal(&mut self, builder: BlockBuilder, view: &ChainView) -> Result<(), SequencingError> {
        let started = Instant::now();
        let Checked { sealed, witness, removed } = self.seal_checked(builder, view)?;
        // What a whole block could not take, because its fee cap is too low, say, nobody waits for.
        let is_empty = sealed.executed.block.transactions().is_empty();
        self.is_drained = self.controls().drain.is_begun() && is_empty;
        self.settle_removed(&removed, &sealed.executed);
        self.ingress.settle_bundles(&sealed.executed);
        let root = started.elapsed();
        let block = sealed.executed.reference();
        let records = self.chain.witnesses().records(block, witness.as_ref());
        self.chain.append(&sealed.executed, &sealed.hashed, &sealed.updates, &records)?;
        self.ingress.settle_promise(&sealed.executed.block);
        let store = started.elapsed() - root;
        self.update_pool(&sealed.executed)?;
        self.shrink_trie();
        self.expire();
        metrics::sealed(&sealed.executed, SealTimes { root, store });
        match self.chain.store().stats() {
            Ok(stats) => metrics::store(&stats),
            Err(error) => tracing::warn!(%error, "size of the store is not known"),
        }
        if let Some(witness) = witness {
            self.chain.witnesses().show(block, witness);
        }
        CrashPoint::BlockTell.pass();
        self.chain.announce(sealed.executed);
        if self.ingress.journal_bytes() > self.journal_rewrite_at {
            self.ingress.compact_journal()?;
            self.journal_rewrite_at = self.ingress.journal_rewrite_at();
        }
        Ok(())
    }

    /// Keeps the trie within its memory.
    fn shrink_trie(&mut self) {
        self.trie.shrink_to(self.config.trie_cache_bytes);
        metrics::trie(self.trie.node_count(), self.trie.memory_bytes());
    }
}

/// The fate of a transaction that execution refused for good.
fn rejected(reason: &TransactionRejected) -> Fate {
    let code = match reason {
        TransactionRejected::Condition(_) => DropCode::ConditionFailed,
        _ => DropCode::Invalid,
    };
    Fate::dropped(code, reason.to_string())
}

/// Unix time in milliseconds.
pub(crate) fn unix_millis(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.now().as_millis()).unwrap_or(u64::MAX)
}

fn sealed_header(block: &ExecutedBlock) -> SealedHeader {
    SealedHeader::new_unchecked(block.block.header().clone(), block.block.hash())
}
