//! `weir_sendRawTransactionSigned` and `weir_receiptSigners`.

use crate::{
    api::Api,
    args::Args,
    json::{Answer, Json},
    message::Params,
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{future::ready, sync::Arc};

/// `weir_sendRawTransactionSigned`: as `eth_sendRawTransaction`, with the sequencer's signature over hash, number and time.
pub(crate) fn send_raw_transaction_signed(
    api: Arc<Api>,
    params: Params,
) -> BoxFuture<'static, Answer> {
    let raw = match Args::read(&params, 1).and_then(|args| args.bytes(0)) {
        Ok(raw) => raw,
        Err(error) => return Box::pin(ready(Err(error))),
    };
    let signed = api.chain().submit_signed(raw);
    Box::pin(signed.map(|outcome| Json::of(&outcome?)))
}

/// `weir_receiptSigners`: whose receipts are to be believed, and for which times; newest first.
pub(crate) fn receipt_signers(api: &Api, _: &Args<'_>) -> Answer {
    Json::of(&api.chain().receipt_signers()?)
}
