//! Batches that get ahead, as statuses of their transactions.

use super::{BatchHandle, BatchStatus, Settlement, driver::blocking, settlements};
use crate::{Chain, statuses::places};
use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};
use weir_runtime::Shutdown;

/// First and last block of a channel, and how far it is.
type Channel = (RangeInclusive<u64>, Settlement);

/// How far the channels were when they were last looked at, by first block.
#[derive(Debug, Default)]
struct Progress(BTreeMap<u64, Settlement>);

impl Progress {
    /// The channels that are not where they were.
    fn update(&mut self, statuses: &[BatchStatus]) -> Vec<Channel> {
        let now: Vec<Channel> = settlements(statuses).collect();
        let by_first = now.iter().map(|(blocks, settlement)| (*blocks.start(), *settlement));
        let before = std::mem::replace(&mut self.0, by_first.collect());
        let is_moved = |(blocks, settlement): &Channel| {
            before.get(blocks.start()).copied().unwrap_or(Settlement::Unposted) != *settlement
        };
        now.into_iter().filter(is_moved).collect()
    }
}

/// Tells those who follow statuses what becomes of batches, until shutdown or until the batcher ends.
pub async fn tell_settlements(chain: Arc<Chain>, mut batches: BatchHandle, shutdown: Shutdown) {
    let mut progress = Progress::default();
    let _ = progress.update(&batches.statuses());
    loop {
        let goes_on = tokio::select! {
            () = shutdown.cancelled() => false,
            goes_on = batches.changed() => goes_on,
        };
        if !goes_on {
            // Whoever started this waits for the batcher's own end.
            return shutdown.cancelled().await;
        }
        let moved = progress.update(&batches.statuses());
        if moved.is_empty() || !chain.statuses().is_followed() {
            continue;
        }
        let chain = Arc::clone(&chain);
        let told = blocking(move || {
            moved.into_iter().for_each(|channel| tell(&chain, channel));
        });
        if let Err(error) = told.await {
            tracing::error!(%error, "progress of batches cannot be told");
        }
    }
}

fn tell(chain: &Chain, (blocks, settlement): Channel) {
    let view = chain.view();
    for number in blocks {
        match view.block_by_number(number) {
            Ok(Some(block)) => {
                let places = places(&block);
                chain.statuses().tell(places.map(|(place, hash)| (hash, settlement.status(place))));
            }
            Ok(None) => {}
            Err(error) => tracing::error!(number, %error, "block of a batch cannot be read"),
        }
    }
}
