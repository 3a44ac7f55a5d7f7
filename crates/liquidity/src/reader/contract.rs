//! What the pool contracts say at one block hash.

use super::{NodeState, PoolRefusal, ReadError, abi};
use alloy_primitives::{
    Address, B256, Bytes, U256,
    aliases::{I24, U24},
};
use alloy_sol_types::SolCall;
use weir_amm::{Tick, TickSpacing};
use weir_follower::CallRequest;

/// A V2 pair.
#[derive(Debug, Clone)]
pub(crate) struct ContractV2 {
    pub(crate) token0: Address,
    pub(crate) token1: Address,
    pub(crate) factory: Address,
    pub(crate) reserve0: u128,
    pub(crate) reserve1: u128,
}

/// A V3 pool with all that its swaps depend on.
#[derive(Debug, Clone)]
pub(crate) struct ContractV3 {
    pub(crate) token0: Address,
    pub(crate) token1: Address,
    pub(crate) factory: Address,
    pub(crate) fee: u32,
    /// `slot0.feeProtocol`.
    pub(crate) fee_protocol: u32,
    pub(crate) range: Concentrated,
}

/// What a V3 pool fixes at its creation.
#[derive(Debug, Clone, Copy)]
pub(super) struct FactsV3 {
    pub(super) token0: Address,
    pub(super) token1: Address,
    pub(super) factory: Address,
    pub(super) fee: U24,
    pub(super) spacing: I24,
}

/// Price and liquidity of a V3 or V4 pool.
#[derive(Debug, Clone)]
pub(crate) struct Concentrated {
    pub(crate) spacing: TickSpacing,
    pub(crate) sqrt_price: U256,
    pub(crate) tick: i32,
    pub(crate) liquidity: u128,
    /// Every word of the bitmap that has a bit set, ascending.
    pub(crate) words: Vec<(i16, U256)>,
    /// Number of words read: all that the spacing allows.
    pub(crate) words_read: u64,
    /// Every tick whose bit is set, ascending: index, gross, net.
    pub(crate) ticks: Vec<(i32, u128, i128)>,
}

/// Reads contracts of one node at one block.
#[derive(Clone, Copy)]
pub(crate) struct ContractReader<'a> {
    pub(crate) node: &'a dyn NodeState,
    pub(crate) block_hash: B256,
}

impl ContractReader<'_> {
    pub(crate) async fn v2(&self, pool: Address) -> Result<ContractV2, ReadError> {
        let calls = [
            abi::V2Pair::token0Call {}.abi_encode(),
            abi::V2Pair::token1Call {}.abi_encode(),
            abi::V2Pair::factoryCall {}.abi_encode(),
            abi::V2Pair::getReservesCall {}.abi_encode(),
        ];
        let [token0, token1, factory, reserves] = self.call(pool, calls).await?;
        let reserves = decode::<abi::V2Pair::getReservesCall>(&reserves)?;
        Ok(ContractV2 {
            token0: decode::<abi::V2Pair::token0Call>(&token0)?,
            token1: decode::<abi::V2Pair::token1Call>(&token1)?,
            factory: decode::<abi::V2Pair::factoryCall>(&factory)?,
            reserve0: reserves.reserve0.to(),
            reserve1: reserves.reserve1.to(),
        })
    }

    pub(super) async fn v3_facts(&self, pool: Address) -> Result<FactsV3, ReadError> {
        let calls = [
            abi::V2Pair::token0Call {}.abi_encode(),
            abi::V2Pair::token1Call {}.abi_encode(),
            abi::V2Pair::factoryCall {}.abi_encode(),
            abi::V3Pool::feeCall {}.abi_encode(),
            abi::V3Pool::tickSpacingCall {}.abi_encode(),
        ];
        let [token0, token1, factory, fee, spacing] = self.call(pool, calls).await?;
        Ok(FactsV3 {
            token0: decode::<abi::V2Pair::token0Call>(&token0)?,
            token1: decode::<abi::V2Pair::token1Call>(&token1)?,
            factory: decode::<abi::V2Pair::factoryCall>(&factory)?,
            fee: decode::<abi::V3Pool::feeCall>(&fee)?,
            spacing: decode::<abi::V3Pool::tickSpacingCall>(&spacing)?,
        })
    }

    pub(crate) async fn v3(&self, pool: Address) -> Result<ContractV3, ReadError> {
        let facts = self.v3_facts(pool).await?;
        let calls =
            [abi::V3Pool::slot0Call {}.abi_encode(), abi::V3Pool::liquidityCall {}.abi_encode()];
        let [slot0, liquidity] = self.call(pool, calls).await?;
        let slot0 = decode::<abi::V3Pool::slot0Call>(&slot0)?;
        let spacing =
            TickSpacing::new(facts.spacing.as_i32()).map_err(|_| ReadError::NOT_A_POOL)?;
        let (words_read, words) = self.words(pool, spacing).await?;
        let ticks = self.ticks(pool, spacing, &words).await?;
        Ok(ContractV3 {
            token0: facts.token0,
            token1: facts.token1,
            factory: facts.factory,
            fee: facts.fee.to(),
            fee_protocol: slot0.feeProtocol,
            range: Concentrated {
                spacing,
                sqrt_price: slot0.sqrtPriceX96.to(),
                tick: slot0.tick.as_i32(),
                liquidity: decode::<abi::V3Pool::liquidityCall>(&liquidity)?,
                words,
                words_read,
                ticks,
            },
        })
    }

    /// All words that a tick in range can lie in, and those among them that are not zero.
    async fn words(
        &self,
        pool: Address,
        spacing: TickSpacing,
    ) -> Result<(u64, Vec<(i16, U256)>), ReadError> {
        let places = word_places(spacing);
        let call = |place: &i16| abi::V3Pool::tickBitmapCall { wordPosition: *place }.abi_encode();
        let answers = self.call_all(pool, places.iter().map(call)).await?;
        let mut words = Vec::new();
        for (place, answer) in places.iter().zip(&answers) {
            let bits = decode::<abi::V3Pool::tickBitmapCall>(answer)?;
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
    ) -> Result<Vec<(i32, u128, i128)>, ReadError> {
        let indices = tick_indices(spacing, words);
        let call = |index: &i32| {
            let tick = alloy_primitives::Signed::try_from(*index);
            let tick = tick.map_err(|_| ReadError::NOT_A_POOL)?;
            Ok(abi::V3Pool::ticksCall { tick }.abi_encode())
        };
        let calls = indices.iter().map(call).collect::<Result<Vec<_>, ReadError>>()?;
        let answers = self.call_all(pool, calls.into_iter()).await?;
        let mut ticks = Vec::with_capacity(indices.len());
        for (index, answer) in indices.iter().zip(&answers) {
            let tick = decode::<abi::V3Pool::ticksCall>(answer)?;
            ticks.push((*index, tick.liquidityGross, tick.liquidityNet));
        }
        Ok(ticks)
    }

    pub(super) async fn call<const N: usize>(
        &self,
        pool: Address,
        calls: [Vec<u8>; N],
    ) -> Result<[Bytes; N], ReadError> {
        let answers = self.call_all(pool, calls.into_iter()).await?;
        answers.try_into().map_err(|_| ReadError::NOT_A_POOL)
    }

    pub(super) async fn call_all(
        &self,
        pool: Address,
        calls: impl Iterator<Item = Vec<u8>>,
    ) -> Result<Vec<Bytes>, ReadError> {
        let calls: Vec<_> = calls.map(|data| CallRequest { to: pool, data: data.into() }).collect();
        let outcomes = self.node.call_many(calls, self.block_hash).await?;
        let returned = outcomes.iter().map(|outcome| outcome.returned().cloned());
        let returned: Option<Vec<Bytes>> = returned.collect();
        let returned = returned.ok_or(ReadError::NOT_A_POOL)?;
        if returned.iter().any(|bytes| bytes.is_empty()) && self.code(pool).await?.is_empty() {
            return Err(ReadError::Refused(PoolRefusal::NoContract));
        }
        Ok(returned)
    }

    async fn code(&self, pool: Address) -> Result<Bytes, ReadError> {
        self.node.code(pool, self.block_hash).await
    }
}

/// Every word of the bitmap that a tick in range can lie in.
pub(super) fn word_places(spacing: TickSpacing) -> Vec<i16> {
    let word = |tick: Tick| spacing.compress(tick.get()) >> 8;
    let places = word(Tick::MIN)..=word(Tick::MAX);
    places.map(|place| i16::try_from(place).expect("compressed ticks have 24 bits")).collect()
}

/// Every tick whose bit is set.
pub(super) fn tick_indices(spacing: TickSpacing, words: &[(i16, U256)]) -> Vec<i32> {
    let mut indices = Vec::new();
    for (place, bits) in words {
        let set = (0..256).filter(|bit| bits.bit(*bit as usize));
        indices.extend(set.map(|bit: i32| (i32::from(*place) * 256 + bit) * spacing.get()));
    }
    indices
}

pub(super) fn decode<C: SolCall>(answer: &Bytes) -> Result<C::Return, ReadError> {
    C::abi_decode_returns(answer).map_err(|_| ReadError::NOT_A_POOL)
}
