//! What a header must say, given its parent and the rules of its fork.

use crate::{ChainSpec, Fork, SealedHeader, difficulty};
use alloy_consensus::EMPTY_OMMER_ROOT_HASH;
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_hardforks::EthereumHardforks;
use alloy_primitives::{B64, B256, Bytes, U256, bytes};
use weir_primitives::Header;

/// Lowest gas limit of a block (yellow paper 4.3.4).
const GAS_LIMIT_MIN: u64 = 5000;
/// Highest gas limit of a block (EIP-1985, as every client has it).
const GAS_LIMIT_MAX: u64 = i64::MAX as u64;
/// A gas limit differs from the parent's by less than its 1024th part.
const GAS_LIMIT_BOUND_DIVISOR: u64 = 1024;
/// London doubles the gas limit once, so that the gas target stays where the limit was (EIP-1559).
const ELASTICITY_MULTIPLIER: u64 = 2;
/// Most bytes of extra data.
const EXTRA_DATA_BYTES_MAX: usize = 32;
/// Number of blocks, from the DAO fork on, that must carry its words.
const DAO_EXTRA_DATA_BLOCKS: u64 = 10;
/// Extra data of the first blocks after the DAO fork: "dao-hard-fork".
const DAO_EXTRA_DATA: Bytes = bytes!("64616f2d686172642d666f726b");

/// A header that contradicts its parent or the rules of its fork. The block is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The parent hash is not that of the parent given.
    #[error("header has another parent: expected={expected} found={found}")]
    Parent {
        /// Hash of the parent given.
        expected: B256,
        /// Parent hash in the header.
        found: B256,
    },
    /// The number does not follow the parent's.
    #[error("block number does not follow its parent: expected={expected} found={found}")]
    Number {
        /// The parent's number plus one.
        expected: u64,
        /// Number in the header.
        found: u64,
    },
    /// The time is not after the parent's.
    #[error("timestamp is not after the parent's: parent={parent} found={found}")]
    Timestamp {
        /// The parent's time.
        parent: u64,
        /// Time in the header.
        found: u64,
    },
    /// The gas limit is out of bounds, absolutely or against the parent's.
    #[error("gas limit is out of bounds: parent={parent} found={found}")]
    GasLimit {
        /// The parent's gas limit.
        parent: u64,
        /// Gas limit in the header.
        found: u64,
    },
    /// More gas used than the limit allows.
    #[error("gas used exceeds the gas limit: gas_used={gas_used} gas_limit={gas_limit}")]
    GasUsed {
        /// Gas used in the header.
        gas_used: u64,
        /// Gas limit in the header.
        gas_limit: u64,
    },
    /// The base fee is not the one that follows from the parent (EIP-1559).
    #[error("base fee is wrong: expected={expected:?} found={found:?}")]
    BaseFee {
        /// The base fee that follows from the parent, wei.
        expected: Option<u64>,
        /// Base fee in the header.
        found: Option<u64>,
    },
    /// The excess blob gas is not the one that follows from the parent (EIP-4844).
    #[error("excess blob gas is wrong: expected={expected:?} found={found:?}")]
    ExcessBlobGas {
        /// The excess that follows from the parent.
        expected: Option<u64>,
        /// Excess in the header.
        found: Option<u64>,
    },
    /// The blob gas used is above the maximum or not a whole number of blobs.
    #[error("blob gas used is impossible: found={found} max={max}")]
    BlobGasUsed {
        /// Blob gas used in the header.
        found: u64,
        /// Most blob gas of a block.
        max: u64,
    },
    /// The difficulty is not the one that follows from the parent; zero after the merge (EIP-3675).
    #[error("difficulty is wrong: expected={expected} found={found}")]
    Difficulty {
        /// The difficulty that follows from the parent.
        expected: U256,
        /// Difficulty in the header.
        found: U256,
    },
    /// The nonce is not zero after the merge (EIP-3675).
    #[error("nonce is not zero: found={found}")]
    Nonce {
        /// Nonce in the header.
        found: B64,
    },
    /// Ommers after the merge (EIP-3675).
    #[error("ommers hash is not that of the empty list: found={found}")]
    OmmersHash {
        /// Ommers hash in the header.
        found: B256,
    },
    /// More than 32 bytes of extra data, or not the words that the DAO fork demands.
    #[error("extra data is not allowed: bytes={bytes}")]
    ExtraData {
        /// How many bytes.
        bytes: usize,
    },
    /// A field of a later fork is present, or one of this fork is absent.
    #[error("header field does not fit the fork: field={field} fork={fork}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// The fork of the header.
        fork: Fork,
    },
}

/// Checks a header against its parent.
pub(crate) fn check(
    spec: &ChainSpec,
    header: &Header,
    parent: &SealedHeader,
) -> Result<(), HeaderError> {
    check_link(header, parent)?;
    check_gas(spec, header, parent)?;
    check_fields(spec, header)?;
    check_blob_gas(spec, header, parent)?;
    check_proof_fields(spec, header, parent)?;
    check_extra_data(spec, header)
}

fn check_link(header: &Header, parent: &SealedHeader) -> Result<(), HeaderError> {
    if header.parent_hash != parent.hash() {
        return Err(HeaderError::Parent { expected: parent.hash(), found: header.parent_hash });
    }
    if parent.number.checked_add(1) != Some(header.number) {
        let expected = parent.number.saturating_add(1);
        return Err(HeaderError::Number { expected, found: header.number });
    }
    if header.timestamp <= parent.timestamp {
        return Err(HeaderError::Timestamp { parent: parent.timestamp, found: header.timestamp });
    }
    Ok(())
}

fn check_gas(spec: &ChainSpec, header: &Header, parent: &Header) -> Result<(), HeaderError> {
    let is_first_london = spec.is_london_active_at_block(header.number)
        && !spec.is_london_active_at_block(parent.number);
    let limit = if is_first_london {
        parent.gas_limit.saturating_mul(ELASTICITY_MULTIPLIER)
    } else {
        parent.gas_limit
    };
    let found = header.gas_limit;
    if found.abs_diff(limit) >= limit / GAS_LIMIT_BOUND_DIVISOR
        || !(GAS_LIMIT_MIN..=GAS_LIMIT_MAX).contains(&found)
    {
        return Err(HeaderError::GasLimit { parent: parent.gas_limit, found });
    }
    if header.gas_limit < header.gas_used {
        return Err(HeaderError::GasUsed {
            gas_used: header.gas_used,
            gas_limit: header.gas_limit,
        });
    }
    let expected = spec.next_base_fee(parent);
    if header.base_fee_per_gas != expected {
        return Err(HeaderError::BaseFee { expected, found: header.base_fee_per_gas });
    }
    Ok(())
}

/// Each optional field is present exactly from its fork on.
fn check_fields(spec: &ChainSpec, header: &Header) -> Result<(), HeaderError> {
    let fork = spec.fork_at(header.number, header.timestamp);
    let fields = [
        ("withdrawalsRoot", header.withdrawals_root.is_some(), Fork::Shanghai),
        ("blobGasUsed", header.blob_gas_used.is_some(), Fork::Cancun),
        ("excessBlobGas", header.excess_blob_gas.is_some(), Fork::Cancun),
        ("parentBeaconBlockRoot", header.parent_beacon_block_root.is_some(), Fork::Cancun),
        ("requestsHash", header.requests_hash.is_some(), Fork::Prague),
        ("blockAccessListHash", header.block_access_list_hash.is_some(), Fork::Amsterdam),
        ("slotNumber", header.slot_number.is_some(), Fork::Amsterdam),
    ];
    for (field, is_present, since) in fields {
        if is_present != (since <= fork) {
            return Err(HeaderError::Field { field, fork });
        }
    }
    Ok(())
}

fn check_blob_gas(spec: &ChainSpec, header: &Header, parent: &Header) -> Result<(), HeaderError> {
    let expected = spec.next_excess_blob_gas(parent, header.timestamp);
    if header.excess_blob_gas != expected {
        return Err(HeaderError::ExcessBlobGas { expected, found: header.excess_blob_gas });
    }
    let (Some(found), Some(params)) = (header.blob_gas_used, spec.blob_params_at(header.timestamp))
    else {
        return Ok(());
    };
    let max = params.max_blob_gas_per_block();
    if max < found || !found.is_multiple_of(DATA_GAS_PER_BLOB) {
        return Err(HeaderError::BlobGasUsed { found, max });
    }
    Ok(())
}

/// Difficulty, nonce and ommers: proof of work before the merge, constants after it.
///
/// The proof of work itself is not checked; Weir produces and follows chains without it.
fn check_proof_fields(
    spec: &ChainSpec,
    header: &Header,
    parent: &Header,
) -> Result<(), HeaderError> {
    let is_merged = spec.is_paris_active_at_block(header.number);
    let expected =
        if is_merged { U256::ZERO } else { difficulty::next(spec, parent, header.timestamp) };
    if header.difficulty != expected {
        return Err(HeaderError::Difficulty { expected, found: header.difficulty });
    }
    if is_merged && header.nonce != B64::ZERO {
        return Err(HeaderError::Nonce { found: header.nonce });
    }
    if is_merged && header.ommers_hash != EMPTY_OMMER_ROOT_HASH {
        return Err(HeaderError::OmmersHash { found: header.ommers_hash });
    }
    Ok(())
}

fn check_extra_data(spec: &ChainSpec, header: &Header) -> Result<(), HeaderError> {
    let bytes = header.extra_data.len();
    if EXTRA_DATA_BYTES_MAX < bytes {
        return Err(HeaderError::ExtraData { bytes });
    }
    if let Some(dao) = spec.ethereum_fork_activation(Fork::Dao).block_number() {
        let first_blocks = dao..dao.saturating_add(DAO_EXTRA_DATA_BLOCKS);
        if first_blocks.contains(&header.number) && header.extra_data != DAO_EXTRA_DATA {
            return Err(HeaderError::ExtraData { bytes });
        }
    }
    Ok(())
}
