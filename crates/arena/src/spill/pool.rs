//! One pool's state, whole and as what changed of it.

use super::{
    SpillError,
    fields::{Fields, write_varint},
};
use crate::{PoolState, SwapState52};
use std::sync::Arc;
use weir_amm::{Tick, TickInfo, TickList, V4Fees};

/// Bytes of the bits that say which bytes of a state changed.
const MASK_BYTES: usize = SwapState52::BYTES.div_ceil(8);
/// Tag of a pool that is not known any more.
const UNKNOWN: u8 = 0;
/// Bit of the tag of a pool that is known.
const KNOWN: u8 = 1;
/// Bit of the tag: the fees follow.
const HAS_FEES: u8 = 2;
/// Bit of the tag: changes of ticks follow.
const HAS_TICKS: u8 = 4;

/// A pool's state after a block that has left the undo ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpilledPool {
    /// What the next swap starts from.
    pub state: SwapState52,
    fees: [u8; 8],
    /// The initialized ticks, rising.
    pub ticks: Vec<(Tick, TickInfo)>,
}

impl SpilledPool {
    /// What the first state of a pool is written against.
    const NOTHING: Self =
        Self { state: SwapState52([0; SwapState52::BYTES]), fees: [0; 8], ticks: Vec::new() };

    fn of(state: &PoolState) -> Self {
        let ticks = ticks_of(state).map_or_else(Vec::new, |ticks| ticks.iter().collect());
        Self { state: state.swap_state(), fees: fees_of(state), ticks }
    }

    /// The fees in `slot0`, of a V4 pool.
    pub fn v4_fees(&self) -> V4Fees {
        let [a, b, c, d, e, f, g, h] = self.fees;
        V4Fees {
            lp: u32::from_le_bytes([a, b, c, d]),
            zero_for_one: u16::from_le_bytes([e, f]),
            one_for_zero: u16::from_le_bytes([g, h]),
        }
    }
}

/// V3: `feeProtocol` u32; V4: the providers' fee u32 and both protocol fees u16.
fn fees_of(state: &PoolState) -> [u8; 8] {
    let mut fees = [0; 8];
    match state {
        PoolState::V2(_) => {}
        PoolState::V3(state) => fees[..4].copy_from_slice(&state.fee_protocol.to_le_bytes()),
        PoolState::V4(state) => {
            fees[..4].copy_from_slice(&state.fees.lp.to_le_bytes());
            fees[4..6].copy_from_slice(&state.fees.zero_for_one.to_le_bytes());
            fees[6..].copy_from_slice(&state.fees.one_for_zero.to_le_bytes());
        }
    }
    fees
}

const fn ticks_of(state: &PoolState) -> Option<&Arc<TickList>> {
    match state {
        PoolState::V2(_) => None,
        PoolState::V3(state) => Some(&state.ticks),
        PoolState::V4(state) => Some(&state.ticks),
    }
}

/// A pool of a section.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    pub(super) known: Option<SpilledPool>,
    /// The list that its ticks were taken from: the same list has the same ticks.
    source: Option<Arc<TickList>>,
}

impl Held {
    /// Whether the pool is as it was written last.
    pub(super) fn is(&self, state: &PoolState) -> bool {
        self.known.as_ref().is_some_and(|known| {
            known.state == state.swap_state()
                && known.fees == fees_of(state)
                && self.has_ticks_of(state)
        })
    }

    fn has_ticks_of(&self, state: &PoolState) -> bool {
        match (&self.source, ticks_of(state)) {
            (Some(own), Some(ticks)) if Arc::ptr_eq(own, ticks) => true,
            (_, ticks) => {
                let held = self.known.iter().flat_map(|known| known.ticks.iter().copied());
                held.eq(ticks.iter().flat_map(|ticks| ticks.iter()))
            }
        }
    }

    /// Appends what changed, and keeps the new state.
    pub(super) fn write(&mut self, state: Option<&PoolState>, out: &mut Vec<u8>) {
        let before = self.known.take().unwrap_or(SpilledPool::NOTHING);
        self.source = state.and_then(ticks_of).map(Arc::clone);
        let Some(state) = state else {
            out.push(UNKNOWN);
            return;
        };
        let known = SpilledPool::of(state);
        let changes = changed_ticks(&before.ticks, &known.ticks);
        let fees = if known.fees == before.fees { 0 } else { HAS_FEES };
        let ticks = if changes.is_empty() { 0 } else { HAS_TICKS };
        out.push(KNOWN | fees | ticks);
        write_state(&before.state, &known.state, out);
        if fees != 0 {
            out.extend_from_slice(&known.fees);
        }
        if ticks != 0 {
            write_varint(changes.len() as u64, out);
            for (tick, TickInfo { gross, net }) in changes {
                out.extend_from_slice(&tick.get().to_le_bytes());
                out.extend_from_slice(&gross.to_le_bytes());
                out.extend_from_slice(&net.to_le_bytes());
            }
        }
        self.known = Some(known);
    }

    pub(super) fn read(&mut self, fields: &mut Fields<'_>) -> Result<(), SpillError> {
        self.source = None;
        let [tag] = fields.array::<1>()?;
        if tag == UNKNOWN {
            self.known = None;
            return Ok(());
        }
        if tag & KNOWN == 0 || tag > KNOWN | HAS_FEES | HAS_TICKS {
            return Err(SpillError::Field { field: "tag" });
        }
        let mut known = self.known.take().unwrap_or(SpilledPool::NOTHING);
        read_state(&mut known.state, fields)?;
        if tag & HAS_FEES != 0 {
            known.fees = fields.array()?;
        }
        if tag & HAS_TICKS != 0 {
            known.ticks = merged_ticks(known.ticks, &read_ticks(fields)?);
        }
        self.known = Some(known);
        Ok(())
    }
}

fn write_state(before: &SwapState52, now: &SwapState52, out: &mut Vec<u8>) {
    let mut mask = [0u8; MASK_BYTES];
    let mut changed = Vec::with_capacity(SwapState52::BYTES);
    for (index, (now, before)) in now.0.iter().zip(before.0).enumerate() {
        if *now != before {
            mask[index / 8] |= 1 << (index % 8);
            changed.push(*now);
        }
    }
    out.extend_from_slice(&mask);
    out.extend_from_slice(&changed);
}

fn read_state(state: &mut SwapState52, fields: &mut Fields<'_>) -> Result<(), SpillError> {
    let mask: [u8; MASK_BYTES] = fields.array()?;
    for (index, byte) in state.0.iter_mut().enumerate() {
        if mask[index / 8] & (1 << (index % 8)) != 0 {
            [*byte] = fields.array::<1>()?;
        }
    }
    let rest = u8::MAX << (SwapState52::BYTES % 8);
    if mask[MASK_BYTES - 1] & rest == 0 { Ok(()) } else { Err(SpillError::Field { field: "mask" }) }
}

/// Reads ticks, which rise.
fn read_ticks(fields: &mut Fields<'_>) -> Result<Vec<(Tick, TickInfo)>, SpillError> {
    let bad = SpillError::Field { field: "tick" };
    let mut ticks: Vec<(Tick, TickInfo)> = Vec::new();
    for _ in 0..fields.varint()? {
        let tick = Tick::new(i32::from_le_bytes(fields.array()?)).map_err(|_| bad)?;
        if ticks.last().is_some_and(|(last, _)| *last >= tick) {
            return Err(bad);
        }
        let gross = u128::from_le_bytes(fields.array()?);
        ticks.push((tick, TickInfo { gross, net: i128::from_le_bytes(fields.array()?) }));
    }
    Ok(ticks)
}

/// What has to be set to come from `before` to `now`; a gross of zero removes a tick.
fn changed_ticks(before: &[(Tick, TickInfo)], now: &[(Tick, TickInfo)]) -> Vec<(Tick, TickInfo)> {
    let (mut changes, mut rest) = (Vec::new(), before);
    let gone = TickInfo { gross: 0, net: 0 };
    for (tick, info) in now {
        while let Some(((old, _), after)) = rest.split_first()
            && old < tick
        {
            changes.push((*old, gone));
            rest = after;
        }
        match rest.split_first() {
            Some(((old, held), after)) if old == tick => {
                if held != info {
                    changes.push((*tick, *info));
                }
                rest = after;
            }
            _ => changes.push((*tick, *info)),
        }
    }
    changes.extend(rest.iter().map(|(old, _)| (*old, gone)));
    changes
}

fn merged_ticks(
    before: Vec<(Tick, TickInfo)>,
    changes: &[(Tick, TickInfo)],
) -> Vec<(Tick, TickInfo)> {
    let mut merged = Vec::with_capacity(before.len() + changes.len());
    let mut rest = changes;
    for (tick, info) in before {
        while let Some((change, after)) = rest.split_first()
            && change.0 < tick
        {
            merged.push(*change);
            rest = after;
        }
        match rest.split_first() {
            Some((change, after)) if change.0 == tick => {
                merged.push(*change);
                rest = after;
            }
            _ => merged.push((tick, info)),
        }
    }
    merged.extend_from_slice(rest);
    merged.retain(|(_, info)| info.gross != 0);
    merged
}
