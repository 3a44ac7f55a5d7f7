//! The built-in development chain.

use alloy_consensus::{BlockBody, EMPTY_ROOT_HASH};
use alloy_eips::eip4895::Withdrawals;
use alloy_genesis::Genesis;
use alloy_primitives::{Address, address, utils::parse_ether};
use std::sync::Arc;
use weir_evm::ChainSpec;
use weir_primitives::{Block, ExecutedBlock, RecoveredBlock};
use weir_storage::{GenesisState, hash_diff};
use weir_trie::{EmptyNodes, StateTrie, TrieError};

/// Chain id of the built-in chain.
pub const DEV_CHAIN_ID: u64 = 61_972;

/// The first ten accounts of the mnemonic "test test test test test test test test test test test junk", path
/// m/44'/60'/0'/0/i.
pub const DEV_ACCOUNTS: [Address; 10] = [
    address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
    address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    address!("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
    address!("0x90F79bf6EB2c4f870365E785982E1f101E93b906"),
    address!("0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"),
    address!("0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"),
    address!("0x976EA74026E726554dB657fA54763abd0C3a0aa9"),
    address!("0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"),
    address!("0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f"),
    address!("0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"),
];

/// Ether that each of [`DEV_ACCOUNTS`] holds at genesis.
pub const DEV_BALANCE_ETHER: &str = "10000";

/// The built-in chain: Osaka rules from the first block, the ten funded accounts, the system contracts.
pub fn dev_spec(gas_limit: u64) -> ChainSpec {
    let balance = parse_ether(DEV_BALANCE_ETHER).expect("the constant is a number of ether");
    let funded = DEV_ACCOUNTS.into_iter().map(|account| (account, balance));
    let genesis = Genesis { gas_limit, ..ChainSpec::dev(DEV_CHAIN_ID, funded).genesis().clone() };
    ChainSpec::from_genesis(genesis).expect("the built-in rules are in order")
}

/// The first state of a chain, ready for an empty store.
///
/// # Errors
/// If the allocation cannot be put into a trie, which only a fault of the trie can cause.
pub fn genesis_state(spec: &ChainSpec) -> Result<GenesisState, TrieError> {
    let diff = spec.genesis_diff();
    let hashed = hash_diff(&diff);
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
    trie.apply(&hashed, &EmptyNodes)?;
    let header = spec.genesis_header(trie.root());
    let hash = header.hash_slow();
    let withdrawals = header.withdrawals_root.map(|_| Withdrawals::default());
    let body = BlockBody { withdrawals, ..Default::default() };
    let block = RecoveredBlock::new(Block { header, body }, hash, Vec::new());
    let block = ExecutedBlock {
        block: Arc::new(block),
        receipts: Arc::default(),
        diff: Some(Arc::new(diff)),
    };
    Ok(GenesisState { block, hashed, trie: trie.take_updates(), chain_id: spec.chain_id() })
}
