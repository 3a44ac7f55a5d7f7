use super::{RejectionReason, Whitelist, WhitelistError, WhitelistProtocol};
use alloy_primitives::{Address, B256, address, b256};
use serde_json::{Value, json};

const CHAIN: u64 = 61_972;

fn row() -> Value {
    json!({
        "address": "0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640",
        "protocol": "v3",
        "token0": {"address": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "symbol": "USDC", "decimals": 6},
        "token1": {"address": "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "symbol": "WETH", "decimals": 18},
        "fee": 500,
        "tick_spacing": 10,
        "factory": "0x1F98431c8aD98523631AE4a59f267346ea31F984",
        "something_new": true,
    })
}

fn parse(rows: &[Value]) -> Whitelist {
    let document = json!({"snapshot_id": 1_731_067_200_000u64, "chain": "weir", "pools": rows});
    Whitelist::parse(document.to_string().as_bytes(), CHAIN).unwrap()
}

fn reason(row: Value) -> RejectionReason {
    let whitelist = parse(&[row]);
    assert!(whitelist.pools.is_empty());
    whitelist.rejected[0].reason.clone()
}

fn changed(path: &str, value: Value) -> Value {
    let mut row = row();
    let (head, field) = path.rsplit_once('.').unwrap_or(("", path));
    let target = if head.is_empty() { &mut row } else { &mut row[head] };
    if value.is_null() {
        target.as_object_mut().unwrap().remove(field);
    } else {
        target[field] = value;
    }
    row
}

#[test]
fn a_rich_row_is_made_canonical() {
    let whitelist = parse(&[row()]);
    assert_eq!(whitelist.snapshot_id, Some(1_731_067_200_000));
    assert!(whitelist.rejected.is_empty());
    let pool = &whitelist.pools[0];
    assert_eq!(pool.address, address!("88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640"));
    assert_eq!(pool.protocol, WhitelistProtocol::UniswapV3);
    assert_eq!((pool.fee_pips, pool.tick_spacing), (500, Some(10)));
    assert_eq!((pool.token0.decimals, pool.token0.symbol.as_deref()), (6, Some("USDC")));
    assert_eq!((pool.pool_id, pool.hooks), (None, None));
}

#[test]
fn nothing_is_ever_filled_in() {
    for field in ["address", "protocol", "token0", "token1", "fee", "tick_spacing"] {
        assert_eq!(reason(changed(field, Value::Null)), RejectionReason::Missing { field });
    }
    for (path, field) in
        [("token0.decimals", "token0.decimals"), ("token1.address", "token1.address")]
    {
        assert_eq!(reason(changed(path, Value::Null)), RejectionReason::Missing { field });
    }
}

#[test]
fn bad_values_are_rejected_with_their_field() {
    let invalid = |path, value| match reason(changed(path, value)) {
        RejectionReason::Invalid { field } => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(invalid("address", json!("0x1234")), "address");
    assert_eq!(invalid("address", json!(7)), "address");
    assert_eq!(invalid("fee", json!(1_000_000)), "fee");
    assert_eq!(invalid("fee", json!(-1)), "fee");
    assert_eq!(invalid("fee", json!("500")), "fee");
    assert_eq!(invalid("tick_spacing", json!(0)), "tick_spacing");
    assert_eq!(invalid("tick_spacing", json!(16_384)), "tick_spacing");
    assert_eq!(invalid("token0.decimals", json!(256)), "token0.decimals");
    assert_eq!(invalid("token1", json!("WETH")), "token1");
    assert_eq!(invalid("token1", json!(7)), "token1");
    assert_eq!(invalid("factory", json!("nowhere")), "factory");
    let protocol = "sushi_v9".to_owned();
    let unknown = reason(changed("protocol", json!("sushi_v9")));
    assert_eq!(unknown, RejectionReason::ProtocolUnknown { protocol });
    let protocol = "fluid".to_owned();
    let unsupported = reason(changed("protocol", json!("fluid")));
    assert_eq!(unsupported, RejectionReason::ProtocolUnsupported { protocol });
    let mut swapped = row();
    swapped["token1"]["address"] = json!("0x0000000000000000000000000000000000000001");
    assert_eq!(reason(swapped), RejectionReason::TokenOrder);
    assert_eq!(reason(json!([1])), RejectionReason::NotAnObject);
}

#[test]
fn good_rows_survive_bad_ones() {
    let v2 = json!({
        "address": "0xB4e16d0168e52d35CaCD2c6185b44281Ec28C9Dc",
        "protocol": "uniswap_v2",
        "token0": {"address": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "decimals": 6},
        "token1": {"address": "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "decimals": 18},
        "fee": 3000,
    });
    let whitelist = parse(&[json!({}), row(), row(), v2]);
    assert_eq!(whitelist.pools.len(), 2);
    assert_eq!(whitelist.pools[1].tick_spacing, None);
    let rejected: Vec<_> = whitelist.rejected.iter().map(|row| (row.row, &row.reason)).collect();
    let missing = RejectionReason::Missing { field: "protocol" };
    assert_eq!(rejected, [(0, &missing), (2, &RejectionReason::Duplicate)]);
    let line = whitelist.rejected[1].to_string();
    assert!(line.starts_with("pool is listed twice: row=2 pool=\"0x88e6"), "{line}");
}

#[test]
fn a_v4_id_is_checked_against_its_key() {
    // ETH/USDC 0.05 % on mainnet.
    let id = b256!("21c67e77068de97969ba93d4aab21826d33ca12bb9f565d8496e8fda8a82ca27");
    let v4 = json!({
        "address": "0x000000000004444c5dc75cB358380D2e3dE08A90",
        "pool_id": id,
        "protocol": "v4",
        "token0": {"address": Address::ZERO, "decimals": 18},
        "token1": {"address": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "decimals": 6},
        "fee": 500,
        "tick_spacing": 10,
        "hooks": Address::ZERO,
    });
    let whitelist = parse(std::slice::from_ref(&v4));
    assert_eq!(whitelist.rejected, []);
    assert_eq!(whitelist.pools[0].pool_id, Some(id));
    let mut wrong = v4.clone();
    wrong["fee"] = json!(501);
    assert_eq!(reason(wrong), RejectionReason::PoolId);
    let mut dynamic = v4.clone();
    dynamic["fee"] = json!(0x80_0000);
    assert_eq!(reason(dynamic), RejectionReason::PoolId);
    // A row that names no hooks has none if its id says so; otherwise the id cannot be checked.
    let mut unhooked = v4;
    unhooked.as_object_mut().unwrap().remove("hooks");
    assert_eq!(parse(std::slice::from_ref(&unhooked)).pools[0].hooks, Some(Address::ZERO));
    unhooked["pool_id"] = json!(B256::repeat_byte(7));
    assert_eq!(reason(unhooked), RejectionReason::Missing { field: "hooks" });
}

#[test]
fn pancake_pools_have_their_own_protocol() {
    for name in ["pancake_v3", "pancakeswap_v3"] {
        let mut pool = row();
        pool["protocol"] = json!(name);
        let whitelist = parse(&[pool]);
        assert_eq!(whitelist.rejected, []);
        assert_eq!(whitelist.pools[0].protocol, WhitelistProtocol::PancakeV3);
    }
}

#[test]
fn documents_of_other_chains_or_shapes_are_refused() {
    let parse = |document: Value| Whitelist::parse(document.to_string().as_bytes(), CHAIN);
    let refused = |document| parse(document).unwrap_err();
    assert!(matches!(Whitelist::parse(b"{", CHAIN), Err(WhitelistError::Json(_))));
    assert!(matches!(refused(json!([])), WhitelistError::Field { field: "pools" }));
    assert!(matches!(refused(json!({"pools": []})), WhitelistError::Field { field: "chain" }));
    let no_pools = json!({"chain": "weir"});
    assert!(matches!(refused(no_pools), WhitelistError::Field { field: "pools" }));
    let ethereum = refused(json!({"chain": "ethereum", "pools": []}));
    assert!(matches!(ethereum, WhitelistError::ChainMismatch { expected: CHAIN, found: 1 }));
    let unknown = refused(json!({"chain": "narnia", "pools": []}));
    assert!(matches!(unknown, WhitelistError::ChainUnknown { .. }));
    for chain in [json!("61972"), json!(61_972)] {
        assert!(parse(json!({"chain": chain, "pools": []})).unwrap().pools.is_empty());
    }
    assert!(parse(json!({"chain_id": 61_972, "chain": "narnia", "pools": []})).is_ok());
}
