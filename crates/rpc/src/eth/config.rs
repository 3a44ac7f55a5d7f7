//! Which rules this chain follows.

use crate::{
    api::Api,
    args::Args,
    error::{RpcError, SERVER_ERROR},
    json::{Answer, Json},
};

/// `eth_config` (EIP-7910): the forks in force, next, and last.
pub(crate) fn config(api: &Api, _: &Args<'_>) -> Answer {
    let header =
        |number| api.chain().header_by_number(number)?.ok_or_else(RpcError::header_not_found);
    let (genesis, head) = (header(0)?, header(api.chain().heads().unsafe_head().number)?);
    match api.chain().spec().fork_config(genesis.hash(), head.number, head.timestamp) {
        Some(config) => Json::of(&config),
        None => Err(RpcError::new(SERVER_ERROR, "eth_config tells of Cancun and later forks")),
    }
}
