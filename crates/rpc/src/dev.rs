//! `weir_dev`: what only a development chain does.

use crate::{
    api::Api,
    args::{Args, invalid},
    backend::{ReorgOutcome, ReorgRequest, ReorgTransactions},
    error::RpcError,
    json::{Answer, Json},
    message::Params,
    weir::number,
    wire::Quantity,
};
use alloy_primitives::{B256, U256};
use futures_util::{FutureExt, future::BoxFuture};
use serde::{Deserialize, Serialize};
use std::{future::ready, sync::Arc};
use weir_primitives::BlockRef;

/// The second argument of `weir_devReorg`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    /// Whether other blocks take the place; they do unless asked otherwise.
    replace: Option<bool>,
    /// How many do; as many as left unless asked otherwise.
    new_blocks: Option<U256>,
    /// Executed again unless asked otherwise, or returned to the pool if no block takes the place.
    transactions: Option<ReorgTransactions>,
}

fn request(args: &Args<'_>) -> Result<ReorgRequest, RpcError> {
    let depth = number(args, 0)?;
    let options: Options = args.optional(1)?.unwrap_or_default();
    let new_blocks = options.new_blocks.map(u64::try_from).transpose();
    let new_blocks = new_blocks.map_err(|_| invalid(1, "newBlocks > 64 bits"))?;
    if options.replace.unwrap_or(true) {
        return Ok(ReorgRequest {
            depth,
            new_blocks: Some(new_blocks.unwrap_or(depth)),
            transactions: options.transactions.unwrap_or(ReorgTransactions::Replay),
        });
    }
    if new_blocks.is_some() {
        return Err(invalid(1, "newBlocks needs replace"));
    }
    match options.transactions.unwrap_or(ReorgTransactions::Return) {
        ReorgTransactions::Replay => Err(invalid(1, "transactions to replay need replace")),
        transactions => Ok(ReorgRequest { depth, new_blocks: None, transactions }),
    }
}

#[derive(Serialize)]
struct BlockView {
    number: Quantity,
    hash: B256,
}

impl From<&BlockRef> for BlockView {
    fn from(block: &BlockRef) -> Self {
        Self { number: block.number.into(), hash: block.hash }
    }
}

#[derive(Serialize)]
struct OutcomeView {
    ancestor: BlockView,
    old: Vec<BlockView>,
    new: Vec<BlockView>,
    replayed: Quantity,
    returned: Quantity,
    dropped: Vec<B256>,
}

impl From<ReorgOutcome> for OutcomeView {
    fn from(outcome: ReorgOutcome) -> Self {
        Self {
            ancestor: (&outcome.ancestor).into(),
            old: outcome.old.iter().map(BlockView::from).collect(),
            new: outcome.new.iter().map(BlockView::from).collect(),
            replayed: outcome.replayed.into(),
            returned: outcome.returned.into(),
            dropped: outcome.dropped,
        }
    }
}

/// `weir_devReorg`: replaces the newest blocks by others; answers once they are stored.
pub(crate) fn reorg(api: Arc<Api>, params: Params) -> BoxFuture<'static, Answer> {
    match Args::read(&params, 2).and_then(|args| request(&args)) {
        Ok(request) => Box::pin(
            api.chain().dev_reorg(request).map(|outcome| Json::of(&OutcomeView::from(outcome?))),
        ),
        Err(error) => Box::pin(ready(Err(error))),
    }
}
