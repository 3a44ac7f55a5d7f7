//! The prices of pools among the conditions of a transaction. Weir's own.

use crate::{
    api::Api,
    backend::{LocatedPrice, PoolUnusable},
    error::RpcError,
};
use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};
use weir_primitives::{PoolCondition, PoolId, PriceBound, PriceForm, PriceSlot};

/// Pools that the conditions of one transaction name at most.
const POOLS_MAX: usize = 64;

/// One pool as a caller names it, and as the journal keeps it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PoolWire {
    pool: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    price_at_least: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    price_at_most: Option<String>,
    /// In the journal alone: a caller does not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<SlotWire>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SlotWire {
    contract: Address,
    slot: U256,
    form: FormWire,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum FormWire {
    Reserves,
    SqrtPrice,
}

/// Bounds of a pool's price, before anybody has looked where that price is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PoolBound {
    pool: String,
    at_least: Option<PriceBound>,
    at_most: Option<PriceBound>,
}

/// A bound, named in what is said about it.
fn bound(name: &str, text: Option<&str>) -> Result<Option<PriceBound>, String> {
    let parse = |text: &str| text.parse().map_err(|error| format!("{name}: {error}"));
    text.map(parse).transpose()
}

impl PoolWire {
    fn bounds(&self) -> Result<PoolBound, String> {
        let at_least = bound("priceAtLeast", self.price_at_least.as_deref())?;
        let at_most = bound("priceAtMost", self.price_at_most.as_deref())?;
        if at_least.is_none() && at_most.is_none() {
            return Err(format!("pool has neither priceAtLeast nor priceAtMost: {}", self.pool));
        }
        Ok(PoolBound { pool: self.pool.clone(), at_least, at_most })
    }

    /// As a caller writes it.
    pub(super) fn read_requested(self) -> Result<PoolBound, String> {
        if self.at.is_some() {
            return Err("unknown field `at`".to_owned());
        }
        self.bounds()
    }

    /// As the journal holds it.
    pub(super) fn read_kept(self) -> Result<PoolCondition, String> {
        let PoolBound { at_least, at_most, .. } = self.bounds()?;
        let id = self.pool.parse::<Address>().map(PoolId::Address);
        let id = id.or_else(|_| self.pool.parse().map(PoolId::Id));
        let pool = id.map_err(|_| format!("not a pool: {}", self.pool))?;
        let SlotWire { contract, slot, form } =
            self.at.ok_or_else(|| format!("pool is not located: {pool}"))?;
        let form = match form {
            FormWire::Reserves => PriceForm::Reserves,
            FormWire::SqrtPrice => PriceForm::SqrtPrice,
        };
        Ok(PoolCondition { pool, at: PriceSlot { contract, slot, form }, at_least, at_most })
    }

    pub(super) fn write(condition: &PoolCondition) -> Self {
        let PriceSlot { contract, slot, form } = condition.at;
        let form = match form {
            PriceForm::Reserves => FormWire::Reserves,
            PriceForm::SqrtPrice => FormWire::SqrtPrice,
        };
        let text = |bound: Option<PriceBound>| bound.map(|bound| bound.to_string());
        Self {
            pool: condition.pool.to_string(),
            price_at_least: text(condition.at_least),
            price_at_most: text(condition.at_most),
            at: Some(SlotWire { contract, slot, form }),
        }
    }
}

/// Finds out where the prices are.
///
/// # Errors
/// -32003 with the reason as data if a pool is not followed, not live or of another kind; -32005 if there are too many.
pub(crate) fn locate(api: &Api, pools: Vec<PoolBound>) -> Result<Vec<PoolCondition>, RpcError> {
    if pools.len() > POOLS_MAX {
        let count = pools.len();
        return Err(RpcError::limit(format!("too many pools: pools={count} limit={POOLS_MAX}")));
    }
    let locate = |PoolBound { pool, at_least, at_most }| {
        let LocatedPrice { pool, slot: at, .. } = located(api, pool)?;
        Ok(PoolCondition { pool, at, at_least, at_most })
    };
    pools.into_iter().map(locate).collect()
}

/// Asks the engine, and compares what it holds with the state of the chain at the same block: a fork of a protocol may keep
/// its price in another slot.
fn located(api: &Api, pool: String) -> Result<LocatedPrice, RpcError> {
    let unknown = || PoolUnusable::Unknown { pool: pool.clone() };
    let pools = api.backends.pools.as_deref().ok_or_else(unknown)?;
    let located = pools.price_of(&pool)?;
    if located.chain_id != api.spec().chain_id() {
        return Err(unknown().into());
    }
    let header = api.chain().header_by_number(located.block.number)?;
    if header.is_none_or(|header| header.hash() != located.block.hash) {
        let status = "resyncing".to_owned();
        return Err(PoolUnusable::NotLive { pool, status }.into());
    }
    let state = api.chain().state_at(located.block.number)?;
    if located.slot.read(&*state)? != located.price {
        return Err(PoolUnusable::Elsewhere { pool }.into());
    }
    Ok(located)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::{read_conditions, read_requested, write_conditions};

    const POOL: &str = "0x1111111111111111111111111111111111111111";

    fn requested(pool: &str) -> Result<Vec<PoolBound>, String> {
        read_requested(&format!(r#"{{"pools":[{pool}]}}"#)).map(|(_, pools)| pools)
    }

    #[test]
    fn bounds_are_read() {
        let pool =
            format!(r#"{{"pool":"{POOL}","priceAtLeast":"0.00025","priceAtMost":"7922816"}}"#);
        let bounds = requested(&pool).unwrap();
        let expected = PoolBound {
            pool: POOL.to_owned(),
            at_least: Some("0.00025".parse().unwrap()),
            at_most: Some("7922816".parse().unwrap()),
        };
        assert_eq!(bounds, [expected]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (pool, why) in [
            (format!(r#"{{"pool":"{POOL}"}}"#), "neither priceAtLeast nor priceAtMost"),
            (format!(r#"{{"pool":"{POOL}","priceAtLeast":"1e9"}}"#), "priceAtLeast: price is not"),
            (format!(r#"{{"pool":"{POOL}","priceAtMost":1.5}}"#), "expected a string"),
            (format!(r#"{{"pool":"{POOL}","priceAbove":"1"}}"#), "unknown field `priceAbove`"),
            (
                format!(
                    r#"{{"pool":"{POOL}","priceAtMost":"1","at":{{"contract":"{POOL}","slot":"0x8","form":"reserves"}}}}"#
                ),
                "unknown field `at`",
            ),
        ] {
            let error = requested(&pool).unwrap_err();
            assert!(error.contains(why), "{pool}: {error}");
        }
    }

    #[test]
    fn the_journal_keeps_where_the_price_is() {
        let contract: Address = POOL.parse().unwrap();
        let reserves = PriceSlot { contract, slot: U256::from(8), form: PriceForm::Reserves };
        let root = PriceSlot { contract, slot: U256::MAX, form: PriceForm::SqrtPrice };
        let condition = |pool, at, at_least: Option<&str>, at_most: Option<&str>| PoolCondition {
            pool,
            at,
            at_least: at_least.map(|bound| bound.parse().unwrap()),
            at_most: at_most.map(|bound| bound.parse().unwrap()),
        };
        let pools = vec![
            condition(PoolId::Address(contract), reserves, Some("0.5"), None),
            condition(PoolId::Id([7; 32].into()), root, None, Some("12")),
        ];
        let conditions = weir_primitives::Conditions { pools, ..Default::default() };
        let json = write_conditions(&conditions);
        assert_eq!(read_conditions(&json).unwrap(), conditions);
        let unlocated = format!(r#"{{"pools":[{{"pool":"{POOL}","priceAtLeast":"1"}}]}}"#);
        assert!(read_conditions(&unlocated).unwrap_err().contains("not located"));
    }
}
