//! Execution that somebody looks at.

use super::{Execution, OVERLAY};
use crate::{
    machine::{self, Machine},
    overlay::Overlay,
};
use alloy_evm::{Evm, eth::EthEvmContext};
use revm::Inspector;

impl Execution {
    /// Runs `body` with an EVM that calls `inspector`.
    pub(crate) fn with_inspector<I: Inspector<EthEvmContext<Overlay>>, R>(
        &mut self,
        inspector: I,
        body: impl FnOnce(&mut Machine<I>) -> R,
    ) -> R {
        let overlay = self.overlay.take().expect(OVERLAY);
        let mut machine = machine::assemble_with(overlay, self.env.clone(), inspector, true);
        let result = body(&mut machine);
        self.overlay = Some(machine.finish().0);
        result
    }
}
