//! `weir pools check`: the arena against the contracts, at one block hash, to the wei.

mod compare;
mod pool;
mod quotes;
mod served;
mod simulator;

pub use compare::Difference;

use crate::reader::ReadError;
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256};
use pool::PoolCheck;
use served::ServedPool;
use std::fmt;
use weir_follower::{ChainClient, ClientError};

/// What to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckOptions {
    /// The node whose contracts are read.
    pub rpc_url: String,
    /// Where `weir_listPools`, `weir_getPool` and `weir_quote` are answered; `None` for the same node.
    pub arena_url: Option<String>,
}

/// What was compared, and the first difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Number of the block.
    pub block_number: u64,
    /// Its hash.
    pub block_hash: B256,
    /// Pools compared.
    pub pools: u64,
    /// Pools that the arena does not claim to know, with their status: neither right nor wrong.
    pub skipped: Vec<(String, String)>,
    /// Pools compared whose quotes the arena does not promise to the wei, with its grade and reason: their quotes were not
    /// compared.
    pub inexact: Vec<(String, String)>,
    /// Words of tick bitmaps read.
    pub words: u64,
    /// Initialized ticks compared.
    pub ticks: u64,
    /// Quotes compared.
    pub quotes: u64,
    /// The first difference; nothing after it was compared.
    pub difference: Option<Difference>,
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { block_number, block_hash, pools, words, ticks, quotes, .. } = self;
        writeln!(
            f,
            "block {block_number} {block_hash}: compared {pools} pools, {words} bitmap words, {ticks} ticks, {quotes} quotes"
        )?;
        for (pool, status) in &self.skipped {
            writeln!(f, "skipped {pool}: {status}")?;
        }
        for (pool, accuracy) in &self.inexact {
            writeln!(f, "no quotes compared of {pool}: {accuracy}")?;
        }
        match &self.difference {
            Some(difference) => write!(f, "difference: {difference}"),
            None => f.write_str("no difference"),
        }
    }
}

/// Why the check could not be made. A difference is no error.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The node does not answer.
    #[error("node cannot be read")]
    Node {
        /// Why.
        #[source]
        source: ClientError,
    },
    /// A pool's contract cannot be read.
    #[error("contract cannot be read: address={pool}")]
    Contract {
        /// Its address.
        pool: Address,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// The arena does not answer.
    #[error("arena cannot be read")]
    Arena {
        /// Why.
        #[source]
        source: ClientError,
    },
    /// An answer of the arena is not of the form expected.
    #[error("answer is malformed: method={method}")]
    Answer {
        /// The method.
        method: &'static str,
    },
    /// The arena lists a contract that does not answer as a pool of its protocol.
    #[error("contract is no such pool: address={pool}")]
    NotAPool {
        /// Its address.
        pool: Address,
    },
    /// The arena lists pools, but claims to know none of them: nothing was compared.
    #[error("arena knows none of its pools now: listed={listed}")]
    NothingCompared {
        /// Pools listed.
        listed: u64,
    },
    /// The node does not run simulated calls: it ignores the code overrides of `eth_call`.
    #[error("node does not simulate calls with code overrides")]
    Simulation,
}

impl CheckError {
    fn read(pool: Address, error: ReadError) -> Self {
        match error {
            ReadError::Refused(_) => Self::NotAPool { pool },
            source => Self::Contract { pool, source },
        }
    }
}

/// Compares every pool that the arena lists with its contract.
///
/// The block is the arena's newest, by hash. State is compared at that hash: tokens, fees, reserves; price, tick, liquidity, every
/// word of the bitmap and every initialized tick. V4 pools are read from their PoolManager's storage by `extsload`. Then quotes in both directions at several amounts are compared with
/// what the pools' own code does in a simulated call, each at the block of the quote. It ends with the first difference.
///
/// A pool that the arena has halted counts as a difference: the arena itself knows its state to be wrong.
///
/// # Errors
/// If the comparison could not be made, or pools are listed and all of them were skipped.
pub async fn pools_check(options: &CheckOptions) -> Result<CheckReport, CheckError> {
    let connect = async |url: &str| ChainClient::connect(url).await;
    let node = connect(&options.rpc_url).await.map_err(|source| CheckError::Node { source })?;
    let arena = match &options.arena_url {
        None => node.clone(),
        Some(url) => connect(url).await.map_err(|source| CheckError::Arena { source })?,
    };
    let chain_id = node.chain_id().await.map_err(|source| CheckError::Node { source })?;
    let listed = served::list(&arena, chain_id).await?;
    let mut report = CheckReport::default();
    let Some(newest) = listed.iter().max_by_key(|pool| pool.block_number) else {
        return Ok(report);
    };
    (report.block_number, report.block_hash) = (newest.block_number, newest.block_hash);
    report.difference = compare_block(&node, &report).await?;
    for pool in &listed {
        if report.difference.is_some() {
            break;
        }
        check_pool(&node, &arena, pool, &mut report).await?;
    }
    if report.difference.is_none() && report.pools == 0 {
        return Err(CheckError::NothingCompared { listed: listed.len() as u64 });
    }
    Ok(report)
}

/// The arena's block must be on the node's chain.
async fn compare_block(
    node: &ChainClient,
    report: &CheckReport,
) -> Result<Option<Difference>, CheckError> {
    let at = BlockNumberOrTag::Number(report.block_number);
    let found = node.reference(at).await.map_err(|source| CheckError::Node { source })?;
    let chain = found.map(|block| block.hash);
    Ok((chain != Some(report.block_hash)).then(|| Difference {
        pool: "all".to_owned(),
        field: format!("hash of block {}", report.block_number),
        chain: chain.map_or_else(|| "absent".to_owned(), |hash| hash.to_string()),
        arena: report.block_hash.to_string(),
    }))
}

/// Whether the pool's status says all there is to say: halted is a difference, and a pool not known now is skipped.
fn is_set_aside(pool: &ServedPool, report: &mut CheckReport) -> bool {
    match pool.status.as_str() {
        "live" | "uninitialized" => return false,
        "halted" => {
            report.difference = Some(Difference {
                pool: pool.id.clone(),
                field: "status".to_owned(),
                chain: "live".to_owned(),
                arena: pool.status.clone(),
            });
        }
        _ => report.skipped.push((pool.id.clone(), pool.status.clone())),
    }
    true
}

async fn check_pool(
    node: &ChainClient,
    arena: &ChainClient,
    listed: &ServedPool,
    report: &mut CheckReport,
) -> Result<(), CheckError> {
    if is_set_aside(listed, report) {
        return Ok(());
    }
    let served = served::pool(arena, &listed.name(), report.block_number).await?;
    let served = served.ok_or(CheckError::Answer { method: "weir_getPool" })?;
    if served.block_hash != report.block_hash {
        report.difference = Some(Difference {
            pool: served.id,
            field: format!("hash of block {}", report.block_number),
            chain: report.block_hash.to_string(),
            arena: served.block_hash.to_string(),
        });
        return Ok(());
    }
    if is_set_aside(&served, report) {
        return Ok(());
    }
    let check = PoolCheck { node, arena, served: &served, report };
    match served.protocol.as_str() {
        "v2" => check.v2().await?,
        "v3" | "pancake_v3" => check.v3().await?,
        "v4" => check.v4().await?,
        _ => return Err(CheckError::Answer { method: "weir_getPool" }),
    }
    report.pools += 1;
    Ok(())
}
