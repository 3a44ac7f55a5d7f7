//! `weir_batches`.

use crate::{
    api::Api,
    args::Args,
    backend::BatchesBackend,
    error::{METHOD_NOT_FOUND, RpcError},
    json::{Answer, Json},
};

/// Batches one `weir_batches` answers at most.
const BATCHES_MAX: u64 = 1_000;
/// Batches one `weir_batches` answers unless asked otherwise.
const BATCHES_DEFAULT: u64 = 50;

/// `weir_batches`: batches posted to L1, oldest first.
pub(crate) fn batches(api: &Api, args: &Args<'_>) -> Answer {
    let absent = || RpcError::new(METHOD_NOT_FOUND, "this node posts no batches");
    let backend: &dyn BatchesBackend = api.backends.batches.as_deref().ok_or_else(absent)?;
    let first = args.raw(0).map(|_| super::number(args, 0)).transpose()?;
    let limit = args.raw(1).map(|_| super::number(args, 1)).transpose()?.unwrap_or(BATCHES_DEFAULT);
    let limit = usize::try_from(limit.min(BATCHES_MAX)).expect("1,000 fits");
    Json::of(&backend.batches(first, limit)?)
}
