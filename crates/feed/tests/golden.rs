//! `docs/spec/feed-v1.vectors`, in both directions. The vectors were written by an encoder of their own, from the document.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;
use alloy_primitives::{Address, B256, I256, U256};
use common::{CHAIN, EPOCH};
use std::collections::BTreeMap;
use weir_arena::{ArenaConfig, PoolArena, PoolEvent, PoolId, PoolStatus, Protocol, SwapState52};
use weir_feed::{
    ANY_CHAIN, BeginBlock, CODEC_FIXED, CODEC_GATES, Completeness, EndBlock, FeedAssembler,
    FeedEvent, Gap, GapReason, Gate, GateCode, GateReason, GateState, Heartbeat, Hello, Message,
    PROTOCOL_VERSION, PoolFees, PoolUpdate, Position, Refusal, Refused, ReorgEnd, ReorgStart,
    Reverted, SnapshotBegin, SnapshotEnd, SnapshotPool, SnapshotTick, Start, Step, StepRetracted,
    Welcome, decode_all, encode,
};
use weir_primitives::BlockRef;

const VECTORS: &str = include_str!("../../../docs/spec/feed-v1.vectors");

const EVENTS: [(&str, PoolEvent); 18] = [
    ("v2_created", PoolEvent::V2Created { factory: token(1), token0: token(2), token1: token(3) }),
    ("v2_sync", PoolEvent::V2Sync { reserve0: 1000, reserve1: (1 << 112) - 1 }),
    (
        "v2_swap",
        PoolEvent::V2Swap {
            amount0_in: number(1),
            amount1_in: number(2),
            amount0_out: number(3),
            amount1_out: U256::MAX,
        },
    ),
    ("v2_mint", PoolEvent::V2Mint { amount0: number(5), amount1: number(6) }),
    ("v2_burn", PoolEvent::V2Burn { amount0: number(7), amount1: number(8) }),
    (
        "v3_created",
        PoolEvent::V3Created {
            factory: token(1),
            token0: token(2),
            token1: token(3),
            fee_pips: 3000,
            tick_spacing: 60,
        },
    ),
    (
        "v3_initialize",
        PoolEvent::V3Initialize { sqrt_price: U256::from_limbs([0, 1 << 32, 0, 0]), tick: -1 },
    ),
    (
        "v3_swap",
        PoolEvent::V3Swap {
            amount0: I256::from_raw(number(1000)),
            amount1: I256::from_raw(U256::from_limbs([
                u64::MAX - 995,
                u64::MAX,
                u64::MAX,
                u64::MAX,
            ])),
            sqrt_price: U256::from_limbs([u64::MAX, u64::MAX, u32::MAX as u64, 0]),
            liquidity: u128::MAX,
            tick: -887_272,
        },
    ),
    (
        "v3_mint",
        PoolEvent::V3Mint {
            lower: -60,
            upper: 60,
            amount: 1_000_000_000_000_000_000,
            amount0: number(9),
            amount1: number(10),
        },
    ),
    (
        "v3_burn",
        PoolEvent::V3Burn {
            lower: -60,
            upper: 60,
            amount: 0,
            amount0: number(11),
            amount1: number(12),
        },
    ),
    ("v3_set_fee_protocol", PoolEvent::V3SetFeeProtocol { fee_protocol0: 4, fee_protocol1: 10 }),
    (
        "v4_initialize",
        PoolEvent::V4Initialize {
            manager: token(1),
            token0: Address::ZERO,
            token1: token(3),
            fee_pips: 0x80_0000,
            tick_spacing: 32_767,
            hooks: token(0x50),
            sqrt_price: U256::from_limbs([0, 1 << 32, 0, 0]),
            tick: 0,
        },
    ),
    (
        "v4_swap",
        PoolEvent::V4Swap {
            amount0: -1_000,
            amount1: 996,
            sqrt_price: U256::from_limbs([u64::MAX, u64::MAX, u32::MAX as u64, 0]),
            liquidity: u128::MAX,
            tick: 887_271,
            fee_pips: 1_000_000,
        },
    ),
    (
        "v4_modify_liquidity",
        PoolEvent::V4ModifyLiquidity { lower: -60, upper: 60, delta: -1_000_000_000_000_000_000 },
    ),
    (
        "v4_protocol_fee_updated",
        PoolEvent::V4ProtocolFeeUpdated { zero_for_one: 500, one_for_zero: 1_000 },
    ),
    (
        "pancake_v3_swap",
        PoolEvent::PancakeV3Swap {
            amount0: I256::from_raw(number(1000)),
            amount1: I256::from_raw(U256::from_limbs([
                u64::MAX - 995,
                u64::MAX,
                u64::MAX,
                u64::MAX,
            ])),
            sqrt_price: U256::from_limbs([0, 1 << 32, 0, 0]),
            liquidity: 7,
            tick: -1,
            protocol_fee0: 3,
            protocol_fee1: u128::MAX,
        },
    ),
    (
        "pancake_v3_set_fee_protocol",
        PoolEvent::PancakeV3SetFeeProtocol { fee_protocol0: 3_300, fee_protocol1: 0 },
    ),
    (
        "transfer_shortfall",
        PoolEvent::TransferShortfall { token: token(3), sent: number(1_000), arrived: number(970) },
    ),
];

const fn number(value: u64) -> U256 {
    U256::from_limbs([value, 0, 0, 0])
}

const fn token(byte: u8) -> Address {
    Address::repeat_byte(byte)
}

fn vectors() -> BTreeMap<&'static str, Vec<u8>> {
    let rows = VECTORS.lines().filter(|line| !line.starts_with('#'));
    let rows = rows.map(|line| line.split_once(" = ").unwrap());
    rows.map(|(name, hex)| (name, alloy_primitives::hex::decode(hex).unwrap())).collect()
}

fn nine() -> BlockRef {
    BlockRef {
        number: 9,
        hash: B256::repeat_byte(0x99),
        parent_hash: B256::repeat_byte(0x88),
        timestamp: 1_700_000_009,
    }
}

fn handshake() -> Vec<(&'static str, Message)> {
    let resume = Start::Resume(Position { epoch: EPOCH, next_seq: 41 });
    let (version, codec) = (PROTOCOL_VERSION, CODEC_FIXED);
    let welcome = Welcome {
        version,
        codec,
        chain_id: CHAIN,
        epoch: EPOCH,
        first_seq: 41,
        oldest_seq: 3,
        next_seq: 42,
    };
    let refused = Refused { reason: Refusal::Chain, version, codec, chain_id: CHAIN };
    vec![
        ("hello_live", Message::Hello(Hello::new(CHAIN, Start::Live))),
        ("hello_oldest", Message::Hello(Hello::new(CHAIN, Start::Oldest))),
        ("hello_resume", Message::Hello(Hello::new(ANY_CHAIN, resume))),
        (
            "hello_gates",
            Message::Hello(Hello { codec: CODEC_GATES, ..Hello::new(CHAIN, Start::Live) }),
        ),
        ("hello_snapshot", Message::Hello(Hello::new(CHAIN, Start::Snapshot))),
        ("welcome", Message::Welcome(welcome)),
        ("refused_chain", Message::Refused(refused)),
        (
            "refused_snapshot",
            Message::Refused(Refused { reason: Refusal::Snapshot, chain_id: ANY_CHAIN, ..refused }),
        ),
    ]
}

fn updates() -> Vec<(String, Message)> {
    let update = |(index, (name, event)): (usize, &(&str, PoolEvent))| {
        let pool = if *name == "v3_set_fee_protocol" || name.starts_with("v4_") {
            PoolId::Id(B256::repeat_byte(0xbb))
        } else {
            PoolId::Address(token(0xaa))
        };
        let update = PoolUpdate {
            seq: 41,
            index: index as u32,
            tx_index: 2,
            log_index: 5 + index as u32,
            tx_hash: B256::repeat_byte(0xcc),
            pool,
            event: *event,
        };
        (format!("update_{name}"), Message::PoolUpdate(update))
    };
    EVENTS.iter().enumerate().map(update).collect()
}

fn stream() -> Vec<(&'static str, Message)> {
    let (number, head_hash) = (8, B256::repeat_byte(0x88));
    let begin = BeginBlock {
        chain_id: CHAIN,
        epoch: EPOCH,
        seq: 41,
        block: nine(),
        base_fee: 1_000_000_007,
    };
    let start = ReorgStart {
        chain_id: CHAIN,
        epoch: EPOCH,
        seq: 42,
        ancestor_number: number,
        ancestor_hash: head_hash,
        reverted: 1,
        applied: 0,
    };
    let heartbeat = Heartbeat { epoch: EPOCH, next_seq: 45, head_number: number, head_hash };
    let gap = Gap { epoch: EPOCH, reason: GapReason::Expired, wanted_seq: 1, next_seq: 3 };
    vec![
        ("begin_block", Message::BeginBlock(begin)),
        ("reorg_start", Message::ReorgStart(start)),
        ("reverted", Message::Reverted(Reverted { seq: 43, block: nine() })),
        (
            "reorg_end",
            Message::ReorgEnd(ReorgEnd { seq: 44, tip_number: number, tip_hash: head_hash }),
        ),
        ("heartbeat", Message::Heartbeat(heartbeat)),
        ("gap", Message::Gap(gap)),
        ("gate_all", gate(None, GateCode::Degraded, GateReason::SourceLagging, 4)),
        (
            "gate_pool",
            gate(Some(PoolId::Id(B256::repeat_byte(0xbb))), GateCode::Halted, GateReason::Check, 9),
        ),
        (
            "gate_pool_live",
            gate(Some(PoolId::Address(token(0xaa))), GateCode::Live, GateReason::None, 0),
        ),
    ]
}

fn gate(pool: Option<PoolId>, code: GateCode, reason: GateReason, value: u64) -> Message {
    let state = GateState { code, reason, value };
    Message::Gate(Gate { chain_id: CHAIN, epoch: EPOCH, next_seq: 45, pool, state })
}

fn steps() -> Vec<(&'static str, Message)> {
    let (epoch, seq, number, parent_hash) = (EPOCH, 45, 9, B256::repeat_byte(0x88));
    let step = Step {
        chain_id: CHAIN,
        epoch,
        seq,
        number,
        parent_hash,
        index: 0,
        first_tx: 2,
        num_updates: 1,
        // Checked by the test that assembles the step.
        digest: digest_of("step"),
    };
    let update = PoolUpdate {
        seq,
        index: 0,
        tx_index: 2,
        log_index: 5,
        tx_hash: B256::repeat_byte(0xcc),
        pool: PoolId::Address(token(0xaa)),
        event: EVENTS[1].1,
    };
    let retracted = StepRetracted { epoch, seq, number, parent_hash, steps: 1 };
    vec![
        ("step", Message::Step(step)),
        ("step_update", Message::PoolUpdate(update)),
        ("step_retracted", Message::StepRetracted(retracted)),
    ]
}

/// The last 32 bytes of a vector.
fn digest_of(name: &str) -> B256 {
    let vector = &vectors()[name];
    B256::from_slice(&vector[vector.len() - 32..])
}

fn snapshot() -> Vec<(&'static str, Message)> {
    let begin =
        SnapshotBegin { chain_id: CHAIN, epoch: EPOCH, next_seq: 41, block: nine(), pools: 2 };
    let mut reserves = [0; 52];
    reserves[..16].copy_from_slice(&1000u128.to_le_bytes());
    reserves[16..32].copy_from_slice(&((1u128 << 112) - 1).to_le_bytes());
    let v2 = SnapshotPool {
        index: 0,
        pool: PoolId::Address(token(0xaa)),
        protocol: Protocol::UniswapV2,
        is_fork_settled: true,
        status: PoolStatus::Live,
        falls_short: (false, true),
        token0: token(2),
        token1: token(3),
        factory: token(1),
        hooks: Address::ZERO,
        fee_pips: 3000,
        tick_spacing: 0,
        decimals: Some((18, 6)),
        state: SwapState52(reserves),
        fees: PoolFees::default(),
        ticks: 0,
    };
    let liquidity: u128 = 1_000_000_000_000_000_000;
    let mut slot = [0; 52];
    slot[12] = 1;
    slot[32..48].copy_from_slice(&liquidity.to_le_bytes());
    let v3 = SnapshotPool {
        index: 1,
        pool: PoolId::Address(token(0xdd)),
        protocol: Protocol::UniswapV3,
        is_fork_settled: true,
        falls_short: (false, false),
        fee_pips: 500,
        tick_spacing: 10,
        decimals: None,
        state: SwapState52(slot),
        fees: PoolFees { protocol0: 4, protocol1: 5, ..PoolFees::default() },
        ticks: 2,
        ..v2
    };
    let (gross, net) = (liquidity, liquidity as i128);
    let lower = SnapshotTick { pool: 1, index: 0, tick: -10, gross, net };
    let upper = SnapshotTick { index: 1, tick: 10, net: -net, ..lower };
    // Checked by the test that assembles the snapshot.
    let end = SnapshotEnd { pools: 2, digest: digest_of("snapshot_end") };
    vec![
        ("snapshot_begin", Message::SnapshotBegin(begin)),
        ("snapshot_pool_v2", Message::SnapshotPool(v2)),
        ("snapshot_pool_v3", Message::SnapshotPool(v3)),
        ("snapshot_tick_lower", Message::SnapshotTick(lower)),
        ("snapshot_tick_upper", Message::SnapshotTick(upper)),
        ("snapshot_end", Message::SnapshotEnd(end)),
    ]
}

#[test]
fn the_vectors_form_a_step_and_a_snapshot_whose_digests_are_right() {
    let vectors = vectors();
    let Message::Welcome(welcome) = decode_all(&vectors["welcome"]).unwrap()[0] else { panic!() };
    let mut assembler = FeedAssembler::new(&Welcome { first_seq: 45, ..welcome });
    let mut events = Vec::new();
    for (_, message) in steps() {
        events.extend(assembler.push(message).unwrap());
    }
    let [FeedEvent::Step(step), FeedEvent::StepRetracted(_)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!((step.number, step.events.len()), (9, 1));
    let mut assembler = FeedAssembler::new(&welcome);
    let mut events = Vec::new();
    for (_, message) in snapshot() {
        events.extend(assembler.push(message).unwrap());
    }
    let [FeedEvent::Snapshot(snapshot)] = events.as_slice() else { panic!("{events:?}") };
    let mut arena = PoolArena::new(ArenaConfig::new(CHAIN));
    snapshot.restore(&mut arena).unwrap();
    assert!(arena.pools().all(|(_, pool)| pool.status() == PoolStatus::Live));
    assert_eq!((arena.len(), arena.tip()), (2, Some(nine())));
}

#[test]
fn every_vector_is_what_the_codec_writes_and_reads() {
    let mut vectors = vectors();
    let named = handshake().into_iter().chain(stream()).chain(steps()).chain(snapshot());
    let all = named.map(|(name, message)| (name.to_owned(), message)).chain(updates());
    for (name, message) in all {
        let expected = vectors.remove(name.as_str()).expect(&name);
        let mut bytes = Vec::new();
        encode(&message, &mut bytes);
        assert_eq!(bytes, expected, "{name}");
        assert_eq!(decode_all(&expected).unwrap(), [message], "{name}");
    }
    // Its digest is checked by the next test.
    let end = decode_all(&vectors.remove("end_block").unwrap()).unwrap();
    let Message::EndBlock(end) = end[0] else { panic!("{end:?}") };
    let completeness = Completeness::ExecutedInNode;
    assert_eq!(
        end,
        EndBlock { seq: 41, number: 9, num_updates: 18, digest: end.digest, completeness }
    );
    assert!(vectors.is_empty(), "vectors without a test: {vectors:?}");
}

#[test]
fn the_vectors_form_a_block_whose_digest_is_right() {
    let vectors = vectors();
    let mut bytes = vectors["begin_block"].clone();
    for (name, _) in updates() {
        bytes.extend(&vectors[name.as_str()]);
    }
    bytes.extend(&vectors["end_block"]);
    let Message::Welcome(welcome) = decode_all(&vectors["welcome"]).unwrap()[0] else { panic!() };
    let mut assembler = FeedAssembler::new(&welcome);
    let events: Vec<_> = decode_all(&bytes)
        .unwrap()
        .into_iter()
        .filter_map(|message| assembler.push(message).unwrap())
        .collect();
    let [FeedEvent::Block(block)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(block.envelope.events().len(), 18);
}
