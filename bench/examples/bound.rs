//! The bound of a load run: a server that answers a constant, and what recovering and executing the same transfers takes.
//!
//! ```sh
//! cargo run --release --manifest-path bench/Cargo.toml --example bound
//! ```
//!
//! Prints one line of JSON, `{"http", "recover_us", "execute_us"}`, and then serves until it is killed. Each account has
//! nonce 0 and all the ether that `weir load` could ask for; nothing that is sent is looked at, and no block ever comes.
//! `bench/load_vs_anvil.py --bound` runs it.

use alloy_consensus::{
    EthereumTxEnvelope, SignableTransaction, TxEip1559, TxEip4844, transaction::SignerRecoverable,
};
use alloy_primitives::{Address, B256, TxKind, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use jsonrpsee::{RpcModule, server::Server};
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{BlockEnv, CfgEnv, TxEnv},
    database::{CacheDB, EmptyDB},
    primitives::hardfork::SpecId,
    state::AccountInfo,
};
use std::{hint::black_box, thread, time::Instant};
use weir_bench as _;

type Transaction = EthereumTxEnvelope<TxEip4844>;

const CHAIN_ID: u64 = 61_972;
/// Senders, as many as the load run has accounts.
const SENDERS: u64 = 200;
/// Transfers of each.
const EACH: u64 = 100;

fn transfers() -> Vec<Transaction> {
    let key = |index: u64| {
        PrivateKeySigner::from_bytes(&keccak256(index.to_be_bytes())).expect("a hash is a key")
    };
    let senders: Vec<PrivateKeySigner> = (0..SENDERS).map(key).collect();
    let sign = |count: u64| {
        let sender = &senders[(count % SENDERS) as usize];
        let to = senders[(count * 7_919 % SENDERS) as usize].address();
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: count / SENDERS,
            gas_limit: 21_000,
            max_fee_per_gas: 1_000_000_000,
            to: TxKind::Call(to),
            value: U256::from(1),
            ..TxEip1559::default()
        };
        let signature = sender.sign_hash_sync(&tx.signature_hash()).expect("any hash is signed");
        tx.into_signed(signature).into()
    };
    (0..SENDERS * EACH).map(sign).collect()
}

/// Recovers every sender on all cores; returns them with the time for one transaction in microseconds.
fn recover(transactions: &[Transaction]) -> (Vec<Address>, f64) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let began = Instant::now();
    let senders: Vec<Address> = thread::scope(|scope| {
        let share = transactions.len().div_ceil(threads);
        let parts: Vec<_> = transactions
            .chunks(share)
            .map(|part| {
                let recover = |tx: &Transaction| tx.recover_signer().expect("it was signed");
                scope.spawn(move || part.iter().map(recover).collect::<Vec<_>>())
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("nothing panics")).collect()
    });
    (senders, began.elapsed().as_secs_f64() * 1e6 / transactions.len() as f64)
}

/// Executes all with bare revm on one core; the time for one in microseconds.
fn execute(transactions: &[Transaction], senders: &[Address]) -> f64 {
    use alloy_consensus::Transaction as _;
    let mut state = CacheDB::new(EmptyDB::default());
    for sender in senders.iter().take(SENDERS as usize) {
        let ether = U256::from(10).pow(U256::from(24));
        state.insert_account_info(*sender, AccountInfo::from_balance(ether));
    }
    let mut config = CfgEnv::new_with_spec(SpecId::OSAKA);
    config.chain_id = CHAIN_ID;
    let block =
        BlockEnv { gas_limit: 1_000_000_000, prevrandao: Some(B256::ZERO), ..BlockEnv::default() };
    let mut evm =
        Context::mainnet().with_db(state).with_cfg(config).with_block(block).build_mainnet();
    let began = Instant::now();
    for (tx, sender) in transactions.iter().zip(senders) {
        let tx = TxEnv::builder()
            .tx_type(Some(2))
            .caller(*sender)
            .chain_id(tx.chain_id())
            .nonce(tx.nonce())
            .gas_limit(tx.gas_limit())
            .gas_price(tx.max_fee_per_gas())
            .gas_priority_fee(tx.max_priority_fee_per_gas())
            .kind(tx.kind())
            .value(tx.value())
            .build()
            .expect("its fields fit its type");
        assert!(black_box(evm.transact_commit(tx).expect("it is valid")).is_success());
    }
    began.elapsed().as_secs_f64() * 1e6 / transactions.len() as f64
}

/// What `weir load` asks a node, answered with constants.
fn constants() -> RpcModule<()> {
    let answers: [(&'static str, serde_json::Value); 9] = [
        ("eth_chainId", format!("{CHAIN_ID:#x}").into()),
        ("web3_clientVersion", "constant".into()),
        ("eth_blockNumber", "0x0".into()),
        ("eth_getTransactionCount", "0x0".into()),
        ("eth_getBalance", format!("{:#x}", U256::MAX >> 1).into()),
        ("eth_feeHistory", serde_json::json!({"baseFeePerGas": ["0x1", "0x1"]})),
        ("eth_maxPriorityFeePerGas", "0x1".into()),
        ("eth_getBlockByNumber", serde_json::Value::Null),
        ("eth_sendRawTransaction", B256::ZERO.to_string().into()),
    ];
    let mut module = RpcModule::new(());
    for (method, answer) in answers {
        module
            .register_method(method, move |_, _, _| answer.clone())
            .expect("each method is there once");
    }
    module
}

#[tokio::main]
async fn main() {
    let transactions = transfers();
    let (senders, recover_us) = recover(&transactions);
    let execute_us = execute(&transactions, &senders);
    let server = Server::builder().build("127.0.0.1:0").await.expect("a port is free");
    let http = format!("http://{}", server.local_addr().expect("it listens"));
    println!(
        "{}",
        serde_json::json!({"http": http, "recover_us": recover_us, "execute_us": execute_us})
    );
    server.start(constants()).stopped().await;
}
