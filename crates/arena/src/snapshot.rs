//! What readers hold.

use crate::{LookupError, Pool, PoolIdx, PoolKey, SwapState52, pools::Pools, undo::UndoRing};
use alloy_primitives::B256;
use weir_primitives::BlockRef;

/// An immutable view of all pools at one block. Later blocks do not change it.
#[derive(Debug, Clone)]
pub struct PoolSnapshot {
    pub(crate) chain_id: u64,
    pub(crate) tip: Option<BlockRef>,
    pub(crate) generation: u64,
    pub(crate) topology: u64,
    pub(crate) pools: Pools,
    pub(crate) ring: UndoRing,
}

impl PoolSnapshot {
    /// The view of a chain of which nothing is known yet.
    pub fn empty(chain_id: u64) -> Self {
        let (pools, ring) = (Pools::default(), UndoRing::default());
        Self { chain_id, tip: None, generation: 0, topology: 0, pools, ring }
    }

    /// EIP-155 chain id.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The block whose state this is; `None` before the first.
    pub const fn tip(&self) -> Option<BlockRef> {
        self.tip
    }

    /// Counter that grows with every change of the arena.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Counter that grows when pools join or leave: while it stays, indices keep their pools.
    pub const fn topology(&self) -> u64 {
        self.topology
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
        if key.chain_id == self.chain_id { self.pools.find(&key.id) } else { None }
    }

    /// The pool at an index.
    pub fn pool(&self, idx: PoolIdx) -> Option<&Pool> {
        self.pools.get(idx)
    }

    /// The pool of that name.
    pub fn get(&self, key: &PoolKey) -> Option<&Pool> {
        self.find(key).and_then(|idx| self.pools.get(idx))
    }

    /// All pools in the order of their indices.
    pub fn pools(&self) -> impl Iterator<Item = (PoolIdx, &Pool)> {
        self.pools.iter()
    }

    /// The pool's swap state at the end of block `number` of the chain that ends at [`Self::tip`].
    pub fn state_at(&self, key: &PoolKey, number: u64) -> Result<SwapState52, LookupError> {
        let pool = self.get(key).ok_or(LookupError::UnknownPool { pool: *key })?;
        let tip = self.tip.ok_or(LookupError::Unsynced { pool: *key })?;
        self.ring.state_at(pool, tip, number)
    }

    /// Digest of all pool states, as [`crate::PoolArena::digest`].
    pub fn digest(&self) -> B256 {
        self.pools.digest()
    }
}
