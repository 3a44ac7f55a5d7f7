//! What transactions do inside: geth's tracers that are not JavaScript, and the accounts and slots that they touch.

mod access;
mod error;
mod limit;
mod replay;
mod state;
mod tracer;

pub use access::{AccessSet, AccountAccess};
pub use error::TraceError;
pub use replay::{TransactionTrace, access_set, states_after_each, trace_block};

use crate::simulate::{CallRequest, Simulation};
use alloy_evm::Evm;

/// Which tracer, and how, as `debug_trace*` names it.
pub type TraceOptions = alloy_rpc_types_trace::geth::GethDebugTracingOptions;
/// What a tracer found, as `debug_trace*` answers it.
pub type Trace = alloy_rpc_types_trace::geth::GethTrace;

impl Simulation {
    /// Traces a call; see [`Simulation::call`] for what is checked.
    pub fn trace(
        &self,
        request: &CallRequest,
        options: &TraceOptions,
    ) -> Result<Trace, TraceError> {
        request.check()?;
        let gas_limit = self.gas_limit(request);
        let mut overlay = self.overlay();
        let sender = overlay.account(request.sender()).map_err(crate::ExecutionError::from)?;
        let env = request.to_env(gas_limit, sender.unwrap_or_default().nonce);
        let inspector = tracer::new(options, &mut limit::Budget::default())?;
        let mut evm = crate::machine::assemble_with(overlay, self.env(request), inspector, true);
        let result = tracer::run(&mut evm, env, None)?;
        drop(evm.finish());
        Ok(result.trace)
    }
}
