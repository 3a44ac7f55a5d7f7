//! Receipts.

use super::{LogPlace, Quantity, WireLog};
use alloy_consensus::Transaction as _;
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_primitives::{Address, B256, Bloom, logs_bloom};
use serde::{Serialize, Serializer, ser::SerializeMap};
use weir_evm::ChainSpec;
use weir_primitives::{ExecutedBlock, Header, Receipt, Transaction};

/// A receipt with everything that is derived from its block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WireReceipt<'a> {
    header: &'a Header,
    block_hash: B256,
    transaction: &'a Transaction,
    sender: Address,
    receipt: &'a Receipt,
    index: usize,
    gas_used: u64,
    /// Logs of the block before this transaction's.
    first_log: u64,
    blob_gas_price: Option<u128>,
    /// The state root that stands for the status before Byzantium (EIP-658).
    root: Option<B256>,
}

/// Price of blob gas in wei in the block with this header, `None` before Cancun.
pub(crate) fn blob_gas_price(spec: &ChainSpec, header: &Header) -> Option<u128> {
    let params = spec.blob_params_at(header.timestamp)?;
    Some(params.calc_blob_fee(header.excess_blob_gas?))
}

/// The receipts of a block in order.
pub(crate) fn receipts<'a>(
    spec: &ChainSpec,
    block: &'a ExecutedBlock,
) -> impl Iterator<Item = WireReceipt<'a>> {
    let header = block.block.header();
    let blob_gas_price = blob_gas_price(spec, header);
    let transactions = block.block.transactions().iter().zip(block.block.senders());
    let mut gas_before = 0;
    let mut logs_before = 0;
    transactions.zip(block.receipts.iter()).enumerate().map(
        move |(index, ((transaction, sender), receipt))| {
            let wire = WireReceipt {
                header,
                block_hash: block.block.hash(),
                transaction,
                sender: *sender,
                receipt,
                index,
                gas_used: receipt.cumulative_gas_used.saturating_sub(gas_before),
                first_log: logs_before,
                blob_gas_price,
                root: None,
            };
            gas_before = receipt.cumulative_gas_used;
            logs_before += receipt.logs.len() as u64;
            wire
        },
    )
}

impl WireReceipt<'_> {
    /// The same receipt with the state root after its transaction, if receipts of its block state one.
    pub(crate) const fn with_root(mut self, root: Option<B256>) -> Self {
        self.root = root;
        self
    }

    fn logs(&self) -> Vec<WireLog> {
        let place = |offset: usize| LogPlace {
            block_number: self.header.number,
            block_hash: Some(self.block_hash),
            block_timestamp: self.header.timestamp,
            transaction_hash: *self.transaction.tx_hash(),
            transaction_index: self.index as u64,
            log_index: self.first_log + offset as u64,
            removed: false,
        };
        let logs = self.receipt.logs.iter().enumerate();
        logs.map(|(offset, log)| WireLog::new(log, place(offset))).collect()
    }

    fn contract_address(&self) -> Option<Address> {
        self.transaction.kind().is_create().then(|| self.sender.create(self.transaction.nonce()))
    }
}

impl Serialize for WireReceipt<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let price = self.transaction.effective_gas_price(self.header.base_fee_per_gas);
        let bloom: Bloom = logs_bloom(&self.receipt.logs);
        let mut map = to.serialize_map(None)?;
        if let Some(hashes) = self.transaction.blob_versioned_hashes() {
            let blob_gas = hashes.len() as u64 * DATA_GAS_PER_BLOB;
            map.serialize_entry("blobGasUsed", &Quantity::from(blob_gas))?;
            map.serialize_entry("blobGasPrice", &self.blob_gas_price.map(Quantity))?;
        }
        map.serialize_entry("blockHash", &self.block_hash)?;
        map.serialize_entry("blockNumber", &Quantity::from(self.header.number))?;
        map.serialize_entry("contractAddress", &self.contract_address())?;
        map.serialize_entry(
            "cumulativeGasUsed",
            &Quantity::from(self.receipt.cumulative_gas_used),
        )?;
        map.serialize_entry("effectiveGasPrice", &Quantity(price))?;
        map.serialize_entry("from", &self.sender)?;
        map.serialize_entry("gasUsed", &Quantity::from(self.gas_used))?;
        map.serialize_entry("logs", &self.logs())?;
        map.serialize_entry("logsBloom", &bloom)?;
        match &self.root {
            Some(root) => map.serialize_entry("root", root)?,
            None => map.serialize_entry("status", &Quantity(u128::from(self.receipt.success)))?,
        }
        map.serialize_entry("to", &self.transaction.to())?;
        map.serialize_entry("transactionHash", self.transaction.tx_hash())?;
        map.serialize_entry("transactionIndex", &Quantity(self.index as u128))?;
        map.serialize_entry("type", &Quantity(u128::from(self.receipt.tx_type as u8)))?;
        map.end()
    }
}
