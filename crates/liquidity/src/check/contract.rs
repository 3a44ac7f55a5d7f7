//! What the pool contracts say at one block hash.

use super::{CheckError, abi};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use weir_amm::{Tick, TickSpacing};
use weir_follower::{CallRequest, ChainClient};

/// A V2 pair.
#[derive(Debug, Clone)]
pub(super) struct ContractV2 {
    pub(super) token0: Address,
    pub(super) token1: Address,
    pub(super) reserve0: u128,
    pub(super) reserve1: u128,
}

/// A V3 pool with all that its swaps depend on.
#[derive(Debug, Clone)]
pub(super) struct ContractV3 {
    pub(super) token0: Address,
    pub(super) token1: Address,
    pub(super) fee: u32,
    pub(super) spacing: TickSpacing,
    pub(super) sqrt_price: U256,
    pub(super) tick: i32,
    pub(super) liquidity: u128,
    /// Every word of the bitmap that has a bit set, ascending.
    pub(super) words: Vec<(i16, U256)>,
    /// Number of words read: all that the spacing allows.
    pub(super) words_read: u64,
    /// Every tick whose bit is set, ascending: index, gross, net.
    pub(super) ticks: Vec<(i32, u128, i128)>,
}

/// Reads contracts of one node at one block.
#[derive(Debug, Clone, Copy)]
pub(super) struct ContractReader<'a> {
    pub(super) node: &'a ChainClient,
    pub(super) block_hash: B256,
}

impl ContractReader<'_> {
    pub(super) async fn v2(&self, pool: Address) -> Result<ContractV2, CheckError> {
        let calls = [
            abi::V2Pair::token0Call {}.abi_encode(),
            abi::V2Pair::token1Call {}.abi_encode(),
            abi::V2Pair::getReservesCall {}.abi_encode(),
        ];
        let [token0, token1, reserves] = self.call(pool, calls).await?;
        let reserves = decode::<abi::V2Pair::getReservesCall>(pool, &reserves)?;
        Ok(ContractV2 {
            token0: decode::<abi::V2Pair::token0Call>(pool, &token0)?,
            token1: decode::<abi::V2Pair::token1Call>(pool, &token1)?,
            reserve0: reserves.reserve0.to(),
            reserve1: reserves.reserve1.to(),
        })
    }

    pub(super) async fn v3(&self, pool: Address) -> Result<ContractV3, CheckError> {
        let calls = [
            abi::V2Pair::token0Call {}.abi_encode(),
            abi::V2Pair::token1Call {}.abi_encode(),
            abi::V3Pool::feeCall {}.abi_encode(),
            abi::V3Pool::tickSpacingCall {}.abi_encode(),
            abi::V3Pool::slot0Call {}.abi_encode(),
            abi::V3Pool::liquidityCall {}.abi_encode(),
        ];
        let [token0, token1, fee, spacing, slot0, liquidity] = self.call(pool, calls).await?;
        let slot0 = decode::<abi::V3Pool::slot0Call>(pool, &slot0)?;
        let spacing = decode::<abi::V3Pool::tickSpacingCall>(pool, &spacing)?;
        let spacing =
            TickSpacing::new(spacing.as_i32()).map_err(|_| CheckError::NotAPool { pool })?;
        let (words_read, words) = self.words(pool, spacing).await?;
        let ticks = self.ticks(pool, spacing, &words).await?;
        Ok(ContractV3 {
            token0: decode::<abi::V2Pair::token0Call>(pool, &token0)?,
            token1: decode::<abi::V2Pair::token1Call>(pool, &token1)?,
            fee: decode::<abi::V3Pool::feeCall>(pool, &fee)?.to(),
            spacing,
            sqrt_price: slot0.sqrtPriceX96.to(),
            tick: slot0.tick.as_i32(),
            liquidity: decode::<abi::V3Pool::liquidityCall>(pool, &liquidity)?,
            words,
            words_read,
            ticks,
        })
    }

    /// All words that a tick in range can lie in, and those among them that are not zero.
    async fn words(
        &self,
        pool: Address,
        spacing: TickSpacing,
    ) -> Result<(u64, Vec<(i16, U256)>), CheckError> {
        let word = |tick: Tick| spacing.compress(tick.get()) >> 8;
        let places: Vec<i16> = (word(Tick::MIN)..=word(Tick::MAX))
            .map(|place| i16::try_from(place).expect("compressed ticks have 24 bits"))
            .collect();
        let call = |place: &i16| abi::V3Pool::tickBitmapCall { wordPosition: *place }.abi_encode();
        let answers = self.call_all(pool, places.iter().map(call)).await?;
        let mut words = Vec::new();
        for (place, answer) in places.iter().zip(&answers) {
            let bits = decode::<abi::V3Pool::tickBitmapCall>(pool, answer)?;
            if !bits.is_zero() {
                words.push((*place, bits));
            }
        }
        Ok((places.len() as u64, words))
    }

    async fn ticks(
        &self,
        pool: Address,
        spacing: TickSpacing,
        words: &[(i16, U256)],
    ) -> Result<Vec<(i32, u128, i128)>, CheckError> {
        let mut indices = Vec::new();
        for (place, bits) in words {
            let set = (0..256).filter(|bit| bits.bit(*bit as usize));
            indices.extend(set.map(|bit: i32| (i32::from(*place) * 256 + bit) * spacing.get()));
        }
        let call = |index: &i32| {
            let tick = alloy_primitives::Signed::try_from(*index);
            let tick = tick.map_err(|_| CheckError::NotAPool { pool })?;
            Ok(abi::V3Pool::ticksCall { tick }.abi_encode())
        };
        let calls = indices.iter().map(call).collect::<Result<Vec<_>, CheckError>>()?;
        let answers = self.call_all(pool, calls.into_iter()).await?;
        let mut ticks = Vec::with_capacity(indices.len());
        for (index, answer) in indices.iter().zip(&answers) {
            let tick = decode::<abi::V3Pool::ticksCall>(pool, answer)?;
            ticks.push((*index, tick.liquidityGross, tick.liquidityNet));
        }
        Ok(ticks)
    }

    async fn call<const N: usize>(
        &self,
        pool: Address,
        calls: [Vec<u8>; N],
    ) -> Result<[Bytes; N], CheckError> {
        let answers = self.call_all(pool, calls.into_iter()).await?;
        answers.try_into().map_err(|_| CheckError::NotAPool { pool })
    }

    async fn call_all(
        &self,
        pool: Address,
        calls: impl Iterator<Item = Vec<u8>>,
    ) -> Result<Vec<Bytes>, CheckError> {
        let calls: Vec<_> = calls.map(|data| CallRequest { to: pool, data: data.into() }).collect();
        let outcomes = self.node.call_many(&calls, self.block_hash).await;
        let outcomes = outcomes.map_err(|source| CheckError::Node { source })?;
        let returned = outcomes.iter().map(|outcome| outcome.returned().cloned());
        returned.collect::<Option<_>>().ok_or(CheckError::NotAPool { pool })
    }
}

fn decode<C: SolCall>(pool: Address, answer: &Bytes) -> Result<C::Return, CheckError> {
    C::abi_decode_returns(answer).map_err(|_| CheckError::NotAPool { pool })
}
