//! Our stream in upstream's messages.

use super::{
    UpstreamEpilogue, UpstreamEvent, UpstreamMessage, UpstreamPool, UpstreamProtocol,
    UpstreamRange, UpstreamSlot0, UpstreamStreamError, UpstreamUpdate, UpstreamUpdateType,
    encode_upstream,
};
use crate::{ReorgEnd, ReorgStart};
use alloy_primitives::U256;
use std::collections::BTreeSet;
use weir_arena::{
    BlockEnvelope, EventRecord, LookupError, PoolEvent, PoolId, PoolKey, PoolSnapshot,
};

/// Numbers the messages of one connection and remembers what a reorg took back.
#[derive(Debug, Default)]
pub(super) struct Translator {
    chain_id: u64,
    stream_seq: u64,
    /// Constant-product pools that the reverted blocks touched.
    reserves: BTreeSet<PoolId>,
    /// Concentrated-liquidity pools whose price the reverted blocks changed.
    prices: BTreeSet<PoolId>,
}

/// What upstream knows of an event.
type Change = (UpstreamProtocol, UpstreamUpdateType, UpstreamUpdate);

impl Translator {
    pub(super) fn new(chain_id: u64) -> Self {
        Self { chain_id, ..Self::default() }
    }

    fn next_seq(&mut self) -> u64 {
        self.stream_seq += 1;
        self.stream_seq
    }

    /// A block, or with `is_revert` the same block taken back: last update first, without reserves, which are absolute.
    pub(super) fn block(
        &mut self,
        envelope: &BlockEnvelope,
        is_revert: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), UpstreamStreamError> {
        let block = envelope.block();
        let begin = UpstreamMessage::BeginBlock {
            stream_seq: self.next_seq(),
            block_number: block.number,
            block_timestamp: block.timestamp,
            base_fee_per_gas: envelope.base_fee(),
            is_revert,
        };
        encode_upstream(&begin, out);
        let mut num_updates = 0;
        let mut put = |record: &EventRecord| {
            if is_revert {
                self.note_reverted(record);
            }
            let Some((protocol, update_type, update)) = change(record, is_revert)? else {
                return Ok(());
            };
            num_updates += 1;
            let event = UpstreamEvent {
                pool_id: pool(&record.pool.id),
                protocol,
                update_type,
                block_number: block.number,
                block_timestamp: block.timestamp,
                tx_index: record.tx_index.into(),
                log_index: record.log_index.into(),
                is_revert,
                update,
            };
            let stream_seq = self.next_seq();
            encode_upstream(&UpstreamMessage::PoolUpdate { stream_seq, event }, out);
            Ok(())
        };
        if is_revert {
            envelope.events().iter().rev().try_for_each(&mut put)?;
        } else {
            envelope.events().iter().try_for_each(&mut put)?;
        }
        let (stream_seq, block_number) = (self.next_seq(), block.number);
        encode_upstream(&UpstreamMessage::EndBlock { stream_seq, block_number, num_updates }, out);
        Ok(())
    }

    fn note_reverted(&mut self, record: &EventRecord) {
        match record.event {
            PoolEvent::V2Sync { .. } => _ = self.reserves.insert(record.pool.id),
            PoolEvent::V3Swap { .. }
            | PoolEvent::V4Swap { .. }
            | PoolEvent::PancakeV3Swap { .. } => _ = self.prices.insert(record.pool.id),
            _ => {}
        }
    }

    pub(super) fn reorg_start(&mut self, start: &ReorgStart, out: &mut Vec<u8>) {
        (self.reserves, self.prices) = (BTreeSet::new(), BTreeSet::new());
        let range = |count: u32| match count {
            0 => UpstreamRange::default(),
            count => UpstreamRange {
                first: Some(start.ancestor_number.saturating_add(1)),
                last: Some(start.ancestor_number.saturating_add(count.into())),
                block_count: count.into(),
            },
        };
        let (old_range, new_range) = (range(start.reverted), range(start.applied));
        let stream_seq = self.next_seq();
        encode_upstream(&UpstreamMessage::ReorgStart { stream_seq, old_range, new_range }, out);
    }

    /// The pools that the reorg leaves to be told, from a snapshot at its tip or above.
    pub(super) fn reorg_end(
        &mut self,
        end: &ReorgEnd,
        timestamp: u64,
        snapshot: Option<&PoolSnapshot>,
        out: &mut Vec<u8>,
    ) -> Result<(), UpstreamStreamError> {
        let (reserves, prices) =
            (std::mem::take(&mut self.reserves), std::mem::take(&mut self.prices));
        let unknown =
            UpstreamStreamError::NoFinalState { number: end.tip_number, hash: end.tip_hash };
        for (id, is_v2) in
            reserves.iter().map(|id| (id, true)).chain(prices.iter().map(|id| (id, false)))
        {
            let key = PoolKey { chain_id: self.chain_id, id: *id };
            let state = match snapshot.ok_or(unknown)?.state_at(&key, end.tip_number) {
                Ok(state) => state,
                // Its creation was reverted, or it has left the whitelist.
                Err(LookupError::UnknownPool { .. } | LookupError::Unsynced { .. }) => continue,
                Err(_) => return Err(unknown),
            };
            let update = if is_v2 {
                let (pool_id, reserves) = (pool(id), state.v2());
                let (reserve0, reserve1) = (reserves.reserve0, reserves.reserve1);
                UpstreamEpilogue::V2ReservesFinal { pool_id, reserve0, reserve1 }
            } else {
                let slot = state.v3().map_err(|_| unknown)?;
                UpstreamEpilogue::Slot0Final {
                    pool_id: pool(id),
                    protocol: concentrated(id),
                    state: UpstreamSlot0 {
                        sqrt_price_x96: slot.sqrt_price.get(),
                        liquidity: slot.liquidity.get(),
                        tick: slot.tick,
                    },
                }
            };
            let epilogue = UpstreamMessage::ReorgEpilogue {
                stream_seq: self.next_seq(),
                final_tip_block: end.tip_number,
                final_tip_timestamp: timestamp,
                update,
            };
            encode_upstream(&epilogue, out);
        }
        let (stream_seq, final_tip_block) = (self.next_seq(), end.tip_number);
        encode_upstream(&UpstreamMessage::ReorgComplete { stream_seq, final_tip_block }, out);
        Ok(())
    }

    /// Whether the reorg that ends needs states.
    pub(super) fn needs_states(&self) -> bool {
        !self.reserves.is_empty() || !self.prices.is_empty()
    }
}

const fn pool(id: &PoolId) -> UpstreamPool {
    match *id {
        PoolId::Address(address) => UpstreamPool::Address { address },
        PoolId::Id(id) => UpstreamPool::PoolId { id },
    }
}

/// Pools that are contracts are of V3 or a fork, records of the singleton are of V4.
const fn concentrated(id: &PoolId) -> UpstreamProtocol {
    match id {
        PoolId::Address(_) => UpstreamProtocol::UniswapV3,
        PoolId::Id(_) => UpstreamProtocol::UniswapV4,
    }
}

/// What upstream is told of an event; `None` for those that it does not send.
fn change(record: &EventRecord, is_revert: bool) -> Result<Option<Change>, UpstreamStreamError> {
    let id = &record.pool.id;
    match record.event {
        PoolEvent::V2Sync { .. } if is_revert => Ok(None),
        PoolEvent::V2Sync { reserve0, reserve1 } => {
            let update = UpstreamUpdate::V2Sync { reserve0, reserve1 };
            Ok(Some((UpstreamProtocol::UniswapV2, UpstreamUpdateType::Swap, update)))
        }
        PoolEvent::V3Swap { sqrt_price, liquidity, tick, .. }
        | PoolEvent::V4Swap { sqrt_price, liquidity, tick, .. }
        | PoolEvent::PancakeV3Swap { sqrt_price, liquidity, tick, .. } => {
            Ok(Some(swap(id, sqrt_price, liquidity, tick)))
        }
        PoolEvent::V3Mint { lower, upper, amount, .. } => {
            Ok(Some(range(id, (lower, upper), delta(id, amount)?)))
        }
        PoolEvent::V3Burn { lower, upper, amount, .. } => {
            Ok(Some(range(id, (lower, upper), -delta(id, amount)?)))
        }
        PoolEvent::V4ModifyLiquidity { lower, upper, delta } => {
            Ok(Some(range(id, (lower, upper), delta)))
        }
        PoolEvent::V2Created { .. }
        | PoolEvent::V2Swap { .. }
        | PoolEvent::V2Mint { .. }
        | PoolEvent::V2Burn { .. }
        | PoolEvent::V3Created { .. }
        | PoolEvent::V3Initialize { .. }
        | PoolEvent::V3SetFeeProtocol { .. }
        | PoolEvent::V4Initialize { .. }
        | PoolEvent::V4ProtocolFeeUpdated { .. }
        | PoolEvent::PancakeV3SetFeeProtocol { .. }
        | PoolEvent::TransferShortfall { .. } => Ok(None),
    }
}

fn swap(id: &PoolId, sqrt_price_x96: U256, liquidity: u128, tick: i32) -> Change {
    let update = match id {
        PoolId::Address(_) => UpstreamUpdate::V3Swap { sqrt_price_x96, liquidity, tick },
        PoolId::Id(_) => UpstreamUpdate::V4Swap { sqrt_price_x96, liquidity, tick },
    };
    (concentrated(id), UpstreamUpdateType::Swap, update)
}

/// Liquidity added to a range; zero, a poke, counts as taken away.
fn range(id: &PoolId, (tick_lower, tick_upper): (i32, i32), liquidity_delta: i128) -> Change {
    let update = match id {
        PoolId::Address(_) => {
            UpstreamUpdate::V3Liquidity { tick_lower, tick_upper, liquidity_delta }
        }
        PoolId::Id(_) => UpstreamUpdate::V4Liquidity { tick_lower, tick_upper, liquidity_delta },
    };
    let kind =
        if liquidity_delta > 0 { UpstreamUpdateType::Mint } else { UpstreamUpdateType::Burn };
    (concentrated(id), kind, update)
}

fn delta(id: &PoolId, amount: u128) -> Result<i128, UpstreamStreamError> {
    i128::try_from(amount).map_err(|_| UpstreamStreamError::Liquidity { pool: *id, amount })
}
