//! `weir_transactionStatus`.

use crate::{
    api::Api,
    args::Args,
    json::{Answer, Json},
    wire::Quantity,
};
use alloy_primitives::B256;
use serde::Serialize;
use weir_primitives::TransactionStatus;

/// What became of a transaction, on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "status")]
enum StatusView {
    Pending,
    #[serde(rename_all = "camelCase")]
    Queued {
        missing_nonce: Quantity,
    },
    #[serde(rename_all = "camelCase")]
    Preconfirmed {
        block_number: Quantity,
        transaction_index: Quantity,
    },
    #[serde(rename_all = "camelCase")]
    Included {
        block_number: Quantity,
        block_hash: B256,
        transaction_index: Quantity,
    },
    Dropped {
        reason: String,
    },
}

impl From<TransactionStatus> for StatusView {
    fn from(status: TransactionStatus) -> Self {
        match status {
            TransactionStatus::Pending => Self::Pending,
            TransactionStatus::Queued { missing_nonce } => {
                Self::Queued { missing_nonce: missing_nonce.into() }
            }
            TransactionStatus::Preconfirmed { block, index } => {
                Self::Preconfirmed { block_number: block.into(), transaction_index: index.into() }
            }
            TransactionStatus::Included { block, hash, index } => Self::Included {
                block_number: block.into(),
                block_hash: hash,
                transaction_index: index.into(),
            },
            TransactionStatus::Dropped { reason } => Self::Dropped { reason },
        }
    }
}

/// `weir_transactionStatus`: `null` if the transaction was never seen.
pub(crate) fn transaction_status(api: &Api, args: &Args<'_>) -> Answer {
    let status = api.chain().transaction_status(&args.hash(0)?)?;
    Json::of(&status.map(StatusView::from))
}
