//! Logs as calls emit them, and logs of transfers of wei.

use super::SimulatedLog;
use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256, address, b256};
use revm::context_interface::{ContextTr, JournalTr};
use revm::{
    Inspector,
    interpreter::{CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, CreateScheme},
};

/// The contract that transfers of wei are said to come from (geth's choice: the address that stands for ether).
const ETHER: Address = address!("0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE");
/// Topic of `Transfer(address,address,uint256)`.
const TRANSFER: B256 = b256!("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// Collects the logs of one call after the other.
#[derive(Debug)]
pub(super) struct LogTracer {
    traces_transfers: bool,
    /// The logs of each call frame that is open, the outermost first.
    frames: Vec<Vec<SimulatedLog>>,
    logs: Vec<SimulatedLog>,
    /// Logs so far in the block, undone ones included.
    count: u64,
}

impl LogTracer {
    pub(super) const fn new(traces_transfers: bool) -> Self {
        Self { traces_transfers, frames: Vec::new(), logs: Vec::new(), count: 0 }
    }

    /// Begins a call: system calls before it leave nothing.
    pub(super) fn begin(&mut self) {
        self.frames.clear();
        self.logs.clear();
    }

    /// The logs of the call that has ended.
    pub(super) fn take_logs(&mut self) -> Vec<SimulatedLog> {
        std::mem::take(&mut self.logs)
    }

    fn push(&mut self, log: Log) {
        if let Some(frame) = self.frames.last_mut() {
            frame.push(SimulatedLog { log, index: self.count });
            self.count += 1;
        }
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) {
        if !self.traces_transfers || value.is_zero() {
            return;
        }
        let topics = vec![TRANSFER, from.into_word(), to.into_word()];
        let data = Bytes::from(value.to_be_bytes::<32>());
        self.push(Log { address: ETHER, data: LogData::new_unchecked(topics, data) });
    }

    fn enter(&mut self) {
        self.frames.push(Vec::new());
    }

    /// Ends a frame: what it logged counts unless it failed.
    fn exit(&mut self, is_ok: bool) {
        let frame = self.frames.pop().unwrap_or_default();
        if is_ok {
            self.frames.last_mut().unwrap_or(&mut self.logs).extend(frame);
        }
    }
}

impl<CTX: ContextTr> Inspector<CTX> for LogTracer {
    fn log(&mut self, _context: &mut CTX, log: Log) {
        self.push(log);
    }

    fn call(&mut self, _context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.enter();
        if let Some(value) = inputs.transfer_value() {
            // Code of another contract, run with the caller's own account: geth names the code's owner.
            let to = match inputs.scheme {
                CallScheme::CallCode => inputs.bytecode_address,
                _ => inputs.target_address,
            };
            self.transfer(inputs.caller, to, value);
        }
        None
    }

    fn call_end(&mut self, _context: &mut CTX, _inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.exit(outcome.result.result.is_ok());
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.enter();
        if self.traces_transfers && !inputs.value().is_zero() {
            let created = match inputs.scheme() {
                CreateScheme::Custom { address } => address,
                CreateScheme::Create2 { .. } => inputs.created_address(0),
                CreateScheme::Create => {
                    let caller = context.journal_mut().load_account(inputs.caller());
                    inputs.created_address(caller.map_or(0, |caller| caller.data.info.nonce))
                }
            };
            self.transfer(inputs.caller(), created, inputs.value());
        }
        None
    }

    fn create_end(
        &mut self,
        _context: &mut CTX,
        _inputs: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        self.exit(outcome.result.result.is_ok());
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.transfer(contract, target, value);
    }
}
