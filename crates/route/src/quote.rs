//! Quotes of paths.

use crate::{Hop, Path, RouteError};
use alloy_primitives::{Address, U256};
use weir_amm::{Direction, SwapKind};
use weir_arena::{Pool, PoolKey, PoolSnapshot, PoolStatus};
use weir_primitives::BlockRef;

/// What one hop of a path does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HopQuote {
    /// The pool.
    pub pool: PoolKey,
    /// The token that goes in.
    pub token_in: Address,
    /// The token that comes out.
    pub token_out: Address,
    /// What goes in, in the token's smallest unit, fee included.
    pub amount_in: U256,
    /// What comes out, in the token's smallest unit.
    pub amount_out: U256,
}

/// The result of simulating one trade on a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The block whose state answered; `None` for an arena that has seen no block.
    pub block: Option<BlockRef>,
    /// Generation of the snapshot.
    pub generation: u64,
    /// What goes in.
    pub amount_in: U256,
    /// What comes out.
    pub amount_out: U256,
    /// The hops in the order of the trade. Each gives what the next takes.
    pub hops: Vec<HopQuote>,
}

/// Quotes the whole amount over the path: forwards if the input is fixed, backwards if the output is.
pub fn quote(snapshot: &PoolSnapshot, path: &Path, kind: SwapKind) -> Result<Quote, RouteError> {
    if path.topology() != snapshot.topology() {
        return Err(RouteError::StalePath { path: path.topology(), snapshot: snapshot.topology() });
    }
    let hops = match kind {
        SwapKind::ExactIn(amount) => forwards(snapshot, path.hops(), amount)?,
        SwapKind::ExactOut(amount) => backwards(snapshot, path.hops(), amount)?,
    };
    let (Some(first), Some(last)) = (hops.first(), hops.last()) else {
        return Err(RouteError::EmptyPath);
    };
    Ok(Quote {
        block: snapshot.tip(),
        generation: snapshot.generation(),
        amount_in: first.amount_in,
        amount_out: last.amount_out,
        hops,
    })
}

fn forwards(
    snapshot: &PoolSnapshot,
    hops: &[Hop],
    amount: U256,
) -> Result<Vec<HopQuote>, RouteError> {
    let mut amount = amount;
    let mut quotes = Vec::with_capacity(hops.len());
    for hop in hops {
        let quote = hop_quote(snapshot, *hop, SwapKind::ExactIn(amount))?;
        amount = quote.amount_out;
        quotes.push(quote);
    }
    Ok(quotes)
}

fn backwards(
    snapshot: &PoolSnapshot,
    hops: &[Hop],
    amount: U256,
) -> Result<Vec<HopQuote>, RouteError> {
    let mut amount = amount;
    let mut quotes = Vec::with_capacity(hops.len());
    for hop in hops.iter().rev() {
        let quote = hop_quote(snapshot, *hop, SwapKind::ExactOut(amount))?;
        amount = quote.amount_in;
        quotes.push(quote);
    }
    quotes.reverse();
    Ok(quotes)
}

pub(crate) fn hop_quote(
    snapshot: &PoolSnapshot,
    hop: Hop,
    kind: SwapKind,
) -> Result<HopQuote, RouteError> {
    let held = snapshot.pool(hop.pool);
    let held = held.expect("a path's pools are in every snapshot of its topology");
    let pool = require_live(held)?;
    let (amount_in, amount_out) =
        held.quote(hop.direction, kind).map_err(|source| RouteError::Refused { pool, source })?;
    let (token0, token1) = (held.statics().token0, held.statics().token1);
    let (token_in, token_out) = match hop.direction {
        Direction::ZeroForOne => (token0, token1),
        Direction::OneForZero => (token1, token0),
    };
    Ok(HopQuote { pool, token_in, token_out, amount_in, amount_out })
}

fn require_live(held: &Pool) -> Result<PoolKey, RouteError> {
    let pool = held.statics().key;
    match held.status() {
        PoolStatus::Live => Ok(pool),
        status @ (PoolStatus::Unsynced | PoolStatus::Uninitialized | PoolStatus::Halted) => {
            Err(RouteError::NotLive { pool, status })
        }
    }
}
