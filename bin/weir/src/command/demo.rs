//! `weir demo`: what `make run` shows.

use crate::{
    cli::DemoArgs,
    command::node::block_on,
    demo::{L1, LiveLine},
    node::{Node, NodeKind, log_options},
};
use eyre::{Context, bail, eyre};
use std::{num::NonZeroU32, process::ExitCode, sync::Arc, time::Duration};
use tokio::sync::watch;
use weir_keys::KeySource;
use weir_liquidity::{CheckError, CheckOptions, CheckReport, pools_check};
use weir_load::{Traffic, TrafficConfig, TrafficCounters, Wallet};
use weir_runtime::{Shutdown, ShutdownReason, init_logs, watch_signals};
use weir_sequencer::Chain;

/// Accounts that send the demonstration's traffic.
const ACCOUNTS: usize = 8;
/// Time between two comparisons of the pools with their contracts.
const CHECK_EVERY: Duration = Duration::from_secs(10);
/// Key with which anvil's second account pays for batches.
const L1_KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

/// Runs until the duration has passed or Ctrl-C; exit 1 if the pools differ from their contracts.
pub(crate) fn run(mut args: DemoArgs) -> eyre::Result<ExitCode> {
    if !args.artifacts.join("node_modules").is_dir() {
        bail!(
            "contracts are absent: {} has no node_modules; run scripts/setup-npm, or `weir dev` for the chain alone",
            args.artifacts.display()
        );
    }
    init_logs(&log_options(&args.node.settings))?;
    let l1 = match args.node.settings.l1 {
        Some(_) => None,
        None => L1::start(&args.artifacts)?,
    };
    if let Some(l1) = &l1 {
        use_l1(&mut args, l1)?;
    }
    let is_equal = block_on(async {
        let shutdown = Shutdown::new();
        let signals = tokio::spawn(watch_signals(shutdown.clone()));
        let node =
            Node::start(&args.node.settings, NodeKind::Development, shutdown.clone()).await?;
        let stage = Stage::of(&node, &args);
        let nodes = tokio::spawn(node.run());
        let played = stage.play(&args, shutdown.clone()).await;
        shutdown.trigger(ShutdownReason::Done);
        nodes.await.wrap_err("node panicked")??;
        signals.abort();
        played
    })?;
    Ok(if is_equal { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Posts batches to the development L1; it is a new chain at every run.
fn use_l1(args: &mut DemoArgs, l1: &L1) -> eyre::Result<()> {
    let settings = &mut args.node.settings;
    std::fs::create_dir_all(&settings.datadir).wrap_err("data folder cannot be made")?;
    let key = settings.datadir.join("l1.key");
    std::fs::write(&key, L1_KEY).wrap_err("L1 key cannot be written")?;
    settings.l1 = Some(l1.url().to_owned());
    settings.l1_key = Some(KeySource::File(key));
    settings.l1_repost = true;
    Ok(())
}

/// What the demonstration needs of the node it plays on.
struct Stage {
    chain: Arc<Chain>,
    rpc: String,
}

impl Stage {
    fn of(node: &Node, args: &DemoArgs) -> Self {
        let addresses = node.addresses();
        println!("weir {} on {}", env!("CARGO_PKG_VERSION"), addresses.http);
        println!("feed {}", addresses.feed.display());
        println!("metrics {}", addresses.metrics);
        match &args.node.settings.l1 {
            Some(l1) => println!("L1 {l1} (anvil)"),
            None => println!("no L1: anvil is not installed"),
        }
        Self { chain: Arc::clone(node.chain()), rpc: addresses.http.clone() }
    }

    /// Deploys, streams, checks; whether all comparisons found the pools equal.
    async fn play(&self, args: &DemoArgs, shutdown: Shutdown) -> eyre::Result<bool> {
        let rate = NonZeroU32::new(args.rate).ok_or_else(|| eyre!("--rate is at least 1"))?;
        let config = TrafficConfig {
            rpc: self.rpc.clone(),
            key: Wallet::test_account(),
            artifacts: args.artifacts.clone(),
            accounts: ACCOUNTS,
            rate,
            seed: args.node.settings.seed,
        };
        println!("deploying Uniswap V2, V3 and V4 ...");
        let traffic = tokio::select! {
            traffic = Traffic::prepare(config) => traffic?,
            () = shutdown.cancelled() => return Ok(true),
        };
        let (counters, seen) = watch::channel(TrafficCounters::default());
        let stop = shutdown.token();
        let mut stream = tokio::spawn(traffic.run(counters, stop.clone()));
        let watched = tokio::select! {
            watched = self.watch(args.duration, seen, &shutdown) => watched,
            ended = &mut stream => {
                ended.wrap_err("traffic panicked")??;
                bail!("traffic ended by itself");
            }
        };
        stop.cancel();
        let counters = stream.await.wrap_err("traffic panicked")??;
        let mut mismatches = watched?;
        if !shutdown.is_cancelled() {
            let report = self.check().await?;
            if report.pools == 0 {
                bail!("no pool was compared at the end");
            }
            mismatches += u64::from(report.difference.is_some());
        }
        println!(
            "done: head {} included {} reverted {} mismatches {mismatches}",
            self.head(),
            counters.included,
            counters.reverted
        );
        Ok(mismatches == 0)
    }

    fn head(&self) -> u64 {
        self.chain.view().heads().unsafe_head().number
    }

    /// Compares the pools with their contracts; a check ends at the first difference. While the arena is being rebuilt
    /// there is nothing to compare.
    async fn check(&self) -> eyre::Result<CheckReport> {
        let options = CheckOptions { rpc_url: self.rpc.clone(), arena_url: None };
        let report = match pools_check(&options).await {
            Err(CheckError::NothingCompared { .. }) => CheckReport::default(),
            checked => checked?,
        };
        if report.difference.is_some() {
            println!("{report}");
        }
        Ok(report)
    }

    /// Shows the live line until the time is up; the number of differences found.
    async fn watch(
        &self,
        duration: Option<Duration>,
        seen: watch::Receiver<TrafficCounters>,
        shutdown: &Shutdown,
    ) -> eyre::Result<u64> {
        let mut line = LiveLine::new();
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let mut checks = tokio::time::interval(CHECK_EVERY);
        let end = tokio::time::sleep(duration.unwrap_or(Duration::MAX));
        tokio::pin!(end);
        let (mut pools, mut mismatches, mut before) = (0, 0, seen.borrow().included);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = &mut end => break,
                _ = checks.tick() => {
                    let report = self.check().await?;
                    pools = report.pools;
                    mismatches += u64::from(report.difference.is_some());
                }
                _ = second.tick() => {
                    let counters = *seen.borrow();
                    let tps = counters.included.saturating_sub(before);
                    before = counters.included;
                    let head = self.head();
                    line.tick(&format!(
                        "head {head}  tps {tps}  included {}  pools {pools}  mismatches {mismatches}",
                        counters.included
                    ));
                }
            }
        }
        line.end();
        Ok(mismatches)
    }
}
