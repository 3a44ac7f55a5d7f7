//! `net_` and `rpc_`.

use crate::{
    api::Api,
    args::Args,
    json::{Answer, Json},
    methods::METHODS,
};
use std::collections::BTreeMap;

/// `net_version`: the network id, decimal; the chain id, as everyone does.
pub(crate) fn version(api: &Api, _: &Args<'_>) -> Answer {
    Json::of(&api.spec().chain_id().to_string())
}

/// `net_listening`.
pub(crate) fn listening(_: &Api, _: &Args<'_>) -> Answer {
    Json::of(&true)
}

/// `net_peerCount`: the node has no peer-to-peer network.
pub(crate) fn peer_count(_: &Api, _: &Args<'_>) -> Answer {
    Ok(Json::quantity(0))
}

/// `rpc_modules`: the namespaces of the method table.
pub(crate) fn modules(_: &Api, _: &Args<'_>) -> Answer {
    let namespaces = METHODS.iter().filter_map(|method| method.name.split(['_', '.']).next());
    let modules: BTreeMap<&str, &str> = namespaces.map(|namespace| (namespace, "1.0")).collect();
    Json::of(&modules)
}
