//! A steady stream of transfers, swaps, mints and burns, as `make run` shows it.

use std::{num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, U256, map::B256HashSet};
use alloy_sol_types::SolCall;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::{sync::watch, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    Deployment, LoadError, Wallet,
    connection::Connection,
    contracts::{TestToken, Weth},
    deploy::{Contracts, Extent, deploy_extent, mint_missing},
    deployment::{Token, UNIT_WEI},
    endpoint::Endpoint,
    funding::fund,
    node::{GasPrice, Node},
    setup::{PlannedStep, Step, plan, run_steps},
    traffic_sender::TrafficSender,
};

/// Accounts that a stream can have, each with a connection of its own.
const ACCOUNTS_MAX: usize = 256;
/// Wrapped ether of each account, in units.
const ACCOUNT_WETH_UNITS: u64 = 200;
/// Value of each other token that an account gets, in units.
const ACCOUNT_TOKEN_UNITS: u128 = 1_000_000;
/// Ether of each account beyond what it wraps, for gas, in wei. A stream pays about 0.0002 ether a transaction.
const ACCOUNT_GAS_WEI: u128 = 50_000_000_000_000_000_000;
const BLOCK_POLL: Duration = Duration::from_millis(20);

/// A stream of traffic.
#[derive(Clone, Debug)]
pub struct TrafficConfig {
    /// The node's address, `http://host:port`.
    pub rpc: String,
    /// Pays for everything.
    pub key: Wallet,
    /// Folder with `artifacts/` and `node_modules/`.
    pub artifacts: PathBuf,
    /// Sending accounts, at most 256.
    pub accounts: usize,
    /// Transactions a second, all accounts together.
    pub rate: NonZeroU32,
    /// Chooses what is sent.
    pub seed: u64,
}

/// What a stream has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrafficCounters {
    /// Newest block seen.
    pub head: u64,
    /// Transactions that the node accepted.
    pub accepted: u64,
    /// Transactions that it refused, or that were lost with a connection.
    pub rejected: u64,
    /// Transactions found in blocks.
    pub included: u64,
    /// Of these, whose execution failed.
    pub reverted: u64,
}

/// A stream that is ready to run: contracts deployed, accounts supplied.
#[derive(Debug)]
pub struct Traffic {
    config: TrafficConfig,
    endpoint: Endpoint,
    node: Node,
    deployment: Arc<Deployment>,
    wallets: Vec<Wallet>,
}

/// What the senders of a stream and its follower share.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) chain_id: u64,
    pub(crate) accounts: Vec<Address>,
    /// Accepted and not yet in a block.
    pub(crate) waiting: Mutex<B256HashSet>,
    pub(crate) counters: watch::Sender<TrafficCounters>,
    pub(crate) gas_price: watch::Sender<GasPrice>,
    pub(crate) stop: CancellationToken,
}

impl Traffic {
    /// Deploys the contracts or finds them, and supplies the accounts with ether, tokens and approvals where they lack
    /// them.
    ///
    /// # Errors
    /// As [`crate::deploy`]; or the number of accounts is out of range.
    pub async fn prepare(config: TrafficConfig) -> Result<Self, LoadError> {
        if config.accounts == 0 || config.accounts > ACCOUNTS_MAX {
            return Err(LoadError::InvalidSetting { setting: "accounts", allowed: "1 to 256" });
        }
        let endpoint: Endpoint = config.rpc.parse()?;
        let mut node = Node::connect(endpoint.clone()).await?;
        let contracts =
            deploy_extent(&mut node, &config.key, &config.artifacts, Extent::Pools).await?;
        // A changed deployment needs new approvals, hence other accounts.
        let purpose = format!("weir traffic {}", contracts.deployment.deployer);
        let wallets: Vec<Wallet> =
            (0..config.accounts as u64).map(|index| config.key.derive(&purpose, index)).collect();
        supply(&mut node, &config.key, &contracts, &wallets).await?;
        let deployment = Arc::new(contracts.deployment);
        Ok(Self { config, endpoint, node, deployment, wallets })
    }

    /// The contracts that the stream uses.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Streams until `stop` is cancelled, then waits for nothing. Each block's counters go to `counters`.
    ///
    /// # Errors
    /// The node goes away. That it refuses a transaction is only counted.
    pub async fn run(
        mut self,
        counters: watch::Sender<TrafficCounters>,
        stop: CancellationToken,
    ) -> Result<TrafficCounters, LoadError> {
        let accounts: Vec<Address> = self.wallets.iter().map(Wallet::address).collect();
        let nonces = self.node.nonces(&accounts).await?;
        let head = self.node.head().await?;
        let (gas_price, _) = watch::channel(self.node.gas_price().await?);
        let stop = stop.child_token();
        let stream = Arc::new(Stream {
            deployment: Arc::clone(&self.deployment),
            chain_id: self.node.chain_id,
            accounts,
            waiting: Mutex::default(),
            counters,
            gas_price,
            stop: stop.clone(),
        });
        let mut tasks = JoinSet::new();
        let period = Duration::from_secs(1) * self.config.accounts as u32 / self.config.rate.get();
        let first = std::time::Instant::now();
        for (index, (wallet, nonce)) in self.wallets.into_iter().zip(nonces).enumerate() {
            let sender = TrafficSender::new(Arc::clone(&stream), wallet, nonce, self.config.seed);
            let node = Connection::new(self.endpoint.clone());
            // Spread over the period, so that accounts do not send all at once.
            let offset = period * index as u32 / self.config.accounts as u32;
            tasks.spawn(sender.run(node, first + offset, period));
        }
        tasks.spawn(follow(self.node, head, Arc::clone(&stream)));
        let mut result = Ok(());
        while let Some(ended) = tasks.join_next().await {
            let ended = ended.map_err(|source| LoadError::Worker { source }).flatten();
            result = result.and(ended);
            // One that ended ends the others: it was told to, or it failed.
            stop.cancel();
        }
        let last = *stream.counters.borrow();
        result.map(|()| last)
    }
}

/// Follows the chain: counts what was included and refreshes the price of gas.
async fn follow(mut node: Node, mut head: u64, stream: Arc<Stream>) -> Result<(), LoadError> {
    while !stream.stop.is_cancelled() {
        let Some(block) = node.block(head + 1).await? else {
            tokio::select! {
                () = sleep(BLOCK_POLL) => continue,
                () = stream.stop.cancelled() => break,
            }
        };
        head += 1;
        let ours = take_included(&stream, &block.transactions);
        let reverted =
            if ours.is_empty() { 0 } else { count_reverted(&mut node, head, &ours).await? };
        stream.counters.send_modify(|counters| {
            counters.head = head;
            counters.included += ours.len() as u64;
            counters.reverted += reverted;
        });
        stream.gas_price.send_replace(node.gas_price().await?);
    }
    Ok(())
}

fn take_included(stream: &Stream, transactions: &[B256]) -> B256HashSet {
    let mut waiting = stream.waiting.lock();
    transactions.iter().filter(|hash| waiting.remove(*hash)).copied().collect()
}

async fn count_reverted(
    node: &mut Node,
    number: u64,
    ours: &B256HashSet,
) -> Result<u64, LoadError> {
    let receipts = node.block_receipts(number).await?.unwrap_or_default();
    let failed = receipts.iter().filter(|receipt| receipt.status.is_zero());
    Ok(failed.filter(|receipt| ours.contains(&receipt.transaction_hash)).count() as u64)
}

/// Gives each account ether for gas, its first transactions (wrapped ether and approvals), and tokens.
async fn supply(
    node: &mut Node,
    payer: &Wallet,
    contracts: &Contracts,
    wallets: &[Wallet],
) -> Result<(), LoadError> {
    let deployment = &contracts.deployment;
    let accounts: Vec<Address> = wallets.iter().map(Wallet::address).collect();
    let weth = U256::from(UNIT_WEI) * U256::from(ACCOUNT_WETH_UNITS);
    let nonces = node.nonces(&accounts).await?;
    let steps = first_steps(deployment, weth);
    let mut planned: Vec<PlannedStep<'_>> = Vec::new();
    for (wallet, nonce) in wallets.iter().zip(nonces) {
        // Step i has nonce i, so that a preparation that was interrupted goes on where it stopped.
        let rest = steps.iter().skip(nonce.min(steps.len() as u64) as usize).cloned();
        planned.extend(plan(wallet, nonce, rest));
    }
    let ether = U256::from(ACCOUNT_GAS_WEI) / U256::from(2);
    let wrapping = if planned.is_empty() { U256::ZERO } else { ether + weth };
    fund(node, payer, &accounts, ether + wrapping).await?;
    let amount = |token: Token| (token, U256::from(token.per_unit * ACCOUNT_TOKEN_UNITS));
    let tokens = [deployment.token_a, deployment.token_b].map(amount);
    mint_missing(node, payer, &contracts.minter, &accounts, tokens).await?;
    run_steps(node, &planned).await
}

fn first_steps(deployment: &Deployment, weth: U256) -> Vec<Step> {
    let wrap = Weth::depositCall {}.abi_encode();
    let mut steps =
        vec![Step::call("wrap ether", deployment.weth.address, wrap, 80_000).paying(weth)];
    let tokens =
        [deployment.weth, deployment.token_a, deployment.token_b].map(|token| token.address);
    let spent = tokens.into_iter().chain(deployment.pairs.iter().map(|pair| pair.address));
    steps.extend(spent.map(|token| {
        let approve = TestToken::approveCall { spender: deployment.swapper, amount: U256::MAX };
        Step::call("approve swapper", token, approve.abi_encode(), 80_000)
    }));
    steps
}
