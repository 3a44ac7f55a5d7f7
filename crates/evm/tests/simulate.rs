//! Calls, estimates and access lists.

mod common;

use alloy_primitives::{Address, B256, Bytes, U256, map::HashMap};
use common::{ETHER, Fixture, GWEI, account, add, legacy};
use std::sync::Arc;
use weir_evm::{
    TransactionRejected,
    simulate::{
        AccountOverride, BlockOverrides, CallOutcome, CallRequest, HaltCause, Simulation,
        SimulationError, StateOverrides,
    },
};

const GAS_CAP: u64 = 50_000_000;
const CONTRACT: Address = Address::repeat_byte(0xc0);
const STRANGER: Address = Address::repeat_byte(0x55);

/// Returns the base fee, the block number and slot 1.
const READER: [u8; 17] = [
    0x48, 0x5f, 0x52, 0x43, 0x60, 0x20, 0x52, 0x60, 0x01, 0x54, 0x60, 0x40, 0x52, 0x60, 0x60, 0x5f,
    0xf3,
];
/// Stores 1 in slot 0.
const WRITER: [u8; 5] = [0x60, 0x01, 0x5f, 0x55, 0x00];
/// Reverts with 32 bytes.
const REVERTER: [u8; 5] = [0x60, 0x20, 0x5f, 0xfd, 0x00];
/// Loops for ever.
const LOOPER: [u8; 4] = [0x5b, 0x5f, 0x56, 0x00];
/// `BALANCE(address(0x5555..)), SLOAD(7)`.
const PEEKER: [u8; 27] = {
    let mut code = [0x55; 27];
    code[0] = 0x73;
    code[21] = 0x31;
    code[22] = 0x60;
    code[23] = 0x07;
    code[24] = 0x54;
    code[25] = 0x00;
    code[26] = 0x00;
    code
};

fn simulation(code: &[u8]) -> Simulation {
    let fixture = Fixture::new(&[(CONTRACT, code)]);
    let header = fixture.genesis.clone().into_inner();
    Simulation::new(Arc::clone(&fixture.spec), header, fixture.state.clone(), GAS_CAP)
}

fn to(address: Address) -> CallRequest {
    CallRequest { from: Some(account(0)), to: Some(address), ..Default::default() }
}

fn words(outcome: CallOutcome) -> Vec<U256> {
    let CallOutcome::Success { output, .. } = outcome else { panic!("got {outcome:?}") };
    output.chunks(32).map(U256::from_be_slice).collect()
}

#[test]
fn a_call_reads_state_and_changes_nothing() {
    let simulation = simulation(&READER);
    let free = words(simulation.call(&to(CONTRACT)).unwrap());
    assert_eq!(free, [U256::ZERO, U256::ZERO, U256::ZERO], "who pays nothing sees no base fee");
    let priced = CallRequest { gas_price: Some(2 * GWEI), gas: Some(100_000), ..to(CONTRACT) };
    assert_eq!(words(simulation.call(&priced).unwrap())[0], U256::from(GWEI));
    let poor = CallRequest { from: Some(STRANGER), ..priced.clone() };
    let error = simulation.call(&poor).unwrap_err();
    assert!(matches!(
        error,
        SimulationError::Rejected(TransactionRejected::InsufficientFunds { .. })
    ));
    let cheap = CallRequest { gas_price: Some(1), ..priced.clone() };
    let error = simulation.call(&cheap).unwrap_err();
    assert!(matches!(error, SimulationError::Rejected(TransactionRejected::FeeBelowBaseFee)));
    let both = CallRequest { max_fee_per_gas: Some(GWEI), ..priced };
    assert!(matches!(simulation.call(&both), Err(SimulationError::ConflictingFees)));
}

#[test]
fn overrides_are_believed() {
    let slot = HashMap::from_iter([(B256::with_last_byte(1), B256::with_last_byte(9))]);
    let account = AccountOverride { state_diff: Some(slot), ..Default::default() };
    let overrides = StateOverrides::from_iter([(CONTRACT, account)]);
    let block = BlockOverrides { number: Some(77), ..Default::default() };
    let simulation =
        simulation(&READER).with_state_overrides(&overrides).unwrap().with_block_overrides(&block);
    let found = words(simulation.call(&to(CONTRACT)).unwrap());
    assert_eq!(found, [U256::ZERO, U256::from(77), U256::from(9)]);
    let code = AccountOverride { code: Some(REVERTER.to_vec().into()), ..Default::default() };
    let simulation =
        simulation.with_state_overrides(&StateOverrides::from_iter([(STRANGER, code)])).unwrap();
    assert!(matches!(simulation.call(&to(STRANGER)), Ok(CallOutcome::Revert { .. })));
}

#[test]
fn ends_are_told_apart() {
    let outcome = simulation(&REVERTER).call(&to(CONTRACT)).unwrap();
    assert!(matches!(outcome, CallOutcome::Revert { output, .. } if output.as_ref() == [0; 32]));
    let endless = CallRequest { gas: Some(100_000), ..to(CONTRACT) };
    let outcome = simulation(&LOOPER).call(&endless).unwrap();
    assert_eq!(outcome, CallOutcome::Halt { cause: HaltCause::OutOfGas, gas_used: 100_000 });
    let create = CallRequest { input: Bytes::from_static(&[0x00]), ..Default::default() };
    let outcome = simulation(&[]).call(&create).unwrap();
    assert!(matches!(outcome, CallOutcome::Success { created: Some(_), .. }));
}

#[test]
fn estimates_suffice_and_are_close() {
    assert_eq!(simulation(&[]).estimate_gas(&to(STRANGER)).unwrap(), 21_000);
    let simulation = simulation(&WRITER);
    let estimate = simulation.estimate_gas(&to(CONTRACT)).unwrap();
    let CallOutcome::Success { gas_used, .. } = simulation.call(&to(CONTRACT)).unwrap() else {
        panic!("the writer succeeds")
    };
    assert!(gas_used <= estimate && estimate <= gas_used + gas_used / 50, "{estimate}");
    let enough = CallRequest { gas: Some(estimate), ..to(CONTRACT) };
    assert!(matches!(simulation.call(&enough), Ok(CallOutcome::Success { .. })));
}

#[test]
fn estimates_that_fail_say_why() {
    let error = simulation(&REVERTER).estimate_gas(&to(CONTRACT)).unwrap_err();
    assert!(matches!(error, SimulationError::Reverted { output } if output.len() == 32));
    let error = simulation(&LOOPER).estimate_gas(&to(CONTRACT)).unwrap_err();
    assert_eq!(error.to_string(), "gas required exceeds allowance (16777216)");
    let value = Some(U256::from(ETHER) * U256::from(20_000));
    let poor = CallRequest { value, gas_price: Some(GWEI), ..to(STRANGER) };
    let error = simulation(&[]).estimate_gas(&poor).unwrap_err();
    assert!(matches!(error, SimulationError::InsufficientFundsForTransfer));
}

#[test]
fn access_lists_name_what_is_touched() {
    let simulation = simulation(&PEEKER);
    let found = simulation.create_access_list(&to(CONTRACT)).unwrap();
    let list = found.access_list.0;
    assert_eq!(list.len(), 2);
    assert_eq!((list[0].address, list[0].storage_keys.len()), (STRANGER, 0));
    assert_eq!(list[1].address, CONTRACT);
    assert_eq!(list[1].storage_keys, [B256::with_last_byte(7)]);
    let with =
        CallRequest { access_list: Some(alloy_eips::eip2930::AccessList(list)), ..to(CONTRACT) };
    assert_eq!(simulation.call(&with).unwrap(), found.outcome);
}

#[test]
fn calls_run_on_an_open_block() {
    let fixture = Fixture::new(&[]);
    let mut block = fixture.open();
    let everything = U256::from(10_000 - 1) * U256::from(ETHER);
    let mut tx = legacy(0, STRANGER);
    tx.value = everything;
    add(&mut block, common::sign(tx, common::key(0)));
    let state = Arc::new(block.pending_state().unwrap());
    let simulation =
        Simulation::new(Arc::clone(&fixture.spec), block.header().clone(), state, GAS_CAP);
    let back = CallRequest { from: Some(STRANGER), value: Some(everything), ..to(account(1)) };
    assert!(matches!(simulation.call(&back), Ok(CallOutcome::Success { .. })));
}
