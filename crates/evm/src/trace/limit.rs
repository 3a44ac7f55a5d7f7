//! A bound on the instructions that one request traces.

use revm::{
    Inspector,
    context_interface::{ContextTr, context::ContextError},
    interpreter::{Interpreter, interpreter_types::LoopControl},
};

/// Instructions that one request executes under a tracer at most: seconds of work.
pub(super) const STEPS_MAX: u64 = 20_000_000;
/// Instructions that one request records one by one at most (about a kilobyte of memory each).
pub(super) const RECORDED_STEPS_MAX: u64 = 250_000;
/// Bytes of call data and memory that one tracer records at most.
pub(super) const RECORDED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What a request may still trace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) steps: u64,
    pub(super) recorded: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: STEPS_MAX, recorded: RECORDED_STEPS_MAX }
    }
}

impl Budget {
    /// Takes off what a transaction has used.
    pub(super) const fn spend(&mut self, limit: &StepLimit) {
        match limit.most {
            RECORDED_STEPS_MAX => self.recorded = limit.left,
            _ => self.steps = limit.left,
        }
    }
}

/// Counts instructions, and ends the transaction when there were too many.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepLimit {
    pub(super) left: u64,
    pub(super) most: u64,
    pub(super) is_exceeded: bool,
}

impl<CTX: ContextTr> Inspector<CTX> for StepLimit {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => {
                self.is_exceeded = true;
                *context.error() = Err(ContextError::Custom("too many instructions".into()));
                interpreter.bytecode.action().take();
                interpreter.bytecode.reset_action();
                interpreter.halt_fatal();
            }
        }
    }
}
