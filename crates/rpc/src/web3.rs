//! `web3_`.

use crate::{
    api::Api,
    args::Args,
    json::{Answer, Json},
};
use alloy_primitives::keccak256;

/// `web3_clientVersion`.
pub(crate) fn client_version(api: &Api, _: &Args<'_>) -> Answer {
    Json::of(&api.config.client_version)
}

/// `web3_sha3`: Keccak-256, whatever its name says.
pub(crate) fn sha3(_: &Api, args: &Args<'_>) -> Answer {
    Ok(Json::hash(&keccak256(args.bytes(0)?)))
}
