//! What chain this is and whether it is up to date.

use crate::{
    api::Api,
    args::Args,
    json::{Answer, Json},
    wire::Quantity,
};
use serde::Serialize;

/// `eth_chainId`.
pub(crate) fn chain_id(api: &Api, _: &Args<'_>) -> Answer {
    Ok(Json::quantity(api.spec().chain_id().into()))
}

/// `eth_accounts`: the node holds no keys.
pub(crate) fn accounts(_: &Api, _: &Args<'_>) -> Answer {
    Json::of::<[u8]>(&[])
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SyncView {
    starting_block: Quantity,
    current_block: Quantity,
    highest_block: Quantity,
}

/// `false`, or how far the node is.
pub(crate) fn sync_status_view(api: &Api) -> Answer {
    match api.chain().sync_status() {
        None => Json::of(&false),
        Some(status) => Json::of(&SyncView {
            starting_block: status.starting.into(),
            current_block: status.current.into(),
            highest_block: status.highest.into(),
        }),
    }
}

/// `eth_syncing`.
pub(crate) fn syncing(api: &Api, _: &Args<'_>) -> Answer {
    sync_status_view(api)
}
