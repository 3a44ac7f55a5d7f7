//! The least gas limit with which a call succeeds.

use super::{CallRequest, HaltCause, Simulation, SimulationError, call::transact};
use crate::{ExecutionError, Fork, TransactionRejected, machine::Machine};
use alloy_eips::{eip4844::DATA_GAS_PER_BLOB, eip7825::MAX_TX_GAS_LIMIT_OSAKA};
use alloy_evm::Evm;
use alloy_primitives::U256;
use revm::context_interface::result::ExecutionResult;

/// Gas of a transfer to an account without code.
const TRANSFER_GAS: u64 = 21_000;
/// Gas that a call with value lends to its callee; unused, it is not counted as used.
const CALL_STIPEND: u64 = 2_300;
/// The search ends when its bounds are this close: 15 of 1000, as in geth's RPC.
const ERROR_PERMILLE_MAX: u64 = 15;

impl Simulation {
    /// Searches the gas limit that `request` needs, as geth does: within what the sender can pay and the cap,
    /// by bisection, up to 1.5 % above the least.
    pub fn estimate_gas(&self, request: &CallRequest) -> Result<u64, SimulationError> {
        request.check()?;
        self.with_machine(request, |machine, nonce| {
            let allowance = self.allowance(request, machine)?;
            Search { machine, request, nonce }.run(allowance)
        })
    }

    /// Most gas that the sender can buy, and that the block, the fork and the cap allow.
    fn allowance(
        &self,
        request: &CallRequest,
        machine: &mut Machine,
    ) -> Result<u64, SimulationError> {
        let mut gas = match request.gas {
            Some(gas) if TRANSFER_GAS <= gas => gas,
            _ => self.header.gas_limit,
        };
        if Fork::Osaka <= self.fork() {
            gas = gas.min(MAX_TX_GAS_LIMIT_OSAKA);
        }
        let fee_cap = request.fee_cap();
        if fee_cap != 0 {
            let account =
                machine.db_mut().account(request.sender()).map_err(ExecutionError::from)?;
            let balance = account.unwrap_or_default().balance;
            let available = balance
                .checked_sub(request.value.unwrap_or_default())
                .ok_or(SimulationError::InsufficientFundsForTransfer)?;
            let blobs = request.blob_versioned_hashes.as_ref().map_or(0, Vec::len);
            let blob_cost = U256::from(request.max_fee_per_blob_gas.unwrap_or_default())
                .saturating_mul(U256::from(blobs) * U256::from(DATA_GAS_PER_BLOB));
            let available = available
                .checked_sub(blob_cost)
                .ok_or(SimulationError::InsufficientFundsForTransfer)?;
            gas = gas.min((available / U256::from(fee_cap)).saturating_to());
        }
        Ok(gas.min(self.gas_cap))
    }
}

/// A bisection in progress.
struct Search<'a> {
    machine: &'a mut Machine,
    request: &'a CallRequest,
    nonce: u64,
}

/// What one try of the search tells.
enum Try {
    Enough(ExecutionResult),
    TooLittle,
    Failed(ExecutionResult),
}

impl Search<'_> {
    fn run(&mut self, allowance: u64) -> Result<u64, SimulationError> {
        if self.is_plain_transfer()?
            && TRANSFER_GAS <= allowance
            && matches!(self.attempt(TRANSFER_GAS), Ok(Try::Enough(_)))
        {
            return Ok(TRANSFER_GAS);
        }
        let result = match self.attempt(allowance)? {
            Try::Enough(result) => result,
            Try::TooLittle => return Err(SimulationError::AllowanceTooLow { allowance }),
            Try::Failed(result) => return Err(failure(result)),
        };
        let gas_used = result.tx_gas_used();
        let refunded = result.gas().inner_refunded();
        // Less cannot be enough; and often little more is: what is kept back at each call (EIP-150).
        let low = gas_used.saturating_sub(1);
        let likely = (gas_used + refunded + CALL_STIPEND).saturating_mul(64) / 63;
        self.bisect(low, allowance, likely)
    }

    fn bisect(&mut self, mut low: u64, mut high: u64, likely: u64) -> Result<u64, SimulationError> {
        let mut next = likely;
        if high <= next {
            next = middle(low, high);
        }
        while low + 1 < high && high.saturating_mul(ERROR_PERMILLE_MAX) / 1000 <= high - low {
            match self.attempt(next)? {
                Try::Enough(_) => high = next,
                Try::TooLittle | Try::Failed(_) => low = next,
            }
            next = middle(low, high);
        }
        Ok(high)
    }

    /// Whether the call only moves wei to an account without code.
    fn is_plain_transfer(&mut self) -> Result<bool, SimulationError> {
        let Some(to) = self.request.to.filter(|_| self.request.input.is_empty()) else {
            return Ok(false);
        };
        let account = self.machine.db_mut().account(to).map_err(ExecutionError::from)?;
        Ok(account.is_none_or(|account| !account.has_code()))
    }

    fn attempt(&mut self, gas_limit: u64) -> Result<Try, SimulationError> {
        match transact(self.machine, self.request, (gas_limit, self.nonce)) {
            Ok(result) if result.is_success() => Ok(Try::Enough(result)),
            Ok(result) => Ok(Try::Failed(result)),
            Err(SimulationError::Rejected(
                TransactionRejected::IntrinsicGasTooLow { .. }
                | TransactionRejected::GasFloorTooLow { .. },
            )) => Ok(Try::TooLittle),
            Err(error) => Err(error),
        }
    }
}

/// Contracts rarely need much more than the lower bound, so the middle is never far above it.
const fn middle(low: u64, high: u64) -> u64 {
    let middle = low + (high - low) / 2;
    let near = low.saturating_mul(2);
    if near < middle && low != 0 { near } else { middle }
}

/// Why the call fails with all the gas it may have.
fn failure(result: ExecutionResult) -> SimulationError {
    use super::CallOutcome;
    match CallOutcome::from_evm(result) {
        CallOutcome::Halt { cause: HaltCause::OutOfGas, gas_used } => {
            SimulationError::AllowanceTooLow { allowance: gas_used }
        }
        CallOutcome::Halt { cause, .. } => SimulationError::Halted(cause),
        CallOutcome::Revert { output, .. } | CallOutcome::Success { output, .. } => {
            SimulationError::Reverted { output }
        }
    }
}
