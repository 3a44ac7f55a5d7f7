//! One row, checked.

use super::RejectionReason;
use alloy_primitives::{Address, B256, U256, keccak256};
use serde_json::{Map, Value};
use weir_arena::PoolId;

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
    /// PancakeSwap V3: Uniswap V3's arithmetic with events of its own.
    PancakeV3,
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
    /// The hooks of a Uniswap V4 pool, zero for none; `None` for other protocols unless the row gives some.
    pub hooks: Option<Address>,
    /// Keccak-256 of the contract's code, if the row gives it: storage layouts are known by it.
    pub code_hash: Option<B256>,
}

impl WhitelistPool {
    pub(super) fn parse(value: &Value) -> Result<Self, RejectionReason> {
        let row = value.as_object().ok_or(RejectionReason::NotAnObject)?;
        let protocol = protocol(row)?;
        let mut pool = Self {
            address: contract(row)?,
            pool_id: pool_id(row, protocol)?,
            protocol,
            token0: token(row, &TOKEN0)?,
            token1: token(row, &TOKEN1)?,
            fee_pips: fee(row, protocol)?,
            tick_spacing: tick_spacing(row, protocol)?,
            factory: address(row, "factory", "factory")?,
            hooks: address(row, "hooks", "hooks")?,
            code_hash: word(row, "code_hash")?,
        };
        pool.assume_no_hooks();
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
            (_, Some(_)) => Err(RejectionReason::Invalid { field: "pool_id" }),
            (_, None) => Ok(()),
        }
    }

    /// A V4 row that names no hooks has none if its id says so: the id is the hash of the whole key.
    fn assume_no_hooks(&mut self) {
        let is_v4 = self.protocol == WhitelistProtocol::UniswapV4 && self.hooks.is_none();
        if is_v4 && self.pool_id.is_some() && self.pool_id == self.key_hash(Address::ZERO) {
            self.hooks = Some(Address::ZERO);
        }
    }

    fn check_pool_id(&self, id: B256) -> Result<(), RejectionReason> {
        let hooks = require(self.hooks, "hooks")?;
        require(self.tick_spacing, "tick_spacing")?;
        if self.key_hash(hooks) == Some(id) { Ok(()) } else { Err(RejectionReason::PoolId) }
    }

    /// `PoolId = keccak256(abi.encode(currency0, currency1, fee, tickSpacing, hooks))` (v4-core `PoolIdLibrary`). Without
    /// the hooks it cannot be checked, nor can it be told what a swap pays.
    fn key_hash(&self, hooks: Address) -> Option<B256> {
        let spacing = u64::try_from(self.tick_spacing?).unwrap_or_default();
        let words = [
            self.token0.address.into_word(),
            self.token1.address.into_word(),
            U256::from(self.fee_pips).into(),
            U256::from(spacing).into(),
            hooks.into_word(),
        ];
        Some(keccak256(words.concat()))
    }

    /// What names the pool: its id if it has one, else its contract.
    pub const fn id(&self) -> PoolId {
        match self.pool_id {
            Some(id) => PoolId::Id(id),
            None => PoolId::Address(self.address),
        }
    }
}

fn require<T>(value: Option<T>, field: &'static str) -> Result<T, RejectionReason> {
    value.ok_or(RejectionReason::Missing { field })
}

/// A field that is present and not null.
pub(super) fn field<'a>(row: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    row.get(name).filter(|value| !value.is_null())
}

fn protocol(row: &Map<String, Value>) -> Result<WhitelistProtocol, RejectionReason> {
    let value = require(field(row, "protocol"), "protocol")?;
    let name = value.as_str().ok_or(RejectionReason::Invalid { field: "protocol" })?;
    protocol_named(name)
}

pub(super) fn protocol_named(name: &str) -> Result<WhitelistProtocol, RejectionReason> {
    match name {
        "v2" | "uniswap_v2" => Ok(WhitelistProtocol::UniswapV2),
        "v3" | "uniswap_v3" => Ok(WhitelistProtocol::UniswapV3),
        "pancake_v3" | "pancakeswap_v3" => Ok(WhitelistProtocol::PancakeV3),
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

pub(super) fn address(
    row: &Map<String, Value>,
    name: &str,
    path: &'static str,
) -> Result<Option<Address>, RejectionReason> {
    let Some(value) = field(row, name) else { return Ok(None) };
    let text = value.as_str().filter(|text| text.starts_with("0x"));
    let parsed = text.and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or(RejectionReason::Invalid { field: path })
}

/// Late in 2025 publishers called the address `id`; a 32-byte `id` does not say which contract keeps the pool.
fn contract(row: &Map<String, Value>) -> Result<Address, RejectionReason> {
    if let Some(address) = address(row, "address", "address")? {
        return Ok(address);
    }
    let id = field(row, "id").and_then(Value::as_str).filter(|id| id.len() == 2 + 2 * 20);
    require(id, "address")?;
    require(address(row, "id", "id")?, "address")
}

/// The id of a Uniswap V4 pool may also stand in `id`, next to the address of its PoolManager.
fn pool_id(
    row: &Map<String, Value>,
    protocol: WhitelistProtocol,
) -> Result<Option<B256>, RejectionReason> {
    let has_id = field(row, "pool_id").is_none() && field(row, "address").is_some();
    match protocol {
        WhitelistProtocol::UniswapV4 if has_id => word(row, "id"),
        _ => word(row, "pool_id"),
    }
}

fn word(row: &Map<String, Value>, name: &'static str) -> Result<Option<B256>, RejectionReason> {
    let Some(value) = field(row, name) else { return Ok(None) };
    let text = value.as_str().filter(|text| text.starts_with("0x"));
    let parsed = text.and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or(RejectionReason::Invalid { field: name })
}

/// Where the fields of a token are, nested and flat.
struct TokenPaths {
    name: &'static str,
    address: &'static str,
    decimals: &'static str,
    flat_symbol: &'static str,
    flat_decimals: &'static str,
}

const TOKEN0: TokenPaths = TokenPaths {
    name: "token0",
    address: "token0.address",
    decimals: "token0.decimals",
    flat_symbol: "token0_symbol",
    flat_decimals: "token0_decimals",
};

const TOKEN1: TokenPaths = TokenPaths {
    name: "token1",
    address: "token1.address",
    decimals: "token1.decimals",
    flat_symbol: "token1_symbol",
    flat_decimals: "token1_decimals",
};

fn token(row: &Map<String, Value>, paths: &TokenPaths) -> Result<WhitelistToken, RejectionReason> {
    let value = require(field(row, paths.name), paths.name)?;
    if value.is_string() {
        return Ok(WhitelistToken {
            address: require(address(row, paths.name, paths.name)?, paths.name)?,
            symbol: symbol(row, paths.flat_symbol),
            decimals: decimals(row, paths.flat_decimals, paths.flat_decimals)?,
        });
    }
    let token = value.as_object().ok_or(RejectionReason::Invalid { field: paths.name })?;
    Ok(WhitelistToken {
        address: require(address(token, "address", paths.address)?, paths.address)?,
        symbol: symbol(token, "symbol"),
        decimals: decimals(token, "decimals", paths.decimals)?,
    })
}

fn symbol(fields: &Map<String, Value>, name: &str) -> Option<String> {
    field(fields, name).and_then(Value::as_str).map(str::to_owned)
}

fn decimals(
    fields: &Map<String, Value>,
    name: &str,
    path: &'static str,
) -> Result<u8, RejectionReason> {
    let decimals = require(field(fields, name), path)?.as_u64();
    let decimals = decimals.and_then(|decimals| u8::try_from(decimals).ok());
    decimals.ok_or(RejectionReason::Invalid { field: path })
}

fn fee(row: &Map<String, Value>, protocol: WhitelistProtocol) -> Result<u32, RejectionReason> {
    let is_v4_fee = |fee| {
        let is_v4 = protocol == WhitelistProtocol::UniswapV4;
        is_v4 && (fee == FEE_PIPS_MAX || fee == V4_DYNAMIC_FEE)
    };
    let fee = require(field(row, "fee"), "fee")?.as_u64();
    let fee = fee.filter(|fee| *fee < FEE_PIPS_MAX || is_v4_fee(*fee));
    fee.and_then(|fee| u32::try_from(fee).ok()).ok_or(RejectionReason::Invalid { field: "fee" })
}

fn tick_spacing(
    row: &Map<String, Value>,
    protocol: WhitelistProtocol,
) -> Result<Option<i32>, RejectionReason> {
    let max = match protocol {
        WhitelistProtocol::UniswapV2 => return Ok(None),
        WhitelistProtocol::UniswapV3 | WhitelistProtocol::PancakeV3 => V3_TICK_SPACING_MAX,
        WhitelistProtocol::UniswapV4 => V4_TICK_SPACING_MAX,
    };
    let spacing = require(field(row, "tick_spacing"), "tick_spacing")?;
    let spacing = spacing.as_i64().filter(|spacing| (1..=max).contains(spacing));
    let spacing = spacing.and_then(|spacing| i32::try_from(spacing).ok());
    spacing.map(Some).ok_or(RejectionReason::Invalid { field: "tick_spacing" })
}
