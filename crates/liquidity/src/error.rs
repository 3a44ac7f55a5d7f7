//! What stops the engine.

use weir_arena::ApplyError;
use weir_feed::ProducerError;
use weir_primitives::{Severity, StateError};

/// Why the engine cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LiquidityError {
    /// Stored blocks cannot be read.
    #[error("stored blocks cannot be read")]
    Store(#[source] StateError),
    /// A block that the store should hold is absent.
    #[error("stored block is missing: number={number}")]
    MissingBlock {
        /// Its number.
        number: u64,
    },
    /// A stored block is refused by the arena: it is of another chain, or does not follow from the one before.
    #[error("stored block is refused: number={number}")]
    Refused {
        /// Its number.
        number: u64,
        /// Why.
        #[source]
        source: ApplyError,
    },
    /// A block of the source is of another chain.
    #[error("block of the source is refused: number={number}")]
    Source {
        /// Its number.
        number: u64,
        /// Why.
        #[source]
        source: ApplyError,
    },
    /// The feed does not take the update.
    #[error("feed refuses an update")]
    Feed(#[source] ProducerError),
    /// The thread that applies updates has panicked: a bug.
    #[error("engine panicked")]
    Panicked,
}

impl LiquidityError {
    /// What the caller does next. The engine has already tried to rebuild itself: what is left does not heal.
    pub const fn severity(&self) -> Severity {
        Severity::Halt
    }
}
