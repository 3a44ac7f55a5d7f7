//! What makes a sequencer pause or stop, other than a signal.

use crate::Drain;
use std::sync::Arc;
use weir_runtime::{Halts, Scope};

/// What the ingress and the sequencing loop look at before they go on.
#[derive(Debug, Clone, Default)]
pub struct Controls {
    /// What the operator has halted.
    pub halts: Arc<Halts>,
    /// Whether the node empties its pool and then stops.
    pub drain: Drain,
    /// The last block to seal, if there is one.
    pub stop_at_block: Option<u64>,
}

impl Controls {
    /// Why no transactions are taken, if so.
    pub(crate) fn ingress_halt(&self) -> Option<String> {
        if self.drain.is_begun() {
            return Some("node is draining".to_owned());
        }
        self.halts.halt_of(Scope::Ingress).map(|halt| halt.reason)
    }

    /// Whether no blocks are made.
    pub(crate) fn is_sealing_halted(&self) -> bool {
        self.halts.is_halted(Scope::Sealing)
    }

    /// What of the node does not work because of an operator, in words.
    pub(crate) fn unready(&self) -> Option<String> {
        if let Some(reason) = self.ingress_halt() {
            return Some(format!("ingress is halted: {reason}"));
        }
        let halt = self.halts.halt_of(Scope::Sealing)?;
        Some(format!("sealing is halted: {}", halt.reason))
    }
}
