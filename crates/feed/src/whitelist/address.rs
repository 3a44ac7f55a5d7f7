//! Pools that are named and not described.

use super::{RejectionReason, WhitelistProtocol, pool::protocol_named};
use alloy_primitives::hex;
use serde_json::Value;
use weir_arena::PoolId;

/// A pool that a minimal list names without its tokens and fee. They must be read from its contract before it can be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WhitelistAddress {
    /// The pool.
    pub id: PoolId,
    /// How it trades.
    pub protocol: WhitelistProtocol,
}

impl WhitelistAddress {
    pub(super) fn parse(id: &Value, protocol: Option<&Value>) -> Result<Self, RejectionReason> {
        let id = pool_id(id).ok_or(RejectionReason::Invalid { field: "pools" })?;
        // Without its protocol there is no telling which contract to ask for tokens and fee.
        let protocol = protocol.ok_or(RejectionReason::MetadataMissing)?;
        let name = protocol.as_str().ok_or(RejectionReason::Invalid { field: "protocols" })?;
        let protocol = protocol_named(name)?;
        let is_singleton = protocol == WhitelistProtocol::UniswapV4;
        if is_singleton == matches!(id, PoolId::Id(_)) {
            Ok(Self { id, protocol })
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
