//! The states of all pools at one block, for consumers that begin with nothing.

use alloy_primitives::{Address, B256};
use weir_amm::{Tick, TickInfo, V4Fees};
use weir_arena::{
    Hydration, LookupError, LpFeeSource, Pool, PoolArena, PoolId, PoolKey, PoolSnapshot, PoolState,
    PoolStatic, PoolStatus, Protocol, SwapState52, V4State,
};
use weir_primitives::BlockRef;

/// Opens a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotBegin {
    /// The chain.
    pub chain_id: u64,
    /// The producer's epoch.
    pub epoch: u64,
    /// Sequence number of the first record after the block.
    pub next_seq: u64,
    /// The block at whose end the pools are.
    pub block: BlockRef,
    /// How many pools follow.
    pub pools: u32,
}

/// Where the producer has a V4 pool's fee from, when hooks set it without an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum SnapshotFeeSource {
    /// From the pool's key: it never changes.
    #[default]
    Static = 0,
    /// From nowhere: it is not known.
    Unknown = 1,
    /// From a swap.
    Learned = 2,
    /// From storage, at this block or an older one.
    Read = 3,
}

/// Fees of a pool, in its protocol's own terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolFees {
    /// V4: the fee of liquidity providers in millionths, as in `slot0`, below 2^24; zero for other protocols.
    pub lp: u32,
    /// V4: where that fee is from.
    pub lp_source: SnapshotFeeSource,
    /// V3: denominator of the protocol's share of token0 fees; PancakeSwap: the share in ten-thousandths. V4: protocol fee
    /// in millionths of swaps from token0.
    pub protocol0: u32,
    /// The same of token1.
    pub protocol1: u32,
}

/// One pool of a snapshot. Its ticks follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotPool {
    /// Its place among the pools, from zero.
    pub index: u32,
    /// Its name.
    pub pool: PoolId,
    /// Its arithmetic.
    pub protocol: Protocol,
    /// Whether that is known; a V3 pool of an unknown factory is Uniswap's by assumption.
    pub is_fork_settled: bool,
    /// Whether the state may be used.
    pub status: PoolStatus,
    /// Which of its tokens is known to deliver less than is sent.
    pub falls_short: (bool, bool),
    /// The token with the lower address.
    pub token0: Address,
    /// The token with the higher address.
    pub token1: Address,
    /// Who created it; zero if unknown.
    pub factory: Address,
    /// Its hooks; zero unless it is of V4.
    pub hooks: Address,
    /// Swap fee in millionths.
    pub fee_pips: u32,
    /// Distance between usable ticks; zero for pools without ticks.
    pub tick_spacing: i32,
    /// Decimals of the tokens, where known.
    pub decimals: Option<(u8, u8)>,
    /// What the next swap starts from; zero if the state is not known.
    pub state: SwapState52,
    /// Its fees.
    pub fees: PoolFees,
    /// How many ticks follow.
    pub ticks: u32,
}

/// One initialized tick of the pool before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotTick {
    /// The pool's place.
    pub pool: u32,
    /// The tick's place among the pool's, from zero.
    pub index: u32,
    /// The tick; they rise.
    pub tick: i32,
    /// Liquidity of all positions that begin or end there.
    pub gross: u128,
    /// What is added to the active liquidity when the price rises through it.
    pub net: i128,
}

/// Closes a snapshot. Only now may any of it be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotEnd {
    /// How many pools there were.
    pub pools: u32,
    /// SHA-256 of all frames of the snapshot before this one.
    pub digest: B256,
}

/// A whole pool of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPool {
    /// Everything but the ticks.
    pub pool: SnapshotPool,
    /// Its initialized ticks, rising.
    pub ticks: Vec<SnapshotTick>,
}

/// A whole snapshot, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSnapshot {
    /// The chain.
    pub chain_id: u64,
    /// The producer's epoch.
    pub epoch: u64,
    /// Sequence number of the first record after the block.
    pub next_seq: u64,
    /// The block at whose end the pools are.
    pub block: BlockRef,
    /// The pools.
    pub pools: Vec<FeedPool>,
}

impl FeedSnapshot {
    /// Makes `arena` continue from the snapshot: its block becomes the tip, its pools join with their states. Pools that
    /// the arena has and the snapshot has not stay, unsynced; so do pools that are halted at the producer.
    ///
    /// # Errors
    /// If a pool contradicts what the arena holds or is not possible; the arena is of no use then.
    pub fn restore(&self, arena: &mut PoolArena) -> Result<(), LookupError> {
        arena.restart_at(self.block);
        for pool in &self.pools {
            let statics = pool.statics(self.chain_id);
            arena.add_pool(statics)?;
            if !pool.pool.is_fork_settled {
                arena.assume_fork(&statics.key)?;
            }
            for (is_short, is_token1) in
                [(pool.pool.falls_short.0, false), (pool.pool.falls_short.1, true)]
            {
                if is_short {
                    arena.note_shortfall(&statics.key, is_token1, self.block.number)?;
                }
            }
            if let Some(hydration) = pool.hydration(statics.key)? {
                arena.hydrate(&statics.key, self.block.hash, hydration)?;
                // A fee that was read may be of an older block: nothing says that it is of this one.
                let block = self.block.number.saturating_sub(1);
                let source = match pool.pool.fees.lp_source {
                    SnapshotFeeSource::Static => LpFeeSource::Static,
                    SnapshotFeeSource::Unknown => LpFeeSource::Unknown,
                    SnapshotFeeSource::Learned => LpFeeSource::Learned { block },
                    SnapshotFeeSource::Read => LpFeeSource::Read { block },
                };
                arena.set_lp_source(&statics.key, source)?;
            }
        }
        Ok(())
    }
}

impl FeedPool {
    pub(crate) fn of(index: u32, pool: &Pool) -> Self {
        let statics = pool.statics();
        let status = pool.status();
        let is_known = status != PoolStatus::Unsynced;
        let (fees, ticks) = match pool.state() {
            PoolState::V3(state) if is_known => {
                let fees = v3_fees(statics.protocol, state.fee_protocol);
                (fees, ticks_of(index, state.ticks.iter()))
            }
            PoolState::V4(state) if is_known => {
                (v4_fees(state), ticks_of(index, state.ticks.iter()))
            }
            PoolState::V2(_) | PoolState::V3(_) | PoolState::V4(_) => {
                (PoolFees::default(), Vec::new())
            }
        };
        let unknown = SwapState52([0; SwapState52::BYTES]);
        let pool = SnapshotPool {
            index,
            pool: statics.key.id,
            protocol: statics.protocol,
            is_fork_settled: pool.is_fork_settled(),
            status,
            falls_short: falls_short(pool),
            token0: statics.token0,
            token1: statics.token1,
            factory: statics.factory,
            hooks: statics.hooks,
            fee_pips: statics.fee_pips,
            tick_spacing: statics.tick_spacing,
            decimals: statics.decimals,
            state: if is_known { pool.state().swap_state() } else { unknown },
            fees,
            ticks: u32::try_from(ticks.len()).unwrap_or(u32::MAX),
        };
        Self { pool, ticks }
    }

    /// The unchanging facts.
    pub const fn statics(&self, chain_id: u64) -> PoolStatic {
        let pool = &self.pool;
        PoolStatic {
            key: PoolKey { chain_id, id: pool.pool },
            protocol: pool.protocol,
            token0: pool.token0,
            token1: pool.token1,
            fee_pips: pool.fee_pips,
            tick_spacing: pool.tick_spacing,
            factory: pool.factory,
            hooks: pool.hooks,
            decimals: pool.decimals,
        }
    }

    /// The state for an arena; `None` if it must not be used.
    fn hydration(&self, key: PoolKey) -> Result<Option<Hydration>, LookupError> {
        let pool = &self.pool;
        if matches!(pool.status, PoolStatus::Unsynced | PoolStatus::Halted) {
            return Ok(None);
        }
        let bad = LookupError::BadState { pool: key };
        Ok(Some(match pool.protocol {
            Protocol::UniswapV2 => Hydration::V2(pool.state.v2()),
            Protocol::UniswapV3 | Protocol::PancakeV3 => Hydration::V3 {
                slot: pool.state.v3().map_err(|_| bad)?,
                fee_protocol: v3_fee_protocol(pool.protocol, pool.fees).ok_or(bad)?,
                ticks: self.hydrated_ticks().ok_or(bad)?,
            },
            Protocol::UniswapV4 => Hydration::V4 {
                slot: pool.state.v3().map_err(|_| bad)?,
                fees: V4Fees {
                    lp: pool.fees.lp,
                    zero_for_one: u16::try_from(pool.fees.protocol0).map_err(|_| bad)?,
                    one_for_zero: u16::try_from(pool.fees.protocol1).map_err(|_| bad)?,
                },
                ticks: self.hydrated_ticks().ok_or(bad)?,
            },
        }))
    }

    fn hydrated_ticks(&self) -> Option<Vec<(Tick, TickInfo)>> {
        let tick = |tick: &SnapshotTick| {
            let info = TickInfo { gross: tick.gross, net: tick.net };
            Some((Tick::new(tick.tick).ok()?, info))
        };
        self.ticks.iter().map(tick).collect()
    }
}

fn falls_short(pool: &Pool) -> (bool, bool) {
    let token = pool.shortfall().map(|shortfall| shortfall.token);
    let statics = pool.statics();
    (token == Some(statics.token0), token == Some(statics.token1))
}

fn ticks_of(pool: u32, ticks: impl Iterator<Item = (Tick, TickInfo)>) -> Vec<SnapshotTick> {
    let tick = |(index, (tick, info)): (u32, (Tick, TickInfo))| SnapshotTick {
        pool,
        index,
        tick: tick.get(),
        gross: info.gross,
        net: info.net,
    };
    (0..).zip(ticks).map(tick).collect()
}

/// Bits of each half of `slot0.feeProtocol`; token0 has the low one.
const fn fee_protocol_bits(protocol: Protocol) -> u32 {
    match protocol {
        Protocol::PancakeV3 => 16,
        Protocol::UniswapV2 | Protocol::UniswapV3 | Protocol::UniswapV4 => 4,
    }
}

const fn v3_fees(protocol: Protocol, fee_protocol: u32) -> PoolFees {
    let bits = fee_protocol_bits(protocol);
    let protocol0 = fee_protocol & ((1 << bits) - 1);
    let lp_source = SnapshotFeeSource::Static;
    PoolFees { lp: 0, lp_source, protocol0, protocol1: fee_protocol >> bits }
}

fn v3_fee_protocol(protocol: Protocol, fees: PoolFees) -> Option<u32> {
    let bits = fee_protocol_bits(protocol);
    let is_narrow = |fee: u32| fee < 1 << bits;
    let is_possible = is_narrow(fees.protocol0) && is_narrow(fees.protocol1);
    is_possible.then_some(fees.protocol0 | (fees.protocol1 << bits))
}

fn v4_fees(state: &V4State) -> PoolFees {
    PoolFees {
        lp: state.fees.lp,
        lp_source: match state.lp_source {
            LpFeeSource::Static => SnapshotFeeSource::Static,
            LpFeeSource::Unknown => SnapshotFeeSource::Unknown,
            LpFeeSource::Learned { .. } => SnapshotFeeSource::Learned,
            LpFeeSource::Read { .. } => SnapshotFeeSource::Read,
        },
        protocol0: state.fees.zero_for_one.into(),
        protocol1: state.fees.one_for_zero.into(),
    }
}

/// The pools of a snapshot in the order of their indices.
pub(crate) fn pools_of(snapshot: &PoolSnapshot) -> impl Iterator<Item = FeedPool> {
    (0..).zip(snapshot.pools()).map(|(index, (_, pool))| FeedPool::of(index, pool))
}
