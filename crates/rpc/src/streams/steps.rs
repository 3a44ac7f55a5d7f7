//! Steps of the open block on the wire.

use crate::wire::{LogPlace, Quantity, WireLog};
use alloy_primitives::B256;
use serde::Serialize;
use weir_primitives::{OpenStep, OpenUpdate};

/// What happened to the open block.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum WireStep {
    /// Transactions were appended.
    Appended(Appended),
    /// The block will not be sealed as it was told.
    Retracted(Retracted),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Appended {
    parent_hash: B256,
    block_number: Quantity,
    timestamp: Quantity,
    base_fee_per_gas: Quantity,
    /// Index of the first transaction in the block; zero begins a new open block.
    first_transaction_index: Quantity,
    transactions: Vec<WireTransaction>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Retracted {
    parent_hash: B256,
    retracted: bool,
}

#[derive(Debug, Serialize)]
struct WireTransaction {
    hash: B256,
    logs: Vec<WireLog>,
}

impl From<&OpenUpdate> for WireStep {
    fn from(update: &OpenUpdate) -> Self {
        match update {
            OpenUpdate::Appended(step) => Self::Appended(appended(step)),
            OpenUpdate::Retracted { parent_hash } => {
                Self::Retracted(Retracted { parent_hash: *parent_hash, retracted: true })
            }
        }
    }
}

fn appended(step: &OpenStep) -> Appended {
    let block_number = step.parent.number + 1;
    let mut log_index = u64::from(step.first_log);
    let transactions = (u64::from(step.first_tx)..).zip(&step.transactions);
    let transactions = transactions.map(|(transaction_index, transaction)| {
        let logs = transaction.logs.iter().map(|log| {
            let place = LogPlace {
                block_number,
                block_hash: None,
                block_timestamp: step.timestamp,
                transaction_hash: transaction.hash,
                transaction_index,
                log_index,
                removed: false,
            };
            log_index += 1;
            WireLog::new(log, place)
        });
        WireTransaction { hash: transaction.hash, logs: logs.collect() }
    });
    Appended {
        transactions: transactions.collect(),
        parent_hash: step.parent.hash,
        block_number: block_number.into(),
        timestamp: step.timestamp.into(),
        base_fee_per_gas: step.base_fee.into(),
        first_transaction_index: u64::from(step.first_tx).into(),
    }
}
