//! A pool as `uniswap-v3-sdk` holds it.

use crate::pool_world::{CHAIN_ID, TOKEN0, TOKEN1, V3Book};
use alloy_primitives::{Address, U160, U256};
use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};
use uniswap_v3_sdk::prelude::{
    FeeAmount, Pool, Tick, TickListDataProvider,
    sdk_core::prelude::{CurrencyAmount, FractionBase, FromBig, ToBig, Token},
};
use weir_amm::Direction;

/// The peer's pool with its tokens.
#[derive(Debug)]
pub struct SdkPool {
    pool: Pool<TickListDataProvider>,
    tokens: [Token; 2],
}

impl SdkPool {
    /// The same pool.
    pub fn of(book: &V3Book) -> Self {
        let token = |address: Address| Token::new(CHAIN_ID, address, 18, None, None, 0, 0);
        let tokens = [token(TOKEN0), token(TOKEN1)];
        let tick = |(tick, info): (weir_amm::Tick, weir_amm::TickInfo)| {
            Tick::new(tick.get(), info.gross, info.net)
        };
        let ticks = TickListDataProvider::new(book.ticks.iter().map(tick).collect(), 60);
        let pool = Pool::new_with_tick_data_provider(
            tokens[0].clone(),
            tokens[1].clone(),
            FeeAmount::MEDIUM,
            U160::from(book.slot.sqrt_price.get()),
            book.slot.liquidity.get(),
            ticks,
        );
        Self { pool: pool.expect("a possible pool"), tokens }
    }

    /// What comes out. The peer is asynchronous for the sake of ticks that a node is asked for; these are at hand.
    pub fn quote(&self, way: Direction, amount: U256) -> U256 {
        let token = &self.tokens[usize::from(!way.is_zero_for_one())];
        let amount = CurrencyAmount::from_raw_amount(token.clone(), amount.to_big_int());
        let amount = amount.expect("a possible amount");
        let mut quote = pin!(self.pool.get_output_amount(&amount, None));
        match quote.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(out) => U256::from_big_int(out.expect("deep").quotient()),
            Poll::Pending => unreachable!("all ticks are at hand"),
        }
    }
}
