//! Genesis files: what is read from them, and what is refused.

mod common;

use alloy_primitives::{B256, U256};
use weir_evm::{ChainSpec, Fork, GenesisError};
use weir_primitives::Header;

fn read(config: &str) -> Result<ChainSpec, GenesisError> {
    let json =
        format!(r#"{{"config":{{"chainId":7,{config}}},"difficulty":"0x20000","alloc":{{}}}}"#);
    ChainSpec::from_genesis_json(&json)
}

const TO_LONDON: &str = r#""homesteadBlock":0,"eip150Block":0,"eip155Block":0,"eip158Block":0,
    "byzantiumBlock":0,"constantinopleBlock":0,"petersburgBlock":0,"istanbulBlock":0,
    "berlinBlock":0,"londonBlock":5"#;

#[test]
fn unknown_forks_are_named() {
    let error = read(&format!(r#"{TO_LONDON},"fooTime":3"#)).unwrap_err();
    assert!(matches!(&error, GenesisError::UnknownFork { key } if key == "fooTime"));
    assert_eq!(error.to_string(), "genesis schedules an unknown fork: key=fooTime");
    let error = read(&format!(
        r#"{TO_LONDON},"blobSchedule":{{"foo":{{"target":1,"max":2,"baseFeeUpdateFraction":3}}}}"#
    ));
    assert!(matches!(error, Err(GenesisError::UnknownBlobSchedule { key }) if key == "foo"));
}

#[test]
fn forks_out_of_order_are_refused() {
    let error = read(r#""homesteadBlock":9,"eip150Block":3"#).unwrap_err();
    let expected =
        "genesis orders forks wrongly: fork=Tangerine at=3 earlier=Homestead earlier_at=9";
    assert_eq!(error.to_string(), expected);
    let error = read(r#""homesteadBlock":0,"eip158Block":0"#).unwrap_err();
    let expected = "genesis leaves out a fork: missing=Tangerine scheduled=SpuriousDragon";
    assert_eq!(error.to_string(), expected);
    let merged = format!(
        r#"{TO_LONDON},"mergeNetsplitBlock":8,"terminalTotalDifficulty":9999999,"shanghaiTime":10,"cancunTime":9"#
    );
    assert!(matches!(read(&merged), Err(GenesisError::ForkOrder { fork: Fork::Cancun, .. })));
    let unmerged = format!(r#"{TO_LONDON},"shanghaiTime":10"#);
    assert!(matches!(read(&unmerged), Err(GenesisError::ForkMissing { missing: Fork::Paris, .. })));
    let unknown = format!(r#"{TO_LONDON},"terminalTotalDifficulty":9999999,"shanghaiTime":10"#);
    assert!(matches!(read(&unknown), Err(GenesisError::MergeBlockUnknown { .. })));
    assert!(matches!(read(r#""homesteadBlock":"x""#), Err(GenesisError::Malformed(_))));
}

#[test]
fn forks_activate_where_the_file_says() {
    let spec = read(&format!(
        r#"{TO_LONDON},"mergeNetsplitBlock":8,"terminalTotalDifficulty":9999999,"shanghaiTime":100,"cancunTime":200"#
    ))
    .unwrap();
    assert_eq!(spec.chain_id(), 7);
    assert_eq!(spec.fork_at(4, 0), Fork::Berlin);
    assert_eq!(spec.fork_at(5, 0), Fork::London);
    assert_eq!(spec.fork_at(8, 99), Fork::Paris);
    assert_eq!(spec.fork_at(9, 100), Fork::Shanghai);
    assert_eq!(spec.fork_at(10, 500), Fork::Cancun);
    assert_eq!(spec.blob_params_at(199), None);
    assert_eq!(spec.blob_params_at(200).unwrap().max_blob_count, 6);
    let parent = Header { number: 4, gas_limit: 10_000, ..Default::default() };
    assert_eq!(spec.next_base_fee(&parent), Some(1_000_000_000));
    let earlier = Header { number: 3, ..parent };
    assert_eq!(spec.next_base_fee(&earlier), None);
}

#[test]
fn a_development_chain_starts_with_all_forks() {
    let fixture = common::Fixture::new(&[]);
    assert_eq!(fixture.spec.fork_at(0, 0), Fork::Osaka);
    let header = fixture.spec.genesis_header(B256::ZERO);
    assert_eq!(header.base_fee_per_gas, Some(1_000_000_000));
    assert!(header.requests_hash.is_some() && header.parent_beacon_block_root.is_some());
    let diff = fixture.spec.genesis_diff();
    let funded = diff.accounts[&common::account(0)].after.unwrap();
    assert_eq!(funded.balance, U256::from(10_000) * U256::from(common::ETHER));
    assert_eq!(ChainSpec::system_contracts().len(), diff.codes.len());
}
