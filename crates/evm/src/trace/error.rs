//! Why there is no trace.

use crate::{BlockError, ExecutionError, simulate::SimulationError};

/// Why there is no trace. The request is at fault unless it is [`Self::Block`] or [`Self::Failed`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum TraceError {
    /// A tracer that this program does not have.
    #[error(
        "tracer is unknown: {name:?}; there are callTracer, prestateTracer, 4byteTracer, noopTracer, flatCallTracer, \
         muxTracer, erc7562Tracer and the struct logger (no name); tracers in JavaScript are not run"
    )]
    UnknownTracer {
        /// The start of its name.
        name: String,
    },
    /// The tracer's own settings do not fit it.
    #[error("tracer settings are not valid: {reason}")]
    Settings {
        /// What is wrong.
        reason: String,
    },
    /// More instructions than one request traces.
    #[error("trace is too long: more than {steps_max} instructions")]
    TooManySteps {
        /// Most instructions.
        steps_max: u64,
    },
    /// A call is not valid as a transaction.
    #[error(transparent)]
    Call(#[from] SimulationError),
    /// The block does not execute as it once did: the state or the rules are not those of its chain.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// State could not be read, or the EVM failed.
    #[error(transparent)]
    Failed(#[from] ExecutionError),
}
