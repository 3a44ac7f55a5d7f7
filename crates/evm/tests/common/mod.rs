//! A development chain with funded keys, and transactions signed by them.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use alloy_consensus::{
    Sealable, SignableTransaction, TxEip1559, TxLegacy, crypto::secp256k1::sign_message,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use std::sync::Arc;
use weir_evm::{BlockAttributes, ChainSpec, DiffState, OpenBlock, SealedHeader, recover_sender};
use weir_primitives::{EmptyState, StateProvider, Transaction};

pub const CHAIN_ID: u64 = 61972;
pub const ETHER: u64 = 1_000_000_000_000_000_000;
/// Base fee of the first block: one gwei, and seven eighths of it after an empty block.
pub const GWEI: u128 = 1_000_000_000;

/// Genesis of a chain with ten funded accounts and these contracts.
pub struct Fixture {
    pub spec: Arc<ChainSpec>,
    pub genesis: SealedHeader,
    pub state: Arc<dyn StateProvider>,
}

pub fn key(index: u8) -> B256 {
    B256::repeat_byte(index + 1)
}

pub fn address_of(key: B256) -> Address {
    let digest = B256::repeat_byte(1);
    let signature = sign_message(key, digest).unwrap();
    signature.recover_address_from_prehash(&digest).unwrap()
}

pub fn account(index: u8) -> Address {
    address_of(key(index))
}

impl Fixture {
    pub fn new(contracts: &[(Address, &[u8])]) -> Self {
        let alloc = (0..10).map(|index| (account(index), U256::from(10_000) * U256::from(ETHER)));
        let spec = ChainSpec::dev(CHAIN_ID, alloc);
        let mut genesis = spec.genesis().clone();
        for (address, code) in contracts {
            let entry = genesis.alloc.entry(*address).or_default();
            entry.code = Some(Bytes::copy_from_slice(code));
            entry.nonce = Some(1);
        }
        let spec = Arc::new(ChainSpec::from_genesis(genesis).unwrap());
        // The root is of no interest to the executor.
        let genesis = spec.genesis_header(B256::ZERO).seal_slow();
        let diff = Arc::new(spec.genesis_diff());
        let state = DiffState::sealed(Arc::new(EmptyState), diff, 0, genesis.hash());
        Self { spec, genesis, state: Arc::new(state) }
    }

    pub fn attributes(&self) -> BlockAttributes {
        BlockAttributes {
            timestamp: self.genesis.timestamp + 1,
            beneficiary: Address::repeat_byte(0xfe),
            prev_randao: B256::repeat_byte(7),
            gas_limit: self.genesis.gas_limit,
            extra_data: Bytes::new(),
            parent_beacon_block_root: None,
            withdrawals: None,
        }
    }

    pub fn open(&self) -> OpenBlock {
        let attributes = self.attributes();
        OpenBlock::begin(Arc::clone(&self.spec), &self.genesis, attributes, self.state.clone())
            .unwrap()
    }
}

/// Signs any transaction.
pub fn sign<T: SignableTransaction<alloy_primitives::Signature>>(tx: T, key: B256) -> Transaction
where
    alloy_consensus::Signed<T>: Into<Transaction>,
{
    let signature = sign_message(key, tx.signature_hash()).unwrap();
    tx.into_signed(signature).into()
}

pub fn legacy(nonce: u64, to: Address) -> TxLegacy {
    TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce,
        gas_price: 2 * GWEI,
        gas_limit: 100_000,
        to: TxKind::Call(to),
        value: U256::from(1),
        input: Bytes::new(),
    }
}

pub fn dynamic(nonce: u64, to: Address) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 2 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: TxKind::Call(to),
        value: U256::from(1),
        ..Default::default()
    }
}

/// Executes a transaction and expects it to join the block.
pub fn add(block: &mut OpenBlock, tx: Transaction) -> weir_evm::TransactionOutcome {
    let sender = recover_sender(&tx).unwrap();
    block.execute(Arc::new(tx), sender).unwrap()
}
