//! `weir_`: pools, quotes, batches and what became of a transaction.

use crate::{
    api::Api,
    args::{Args, invalid},
    backend::{BatchesBackend, ListPools, PathHop, PoolsBackend},
    block_id::BlockSelector,
    error::{METHOD_NOT_FOUND, RpcError},
    json::{Answer, Json},
    wire::Quantity,
};
use alloy_primitives::{B256, U256};
use serde::{Deserialize, Serialize};
use weir_primitives::TransactionStatus;

/// Pools one `weir_listPools` answers at most.
const POOLS_MAX: u64 = 10_000;
/// Hops one `weir_quote` takes at most.
const HOPS_MAX: usize = 16;
/// Batches one `weir_batches` answers at most.
const BATCHES_MAX: u64 = 1_000;
/// Batches one `weir_batches` answers unless asked otherwise.
const BATCHES_DEFAULT: u64 = 50;

fn pools(api: &Api) -> Result<&dyn PoolsBackend, RpcError> {
    let absent = || RpcError::new(METHOD_NOT_FOUND, "this node watches no pools");
    api.backends.pools.as_deref().ok_or_else(absent)
}

/// `weir_listPools`: the watched pools, filtered.
pub(crate) fn list_pools(api: &Api, args: &Args<'_>) -> Answer {
    let mut request: ListPools = args.optional(0)?.unwrap_or_default();
    request.limit = Some(request.limit.unwrap_or(POOLS_MAX).min(POOLS_MAX));
    Json::of(&pools(api)?.list_pools(&request)?)
}

/// `weir_getPool`: one pool with its ticks, now or after a block that is still kept; `null` if it is not watched.
pub(crate) fn pool(api: &Api, args: &Args<'_>) -> Answer {
    let id = args.string(0)?;
    let block = match args.block(1)? {
        // The pools' own tip: they follow the chain, so its head may be a block they do not have yet.
        BlockSelector::Latest | BlockSelector::Pending => None,
        selector => Some(api.header(selector)?.ok_or_else(RpcError::header_not_found)?.number),
    };
    Json::of(&pools(api)?.get_pool(&id, block)?)
}

/// An amount as a quantity or a decimal string.
#[derive(Deserialize)]
struct Amount(U256);

/// `weir_quote`: exact-in along a path of pools.
pub(crate) fn quote(api: &Api, args: &Args<'_>) -> Answer {
    let path: Vec<PathHop> = args.value(0)?;
    if path.is_empty() {
        return Err(invalid(0, "path is empty"));
    }
    if path.len() > HOPS_MAX {
        return Err(invalid(0, format!("path is too long: hops={} limit={HOPS_MAX}", path.len())));
    }
    let Amount(amount) = args.value(1)?;
    Json::of(&pools(api)?.quote(&path, amount)?)
}

/// `weir_batches`: batches posted to L1, oldest first.
pub(crate) fn batches(api: &Api, args: &Args<'_>) -> Answer {
    let absent = || RpcError::new(METHOD_NOT_FOUND, "this node posts no batches");
    let backend: &dyn BatchesBackend = api.backends.batches.as_deref().ok_or_else(absent)?;
    let first = args.raw(0).map(|_| number(args, 0)).transpose()?;
    let limit = args.raw(1).map(|_| number(args, 1)).transpose()?.unwrap_or(BATCHES_DEFAULT);
    let limit = usize::try_from(limit.min(BATCHES_MAX)).expect("1,000 fits");
    Json::of(&backend.batches(first, limit)?)
}

/// A number as a quantity or a JSON integer.
fn number(args: &Args<'_>, index: usize) -> Result<u64, RpcError> {
    args.value::<U256>(index)?.try_into().map_err(|_| invalid(index, "number > 64 bits"))
}

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
