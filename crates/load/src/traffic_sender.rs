//! One account of a traffic stream: what it does next, and with what nonce.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::{
    LoadError, V2Pair, V3Pool, V4Pool, Wallet,
    calls_v4::{self, Amount, PROTOCOL_FEE_MAX},
    connection::{Connection, Reply},
    contracts::{Swapper, TestToken},
    deploy::{exact_in, mint_v3, tick},
    market::Market,
    traffic::Stream,
    workload::{Call, Choices, Fees},
};

/// Transactions of the stream that may wait for a block before its accounts pause.
const WAITING_MAX: usize = 10_000;
/// Positions that an account holds at most before it burns one.
const POSITIONS_MAX: usize = 8;
/// Swaps are 1 to this many thousandths of a unit.
const SWAP_MILLI_UNITS: u64 = 100;
/// A liquidity position is worth 1 to this many units on either side.
const MINT_UNITS: u64 = 3;
/// A V3 or V4 position reaches up to this many tick spacings to either side of the initial price.
const RANGE_SPACINGS: u64 = 40;
/// The highest fee that the hook sets, in millionths.
const DYNAMIC_FEE_MAX: u32 = 10_000;
const BASE_FEE_MARGIN: u128 = 3;

const TRANSFER_GAS: u64 = 21_000;
const TOKEN_GAS: u64 = 70_000;
const V2_GAS: u64 = 350_000;
const V3_GAS: u64 = 700_000;

/// An account with what it owns in pools.
#[derive(Debug)]
pub(crate) struct TrafficSender {
    stream: Arc<Stream>,
    wallet: Wallet,
    nonce: u64,
    choices: Choices,
    positions: Vec<Position>,
}

/// Liquidity that the account added in this run.
#[derive(Clone, Copy, Debug)]
enum Position {
    /// Tokens of a V2 pair.
    V2 { pair: Address, liquidity: u128 },
    /// A range of a V3 pool.
    V3 { pool: Address, range: (i32, i32), liquidity: u128 },
    /// A range of a V4 pool.
    V4 { pool: V4Pool, range: (i32, i32), liquidity: u128 },
}

impl TrafficSender {
    /// The account with its next nonce. What it does follows from `seed`, its address and that nonce.
    pub(crate) fn new(stream: Arc<Stream>, wallet: Wallet, nonce: u64, seed: u64) -> Self {
        let id =
            u64::from_be_bytes(wallet.address().0.0.first_chunk().copied().unwrap_or_default());
        let choices = Choices::new(seed, id, nonce);
        Self { stream, wallet, nonce, choices, positions: Vec::new() }
    }

    /// Sends a transaction each `period` until the stream stops.
    pub(crate) async fn run(
        mut self,
        mut node: Connection,
        first: std::time::Instant,
        period: Duration,
    ) -> Result<(), LoadError> {
        let mut due = interval_at(Instant::from_std(first), period);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.stream.stop.clone();
        loop {
            tokio::select! {
                _ = due.tick() => {}
                () = stop.cancelled() => return Ok(()),
            }
            if self.stream.waiting.lock().len() < WAITING_MAX {
                self.send_one(&mut node).await?;
            }
        }
    }

    async fn send_one(&mut self, node: &mut Connection) -> Result<(), LoadError> {
        let price = *self.stream.gas_price.borrow();
        let fees = Fees {
            max_fee: price.base_fee * BASE_FEE_MARGIN + price.priority_fee,
            priority_fee: price.priority_fee,
        };
        let owned = self.positions.clone();
        let call = self.next_call();
        let signed = self.wallet.sign(call.transaction(self.stream.chain_id, self.nonce, fees));
        // Before it is sent: a block may be seen before the answer.
        self.stream.waiting.lock().insert(signed.hash);
        let answer = node.post(signed.request).await?;
        let accepted = matches!(
            serde_json::from_slice::<Reply<'_>>(&answer),
            Ok(Reply { result: Some(_), error: None, .. })
        );
        if accepted {
            self.nonce += 1;
            self.stream.counters.send_modify(|counters| counters.accepted += 1);
            return Ok(());
        }
        // What was refused has changed no position.
        self.positions = owned;
        self.stream.waiting.lock().remove(&signed.hash);
        self.stream.counters.send_modify(|counters| counters.rejected += 1);
        self.nonce = self.nonce_at(node).await?;
        Ok(())
    }

    /// The node's view of the nonce: after a refusal it is the one that counts.
    async fn nonce_at(&self, node: &mut Connection) -> Result<u64, LoadError> {
        let params = json!([self.wallet.address(), "pending"]);
        let nonce: alloy_primitives::U64 = node.call("eth_getTransactionCount", params).await?;
        Ok(nonce.to())
    }

    fn next_call(&mut self) -> Call {
        let full = self.positions.len() >= POSITIONS_MAX;
        match self.choices.below(30) {
            0..=3 => self.transfer(),
            4..=6 => self.token_transfer(),
            7..=12 => self.swap_v2(),
            13..=18 => self.swap_v3(),
            19..=23 => self.swap_v4(),
            24..=25 if !full => self.mint_v3(),
            26 if !full => self.mint_v2(),
            27 if !full => self.mint_v4(),
            28 => self.set_fee(),
            _ => self.burn(),
        }
    }

    fn transfer(&mut self) -> Call {
        let to = *self.choices.one_of(&self.stream.accounts);
        let value = U256::from(1 + self.choices.below(1_000_000));
        Call { to, value, input: Bytes::new(), gas_limit: TRANSFER_GAS }
    }

    fn token_transfer(&mut self) -> Call {
        let deployment = &self.stream.deployment;
        let token =
            *self.choices.one_of(&[deployment.weth, deployment.token_a, deployment.token_b]);
        let to = *self.choices.one_of(&self.stream.accounts);
        let amount = U256::from(self.choices.amount(token, SWAP_MILLI_UNITS));
        Call::contract(
            token.address,
            TestToken::transferCall { to, amount }.abi_encode(),
            TOKEN_GAS,
        )
    }

    fn swap_v2(&mut self) -> Call {
        let V2Pair { address, token0, token1 } =
            *self.choices.one_of(&self.stream.deployment.pairs);
        let zero_for_one = self.choices.coin();
        let token = if zero_for_one { token0 } else { token1 };
        let amount = U256::from(self.choices.amount(token, SWAP_MILLI_UNITS));
        let call = Swapper::swapV2Call {
            pair: address,
            zeroForOne: zero_for_one,
            amountIn: amount,
            own: false,
        };
        self.swapper(call.abi_encode(), V2_GAS)
    }

    fn swap_v3(&mut self) -> Call {
        let pool = *self.choices.one_of(&self.stream.deployment.pools);
        let zero_for_one = self.choices.coin();
        let exact_out = self.choices.below(4) == 0;
        let token = if zero_for_one != exact_out { pool.token0 } else { pool.token1 };
        let amount = exact_in(self.choices.amount(token, SWAP_MILLI_UNITS));
        let amount = if exact_out { -amount } else { amount };
        let call = Swapper::swapV3Call {
            pool: pool.address,
            zeroForOne: zero_for_one,
            amount,
            own: false,
        };
        self.swapper(call.abi_encode(), V3_GAS)
    }

    fn mint_v2(&mut self) -> Call {
        let V2Pair { address, token0, token1 } =
            *self.choices.one_of(&self.stream.deployment.pairs);
        let units = u128::from(1 + self.choices.below(MINT_UNITS));
        let (amount0, amount1) =
            (U256::from(token0.per_unit * units), U256::from(token1.per_unit * units));
        // What the pair gives depends on its price then; half of the value at the initial price is surely there.
        let liquidity: u128 = (amount0 * amount1).root(2).saturating_to::<u128>() / 2;
        self.positions.push(Position::V2 { pair: address, liquidity });
        let call = Swapper::mintV2Call { pair: address, amount0, amount1, own: false };
        self.swapper(call.abi_encode(), V2_GAS)
    }

    fn mint_v3(&mut self) -> Call {
        let pool: V3Pool = *self.choices.one_of(&self.stream.deployment.pools);
        let (range, liquidity) = self.place(pool.market());
        self.positions.push(Position::V3 { pool: pool.address, range, liquidity });
        self.swapper(mint_v3(&pool, range, liquidity, false).abi_encode(), V3_GAS)
    }

    /// A range near the initial price, and liquidity for it.
    fn place(&mut self, market: Market) -> ((i32, i32), u128) {
        let liquidity = market.liquidity(u128::from(1 + self.choices.below(MINT_UNITS)));
        let from = self.choices.below(RANGE_SPACINGS) as i32 - RANGE_SPACINGS as i32 / 2;
        let width = 1 + self.choices.below(RANGE_SPACINGS) as i32;
        (market.range(from, from + width), liquidity)
    }

    fn swap_v4(&mut self) -> Call {
        let pool = *self.choices.one_of(&self.stream.deployment.v4.pools);
        let zero_for_one = self.choices.coin();
        let exact_out = self.choices.below(4) == 0;
        let token = if zero_for_one != exact_out { pool.token0 } else { pool.token1 };
        let amount = self.choices.amount(token, SWAP_MILLI_UNITS);
        let amount = if exact_out { Amount::Out(amount) } else { Amount::In(amount) };
        calls_v4::swap(&self.stream.deployment, &pool, zero_for_one, amount, false)
    }

    fn mint_v4(&mut self) -> Call {
        let pool = *self.choices.one_of(&self.stream.deployment.v4.pools);
        let (range, liquidity) = self.place(pool.market());
        self.positions.push(Position::V4 { pool, range, liquidity });
        let delta = liquidity.cast_signed();
        calls_v4::modify(&self.stream.deployment, &pool, range, delta, false)
    }

    /// Changes what the protocol takes in a V4 pool, or the fee of the pool whose hook sets it.
    fn set_fee(&mut self) -> Call {
        let deployment = &self.stream.deployment;
        if self.choices.coin() {
            let fee = self.choices.below(u64::from(DYNAMIC_FEE_MAX) + 1);
            return calls_v4::set_fee(deployment, fee as u32);
        }
        let pool = *self.choices.one_of(&deployment.v4.pools);
        let [zero_for_one, one_for_zero] =
            [(); 2].map(|()| self.choices.below(u64::from(PROTOCOL_FEE_MAX) + 1) as u32);
        calls_v4::set_protocol_fee(deployment, &pool, (zero_for_one, one_for_zero))
    }

    /// Takes liquidity out again, or swaps if there is none.
    fn burn(&mut self) -> Call {
        if self.positions.is_empty() {
            return self.swap_v3();
        }
        let index = self.choices.below(self.positions.len() as u64) as usize;
        match self.positions.swap_remove(index) {
            Position::V2 { pair, liquidity } => {
                let call =
                    Swapper::burnV2Call { pair, liquidity: U256::from(liquidity), own: false };
                self.swapper(call.abi_encode(), V2_GAS)
            }
            Position::V3 { pool, range: (lower, upper), liquidity } => {
                let (lower, upper) = (tick(lower), tick(upper));
                let call = Swapper::burnV3Call { pool, lower, upper, liquidity, own: false };
                self.swapper(call.abi_encode(), V3_GAS)
            }
            Position::V4 { pool, range, liquidity } => {
                let delta = -liquidity.cast_signed();
                calls_v4::modify(&self.stream.deployment, &pool, range, delta, false)
            }
        }
    }

    fn swapper(&self, input: Vec<u8>, gas_limit: u64) -> Call {
        Call::contract(self.stream.deployment.swapper, input, gas_limit)
    }
}
