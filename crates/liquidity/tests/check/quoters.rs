//! Every quote of the arena against Uniswap's own quoters, after every block of mixed traffic.

use crate::{anvil::CHAIN, blocks::Blocks, deployed::Deployed};
use alloy_primitives::{
    Address, B256, Bytes, U256,
    aliases::{I24, U24},
    keccak256,
};
use alloy_sol_types::{SolCall, SolValue, sol};
use std::collections::BTreeMap;
use weir_amm::{Direction, SwapKind};
use weir_arena::{ArenaConfig, Discovery, Grade, GradeReason, Pool, PoolArena, Protocol};
use weir_follower::CallRequest;
use weir_primitives::{ChainSegment, ChainUpdate, ExecutedBlock};

sol! {
    struct PoolKey {
        address currency0;
        address currency1;
        uint24 fee;
        int24 tickSpacing;
        address hooks;
    }

    struct QuoteExactSingleParams {
        PoolKey poolKey;
        bool zeroForOne;
        uint128 exactAmount;
        bytes hookData;
    }

    interface V4Quoter {
        function quoteExactInputSingle(QuoteExactSingleParams params)
            external
            returns (uint256 amount, uint256 gasEstimate);
        function quoteExactOutputSingle(QuoteExactSingleParams params)
            external
            returns (uint256 amount, uint256 gasEstimate);
    }

    struct QuoteSingleParams {
        address tokenIn;
        address tokenOut;
        uint256 amount;
        uint24 fee;
        uint160 sqrtPriceLimitX96;
    }

    interface QuoterV2 {
        function quoteExactInputSingle(QuoteSingleParams params)
            external
            returns (uint256 amount, uint160 sqrtPriceX96After, uint32 ticksCrossed, uint256 gasEstimate);
        function quoteExactOutputSingle(QuoteSingleParams params)
            external
            returns (uint256 amount, uint160 sqrtPriceX96After, uint32 ticksCrossed, uint256 gasEstimate);
    }
}

/// One question, put to the arena and to a quoter.
struct Question {
    direction: Direction,
    kind: SwapKind,
}

impl Question {
    /// Both directions, exact input and exact output. Amounts that look random, up to 30 units: liquidity of 50 is over
    /// the whole range, more of it near the first price.
    fn all(pool: &Pool, worth: [u128; 2], salt: (u64, usize)) -> Vec<Self> {
        let mut questions = Vec::new();
        for (direction, [token_in, token_out]) in
            [(Direction::ZeroForOne, [0, 1]), (Direction::OneForZero, [1, 0])]
        {
            for (is_out, token) in [(false, token_in), (true, token_out)] {
                let mixed = (pool.statics().token1, salt.0, U256::from(salt.1), token, is_out);
                let dice = U256::from_be_bytes(keccak256(mixed.abi_encode()).0);
                // Evenly by magnitude: dust as often as whole ranges.
                let most = (U256::from(worth[token as usize]) * U256::from(30)) >> (salt.1 % 20);
                let amount = dice % most + U256::from(1);
                let kind =
                    if is_out { SwapKind::ExactOut(amount) } else { SwapKind::ExactIn(amount) };
                questions.push(Self { direction, kind });
            }
        }
        questions
    }

    /// The other amount, by the arena.
    fn of_arena(&self, pool: &Pool) -> Option<U256> {
        let (amount_in, amount_out) = pool.quote(self.direction, self.kind).ok()?;
        Some(match self.kind {
            SwapKind::ExactIn(_) => amount_out,
            SwapKind::ExactOut(_) => amount_in,
        })
    }

    fn amount(&self) -> (bool, U256) {
        match self.kind {
            SwapKind::ExactIn(amount) => (false, amount),
            SwapKind::ExactOut(amount) => (true, amount),
        }
    }

    fn v3_call(&self, pool: &Pool) -> Vec<u8> {
        let statics = pool.statics();
        let (token_in, token_out) = match self.direction {
            Direction::ZeroForOne => (statics.token0, statics.token1),
            Direction::OneForZero => (statics.token1, statics.token0),
        };
        let (is_out, amount) = self.amount();
        let params = QuoteSingleParams {
            tokenIn: token_in,
            tokenOut: token_out,
            amount,
            fee: U24::from(statics.fee_pips),
            sqrtPriceLimitX96: Default::default(),
        };
        if is_out {
            QuoterV2::quoteExactOutputSingleCall { params }.abi_encode()
        } else {
            QuoterV2::quoteExactInputSingleCall { params }.abi_encode()
        }
    }

    fn v4_call(&self, pool: &Pool) -> Vec<u8> {
        let statics = pool.statics();
        let key = PoolKey {
            currency0: statics.token0,
            currency1: statics.token1,
            fee: U24::from(statics.fee_pips),
            tickSpacing: I24::try_from(statics.tick_spacing).unwrap(),
            hooks: statics.hooks,
        };
        let (is_out, amount) = self.amount();
        let params = QuoteExactSingleParams {
            poolKey: key,
            zeroForOne: self.direction == Direction::ZeroForOne,
            exactAmount: amount.to(),
            hookData: Bytes::new(),
        };
        if is_out {
            V4Quoter::quoteExactOutputSingleCall { params }.abi_encode()
        } else {
            V4Quoter::quoteExactInputSingleCall { params }.abi_encode()
        }
    }
}

/// Compares all pools at one block; counts what was compared, by protocol.
struct Round<'a> {
    deployed: &'a Deployed,
    arena: &'a PoolArena,
    number: u64,
    hash: B256,
}

impl Round<'_> {
    async fn compare(&self, counts: &mut BTreeMap<&'static str, u64>) {
        let (mut calls, mut expected) = (Vec::new(), Vec::new());
        for (index, (_, pool)) in self.arena.pools().enumerate() {
            let statics = pool.statics();
            let name = match statics.protocol {
                Protocol::UniswapV2 => continue,
                Protocol::UniswapV4 if !is_told(pool) => continue,
                protocol => protocol.name(),
            };
            let worth = [statics.token0, statics.token1].map(|token| self.worth(token));
            for question in Question::all(pool, worth, (self.number, index)) {
                let (to, data) = match statics.protocol {
                    Protocol::UniswapV4 => {
                        (self.deployed.deployment.v4.quoter, question.v4_call(pool))
                    }
                    _ => (self.deployed.quoter_v2, question.v3_call(pool)),
                };
                calls.push(CallRequest { to, data: data.into() });
                let what = format!("{} {:?} {:?}", statics.key, question.direction, question.kind);
                expected.push((what, question.of_arena(pool)));
                *counts.entry(name).or_default() += 1;
            }
        }
        let answers = self.deployed.node.client.call_many(&calls, self.hash).await.unwrap();
        for ((what, expected), answer) in expected.into_iter().zip(answers) {
            let amount = answer.returned().map(|bytes| U256::from_be_slice(&bytes[..32]));
            assert_eq!(amount, expected, "block {} {what}", self.number);
            assert!(amount.is_some(), "block {} {what}: there is liquidity for it", self.number);
        }
    }

    /// What a unit of value is in this token.
    fn worth(&self, token: Address) -> u128 {
        let deployment = &self.deployed.deployment;
        let tokens = [deployment.token_a, deployment.token_b];
        let found = tokens.iter().find(|known| known.address == token);
        // Wrapped and native coin count alike.
        found.map_or(deployment.weth.per_unit, |known| known.per_unit)
    }
}

/// Whether events tell all that the pool's quotes depend on: so they do where hooks run and change nothing.
fn is_told(pool: &Pool) -> bool {
    let accuracy = pool.accuracy();
    accuracy.grade == Grade::A || accuracy.reason == GradeReason::HooksRunOnSwap
}

#[tokio::test(flavor = "multi_thread")]
async fn arena_quotes_equal_uniswaps_quoters_after_every_block() {
    let Some(deployed) = Deployed::start(600, 7).await else { return };
    let blocks: Vec<ExecutedBlock> = Blocks::of(&deployed.node).await.0;
    let config = ArenaConfig { discovery: Discovery::All, ..ArenaConfig::new(CHAIN) };
    let mut arena = PoolArena::new(config);
    let (mut counts, mut rounds) = (BTreeMap::new(), 0u64);
    for block in blocks {
        let reference = block.reference();
        let has_traffic = !block.receipts.is_empty();
        let update = ChainUpdate::Committed(ChainSegment::new(vec![block]).unwrap());
        let applied = arena.apply_update(&update).unwrap();
        assert_eq!((applied.halted, applied.undecodable), (vec![], vec![]));
        if reference.number > deployed.traffic_from && has_traffic {
            let (number, hash) = (reference.number, reference.hash);
            Round { deployed: &deployed, arena: &arena, number, hash }.compare(&mut counts).await;
            rounds += 1;
        }
    }
    assert!(rounds >= 20, "{rounds}");
    // Nine V3 pools; five V4 pools, and a sixth whose fee no event tells. Four quotes each.
    let expected = [("uniswap_v3", 36 * rounds), ("uniswap_v4", 20 * rounds)];
    assert_eq!(counts, BTreeMap::from(expected));
}
