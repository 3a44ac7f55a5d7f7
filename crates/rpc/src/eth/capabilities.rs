//! What of the past this node can serve.

use crate::{
    api::Api,
    args::Args,
    json::{Answer, Json},
    wire::Quantity,
};
use alloy_primitives::B256;
use serde::Serialize;

#[derive(Serialize)]
struct HeadView {
    number: Quantity,
    hash: B256,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeptView {
    disabled: bool,
    oldest_block: Quantity,
}

#[derive(Serialize)]
struct CapabilitiesView {
    head: HeadView,
    state: KeptView,
    tx: KeptView,
    logs: KeptView,
    receipts: KeptView,
    blocks: KeptView,
    stateproofs: KeptView,
}

/// `eth_capabilities`: blocks are all kept, states from the oldest of the history window on.
pub(crate) fn capabilities(api: &Api, _: &Args<'_>) -> Answer {
    let head = api.chain().heads().unsafe_head();
    let from = |oldest: u64| KeptView { disabled: false, oldest_block: oldest.into() };
    let (all, states) = (from(0), from(api.chain().history_oldest()?));
    Json::of(&CapabilitiesView {
        head: HeadView { number: head.number.into(), hash: head.hash },
        state: states,
        tx: all,
        logs: all,
        receipts: all,
        blocks: all,
        stateproofs: states,
    })
}
