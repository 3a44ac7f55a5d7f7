//! Golden messages of every generation of the format.

use alloy_primitives::{Address, address, b256};
use weir_arena::PoolId;
use weir_feed::{
    RejectionReason, Whitelist, WhitelistError, WhitelistKind, WhitelistMessage, WhitelistProtocol,
    WhitelistUpdate, WhitelistVersion,
};

const WETH_POOL: Address = address!("88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640");
const PAIR: Address = address!("B4e16d0168e52d35CaCD2c6185b44281Ec28C9Dc");
const V4_ID: PoolId =
    PoolId::Id(b256!("21c67e77068de97969ba93d4aab21826d33ca12bb9f565d8496e8fda8a82ca27"));

/// Parsed as a message under a subject that ends with `token`.
fn parse(json: &str, token: &str) -> WhitelistUpdate {
    let kind = WhitelistKind::from_subject_token(token).unwrap();
    WhitelistMessage::parse(json.as_bytes(), 1, kind).unwrap().update
}

fn version(snapshot_id: u64) -> Option<WhitelistVersion> {
    Some(WhitelistVersion { epoch: 0, snapshot_id })
}

fn reasons(update: &WhitelistUpdate) -> Vec<(usize, &RejectionReason)> {
    update.rejected.iter().map(|row| (row.row, &row.reason)).collect()
}

#[test]
fn a_rich_list() {
    let update = parse(include_str!("golden/rich-full.json"), "full");
    assert_eq!((update.kind, update.version), (WhitelistKind::Full, version(1_731_067_200_000)));
    let ids: Vec<_> = update.pools.iter().map(|pool| pool.id()).collect();
    assert_eq!(ids, [WETH_POOL.into(), V4_ID, PAIR.into()]);
    assert_eq!(update.pools[0].factory, Some(address!("1F98431c8aD98523631AE4a59f267346ea31F984")));
    assert_eq!(update.pools[1].address, address!("000000000004444c5dc75cB358380D2e3dE08A90"));
    assert_eq!((update.pools[2].fee_pips, update.pools[2].tick_spacing), (3000, None));
    let protocol = "balancer_v2_weighted".to_owned();
    let balancer = RejectionReason::ProtocolUnsupported { protocol };
    let decimals = RejectionReason::Missing { field: "token0.decimals" };
    assert_eq!(reasons(&update), [(3, &balancer), (4, &decimals)]);
    assert_eq!(update.effective_from, None);
    // The same document is an addition under another subject.
    assert_eq!(parse(include_str!("golden/rich-full.json"), "add").kind, WhitelistKind::Add);
}

#[test]
fn a_rich_removal_of_contracts_and_ids() {
    let update = parse(include_str!("golden/rich-remove.json"), "remove");
    assert_eq!(update.kind, WhitelistKind::Remove);
    assert_eq!(update.removed, [WETH_POOL.into(), V4_ID]);
    let invalid = RejectionReason::Invalid { field: "pool_addresses" };
    assert_eq!(reasons(&update), [(2, &invalid), (3, &RejectionReason::Duplicate)]);
    assert_eq!(update.rejected[0].id, "0x1234");
}

#[test]
fn a_minimal_addition_is_left_to_be_resolved() {
    let update = parse(include_str!("golden/minimal-add.json"), "minimal");
    assert_eq!((update.kind, update.version), (WhitelistKind::Add, version(1_731_067_200_000)));
    let rows: Vec<_> = update.unresolved.iter().map(|row| (row.id, row.protocol)).collect();
    let expected = [
        (WETH_POOL.into(), WhitelistProtocol::UniswapV3),
        (PAIR.into(), WhitelistProtocol::UniswapV2),
        (V4_ID, WhitelistProtocol::UniswapV4),
    ];
    assert_eq!(rows, expected);
    assert!(update.pools.is_empty());
    // A pool of Uniswap V4 is not a contract.
    assert_eq!(reasons(&update), [(3, &RejectionReason::Invalid { field: "pools" })]);
}

#[test]
fn a_minimal_removal() {
    let update = parse(include_str!("golden/minimal-remove.json"), "minimal");
    assert_eq!(
        (update.kind, &update.removed[..]),
        (WhitelistKind::Remove, &[WETH_POOL.into()][..])
    );
    assert_eq!(update.rejected, []);
}

#[test]
fn the_first_format_names_no_protocols_and_nothing_is_guessed() {
    let update = parse(include_str!("golden/minimal-first.json"), "minimal");
    assert_eq!((update.kind, update.version), (WhitelistKind::Full, None));
    assert!(update.is_empty());
    assert_eq!(reasons(&update), [(0, &RejectionReason::MetadataMissing)]);
}

#[test]
fn protocols_must_be_as_many_as_pools() {
    let json = include_str!("golden/minimal-add.json").replace(r#""v4", "v4""#, r#""v4""#);
    let error = WhitelistMessage::parse(json.as_bytes(), 1, WhitelistKind::Full).unwrap_err();
    assert!(matches!(error, WhitelistError::ProtocolCount { pools: 4, protocols: 3 }));
}

#[test]
fn nested_tokens_of_late_2025() {
    let update = parse(include_str!("golden/python-nested.json"), "full");
    // `type` wins over the subject.
    assert_eq!(update.kind, WhitelistKind::Add);
    let ids: Vec<_> = update.pools.iter().map(|pool| pool.id()).collect();
    assert_eq!(ids, [WETH_POOL.into(), V4_ID]);
    assert_eq!(update.pools[0].token1.symbol.as_deref(), Some("WETH"));
    // An id alone does not say which PoolManager keeps the pool.
    assert_eq!(reasons(&update), [(2, &RejectionReason::Missing { field: "address" })]);
    assert!(update.rejected[0].id.starts_with("0x72331fcb"));
}

#[test]
fn flat_tokens_of_late_2025() {
    let update = parse(include_str!("golden/python-flat.json"), "full");
    let pool = &update.pools[0];
    assert_eq!((pool.id(), pool.token0.decimals, pool.token1.decimals), (WETH_POOL.into(), 6, 18));
    assert_eq!(pool.token0.symbol.as_deref(), Some("USDC"));
    let decimals = RejectionReason::Missing { field: "token0_decimals" };
    assert_eq!(reasons(&update), [(1, &decimals)]);
}

#[test]
fn a_removal_under_the_subject_of_full_lists() {
    let update = parse(include_str!("golden/python-remove.json"), "full");
    assert_eq!(
        (update.kind, &update.removed[..]),
        (WhitelistKind::Remove, &[WETH_POOL.into()][..])
    );
}

#[test]
fn a_list_with_our_own_fields() {
    let json = include_str!("golden/weir-full.json");
    let update = parse(json, "full");
    assert_eq!(update.version, Some(WhitelistVersion { epoch: 3, snapshot_id: 1_764_324_000_000 }));
    assert_eq!(update.effective_from, Some(21_000_000));
    assert_eq!(update.pools[0].hooks, Some(Address::ZERO));
    assert!(update.pools[0].code_hash.is_some());
    let refused = |from: &str, to: &str| {
        let json = json.replacen(from, to, 1);
        WhitelistMessage::parse(json.as_bytes(), 1, WhitelistKind::Full).unwrap_err()
    };
    assert!(matches!(refused(r#""fee":500"#, r#""fee":501"#), WhitelistError::Digest));
    assert!(matches!(refused(r#""schema": 1"#, r#""schema": 2"#), WhitelistError::Schema { .. }));
    let chunk = |text: &str| refused(r#""epoch": 3"#, &format!(r#""chunk": {text}"#));
    assert!(matches!(chunk(r#"{"i":1,"n":1}"#), WhitelistError::ChunkRange { i: 1, n: 1 }));
    assert!(matches!(chunk(r#"{"i":0,"n":5000}"#), WhitelistError::ChunkRange { i: 0, n: 5_000 }));
    assert!(matches!(chunk(r#"{"n":5}"#), WhitelistError::Field { field: "chunk.i" }));
    let kind = refused(r#""epoch": 3"#, r#""type": "purge""#);
    assert!(matches!(kind, WhitelistError::KindUnknown { .. }));
    let epoch = refused(r#""epoch": 3"#, r#""epoch": "three""#);
    assert!(matches!(epoch, WhitelistError::Field { field: "epoch" }));
    let unnumbered =
        json.replacen(r#""snapshot_id": 1764324000000"#, r#""chunk": {"i":0,"n":2}"#, 1);
    let error = WhitelistMessage::parse(unnumbered.as_bytes(), 1, WhitelistKind::Full).unwrap_err();
    assert!(matches!(error, WhitelistError::Field { field: "snapshot_id" }));
}

#[test]
fn files_are_lists_and_not_removals() {
    let minimal = Whitelist::parse(include_bytes!("golden/minimal-add.json"), 1).unwrap();
    assert_eq!((minimal.pools.len(), minimal.unresolved.len()), (0, 3));
    assert!(Whitelist::parse(include_bytes!("golden/rich-full.json"), 1).is_ok());
    let removal = Whitelist::parse(include_bytes!("golden/python-remove.json"), 1).unwrap_err();
    assert!(matches!(removal, WhitelistError::Field { field: "pools" }));
    let elsewhere = Whitelist::parse(include_bytes!("golden/rich-full.json"), 10).unwrap_err();
    assert!(matches!(elsewhere, WhitelistError::ChainMismatch { expected: 10, found: 1 }));
}
