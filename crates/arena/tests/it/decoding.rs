//! Logs that are, look like, or fail to be pool events.

use alloy_primitives::{Address, B256, Bytes, I256, Log, LogData, U256, address, b256, hex};
use alloy_sol_types::{SolEvent, sol};
use proptest::prelude::*;
use weir_arena::{DecodeError, DecodedEvent, PoolEvent, PoolId, decode};

const EMITTER: Address = address!("0x4000000000000000000000000000000000000004");

mod v2 {
    alloy_sol_types::sol! {
        event PairCreated(address indexed token0, address indexed token1, address pair, uint256);
        event Sync(uint112 reserve0, uint112 reserve1);
        event Swap(address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out, address indexed to);
        event Mint(address indexed sender, uint256 amount0, uint256 amount1);
        event Burn(address indexed sender, uint256 amount0, uint256 amount1, address indexed to);
    }
}

sol! {
    event PoolCreated(address indexed token0, address indexed token1, uint24 indexed fee, int24 tickSpacing, address pool);
    event Initialize(uint160 sqrtPriceX96, int24 tick);
    event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick);
    event Mint(address sender, address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1);
    event Burn(address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1);
    event SetFeeProtocol(uint8 feeProtocol0Old, uint8 feeProtocol1Old, uint8 feeProtocol0New, uint8 feeProtocol1New);
}

mod v4 {
    alloy_sol_types::sol! {
        event Initialize(bytes32 indexed id, address indexed currency0, address indexed currency1, uint24 fee, int24 tickSpacing, address hooks, uint160 sqrtPriceX96, int24 tick);
        event Swap(bytes32 indexed id, address indexed sender, int128 amount0, int128 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick, uint24 fee);
        event ModifyLiquidity(bytes32 indexed id, address indexed sender, int24 tickLower, int24 tickUpper, int256 liquidityDelta, bytes32 salt);
        event ProtocolFeeUpdated(bytes32 indexed id, uint24 protocolFee);
    }
}

mod pancake {
    alloy_sol_types::sol! {
        event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick, uint128 protocolFeesToken0, uint128 protocolFeesToken1);
        event SetFeeProtocol(uint32 feeProtocol0Old, uint32 feeProtocol1Old, uint32 feeProtocol0New, uint32 feeProtocol1New);
    }
}

fn log(event: &impl SolEvent) -> Log {
    Log { address: EMITTER, data: event.encode_log_data() }
}

fn decoded(event: &impl SolEvent) -> PoolEvent {
    let DecodedEvent { pool, event } = decode(&log(event)).unwrap().unwrap();
    assert_eq!(pool, PoolId::Address(EMITTER));
    event
}

proptest! {
    #[test]
    fn events_decode_to_what_was_encoded(a: u128, b: u128, words: [[u64; 4]; 4], lower in -887_272..887_272i32, upper in -887_272..887_272i32, price: [u64; 2]) {
        let (from, to) = (Address::with_last_byte(1), Address::with_last_byte(2));
        let words = words.map(U256::from_limbs);
        let (reserve0, reserve1) = (a >> 16, b >> 16);
        let sync = v2::Sync { reserve0: reserve0.try_into().unwrap(), reserve1: reserve1.try_into().unwrap() };
        prop_assert_eq!(decoded(&sync), PoolEvent::V2Sync { reserve0, reserve1 });
        let [amount0_in, amount1_in, amount0_out, amount1_out] = words;
        let swap = v2::Swap { sender: from, amount0In: amount0_in, amount1In: amount1_in, amount0Out: amount0_out, amount1Out: amount1_out, to };
        prop_assert_eq!(decoded(&swap), PoolEvent::V2Swap { amount0_in, amount1_in, amount0_out, amount1_out });
        let [amount0, amount1, ..] = words;
        prop_assert_eq!(decoded(&v2::Mint { sender: from, amount0, amount1 }), PoolEvent::V2Mint { amount0, amount1 });
        prop_assert_eq!(decoded(&v2::Burn { sender: from, amount0, amount1, to }), PoolEvent::V2Burn { amount0, amount1 });

        let sqrt_price = U256::from_limbs([price[0], price[1], 0, 0]);
        let (tick_lower, tick_upper) = (lower.try_into().unwrap(), upper.try_into().unwrap());
        let initialize = Initialize { sqrtPriceX96: sqrt_price.to(), tick: tick_lower };
        prop_assert_eq!(decoded(&initialize), PoolEvent::V3Initialize { sqrt_price, tick: lower });
        let (signed0, signed1) = (I256::from_raw(amount0), I256::from_raw(amount1));
        let swap = Swap { sender: from, recipient: to, amount0: signed0, amount1: signed1, sqrtPriceX96: sqrt_price.to(), liquidity: a, tick: tick_upper };
        prop_assert_eq!(decoded(&swap), PoolEvent::V3Swap { amount0: signed0, amount1: signed1, sqrt_price, liquidity: a, tick: upper });
        let mint = Mint { sender: from, owner: to, tickLower: tick_lower, tickUpper: tick_upper, amount: b, amount0, amount1 };
        prop_assert_eq!(decoded(&mint), PoolEvent::V3Mint { lower, upper, amount: b, amount0, amount1 });
        let burn = Burn { owner: to, tickLower: tick_lower, tickUpper: tick_upper, amount: b, amount0, amount1 };
        prop_assert_eq!(decoded(&burn), PoolEvent::V3Burn { lower, upper, amount: b, amount0, amount1 });
    }

    #[test]
    fn events_of_managers_and_pancake_pools_decode(amounts: [i128; 2], wide: [[u64; 4]; 2], unsigned: [u128; 3], ticks in [-887_272..887_272i32, -887_272..887_272i32], price: [u64; 2], fees in [0..=1_000u32, 0..=1_000u32], fee_pips in 0..=1_000_000u32, id: [u8; 32]) {
        let (sender, to, id) = (Address::with_last_byte(1), Address::with_last_byte(2), B256::new(id));
        let by_id = |event: PoolEvent| Ok(Some(DecodedEvent { pool: PoolId::Id(id), event }));
        let ([amount0, amount1], [lower, upper]) = (amounts, ticks);
        let sqrt_price = U256::from_limbs([price[0], price[1], 0, 0]);
        let (tick_lower, tick_upper) = (lower.try_into().unwrap(), upper.try_into().unwrap());
        let [liquidity, protocol_fee0, protocol_fee1] = unsigned;
        let swap = v4::Swap { id, sender, amount0, amount1, sqrtPriceX96: sqrt_price.to(), liquidity, tick: tick_upper, fee: fee_pips.try_into().unwrap() };
        let expected = PoolEvent::V4Swap { amount0, amount1, sqrt_price, liquidity, tick: upper, fee_pips };
        prop_assert_eq!(decode(&log(&swap)), by_id(expected));
        let modify = v4::ModifyLiquidity { id, sender, tickLower: tick_lower, tickUpper: tick_upper, liquidityDelta: I256::try_from(amount0).unwrap(), salt: B256::ZERO };
        prop_assert_eq!(decode(&log(&modify)), by_id(PoolEvent::V4ModifyLiquidity { lower, upper, delta: amount0 }));
        let updated = v4::ProtocolFeeUpdated { id, protocolFee: (fees[0] | (fees[1] << 12)).try_into().unwrap() };
        let (zero_for_one, one_for_zero) = (fees[0] as u16, fees[1] as u16);
        prop_assert_eq!(decode(&log(&updated)), by_id(PoolEvent::V4ProtocolFeeUpdated { zero_for_one, one_for_zero }));

        let [amount0, amount1] = wide.map(|limbs| I256::from_raw(U256::from_limbs(limbs)));
        let swap = pancake::Swap { sender, recipient: to, amount0, amount1, sqrtPriceX96: sqrt_price.to(), liquidity, tick: tick_lower, protocolFeesToken0: protocol_fee0, protocolFeesToken1: protocol_fee1 };
        let expected = PoolEvent::PancakeV3Swap { amount0, amount1, sqrt_price, liquidity, tick: lower, protocol_fee0, protocol_fee1 };
        prop_assert_eq!(decoded(&swap), expected);
        let set = pancake::SetFeeProtocol { feeProtocol0Old: 3_300, feeProtocol1Old: 3_300, feeProtocol0New: fees[0], feeProtocol1New: fees[1] };
        prop_assert_eq!(decoded(&set), PoolEvent::PancakeV3SetFeeProtocol { fee_protocol0: fees[0] as u16, fee_protocol1: fees[1] as u16 });
    }

    #[test]
    fn no_log_makes_the_decoder_panic(signature in 0..SIGNATURES.len(), topics in proptest::collection::vec(any::<[u8; 32]>(), 0..4), data in proptest::collection::vec(any::<u8>(), 0..200), is_zeroed: bool) {
        let mut all = vec![SIGNATURES[signature]];
        all.extend(topics.into_iter().map(B256::new));
        let data = if is_zeroed { vec![0; data.len()] } else { data };
        let log = Log { address: EMITTER, data: LogData::new(all, data.into()).unwrap() };
        // Random words hardly ever fit the narrow types: an error or an event, never `None`, never a panic.
        prop_assert!(!matches!(decode(&log), Ok(None)));
    }
}

const SIGNATURES: [B256; 17] = [
    v2::PairCreated::SIGNATURE_HASH,
    v2::Sync::SIGNATURE_HASH,
    v2::Swap::SIGNATURE_HASH,
    v2::Mint::SIGNATURE_HASH,
    v2::Burn::SIGNATURE_HASH,
    PoolCreated::SIGNATURE_HASH,
    Initialize::SIGNATURE_HASH,
    Swap::SIGNATURE_HASH,
    Mint::SIGNATURE_HASH,
    Burn::SIGNATURE_HASH,
    SetFeeProtocol::SIGNATURE_HASH,
    v4::Initialize::SIGNATURE_HASH,
    v4::Swap::SIGNATURE_HASH,
    v4::ModifyLiquidity::SIGNATURE_HASH,
    v4::ProtocolFeeUpdated::SIGNATURE_HASH,
    pancake::Swap::SIGNATURE_HASH,
    pancake::SetFeeProtocol::SIGNATURE_HASH,
];

#[test]
fn creations_name_the_new_pool() {
    let (token0, token1, pool) =
        (Address::with_last_byte(1), Address::with_last_byte(2), Address::with_last_byte(3));
    let created = PoolCreated {
        token0,
        token1,
        fee: 500.try_into().unwrap(),
        tickSpacing: 10.try_into().unwrap(),
        pool,
    };
    let event =
        PoolEvent::V3Created { factory: EMITTER, token0, token1, fee_pips: 500, tick_spacing: 10 };
    assert_eq!(
        decode(&log(&created)),
        Ok(Some(DecodedEvent { pool: PoolId::Address(pool), event }))
    );
    let created = v2::PairCreated { token0, token1, pair: pool, _3: U256::ONE };
    let event = PoolEvent::V2Created { factory: EMITTER, token0, token1 };
    assert_eq!(
        decode(&log(&created)),
        Ok(Some(DecodedEvent { pool: PoolId::Address(pool), event }))
    );
    let set = SetFeeProtocol {
        feeProtocol0Old: 0,
        feeProtocol1Old: 0,
        feeProtocol0New: 4,
        feeProtocol1New: 10,
    };
    assert_eq!(decoded(&set), PoolEvent::V3SetFeeProtocol { fee_protocol0: 4, fee_protocol1: 10 });
}

#[test]
fn wrong_shapes_and_wide_values_are_errors() {
    let good = log(&v2::Sync { reserve0: 1.try_into().unwrap(), reserve1: 2.try_into().unwrap() });
    let with = |topics: Vec<B256>, data: Vec<u8>| Log {
        address: EMITTER,
        data: LogData::new(topics, data.into()).unwrap(),
    };
    let topics = good.topics().to_vec();
    for bytes in [0, 32, 63, 65, 96] {
        let found = decode(&with(topics.clone(), vec![0; bytes]));
        assert!(matches!(found, Err(DecodeError::Shape { bytes: seen, .. }) if seen == bytes));
    }
    let more = vec![topics[0], B256::ZERO];
    assert!(matches!(decode(&with(more, vec![0; 64])), Err(DecodeError::Shape { topics: 1, .. })));
    let mut wide = good.data.data.to_vec();
    wide[17] = 1;
    assert!(matches!(decode(&with(topics, wide)), Err(DecodeError::OutOfRange { .. })));

    // A tick whose sign is not extended.
    let initialize =
        log(&Initialize { sqrtPriceX96: U256::ONE.to(), tick: (-1).try_into().unwrap() });
    let mut data = initialize.data.data.to_vec();
    assert_eq!(data[32..], [0xff; 32]);
    data[32] = 0;
    assert!(matches!(
        decode(&with(initialize.topics().to_vec(), data)),
        Err(DecodeError::OutOfRange { .. })
    ));
}

#[test]
fn other_events_are_nobodys() {
    let transfer = b256!("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
    // The same first four bytes as a V3 swap, another signature.
    let near = b256!("0xc42079f9ffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
    for topic in [transfer, near] {
        let log = Log { address: EMITTER, data: LogData::new(vec![topic], Bytes::new()).unwrap() };
        assert_eq!(decode(&log), Ok(None));
    }
    let anonymous =
        Log { address: EMITTER, data: LogData::new(vec![], hex!("00").into()).unwrap() };
    assert_eq!(decode(&anonymous), Ok(None));
}
