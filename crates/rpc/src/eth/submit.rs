//! The writes.

use crate::{
    api::Api,
    args::{Args, invalid, parse_u64},
    backend::NonceGap,
    conditions::{locate, read_requested},
    error::{RpcError, SYNC_NOT_READY, SYNC_TIMEOUT},
    json::{Answer, Json},
    message::Params,
    wire::receipts,
};
use alloy_primitives::{B256, hex, keccak256};
use futures_util::{FutureExt, future::BoxFuture};
use std::{future::ready, sync::Arc, time::Duration};
use weir_primitives::{Conditions, TransactionStatus};

/// `eth_sendRawTransaction`: answers once the transaction is durable.
pub(crate) fn send_raw_transaction(api: Arc<Api>, params: Params) -> BoxFuture<'static, Answer> {
    let raw = match Args::read(&params, 1).and_then(|args| args.bytes(0)) {
        Ok(raw) => raw,
        Err(error) => return Box::pin(ready(Err(error))),
    };
    let accepted = api.chain().submit(raw, NonceGap::Queue);
    Box::pin(accepted.map(|outcome| Ok(Json::hash(&outcome?))))
}

/// `eth_sendRawTransactionConditional` (ERC-7796): as `eth_sendRawTransaction`, for a transaction that is executed only
/// while its conditions hold.
pub(crate) fn send_raw_transaction_conditional(
    api: Arc<Api>,
    params: Params,
) -> BoxFuture<'static, Answer> {
    let read = || -> Result<_, RpcError> {
        let args = Args::read(&params, 2)?;
        let conditions = read_requested(args.raw(1).unwrap_or("{}"));
        let (conditions, pools) = conditions.map_err(|why| invalid(1, why))?;
        let raw = args.bytes(0)?;
        Ok((raw, Conditions { pools: locate(&api, pools)?, ..conditions }))
    };
    let (raw, conditions) = match read() {
        Ok(read) => read,
        Err(error) => return Box::pin(ready(Err(error))),
    };
    let accepted = api.chain().submit_if(raw, conditions);
    Box::pin(accepted.map(|outcome| Ok(Json::hash(&outcome?))))
}

/// `eth_sendRawTransactionSync` (EIP-7966): answers with the receipt once the transaction is sealed.
pub(crate) fn send_raw_transaction_sync(
    api: Arc<Api>,
    params: Params,
) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let (raw, timeout) = {
            let args = Args::read(&params, 2)?;
            (args.bytes(0)?, timeout(&api, args.raw(1)))
        };
        // For every type the hash of the encoding is the transaction's (EIP-2718).
        let sent = keccak256(&raw);
        let hash = match api.chain().submit(raw, NonceGap::Refuse).await {
            Ok(hash) => hash,
            // Sent before, by a caller that waits again.
            Err(error) => match receipt(&api, &sent)? {
                Some(answer) => return Ok(answer),
                None if api.chain().pool_transaction(&sent).is_some() => sent,
                None => return Err(error.into()),
            },
        };
        // Wait first, then look: a block sealed in between is seen by one or the other.
        let mut inclusion = api.inclusions.wait_for(hash);
        if let Some(answer) = receipt(&api, &hash)? {
            return Ok(answer);
        }
        // Whatever ended the wait, the chain has the last word.
        let _ = tokio::time::timeout(timeout, inclusion.over()).await;
        match receipt(&api, &hash)? {
            Some(answer) => Ok(answer),
            None => Err(not_included(&api, &hash, timeout)?),
        }
    })
}

/// The answer about a transaction that no block includes: it waits, or it has left the pool.
fn not_included(api: &Api, hash: &B256, timeout: Duration) -> Result<RpcError, RpcError> {
    let gone = match api.chain().transaction_status(hash)? {
        Some(TransactionStatus::Dropped { reason, .. }) => Some(reason),
        Some(TransactionStatus::Replaced { by }) => Some(format!("replaced by {by}")),
        _ => None,
    };
    let error = match gone {
        Some(reason) => {
            RpcError::new(SYNC_NOT_READY, format!("the transaction was dropped: {reason}"))
        }
        None => RpcError::new(
            SYNC_TIMEOUT,
            format!(
                "the transaction was added to the transaction pool but was not processed in {} ms",
                timeout.as_millis()
            ),
        ),
    };
    Ok(error.with_data(hex::encode_prefixed(hash)))
}

fn receipt(api: &Api, hash: &B256) -> Result<Option<Json>, RpcError> {
    let Some((block, index)) = api.chain().transaction(hash)? else { return Ok(None) };
    receipts(api.spec(), &block).nth(index).map(|receipt| Json::of(&receipt)).transpose()
}

/// Milliseconds as an integer or a quantity, at most what the server allows. What is absent, zero or no such number means
/// the default, as the EIP says.
fn timeout(api: &Api, text: Option<&str>) -> Duration {
    let millis = text.and_then(|text| match text.strip_prefix('"') {
        Some(quoted) => parse_u64(quoted.trim_end_matches('"')).ok(),
        None => text.parse().ok(),
    });
    match millis.filter(|millis| *millis > 0) {
        Some(millis) => Duration::from_millis(millis).min(api.config.sync_timeout_max),
        None => api.config.sync_timeout,
    }
}
