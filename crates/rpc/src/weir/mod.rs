//! `weir_`: pools, quotes, routes, batches and what became of a transaction.

mod access_set;
mod admin;
mod batches;
mod bundle;
mod paths;
mod pools;
mod signed;
mod status;

pub(crate) use access_set::access_set;
pub(crate) use admin::{
    admin_compact_journal, admin_drain, admin_drop_sender, admin_drop_transaction, admin_halt,
    admin_limits, admin_resume, admin_rotate_key, admin_set_limits, admin_set_log_filter,
    admin_status,
};
pub(crate) use batches::batches;
pub(crate) use bundle::bundle_status;
pub(crate) use paths::{best_route, opportunities, order_book};
pub(crate) use pools::{PoolUpdatesFilter, chains, gate, list_pools, pool, pools, quote};
pub(crate) use signed::{receipt_signers, send_raw_transaction_signed};
pub(crate) use status::{StatusEventView, StatusFilter, StatusWatch, transaction_status};

use crate::{
    args::{Args, invalid},
    error::RpcError,
};
use alloy_primitives::U256;

/// A number as a quantity or a JSON integer.
pub(crate) fn number(args: &Args<'_>, index: usize) -> Result<u64, RpcError> {
    args.value::<U256>(index)?.try_into().map_err(|_| invalid(index, "number > 64 bits"))
}
