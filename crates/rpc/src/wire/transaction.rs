//! Transactions.

use super::Quantity;
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, U256};
use serde::{Serialize, Serializer, ser::SerializeMap};
use weir_primitives::{ExecutedBlock, Transaction};

/// The sealed block a transaction is in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    pub(crate) block_hash: B256,
    pub(crate) block_number: u64,
    pub(crate) block_timestamp: u64,
    pub(crate) base_fee: Option<u64>,
    pub(crate) index: usize,
}

impl Position {
    pub(crate) fn of(block: &ExecutedBlock, index: usize) -> Self {
        let header = block.block.header();
        Self {
            block_hash: block.block.hash(),
            block_number: header.number,
            block_timestamp: header.timestamp,
            base_fee: header.base_fee_per_gas,
            index,
        }
    }
}

/// A transaction with its sender and, once sealed, its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WireTransaction<'a> {
    pub(crate) transaction: &'a Transaction,
    pub(crate) sender: Address,
    pub(crate) position: Option<Position>,
}

impl<'a> WireTransaction<'a> {
    /// Transaction `index` of a block; without its place if the block is open.
    pub(crate) fn of(block: &'a ExecutedBlock, index: usize, is_pending: bool) -> Option<Self> {
        Some(Self {
            transaction: block.block.transactions().get(index)?,
            sender: *block.block.senders().get(index)?,
            position: (!is_pending).then(|| Position::of(block, index)),
        })
    }

    fn gas_price(&self) -> u128 {
        match (self.transaction.gas_price(), self.position) {
            (Some(price), _) => price,
            (None, Some(position)) => self.transaction.effective_gas_price(position.base_fee),
            (None, None) => self.transaction.max_fee_per_gas(),
        }
    }

    /// The `v` of the signature: EIP-155 or 27 and 28 in a legacy transaction, the parity in the others.
    fn signature_v(&self) -> u128 {
        let signature = self.transaction.signature();
        if signature.r().is_zero() && signature.s().is_zero() {
            // A simulated transaction: nobody has signed it.
            return 0;
        }
        let parity = u128::from(signature.v());
        match (self.transaction.is_legacy(), self.transaction.chain_id()) {
            (true, Some(chain_id)) => u128::from(chain_id) * 2 + 35 + parity,
            (true, None) => 27 + parity,
            (false, _) => parity,
        }
    }

    fn fees<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("gasPrice", &Quantity(self.gas_price()))?;
        if self.transaction.is_dynamic_fee() {
            map.serialize_entry("maxFeePerGas", &Quantity(self.transaction.max_fee_per_gas()))?;
            let tip = self.transaction.max_priority_fee_per_gas().unwrap_or_default();
            map.serialize_entry("maxPriorityFeePerGas", &Quantity(tip))?;
        }
        if let Some(fee) = self.transaction.max_fee_per_blob_gas() {
            map.serialize_entry("maxFeePerBlobGas", &Quantity(fee))?;
        }
        Ok(())
    }

    fn lists<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        if let Some(list) = self.transaction.access_list() {
            map.serialize_entry("accessList", list)?;
        }
        if let Some(chain_id) = self.transaction.chain_id() {
            map.serialize_entry("chainId", &Quantity::from(chain_id))?;
        }
        if let Some(hashes) = self.transaction.blob_versioned_hashes() {
            map.serialize_entry("blobVersionedHashes", hashes)?;
        }
        if let Some(list) = self.transaction.authorization_list() {
            map.serialize_entry("authorizationList", list)?;
        }
        Ok(())
    }

    fn signature<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let signature = self.transaction.signature();
        map.serialize_entry("v", &Quantity(self.signature_v()))?;
        map.serialize_entry::<_, U256>("r", &signature.r())?;
        map.serialize_entry::<_, U256>("s", &signature.s())?;
        if !self.transaction.is_legacy() {
            map.serialize_entry("yParity", &Quantity(u128::from(signature.v())))?;
        }
        Ok(())
    }
}

impl Serialize for WireTransaction<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let tx = self.transaction;
        let position = self.position;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("blockHash", &position.map(|at| at.block_hash))?;
        map.serialize_entry("blockNumber", &position.map(|at| Quantity::from(at.block_number)))?;
        map.serialize_entry(
            "blockTimestamp",
            &position.map(|at| Quantity::from(at.block_timestamp)),
        )?;
        map.serialize_entry("from", &self.sender)?;
        map.serialize_entry("gas", &Quantity::from(tx.gas_limit()))?;
        self.fees(&mut map)?;
        map.serialize_entry("hash", tx.tx_hash())?;
        map.serialize_entry("input", tx.input())?;
        map.serialize_entry("nonce", &Quantity::from(tx.nonce()))?;
        map.serialize_entry("to", &tx.to())?;
        map.serialize_entry("transactionIndex", &position.map(|at| Quantity(at.index as u128)))?;
        map.serialize_entry("value", &tx.value())?;
        map.serialize_entry("type", &Quantity(u128::from(tx.tx_type() as u8)))?;
        self.lists(&mut map)?;
        self.signature(&mut map)?;
        map.end()
    }
}
