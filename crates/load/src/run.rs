//! A load run from start to report.

use std::{num::NonZeroUsize, sync::Arc, thread, time::Duration};

use alloy_primitives::{Address, U256};
use tokio::{
    sync::watch,
    task::{JoinSet, spawn_blocking},
    time::{Instant, interval},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    LoadConfig, LoadError, LoadReport, Rate, Scenario, Wallet,
    connection::Connection,
    deploy::{Contracts, Extent, deploy_extent, mint_missing},
    deployment::Token,
    endpoint::Endpoint,
    funding::fund,
    in_flight::InFlight,
    lane::{Arrivals, Course, Lane, Tally},
    node::{GasPrice, Node},
    progress::Progress,
    report::Throughput,
    signing::{Sender, Signer},
    tracker::{Sightings, Tracker, check_receipts},
    workload::{Fees, Workload},
};

/// Time between the last preparation and the first transaction, for all lanes to be ready.
const RUN_UP: Duration = Duration::from_millis(20);
/// A transaction offers up to this many times the present base fee, if the funding account can afford it: it was signed
/// before the blocks that raise the fee.
const BASE_FEE_MARGIN_MAX: u128 = 1_000;
/// The least margin to start with.
const BASE_FEE_MARGIN_MIN: u128 = 2;
/// Value of each token that an account of an ERC-20 run holds at first, in units.
const ACCOUNT_TOKEN_UNITS: u128 = 1_000;
/// A closed-loop run is funded for this many times the transactions signed ahead.
const FUNDED_TIMES: u64 = 2;
const PROGRESS_STEP: Duration = Duration::from_millis(200);

/// A run that is ready to send.
struct Prepared {
    node: Node,
    version: String,
    signer: Signer,
    senders: Vec<Sender>,
    signed_ahead: u64,
    signing: Duration,
    arrivals: Option<Arrivals>,
}

/// Sends load to a node as `config` says, and measures.
///
/// Accounts derive from `config.key`, so that a second run on the same chain uses the same ones and goes on with their
/// nonces; they are topped up from it. Two runs at once with one key disturb each other.
/// When `stop` is cancelled sending ends, and the report covers what was sent.
///
/// # Errors
/// Preparation fails (settings, bytecode, funds), the node goes away, or `stop` comes before the first transaction.
pub async fn run_load(
    config: LoadConfig,
    stop: CancellationToken,
) -> Result<LoadReport, LoadError> {
    config.validate()?;
    let endpoint: Endpoint = config.rpc.parse()?;
    let prepared = tokio::select! {
        prepared = prepare(&config, endpoint.clone()) => prepared?,
        () = stop.cancelled() => return Err(LoadError::Stopped),
    };
    send(&config, endpoint, prepared, stop).await
}

async fn prepare(config: &LoadConfig, endpoint: Endpoint) -> Result<Prepared, LoadError> {
    let mut node = Node::connect(endpoint).await?;
    let version = node.client_version().await?;
    let wallets = derive_wallets(config.key.clone(), config.accounts).await?;
    let accounts: Vec<Address> = wallets.iter().map(Wallet::address).collect();
    let contracts = deploy_for(&mut node, config).await?;
    if let (Some(contracts), Scenario::Erc20 | Scenario::Mixed) = (&contracts, config.scenario) {
        supply_tokens(&mut node, config, contracts, &accounts).await?;
    }
    let workload = Arc::new(Workload {
        scenario: config.scenario,
        seed: config.seed,
        accounts,
        deployment: contracts.map(|contracts| contracts.deployment),
    });
    let arrivals = arrivals(config);
    let fees = fund_accounts(&mut node, config, &workload, arrivals).await?;
    let nonces = node.nonces(&workload.accounts).await?;
    let senders = wallets.into_iter().zip(nonces).enumerate();
    let senders = senders.map(|(account, (wallet, next_nonce))| Sender {
        account,
        wallet,
        next_nonce,
        signed_count: 0,
        queue: std::collections::VecDeque::new(),
    });
    let signer = Signer { workload, chain_id: node.chain_id, fees };
    let (senders, signed_ahead, signing) =
        sign_ahead(config, &signer, senders.collect(), arrivals).await?;
    Ok(Prepared { node, version, signer, senders, signed_ahead, signing, arrivals })
}

async fn derive_wallets(key: Wallet, count: usize) -> Result<Vec<Wallet>, LoadError> {
    let derive = move || {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let share = count.div_ceil(threads).max(1);
        let key = &key;
        thread::scope(|scope| {
            let parts: Vec<_> = (0..count)
                .step_by(share)
                .map(|from| from..(from + share).min(count))
                .map(|part| {
                    scope.spawn(move || -> Vec<Wallet> {
                        part.map(|index| key.derive("weir load account", index as u64)).collect()
                    })
                })
                .collect();
            let wallets =
                parts.into_iter().flat_map(|part| part.join().expect("derive does not panic"));
            wallets.collect()
        })
    };
    spawn_blocking(derive).await.map_err(|source| LoadError::Worker { source })
}

async fn deploy_for(node: &mut Node, config: &LoadConfig) -> Result<Option<Contracts>, LoadError> {
    let extent = match config.scenario {
        Scenario::Transfers => return Ok(None),
        Scenario::Erc20 => Extent::Tokens,
        Scenario::V2Swaps | Scenario::V3Swaps | Scenario::V4Swaps | Scenario::Mixed => {
            Extent::Pools
        }
    };
    deploy_extent(node, &config.key, &config.artifacts, extent).await.map(Some)
}

async fn supply_tokens(
    node: &mut Node,
    config: &LoadConfig,
    contracts: &Contracts,
    accounts: &[Address],
) -> Result<(), LoadError> {
    let amount = |token: Token| (token, U256::from(token.per_unit * ACCOUNT_TOKEN_UNITS));
    let tokens = [contracts.deployment.token_a, contracts.deployment.token_b].map(amount);
    mint_missing(node, &config.key, &contracts.minter, accounts, tokens).await
}

fn arrivals(config: &LoadConfig) -> Option<Arrivals> {
    let Rate::PerSecond(rate) = config.rate else { return None };
    let total = config.duration.as_nanos() * u128::from(rate.get()) / 1_000_000_000;
    let total = u64::try_from(total).unwrap_or(u64::MAX);
    Some(Arrivals { rate, total, accounts: config.accounts as u64 })
}

/// Tops the accounts up and decides what their transactions offer for gas.
async fn fund_accounts(
    node: &mut Node,
    config: &LoadConfig,
    workload: &Workload,
    arrivals: Option<Arrivals>,
) -> Result<Fees, LoadError> {
    let price = node.gas_price().await?;
    let transactions = arrivals.map_or(config.sign_ahead as u64 * FUNDED_TIMES, |a| a.total);
    let each = transactions.div_ceil(config.accounts as u64) + 1;
    let gas_each = each.saturating_mul(workload.gas_limit_max());
    let held = node.balance(config.key.address()).await?;
    // Half, because the payments themselves cost gas and the key may have other uses.
    let affordable = held / U256::from(2) / U256::from(gas_each) / U256::from(config.accounts);
    let fees = offer(price, affordable.saturating_to());
    let target = U256::from(gas_each) * U256::from(fees.max_fee) + U256::from(each);
    fund(node, &config.key, &workload.accounts, target).await?;
    Ok(fees)
}

fn offer(price: GasPrice, affordable: u128) -> Fees {
    let GasPrice { base_fee, priority_fee } = price;
    let least = base_fee.saturating_mul(BASE_FEE_MARGIN_MIN) + priority_fee;
    let most = base_fee.saturating_mul(BASE_FEE_MARGIN_MAX) + priority_fee;
    Fees { max_fee: affordable.clamp(least, most), priority_fee }
}

async fn sign_ahead(
    config: &LoadConfig,
    signer: &Signer,
    mut senders: Vec<Sender>,
    arrivals: Option<Arrivals>,
) -> Result<(Vec<Sender>, u64, Duration), LoadError> {
    let each = (config.sign_ahead as u64).div_ceil(config.accounts as u64);
    let total = arrivals.map_or(each * config.accounts as u64, |arrivals| arrivals.total);
    let progress = Progress::new(config.progress, "signing", total);
    let signer = signer.clone();
    let sign = move || {
        let count = |account| arrivals.map_or(each, |arrivals| arrivals.of_account(account));
        let took = signer.extend_all(&mut senders, count, |signed| progress.advance(signed));
        progress.finish();
        (senders, total, took)
    };
    spawn_blocking(sign).await.map_err(|source| LoadError::Worker { source })
}

async fn send(
    config: &LoadConfig,
    endpoint: Endpoint,
    prepared: Prepared,
    stop: CancellationToken,
) -> Result<LoadReport, LoadError> {
    let Prepared { mut node, version, signer, senders, signed_ahead, signing, arrivals } = prepared;
    let chain_id = node.chain_id;
    let start = Instant::now() + RUN_UP;
    let in_flight = InFlight::new(senders.len());
    let course = Arc::new(Course { in_flight, start, end: start + config.duration, stop });
    let sent_all = CancellationToken::new();
    let (included, blocks) = watch::channel(0);
    let tracker = Tracker {
        head: node.head().await?,
        node: Node::connect(endpoint.clone()).await?,
        course: Arc::clone(&course),
        included,
        sent_all: sent_all.clone(),
        drain: config.drain,
    };
    let tracker = AbortOnDropHandle::new(tokio::spawn(tracker.run()));
    let progress = AbortOnDropHandle::new(tokio::spawn(show_progress(
        Progress::new(config.progress, "sending", config.duration.as_secs()),
        start,
        blocks.clone(),
    )));

    let lanes = lanes(config, &endpoint, senders, &signer, &course);
    let connections = lanes.len();
    let tally = drive(lanes, arrivals, config.pending_per_account(), &blocks).await?;
    let sending = start.elapsed();
    sent_all.cancel();
    let sightings = tracker.await.map_err(|source| LoadError::Worker { source })??;
    drop(progress);
    let receipts = check_receipts(&mut node, &sightings.blocks).await?;
    let Sightings { blocks, inclusion_latency } = sightings;
    let throughput = Throughput::of(&blocks, sending);
    Ok(LoadReport {
        scenario: config.scenario,
        node: version,
        chain_id,
        accounts: config.accounts,
        connections,
        rate: config.rate,
        sending_ms: sending.as_millis() as u64,
        signed_ahead,
        signing_ms: signing.as_millis() as u64,
        signed_during_run: tally.signed_late,
        submitted: tally.submitted,
        accepted: tally.accepted,
        rejected: tally.rejected,
        included: blocks.iter().map(|block| block.included.len() as u64).sum(),
        receipts_checked: receipts.checked,
        reverted: receipts.reverted,
        not_included: course.in_flight.waiting(),
        blocks: blocks.len() as u64,
        included_per_second: throughput.included_per_second,
        gas_per_second: throughput.gas_per_second,
        submit_latency_us: tally.submit_latency.percentiles(),
        inclusion_latency_us: inclusion_latency.percentiles(),
    })
}

/// Deals the accounts out: account a goes to lane a mod the number of lanes, so that its transactions stay in order.
fn lanes(
    config: &LoadConfig,
    endpoint: &Endpoint,
    senders: Vec<Sender>,
    signer: &Signer,
    course: &Arc<Course>,
) -> Vec<Lane> {
    let count = config.connections.min(config.accounts);
    let mut lanes: Vec<Lane> = (0..count)
        .map(|_| Lane {
            connection: Connection::new(endpoint.clone()),
            senders: Vec::with_capacity(senders.len().div_ceil(count)),
            signer: signer.clone(),
            course: Arc::clone(course),
            tally: Tally::new(),
        })
        .collect();
    for sender in senders {
        lanes[sender.account % count].senders.push(sender);
    }
    lanes
}

async fn drive(
    lanes: Vec<Lane>,
    arrivals: Option<Arrivals>,
    pending_max: u32,
    blocks: &watch::Receiver<u64>,
) -> Result<Tally, LoadError> {
    let mut running = JoinSet::new();
    for lane in lanes {
        match arrivals {
            Some(arrivals) => running.spawn(lane.run_open(arrivals)),
            None => running.spawn(lane.run_closed(pending_max, blocks.clone())),
        };
    }
    let mut total = Tally::new();
    while let Some(tally) = running.join_next().await {
        total.merge(tally.map_err(|source| LoadError::Worker { source })?);
    }
    Ok(total)
}

async fn show_progress(progress: Progress, start: Instant, blocks: watch::Receiver<u64>) {
    let mut tick = interval(PROGRESS_STEP);
    loop {
        tick.tick().await;
        let elapsed = start.elapsed();
        let included = *blocks.borrow();
        let rate = included as f64 / elapsed.as_secs_f64().max(1.0);
        progress.set(elapsed.as_secs(), format!("{included} included, {rate:.0}/s"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offer_is_what_the_payer_can_afford_within_the_margins() {
        let price = GasPrice { base_fee: 100, priority_fee: 7 };
        assert_eq!(offer(price, 5_000), Fees { max_fee: 5_000, priority_fee: 7 });
        assert_eq!(offer(price, 0).max_fee, 207);
        assert_eq!(offer(price, u128::MAX).max_fee, 100_007);
    }
}
