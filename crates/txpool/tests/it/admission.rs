//! Every stateless rule refuses what breaks it, with the words that wallets look for, and nothing else.

use crate::support::{CHAIN_ID, Draft, GAS, address, legacy, set_code, signature};
use alloy_consensus::{SignableTransaction, TxEip2930, TxEip4844, TxLegacy};
use alloy_primitives::{Bytes, TxKind, U256};
use std::sync::Arc;
use weir_txpool::{
    AdmissionRules, IntrinsicGas, PoolError, PoolTransaction,
    admission::{
        DEFAULT_MAX_TRANSACTION_BYTES, MAX_INIT_CODE_BYTES, MAX_TRANSACTION_GAS, validate,
    },
};

const INTRINSIC: IntrinsicGas = IntrinsicGas { initial: GAS, floor: GAS };

fn rules() -> AdmissionRules {
    AdmissionRules::osaka(CHAIN_ID, 30_000_000)
}

fn check(transaction: &PoolTransaction, rules: &AdmissionRules, message: &str) {
    let error = validate(transaction, INTRINSIC, rules).unwrap_err().to_string();
    assert!(error.contains(message), "{error:?} contains {message:?}");
}

#[test]
fn sound_transactions_of_every_type_pass() {
    let legacy_tx = TxLegacy { chain_id: Some(CHAIN_ID), gas_limit: GAS, ..Default::default() };
    let access_list = TxEip2930 { chain_id: CHAIN_ID, gas_limit: GAS, ..Default::default() };
    let access_list = Arc::new(access_list.into_signed(signature()).into());
    let sound = [
        legacy(legacy_tx),
        PoolTransaction::new(access_list, address(0), 0),
        Draft::new(0, 0).build(0),
        set_code(1),
    ];
    for transaction in &sound {
        assert_eq!(validate(transaction, INTRINSIC, &rules()), Ok(()));
    }
}

#[test]
fn blob_transactions_are_refused_whatever_the_bits_say() {
    let tx = TxEip4844 { chain_id: CHAIN_ID, gas_limit: GAS, ..Default::default() };
    let blob = PoolTransaction::new(Arc::new(tx.into_signed(signature()).into()), address(0), 0);
    check(&blob, &AdmissionRules { types: u8::MAX, ..rules() }, "transaction type not supported");
}

#[test]
fn types_of_later_forks_are_refused() {
    let before_london = AdmissionRules { types: 0b11, ..rules() };
    check(&Draft::new(0, 0).build(0), &before_london, "transaction type not supported: type=2");
    check(&set_code(1), &AdmissionRules { types: 0b111, ..rules() }, "type=4");
}

#[test]
fn oversized_transactions_are_refused_from_the_first_byte_over() {
    let sized = |input_length| Draft { input_length, ..Draft::new(0, 0) }.build(0);
    let overhead = sized(130_000).encoded_length - 130_000;
    let largest = sized(DEFAULT_MAX_TRANSACTION_BYTES - overhead);
    assert_eq!(largest.encoded_length, DEFAULT_MAX_TRANSACTION_BYTES);
    assert_eq!(validate(&largest, INTRINSIC, &rules()), Ok(()));
    check(&sized(DEFAULT_MAX_TRANSACTION_BYTES - overhead + 1), &rules(), "oversized data");
}

#[test]
fn the_chain_id_must_be_ours() {
    let other = TxLegacy { chain_id: Some(1), gas_limit: GAS, ..Default::default() };
    check(&legacy(other), &rules(), "invalid chain id for signer: have 1 want 61972");
    let unprotected = legacy(TxLegacy { chain_id: None, gas_limit: GAS, ..Default::default() });
    check(&unprotected, &rules(), "only replay-protected (EIP-155) transactions allowed over RPC");
    let lenient = AdmissionRules { allows_unprotected: true, ..rules() };
    assert_eq!(validate(&unprotected, INTRINSIC, &lenient), Ok(()));
}

#[test]
fn init_code_has_a_limit_since_shanghai_and_calldata_has_none() {
    let with_input = |to| {
        let input = Bytes::from(vec![0; MAX_INIT_CODE_BYTES + 1]);
        legacy(TxLegacy {
            chain_id: Some(CHAIN_ID),
            gas_limit: GAS,
            to,
            input,
            ..Default::default()
        })
    };
    check(&with_input(TxKind::Create), &rules(), "max initcode size exceeded: code size 49153");
    assert_eq!(validate(&with_input(TxKind::Call(address(1))), INTRINSIC, &rules()), Ok(()));
    let before_shanghai = AdmissionRules { max_init_code_bytes: None, ..rules() };
    assert_eq!(validate(&with_input(TxKind::Create), INTRINSIC, &before_shanghai), Ok(()));
}

#[test]
fn set_code_needs_an_authorization() {
    check(&set_code(0), &rules(), "set code tx must have at least one authorization tuple");
}

#[test]
fn the_highest_nonce_is_refused() {
    check(&Draft::new(0, u64::MAX).build(0), &rules(), "nonce has max value");
    assert_eq!(validate(&Draft::new(0, u64::MAX - 1).build(0), INTRINSIC, &rules()), Ok(()));
}

#[test]
fn fees_must_make_sense() {
    let inverted = Draft::new(0, 0).fees(10, 11).build(0);
    check(&inverted, &rules(), "max priority fee per gas higher than max fee per gas");
    let minimum = AdmissionRules { min_tip: 5, ..rules() };
    let stingy = Draft::new(0, 0).fees(10, 4).build(0);
    check(&stingy, &minimum, "transaction underpriced: gas tip cap 4, minimum needed 5");
    let value = U256::MAX - U256::from(GAS) + U256::from(1);
    let tx = TxLegacy {
        chain_id: Some(CHAIN_ID),
        gas_limit: GAS,
        gas_price: 1,
        value,
        ..Default::default()
    };
    check(&legacy(tx), &rules(), "insufficient funds for gas * price + value");
}

#[test]
fn gas_must_lie_between_the_intrinsic_gas_and_the_caps() {
    check(&Draft::new(0, 0).gas(30_000_001).build(0), &rules(), "exceeds block gas limit");
    let over_cap = Draft::new(0, 0).gas(MAX_TRANSACTION_GAS + 1).build(0);
    check(&over_cap, &rules(), "transaction gas limit too high (cap: 16777216, tx: 16777217)");
    let before_osaka = AdmissionRules { max_transaction_gas: None, ..rules() };
    assert_eq!(validate(&over_cap, INTRINSIC, &before_osaka), Ok(()));
    let short = Draft::new(0, 0).gas(GAS - 1).build(0);
    check(&short, &rules(), "intrinsic gas too low: gas 20999, minimum needed 21000");
    let floor = IntrinsicGas { initial: GAS, floor: GAS + 40 };
    let error = validate(&Draft::new(0, 0).build(0), floor, &rules()).unwrap_err();
    assert_eq!(error, PoolError::FloorDataGas { gas_limit: GAS, needed: GAS + 40 });
}
