//! Blocks that grow transaction by transaction, and what rejected transactions leave: nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use alloy_consensus::{TxEip4844, TxEip7702, TxLegacy};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use common::{CHAIN_ID, ETHER, Fixture, GWEI, account, add, dynamic, key, legacy, sign};
use proptest::prelude::*;
use std::sync::Arc;
use weir_evm::{
    BlockError, ChainSpec, Completion, ExecutionError, HeaderError, OpenBlock, TransactionError,
    TransactionRejected, execute_block, recover_sender,
};
use weir_primitives::{Account, ExecutedBlock, Severity, StateError, StateProvider, Transaction};

const STRANGER: Address = Address::repeat_byte(0x55);

/// `SSTORE(0, SLOAD(0) + 1)`, then a log without topics.
const COUNTER: [u8; 13] =
    [0x5f, 0x54, 0x60, 0x01, 0x01, 0x5f, 0x55, 0x5f, 0x5f, 0xa0, 0x00, 0x00, 0x00];
/// `REVERT(0, 0)`.
const REVERTER: [u8; 3] = [0x5f, 0x5f, 0xfd];
/// The invalid instruction.
const HALTER: [u8; 1] = [0xfe];

fn refuse(block: &mut OpenBlock, tx: Transaction) -> TransactionRejected {
    let sender = recover_sender(&tx).unwrap();
    match block.execute(Arc::new(tx), sender) {
        Err(TransactionError::Rejected(reason)) => reason,
        other => panic!("expected a rejection, got {other:?}"),
    }
}

#[test]
fn an_open_block_crosses_threads() {
    fn check<T: Send + 'static>() {}
    check::<OpenBlock>();
}

#[test]
fn a_built_block_passes_the_check_of_blocks() {
    let counter = Address::repeat_byte(0xc0);
    let fixture = Fixture::new(&[(counter, &COUNTER)]);
    let mut block = fixture.open();
    let outcome = add(&mut block, sign(legacy(0, STRANGER), key(0)));
    assert_eq!((outcome.index, outcome.gas_used), (0, 21_000));
    for nonce in 0..3 {
        assert!(add(&mut block, sign(dynamic(nonce, counter), key(1))).is_success());
    }
    assert_eq!(block.transactions().len(), 4);
    assert_eq!(block.gas_remaining(), fixture.genesis.gas_limit - block.gas_used());
    let unsealed = block.finish().unwrap();
    let sealed = unsealed.clone().seal(B256::repeat_byte(9));
    let output =
        execute_block(&fixture.spec, &fixture.genesis, &sealed.block, fixture.state.clone())
            .unwrap();
    assert_eq!(&output.receipts, &**unsealed.receipts());
    assert_eq!(&output.diff, &**unsealed.diff());
    output.check_state_root(sealed.block.header(), B256::repeat_byte(9)).unwrap();
    let wrong = output.check_state_root(sealed.block.header(), B256::ZERO).unwrap_err();
    assert!(matches!(wrong, BlockError::Commitment { field: "stateRoot", .. }));
    let change = &unsealed.diff().accounts[&counter];
    assert_eq!(change.slots[&U256::ZERO].after, U256::from(3));
    assert_eq!(change.slots[&U256::ZERO].before, U256::ZERO);
}

#[test]
fn wei_is_conserved() {
    let fixture = Fixture::new(&[]);
    let mut block = fixture.open();
    add(&mut block, sign(dynamic(0, STRANGER), key(0)));
    add(&mut block, sign(dynamic(0, account(0)), key(1)));
    let base_fee = U256::from(block.header().base_fee_per_gas.unwrap());
    let burnt = base_fee * U256::from(block.gas_used());
    let diff = block.diff().unwrap();
    let sum = |side: fn(&weir_primitives::AccountDiff) -> Option<Account>| -> U256 {
        diff.accounts.values().filter_map(side).map(|account| account.balance).sum()
    };
    assert_eq!(sum(|change| change.before) - burnt, sum(|change| change.after));
}

#[test]
fn failed_transactions_are_included_and_change_nothing_but_the_fee() {
    let (reverter, halter) = (Address::repeat_byte(0xd0), Address::repeat_byte(0xd1));
    let fixture = Fixture::new(&[(reverter, &REVERTER), (halter, &HALTER)]);
    let mut block = fixture.open();
    let reverted = add(&mut block, sign(legacy(0, reverter), key(0)));
    assert_eq!(reverted.status, Completion::Reverted);
    let halted = add(&mut block, sign(legacy(1, halter), key(0)));
    assert_eq!((halted.status, halted.gas_used), (Completion::Halted, 100_000));
    assert!(block.receipts().iter().all(|receipt| !receipt.success));
    let diff = block.diff().unwrap();
    assert!(!diff.accounts.contains_key(&reverter) && !diff.accounts.contains_key(&halter));
}

#[test]
fn the_pending_state_is_frozen_when_it_is_taken() {
    let fixture = Fixture::new(&[]);
    let mut block = fixture.open();
    add(&mut block, sign(legacy(0, STRANGER), key(0)));
    let pending = block.pending_state().unwrap();
    add(&mut block, sign(legacy(1, STRANGER), key(0)));
    assert_eq!(pending.account(&STRANGER).unwrap().unwrap().balance, U256::from(1));
    assert_eq!(pending.account(&account(0)).unwrap().unwrap().nonce, 1);
    let later = block.pending_state().unwrap();
    assert_eq!(later.account(&account(0)).unwrap().unwrap().nonce, 2);
    assert_eq!(later.account(&account(5)).unwrap(), fixture.state.account(&account(5)).unwrap());
    assert_eq!(fixture.state.account(&STRANGER).unwrap(), None);
}

#[test]
fn each_broken_rule_has_its_own_name() {
    use TransactionRejected as Reason;
    let fixture = Fixture::new(&[]);
    let mut block = fixture.open();
    add(&mut block, sign(legacy(0, STRANGER), key(0)));
    let mut reason = |tx: TxLegacy| refuse(&mut block, sign(tx, key(0)));
    assert_eq!(reason(legacy(0, STRANGER)), Reason::NonceTooLow { tx: 0, state: 1 });
    assert_eq!(reason(legacy(5, STRANGER)), Reason::NonceTooHigh { tx: 5, state: 1 });
    let rich = TxLegacy { value: U256::from(ETHER) * U256::from(20_000), ..legacy(1, STRANGER) };
    assert!(matches!(reason(rich), Reason::InsufficientFunds { .. }));
    let short = TxLegacy { gas_limit: 20_999, ..legacy(1, STRANGER) };
    let expected = Reason::IntrinsicGasTooLow { gas_limit: 20_999, required: 21_000 };
    assert_eq!(reason(short), expected);
    let input = Bytes::from(vec![1; 1000]);
    let floor = TxLegacy { gas_limit: 40_000, input, ..legacy(1, STRANGER) };
    assert!(matches!(reason(floor), Reason::GasFloorTooLow { required: 61_000, .. }));
    let huge = TxLegacy { gas_limit: 1 << 25, ..legacy(1, STRANGER) };
    assert!(matches!(reason(huge), Reason::GasLimitAboveCap { cap: 16_777_216, .. }));
    let cheap = TxLegacy { gas_price: GWEI / 2, ..legacy(1, STRANGER) };
    assert_eq!(reason(cheap), Reason::FeeBelowBaseFee);
    let foreign = TxLegacy { chain_id: Some(1), ..legacy(1, STRANGER) };
    assert_eq!(reason(foreign), Reason::WrongChainId);
    let long = TxLegacy {
        to: TxKind::Create,
        input: vec![0; 49_153].into(),
        gas_limit: 1_000_000,
        ..legacy(1, STRANGER)
    };
    assert_eq!(reason(long), Reason::InitCodeTooLong);
    let mut tips = dynamic(1, STRANGER);
    tips.max_priority_fee_per_gas = 3 * GWEI;
    assert_eq!(refuse(&mut block, sign(tips, key(0))), Reason::PriorityFeeAboveMaxFee);
    let delegations = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: 1,
        gas_limit: 100_000,
        max_fee_per_gas: 2 * GWEI,
        to: STRANGER,
        ..Default::default()
    };
    assert_eq!(refuse(&mut block, sign(delegations, key(0))), Reason::NoAuthorizations);
}

#[test]
fn a_full_block_says_what_it_lacks() {
    let fixture = Fixture::new(&[]);
    let genesis_limit = fixture.genesis.gas_limit;
    let mut attributes = fixture.attributes();
    attributes.gas_limit = genesis_limit;
    let mut block = fixture.open();
    let blobs = |nonce, count| TxEip4844 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 2 * GWEI,
        max_fee_per_blob_gas: GWEI,
        to: STRANGER,
        blob_versioned_hashes: vec![B256::with_last_byte(1) | B256::repeat_byte(0x01); count],
        ..Default::default()
    };
    add(&mut block, sign(blobs(0, 6), key(0)));
    let reason = refuse(&mut block, sign(blobs(1, 4), key(0)));
    let (blob_gas, available) = (4 << 17, 3 << 17);
    assert_eq!(reason, TransactionRejected::BlobGasExhausted { blob_gas, available });
    let reason = refuse(&mut block, sign(blobs(1, 7), key(0)));
    assert!(matches!(
        reason,
        TransactionRejected::TooManyBlobs { have: 7, max: 6 }
            | TransactionRejected::BlobGasExhausted { .. }
    ));
    assert_eq!(refuse(&mut block, sign(blobs(1, 0), key(0))), TransactionRejected::NoBlobs);
    assert_eq!(block.blob_gas_used(), 6 << 17);
}

#[test]
fn attributes_that_no_node_would_accept_are_refused() {
    let fixture = Fixture::new(&[]);
    let open = |change: fn(&mut weir_evm::BlockAttributes)| {
        let mut attributes = fixture.attributes();
        change(&mut attributes);
        OpenBlock::begin(
            Arc::clone(&fixture.spec),
            &fixture.genesis,
            attributes,
            fixture.state.clone(),
        )
        .map(|_| ())
    };
    let header = |result| match result {
        Err(ExecutionError::Header(error)) => error,
        other => panic!("expected a header error, got {other:?}"),
    };
    let early = header(open(|attributes| attributes.timestamp = 0));
    assert_eq!(early, HeaderError::Timestamp { parent: 0, found: 0 });
    let wide = header(open(|attributes| attributes.gas_limit *= 2));
    assert!(matches!(wide, HeaderError::GasLimit { .. }));
    let long = header(open(|attributes| attributes.extra_data = vec![0; 33].into()));
    assert_eq!(long, HeaderError::ExtraData { bytes: 33 });
}

#[test]
fn withdrawals_are_credited() {
    let fixture = Fixture::new(&[]);
    let mut attributes = fixture.attributes();
    let withdrawal = alloy_eips::eip4895::Withdrawal {
        index: 0,
        validator_index: 1,
        address: STRANGER,
        amount: 3,
    };
    attributes.withdrawals = Some(vec![withdrawal]);
    let block = OpenBlock::begin(
        Arc::clone(&fixture.spec),
        &fixture.genesis,
        attributes,
        fixture.state.clone(),
    );
    let unsealed = block.unwrap().finish().unwrap();
    let credited = unsealed.diff().accounts[&STRANGER].after.unwrap();
    assert_eq!(credited.balance, U256::from(3_000_000_000u64));
    let sealed = unsealed.seal(B256::ZERO);
    execute_block(&fixture.spec, &fixture.genesis, &sealed.block, fixture.state.clone()).unwrap();
}

/// A store that fails for one account.
struct Broken(Arc<dyn StateProvider>);

impl StateProvider for Broken {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        if *address == STRANGER {
            return Err(StateError::store(std::io::Error::other("disk on fire")));
        }
        self.0.account(address)
    }
    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        self.0.storage(address, slot)
    }
    fn code(&self, code_hash: &B256) -> Result<Option<Bytes>, StateError> {
        self.0.code(code_hash)
    }
    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        self.0.block_hash(number)
    }
}

#[test]
fn a_failing_store_is_no_fault_of_the_transaction() {
    let fixture = Fixture::new(&[]);
    let state = Arc::new(Broken(fixture.state.clone()));
    let mut block =
        OpenBlock::begin(Arc::clone(&fixture.spec), &fixture.genesis, fixture.attributes(), state)
            .unwrap();
    let error = block.execute(Arc::new(sign(legacy(0, STRANGER), key(0))), account(0)).unwrap_err();
    let TransactionError::Failed(error) = error else { panic!("got {error:?}") };
    assert!(matches!(error, ExecutionError::State(StateError::Store(_))));
    assert_eq!(error.severity(), Severity::Halt);
}

/// A transaction that may or may not be valid, from one of three senders.
#[derive(Debug, Clone)]
struct Attempt {
    sender: u8,
    /// Offset from the nonce that would be right.
    nonce: i8,
    to: u8,
    gas_limit: u64,
    gas_price: u128,
    value: u64,
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let attempt = (
        0u8..3,
        prop_oneof![4 => Just(0i8), 1 => Just(-1i8), 1 => Just(1i8)],
        0u8..4,
        prop_oneof![Just(20_000u64), Just(21_000), Just(60_000), Just(1 << 25)],
        prop_oneof![4 => Just(2 * GWEI), 1 => Just(1u128), 1 => Just(u128::MAX >> 20)],
        0u64..3,
    );
    let attempt = attempt.prop_map(|(sender, nonce, to, gas_limit, gas_price, value)| Attempt {
        sender,
        nonce,
        to,
        gas_limit,
        gas_price,
        value,
    });
    proptest::collection::vec(attempt, 0..24)
}

/// Executes the attempts, the invalid ones too, and seals; also returns those that joined.
fn build(
    fixture: &Fixture,
    attempts: &[Attempt],
    targets: &[Address; 4],
) -> (ExecutedBlock, Vec<Transaction>, usize) {
    let mut block = fixture.open();
    let (mut nonces, mut joined, mut refused) = ([0u64; 3], Vec::new(), 0);
    for attempt in attempts {
        let nonce = &mut nonces[usize::from(attempt.sender)];
        let tx = TxLegacy {
            nonce: nonce.saturating_add_signed(attempt.nonce.into()),
            gas_limit: attempt.gas_limit,
            gas_price: attempt.gas_price,
            value: U256::from(attempt.value),
            ..legacy(0, targets[usize::from(attempt.to)])
        };
        let tx = sign(tx, key(attempt.sender));
        match block.execute(Arc::new(tx.clone()), account(attempt.sender)) {
            Ok(_) => {
                *nonce += 1;
                joined.push(tx);
            }
            Err(TransactionError::Rejected(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    (block.finish().unwrap().seal(B256::ZERO), joined, refused)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rejected_transactions_leave_no_trace(attempts in attempts()) {
        let counter = Address::repeat_byte(0xc0);
        let reverter = Address::repeat_byte(0xd0);
        let fixture = Fixture::new(&[(counter, &COUNTER), (reverter, &REVERTER)]);
        let targets = [STRANGER, counter, reverter, account(1)];
        let (with_rejected, joined, _) = build(&fixture, &attempts, &targets);
        let mut clean = fixture.open();
        for tx in joined {
            add(&mut clean, tx);
        }
        let clean = clean.finish().unwrap().seal(B256::ZERO);
        prop_assert_eq!(&clean, &with_rejected);
        let checked = execute_block(&fixture.spec, &fixture.genesis, &clean.block, fixture.state.clone());
        prop_assert_eq!(Some(&checked.unwrap().diff), clean.diff.as_deref());
    }
}

#[test]
fn chains_of_other_rules_cannot_be_built_on() {
    let genesis =
        r#"{"config":{"chainId":1,"homesteadBlock":0},"gasLimit":"0x1000000","alloc":{}}"#;
    let spec = Arc::new(ChainSpec::from_genesis_json(genesis).unwrap());
    let fixture = Fixture::new(&[]);
    let error =
        OpenBlock::begin(spec, &fixture.genesis, fixture.attributes(), fixture.state.clone());
    assert!(matches!(error, Err(ExecutionError::ForkUnsupported { .. })));
}
