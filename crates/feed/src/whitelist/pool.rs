//! One row, checked.

use super::RejectionReason;
use alloy_primitives::{Address, B256, U256, keccak256};
use serde_json::{Map, Value};

/// Fee of 100 % in hundredths of a basis point.
const FEE_PIPS_MAX: u64 = 1_000_000;
/// The fee by which a Uniswap V4 pool says that its hooks set the fee (`LPFeeLibrary.DYNAMIC_FEE_FLAG`).
const V4_DYNAMIC_FEE: u64 = 0x80_0000;
/// Largest tick spacing that the Uniswap V3 factory enables (`UniswapV3Factory.enableFeeAmount` requires `< 16384`).
const V3_TICK_SPACING_MAX: i64 = 16_383;
/// Largest tick spacing of Uniswap V4 (`TickMath.MAX_TICK_SPACING`).
const V4_TICK_SPACING_MAX: i64 = 32_767;

/// The protocols that can be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhitelistProtocol {
    /// Uniswap V2 and its forks with another fee.
    UniswapV2,
    /// Uniswap V3 and forks with the same events and arithmetic.
    UniswapV3,
    /// Uniswap V4, by pool id.
    UniswapV4,
}

/// A token of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhitelistToken {
    /// Its address; zero is the chain's native coin in Uniswap V4.
    pub address: Address,
    /// Its symbol, if the row gives one.
    pub symbol: Option<String>,
    /// Its decimals.
    pub decimals: u8,
}

/// A pool to follow, with everything about it that never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhitelistPool {
    /// The pool's contract; for Uniswap V4 the PoolManager.
    pub address: Address,
    /// The id of a Uniswap V4 pool.
    pub pool_id: Option<B256>,
    /// How it trades.
    pub protocol: WhitelistProtocol,
    /// The lower token.
    pub token0: WhitelistToken,
    /// The higher token.
    pub token1: WhitelistToken,
    /// Fee in hundredths of a basis point: 3000 is 0.3 %.
    pub fee_pips: u32,
    /// Distance between usable ticks; `None` for Uniswap V2.
    pub tick_spacing: Option<i32>,
    /// The factory, if the row gives one.
    pub factory: Option<Address>,
    /// The hooks of a Uniswap V4 pool, if the row gives them.
    pub hooks: Option<Address>,
}

impl WhitelistPool {
    pub(super) fn parse(value: &Value) -> Result<Self, RejectionReason> {
        let row = value.as_object().ok_or(RejectionReason::NotAnObject)?;
        let protocol = protocol(row)?;
        let pool = Self {
            address: require(address(row, "address", "address")?, "address")?,
            pool_id: pool_id(row)?,
            protocol,
            token0: token(row, ["token0", "token0.address", "token0.decimals"])?,
            token1: token(row, ["token1", "token1.address", "token1.decimals"])?,
            fee_pips: fee(row, protocol)?,
            tick_spacing: tick_spacing(row, protocol)?,
            factory: address(row, "factory", "factory")?,
            hooks: address(row, "hooks", "hooks")?,
        };
        pool.check()?;
        Ok(pool)
    }

    fn check(&self) -> Result<(), RejectionReason> {
        if self.token0.address >= self.token1.address {
            return Err(RejectionReason::TokenOrder);
        }
        match (self.protocol, self.pool_id) {
            (WhitelistProtocol::UniswapV4, None) => {
                Err(RejectionReason::Missing { field: "pool_id" })
            }
            (WhitelistProtocol::UniswapV4, Some(id)) => self.check_pool_id(id),
            (WhitelistProtocol::UniswapV2 | WhitelistProtocol::UniswapV3, Some(_)) => {
                Err(RejectionReason::Invalid { field: "pool_id" })
            }
            (WhitelistProtocol::UniswapV2 | WhitelistProtocol::UniswapV3, None) => Ok(()),
        }
    }

    /// `PoolId = keccak256(abi.encode(currency0, currency1, fee, tickSpacing, hooks))` (v4-core `PoolIdLibrary`).
    fn check_pool_id(&self, id: B256) -> Result<(), RejectionReason> {
        let (Some(hooks), Some(spacing)) = (self.hooks, self.tick_spacing) else { return Ok(()) };
        let spacing = u64::try_from(spacing).unwrap_or_default();
        let words = [
            self.token0.address.into_word(),
            self.token1.address.into_word(),
            U256::from(self.fee_pips).into(),
            U256::from(spacing).into(),
            hooks.into_word(),
        ];
        if keccak256(words.concat()) == id { Ok(()) } else { Err(RejectionReason::PoolId) }
    }

    /// The id, or the address in a word: two rows with the same one name the same pool.
    pub(super) fn unique_id(&self) -> B256 {
        self.pool_id.unwrap_or_else(|| self.address.into_word())
    }
}

fn require<T>(value: Option<T>, field: &'static str) -> Result<T, RejectionReason> {
    value.ok_or(RejectionReason::Missing { field })
}

/// A field that is present and not null.
fn field<'a>(row: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    row.get(name).filter(|value| !value.is_null())
}

fn protocol(row: &Map<String, Value>) -> Result<WhitelistProtocol, RejectionReason> {
    let value = require(field(row, "protocol"), "protocol")?;
    let name = value.as_str().ok_or(RejectionReason::Invalid { field: "protocol" })?;
    match name {
        "v2" | "uniswap_v2" => Ok(WhitelistProtocol::UniswapV2),
        "v3" | "uniswap_v3" => Ok(WhitelistProtocol::UniswapV3),
        "v4" | "uniswap_v4" => Ok(WhitelistProtocol::UniswapV4),
        "ekubo"
        | "curve_stable"
        | "curve_twocrypto"
        | "curve_tricrypto"
        | "balancer_v2_weighted"
        | "fluid" => Err(RejectionReason::ProtocolUnsupported { protocol: name.to_owned() }),
        _ => {
            let protocol = name.chars().take(64).collect();
            Err(RejectionReason::ProtocolUnknown { protocol })
        }
    }
}

fn address(
    row: &Map<String, Value>,
    name: &str,
    path: &'static str,
) -> Result<Option<Address>, RejectionReason> {
    let Some(value) = field(row, name) else { return Ok(None) };
    let text = value.as_str().filter(|text| text.starts_with("0x"));
    let parsed = text.and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or(RejectionReason::Invalid { field: path })
}

fn pool_id(row: &Map<String, Value>) -> Result<Option<B256>, RejectionReason> {
    let Some(value) = field(row, "pool_id") else { return Ok(None) };
    let text = value.as_str().filter(|text| text.starts_with("0x"));
    let parsed = text.and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or(RejectionReason::Invalid { field: "pool_id" })
}

/// `paths` are the names of the token, its address and its decimals.
fn token(
    row: &Map<String, Value>,
    paths: [&'static str; 3],
) -> Result<WhitelistToken, RejectionReason> {
    let [name, address_path, decimals_path] = paths;
    let value = require(field(row, name), name)?;
    let token = value.as_object().ok_or(RejectionReason::Invalid { field: name })?;
    let decimals = require(field(token, "decimals"), decimals_path)?;
    let decimals = decimals.as_u64().and_then(|decimals| u8::try_from(decimals).ok());
    Ok(WhitelistToken {
        address: require(address(token, "address", address_path)?, address_path)?,
        symbol: field(token, "symbol").and_then(Value::as_str).map(str::to_owned),
        decimals: decimals.ok_or(RejectionReason::Invalid { field: decimals_path })?,
    })
}

fn fee(row: &Map<String, Value>, protocol: WhitelistProtocol) -> Result<u32, RejectionReason> {
    let is_dynamic = |fee| protocol == WhitelistProtocol::UniswapV4 && fee == V4_DYNAMIC_FEE;
    let fee = require(field(row, "fee"), "fee")?.as_u64();
    let fee = fee.filter(|fee| *fee < FEE_PIPS_MAX || is_dynamic(*fee));
    fee.and_then(|fee| u32::try_from(fee).ok()).ok_or(RejectionReason::Invalid { field: "fee" })
}

fn tick_spacing(
    row: &Map<String, Value>,
    protocol: WhitelistProtocol,
) -> Result<Option<i32>, RejectionReason> {
    let max = match protocol {
        WhitelistProtocol::UniswapV2 => return Ok(None),
        WhitelistProtocol::UniswapV3 => V3_TICK_SPACING_MAX,
        WhitelistProtocol::UniswapV4 => V4_TICK_SPACING_MAX,
    };
    let spacing = require(field(row, "tick_spacing"), "tick_spacing")?;
    let spacing = spacing.as_i64().filter(|spacing| (1..=max).contains(spacing));
    let spacing = spacing.and_then(|spacing| i32::try_from(spacing).ok());
    spacing.map(Some).ok_or(RejectionReason::Invalid { field: "tick_spacing" })
}
