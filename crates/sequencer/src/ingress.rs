//! The way of a transaction from its bytes to a durable place in the pool.

mod again;
pub(crate) use again::Readmitted;

mod bundle;

mod error;
pub use error::IngressError;

mod conditional;
pub use conditional::DEFAULT_CONDITION_COST_MAX;

mod promise;
pub(crate) use promise::Promise;

mod record;

mod signed;
use signed::ReceiptSigning;

mod telling;

use crate::{Chain, Controls, DropLog, SharedPool, backend::shared, bundles::Bundles, metrics};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, keccak256, map::B256Set};
use parking_lot::Mutex;
use rayon::prelude::*;
use record::{Accepted, Surviving};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{broadcast, oneshot};
use weir_evm::{Fork, decode_transaction, intrinsic_gas, recover_sender};
use weir_primitives::{
    Account, Conditions, DropCode, Fate, Severity, StateError, StateProvider, Transaction,
    TransactionStatus,
};
use weir_rpc::Readiness;
use weir_storage::{Journal, JournalError, JournalRecord};
use weir_txpool::{
    AdmissionRules, IntrinsicGas, Placement, PoolTransaction, SenderCode, SenderState, admission,
};

/// Why a transaction left a full pool.
const EVICTED: &str = "evicted by a transaction that pays more: the pool is full";

/// Newly accepted transactions that a subscriber may fall behind before it is told that it lagged.
const PENDING_QUEUE_TRANSACTIONS: usize = 16_384;

/// The journal is not rewritten before it has this many bytes.
const JOURNAL_REWRITE_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// Bytes that the journal holds at most unless a setting says otherwise: several million transfers.
pub const DEFAULT_JOURNAL_BYTES_MAX: u64 = 1 << 30;

/// Length of an EIP-7702 delegation designator and its prefix.
const DELEGATION_BYTES: usize = 23;
const DELEGATION_PREFIX: [u8; 3] = [0xef, 0x01, 0x00];

/// What became of the journal's transactions at a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restored {
    /// Back in the pool.
    pub transactions: usize,
    /// Included, or overtaken by another with the same nonce.
    pub stale: usize,
    /// Refused by the pool although nothing took their place; each is logged with its reason.
    pub lost: usize,
}

/// Whether a transaction that cannot be executed next is kept: one with a nonce gap before it, or a fee cap below the
/// base fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapPolicy {
    /// It waits in the pool.
    Queue,
    /// It is refused.
    Refuse,
}

/// Accepts transactions: decoded, recovered, checked, pooled, durable; in that order, each step once.
pub struct Ingress {
    chain: Arc<Chain>,
    pool: Arc<SharedPool>,
    /// `None` on an ephemeral chain.
    journal: Option<Journal>,
    arrivals: AtomicU64,
    accepted: broadcast::Sender<weir_rpc::PoolTransaction>,
    drops: Arc<DropLog>,
    /// In the pool, and on their way into the journal.
    being_written: Mutex<B256Set>,
    controls: Controls,
    condition_cost_max: usize,
    journal_bytes_max: u64,
    /// The next free sequence number of receipts as the journal had it at the start.
    journalled_sequence: AtomicU64,
    /// `None` without a key for receipts.
    receipts: Option<ReceiptSigning>,
    /// What was told of the open block.
    promised: Mutex<Option<Promise>>,
    /// Transactions whose records were refused, perhaps after the open block had taken them. Noted on the journal's thread
    /// before that takes anything else.
    unjournalled: Arc<Mutex<B256Set>>,
    bundles: Mutex<Bundles>,
}

impl fmt::Debug for Ingress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingress").field("journal", &self.journal.is_some()).finish_non_exhaustive()
    }
}

impl Ingress {
    /// Accepts into `pool`, durably if there is a journal.
    pub fn new(
        chain: Arc<Chain>,
        pool: Arc<SharedPool>,
        journal: Option<Journal>,
        drops: Arc<DropLog>,
    ) -> Self {
        let accepted = broadcast::Sender::new(PENDING_QUEUE_TRANSACTIONS);
        let (arrivals, being_written) = (AtomicU64::new(0), Mutex::default());
        let bundles = Mutex::new(Bundles::new(drops.retention()));
        Self {
            chain,
            pool,
            journal,
            arrivals,
            accepted,
            drops,
            being_written,
            controls: Controls::default(),
            condition_cost_max: DEFAULT_CONDITION_COST_MAX,
            journal_bytes_max: DEFAULT_JOURNAL_BYTES_MAX,
            journalled_sequence: AtomicU64::new(0),
            receipts: None,
            promised: Mutex::default(),
            unjournalled: Arc::default(),
            bundles,
        }
    }

    /// Takes conditions that name at most so many roots and parts of accounts.
    #[must_use]
    pub const fn with_condition_cost_max(mut self, cost: usize) -> Self {
        self.condition_cost_max = cost;
        self
    }

    /// Refuses transactions while the journal is longer than this, in bytes.
    #[must_use]
    pub const fn with_journal_bytes_max(mut self, bytes: u64) -> Self {
        self.journal_bytes_max = bytes;
        self
    }

    /// Refuses transactions while these controls say so.
    #[must_use]
    pub fn controlled_by(mut self, controls: Controls) -> Self {
        self.controls = controls;
        self
    }

    /// Whether transactions are taken and put into blocks, as far as the journal and the operator decide it.
    pub(crate) fn readiness(&self) -> Readiness {
        let failure = self.journal_failure().map(ToString::to_string);
        match failure.or_else(|| self.controls.unready()) {
            Some(reason) => Readiness::NotReady { reason },
            None => Readiness::Ready,
        }
    }

    /// What makes it pause.
    pub(crate) const fn controls(&self) -> &Controls {
        &self.controls
    }

    /// Newly accepted transactions from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<weir_rpc::PoolTransaction> {
        self.accepted.subscribe()
    }

    /// Accepts a transaction and returns its hash once it is as durable as the journal promises.
    pub async fn submit(&self, raw: Bytes, gap: GapPolicy) -> Result<B256, IngressError> {
        self.accept(raw, gap, None).await
    }

    /// As [`Self::submit`], to be executed only while the conditions hold (ERC-7796).
    pub async fn submit_if(
        &self,
        raw: Bytes,
        conditions: Conditions,
    ) -> Result<B256, IngressError> {
        self.check_conditions(&conditions)?;
        self.accept(raw, GapPolicy::Queue, Some(Arc::new(conditions))).await
    }

    async fn accept(
        &self,
        raw: Bytes,
        gap: GapPolicy,
        conditions: Option<Arc<Conditions>>,
    ) -> Result<B256, IngressError> {
        self.check_open()?;
        let transaction = self.check(&raw)?.under(conditions.clone());
        let (hash, sender) = (transaction.hash, transaction.sender);
        let Some(journal) = &self.journal else {
            self.admit(transaction, gap, || Ok(()))?;
            self.tell_standing([hash]);
            return Ok(hash);
        };
        let written = self.begin_writing(hash);
        let (answer, durable) = oneshot::channel();
        let unjournalled = Arc::clone(&self.unjournalled);
        let on_durable = Box::new(move |result: Result<(), JournalError>| {
            if result.is_err() {
                unjournalled.lock().insert(hash);
            }
            // The caller may have gone; the record stays all the same.
            let _ = answer.send(result);
        });
        let record = record::transaction(&raw, sender, conditions.as_deref());
        self.admit(transaction, gap, || journal.append(record, on_durable))?;
        let result = durable.await.map_err(|_| IngressError::Stopping)?;
        drop(written);
        if let Err(error) = result {
            // What is in the open block already cannot be taken back: it is then in the block, which is durable itself.
            if self.pool.lock().remove(hash).is_ok() {
                self.unjournalled.lock().remove(&hash);
                let fate = Fate::dropped(DropCode::NotDurable, error.to_string());
                self.chain.statuses().tell([(hash, fate.into())]);
            }
            return Err(error.into());
        }
        self.tell_standing([hash]);
        Ok(hash)
    }

    /// Whether anything is taken at all.
    fn check_open(&self) -> Result<(), IngressError> {
        if let Some(reason) = self.controls.ingress_halt() {
            return Err(IngressError::Halted { reason });
        }
        if let Some(failure) = self.journal_failure() {
            return Err(failure.clone().into());
        }
        let (bytes, limit) = (self.journal_bytes(), self.journal_bytes_max);
        if bytes >= limit {
            return Err(IngressError::JournalFull { bytes, limit });
        }
        Ok(())
    }

    /// Puts back into the pool what the journal holds: accepted, not dropped since, and not included.
    ///
    /// # Errors
    /// If the state cannot be read or the journal cannot be rewritten; nothing is lost then.
    pub fn restore(&self, records: &[JournalRecord]) -> Result<Restored, IngressError> {
        let surviving = Surviving::of(records);
        let Surviving { accepted, fates, next_sequence, promised, bundles, bundle_ends } =
            surviving;
        *self.promised.lock() = promised;
        if let Some(receipts) = &self.receipts {
            receipts.go_on_from(next_sequence);
        }
        self.journalled_sequence.fetch_max(next_sequence, Ordering::SeqCst);
        self.drops.restore(fates);
        let mut restored = Restored::default();
        for (checked, accepted) in self.check_all(&accepted).into_iter().zip(accepted) {
            let raw = accepted.encoding;
            let admit = |transaction| self.admit(transaction, GapPolicy::Queue, || Ok(()));
            match checked.and_then(admit) {
                Ok(()) => restored.transactions += 1,
                Err(error @ IngressError::State(_)) => return Err(error),
                Err(error) if error.is_lost() => {
                    let hash = keccak256(raw);
                    tracing::warn!(%hash, %error, "accepted transaction is not restored");
                    let fate = Fate::dropped(DropCode::NotRestored, error.to_string());
                    self.drops.record_with(hash, fate, |_| {});
                    restored.lost += 1;
                }
                Err(_) => {
                    self.record_overtaken(keccak256(raw))?;
                    restored.stale += 1;
                }
            }
        }
        self.restore_bundles(&bundles, bundle_ends)?;
        self.compact_journal()?;
        Ok(restored)
    }

    /// Checks on every core. Senders are recovered only where the journal of an older version does not have them.
    fn check_all(&self, accepted: &[Accepted<'_>]) -> Vec<Result<PoolTransaction, IngressError>> {
        let first = self.arrivals.fetch_add(accepted.len() as u64, Ordering::Relaxed);
        let check = |(index, accepted): (usize, &Accepted<'_>)| {
            let conditions = Self::journalled_conditions(*accepted)?;
            let at = first + index as u64;
            let transaction = match accepted.sender {
                Some(sender) => self.check_sent(self.decode(accepted.encoding)?, sender, at)?,
                None => self.check_at(accepted.encoding, at)?,
            };
            Ok(transaction.under(conditions))
        };
        accepted.par_iter().enumerate().map(check).collect()
    }

    /// A transaction whose nonce is used: by itself, unless no block includes it.
    fn record_overtaken(&self, hash: B256) -> Result<(), StateError> {
        if self.chain.view().snapshot().transaction_location(&hash)?.is_none() {
            self.drops.record_with(hash, overtaken(), |_| {});
        }
        Ok(())
    }

    /// Remembers how a transaction ended without being included, also over a restart.
    pub fn ended(&self, hash: B256, fate: Fate) {
        let status = TransactionStatus::from(fate.clone());
        self.drops.record_with(hash, fate, |kept| {
            let Some(journal) = &self.journal else { return };
            if let Err(error) = journal.append(record::fate(kept), Box::new(|_| {})) {
                tracing::error!(%error, %hash, "end of a transaction is not in the journal");
            }
        });
        self.chain.statuses().tell([(hash, status)]);
    }

    /// Remembers that a transaction left the pool and must not come again.
    pub(crate) fn quarantine(&self, hash: B256) {
        let fate = self.drops.quarantine(hash);
        self.ended(hash, fate);
    }

    /// Why nothing can be made durable any more, if that is so.
    pub fn journal_failure(&self) -> Option<&JournalError> {
        self.journal.as_ref()?.failure()
    }

    /// Decodes, recovers and checks everything that needs no state.
    fn check(&self, raw: &[u8]) -> Result<PoolTransaction, IngressError> {
        self.check_at(raw, self.arrivals.fetch_add(1, Ordering::Relaxed))
    }

    fn check_at(&self, raw: &[u8], arrival: u64) -> Result<PoolTransaction, IngressError> {
        let tx = self.decode(raw)?;
        let sender = recover_sender(&tx)?;
        self.check_sent(tx, sender, arrival)
    }

    fn decode(&self, raw: &[u8]) -> Result<Transaction, IngressError> {
        let tx = decode_transaction(raw)?;
        let hash = *tx.tx_hash();
        match self.drops.is_quarantined(&hash) {
            true => Err(IngressError::Quarantined { hash }),
            false => Ok(tx),
        }
    }

    /// Checks what needs no state of a transaction whose sender is known.
    fn check_sent(
        &self,
        tx: Transaction,
        sender: Address,
        arrival: u64,
    ) -> Result<PoolTransaction, IngressError> {
        let (fork, rules) = self.rules();
        let gas = intrinsic_gas(&tx, fork);
        let gas = IntrinsicGas { initial: gas.intrinsic, floor: gas.floor };
        let now = self.drops.clock().unix_seconds();
        let transaction = PoolTransaction::new(Arc::new(tx), sender, arrival).at(now);
        admission::validate(&transaction, gas, &rules)?;
        Ok(transaction)
    }

    /// Adds a transaction to the pool. `journal` sends its record on the way before anybody can take it from there, so that the
    /// record of a step comes behind those of its transactions; if it cannot, the pool does not keep it.
    fn admit(
        &self,
        transaction: PoolTransaction,
        gap: GapPolicy,
        journal: impl FnOnce() -> Result<(), JournalError>,
    ) -> Result<(), IngressError> {
        let view = self.chain.view();
        let account = view.snapshot().account(&transaction.sender)?;
        let state = sender_state(&**view.snapshot(), account)?;
        let shared = (self.accepted.receiver_count() > 0).then(|| shared(&transaction));
        let hash = transaction.hash;
        let (added, journalled) = {
            let mut pool = self.pool.lock();
            if gap == GapPolicy::Refuse {
                let expected = pool.pending_nonce(&transaction.sender, state.nonce);
                if transaction.nonce > expected {
                    return Err(IngressError::NonceGap { expected });
                }
                let (fee_cap, base_fee) = (transaction.max_fee_per_gas, pool.base_fee());
                if fee_cap < u128::from(base_fee) {
                    return Err(IngressError::NotReady { hash, fee_cap, base_fee });
                }
            }
            let place = (transaction.sender, transaction.nonce);
            let added = pool.add(transaction, &state)?;
            let journalled = journal();
            if journalled.is_ok() {
                self.drops.forget(&hash);
                self.tell_added(&pool, place, hash, &added);
            } else {
                pool.remove(hash)?;
            }
            (added, journalled)
        };
        for evicted in &added.evicted {
            self.ended(*evicted, Fate::dropped(DropCode::Evicted, EVICTED));
        }
        if let Some(replaced) = added.replaced {
            self.ended(replaced, Fate::Replaced { by: hash });
        }
        journalled?;
        if added.placement == Placement::Pending {
            self.pool.ring_for_candidate();
        }
        if let Some(transaction) = shared {
            // An error only says that the last subscriber has just left.
            let _ = self.accepted.send(transaction);
        }
        metrics::accepted();
        Ok(())
    }

    /// The rules of the next block.
    fn rules(&self) -> (Fork, AdmissionRules) {
        let view = self.chain.view();
        let header = view.head().block.header();
        let spec = self.chain.spec();
        let fork = spec.fork_at(header.number + 1, header.timestamp + 1);
        let osaka = AdmissionRules::osaka(spec.chain_id(), header.gas_limit);
        let rules = AdmissionRules {
            types: accepted_types(fork),
            max_init_code_bytes: osaka.max_init_code_bytes.filter(|_| Fork::Shanghai <= fork),
            max_transaction_gas: osaka.max_transaction_gas.filter(|_| Fork::Osaka <= fork),
            ..osaka
        };
        (fork, rules)
    }

    /// Rewrites the journal so that it holds what the pool and the bundles hold, how others ended, what was told of the open block, and
    /// nothing else.
    ///
    /// The pool, the bundles, the fates and the promise are locked while the rewrite is queued: what was accepted or ended before is in the
    /// snapshot, what follows is appended behind it. If the disk has no room for it, the journal stays as it is.
    pub fn compact_journal(&self) -> Result<(), JournalError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let pool = self.pool.lock();
        let mut transactions: Vec<_> = pool.transactions().collect();
        transactions.sort_unstable_by_key(|transaction| transaction.arrival);
        let transactions = transactions.iter().map(|one| {
            record::transaction(&one.tx.encoded_2718(), one.sender, one.conditions.as_deref())
        });
        let mut bundles = self.bundles();
        let Bundles { pool: waiting, ends, .. } = &mut *bundles;
        let ends = ends.all(self.drops.clock().unix_seconds()).into_iter().map(record::bundle_end);
        let bundled = ends.chain(waiting.bundles().map(|bundle| record::bundle(bundle)));
        let rotation = self.drops.with_all(|fates| {
            let fates = fates.into_iter().map(record::fate);
            // A node without the key keeps the number for one with it.
            let kept = self.journalled_sequence.load(Ordering::SeqCst);
            let next = self.receipts.as_ref().map_or(kept, |receipts| receipts.next().max(kept));
            let sequence = (next > 0).then(|| record::sequence(next));
            let promised = self.promised.lock();
            let step = promised.as_ref().map(|promise| record::step(promise, 0));
            let records = sequence.into_iter().chain(fates).chain(transactions);
            journal.begin_rotate(records.chain(bundled).chain(step).collect())
        })?;
        drop(bundles);
        drop(pool);
        match rotation.wait() {
            Err(error) if error.severity() == Severity::Retry => {
                tracing::warn!(%error, "journal is not rewritten and stays as it is");
                Ok(())
            }
            result => result,
        }
    }

    /// At how many bytes the journal is worth rewriting, given that it has just been: when it has doubled, or half of the
    /// room that is left is taken.
    pub(crate) fn journal_rewrite_at(&self) -> u64 {
        let bytes = self.journal_bytes();
        let room = self.journal_bytes_max.saturating_sub(bytes);
        JOURNAL_REWRITE_BYTES_MIN.max(bytes.saturating_mul(2)).min(bytes + room / 2)
    }

    /// Records that are not as durable yet as the journal promises.
    pub(crate) fn journal_waiting(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::waiting)
    }

    /// Bytes in the journal.
    pub fn journal_bytes(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::bytes)
    }
}

/// The fate of a transaction whose nonce is used up although no block includes it.
pub(crate) fn overtaken() -> Fate {
    Fate::dropped(DropCode::Overtaken, "another transaction used its nonce")
}

/// Bit n is set if type n exists under the rules of `fork`.
fn accepted_types(fork: Fork) -> u8 {
    [(Fork::Frontier, 0), (Fork::Berlin, 1), (Fork::London, 2), (Fork::Prague, 4)]
        .into_iter()
        .filter(|(since, _)| *since <= fork)
        .fold(0, |types, (_, ty)| types | 1 << ty)
}

/// What the pool must know of an account.
pub(crate) fn sender_state(
    state: &dyn StateProvider,
    account: Option<Account>,
) -> Result<SenderState, StateError> {
    let account = account.unwrap_or_default();
    let code = if account.has_code() {
        let code = state.code(&account.code_hash)?.unwrap_or_default();
        let is_delegation = code.len() == DELEGATION_BYTES && code.starts_with(&DELEGATION_PREFIX);
        if is_delegation { SenderCode::Delegated } else { SenderCode::Contract }
    } else {
        SenderCode::Empty
    };
    Ok(SenderState { nonce: account.nonce, balance: account.balance, code })
}
