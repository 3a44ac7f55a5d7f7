//! Calls that change nothing: `eth_call`, `eth_estimateGas`, `eth_createAccessList`, `eth_simulateV1`, with geth's
//! semantics.

mod access_list;
mod blocks;
mod call;
mod estimate;
mod outcome;
mod overrides;
mod request;

pub use access_list::AccessListOutcome;
pub use blocks::{
    BlockCalls, BlockSimulation, BlockSimulationError, RootAfter, SimulatedBlock, SimulatedCall,
    SimulatedLog,
};
pub use call::Simulation;
pub use outcome::{CallOutcome, HaltCause, SimulationError};
pub use overrides::{AccountOverride, BlockOverrides, StateOverrides};
pub use request::CallRequest;
