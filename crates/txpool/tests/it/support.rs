//! Transactions for tests. The pool never looks at signatures, so these carry a fixed one.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip7702, TxLegacy};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use std::sync::Arc;
use weir_primitives::Transaction;
use weir_txpool::{PoolConfig, PoolTransaction, SenderCode, SenderState, TxPool};

pub(crate) const CHAIN_ID: u64 = 61_972;
pub(crate) const GAS: u64 = 21_000;

pub(crate) fn signature() -> Signature {
    Signature::new(U256::from(7), U256::from(9), false)
}

pub(crate) fn address(index: u8) -> Address {
    Address::repeat_byte(index + 1)
}

/// What the tests vary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draft {
    pub(crate) sender: u8,
    pub(crate) nonce: u64,
    pub(crate) fee_cap: u128,
    pub(crate) tip_cap: u128,
    pub(crate) gas_limit: u64,
    pub(crate) value: u64,
    pub(crate) input_length: usize,
}

impl Draft {
    pub(crate) fn new(sender: u8, nonce: u64) -> Self {
        Self { sender, nonce, fee_cap: 100, tip_cap: 10, gas_limit: GAS, value: 0, input_length: 0 }
    }

    pub(crate) fn fees(mut self, fee_cap: u128, tip_cap: u128) -> Self {
        (self.fee_cap, self.tip_cap) = (fee_cap, tip_cap);
        self
    }

    pub(crate) fn gas(mut self, gas_limit: u64) -> Self {
        self.gas_limit = gas_limit;
        self
    }

    pub(crate) fn value(mut self, value: u64) -> Self {
        self.value = value;
        self
    }

    pub(crate) fn eip1559(self) -> TxEip1559 {
        TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.fee_cap,
            max_priority_fee_per_gas: self.tip_cap,
            // The recipient tells the senders' transactions apart, which the fixed signature does not.
            to: TxKind::Call(address(self.sender)),
            value: U256::from(self.value),
            access_list: Default::default(),
            input: Bytes::from(vec![1; self.input_length]),
        }
    }

    pub(crate) fn build(self, arrival: u64) -> PoolTransaction {
        let tx: Transaction = self.eip1559().into_signed(signature()).into();
        PoolTransaction::new(Arc::new(tx), address(self.sender), arrival)
    }
}

pub(crate) fn legacy(tx: TxLegacy) -> PoolTransaction {
    PoolTransaction::new(Arc::new(tx.into_signed(signature()).into()), address(0), 0)
}

pub(crate) fn set_code(authorizations: usize) -> PoolTransaction {
    let authorization = SignedAuthorization::new_unchecked(
        Authorization { chain_id: U256::from(CHAIN_ID), address: address(9), nonce: 0 },
        0,
        U256::from(1),
        U256::from(1),
    );
    let tx = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: 0,
        gas_limit: 100_000,
        max_fee_per_gas: 10,
        max_priority_fee_per_gas: 1,
        to: address(1),
        value: U256::ZERO,
        access_list: Default::default(),
        authorization_list: vec![authorization; authorizations],
        input: Bytes::new(),
    };
    PoolTransaction::new(Arc::new(tx.into_signed(signature()).into()), address(0), 0)
}

pub(crate) fn rich(nonce: u64) -> SenderState {
    SenderState { nonce, balance: U256::from(u128::MAX), code: SenderCode::Empty }
}

pub(crate) fn delegated(nonce: u64) -> SenderState {
    SenderState { code: SenderCode::Delegated, ..rich(nonce) }
}

pub(crate) fn pool(config: PoolConfig) -> TxPool {
    TxPool::new(config, 7)
}

/// Takes everything there is, and returns sender indices and nonces.
pub(crate) fn take_all(pool: &mut TxPool) -> Vec<(u8, u64)> {
    let mut taken = Vec::new();
    pool.take(usize::MAX, u64::MAX, &mut taken);
    taken.iter().map(|tx| (tx.sender.0[0] - 1, tx.nonce)).collect()
}
