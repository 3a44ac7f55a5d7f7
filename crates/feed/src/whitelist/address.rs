//! Pools that are named and not described.

use super::{
    RejectionReason, WhitelistProtocol,
    pool::{address, field, protocol_named},
};
use alloy_primitives::{Address, hex};
use serde_json::{Map, Value};
use weir_arena::PoolId;

/// What a row says of a pool beside its name; a row with none of them names the pool alone.
const FACTS: [&str; 8] =
    ["token0", "token1", "fee", "tick_spacing", "hooks", "factory", "code_hash", "extra_tokens"];

/// A pool that a list names without its tokens and fee. They must be read from the chain before it can be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WhitelistAddress {
    /// The pool.
    pub id: PoolId,
    /// How it trades.
    pub protocol: WhitelistProtocol,
    /// The PoolManager of a Uniswap V4 pool, if the row names it.
    pub manager: Option<Address>,
}

impl WhitelistAddress {
    /// A row that is an object and names its pool and its protocol alone; `None` if it describes the pool.
    pub(super) fn of_row(row: &Map<String, Value>) -> Option<Result<Self, RejectionReason>> {
        if FACTS.iter().any(|name| field(row, name).is_some()) {
            return None;
        }
        let name = field(row, "pool_id").or_else(|| field(row, "id"));
        let name = name.or_else(|| field(row, "address"))?;
        let protocol = Some(field(row, "protocol")?);
        let manager = || match field(row, "address").filter(|address| *address != name) {
            Some(_) => address(row, "address", "address"),
            None => Ok(None),
        };
        Some(Self::parse(name, protocol).and_then(|parsed| {
            let is_v4 = parsed.protocol == WhitelistProtocol::UniswapV4;
            Ok(if is_v4 { Self { manager: manager()?, ..parsed } } else { parsed })
        }))
    }

    pub(super) fn parse(id: &Value, protocol: Option<&Value>) -> Result<Self, RejectionReason> {
        let id = pool_id(id).ok_or(RejectionReason::Invalid { field: "pools" })?;
        // Without its protocol there is no telling which contract to ask for tokens and fee.
        let protocol = protocol.ok_or(RejectionReason::MetadataMissing)?;
        let name = protocol.as_str().ok_or(RejectionReason::Invalid { field: "protocols" })?;
        let protocol = protocol_named(name)?;
        let is_singleton = protocol == WhitelistProtocol::UniswapV4;
        if is_singleton == matches!(id, PoolId::Id(_)) {
            Ok(Self { id, protocol, manager: None })
        } else {
            Err(RejectionReason::Invalid { field: "pools" })
        }
    }
}

/// `0x` and 40 digits are a contract, `0x` and 64 digits an id.
pub(super) fn pool_id(value: &Value) -> Option<PoolId> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    match digits.len() {
        40 => {
            let bytes: [u8; 20] = hex::decode_to_array(digits).ok()?;
            Some(PoolId::Address(bytes.into()))
        }
        64 => {
            let bytes: [u8; 32] = hex::decode_to_array(digits).ok()?;
            Some(PoolId::Id(bytes.into()))
        }
        _ => None,
    }
}
