//! `weir derive`.

use crate::{cli::DeriveArgs, command::node::block_on, node::chain_spec};
use eyre::Context;
use std::{process::ExitCode, sync::Arc};
use weir_follower::ChainClient;
use weir_runtime::{LogFormat, LogOptions, init_logs};
use weir_sequencer::{
    derive::{DeriveRequest, derive},
    genesis_state,
};
use weir_storage::{MdbxStore, StoreOptions};

/// Rebuilds the chain and prints the head's hash as the last word of the last line.
pub(crate) fn run(args: DeriveArgs) -> eyre::Result<ExitCode> {
    init_logs(&LogOptions { format: LogFormat::Text, filter: "info".to_owned() })?;
    let spec = Arc::new(chain_spec(args.genesis.as_deref(), args.gas_limit)?);
    let genesis = genesis_state(&spec).wrap_err("genesis state cannot be built")?;
    let path = args.out.join("db");
    let store = MdbxStore::open(StoreOptions::new(&path), &genesis)
        .wrap_err_with(|| format!("store cannot be opened: path={}", path.display()))?;
    let request = DeriveRequest {
        inbox: args.inbox,
        batchers: args.batchers,
        first_l1_block: args.l1_start,
        last_l1_block: None,
    };
    let report = block_on(async {
        let client = ChainClient::connect(&args.l1).await?;
        Ok(derive(&client, &request, spec, Arc::new(store)).await?)
    })?;
    println!(
        "derived {} blocks from {} channels in {} L1 blocks (ignored {}, waiting {})",
        report.blocks, report.channels, report.l1_blocks, report.ignored, report.waiting
    );
    println!("head {} {}", report.head.number, report.head.hash);
    Ok(ExitCode::SUCCESS)
}
