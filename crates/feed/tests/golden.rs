//! `docs/spec/feed-v1.vectors`, in both directions. The vectors were written by an encoder of their own, from the document.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;
use alloy_primitives::{Address, B256, I256, U256};
use common::{CHAIN, EPOCH};
use std::collections::BTreeMap;
use weir_arena::{PoolEvent, PoolId};
use weir_feed::{
    ANY_CHAIN, BeginBlock, CODEC_FIXED, Completeness, EndBlock, FeedAssembler, FeedEvent, Gap,
    GapReason, Heartbeat, Hello, Message, PROTOCOL_VERSION, PoolUpdate, Position, Refusal, Refused,
    ReorgEnd, ReorgStart, Reverted, Start, Welcome, decode_all, encode,
};
use weir_primitives::BlockRef;

const VECTORS: &str = include_str!("../../../docs/spec/feed-v1.vectors");

const EVENTS: [(&str, PoolEvent); 11] = [
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
        ("welcome", Message::Welcome(welcome)),
        ("refused_chain", Message::Refused(refused)),
    ]
}

fn updates() -> Vec<(String, Message)> {
    let update = |(index, (name, event)): (usize, &(&str, PoolEvent))| {
        let pool = if *name == "v3_set_fee_protocol" {
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
    ]
}

#[test]
fn every_vector_is_what_the_codec_writes_and_reads() {
    let mut vectors = vectors();
    let named = handshake().into_iter().chain(stream());
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
        EndBlock { seq: 41, number: 9, num_updates: 11, digest: end.digest, completeness }
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
    assert_eq!(block.envelope.events().len(), 11);
}
