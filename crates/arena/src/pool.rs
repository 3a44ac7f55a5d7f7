//! One pool of the arena.

use crate::{
    Divergence, GradeReason, Hold, HookFlags, PoolEvent, PoolState, PoolStatic, Protocol,
    SwapState52, V2State, V3State, V4State,
};
use alloy_primitives::{Address, U256};
use std::sync::Arc;
use weir_amm::{Direction, QuoteError, Reserves, SwapKind, TickSpacing, V2Fee, V3Terms};
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

/// A token of a pool that delivered less than was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenShortfall {
    /// The token.
    pub token: Address,
    /// Number of the first block that showed it.
    pub block: u64,
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
    V4(V4Terms),
}

impl Terms {
    /// Distance between usable ticks, of a pool that has some.
    pub(crate) const fn spacing(self) -> Option<TickSpacing> {
        match self {
            Self::V2(_) => None,
            Self::V3(terms) => Some(terms.spacing),
            Self::V4(terms) => Some(terms.spacing),
        }
    }
}

/// What a V4 pool fixes at its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct V4Terms {
    pub(crate) spacing: TickSpacing,
    pub(crate) hooks: HookFlags,
    /// The hooks set the fee.
    pub(crate) is_dynamic: bool,
}

/// A pool and its state at the arena's tip.
#[derive(Debug, Clone)]
pub struct Pool {
    pub(crate) statics: Arc<PoolStatic>,
    terms: Terms,
    /// Whether the V3 fork is known, and not merely assumed.
    pub(crate) is_fork_settled: bool,
    pub(crate) state: PoolState,
    pub(crate) sync: Sync,
    pub(crate) halt: Option<Arc<Evidence>>,
    /// Why the pool is held back beside what is known of it.
    pub(crate) hold: Option<Hold>,
    pub(crate) last_touch: Option<Touch>,
    /// Below this block, pre-images say nothing about the pool's ticks.
    pub(crate) exact_from: u64,
    /// Changes of state, both ways.
    pub(crate) nonce: u64,
    /// V2 reserves before the last `Sync`, until the evidence that follows it has been checked.
    pub(crate) previous: Option<Reserves>,
    /// What is known against the tokens.
    pub(crate) shortfall: Option<TokenShortfall>,
}

impl Pool {
    /// A pool of which only the statics are known; they must be valid.
    pub(crate) fn unsynced(statics: PoolStatic) -> Option<Self> {
        let (terms, state) = match statics.protocol {
            Protocol::UniswapV2 => {
                (Terms::V2(statics.v2_fee()?), PoolState::V2(V2State::default()))
            }
            Protocol::UniswapV3 | Protocol::PancakeV3 => {
                (Terms::V3(statics.v3_terms()?), PoolState::V3(V3State::default()))
            }
            Protocol::UniswapV4 => {
                let terms = V4Terms {
                    spacing: TickSpacing::v4(statics.tick_spacing).ok()?,
                    hooks: statics.hook_flags(),
                    is_dynamic: statics.is_dynamic_fee(),
                };
                (Terms::V4(terms), PoolState::V4(V4State::default()))
            }
        };
        Some(Self {
            statics: Arc::new(statics),
            terms,
            is_fork_settled: true,
            state,
            sync: Sync::Unsynced,
            halt: None,
            hold: None,
            last_touch: None,
            exact_from: 0,
            nonce: 0,
            previous: None,
            shortfall: None,
        })
    }

    /// Tokens, fee and the like.
    pub fn statics(&self) -> &PoolStatic {
        &self.statics
    }

    pub(crate) const fn terms(&self) -> Terms {
        self.terms
    }

    /// Whether the pool is known to be of its protocol: a V3 pool of an unknown factory is Uniswap's by assumption, until an
    /// event that only one fork has.
    pub const fn is_fork_settled(&self) -> bool {
        self.is_fork_settled
    }

    /// The state. Only a [`PoolStatus::Live`] pool's may be relied on.
    pub const fn state(&self) -> &PoolState {
        &self.state
    }

    /// Whether the state may be used.
    pub const fn status(&self) -> PoolStatus {
        match (&self.halt, self.sync) {
            (Some(_), _) => PoolStatus::Halted,
            _ if matches!(self.hold, Some(Hold::Contradicted)) => PoolStatus::Halted,
            _ if matches!(self.hold, Some(Hold::Unverified)) => PoolStatus::Unsynced,
            (None, Sync::Unsynced) => PoolStatus::Unsynced,
            (None, Sync::Uninitialized) => PoolStatus::Uninitialized,
            (None, Sync::Synced) => PoolStatus::Live,
        }
    }

    /// Why the pool is held back, if it is.
    pub const fn hold(&self) -> Option<Hold> {
        self.hold
    }

    /// The event that halted the pool, if one did.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.halt.as_deref()
    }

    /// The first token that was seen to deliver less than was sent, if one was: [`Self::quote`] refuses then.
    pub const fn shortfall(&self) -> Option<TokenShortfall> {
        self.shortfall
    }

    /// Takes note of a token that delivers less than was sent, if none is known yet.
    pub(crate) const fn note_shortfall(&mut self, token: Address, block: u64) {
        if self.shortfall.is_none() {
            self.shortfall = Some(TokenShortfall { token, block });
        }
    }

    /// Forgets what blocks above `number` showed of the tokens.
    pub(crate) fn forget_shortfall_above(&mut self, number: u64) {
        self.shortfall = self.shortfall.filter(|shortfall| shortfall.block <= number);
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
    ///
    /// # Errors
    /// If the contract would revert, if hooks or tokens decide the amounts, or if a fee set by hooks is not known
    /// ([`Self::accuracy`] has the reason).
    pub fn quote(&self, direction: Direction, kind: SwapKind) -> Result<(U256, U256), QuoteError> {
        self.require_told_by_events()?;
        let swap = match (&self.state, self.terms) {
            (PoolState::V2(state), Terms::V2(fee)) => {
                return state.reserves.quote(fee, direction, kind);
            }
            (PoolState::V3(state), Terms::V3(terms)) => {
                state.slot.quote(&state.ticks, terms, direction, kind)?
            }
            (PoolState::V4(state), Terms::V4(V4Terms { spacing, .. })) => {
                let terms = V3Terms { fee: state.fees.swap_fee(direction)?, spacing };
                state.slot.quote_v4(&state.ticks, terms, direction, kind)?
            }
            (PoolState::V2(_) | PoolState::V3(_) | PoolState::V4(_), _) => {
                return Err(QuoteError::Uninitialized);
            }
        };
        Ok((swap.amount_in, swap.amount_out))
    }

    pub(crate) const fn require_told_by_events(&self) -> Result<(), QuoteError> {
        match self.accuracy_of_state().reason {
            GradeReason::HooksSetFee | GradeReason::HooksChangeAmounts => {
                Err(QuoteError::SimulationOnly)
            }
            GradeReason::TokenFallsShort { token, .. } => {
                Err(QuoteError::TokenFallsShort { token })
            }
            GradeReason::DynamicFeeUnknown => Err(QuoteError::FeeUnknown),
            _ => Ok(()),
        }
    }
}
