//! The batch poster of a node, if it has an L1.

use crate::settings::Settings;
use eyre::{Context, OptionExt};
use std::{convert::Infallible, sync::Arc};
use weir_follower::ChainClient;
use weir_runtime::{Halts, SystemClock, TaskSet};
use weir_sequencer::{
    Chain, L1Keys,
    batching::{BatchConfig, BatchDriver, BatchHandle, tell_settlements},
};

/// Starts the poster; `None` without `--l1`.
pub(crate) async fn start(
    settings: &Settings,
    chain: &Arc<Chain>,
    halts: Arc<Halts>,
    keys: Option<&L1Keys>,
    tasks: &mut TaskSet,
) -> eyre::Result<Option<BatchHandle>> {
    let Some(url) = &settings.l1 else { return Ok(None) };
    let keys = keys.ok_or_eyre("--l1 needs --l1-key")?;
    let client = ChainClient::connect(url).await.wrap_err("L1 node cannot be used")?;
    let config = BatchConfig {
        inbox: settings.l1_inbox,
        batch_bytes_max: settings.l1_batch_max_bytes,
        batch_age_max: settings.l1_batch_max_age,
        is_reposted_on_new_l1: settings.l1_repost,
        ..BatchConfig::default()
    };
    let store = Arc::clone(chain.store());
    let head = chain.watch_head();
    let driver = BatchDriver::new(config, store, client, keys.watch(), head, SystemClock)?
        .guarded_by(chain.reorg_lock().clone())
        .halted_by(halts);
    let handle = driver.handle();
    tasks.spawn("batching", driver.run(tasks.shutdown().clone()));
    let telling = tell_settlements(chain.clone(), handle.clone(), tasks.shutdown().clone());
    tasks.spawn("settlements", async move {
        telling.await;
        Ok::<_, Infallible>(())
    });
    Ok(Some(handle))
}
