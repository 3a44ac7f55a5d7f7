//! The writes.

use crate::{
    api::Api,
    args::{Args, invalid, parse_u64},
    backend::NonceGap,
    error::{RpcError, SYNC_TIMEOUT},
    json::{Answer, Json},
    message::Params,
    wire::receipts,
};
use alloy_primitives::{B256, hex};
use futures_util::{FutureExt, future::BoxFuture};
use std::{future::ready, sync::Arc, time::Duration};

/// `eth_sendRawTransaction`: answers once the transaction is durable.
pub(crate) fn send_raw_transaction(api: Arc<Api>, params: Params) -> BoxFuture<'static, Answer> {
    let raw = match Args::read(&params, 1).and_then(|args| args.bytes(0)) {
        Ok(raw) => raw,
        Err(error) => return Box::pin(ready(Err(error))),
    };
    let accepted = api.chain().submit(raw, NonceGap::Queue);
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
            (args.bytes(0)?, timeout(&api, &args)?)
        };
        let hash = api.chain().submit(raw, NonceGap::Refuse).await?;
        // Wait first, then look: a block sealed in between is seen by one or the other.
        let mut inclusion = api.inclusions.wait_for(hash);
        if let Some(answer) = receipt(&api, &hash)? {
            return Ok(answer);
        }
        // Whatever ended the wait, the chain has the last word.
        let _ = tokio::time::timeout(timeout, inclusion.sealed()).await;
        receipt(&api, &hash)?.ok_or_else(|| timed_out(&hash, timeout))
    })
}

fn timed_out(hash: &B256, timeout: Duration) -> RpcError {
    let waited = timeout.as_millis();
    let message = format!(
        "the transaction was added to the transaction pool but was not processed in {waited} ms"
    );
    RpcError::new(SYNC_TIMEOUT, message).with_data(hex::encode_prefixed(hash))
}

fn receipt(api: &Api, hash: &B256) -> Result<Option<Json>, RpcError> {
    let Some((block, index)) = api.chain().transaction(hash)? else { return Ok(None) };
    receipts(api.spec(), &block).nth(index).map(|receipt| Json::of(&receipt)).transpose()
}

/// Milliseconds as an integer or a quantity; absent, null and zero mean the default.
fn timeout(api: &Api, args: &Args<'_>) -> Result<Duration, RpcError> {
    let millis = match args.raw(1) {
        None => 0,
        Some(text) if text.starts_with('"') => {
            parse_u64(text.trim_matches('"')).map_err(|why| invalid(1, why))?
        }
        Some(text) => text.parse().map_err(|_| invalid(1, "not a positive integer"))?,
    };
    if millis == 0 {
        return Ok(api.config.sync_timeout);
    }
    Ok(Duration::from_millis(millis).min(api.config.sync_timeout_max))
}
