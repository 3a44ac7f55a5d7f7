//! Both sides, field by field. Pure.

use super::served::{ServedPool, ServedTick};
use crate::reader::{
    contract::{Concentrated, ContractV2, ContractV3},
    contract_v4::ContractV4,
};
use alloy_primitives::U256;
use std::{collections::BTreeMap, fmt};

/// The first thing that differs between the contracts and the arena.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The pool.
    pub pool: String,
    /// What differs, for example `reserve0`, `tick[-60].liquidityNet` or `quote[0x…, in=1000]`.
    pub field: String,
    /// What the contract says.
    pub chain: String,
    /// What the arena says.
    pub arena: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pool, field, chain, arena } = self;
        write!(f, "pool={pool} field={field} chain={chain} arena={arena}")
    }
}

/// Collects the first difference of one pool.
struct Comparison<'a> {
    pool: &'a str,
    first: Option<Difference>,
}

impl Comparison<'_> {
    fn field(&mut self, name: &str, chain: impl fmt::Display, arena: impl fmt::Display) {
        let (chain, arena) = (chain.to_string(), arena.to_string());
        if self.first.is_none() && chain != arena {
            let (pool, field) = (self.pool.to_owned(), name.to_owned());
            self.first = Some(Difference { pool, field, chain, arena });
        }
    }

    fn text(&mut self, name: &str, chain: impl fmt::Display, arena: Option<&String>) {
        self.field(name, chain, arena.map_or("absent", String::as_str));
    }
}

pub(super) fn compare_v2(chain: &ContractV2, arena: &ServedPool) -> Option<Difference> {
    let mut comparison = Comparison { pool: &arena.id, first: None };
    comparison.field("token0", chain.token0, arena.token0);
    comparison.field("token1", chain.token1, arena.token1);
    comparison.text("reserve0", chain.reserve0, arena.reserve0.as_ref());
    comparison.text("reserve1", chain.reserve1, arena.reserve1.as_ref());
    comparison.first
}

pub(super) fn compare_v3(chain: &ContractV3, arena: &ServedPool) -> Option<Difference> {
    let mut comparison = Comparison { pool: &arena.id, first: None };
    comparison.field("token0", chain.token0, arena.token0);
    comparison.field("token1", chain.token1, arena.token1);
    comparison.field("fee", chain.fee, arena.fee);
    compare_range(&mut comparison, &chain.range, arena);
    comparison.first
}

/// Of a V4 pool: its id says that the arena's tokens, fee, spacing and hooks are right. A fee of the providers that the
/// arena does not claim to know is not compared.
pub(super) fn compare_v4(chain: &ContractV4, arena: &ServedPool) -> Option<Difference> {
    let mut comparison = Comparison { pool: &arena.id, first: None };
    comparison.field("id", chain.id, &arena.id);
    let fee = |fee: Option<u32>| fee.map_or_else(|| "absent".to_owned(), |fee| fee.to_string());
    let fees = arena.fees.as_ref();
    if arena.knows_lp_fee() {
        comparison.field("lpFee", chain.lp_fee, fee(fees.map(|fees| fees.lp)));
    }
    let [zero_for_one, one_for_zero] = chain.protocol_fees;
    let arena_fees = [fees.map(|fees| fees.zero_for_one), fees.map(|fees| fees.one_for_zero)];
    comparison.field("protocolFee[zeroForOne]", zero_for_one, fee(arena_fees[0]));
    comparison.field("protocolFee[oneForZero]", one_for_zero, fee(arena_fees[1]));
    compare_range(&mut comparison, &chain.range, arena);
    comparison.first
}

fn compare_range(comparison: &mut Comparison<'_>, chain: &Concentrated, arena: &ServedPool) {
    let number = |number: Option<i32>| {
        number.map_or_else(|| "absent".to_owned(), |number| number.to_string())
    };
    comparison.field("tickSpacing", chain.spacing.get(), number(arena.tick_spacing));
    comparison.text("sqrtPriceX96", chain.sqrt_price, arena.sqrt_price_x96.as_ref());
    comparison.field("tick", chain.tick, number(arena.tick));
    comparison.text("liquidity", chain.liquidity, arena.liquidity.as_ref());
    compare_ticks(comparison, chain, &arena.ticks);
    compare_bitmap(comparison, chain, &arena.ticks);
}

fn compare_ticks(comparison: &mut Comparison<'_>, chain: &Concentrated, arena: &[ServedTick]) {
    let absent = ("absent".to_owned(), "absent".to_owned());
    let of_chain: BTreeMap<i32, (String, String)> = chain
        .ticks
        .iter()
        .map(|(index, gross, net)| (*index, (gross.to_string(), net.to_string())))
        .collect();
    let of_arena: BTreeMap<i32, (String, String)> = arena
        .iter()
        .map(|tick| (tick.index, (tick.liquidity_gross.clone(), tick.liquidity_net.clone())))
        .collect();
    let indices: std::collections::BTreeSet<i32> =
        of_chain.keys().chain(of_arena.keys()).copied().collect();
    for index in indices {
        let (gross, net) = of_chain.get(&index).unwrap_or(&absent);
        let (arena_gross, arena_net) = of_arena.get(&index).unwrap_or(&absent);
        comparison.field(&format!("tick[{index}].liquidityGross"), gross, arena_gross);
        comparison.field(&format!("tick[{index}].liquidityNet"), net, arena_net);
    }
}

/// The words that the arena's ticks make, against those of the contract.
fn compare_bitmap(comparison: &mut Comparison<'_>, chain: &Concentrated, arena: &[ServedTick]) {
    let mut words: BTreeMap<i32, (U256, U256)> = BTreeMap::new();
    for (place, bits) in &chain.words {
        words.entry(i32::from(*place)).or_default().0 = *bits;
    }
    for tick in arena {
        let compressed = chain.spacing.compress(tick.index);
        let bit = usize::try_from(compressed & 0xff).unwrap_or_default();
        words.entry(compressed >> 8).or_default().1.set_bit(bit, true);
    }
    for (place, (bits, arena_bits)) in words {
        let name = format!("tickBitmap[{place}]");
        comparison.field(&name, format_args!("{bits:#x}"), format_args!("{arena_bits:#x}"));
    }
}
