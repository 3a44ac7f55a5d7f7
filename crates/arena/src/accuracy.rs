//! How far a pool's quotes can be relied on.

use crate::{
    LpFeeSource, Pool, PoolState, PoolStatus, TokenShortfall,
    pool::{Terms, V4Terms},
};
use alloy_primitives::Address;

/// How a quote relates to what the contract would do at the arena's block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grade {
    /// Equal to the wei, known from events alone.
    A,
    /// Equal to the wei, with a value that no event tells and that was read at that very block.
    AStar,
    /// Equal to the wei at the block's own timestamp.
    B,
    /// Right unless something that no event tells has changed.
    C,
    /// Only a simulated call by the real caller can tell.
    D,
    /// Not to be relied on.
    U,
}

impl Grade {
    /// All grades, the best first.
    pub const ALL: [Self; 6] = [Self::A, Self::AStar, Self::B, Self::C, Self::D, Self::U];

    /// The name used in APIs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::AStar => "A*",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
            Self::U => "U",
        }
    }
}

/// Why a pool has its grade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GradeReason {
    /// All that quotes depend on is told by events.
    Events,
    /// The hooks set the fee without an event; it was read from the contract's storage after that block.
    DynamicFeeRead {
        /// Number of the block.
        block: u64,
    },
    /// The hooks set the fee without an event; it is that of the last swap.
    DynamicFeeLearned {
        /// Number of the block with that swap.
        block: u64,
    },
    /// The hooks set the fee without an event, and nothing has told it yet.
    DynamicFeeUnknown,
    /// Hooks run before or after swaps. They cannot change fee or amounts, but may refuse a swap or trade themselves.
    HooksRunOnSwap,
    /// The hooks may set another fee for each swap.
    HooksSetFee,
    /// The hooks may change what a swap's caller pays or gets.
    HooksChangeAmounts,
    /// A token of the pool delivered less than was sent: it takes a share, or its balances change by themselves.
    TokenFallsShort {
        /// The token.
        token: Address,
        /// Number of the first block that showed it.
        block: u64,
    },
    /// The state is not known.
    Unsynced,
    /// An event contradicted the state.
    Halted,
}

impl GradeReason {
    /// The name used in APIs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::DynamicFeeRead { .. } => "dynamic_fee_read",
            Self::DynamicFeeLearned { .. } => "dynamic_fee_learned",
            Self::DynamicFeeUnknown => "dynamic_fee_unknown",
            Self::HooksRunOnSwap => "hooks_run_on_swap",
            Self::HooksSetFee => "hooks_set_fee",
            Self::HooksChangeAmounts => "hooks_change_amounts",
            Self::TokenFallsShort { .. } => "token_falls_short",
            Self::Unsynced => "unsynced",
            Self::Halted => "halted",
        }
    }
}

/// A grade and its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Accuracy {
    /// How far quotes can be relied on.
    pub grade: Grade,
    /// Why.
    pub reason: GradeReason,
}

impl Accuracy {
    const fn new(grade: Grade, reason: GradeReason) -> Self {
        Self { grade, reason }
    }
}

impl Pool {
    /// How far the pool's quotes can be relied on, whatever block is asked about.
    pub const fn accuracy(&self) -> Accuracy {
        match self.status() {
            PoolStatus::Halted => Accuracy::new(Grade::U, GradeReason::Halted),
            PoolStatus::Unsynced => Accuracy::new(Grade::U, GradeReason::Unsynced),
            PoolStatus::Live | PoolStatus::Uninitialized => self.accuracy_of_state(),
        }
    }

    /// As [`Self::accuracy`], of the state after block `number`, the arena's tip: a fee that was read right there is exact.
    pub fn accuracy_at(&self, number: u64) -> Accuracy {
        let accuracy = self.accuracy();
        if accuracy.reason == (GradeReason::DynamicFeeRead { block: number }) {
            return Accuracy::new(Grade::AStar, accuracy.reason);
        }
        accuracy
    }

    /// Whatever the pool's status.
    pub(crate) const fn accuracy_of_state(&self) -> Accuracy {
        if let Some(TokenShortfall { token, block }) = self.shortfall() {
            return Accuracy::new(Grade::D, GradeReason::TokenFallsShort { token, block });
        }
        let (PoolState::V4(state), Terms::V4(terms)) = (self.state(), self.terms()) else {
            return Accuracy::new(Grade::A, GradeReason::Events);
        };
        if let Some(reason) = terms.simulation_reason() {
            return Accuracy::new(Grade::D, reason);
        }
        match state.lp_source {
            LpFeeSource::Unknown => Accuracy::new(Grade::U, GradeReason::DynamicFeeUnknown),
            LpFeeSource::Read { block } => {
                Accuracy::new(Grade::C, GradeReason::DynamicFeeRead { block })
            }
            LpFeeSource::Learned { block } => {
                Accuracy::new(Grade::C, GradeReason::DynamicFeeLearned { block })
            }
            LpFeeSource::Static if terms.hooks.runs_on_swap() => {
                Accuracy::new(Grade::C, GradeReason::HooksRunOnSwap)
            }
            LpFeeSource::Static => Accuracy::new(Grade::A, GradeReason::Events),
        }
    }
}

impl V4Terms {
    /// Why only a simulation tells a swap's outcome, if so.
    pub(crate) const fn simulation_reason(&self) -> Option<GradeReason> {
        if self.hooks.changes_amounts() {
            Some(GradeReason::HooksChangeAmounts)
        } else if self.is_dynamic && self.hooks.runs_before_swap() {
            Some(GradeReason::HooksSetFee)
        } else {
            None
        }
    }
}
