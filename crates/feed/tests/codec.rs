//! The codec against arbitrary messages and arbitrary bytes.

use alloy_primitives::{Address, B256, I256, U256};
use proptest::prelude::*;
use weir_arena::{PoolEvent, PoolId, PoolStatus, Protocol, SwapState52};
use weir_feed::{
    BeginBlock, CodecError, Completeness, EndBlock, FRAME_BYTES_MAX, Gap, GapReason, Gate,
    GateCode, GateReason, GateState, Heartbeat, Hello, Message, PoolFees, PoolUpdate, Position,
    Refusal, Refused, ReorgEnd, ReorgStart, Reverted, SnapshotBegin, SnapshotEnd,
    SnapshotFeeSource, SnapshotPool, SnapshotTick, Start, Step, StepRetracted, Welcome, decode_all,
    decode_frame, encode,
};
use weir_primitives::BlockRef;

const FEE_SOURCES: [SnapshotFeeSource; 4] = [
    SnapshotFeeSource::Static,
    SnapshotFeeSource::Unknown,
    SnapshotFeeSource::Learned,
    SnapshotFeeSource::Read,
];

fn hash() -> impl Strategy<Value = B256> {
    any::<[u8; 32]>().prop_map(B256::new)
}

fn address() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address::new)
}

fn number() -> impl Strategy<Value = U256> {
    any::<[u8; 32]>().prop_map(U256::from_be_bytes)
}

fn tick() -> impl Strategy<Value = i32> {
    -(1i32 << 23)..(1 << 23)
}

fn block() -> impl Strategy<Value = BlockRef> {
    (any::<u64>(), hash(), hash(), any::<u64>()).prop_map(
        |(number, hash, parent_hash, timestamp)| BlockRef { number, hash, parent_hash, timestamp },
    )
}

fn v2_event() -> impl Strategy<Value = PoolEvent> {
    let reserve = || 0..1u128 << 112;
    prop_oneof![
        (address(), address(), address()).prop_map(|(factory, token0, token1)| {
            PoolEvent::V2Created { factory, token0, token1 }
        }),
        (reserve(), reserve())
            .prop_map(|(reserve0, reserve1)| PoolEvent::V2Sync { reserve0, reserve1 }),
        [number(), number(), number(), number()].prop_map(
            |[amount0_in, amount1_in, amount0_out, amount1_out]| {
                PoolEvent::V2Swap { amount0_in, amount1_in, amount0_out, amount1_out }
            }
        ),
        (number(), number()).prop_map(|(amount0, amount1)| PoolEvent::V2Mint { amount0, amount1 }),
        (number(), number()).prop_map(|(amount0, amount1)| PoolEvent::V2Burn { amount0, amount1 }),
    ]
}

fn v3_event() -> impl Strategy<Value = PoolEvent> {
    let price = || number().prop_map(|number: U256| number >> 96);
    prop_oneof![
        (address(), address(), address(), 0..1u32 << 24, tick()).prop_map(
            |(factory, token0, token1, fee_pips, tick_spacing)| PoolEvent::V3Created {
                factory,
                token0,
                token1,
                fee_pips,
                tick_spacing
            }
        ),
        (price(), tick())
            .prop_map(|(sqrt_price, tick)| PoolEvent::V3Initialize { sqrt_price, tick }),
        (number(), number(), price(), any::<u128>(), tick()).prop_map(
            |(amount0, amount1, sqrt_price, liquidity, tick)| PoolEvent::V3Swap {
                amount0: I256::from_raw(amount0),
                amount1: I256::from_raw(amount1),
                sqrt_price,
                liquidity,
                tick
            }
        ),
        (tick(), tick(), any::<u128>(), number(), number()).prop_map(
            |(lower, upper, amount, amount0, amount1)| PoolEvent::V3Mint {
                lower,
                upper,
                amount,
                amount0,
                amount1
            }
        ),
        (tick(), tick(), any::<u128>(), number(), number()).prop_map(
            |(lower, upper, amount, amount0, amount1)| PoolEvent::V3Burn {
                lower,
                upper,
                amount,
                amount0,
                amount1
            }
        ),
        (any::<u8>(), any::<u8>()).prop_map(|(fee_protocol0, fee_protocol1)| {
            PoolEvent::V3SetFeeProtocol { fee_protocol0, fee_protocol1 }
        }),
    ]
}

fn v4_event() -> impl Strategy<Value = PoolEvent> {
    let price = || number().prop_map(|number: U256| number >> 96);
    let fee = || 0..=1_000u16;
    let tokens = [address(), address(), address(), address()];
    prop_oneof![
        (tokens, 0..1u32 << 24, tick(), price(), tick()).prop_map(
            |([manager, token0, token1, hooks], fee_pips, tick_spacing, sqrt_price, tick)| {
                PoolEvent::V4Initialize {
                    manager,
                    token0,
                    token1,
                    fee_pips,
                    tick_spacing,
                    hooks,
                    sqrt_price,
                    tick,
                }
            }
        ),
        (any::<[i128; 2]>(), price(), any::<u128>(), tick(), 0..=1_000_000u32).prop_map(
            |([amount0, amount1], sqrt_price, liquidity, tick, fee_pips)| PoolEvent::V4Swap {
                amount0,
                amount1,
                sqrt_price,
                liquidity,
                tick,
                fee_pips
            }
        ),
        (tick(), tick(), any::<i128>()).prop_map(|(lower, upper, delta)| {
            PoolEvent::V4ModifyLiquidity { lower, upper, delta }
        }),
        (fee(), fee()).prop_map(|(zero_for_one, one_for_zero)| {
            PoolEvent::V4ProtocolFeeUpdated { zero_for_one, one_for_zero }
        }),
    ]
}

fn pancake_event() -> impl Strategy<Value = PoolEvent> {
    let price = number().prop_map(|number: U256| number >> 96);
    prop_oneof![
        ([number(), number()], price, any::<[u128; 3]>(), tick()).prop_map(
            |([amount0, amount1], sqrt_price, [liquidity, protocol_fee0, protocol_fee1], tick)| {
                PoolEvent::PancakeV3Swap {
                    amount0: I256::from_raw(amount0),
                    amount1: I256::from_raw(amount1),
                    sqrt_price,
                    liquidity,
                    tick,
                    protocol_fee0,
                    protocol_fee1,
                }
            }
        ),
        any::<[u16; 2]>().prop_map(|[fee_protocol0, fee_protocol1]| {
            PoolEvent::PancakeV3SetFeeProtocol { fee_protocol0, fee_protocol1 }
        }),
        (any::<[u8; 20]>(), number(), number()).prop_map(|(token, sent, arrived)| {
            PoolEvent::TransferShortfall { token: token.into(), sent, arrived }
        }),
    ]
}

fn handshake() -> impl Strategy<Value = Message> {
    let start = prop_oneof![
        Just(Start::Live),
        Just(Start::Oldest),
        Just(Start::Snapshot),
        (any::<u64>(), any::<u64>())
            .prop_map(|(epoch, next_seq)| Start::Resume(Position { epoch, next_seq })),
    ];
    let reason = prop_oneof![
        Just(Refusal::Version),
        Just(Refusal::Codec),
        Just(Refusal::Chain),
        Just(Refusal::Full),
        Just(Refusal::Snapshot)
    ];
    prop_oneof![
        (any::<u16>(), any::<u16>(), any::<u64>(), start).prop_map(
            |(version, codec, chain_id, start)| Message::Hello(Hello {
                version,
                codec,
                chain_id,
                start
            })
        ),
        (any::<u16>(), any::<u16>(), any::<[u64; 5]>()).prop_map(
            |(version, codec, [chain_id, epoch, first_seq, oldest_seq, next_seq])| {
                Message::Welcome(Welcome {
                    version,
                    codec,
                    chain_id,
                    epoch,
                    first_seq,
                    oldest_seq,
                    next_seq,
                })
            }
        ),
        (any::<u16>(), any::<u16>(), any::<u64>(), reason).prop_map(
            |(version, codec, chain_id, reason)| Message::Refused(Refused {
                reason,
                version,
                codec,
                chain_id
            })
        ),
    ]
}

fn blocks() -> impl Strategy<Value = Message> {
    let completeness = prop_oneof![
        Just(Completeness::ExecutedInNode),
        Just(Completeness::ReceiptsRootVerified),
        Just(Completeness::BlockAccessListVerified),
        Just(Completeness::BlockHashPinnedLogs),
        Just(Completeness::BloomExcluded),
        Just(Completeness::Unproven)
    ];
    let pool = prop_oneof![address().prop_map(PoolId::Address), hash().prop_map(PoolId::Id)];
    let update = (
        any::<u64>(),
        any::<[u32; 3]>(),
        hash(),
        pool,
        prop_oneof![v2_event(), v3_event(), v4_event(), pancake_event()],
    );
    prop_oneof![
        1 => (any::<[u64; 3]>(), block(), any::<u64>()).prop_map(
            |([chain_id, epoch, seq], block, base_fee)| {
                Message::BeginBlock(BeginBlock { chain_id, epoch, seq, block, base_fee })
            }
        ),
        4 => update.prop_map(|(seq, [index, tx_index, log_index], tx_hash, pool, event)| {
            let update = PoolUpdate { seq, index, tx_index, log_index, tx_hash, pool, event };
            Message::PoolUpdate(update)
        }),
        1 => (any::<[u64; 2]>(), any::<u32>(), hash(), completeness).prop_map(
            |([seq, number], num_updates, digest, completeness)| {
                Message::EndBlock(EndBlock { seq, number, num_updates, digest, completeness })
            }
        ),
    ]
}

fn notices() -> impl Strategy<Value = Message> {
    let reason = prop_oneof![
        Just(GapReason::SlowConsumer),
        Just(GapReason::Expired),
        Just(GapReason::Epoch),
        Just(GapReason::Ahead)
    ];
    prop_oneof![
        (any::<[u64; 4]>(), hash(), any::<[u32; 2]>()).prop_map(
            |([chain_id, epoch, seq, ancestor_number], ancestor_hash, [reverted, applied])| {
                Message::ReorgStart(ReorgStart {
                    chain_id,
                    epoch,
                    seq,
                    ancestor_number,
                    ancestor_hash,
                    reverted,
                    applied,
                })
            }
        ),
        (any::<u64>(), block()).prop_map(|(seq, block)| Message::Reverted(Reverted { seq, block })),
        (any::<[u64; 2]>(), hash()).prop_map(|([seq, tip_number], tip_hash)| {
            Message::ReorgEnd(ReorgEnd { seq, tip_number, tip_hash })
        }),
        (any::<[u64; 3]>(), hash()).prop_map(|([epoch, next_seq, head_number], head_hash)| {
            Message::Heartbeat(Heartbeat { epoch, next_seq, head_number, head_hash })
        }),
        (any::<[u64; 3]>(), reason).prop_map(|([epoch, wanted_seq, next_seq], reason)| {
            Message::Gap(Gap { epoch, reason, wanted_seq, next_seq })
        }),
    ]
}

fn gate() -> impl Strategy<Value = Message> {
    let code = prop_oneof![
        Just(GateCode::Live),
        Just(GateCode::Uninitialized),
        Just(GateCode::Unsynced),
        Just(GateCode::Reorging),
        Just(GateCode::Resyncing),
        Just(GateCode::Degraded),
        Just(GateCode::Halted),
    ];
    let reason = prop_oneof![
        Just(GateReason::None),
        Just(GateReason::PoolsHalted),
        Just(GateReason::WhitelistStale),
        Just(GateReason::Source),
        Just(GateReason::Check),
    ];
    let pool = prop_oneof![
        Just(None),
        hash().prop_map(|id| Some(PoolId::Id(id))),
        address().prop_map(|pool| Some(PoolId::Address(pool))),
    ];
    (any::<[u64; 4]>(), pool, code, reason).prop_map(
        |([chain_id, epoch, next_seq, value], pool, code, reason)| {
            let state = GateState { code, reason, value };
            Message::Gate(Gate { chain_id, epoch, next_seq, pool, state })
        },
    )
}

fn steps() -> impl Strategy<Value = Message> {
    prop_oneof![
        (any::<[u64; 4]>(), hash(), any::<[u32; 3]>(), hash()).prop_map(
            |(
                [chain_id, epoch, seq, number],
                parent_hash,
                [index, first_tx, num_updates],
                digest,
            )| {
                Message::Step(Step {
                    chain_id,
                    epoch,
                    seq,
                    number,
                    parent_hash,
                    index,
                    first_tx,
                    num_updates,
                    digest,
                })
            }
        ),
        (any::<[u64; 3]>(), hash(), any::<u32>()).prop_map(
            |([epoch, seq, number], parent_hash, steps)| {
                Message::StepRetracted(StepRetracted { epoch, seq, number, parent_hash, steps })
            }
        ),
    ]
}

fn snapshot_pool() -> impl Strategy<Value = SnapshotPool> {
    let pool = prop_oneof![address().prop_map(PoolId::Address), hash().prop_map(PoolId::Id)];
    let protocol = prop_oneof![
        Just(Protocol::UniswapV2),
        Just(Protocol::UniswapV3),
        Just(Protocol::PancakeV3),
        Just(Protocol::UniswapV4)
    ];
    let status = prop_oneof![
        Just(PoolStatus::Unsynced),
        Just(PoolStatus::Uninitialized),
        Just(PoolStatus::Live),
        Just(PoolStatus::Halted)
    ];
    let facts = (pool, protocol, status, 0..1u32 << 24, tick(), any::<Option<(u8, u8)>>());
    let state = prop::collection::vec(any::<u8>(), 52);
    (facts, [address(), address(), address(), address()], state, any::<[u32; 5]>()).prop_map(
        |(facts, [token0, token1, factory, hooks], state, [index, lp, fee0, fee1, ticks])| {
            let (pool, protocol, status, fee_pips, tick_spacing, decimals) = facts;
            SnapshotPool {
                index,
                pool,
                protocol,
                is_fork_settled: protocol != Protocol::UniswapV3 || index % 2 == 0,
                status,
                falls_short: (index % 3 == 0, index % 5 == 0),
                token0,
                token1,
                factory,
                hooks,
                fee_pips,
                tick_spacing,
                decimals,
                state: SwapState52(state.try_into().expect("the strategy makes 52 bytes")),
                fees: PoolFees {
                    lp: lp & 0xff_ffff,
                    lp_source: FEE_SOURCES[(lp >> 30) as usize],
                    protocol0: fee0,
                    protocol1: fee1,
                },
                ticks,
            }
        },
    )
}

fn snapshots() -> impl Strategy<Value = Message> {
    prop_oneof![
        (any::<[u64; 3]>(), block(), any::<u32>()).prop_map(
            |([chain_id, epoch, next_seq], block, pools)| {
                let begin = SnapshotBegin { chain_id, epoch, next_seq, block, pools };
                Message::SnapshotBegin(begin)
            }
        ),
        snapshot_pool().prop_map(Message::SnapshotPool),
        (any::<[u32; 2]>(), tick(), any::<u128>(), any::<i128>()).prop_map(
            |([pool, index], tick, gross, net)| {
                Message::SnapshotTick(SnapshotTick { pool, index, tick, gross, net })
            }
        ),
        (any::<u32>(), hash())
            .prop_map(|(pools, digest)| Message::SnapshotEnd(SnapshotEnd { pools, digest })),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![handshake(), blocks(), notices(), gate(), steps(), snapshots()]
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_decoded(message in message()) {
        let bytes = encoded(&message);
        prop_assert!(bytes.len() <= 4 + FRAME_BYTES_MAX as usize);
        prop_assert_eq!(decode_frame(&bytes[4..]), Ok(message));
    }

    #[test]
    fn whatever_decodes_has_one_encoding(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        if let Ok(message) = decode_frame(&bytes) {
            prop_assert_eq!(&encoded(&message)[4..], &bytes[..]);
        }
    }

    #[test]
    fn a_changed_byte_is_refused_or_read_as_itself(message in message(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = encoded(&message);
        let at = 4 + at.index(bytes.len() - 4);
        bytes[at] = byte;
        if let Ok(message) = decode_frame(&bytes[4..]) {
            prop_assert_eq!(encoded(&message), bytes);
        }
    }

    #[test]
    fn a_cut_or_extended_record_is_refused(message in message(), cut in any::<prop::sample::Index>()) {
        let mut bytes = encoded(&message);
        let length = 4 + cut.index(bytes.len() - 4);
        prop_assert!(decode_frame(&bytes[4..length]).is_err());
        bytes.push(0);
        let is_long = matches!(decode_frame(&bytes[4..]), Err(CodecError::Long { excess: 1, .. }));
        prop_assert!(is_long);
    }
}

#[test]
fn bad_frames_have_typed_errors() {
    let refused = |bytes: &[u8]| decode_all(bytes).unwrap_err();
    let max = FRAME_BYTES_MAX;
    assert_eq!(refused(&[0, 0, 0, 0]), CodecError::FrameLength { length: 0, max });
    assert_eq!(refused(&[1, 4, 0, 0, 9]), CodecError::FrameLength { length: 1_025, max });
    assert_eq!(refused(&[1, 0, 0, 0, 0x7f]), CodecError::UnknownType { record: 0x7f });
    assert_eq!(refused(&[1, 0, 0, 0, 0x44]), CodecError::ReservedType { record: 0x44 });
    assert_eq!(refused(&[1, 0, 0, 0, 0x4f]), CodecError::ReservedType { record: 0x4f });
    assert_eq!(refused(&[1, 0, 0, 0, 0x18]), CodecError::Short { record: 0x18 });
    assert_eq!(refused(&[2, 0, 0, 0, 0x30, 1]), CodecError::Short { record: 0x30 });
    let mut hello = encoded(&Message::Hello(Hello::new(1, Start::Live)));
    hello[5] = b'X';
    assert_eq!(refused(&hello), CodecError::Magic);
}

#[test]
fn values_outside_their_range_are_refused() {
    let update = |event| {
        let pool = PoolId::Address(Address::ZERO);
        let (tx_index, log_index, tx_hash) = (0, 0, B256::ZERO);
        let update = PoolUpdate { seq: 0, index: 0, tx_index, log_index, tx_hash, pool, event };
        encoded(&Message::PoolUpdate(update))
    };
    let refused = |bytes: &[u8]| decode_all(bytes).unwrap_err();
    let sync = update(PoolEvent::V2Sync { reserve0: 1 << 112, reserve1: 0 });
    assert_eq!(refused(&sync), CodecError::OutOfRange { field: "reserve" });
    let price = U256::from(1) << 160;
    let initialize = update(PoolEvent::V3Initialize { sqrt_price: price, tick: 0 });
    assert_eq!(refused(&initialize), CodecError::OutOfRange { field: "sqrt_price" });
    let initialize = update(PoolEvent::V3Initialize { sqrt_price: U256::ZERO, tick: 1 << 23 });
    assert_eq!(refused(&initialize), CodecError::OutOfRange { field: "tick" });
    let fees = PoolEvent::V4ProtocolFeeUpdated { zero_for_one: 1_001, one_for_zero: 0 };
    assert_eq!(refused(&update(fees)), CodecError::OutOfRange { field: "protocol_fee" });
    let swap = PoolEvent::V4Swap {
        amount0: 0,
        amount1: 0,
        sqrt_price: U256::ZERO,
        liquidity: 0,
        tick: 0,
        fee_pips: 1_000_001,
    };
    assert_eq!(refused(&update(swap)), CodecError::OutOfRange { field: "fee_pips" });
    let mut sync = update(PoolEvent::V2Sync { reserve0: 1, reserve1: 0 });
    sync[89] = 1;
    assert_eq!(refused(&sync), CodecError::Padding { field: "pool" });
    sync[57] = 2;
    assert_eq!(refused(&sync), CodecError::UnknownValue { field: "pool_kind", value: 2 });
}
