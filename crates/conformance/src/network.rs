//! From the name of a network in a test file to the rules of a chain.

use crate::json::RawConfig;
use alloy_eips::eip7840::BlobParams;
use alloy_genesis::{ChainConfig, Genesis};
use alloy_primitives::U256;
use std::sync::Arc;
use weir_evm::{AmsterdamRules, ChainSpec, Fork};

/// Why a network cannot be run.
pub(crate) enum NoNetwork {
    /// Nothing is wrong with the test.
    Skip(String),
    /// The file contradicts itself.
    Broken(String),
}

/// Where the second half of a transition begins.
#[derive(Clone, Copy)]
enum Start {
    Block(u64),
    Time(u64),
}

/// The rules of the network `name`. `merge_block` is where a transition by difficulty merges.
pub(crate) fn chain_spec(
    name: &str,
    config: &RawConfig,
    merge_block: Option<u64>,
) -> Result<Arc<ChainSpec>, NoNetwork> {
    chain_spec_with(name, config, merge_block, None)
}

/// [`chain_spec`] for tests whose draft of Amsterdam is known.
pub(crate) fn chain_spec_with(
    name: &str,
    config: &RawConfig,
    merge_block: Option<u64>,
    amsterdam: Option<AmsterdamRules>,
) -> Result<Arc<ChainSpec>, NoNetwork> {
    let mut chain = ChainConfig {
        chain_id: config.chain_id.and_then(|id| id.to()).unwrap_or(1),
        ..Default::default()
    };
    for (fork, start) in schedule(name, merge_block, amsterdam.is_some())? {
        activate(&mut chain, fork, start);
    }
    // Tests of old networks name no merge; a network with it needs the total difficulty that ends the work.
    chain.terminal_total_difficulty = match chain.merge_netsplit_block {
        Some(0) => Some(U256::ZERO),
        Some(_) => Some(U256::MAX),
        None => None,
    };
    for (key, params) in &config.blob_schedule {
        let broken = |field: &str| NoNetwork::Broken(format!("blobSchedule.{key}.{field}"));
        let params = BlobParams {
            target_blob_count: params.target.to().ok_or_else(|| broken("target"))?,
            max_blob_count: params.max.to().ok_or_else(|| broken("max"))?,
            max_blobs_per_tx: params.max.to().ok_or_else(|| broken("max"))?,
            update_fraction: params
                .base_fee_update_fraction
                .to()
                .ok_or_else(|| broken("baseFeeUpdateFraction"))?,
            ..BlobParams::cancun()
        };
        chain.blob_schedule.insert(key.to_lowercase(), params);
    }
    let genesis = Genesis { config: chain, ..Default::default() };
    ChainSpec::from_genesis(genesis)
        .map(|spec| match amsterdam {
            Some(rules) => Arc::new(spec.with_amsterdam(rules)),
            None => Arc::new(spec),
        })
        .map_err(|error| NoNetwork::Broken(error.to_string()))
}

/// Every fork of the network with its start, in order.
fn schedule(
    name: &str,
    merge_block: Option<u64>,
    knows_amsterdam: bool,
) -> Result<Vec<(Fork, Start)>, NoNetwork> {
    let (first, second) = match name.split_once("To") {
        Some((first, rest)) => {
            let (second, start) = transition(rest, merge_block)?;
            (fork(first)?, Some((second, start)))
        }
        None => (fork(name)?, None),
    };
    let last = second.map_or(first, |(fork, _)| fork);
    if Fork::Amsterdam < last || (Fork::Amsterdam == last && !knows_amsterdam) {
        return Err(NoNetwork::Skip(format!("network {name} is newer than this program")));
    }
    let mut forks = Vec::new();
    for known in Fork::VARIANTS.iter().copied().filter(|known| *known <= last) {
        let is_dao_network = second.is_some_and(|(fork, _)| fork == Fork::Dao);
        if known == Fork::Dao && !is_dao_network {
            continue;
        }
        let start = match second {
            Some((_, start)) if first < known => start,
            _ => Start::Block(0),
        };
        forks.push((known, start));
    }
    Ok(forks)
}

/// `BerlinToLondonAt5`, `CancunToPragueAtTime15k`, `ArrowGlacierToParisAtDiffC0000`: what follows `To`.
fn transition(rest: &str, merge_block: Option<u64>) -> Result<(Fork, Start), NoNetwork> {
    let unknown = || NoNetwork::Skip(format!("transition to {rest} is unknown"));
    let (name, at) = rest.split_once("At").ok_or_else(unknown)?;
    let start = if let Some(time) = at.strip_prefix("Time") {
        let (digits, factor) = match time.strip_suffix('k') {
            Some(digits) => (digits, 1000),
            None => (time, 1),
        };
        let time: u64 = digits.parse().map_err(|_| unknown())?;
        Start::Time(time * factor)
    } else if at.starts_with("Diff") {
        Start::Block(merge_block.ok_or_else(|| {
            NoNetwork::Skip("no block of the test has the difficulty that ends the work".to_owned())
        })?)
    } else {
        Start::Block(at.parse().map_err(|_| unknown())?)
    };
    Ok((fork(name)?, start))
}

fn fork(name: &str) -> Result<Fork, NoNetwork> {
    Ok(match name {
        "Dao" | "DAO" => Fork::Dao,
        "EIP150" | "TangerineWhistle" => Fork::Tangerine,
        "EIP158" | "SpuriousDragon" => Fork::SpuriousDragon,
        "ConstantinopleFix" | "Petersburg" | "StPetersburg" => Fork::Petersburg,
        "Merge" => Fork::Paris,
        "Constantinople" => {
            let reason = "Constantinople ran nowhere without its fix (EIP-1283)";
            return Err(NoNetwork::Skip(reason.to_owned()));
        }
        _ => name.parse().map_err(|_| NoNetwork::Skip(format!("network {name} is unknown")))?,
    })
}

fn activate(chain: &mut ChainConfig, fork: Fork, start: Start) {
    let (block, time) = match start {
        Start::Block(0) => (Some(0), Some(0)),
        Start::Block(block) => (Some(block), None),
        Start::Time(time) => (None, Some(time)),
    };
    match fork {
        Fork::Homestead => chain.homestead_block = block,
        Fork::Dao => {
            chain.dao_fork_block = block;
            chain.dao_fork_support = true;
        }
        Fork::Tangerine => chain.eip150_block = block,
        Fork::SpuriousDragon => {
            chain.eip155_block = block;
            chain.eip158_block = block;
        }
        Fork::Byzantium => chain.byzantium_block = block,
        Fork::Constantinople => chain.constantinople_block = block,
        Fork::Petersburg => chain.petersburg_block = block,
        Fork::Istanbul => chain.istanbul_block = block,
        Fork::MuirGlacier => chain.muir_glacier_block = block,
        Fork::Berlin => chain.berlin_block = block,
        Fork::London => chain.london_block = block,
        Fork::ArrowGlacier => chain.arrow_glacier_block = block,
        Fork::GrayGlacier => chain.gray_glacier_block = block,
        Fork::Paris => chain.merge_netsplit_block = block,
        Fork::Shanghai => chain.shanghai_time = time,
        Fork::Cancun => chain.cancun_time = time,
        Fork::Prague => chain.prague_time = time,
        Fork::Osaka => chain.osaka_time = time,
        Fork::Bpo1 => chain.bpo1_time = time,
        Fork::Bpo2 => chain.bpo2_time = time,
        Fork::Bpo3 => chain.bpo3_time = time,
        Fork::Bpo4 => chain.bpo4_time = time,
        Fork::Bpo5 => chain.bpo5_time = time,
        Fork::Amsterdam => chain.amsterdam_time = time,
        _ => {}
    }
}

/// The total difficulty at which a network named after one merges.
pub(crate) fn terminal_difficulty(name: &str) -> Option<U256> {
    let (_, hex) = name.split_once("AtDiff")?;
    U256::from_str_radix(hex.trim_start_matches("0x"), 16).ok()
}
