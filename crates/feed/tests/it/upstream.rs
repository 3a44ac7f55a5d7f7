//! The compatibility codec against `docs/spec/feed-upstream.vectors`, which upstream's own types and bincode 1.3 wrote,
//! and its socket through a reorg.

use crate::{
    common::EPOCH,
    history::CHAIN_ID,
    story::{Story, fresh_arena},
};
use alloy_primitives::{Address, B256, I256, U256, hex};
use std::collections::BTreeMap;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};
use weir_arena::{PoolEvent, PoolId, PoolKey, SwapState52};
use weir_feed::{
    FeedEvent, FeedServer, ServerCodec, ServerOptions, UPSTREAM_FRAME_BYTES_MAX, UpstreamEpilogue,
    UpstreamError, UpstreamEvent, UpstreamFluid, UpstreamMessage, UpstreamPool,
    UpstreamPoolMetadata, UpstreamProtocol, UpstreamRange, UpstreamSlot0, UpstreamToken,
    UpstreamUpdate, UpstreamUpdateType, decode_upstream, encode_upstream,
};
use weir_runtime::{Shutdown, ShutdownReason};

const VECTORS: &str = include_str!("../../../../docs/spec/feed-upstream.vectors");

const A: UpstreamPool = UpstreamPool::Address { address: token(0xaa) };
const B: UpstreamPool = UpstreamPool::PoolId { id: B256::repeat_byte(0xbb) };
const PRICE: U256 = U256::from_limbs([7, 1 << 32, 0, 0]);

const FLUID: UpstreamFluid = UpstreamFluid {
    col_token0_real: 1,
    col_token1_real: 2,
    col_token0_imaginary: 3,
    col_token1_imaginary: 4,
    debt_token0_real: 5,
    debt_token1_real: 6,
    debt_token0_imaginary: 7,
    debt_token1_imaginary: 8,
    center_price: 9,
    fee: 10,
};

const fn token(byte: u8) -> Address {
    Address::repeat_byte(byte)
}

const fn int(value: u64) -> U256 {
    U256::from_limbs([value, 0, 0, 0])
}

fn event(
    pool_id: UpstreamPool,
    protocol: UpstreamProtocol,
    update_type: UpstreamUpdateType,
    is_revert: bool,
    update: UpstreamUpdate,
) -> UpstreamMessage {
    let event = UpstreamEvent {
        pool_id,
        protocol,
        update_type,
        block_number: 19_000_001,
        block_timestamp: 1_700_000_009,
        tx_index: 3,
        log_index: 17,
        is_revert,
        update,
    };
    UpstreamMessage::PoolUpdate { stream_seq: 42, event }
}

fn uniswap() -> Vec<(&'static str, UpstreamMessage)> {
    use UpstreamProtocol::{UniswapV2, UniswapV3, UniswapV4};
    use UpstreamUpdateType::{Burn, Mint, Swap};
    let (amount0, amount1) = (I256::try_from(-5).unwrap(), I256::try_from(6).unwrap());
    let retired = UpstreamUpdate::V2Liquidity { amount0: I256::MAX, amount1: I256::MIN };
    let swap3 =
        UpstreamUpdate::V3Swap { sqrt_price_x96: PRICE, liquidity: u128::MAX, tick: -887_272 };
    let swap4 = UpstreamUpdate::V4Swap { sqrt_price_x96: PRICE, liquidity: 1, tick: 5 };
    let (tick_lower, tick_upper, liquidity_delta) = (-60, 120, -1_000_000_000_000);
    let burn = UpstreamUpdate::V3Liquidity { tick_lower, tick_upper, liquidity_delta };
    let liquidity_delta = i128::MAX;
    let mint = UpstreamUpdate::V4Liquidity { tick_lower, tick_upper, liquidity_delta };
    let sync = UpstreamUpdate::V2Sync { reserve0: 1000, reserve1: (1 << 112) - 1 };
    let v2_swap = UpstreamUpdate::V2Swap { amount0, amount1 };
    vec![
        ("v2_swap", event(A, UniswapV2, Swap, false, v2_swap)),
        ("v2_liquidity", event(A, UniswapV2, Mint, false, retired)),
        ("v3_swap", event(A, UniswapV3, Swap, false, swap3)),
        ("v3_liquidity", event(A, UniswapV3, Burn, true, burn)),
        ("v4_swap", event(B, UniswapV4, Swap, false, swap4)),
        ("v4_liquidity", event(B, UniswapV4, Mint, false, mint)),
        ("v2_sync", event(A, UniswapV2, Swap, false, sync)),
    ]
}

fn curve() -> Vec<(&'static str, UpstreamMessage)> {
    use UpstreamProtocol::{CurveStable, CurveTricrypto, CurveTwoCrypto};
    use UpstreamUpdate as U;
    let swap = U::CurveSwap { sold_id: 1, tokens_sold: 2, bought_id: 3, tokens_bought: 4 };
    let liquidity = U::CurveLiquidity {
        effective_balances: vec![1, 2, 3],
        fee: 4,
        offpeg_fee_multiplier: 5,
        initial_a: 6,
        future_a: 7,
        initial_a_time: 8,
        future_a_time: 9,
    };
    let ramp = U::CurveRampA { initial_a: 1, future_a: 2, initial_a_time: 3, future_a_time: 4 };
    let fees = U::CurveFeeUpdate { fee: 1, offpeg_fee_multiplier: 2 };
    let two = U::TwoCryptoState { balances: [1, 2], price_scale: int(3), d: U256::MAX };
    let three = U::TricryptoState { balances: [1, 2, 3], packed_price_scale: int(4), d: int(5) };
    let (initial_a, future_a, initial_gamma, future_gamma, initial_time, future_time) =
        (1, 2, 3, 4, 5, 6);
    let two_ramp = U::TwoCryptoRampAgamma {
        initial_a,
        future_a,
        initial_gamma,
        future_gamma,
        initial_time,
        future_time,
    };
    let three_ramp = U::TricryptoRampAgamma {
        initial_a,
        future_a,
        initial_gamma,
        future_gamma,
        initial_time,
        future_time,
    };
    let (mid_fee, out_fee, fee_gamma) = (1, 2, 3);
    let two_fees = U::TwoCryptoNewParameters { mid_fee, out_fee, fee_gamma };
    let three_fees = U::TricryptoNewParameters { mid_fee, out_fee, fee_gamma };
    let swap_of = |protocol, update| event(A, protocol, UpstreamUpdateType::Swap, false, update);
    vec![
        ("curve_swap", swap_of(CurveStable, swap)),
        ("curve_liquidity", event(A, CurveStable, UpstreamUpdateType::Mint, false, liquidity)),
        ("curve_ramp_a", swap_of(CurveStable, ramp)),
        ("curve_fee_update", swap_of(CurveStable, fees)),
        ("two_crypto_state", swap_of(CurveTwoCrypto, two)),
        ("two_crypto_ramp", swap_of(CurveTwoCrypto, two_ramp)),
        ("two_crypto_parameters", swap_of(CurveTwoCrypto, two_fees)),
        ("tricrypto_state", swap_of(CurveTricrypto, three)),
        ("tricrypto_ramp", swap_of(CurveTricrypto, three_ramp)),
        ("tricrypto_parameters", swap_of(CurveTricrypto, three_fees)),
    ]
}

fn others() -> Vec<(&'static str, UpstreamMessage)> {
    use UpstreamProtocol::{BalancerV2Weighted, Ekubo, Fluid};
    use UpstreamUpdate as U;
    use UpstreamUpdateType::{Mint, Swap};
    let ekubo = U::EkuboSwap { sqrt_ratio: PRICE, liquidity: 2, tick: -1 };
    let position = U::EkuboLiquidity {
        tick_lower: -1,
        tick_upper: 1,
        liquidity_delta: i128::MIN,
        sqrt_ratio: PRICE,
        liquidity: 2,
        tick: -1,
    };
    let swap = U::BalancerSwap {
        token_in: token(1),
        token_out: token(2),
        amount_in: int(3),
        amount_out: int(4),
    };
    let join = U::BalancerLiquidity { tokens: vec![token(1), token(2)], deltas: vec![-1, 2] };
    let fee = U::BalancerFeeUpdate { swap_fee_percentage: 3 };
    vec![
        ("ekubo_swap", event(B, Ekubo, Swap, false, ekubo)),
        ("ekubo_liquidity", event(B, Ekubo, Mint, false, position)),
        ("balancer_swap", event(B, BalancerV2Weighted, Swap, false, swap)),
        ("balancer_liquidity", event(B, BalancerV2Weighted, Mint, false, join)),
        ("balancer_fee_update", event(B, BalancerV2Weighted, Swap, false, fee)),
        ("fluid_state", event(A, Fluid, Swap, false, U::FluidState { state: FLUID })),
    ]
}

fn whitelist() -> UpstreamMessage {
    let pool = UpstreamPoolMetadata {
        pool_id: A,
        token0: token(1),
        token1: token(2),
        protocol: UpstreamProtocol::BalancerV2Weighted,
        factory: token(3),
        tick_spacing: Some(-60),
        fee: Some(3000),
        token0_decimals: Some(18),
        token1_decimals: None,
        extra_tokens: vec![UpstreamToken { address: token(4), decimals: 6 }],
        twocrypto_version: Some("v2.0.0".into()),
        ekubo_fee: Some(1 << 60),
        ekubo_type_config: Some(5),
        balancer_weights: Some(vec![8, 2]),
        balancer_swap_fee: Some(3),
        balancer_version: Some("v3".into()),
    };
    UpstreamMessage::UpdateWhitelist {
        chain: "ethereum".into(),
        generated_at: "2026-01-02".into(),
        pools: vec![pool],
    }
}

fn control() -> Vec<(&'static str, UpstreamMessage)> {
    let begin = |is_revert| UpstreamMessage::BeginBlock {
        stream_seq: 41,
        block_number: 19_000_001,
        block_timestamp: 1_700_000_009,
        base_fee_per_gas: 1_000_000_007,
        is_revert,
    };
    let (stream_seq, block_number, num_updates) = (43, 19_000_001, 23);
    let end = UpstreamMessage::EndBlock { stream_seq, block_number, num_updates };
    let start = UpstreamMessage::ReorgStart {
        stream_seq: 44,
        old_range: UpstreamRange { first: Some(8), last: Some(9), block_count: 2 },
        new_range: UpstreamRange::default(),
    };
    let epilogue = |update| UpstreamMessage::ReorgEpilogue {
        stream_seq: 45,
        final_tip_block: 7,
        final_tip_timestamp: 8,
        update,
    };
    let (pool_id, protocol) = (A, UpstreamProtocol::UniswapV3);
    let state = UpstreamSlot0 { sqrt_price_x96: PRICE, liquidity: u128::MAX, tick: -887_272 };
    let slot0 = UpstreamEpilogue::Slot0Final { pool_id, protocol, state };
    let fluid = UpstreamEpilogue::FluidStateFinal { pool_id, state: FLUID };
    let reserves = UpstreamEpilogue::V2ReservesFinal { pool_id, reserve0: 1, reserve1: 2 };
    vec![
        ("update_whitelist", whitelist()),
        ("begin_block", begin(false)),
        ("begin_block_revert", begin(true)),
        ("end_block", end),
        ("ping", UpstreamMessage::Ping),
        ("pong", UpstreamMessage::Pong),
        ("reorg_start", start),
        ("slot0_final", epilogue(slot0)),
        ("fluid_state_final", epilogue(fluid)),
        ("v2_reserves_final", epilogue(reserves)),
        ("reorg_complete", UpstreamMessage::ReorgComplete { stream_seq: 46, final_tip_block: 7 }),
    ]
}

fn vectors() -> BTreeMap<&'static str, Vec<u8>> {
    let rows = VECTORS.lines().filter(|line| !line.starts_with('#'));
    let rows = rows.map(|line| line.split_once(" = ").unwrap());
    rows.map(|(name, bytes)| (name, hex::decode(bytes).unwrap())).collect()
}

#[test]
fn every_variant_is_written_and_read_as_upstream_does() {
    let mut vectors = vectors();
    let all = control().into_iter().chain(uniswap()).chain(curve()).chain(others());
    for (name, message) in all {
        let expected = vectors.remove(name).expect(name);
        let mut bytes = Vec::new();
        encode_upstream(&message, &mut bytes);
        assert_eq!(hex::encode(&bytes), hex::encode(&expected), "{name}");
        assert_eq!(decode_upstream(&expected), Ok(Some((message, expected.len()))), "{name}");
    }
    assert!(vectors.is_empty(), "vectors without a test: {:?}", vectors.keys());
}

#[test]
fn frames_have_the_sizes_of_the_format() {
    let vectors = vectors();
    for (name, size) in [
        ("begin_block", 41),
        ("end_block", 32),
        ("v3_swap", 153),
        ("v4_swap", 157),
        ("v3_liquidity", 117),
        ("v4_liquidity", 121),
        ("v2_sync", 125),
    ] {
        assert_eq!(vectors[name].len(), size, "{name}");
    }
}

#[test]
fn cut_extended_and_changed_frames_are_refused_or_read_as_themselves() {
    for (name, frame) in vectors() {
        for cut in 0..frame.len() {
            assert_eq!(decode_upstream(&frame[..cut]), Ok(None), "{name}");
            if cut < 4 {
                continue;
            }
            // The same cut with a length that fits it.
            let mut short = frame[..cut].to_vec();
            short[..4].copy_from_slice(&((cut - 4) as u32).to_le_bytes());
            assert!(decode_upstream(&short).is_err(), "{name} cut={cut}");
        }
        let mut long = frame.clone();
        long.push(0);
        long[..4].copy_from_slice(&((frame.len() - 3) as u32).to_le_bytes());
        assert_eq!(decode_upstream(&long), Err(UpstreamError::Long { excess: 1 }), "{name}");
        for at in 4..frame.len() {
            let mut changed = frame.clone();
            changed[at] ^= 0x81;
            if let Ok(Some((message, _))) = decode_upstream(&changed) {
                let mut again = Vec::new();
                encode_upstream(&message, &mut again);
                assert_eq!(again, changed, "{name} at={at}");
            }
        }
    }
    let max = UPSTREAM_FRAME_BYTES_MAX;
    assert_eq!(decode_upstream(&[0; 4]), Err(UpstreamError::FrameLength { length: 0, max }));
    let unknown = UpstreamError::UnknownVariant { name: "UpstreamMessage", variant: 9 };
    assert_eq!(decode_upstream(&[4, 0, 0, 0, 9, 0, 0, 0]), Err(unknown));
    let mut flag = vectors()["begin_block"].clone();
    flag[40] = 2;
    assert_eq!(decode_upstream(&flag), Err(UpstreamError::Flag { value: 2 }));
    let mut price = vectors()["v3_swap"].clone();
    price[93] = 31;
    assert_eq!(decode_upstream(&price), Err(UpstreamError::Length { expected: 32, found: 31 }));
}

/// An upstream consumer: it applies what it reads to tick maps and slots as upstream's arena does.
#[derive(Default)]
struct Reader {
    buffer: Vec<u8>,
    stream_seq: u64,
    open: Option<(u64, u64)>,
    reorg: bool,
    reorgs: usize,
    tip: u64,
    reserves: BTreeMap<UpstreamPool, (u128, u128)>,
    slots: BTreeMap<UpstreamPool, UpstreamSlot0>,
    ranges: BTreeMap<(UpstreamPool, i32, i32), i128>,
}

impl Reader {
    /// Reads until the tip is `number` after so many reorgs.
    async fn read_to(&mut self, stream: &mut UnixStream, number: u64, reorgs: usize) {
        while self.tip != number || self.reorgs != reorgs || self.open.is_some() {
            match decode_upstream(&self.buffer).unwrap() {
                Some((message, length)) => {
                    self.buffer.drain(..length);
                    self.take(message);
                }
                None => assert_ne!(stream.read_buf(&mut self.buffer).await.unwrap(), 0, "cut"),
            }
        }
    }

    fn sequence(&mut self, stream_seq: u64) {
        self.stream_seq += 1;
        assert_eq!(stream_seq, self.stream_seq);
    }

    fn take(&mut self, message: UpstreamMessage) {
        match message {
            UpstreamMessage::Ping => {}
            UpstreamMessage::BeginBlock { stream_seq, block_number, is_revert, .. } => {
                self.sequence(stream_seq);
                assert_eq!(block_number, if is_revert { self.tip } else { self.tip + 1 });
                assert!(self.reorg || !is_revert);
                self.open = Some((block_number, 0));
            }
            UpstreamMessage::PoolUpdate { stream_seq, event } => {
                self.sequence(stream_seq);
                self.open.as_mut().unwrap().1 += 1;
                self.apply(event);
            }
            UpstreamMessage::EndBlock { stream_seq, block_number, num_updates } => {
                self.sequence(stream_seq);
                assert_eq!(self.open.take(), Some((block_number, num_updates)));
                self.tip = if block_number == self.tip { self.tip - 1 } else { block_number };
            }
            UpstreamMessage::ReorgStart { stream_seq, old_range, .. } => {
                self.sequence(stream_seq);
                assert_eq!(old_range.last, Some(self.tip));
                self.reorg = true;
            }
            UpstreamMessage::ReorgEpilogue { stream_seq, update, final_tip_block, .. } => {
                self.sequence(stream_seq);
                assert!(self.reorg && final_tip_block == self.tip);
                match update {
                    UpstreamEpilogue::Slot0Final { pool_id, state, .. } => {
                        self.slots.insert(pool_id, state);
                    }
                    UpstreamEpilogue::V2ReservesFinal { pool_id, reserve0, reserve1 } => {
                        self.reserves.insert(pool_id, (reserve0, reserve1));
                    }
                    UpstreamEpilogue::FluidStateFinal { .. } => panic!("no Fluid here"),
                }
            }
            UpstreamMessage::ReorgComplete { stream_seq, final_tip_block } => {
                self.sequence(stream_seq);
                assert_eq!(final_tip_block, self.tip);
                self.reorg = false;
                self.reorgs += 1;
            }
            other => panic!("{other:?}"),
        }
    }

    fn apply(&mut self, event: UpstreamEvent) {
        match event.update {
            UpstreamUpdate::V2Sync { reserve0, reserve1 } => {
                assert!(!event.is_revert, "reserves are absolute");
                self.reserves.insert(event.pool_id, (reserve0, reserve1));
            }
            UpstreamUpdate::V3Swap { sqrt_price_x96, liquidity, tick }
            | UpstreamUpdate::V4Swap { sqrt_price_x96, liquidity, tick } => {
                if !event.is_revert {
                    let slot = UpstreamSlot0 { sqrt_price_x96, liquidity, tick };
                    self.slots.insert(event.pool_id, slot);
                }
            }
            UpstreamUpdate::V3Liquidity { tick_lower, tick_upper, liquidity_delta }
            | UpstreamUpdate::V4Liquidity { tick_lower, tick_upper, liquidity_delta } => {
                let sign = if event.is_revert { -1 } else { 1 };
                let range = (event.pool_id, tick_lower, tick_upper);
                *self.ranges.entry(range).or_default() += sign * liquidity_delta;
            }
            other => panic!("{other:?}"),
        }
    }

    /// Compares with the arena: all reserves, the price of every pool whose last event was a swap, all ranges.
    fn check(&self, story: &Story) {
        let state = |pool: &UpstreamPool| {
            let id = match *pool {
                UpstreamPool::Address { address } => PoolId::Address(address),
                UpstreamPool::PoolId { id } => PoolId::Id(id),
            };
            let key = PoolKey { chain_id: CHAIN_ID, id };
            let tip = story.arena.tip().unwrap();
            story.arena.state_at(&key, tip.number).ok()
        };
        for (pool, (reserve0, reserve1)) in &self.reserves {
            let Some(SwapState52 { .. }) = state(pool) else { continue };
            let reserves = state(pool).unwrap().v2();
            assert_eq!((reserves.reserve0, reserves.reserve1), (*reserve0, *reserve1));
        }
        for (pool, slot) in &self.slots {
            let Some(found) = state(pool).map(|state| state.v3().unwrap()) else { continue };
            if found.sqrt_price.is_zero() {
                continue;
            }
            assert_eq!(slot.sqrt_price_x96, found.sqrt_price.get(), "{pool:?}");
            assert_eq!(slot.tick, found.tick, "{pool:?}");
        }
        assert!(self.ranges.values().all(|liquidity| *liquidity >= 0), "{:?}", self.ranges);
    }
}

#[tokio::test]
async fn an_upstream_consumer_follows_reorgs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upstream.sock");
    let mut story = Story::new(11, EPOCH);
    let options = ServerOptions { codec: ServerCodec::Upstream, ..ServerOptions::at(path.clone()) };
    let shutdown = Shutdown::new();
    let server = FeedServer::bind(story.producer.clone(), options).unwrap();
    let server = tokio::spawn(server.run(shutdown.clone()));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    // The first ping says that the consumer is served; blocks published before are not sent.
    let mut reader = Reader::default();
    stream.readable().await.unwrap();
    // What it answers is ignored.
    let mut pong = Vec::new();
    encode_upstream(&UpstreamMessage::Pong, &mut pong);
    stream.write_all(&pong).await.unwrap();
    let mut reorgs = 0;
    for (depth, count) in [(0, 40), (1, 1), (3, 5), (12, 4), (2, 0), (0, 10), (30, 31), (1, 2)] {
        if depth == 0 {
            story.extend(count);
        } else {
            reorgs += 1;
            story.reorg(depth, count);
        }
        story.producer.offer_snapshot(story.arena.snapshot());
        reader.read_to(&mut stream, story.height() as u64, reorgs).await;
        reader.check(&story);
    }
    assert!(reader.reserves.len() > 1 && reader.slots.len() > 1);
    shutdown.trigger(ShutdownReason::Done);
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_upstream_consumer_that_cannot_be_told_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upstream.sock");
    let mut story = Story::new(5, EPOCH);
    story.extend(40);
    // The producer starts anew above these blocks, so that they are not retained.
    story.producer.restart();
    let options = ServerOptions { codec: ServerCodec::Upstream, ..ServerOptions::at(path.clone()) };
    let shutdown = Shutdown::new();
    let server = FeedServer::bind(story.producer.clone(), options).unwrap();
    let server = tokio::spawn(server.run(shutdown.clone()));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.readable().await.unwrap();
    story.reorg(3, 4);
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let mut messages = Vec::new();
    while let Some((message, length)) = decode_upstream(&bytes).unwrap() {
        messages.push(message);
        bytes.drain(..length);
    }
    assert!(bytes.is_empty(), "the connection ends on a whole frame");
    let start = UpstreamMessage::ReorgStart {
        stream_seq: 1,
        old_range: UpstreamRange { first: Some(38), last: Some(40), block_count: 3 },
        new_range: UpstreamRange { first: Some(38), last: Some(41), block_count: 4 },
    };
    assert_eq!(messages.last(), Some(&start), "{messages:?}");
    shutdown.trigger(ShutdownReason::Done);
    server.await.unwrap().unwrap();
}

#[test]
fn the_history_has_all_that_upstream_is_told() {
    let mut story = Story::new(11, EPOCH);
    let events = story.extend(80);
    let (mut kinds, mut arena) = ([0; 4], fresh_arena());
    for event in &events {
        let FeedEvent::Block(block) = event else { panic!() };
        arena.apply(&block.envelope).unwrap();
        for record in block.envelope.events() {
            match record.event {
                PoolEvent::V2Sync { .. } => kinds[0] += 1,
                PoolEvent::V3Swap { .. } => kinds[1] += 1,
                PoolEvent::V3Mint { .. } => kinds[2] += 1,
                PoolEvent::V3Burn { .. } => kinds[3] += 1,
                _ => {}
            }
        }
    }
    assert!(kinds.iter().all(|count| *count > 3), "{kinds:?}");
    assert_eq!(arena.digest(), story.arena.digest());
}
