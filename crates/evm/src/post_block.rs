//! What a block does after its last transaction: requests to the consensus layer, withdrawals, rewards.

use crate::{
    ChainSpec, Fork,
    error::{ExecutionError, SystemFault},
    machine::{self, OverlayEvm},
    overlay::Overlay,
};
use alloc::vec::Vec;
use alloy_eips::{
    eip4895::Withdrawal,
    eip6110::DEPOSIT_REQUEST_TYPE,
    eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_TYPE},
    eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_TYPE},
    eip7685::Requests,
};
use alloy_evm::{EvmEnv, block::state_changes::post_block_balance_increments};
use alloy_primitives::{Address, B256, Bytes, U256, b256};
use revm::context_interface::result::ExecutionResult;
use weir_primitives::{Account, Header, Receipt};

/// Topic of `DepositEvent(bytes,bytes,bytes,bytes,bytes)` of the deposit contract.
const DEPOSIT_TOPIC: B256 =
    b256!("0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");
/// Length of the data of a deposit log (EIP-6110).
const DEPOSIT_DATA_LEN: usize = 576;
/// Where each of the five fields of a deposit log starts, and how long it is (EIP-6110).
const DEPOSIT_FIELDS: [(usize, usize); 5] = [(160, 48), (256, 32), (320, 8), (384, 96), (512, 8)];

/// Collects the requests of a block from Prague on (EIP-7685): deposits, withdrawals, consolidations.
pub(crate) fn requests(
    machine: &mut impl OverlayEvm,
    receipts: &[Receipt],
    deposit_contract: Address,
) -> Result<Requests, ExecutionError> {
    let mut requests = Requests::default();
    let deposits = deposits(receipts, deposit_contract)?;
    if !deposits.is_empty() {
        requests.push_request_with_type(DEPOSIT_REQUEST_TYPE, deposits);
    }
    for (ty, contract) in [
        (WITHDRAWAL_REQUEST_TYPE, WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
        (CONSOLIDATION_REQUEST_TYPE, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS),
    ] {
        let answer = dequeue(machine, contract)?;
        if !answer.is_empty() {
            requests.push_request_with_type(ty, answer);
        }
    }
    Ok(requests)
}

/// Takes the queued requests from a system contract; its absence or failure makes the block invalid.
fn dequeue(machine: &mut impl OverlayEvm, contract: Address) -> Result<Bytes, ExecutionError> {
    let failed = |fault| ExecutionError::SystemContract { contract, fault };
    if !machine.db_mut().account(contract)?.is_some_and(|account: Account| account.has_code()) {
        return Err(failed(SystemFault::Missing));
    }
    match machine::system_call(machine, contract, Bytes::new())? {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { .. } => Err(failed(SystemFault::Reverted)),
        ExecutionResult::Halt { .. } => Err(failed(SystemFault::Halted)),
    }
}

fn deposits(receipts: &[Receipt], contract: Address) -> Result<Vec<u8>, ExecutionError> {
    let mut requests = Vec::new();
    for (receipt, logs) in receipts.iter().map(|receipt| &receipt.logs).enumerate() {
        for log in logs {
            if log.address != contract || log.topics().first() != Some(&DEPOSIT_TOPIC) {
                continue;
            }
            append_deposit(&log.data.data, &mut requests)
                .ok_or(ExecutionError::DepositLog { receipt })?;
        }
    }
    Ok(requests)
}

/// Appends the five fields of a deposit; `None` unless the layout is exactly that of EIP-6110.
fn append_deposit(data: &[u8], requests: &mut Vec<u8>) -> Option<()> {
    if data.len() != DEPOSIT_DATA_LEN {
        return None;
    }
    let word = |at: usize| U256::from_be_slice(&data[at..at + 32]);
    for (index, (offset, len)) in DEPOSIT_FIELDS.into_iter().enumerate() {
        if word(index * 32) != U256::from(offset) || word(offset) != U256::from(len) {
            return None;
        }
        requests.extend_from_slice(&data[offset + 32..offset + 32 + len]);
    }
    Some(())
}

/// Credits withdrawals (EIP-4895) and, before the merge, the rewards of the block and its ommers.
pub(crate) fn pay(
    spec: &ChainSpec,
    env: &EvmEnv,
    overlay: &mut Overlay,
    ommers: &[Header],
    withdrawals: Option<&[Withdrawal]>,
) -> Result<(), ExecutionError> {
    let credits = post_block_balance_increments(spec, &env.block_env, ommers, withdrawals);
    let (number, time) =
        (env.block_env.number.saturating_to(), env.block_env.timestamp.saturating_to());
    let keeps_empty = !spec.is_active(Fork::SpuriousDragon, number, time);
    for (address, wei) in credits {
        overlay.add_balance(address, U256::from(wei), keeps_empty)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Vec<u8> {
        let mut data = vec![0; DEPOSIT_DATA_LEN];
        for (index, (offset, len)) in DEPOSIT_FIELDS.into_iter().enumerate() {
            data[index * 32..][..32].copy_from_slice(&U256::from(offset).to_be_bytes::<32>());
            data[offset..][..32].copy_from_slice(&U256::from(len).to_be_bytes::<32>());
            data[offset + 32..][..len].fill(index as u8 + 1);
        }
        data
    }

    #[test]
    fn deposit_fields_are_concatenated() {
        let mut out = Vec::new();
        append_deposit(&log(), &mut out).unwrap();
        assert_eq!(out.len(), 192);
        assert_eq!((out[0], out[48], out[80], out[88], out[184]), (1, 2, 3, 4, 5));
    }

    #[test]
    fn deposit_with_another_layout_is_refused() {
        for at in [31, 191, 351] {
            let mut data = log();
            data[at] ^= 1;
            assert_eq!(append_deposit(&data, &mut Vec::new()), None);
        }
        assert_eq!(append_deposit(&log()[..575], &mut Vec::new()), None);
    }
}
