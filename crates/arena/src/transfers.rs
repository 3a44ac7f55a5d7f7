//! Whether a pool's tokens are plain: what their own `Transfer` events tell, beside what the pool's events tell.
//!
//! Uniswap's contracts trust balances, so that a token which takes a share of each transfer, or whose balances shrink by
//! themselves, works with them: reserves stay right, and quotes do not say what arrives. Two signs of it are in the logs of a
//! transaction. A pool sends exactly what its event says, and the recipient is told of less. Or the token's events say that the
//! pool was given more than it found.

use crate::{
    PoolEvent,
    abi::{TRANSFER, V2_BURN, V2_MINT, V2_SWAP, V2_SYNC},
};
use alloy_primitives::{Address, B256, I256, Log, U256};

/// A transfer of a pool's token that fell short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shortfall {
    /// Place of the `Transfer` among the transaction's logs.
    pub(crate) place: usize,
    pub(crate) token: Address,
    /// What was sent.
    pub(crate) sent: U256,
    /// What of it arrived.
    pub(crate) arrived: U256,
}

/// What a pool's event says of one of its tokens.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// What the pool found to have come in, where it looks at all.
    received: Option<U256>,
    /// What it sent to the recipient.
    paid: U256,
}

/// What a token's events say since the pool's operation before this one.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    /// All that came to the pool, and the last transfer of it; no sum if it is too large for one.
    inward: Option<(usize, Option<U256>)>,
    /// All that left the pool.
    outward: Option<U256>,
    /// The last transfer from the pool to the recipient.
    delivered: Option<(usize, U256)>,
    /// Whether one of them was of just the amount.
    is_whole: bool,
}

/// Whether an event tells amounts that tokens of a contract's pool moved.
pub(crate) const fn has_transfers(event: &PoolEvent) -> bool {
    matches!(
        event,
        PoolEvent::V2Swap { .. }
            | PoolEvent::V2Mint { .. }
            | PoolEvent::V2Burn { .. }
            | PoolEvent::V3Swap { .. }
            | PoolEvent::PancakeV3Swap { .. }
    )
}

/// Compares the transfers before the log at `at`, the pool's `event`, with what that event says: one finding a token.
///
/// A token that tells of no transfers, or of more than it moves in both directions alike, shows nothing here.
pub(crate) fn shortfalls(
    logs: &[Log],
    at: usize,
    tokens: (Address, Address),
    event: &PoolEvent,
) -> [Option<Shortfall>; 2] {
    let Some(told) = told(event) else { return [None; 2] };
    let log = &logs[at];
    // Of `Swap` and `Burn` of V2, and of `Swap` of V3: the last topic. `Mint` pays nobody.
    let recipient = log.topics().get(2).map_or(Address::ZERO, |topic| Address::from_word(*topic));
    let tokens = [tokens.0, tokens.1];
    let mut flows = [Flow { outward: Some(U256::ZERO), ..Flow::default() }; 2];
    for (place, before) in own_operation(&logs[..at], log.address) {
        let Some(side) = tokens.iter().position(|token| *token == before.address) else { continue };
        let Some(transfer) = Transfer::of(before) else { continue };
        flows[side].take(place, &transfer, log.address, (recipient, told[side].paid));
    }
    [0, 1].map(|side| flows[side].shortfall(tokens[side], told[side]))
}

/// The logs of the pool's operation that ends here, newest first: since the end of its operation before.
fn own_operation(logs: &[Log], pool: Address) -> impl Iterator<Item = (usize, &Log)> {
    let mut has_synced = false;
    logs.iter().enumerate().rev().take_while(move |(_, log)| {
        if log.address != pool {
            return true;
        }
        match log.topics().first() {
            Some(topic) if *topic == V2_SYNC => !std::mem::replace(&mut has_synced, true),
            Some(topic) => ![V2_SWAP, V2_MINT, V2_BURN].contains(topic),
            None => true,
        }
    })
}

fn told(event: &PoolEvent) -> Option<[Told; 2]> {
    let (zero, paid) = (U256::ZERO, |paid| Told { received: None, paid });
    Some(match *event {
        PoolEvent::V2Swap { amount0_in, amount1_in, amount0_out, amount1_out } => [
            Told { received: Some(amount0_in), paid: amount0_out },
            Told { received: Some(amount1_in), paid: amount1_out },
        ],
        PoolEvent::V2Mint { amount0, amount1 } => {
            [amount0, amount1].map(|amount| Told { received: Some(amount), paid: zero })
        }
        PoolEvent::V2Burn { amount0, amount1 } => [paid(amount0), paid(amount1)],
        PoolEvent::V3Swap { amount0, amount1, .. }
        | PoolEvent::PancakeV3Swap { amount0, amount1, .. } => {
            // Too little coming in is refused by the pool itself.
            let left =
                |change: I256| if change.is_negative() { change.unsigned_abs() } else { zero };
            [paid(left(amount0)), paid(left(amount1))]
        }
        _ => return None,
    })
}

/// ERC-20's event.
struct Transfer {
    from: Address,
    to: Address,
    amount: U256,
}

impl Transfer {
    fn of(log: &Log) -> Option<Self> {
        let [topic0, from, to] = log.topics() else { return None };
        if *topic0 != TRANSFER || log.data.data.len() != 32 {
            return None;
        }
        let address = |topic: &B256| Address::from_word(*topic);
        let amount = U256::from_be_slice(&log.data.data);
        Some(Self { from: address(from), to: address(to), amount })
    }
}

impl Flow {
    fn take(
        &mut self,
        place: usize,
        transfer: &Transfer,
        pool: Address,
        (recipient, paid): (Address, U256),
    ) {
        if transfer.to == pool {
            let (last, sum) = self.inward.unwrap_or((place, Some(U256::ZERO)));
            self.inward = Some((last, sum.and_then(|sum| sum.checked_add(transfer.amount))));
        }
        if transfer.from == pool {
            self.outward = self.outward.and_then(|sum| sum.checked_add(transfer.amount));
            if transfer.to == recipient {
                self.is_whole |= transfer.amount == paid;
                self.delivered.get_or_insert((place, transfer.amount));
            }
        }
    }

    fn shortfall(&self, token: Address, told: Told) -> Option<Shortfall> {
        if let Some((place, arrived)) = self.delivered
            && !self.is_whole
            && arrived < told.paid
        {
            return Some(Shortfall { place, token, sent: told.paid, arrived });
        }
        // What the pool found may be more, as somebody may have sent it something before, but never less than what came
        // and did not leave again.
        let (place, sum) = self.inward?;
        let arrived = told.received?;
        let sent = sum?.checked_add(told.paid)?.checked_sub(self.outward?)?;
        (arrived < sent).then_some(Shortfall { place, token, sent, arrived })
    }
}
