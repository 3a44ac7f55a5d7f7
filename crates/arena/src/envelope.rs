//! The pool events of one block, as the feed carries them.

use crate::{
    DecodeError, DecodedEvent, PoolEvent, PoolFilter, PoolId, PoolKey, decode,
    digest::envelope_digest,
    transfers::{Shortfall, has_transfers, shortfalls},
};
use alloy_consensus::TxReceipt;
use alloy_primitives::{Address, B256, Log, map::HashMap};
use std::sync::OnceLock;
use weir_primitives::{BlockRef, ExecutedBlock, LoggedBlock, OpenStep};

/// One pool event in its place in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRecord {
    /// Index of the transaction in the block.
    pub tx_index: u32,
    /// Index of the log in the block (RPC's `logIndex`), not in the receipt.
    pub log_index: u32,
    /// Hash of the transaction.
    pub tx_hash: B256,
    /// The pool.
    pub pool: PoolKey,
    /// What happened to it.
    pub event: PoolEvent,
}

/// All events of the watched pools in one block, in execution order. Blocks without any have an envelope, too.
///
/// Immutable: the digest, once computed, stays right.
#[derive(Debug, Clone)]
pub struct BlockEnvelope {
    chain_id: u64,
    block: BlockRef,
    base_fee: u64,
    events: Vec<EventRecord>,
    digest: OnceLock<B256>,
}

/// A log of a watched pool or factory that does not decode, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UndecodableLog {
    /// Index of the log in the block.
    pub log_index: u32,
    /// What is wrong with it.
    pub error: DecodeError,
}

/// What a block holds for the watched pools.
#[derive(Debug, Clone, PartialEq)]
pub struct Extracted {
    /// The events.
    pub envelope: BlockEnvelope,
    /// Logs of watched addresses that should be events and are not. Any is an alarm.
    pub undecodable: Vec<UndecodableLog>,
}

/// What a step of the open block holds for the watched pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractedStep {
    /// The events, with their indices in the block.
    pub events: Vec<EventRecord>,
    /// Logs of watched addresses that should be events and are not. Any is an alarm.
    pub undecodable: Vec<UndecodableLog>,
}

impl ExtractedStep {
    /// Decodes a step's logs as [`BlockEnvelope::from_block`] will those of the sealed block. Pools that an earlier step of the
    /// same block created are known if `filter` is the [`crate::OpenPools`] of the steps before.
    pub fn from_step(chain_id: u64, step: &OpenStep, filter: &dyn PoolFilter) -> Self {
        let logs = step.transactions.iter().map(|tx| tx.logs.len()).sum();
        let mut reader = Reader::new(chain_id, filter, logs);
        (reader.tx_index, reader.log_index) = (step.first_tx, step.first_log);
        for tx in &step.transactions {
            reader.read_transaction(&tx.logs, || tx.hash);
        }
        Self { events: reader.events, undecodable: reader.undecodable }
    }
}

impl BlockEnvelope {
    /// An envelope of events in execution order; [`crate::PoolArena::apply`] checks the order.
    pub const fn new(
        chain_id: u64,
        block: BlockRef,
        base_fee: u64,
        events: Vec<EventRecord>,
    ) -> Self {
        Self { chain_id, block, base_fee, events, digest: OnceLock::new() }
    }

    /// The envelope of an executed block: decodes the logs of the pools and factories that `filter` names.
    ///
    /// Pools created in the block by a named factory are watched from that log on.
    pub fn from_block(
        chain_id: u64,
        executed: &ExecutedBlock,
        filter: &dyn PoolFilter,
    ) -> Extracted {
        let logs = executed.receipts.iter().map(|receipt| receipt.logs().len()).sum();
        let mut reader = Reader::new(chain_id, filter, logs);
        let transactions = executed.block.transactions();
        for (tx, receipt) in transactions.iter().zip(&*executed.receipts) {
            reader.read_transaction(receipt.logs(), || *tx.tx_hash());
        }
        let base_fee = executed.block.header().base_fee_per_gas.unwrap_or(0);
        reader.finish(executed.reference(), base_fee)
    }

    /// The envelope of a block known by its logs: the same as [`Self::from_block`] gives for the block executed.
    pub fn from_logged(chain_id: u64, logged: &LoggedBlock, filter: &dyn PoolFilter) -> Extracted {
        let logs = logged.transactions.iter().map(|tx| tx.logs.len()).sum();
        let mut reader = Reader::new(chain_id, filter, logs);
        for tx in &logged.transactions {
            reader.read_transaction(&tx.logs, || tx.hash);
        }
        reader.finish(logged.reference, logged.base_fee)
    }

    /// EIP-155 chain id.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Number, hash, parent hash and timestamp.
    pub const fn block(&self) -> BlockRef {
        self.block
    }

    /// Base fee per gas in wei; zero before London.
    pub const fn base_fee(&self) -> u64 {
        self.base_fee
    }

    /// The events in execution order.
    pub fn events(&self) -> &[EventRecord] {
        &self.events
    }

    /// SHA-256 of the content, computed on first use. `docs/spec/feed.md` has the bytes.
    ///
    /// A reader in any language can check it with its standard library.
    pub fn digest(&self) -> B256 {
        *self.digest.get_or_init(|| envelope_digest(self))
    }
}

impl PartialEq for BlockEnvelope {
    fn eq(&self, other: &Self) -> bool {
        self.chain_id == other.chain_id
            && self.block == other.block
            && self.base_fee == other.base_fee
            && self.events == other.events
    }
}

impl Eq for BlockEnvelope {}

/// Room made at the first event of a block, at most: growing step by step would copy every record twice.
const EVENTS_RESERVED: usize = 512;

/// A pool created in the block.
struct Created {
    /// Its factory or PoolManager.
    by: Address,
    tokens: (Address, Address),
}

impl Created {
    fn of(log: &Log, event: &PoolEvent) -> Option<Self> {
        match *event {
            PoolEvent::V2Created { token0, token1, .. }
            | PoolEvent::V3Created { token0, token1, .. }
            | PoolEvent::V4Initialize { token0, token1, .. } => {
                Some(Self { by: log.address, tokens: (token0, token1) })
            }
            _ => None,
        }
    }
}

struct Reader<'a> {
    chain_id: u64,
    filter: &'a dyn PoolFilter,
    /// Pools created in the block.
    created: HashMap<PoolId, Created>,
    /// Logs in the block.
    logs: usize,
    tx_index: u32,
    log_index: u32,
    events: Vec<EventRecord>,
    undecodable: Vec<UndecodableLog>,
}

impl<'a> Reader<'a> {
    fn new(chain_id: u64, filter: &'a dyn PoolFilter, logs: usize) -> Self {
        Self {
            chain_id,
            filter,
            created: HashMap::default(),
            logs,
            tx_index: 0,
            log_index: 0,
            events: Vec::new(),
            undecodable: Vec::new(),
        }
    }

    fn read_transaction(&mut self, logs: &[Log], tx_hash: impl Fn() -> B256) {
        for at in 0..logs.len() {
            self.read(logs, at, &tx_hash);
        }
        self.log_index += logs.len() as u32;
        self.tx_index += 1;
    }

    fn finish(mut self, block: BlockRef, base_fee: u64) -> Extracted {
        if self.events.len() < self.events.capacity() / 2 {
            self.events.shrink_to_fit();
        }
        let envelope = BlockEnvelope::new(self.chain_id, block, base_fee, self.events);
        Extracted { envelope, undecodable: self.undecodable }
    }

    /// Reads the log at `at` of a transaction, whose first log is the block's at `self.log_index`.
    fn read(&mut self, logs: &[Log], at: usize, tx_hash: impl Fn() -> B256) {
        let (log, log_index) = (&logs[at], self.log_index + at as u32);
        let DecodedEvent { pool, event } = match decode(log) {
            Ok(Some(decoded)) if self.is_wanted(&log.address, &decoded) => decoded,
            Ok(_) => return,
            Err(error) => return self.note_undecodable(log_index, &log.address, error),
        };
        if let Some(created) = Created::of(log, &event) {
            self.created.insert(pool, created);
        }
        if self.events.is_empty() {
            self.events.reserve(self.logs.min(EVENTS_RESERVED));
        }
        if has_transfers(&event)
            && let Some(tokens) = self.tokens(&pool)
        {
            for found in shortfalls(logs, at, tokens, &event).into_iter().flatten() {
                let Shortfall { place, token, sent, arrived } = found;
                let event = PoolEvent::TransferShortfall { token, sent, arrived };
                self.insert(self.record(self.log_index + place as u32, tx_hash(), pool, event));
            }
        }
        self.events.push(self.record(log_index, tx_hash(), pool, event));
    }

    fn record(&self, log_index: u32, tx_hash: B256, pool: PoolId, event: PoolEvent) -> EventRecord {
        let pool = PoolKey { chain_id: self.chain_id, id: pool };
        EventRecord { tx_index: self.tx_index, log_index, tx_hash, pool, event }
    }

    /// Puts an earlier log of the transaction in its place. A log tells of one pool only: the first that asked.
    fn insert(&mut self, record: EventRecord) {
        let before = self.events.iter().rposition(|event| event.log_index <= record.log_index);
        if before.is_some_and(|before| self.events[before].log_index == record.log_index) {
            return;
        }
        self.events.insert(before.map_or(0, |before| before + 1), record);
    }

    fn tokens(&self, pool: &PoolId) -> Option<(Address, Address)> {
        let created = if self.created.is_empty() { None } else { self.created.get(pool) };
        created.map(|created| created.tokens).or_else(|| self.filter.tokens(pool))
    }

    fn is_wanted(&self, emitter: &Address, decoded: &DecodedEvent) -> bool {
        if decoded.event.is_creation() {
            return self.is_wanted_creation(emitter, &decoded.pool);
        }
        self.is_watched(&decoded.pool, emitter)
    }

    fn is_wanted_creation(&self, emitter: &Address, pool: &PoolId) -> bool {
        match pool {
            // The creation of a pool on the whitelist makes its state exact, whoever created it.
            PoolId::Address(_) => self.filter.is_factory(emitter) || self.filter.is_pool(pool),
            // An id belongs to the singleton that used it first.
            PoolId::Id(id) => {
                let is_free = !self.filter.is_pool(pool)
                    && self.created.get(pool).is_none_or(|created| created.by == *emitter);
                self.filter.is_kept_by(id, emitter) || (is_free && self.filter.is_factory(emitter))
            }
        }
    }

    fn is_watched(&self, pool: &PoolId, emitter: &Address) -> bool {
        let is_known = match pool {
            PoolId::Address(_) => self.filter.is_pool(pool),
            PoolId::Id(id) => self.filter.is_kept_by(id, emitter),
        };
        is_known || (!self.created.is_empty() && self.is_created(pool, emitter))
    }

    fn is_created(&self, pool: &PoolId, emitter: &Address) -> bool {
        self.created.get(pool).is_some_and(|created| match pool {
            PoolId::Address(_) => true,
            PoolId::Id(_) => created.by == *emitter,
        })
    }

    fn note_undecodable(&mut self, log_index: u32, emitter: &Address, error: DecodeError) {
        let is_watched = self.is_watched(&PoolId::Address(*emitter), emitter)
            || self.filter.is_factory(emitter)
            || self.filter.is_singleton(emitter);
        if is_watched {
            self.undecodable.push(UndecodableLog { log_index, error });
        }
    }
}
