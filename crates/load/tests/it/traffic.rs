//! The stream of `make run`.

use std::num::NonZeroU32;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use weir_load::{Traffic, TrafficConfig, TrafficCounters, Wallet};

use crate::anvil::{packages, start};

#[tokio::test(flavor = "multi_thread")]
async fn stream_runs_without_refusals_or_reverts_and_goes_on_later() {
    // With a block per transaction anvil falls behind a steady stream: each poll of its miner copies its whole pool.
    let Some(anvil) = start(&["--block-time", "1"]) else { return };
    let mut pools = Vec::new();
    for run in 0..2 {
        let config = TrafficConfig {
            rpc: anvil.url.clone(),
            key: Wallet::test_account(),
            artifacts: packages(),
            accounts: 4,
            rate: NonZeroU32::new(300).expect("above zero"),
            seed: run,
        };
        let traffic = Traffic::prepare(config).await.expect("prepares");
        pools.push(traffic.deployment().clone());
        let (counters, mut watched) = watch::channel(TrafficCounters::default());
        let stop = CancellationToken::new();
        let running = tokio::spawn(traffic.run(counters, stop.clone()));
        watched.wait_for(|now| now.included >= 600).await.expect("the stream goes on");
        stop.cancel();
        let last = running.await.expect("no panic").expect("no error");
        assert_eq!((last.rejected, last.reverted), (0, 0), "{last:?}");
        assert!(last.accepted >= last.included && last.included >= 600, "{last:?}");
    }
    assert_eq!(pools[0], pools[1]);
}
