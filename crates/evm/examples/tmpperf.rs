//! tmp
#[path = "../tests/common/mod.rs"]
mod common;
use common::*;
use std::{sync::Arc, time::Instant};
use alloy_primitives::{Address, U256, B256};
fn main() {
    let f = Fixture::new(&[]);
    const N: u64 = 20_000;
    let mut txs = vec![];
    for i in 0..N { let k = (i % 10) as u8; let mut to = [0u8; 20]; to[..8].copy_from_slice(&(i*7919).to_be_bytes()); to[19]=0x99;
        let mut tx = legacy(i / 10, Address::from(to)); tx.gas_limit = 21000; txs.push((Arc::new(sign(tx, key(k))), account(k))); }
    let mut header_limit = f.genesis.gas_limit; header_limit += 0;
    for _ in 0..3 {
        let t = Instant::now();
        let mut b = f.open();
        for (tx, s) in &txs { b.execute(tx.clone(), *s).unwrap(); }
        let e = t.elapsed();
        let t2 = Instant::now();
        let u = b.finish().unwrap();
        let fin = t2.elapsed();
        let sealed = u.seal(B256::ZERO);
        let t3 = Instant::now();
        weir_evm::execute_block(&f.spec, &f.genesis, &sealed.block, f.state.clone()).unwrap();
        println!("execute {:?}/tx, finish {:?}/tx, execute_block {:?}/tx", e / N as u32, fin / N as u32, t3.elapsed() / N as u32);
    }
    // bare revm
    use revm::{Context, MainBuilder, MainContext, ExecuteCommitEvm, database::{CacheDB, EmptyDB}, context::TxEnv, state::AccountInfo};
    for _ in 0..3 {
        let mut db = CacheDB::new(EmptyDB::default());
        for i in 0..10 { db.insert_account_info(account(i), AccountInfo { balance: U256::from(10_000) * U256::from(ETHER), ..Default::default() }); }
        let mut evm = Context::mainnet().modify_cfg_chained(|c| c.chain_id = CHAIN_ID).modify_block_chained(|b| { b.basefee = 1_000_000_000; b.gas_limit = u64::MAX; }).with_db(db).build_mainnet();
        let envs: Vec<TxEnv> = txs.iter().map(|(tx, s)| alloy_evm::FromRecoveredTx::from_recovered_tx(&**tx, *s)).collect();
        let t = Instant::now();
        for e in envs { evm.transact_commit(e).unwrap(); }
        println!("bare {:?}/tx", t.elapsed() / N as u32);
    }
}
