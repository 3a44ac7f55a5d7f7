//! Tokens that do not move what they are told to, on Uniswap V2's own pair.

use crate::{
    chain::{CHAIN_ID, Chain, Draft, SENDER},
    contracts::{
        Pair, TOKEN0, TOKEN1, createPairCall, creation_code, skimCall, syncCall, transferCall,
    },
};
use alloy_primitives::{Address, Bytes, TxKind, U256, address, hex};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::path::Path;
use weir_amm::{Direction, QuoteError, SwapKind};
use weir_arena::{
    ArenaConfig, BlockEnvelope, Discovery, Grade, GradeReason, Pool, PoolArena, PoolEvent, PoolId,
    PoolKey, PoolState, PoolStatus, TokenShortfall,
};

alloy_sol_types::sol! {
    function setKind(uint8 kind);
    function shrink(address holder, uint256 amount);
    function approve(address spender, uint256 amount);
    function mint(address to, uint256 amount);
    interface Trader {
        function sell(address pair, bool zeroForOne, uint256 amount);
        function borrow(address pair, bool zeroForOne, uint256 amount);
        function mint(address pair, uint256 amount0, uint256 amount1);
        function burn(address pair, uint256 shares);
        function turn(address pair, uint256 amount);
    }
}

/// As in `contracts/FeeToken.sol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Shared,
    Hidden,
    OnTop,
    Silent,
}

/// Has the code of `contracts/FeeTrader.sol`.
const TRADER: Address = address!("0x5000000000000000000000000000000000000005");

/// Two tokens of `FeeToken.sol`, a pair with reserves, and an arena that has followed all of it.
struct Market {
    chain: Chain,
    arena: PoolArena,
    envelopes: Vec<BlockEnvelope>,
    pair: Address,
}

impl Market {
    fn new() -> Option<Self> {
        let factory = creation_code("@uniswap/v2-core/build/UniswapV2Factory.json")?;
        let mut chain = Chain::new();
        for (place, name) in [(TOKEN0, "FeeToken"), (TOKEN1, "FeeToken"), (TRADER, "FeeTrader")] {
            chain.etch(place, compiled(name)?);
        }
        let (at, arena) = (chain.next_contract(), arena());
        let mut market = Self { chain, arena, envelopes: Vec::new(), pair: Address::ZERO };
        let creation = [factory.as_ref(), SENDER.into_word().as_slice()].concat();
        market.block(|draft| assert!(draft.send(TxKind::Create, creation.into())));
        market.block(|draft| assert!(draft.call(at, &createPairCall { a: TOKEN0, b: TOKEN1 })));
        let (_, pool) = market.arena.pools().next().unwrap();
        let PoolId::Address(pair) = pool.statics().key.id else { panic!("pairs are contracts") };
        market.pair = pair;
        let (amount, spender) = (U256::from(1) << 100, TRADER);
        market.block(|draft| {
            for token in [TOKEN0, TOKEN1] {
                assert!(draft.call(token, &mintCall { to: SENDER, amount }));
            }
            assert!(draft.call(pair, &approveCall { spender, amount: U256::MAX }));
            let (amount0, amount1) = (U256::from(1u64 << 60), U256::from(3u64 << 60));
            assert!(draft.call(TRADER, &Trader::mintCall { pair, amount0, amount1 }));
        });
        Some(market)
    }

    /// Seals a block, follows it, and says what it tells of tokens: log index, what was sent, what arrived.
    fn block(&mut self, act: impl FnOnce(&mut Draft)) -> Vec<(u32, U256, U256)> {
        let mut draft = self.chain.draft();
        act(&mut draft);
        let block = self.chain.seal(draft);
        let extracted = BlockEnvelope::from_block(CHAIN_ID, &block, &self.arena);
        assert_eq!(extracted.undecodable, []);
        assert_eq!(self.arena.apply(&extracted.envelope).unwrap().halted, []);
        let logs: Vec<_> = block.receipts.iter().flat_map(|receipt| &receipt.logs).collect();
        let shortfall = |record: &weir_arena::EventRecord| match record.event {
            PoolEvent::TransferShortfall { token, sent, arrived } => {
                assert_eq!((token, record.pool), (TOKEN0, PoolKey::address(CHAIN_ID, self.pair)));
                assert_eq!(
                    logs[record.log_index as usize].address, TOKEN0,
                    "the log is the token's"
                );
                Some((record.log_index, sent, arrived))
            }
            _ => None,
        };
        let found = extracted.envelope.events().iter().filter_map(shortfall).collect();
        self.envelopes.push(extracted.envelope);
        found
    }

    fn set_kind(&mut self, kind: Kind) {
        let told =
            self.block(|draft| assert!(draft.call(TOKEN0, &setKindCall { kind: kind as u8 })));
        assert_eq!(told, []);
    }

    fn sell(&mut self, zero_for_one: bool, amount: u64) -> Vec<(u32, U256, U256)> {
        let (pair, amount) = (self.pair, U256::from(amount));
        let sell = Trader::sellCall { pair, zeroForOne: zero_for_one, amount };
        self.block(|draft| assert!(draft.call(TRADER, &sell)))
    }

    fn pool(&self) -> &Pool {
        pool_of(&self.arena, self.pair)
    }

    fn tip(&self) -> u64 {
        self.arena.tip().unwrap().number
    }

    /// The arena of a consumer that gets the envelopes, and never sees a log.
    fn rebuilt(&self) -> PoolArena {
        let mut arena = arena();
        for envelope in &self.envelopes {
            arena.apply(envelope).unwrap();
        }
        arena
    }

    /// The pair's balances are its reserves in the arena.
    fn assert_state(&self) {
        let PoolState::V2(state) = self.pool().state() else { panic!("the pool is of V2") };
        let packed = self.chain.storage(self.pair, U256::from(8));
        let mask = (U256::ONE << 112) - U256::ONE;
        assert_eq!(U256::from(state.reserves.reserve0), packed & mask);
        let reserve1: U256 = (packed >> 112) & mask;
        assert_eq!(U256::from(state.reserves.reserve1), reserve1);
    }
}

fn arena() -> PoolArena {
    PoolArena::new(ArenaConfig { discovery: Discovery::All, ..ArenaConfig::new(CHAIN_ID) })
}

fn pool_of(arena: &PoolArena, pair: Address) -> &Pool {
    arena.pool(arena.find(&PoolKey::address(CHAIN_ID, pair)).unwrap()).unwrap()
}

fn compiled(name: &str) -> Option<Bytes> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/artifacts");
    let Ok(json) = std::fs::read_to_string(path.join(name).with_extension("json")) else {
        println!("skipped: no {name}.json in {}", path.display());
        return None;
    };
    let artifact: serde_json::Value = serde_json::from_str(&json).unwrap();
    Some(hex::decode(artifact["deployedBytecode"].as_str().unwrap()).unwrap().into())
}

fn quote(pool: &Pool) -> Result<(U256, U256), QuoteError> {
    pool.quote(Direction::ZeroForOne, SwapKind::ExactIn(U256::from(1_000)))
}

/// The state is as the pair says, and nothing is promised of what arrives.
fn assert_short(pool: &Pool, block: u64) {
    assert_eq!(pool.status(), PoolStatus::Live);
    assert_eq!(pool.shortfall(), Some(TokenShortfall { token: TOKEN0, block }));
    let (grade, reason) = (Grade::D, GradeReason::TokenFallsShort { token: TOKEN0, block });
    assert_eq!((pool.accuracy().grade, pool.accuracy().reason), (grade, reason));
    assert_eq!(quote(pool), Err(QuoteError::TokenFallsShort { token: TOKEN0 }));
    assert!(pool.curve(Direction::OneForZero).is_none(), "nothing is routed through it");
}

fn assert_plain(pool: &Pool) {
    assert_eq!((pool.status(), pool.shortfall()), (PoolStatus::Live, None));
    assert_eq!(pool.accuracy().grade, Grade::A);
    assert!(quote(pool).is_ok() && pool.curve(Direction::OneForZero).is_some());
}

#[test]
fn a_token_that_takes_a_share_is_found_by_what_its_transfers_say() {
    // What hides its share is found when the pool gets less than it says; what tells of it, when the recipient does.
    for (kind, is_sold) in [(Kind::Hidden, true), (Kind::Shared, false)] {
        let Some(mut market) = Market::new() else { return };
        market.set_kind(kind);
        assert_eq!(market.sell(!is_sold, 7_000_000), []);
        assert_plain(market.pool());
        let told = market.sell(is_sold, 10_000_000);
        let [(_, sent, arrived)] = told[..] else { panic!("{told:?}") };
        assert_eq!(sent - arrived, sent / U256::from(100));
        assert!(!is_sold || sent == U256::from(10_000_000));
        let block = market.tip();
        assert_short(market.pool(), block);
        market.assert_state();
        assert_short(pool_of(&market.rebuilt(), market.pair), block);

        // It stays so while the block does, and goes with it.
        market.set_kind(Kind::Plain);
        assert_eq!(market.sell(true, 5_000), []);
        assert_short(market.pool(), block);
        for _ in 0..2 {
            market.arena.revert_tip().unwrap();
            assert_short(market.pool(), block);
        }
        market.arena.revert_tip().unwrap();
        assert_plain(market.pool());
    }
}

#[test]
fn a_burn_that_delivers_less_is_found() {
    let Some(mut market) = Market::new() else { return };
    market.set_kind(Kind::Shared);
    let (pair, shares) = (market.pair, U256::from(1_000_000));
    let burn = Trader::burnCall { pair, shares };
    assert_eq!(market.block(|draft| assert!(draft.call(TRADER, &burn))).len(), 1);
    assert_short(market.pool(), market.tip());
}

#[test]
fn balances_that_shrink_are_found_by_the_pairs_own_events() {
    for kind in [Kind::OnTop, Kind::Plain] {
        let Some(mut market) = Market::new() else { return };
        market.set_kind(kind);
        let pair = market.pair;
        let told = market.block(|draft| {
            if kind == Kind::Plain {
                let amount = U256::from(1_000);
                assert!(draft.call(TOKEN0, &shrinkCall { holder: pair, amount }));
            }
            let amount = U256::from(1u64 << 50);
            assert!(draft.call(TOKEN1, &transferCall { to: pair, amount }));
            // Far less than was paid for: the product holds in spite of what is missing.
            let (out0, out1, data) = (U256::from(1 << 20), U256::ZERO, Bytes::new());
            assert!(draft.call(pair, &Pair::swapCall { out0, out1, to: SENDER, data }));
        });
        assert_eq!(told, [], "no transfer says so");
        assert_short(market.pool(), market.tip());
        market.assert_state();
        assert_short(pool_of(&market.rebuilt(), pair), market.tip());
        market.arena.revert_tip().unwrap();
        assert_plain(market.pool());
    }
}

#[test]
fn a_token_that_tells_nothing_is_not_accused() {
    let Some(mut market) = Market::new() else { return };
    market.set_kind(Kind::Silent);
    assert_eq!((market.sell(true, 9_999), market.sell(false, 9_999)), (vec![], vec![]));
    assert_plain(market.pool());
}

#[test]
fn plain_tokens_are_never_accused() {
    let Some(mut market) = Market::new() else { return };
    let mut rng = StdRng::seed_from_u64(8);
    let (pair, mut done) = (market.pair, 0);
    for _ in 0..120 {
        let told = market.block(|draft| {
            for _ in 0..rng.random_range(1..5) {
                let zero_for_one = rng.random();
                let amount = U256::from(rng.random::<u64>() >> rng.random_range(8..40u32));
                let token = if zero_for_one { TOKEN0 } else { TOKEN1 };
                done += u32::from(match rng.random_range(0..8) {
                    0 | 1 => draft
                        .call(TRADER, &Trader::sellCall { pair, zeroForOne: zero_for_one, amount }),
                    2 => draft.call(
                        TRADER,
                        &Trader::borrowCall { pair, zeroForOne: zero_for_one, amount },
                    ),
                    3 => {
                        let (amount0, amount1) = (amount, amount * U256::from(3));
                        draft.call(TRADER, &Trader::mintCall { pair, amount0, amount1 })
                    }
                    4 => draft.call(TRADER, &Trader::burnCall { pair, shares: amount >> 8 }),
                    5 => draft.call(TRADER, &Trader::turnCall { pair, amount }),
                    6 => draft.call(token, &transferCall { to: pair, amount }),
                    _ if zero_for_one => draft.call(pair, &syncCall {}),
                    _ => draft.call(pair, &skimCall { to: SENDER }),
                });
            }
        });
        assert_eq!(told, []);
        assert_plain(market.pool());
        market.assert_state();
    }
    assert!(done > 200, "done={done}");
}
