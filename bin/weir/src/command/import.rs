//! `weir import`.

use crate::{
    cli::ImportArgs,
    node::{chain_spec, kept_genesis},
};
use eyre::Context;
use std::{fs::File, io::BufReader, process::ExitCode, sync::Arc};
use weir_runtime::{LogFormat, LogOptions, init_logs, write_durably};
use weir_sequencer::{ChainImporter, genesis_state};
use weir_storage::{MdbxStore, StoreOptions};

/// Imports the file and prints the head; exit 1 at the first block that is not valid.
pub(crate) fn run(args: &ImportArgs) -> eyre::Result<ExitCode> {
    init_logs(&LogOptions { format: LogFormat::Text, filter: "info".to_owned() })?;
    let spec = Arc::new(chain_spec(Some(&args.genesis), 0)?);
    let genesis = genesis_state(&spec).wrap_err("genesis state cannot be built")?;
    let path = args.datadir.join("db");
    let options = StoreOptions { history: args.history_blocks, ..StoreOptions::new(&path) };
    let store = MdbxStore::open(options, &genesis)
        .wrap_err_with(|| format!("store cannot be opened: path={}", path.display()))?;
    keep_genesis(args)?;
    let named = || format!("chain cannot be imported: path={}", args.chain.display());
    let file = File::open(&args.chain).wrap_err_with(named)?;
    let mut importer = ChainImporter::open(spec, Arc::new(store))?;
    let report = importer.import(BufReader::new(file)).wrap_err_with(named)?;
    println!("imported {} blocks, {} known already", report.imported, report.known);
    println!("head {} {}", report.head.number, report.head.hash);
    Ok(ExitCode::SUCCESS)
}

/// Leaves the genesis file beside the chain, so that a node needs to be told of the data folder alone.
fn keep_genesis(args: &ImportArgs) -> eyre::Result<()> {
    let kept = kept_genesis(&args.datadir);
    let failed = || format!("genesis cannot be kept: path={}", kept.display());
    let text = std::fs::read(&args.genesis).wrap_err_with(failed)?;
    if std::fs::read(&kept).is_ok_and(|held| held == text) {
        return Ok(());
    }
    write_durably(&kept, &text).wrap_err_with(failed)
}
