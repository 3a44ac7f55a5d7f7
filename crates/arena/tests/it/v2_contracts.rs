//! Uniswap V2's own bytecode against the arena, to the wei.

use crate::{
    chain::{CHAIN_ID, Chain, Draft, SENDER},
    contracts::{
        Pair, TOKEN0, TOKEN1, createPairCall, creation_code, skimCall, syncCall, transferCall,
    },
};
use alloy_primitives::{Address, TxKind, U256};
use alloy_sol_types::SolCall;
use rand::{Rng, SeedableRng, rngs::StdRng};
use weir_amm::{Direction, Reserves, SwapKind};
use weir_arena::{ArenaConfig, Discovery, Pool, PoolArena, PoolId, PoolState, PoolStatus};
use weir_primitives::{ChainSegment, ChainUpdate, ExecutedBlock};

fn commit(arena: &mut PoolArena, block: ExecutedBlock) -> u64 {
    let update = ChainUpdate::Committed(ChainSegment::single(block));
    let outcome = arena.apply_update(&update).unwrap();
    assert_eq!(outcome.halted, []);
    assert_eq!(outcome.undecodable, []);
    outcome.verified
}

fn pair_of(arena: &PoolArena) -> (&Pool, Address, Reserves) {
    let (_, pool) = arena.pools().next().unwrap();
    let PoolId::Address(address) = pool.statics().key.id else { panic!("pairs are contracts") };
    let PoolState::V2(state) = pool.state() else { panic!("the pool is of V2") };
    assert_eq!(pool.status(), PoolStatus::Live);
    (pool, address, state.reserves)
}

fn pay(draft: &mut Draft, token: Address, pair: Address, amount: U256) {
    assert!(draft.call(token, &transferCall { to: pair, amount }));
}

/// Pays a swap in, and takes out what the quote says, after showing that one wei more is refused.
fn swap(rng: &mut StdRng, draft: &mut Draft, pool: &Pool, pair: Address) -> bool {
    let (direction, token) = if rng.random() {
        (Direction::ZeroForOne, TOKEN0)
    } else {
        (Direction::OneForZero, TOKEN1)
    };
    let amount = U256::from(rng.random::<u128>() >> rng.random_range(40..120u32));
    let kind = if rng.random() { SwapKind::ExactIn(amount) } else { SwapKind::ExactOut(amount) };
    let Ok((amount_in, amount_out)) = pool.quote(direction, kind) else { return false };
    pay(draft, token, pair, amount_in);
    let take = |draft: &mut Draft, out: U256| {
        let (out0, out1) = match direction {
            Direction::ZeroForOne => (U256::ZERO, out),
            Direction::OneForZero => (out, U256::ZERO),
        };
        draft.call(pair, &Pair::swapCall { out0, out1, to: SENDER, data: vec![].into() })
    };
    if matches!(kind, SwapKind::ExactIn(_)) {
        assert!(!take(draft, amount_out + U256::ONE), "a wei more breaks the product");
    }
    assert!(take(draft, amount_out), "the quote is what the pair gives");
    true
}

fn provide(rng: &mut StdRng, draft: &mut Draft, pair: Address) {
    for token in [TOKEN0, TOKEN1] {
        pay(draft, token, pair, U256::from(rng.random::<u128>() >> rng.random_range(40..100u32)));
    }
    if !draft.call(pair, &Pair::mintCall { to: SENDER }) {
        // Too little for a share: what was paid must not help the swaps that follow.
        assert!(draft.call(pair, &syncCall {}));
    }
}

#[test]
fn arena_equals_the_pair_through_all_that_moves_reserves() {
    let Some(code) = creation_code("@uniswap/v2-core/build/UniswapV2Factory.json") else { return };
    let mut rng = StdRng::seed_from_u64(5);
    let mut arena =
        PoolArena::new(ArenaConfig { discovery: Discovery::All, ..ArenaConfig::new(CHAIN_ID) });
    let mut chain = Chain::new();
    let factory = chain.next_contract();
    let creation = [code.as_ref(), SENDER.into_word().as_slice()].concat();
    commit(&mut arena, chain.block(&[(TxKind::Create, creation.into())]));
    let create = createPairCall { a: TOKEN1, b: TOKEN0 };
    commit(&mut arena, chain.block(&[(TxKind::Call(factory), create.abi_encode().into())]));
    let (pool, pair, _) = pair_of(&arena);
    let statics = pool.statics();
    assert_eq!((statics.token0, statics.token1, statics.factory), (TOKEN0, TOKEN1, factory));

    let (mut verified, mut swaps) = (0, 0);
    for _ in 0..300 {
        let mut draft = chain.draft();
        let (pool, ..) = pair_of(&arena);
        match rng.random_range(0..10) {
            0..=5 => swaps += u32::from(swap(&mut rng, &mut draft, pool, pair)),
            6 | 7 => provide(&mut rng, &mut draft, pair),
            8 => {
                // A donation, taken into the reserves or given away.
                pay(&mut draft, TOKEN1, pair, U256::from(rng.random::<u64>()));
                if rng.random() {
                    assert!(draft.call(pair, &syncCall {}));
                } else {
                    assert!(draft.call(pair, &skimCall { to: SENDER }));
                }
            }
            _ => {
                let balance = Pair::balanceOfCall { owner: SENDER };
                let held = chain.call(pair, balance.abi_encode().into()).unwrap();
                let held = Pair::balanceOfCall::abi_decode_returns(&held).unwrap();
                let share = held / U256::from(rng.random_range(2..9u8));
                draft.call(pair, &transferCall { to: pair, amount: share });
                draft.call(pair, &Pair::burnCall { to: SENDER });
            }
        }
        verified += commit(&mut arena, chain.seal(draft));
        let (_, _, reserves) = pair_of(&arena);
        let packed = chain.storage(pair, U256::from(8));
        let mask = (U256::ONE << 112) - U256::ONE;
        assert_eq!(U256::from(reserves.reserve0), packed & mask);
        let reserve1: U256 = (packed >> 112) & mask;
        assert_eq!(U256::from(reserves.reserve1), reserve1);
    }
    assert!(swaps > 100 && verified > u64::from(swaps), "swaps={swaps} verified={verified}");
}
