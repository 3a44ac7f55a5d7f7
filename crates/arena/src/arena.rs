//! The store of all pool states of one chain, and its one writer's operations.

mod apply;
mod membership;
mod open;
mod revert;
mod update;

pub use apply::Applied;
pub use membership::{Hold, Hydration, MembershipChange};
pub use open::{OpenApplied, OpenPools};
pub use revert::Reverted;
pub use update::UpdateApplied;

use crate::{
    LookupError, Pool, PoolFilter, PoolId, PoolIdx, PoolKey, PoolSnapshot, SwapState52,
    pools::Pools, undo::UndoRing,
};
use alloy_primitives::{Address, B256, map::HashSet};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use weir_primitives::BlockRef;

/// Whose new pools join the arena by themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Discovery {
    /// Nobody's: the whitelist is all.
    #[default]
    Off,
    /// Those of these factories and PoolManagers.
    Factories(HashSet<Address>),
    /// Those of any contract that emits a factory's or PoolManager's event. For a chain of one's own: on a public chain
    /// anybody can make up pools, and the first PoolManager to use an id keeps it.
    All,
}

impl Discovery {
    /// Whether the new pools of this factory or PoolManager join.
    pub fn is_wanted(&self, factory: &Address) -> bool {
        match self {
            Self::Off => false,
            Self::Factories(factories) => factories.contains(factory),
            Self::All => true,
        }
    }
}

/// Where the next arena's topology counter begins. What is made for one arena's pools is never taken for another's, as
/// after a rebuild: no two arenas of a process share a topology.
static ARENAS: AtomicU64 = AtomicU64::new(TOPOLOGIES_PER_ARENA);
/// Topologies that one arena has at most: pools that join or leave in its life.
const TOPOLOGIES_PER_ARENA: u64 = 1 << 40;

/// Undo depth on Ethereum: four epochs, deeper than finality normally is.
pub const DEFAULT_RING_BLOCKS: usize = 128;

/// How an arena works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArenaConfig {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Blocks that can be reverted and asked for, at least.
    pub ring_blocks: usize,
    /// Seconds before the tip that can be reverted and asked for, at least; zero leaves it to the count. On fast chains
    /// a count alone is a short time.
    pub ring_seconds: u64,
    /// Whose new pools join.
    pub discovery: Discovery,
    /// Whether every swap, mint and burn is re-executed on the state before it. A contradiction halts its pool.
    pub is_verifying: bool,
}

impl ArenaConfig {
    /// The default depth, no discovery, verifying.
    pub fn new(chain_id: u64) -> Self {
        Self {
            chain_id,
            ring_blocks: DEFAULT_RING_BLOCKS,
            ring_seconds: 0,
            discovery: Discovery::Off,
            is_verifying: true,
        }
    }
}

/// The pools of one chain at its tip, with what it takes to go back.
///
/// One writer owns it; readers hold [`PoolSnapshot`]s.
#[derive(Debug)]
pub struct PoolArena {
    config: ArenaConfig,
    tip: Option<BlockRef>,
    pools: Pools,
    /// How often each slot has changed hands.
    incarnations: Vec<u32>,
    free: Vec<PoolIdx>,
    ring: UndoRing,
    generation: u64,
    topology: u64,
    published: Option<Arc<PoolSnapshot>>,
}

impl PoolArena {
    /// An arena without pools that takes any block as its first.
    pub fn new(config: ArenaConfig) -> Self {
        Self {
            config,
            tip: None,
            pools: Pools::default(),
            incarnations: Vec::new(),
            free: Vec::new(),
            ring: UndoRing::default(),
            generation: 0,
            topology: ARENAS.fetch_add(TOPOLOGIES_PER_ARENA, Ordering::Relaxed),
            published: None,
        }
    }

    /// How it works.
    pub const fn config(&self) -> &ArenaConfig {
        &self.config
    }

    /// The block whose state the arena holds; `None` before the first.
    pub const fn tip(&self) -> Option<BlockRef> {
        self.tip
    }

    /// Number of blocks that can be reverted.
    pub fn depth(&self) -> usize {
        self.ring.len()
    }

    /// Bytes held by undo records.
    pub fn undo_bytes(&self) -> usize {
        self.ring.bytes()
    }

    /// Number of pools.
    pub const fn len(&self) -> u32 {
        self.pools.count()
    }

    /// Whether there is no pool.
    pub const fn is_empty(&self) -> bool {
        self.pools.count() == 0
    }

    /// The pool's index.
    pub fn find(&self, key: &PoolKey) -> Option<PoolIdx> {
        if key.chain_id == self.config.chain_id { self.pools.find(&key.id) } else { None }
    }

    /// The pool at an index.
    pub fn pool(&self, idx: PoolIdx) -> Option<&Pool> {
        self.pools.get(idx)
    }

    /// All pools in the order of their indices.
    pub fn pools(&self) -> impl Iterator<Item = (PoolIdx, &Pool)> {
        self.pools.iter()
    }

    /// The pool's swap state at the end of block `number` of the current chain.
    pub fn state_at(&self, key: &PoolKey, number: u64) -> Result<SwapState52, LookupError> {
        let unknown = LookupError::UnknownPool { pool: *key };
        let pool = self.find(key).and_then(|idx| self.pools.get(idx)).ok_or(unknown)?;
        let tip = self.tip.ok_or(LookupError::Unsynced { pool: *key })?;
        self.ring.state_at(pool, tip, number)
    }

    /// An immutable view of all pools at the tip. Asking again without a change in between gives the same one.
    pub fn snapshot(&mut self) -> Arc<PoolSnapshot> {
        let snapshot = self.published.get_or_insert_with(|| {
            Arc::new(PoolSnapshot {
                chain_id: self.config.chain_id,
                tip: self.tip,
                generation: self.generation,
                topology: self.topology,
                pools: self.pools.clone(),
                ring: self.ring.clone(),
            })
        });
        Arc::clone(snapshot)
    }

    /// Digest of all pool states. Equal for arenas that hold the same pools at the same block, however they came there.
    pub fn digest(&self) -> B256 {
        self.pools.digest()
    }

    /// Drops all states and undo records and continues from `anchor`: what follows a gap, or a reorg deeper than the
    /// ring. Every pool is unsynced until hydrated at the anchor or re-created above it; the whitelist stays.
    pub fn restart_at(&mut self, anchor: BlockRef) {
        self.ring.restart(anchor);
        for index in 0..self.pools.slots() {
            if let Some(pool) = self.pools.get_mut(PoolIdx(index as u32)) {
                pool.unsync();
                pool.forget_shortfall_above(anchor.number);
                pool.last_touch = None;
                pool.exact_from = anchor.number;
                pool.nonce += 1;
            }
        }
        self.tip = Some(anchor);
        self.note_change();
    }

    /// Continues from `ancestor`, a block of the current chain that may be below the ring. Pools that no block above it
    /// touched keep their states; the others, returned, are unsynced until hydrated. Undo records are dropped.
    ///
    /// The caller proves that `ancestor` is an ancestor of the tip: by its own record of the chain's hashes.
    pub fn restart_below(&mut self, ancestor: BlockRef) -> Vec<PoolIdx> {
        self.ring.restart(ancestor);
        let mut lost = Vec::new();
        for index in 0..self.pools.slots() {
            let idx = PoolIdx(index as u32);
            let Some(pool) = self.pools.get(idx) else { continue };
            let is_touched = pool.last_touch.is_some_and(|touch| touch.number > ancestor.number);
            if !is_touched && pool.exact_from <= ancestor.number {
                continue;
            }
            if let Some(pool) = self.pools.get_mut(idx) {
                pool.unsync();
                pool.forget_shortfall_above(ancestor.number);
                pool.last_touch = None;
                pool.exact_from = ancestor.number;
                pool.nonce += 1;
            }
            lost.push(idx);
        }
        self.tip = Some(ancestor);
        self.note_change();
        lost
    }

    fn note_change(&mut self) {
        self.generation += 1;
        self.published = None;
    }
}

impl PoolFilter for PoolArena {
    fn is_pool(&self, pool: &PoolId) -> bool {
        self.pools.find(pool).is_some()
    }

    fn is_factory(&self, factory: &Address) -> bool {
        self.config.discovery.is_wanted(factory)
    }

    fn is_singleton(&self, contract: &Address) -> bool {
        self.pools.has_singleton(contract)
    }

    fn tokens(&self, pool: &PoolId) -> Option<(Address, Address)> {
        self.pools.tokens(pool)
    }

    fn is_kept_by(&self, id: &B256, contract: &Address) -> bool {
        self.pools.is_kept_by(id, contract)
    }
}
