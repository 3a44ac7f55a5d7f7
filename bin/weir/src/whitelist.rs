//! Lists of pools, from files and over NATS.

use eyre::Context;
use std::{path::Path, sync::Arc};
use weir_arena::PoolStatic;
use weir_feed::{NatsWhitelistUrl, Whitelist, WhitelistOptions, WhitelistSource};
use weir_liquidity::{
    LiquidityHandle, NodeState, SourcePorts, WhitelistFeed, described_pools, listed_pools,
};
use weir_runtime::TaskSet;

/// The pools of a file. What its rows leave out is read from `node`.
pub(crate) async fn read_whitelist(
    path: &Path,
    chain_id: u64,
    node: &dyn NodeState,
) -> eyre::Result<Vec<PoolStatic>> {
    let text = std::fs::read(path)
        .wrap_err_with(|| format!("whitelist cannot be read: path={}", path.display()))?;
    let whitelist = Whitelist::parse(&text, chain_id)
        .wrap_err_with(|| format!("whitelist is not valid: path={}", path.display()))?;
    let (mut pools, rejected) = listed_pools(&whitelist);
    for rejection in rejected {
        tracing::warn!(%rejection, "whitelist row is not followed");
    }
    let described = described_pools(&whitelist, node).await;
    let (described, refused) = described
        .wrap_err_with(|| format!("whitelist cannot be completed: path={}", path.display()))?;
    for (pool, refusal) in refused {
        tracing::warn!(%pool, %refusal, "whitelist row is not followed");
    }
    pools.extend(described);
    Ok(pools)
}

/// Whether a list is of this chain. A URL without a chain is of any.
pub(crate) fn is_of_chain(url: &NatsWhitelistUrl, chain_id: u64) -> bool {
    let (name, id) = (weir_feed::whitelist_chain_name(chain_id), chain_id.to_string());
    url.chain().is_none_or(|chain| chain == id || name == chain)
}

/// Starts what hands a list over NATS to an engine, and the engine's answers to the publisher.
pub(crate) fn follow(
    url: NatsWhitelistUrl,
    node: Arc<dyn NodeState>,
    pools: LiquidityHandle,
    ports: SourcePorts,
    tasks: &mut TaskSet,
) {
    let shutdown = tasks.shutdown().clone();
    let (reader, handle) = WhitelistSource::new(WhitelistOptions::new(url, pools.chain_id()));
    let answers = WhitelistFeed::new(handle, node, pools, ports.inputs, ports.applied);
    tasks.spawn("whitelist", until(reader.run(shutdown.clone())));
    tasks.spawn("whitelist-feed", until(answers.run(shutdown)));
}

/// A task that ends only with the shutdown, or whose end another task explains.
pub(crate) async fn until(task: impl Future<Output = ()>) -> Result<(), std::convert::Infallible> {
    task.await;
    Ok(())
}
