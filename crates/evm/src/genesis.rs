//! From a genesis file to a [`ChainSpec`], and the genesis header.

use crate::{ChainSpec, Fork, predeploys};
use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, sync::Arc};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH};
use alloy_eips::{
    eip1559::INITIAL_BASE_FEE,
    eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS,
    eip7594::MAX_BLOBS_PER_TX_FUSAKA,
    eip7685::EMPTY_REQUESTS_HASH,
    eip7840::{BLOB_BASE_COST, BlobParams},
};
use alloy_genesis::{ChainConfig, Genesis, GenesisAccount};
use alloy_hardforks::ForkCondition;
use alloy_primitives::{Address, B256, U256};
use weir_primitives::Header;

/// Gas limit of the blocks of a development chain.
const DEV_GAS_LIMIT: u64 = 1_000_000_000;

/// Why a genesis file cannot start a chain.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// The text is not JSON, or a field has the wrong type. Fix the file.
    #[error("genesis does not parse")]
    Malformed(#[from] serde_json::Error),
    /// The configuration schedules a fork that this program does not know. Running without it would
    /// leave the chain at that fork, so it is refused.
    #[error("genesis schedules an unknown fork: key={key}")]
    UnknownFork {
        /// The key as it stands in the file.
        key: String,
    },
    /// The blob schedule names a fork that this program does not know.
    #[error("blob schedule names an unknown fork: key={key}")]
    UnknownBlobSchedule {
        /// The key as it stands in the file.
        key: String,
    },
    /// A fork is scheduled although one that must come before it is not.
    #[error("genesis leaves out a fork: missing={missing} scheduled={scheduled}")]
    ForkMissing {
        /// The fork that is absent.
        missing: Fork,
        /// The later fork that is present.
        scheduled: Fork,
    },
    /// A fork is scheduled before one that must come before it.
    #[error(
        "genesis orders forks wrongly: fork={fork} at={at} earlier={earlier} earlier_at={earlier_at}"
    )]
    ForkOrder {
        /// The fork that comes too early.
        fork: Fork,
        /// Its block number or time.
        at: u64,
        /// The fork that must not come after it.
        earlier: Fork,
        /// The block number or time of that one.
        earlier_at: u64,
    },
    /// The terminal total difficulty lies beyond genesis and the file does not say which block comes after it.
    #[error(
        "merge block is unknown: set mergeNetsplitBlock for terminal_total_difficulty={terminal_total_difficulty}"
    )]
    MergeBlockUnknown {
        /// The difficulty at which proof of work ends.
        terminal_total_difficulty: U256,
    },
}

impl ChainSpec {
    /// Reads a geth-format genesis file.
    pub fn from_genesis_json(json: &str) -> Result<Self, GenesisError> {
        Self::from_genesis(serde_json::from_str(json)?)
    }

    /// Checks a genesis and takes its rules.
    pub fn from_genesis(genesis: Genesis) -> Result<Self, GenesisError> {
        let config = &genesis.config;
        refuse_unknown_forks(config)?;
        let forks = schedule(config, genesis.difficulty)?;
        check_order(&forks)?;
        let blobs = blob_schedule(config)?;
        Ok(Self {
            chain_id: config.chain_id,
            forks,
            blobs,
            deposit_contract: config
                .deposit_contract_address
                .unwrap_or(MAINNET_DEPOSIT_CONTRACT_ADDRESS),
            codes: Arc::default(),
            amsterdam: None,
            #[cfg(feature = "fault-injection")]
            has_dirty_journal: false,
            genesis,
        })
    }

    /// A chain with every fork up to Osaka active from genesis, the system contracts in place, and `alloc` funded.
    pub fn dev(chain_id: u64, alloc: impl IntoIterator<Item = (Address, U256)>) -> Self {
        let config = ChainConfig {
            chain_id,
            homestead_block: Some(0),
            eip150_block: Some(0),
            eip155_block: Some(0),
            eip158_block: Some(0),
            byzantium_block: Some(0),
            constantinople_block: Some(0),
            petersburg_block: Some(0),
            istanbul_block: Some(0),
            berlin_block: Some(0),
            london_block: Some(0),
            shanghai_time: Some(0),
            cancun_time: Some(0),
            prague_time: Some(0),
            osaka_time: Some(0),
            terminal_total_difficulty: Some(U256::ZERO),
            ..Default::default()
        };
        let mut accounts: BTreeMap<Address, GenesisAccount> = predeploys::all()
            .into_iter()
            .map(|(address, code)| {
                let account =
                    GenesisAccount { nonce: Some(1), code: Some(code), ..Default::default() };
                (address, account)
            })
            .collect();
        for (address, balance) in alloc {
            accounts.entry(address).or_default().balance = balance;
        }
        let genesis =
            Genesis { config, gas_limit: DEV_GAS_LIMIT, alloc: accounts, ..Default::default() };
        Self::from_genesis(genesis).expect("all forks at zero are in order")
    }
}

/// Keys that end like a fork but that neither alloy nor this program knows.
fn refuse_unknown_forks(config: &ChainConfig) -> Result<(), GenesisError> {
    let unknown =
        config.extra_fields.keys().find(|key| key.ends_with("Time") || key.ends_with("Block"));
    if let Some(key) = unknown {
        return Err(GenesisError::UnknownFork { key: key.clone() });
    }
    if config.bogota_time.is_some() {
        return Err(GenesisError::UnknownFork { key: "bogotaTime".to_owned() });
    }
    Ok(())
}

fn schedule(
    config: &ChainConfig,
    genesis_difficulty: U256,
) -> Result<BTreeMap<Fork, ForkCondition>, GenesisError> {
    let blocks = [
        (Fork::Frontier, Some(0)),
        (Fork::Homestead, config.homestead_block),
        (Fork::Dao, config.dao_fork_block.filter(|_| config.dao_fork_support)),
        (Fork::Tangerine, config.eip150_block),
        // EIP-155 and EIP-158 are one fork everywhere; where a file separates them the later one decides.
        (Fork::SpuriousDragon, config.eip158_block.max(config.eip155_block)),
        (Fork::Byzantium, config.byzantium_block),
        (Fork::Constantinople, config.constantinople_block),
        (Fork::Petersburg, config.petersburg_block),
        (Fork::Istanbul, config.istanbul_block),
        (Fork::MuirGlacier, config.muir_glacier_block),
        (Fork::Berlin, config.berlin_block),
        (Fork::London, config.london_block),
        (Fork::ArrowGlacier, config.arrow_glacier_block),
        (Fork::GrayGlacier, config.gray_glacier_block),
        (Fork::Paris, merge_block(config, genesis_difficulty)?),
    ];
    let times = [
        (Fork::Shanghai, config.shanghai_time),
        (Fork::Cancun, config.cancun_time),
        (Fork::Prague, config.prague_time),
        (Fork::Osaka, config.osaka_time),
        (Fork::Bpo1, config.bpo1_time),
        (Fork::Bpo2, config.bpo2_time),
        (Fork::Bpo3, config.bpo3_time),
        (Fork::Bpo4, config.bpo4_time),
        (Fork::Bpo5, config.bpo5_time),
        (Fork::Amsterdam, config.amsterdam_time),
    ];
    let blocks =
        blocks.into_iter().filter_map(|(fork, at)| Some((fork, ForkCondition::Block(at?))));
    let times =
        times.into_iter().filter_map(|(fork, at)| Some((fork, ForkCondition::Timestamp(at?))));
    Ok(blocks.chain(times).collect())
}

/// First block without proof of work. Total difficulty is not tracked, so it must follow from the file.
fn merge_block(
    config: &ChainConfig,
    genesis_difficulty: U256,
) -> Result<Option<u64>, GenesisError> {
    let Some(terminal) = config.terminal_total_difficulty else {
        return Ok(config.terminal_total_difficulty_passed.then_some(0));
    };
    if terminal.is_zero() {
        return Ok(Some(0));
    }
    if let Some(block) = config.merge_netsplit_block {
        return Ok(Some(block));
    }
    if terminal <= genesis_difficulty {
        return Ok(Some(1));
    }
    // A chain that never merges states a difficulty out of reach and schedules nothing after London.
    if config.shanghai_time.is_none() {
        return Ok(None);
    }
    Err(GenesisError::MergeBlockUnknown { terminal_total_difficulty: terminal })
}

/// Forks that a chain may leave out: irregular state changes, difficulty-bomb delays, blob-parameter forks.
const fn is_optional(fork: Fork) -> bool {
    matches!(
        fork,
        Fork::Dao
            | Fork::MuirGlacier
            | Fork::ArrowGlacier
            | Fork::GrayGlacier
            | Fork::Bpo1
            | Fork::Bpo2
            | Fork::Bpo3
            | Fork::Bpo4
            | Fork::Bpo5
    )
}

fn check_order(forks: &BTreeMap<Fork, ForkCondition>) -> Result<(), GenesisError> {
    let mut earlier: Option<(Fork, ForkCondition)> = None;
    let mut missing: Option<Fork> = None;
    for fork in Fork::VARIANTS {
        let Some(condition) = forks.get(fork) else {
            if !is_optional(*fork) {
                missing = missing.or(Some(*fork));
            }
            continue;
        };
        if let Some(missing) = missing {
            return Err(GenesisError::ForkMissing { missing, scheduled: *fork });
        }
        if let Some((previous, previous_condition)) = earlier {
            check_pair((*fork, *condition), (previous, previous_condition))?;
        }
        earlier = Some((*fork, *condition));
    }
    Ok(())
}

fn check_pair(
    (fork, condition): (Fork, ForkCondition),
    (earlier, earlier_condition): (Fork, ForkCondition),
) -> Result<(), GenesisError> {
    let (at, earlier_at) = match (condition, earlier_condition) {
        (ForkCondition::Block(at), ForkCondition::Block(earlier_at))
        | (ForkCondition::Timestamp(at), ForkCondition::Timestamp(earlier_at)) => (at, earlier_at),
        // A time and a block number cannot be compared.
        _ => return Ok(()),
    };
    if at < earlier_at {
        return Err(GenesisError::ForkOrder { fork, at, earlier, earlier_at });
    }
    Ok(())
}

fn blob_schedule(config: &ChainConfig) -> Result<BTreeMap<Fork, BlobParams>, GenesisError> {
    let mut blobs = BTreeMap::from([
        (Fork::Cancun, BlobParams::cancun()),
        (Fork::Prague, BlobParams::prague()),
        (Fork::Osaka, BlobParams::osaka()),
        (Fork::Bpo1, BlobParams::bpo1()),
        (Fork::Bpo2, BlobParams::bpo2()),
    ]);
    for (key, params) in &config.blob_schedule {
        let fork = key
            .parse::<Fork>()
            .map_err(|_| GenesisError::UnknownBlobSchedule { key: key.clone() })?;
        // EIP-7594 and EIP-7918 fix what the schedule does not say.
        let params = if fork >= Fork::Osaka {
            params
                .with_max_blobs_per_tx(MAX_BLOBS_PER_TX_FUSAKA)
                .with_blob_base_cost(BLOB_BASE_COST)
        } else {
            *params
        };
        blobs.insert(fork, params);
    }
    Ok(blobs)
}

/// The genesis header, with the fields that the forks active in it demand.
pub(crate) fn header(spec: &ChainSpec, state_root: B256) -> Header {
    let genesis = &spec.genesis;
    let number = genesis.number.unwrap_or_default();
    let is = |fork| spec.is_active(fork, number, genesis.timestamp);
    let base_fee = genesis
        .base_fee_per_gas
        .map_or(INITIAL_BASE_FEE, |fee| u64::try_from(fee).unwrap_or(u64::MAX));
    Header {
        parent_hash: genesis.parent_hash.unwrap_or_default(),
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: genesis.coinbase,
        state_root,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        difficulty: genesis.difficulty,
        number,
        gas_limit: genesis.gas_limit,
        timestamp: genesis.timestamp,
        extra_data: genesis.extra_data.clone(),
        mix_hash: genesis.mix_hash,
        nonce: genesis.nonce.into(),
        base_fee_per_gas: is(Fork::London).then_some(base_fee),
        withdrawals_root: is(Fork::Shanghai).then_some(EMPTY_ROOT_HASH),
        blob_gas_used: is(Fork::Cancun).then_some(genesis.blob_gas_used.unwrap_or_default()),
        excess_blob_gas: is(Fork::Cancun).then_some(genesis.excess_blob_gas.unwrap_or_default()),
        parent_beacon_block_root: is(Fork::Cancun).then_some(B256::ZERO),
        requests_hash: is(Fork::Prague).then_some(EMPTY_REQUESTS_HASH),
        ..Default::default()
    }
}
