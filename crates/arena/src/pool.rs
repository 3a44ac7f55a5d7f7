//! One pool of the arena.

use crate::{
    Divergence, PoolEvent, PoolState, PoolStatic, Protocol, SwapState52, V2State, V3State,
};
use alloy_primitives::U256;
use std::sync::Arc;
use weir_amm::{Direction, QuoteError, Reserves, SwapKind, V2Fee, V3Terms};
use weir_primitives::BlockRef;

/// Whether a pool's state may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoolStatus {
    /// The state is not known: the pool was neither seen from its creation nor hydrated. No quotes.
    Unsynced,
    /// The state is known, and the pool has no price yet. No quotes.
    Uninitialized,
    /// The state equals the contract's at the arena's tip.
    Live,
    /// An event contradicted the state. No quotes until the pool is hydrated anew.
    Halted,
}

/// What the arena knows of a pool, apart from halts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    Unsynced,
    Uninitialized,
    Synced,
}

/// The event that halted a pool, and the state it met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// The block.
    pub block: BlockRef,
    /// Index of the log in the block.
    pub log_index: u32,
    /// The event.
    pub event: PoolEvent,
    /// The state before it.
    pub before: SwapState52,
    /// What contradicts what.
    pub divergence: Divergence,
}

/// The last block that touched a pool, and where in that block's undo record its pre-image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Touch {
    pub(crate) number: u64,
    pub(crate) position: u32,
}

/// Fee and spacing in the form that the arithmetic takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Terms {
    V2(V2Fee),
    V3(V3Terms),
}

/// A pool and its state at the arena's tip.
#[derive(Debug, Clone)]
pub struct Pool {
    statics: Arc<PoolStatic>,
    terms: Terms,
    pub(crate) state: PoolState,
    pub(crate) sync: Sync,
    pub(crate) halt: Option<Arc<Evidence>>,
    pub(crate) last_touch: Option<Touch>,
    /// Below this block, pre-images say nothing about the pool's ticks.
    pub(crate) exact_from: u64,
    /// Changes of state, both ways.
    pub(crate) nonce: u64,
    /// V2 reserves before the last `Sync`, until the evidence that follows it has been checked.
    pub(crate) previous: Option<Reserves>,
}

impl Pool {
    /// A pool of which only the statics are known; they must be valid.
    pub(crate) fn unsynced(statics: PoolStatic) -> Option<Self> {
        let (terms, state) = match statics.protocol {
            Protocol::UniswapV2 => {
                (Terms::V2(statics.v2_fee()?), PoolState::V2(V2State::default()))
            }
            Protocol::UniswapV3 => {
                (Terms::V3(statics.v3_terms()?), PoolState::V3(V3State::default()))
            }
        };
        Some(Self {
            statics: Arc::new(statics),
            terms,
            state,
            sync: Sync::Unsynced,
            halt: None,
            last_touch: None,
            exact_from: 0,
            nonce: 0,
            previous: None,
        })
    }

    /// Tokens, fee and the like.
    pub fn statics(&self) -> &PoolStatic {
        &self.statics
    }

    pub(crate) const fn terms(&self) -> Terms {
        self.terms
    }

    /// The state. Only a [`PoolStatus::Live`] pool's may be relied on.
    pub const fn state(&self) -> &PoolState {
        &self.state
    }

    /// Whether the state may be used.
    pub const fn status(&self) -> PoolStatus {
        match (&self.halt, self.sync) {
            (Some(_), _) => PoolStatus::Halted,
            (None, Sync::Unsynced) => PoolStatus::Unsynced,
            (None, Sync::Uninitialized) => PoolStatus::Uninitialized,
            (None, Sync::Synced) => PoolStatus::Live,
        }
    }

    /// What halted the pool, if it is halted.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.halt.as_deref()
    }

    /// Number of the last block in the arena's memory that touched the pool.
    pub fn last_block(&self) -> Option<u64> {
        self.last_touch.map(|touch| touch.number)
    }

    /// Counts changes of state, reverts included: equal nonces mean an equal state within one arena.
    pub const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// `(amount_in, amount_out)` of a swap of the whole amount, whatever the pool's status: check [`Self::status`].
    pub fn quote(&self, direction: Direction, kind: SwapKind) -> Result<(U256, U256), QuoteError> {
        match (&self.state, self.terms) {
            (PoolState::V2(state), Terms::V2(fee)) => state.reserves.quote(fee, direction, kind),
            (PoolState::V3(state), Terms::V3(terms)) => {
                let swap = state.slot.quote(&state.ticks, terms, direction, kind)?;
                Ok((swap.amount_in, swap.amount_out))
            }
            (PoolState::V2(_), Terms::V3(_)) | (PoolState::V3(_), Terms::V2(_)) => {
                Err(QuoteError::Uninitialized)
            }
        }
    }
}
