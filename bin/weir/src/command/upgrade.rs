//! `weir upgrade check`.

use crate::{
    cli::UpgradeCommand,
    node::{chain_spec, kept_genesis},
};
use eyre::Context;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use weir_evm::{Activation, ChainSpec};
use weir_runtime::{Clock, SystemClock};
use weir_sequencer::genesis_state;
use weir_storage::{
    ChainIdentity, JournalContents, JournalError, StorageError, StoreHeader, StoreOptions,
};

/// Exit code if a node on this data migrates it first.
const MIGRATES: u8 = 3;

/// What a node of this program would do with the data.
#[derive(Debug, Default)]
struct Outlook {
    /// Migrations that it would run.
    migrations: usize,
    /// Reasons for which it would not start.
    refusals: usize,
}

impl Outlook {
    fn refuse(&mut self, reason: &str) {
        self.refusals += 1;
        println!("refused: {reason}");
    }
}

/// Compares and prints; changes nothing.
pub(crate) fn run(command: UpgradeCommand) -> eyre::Result<ExitCode> {
    let UpgradeCommand::Check { datadir, genesis, gas_limit } = command;
    println!("program: {}", env!("CARGO_PKG_VERSION"));
    let mut outlook = Outlook::default();
    let path = datadir.join("db");
    let header = match StoreHeader::read(&StoreOptions::new(&path)) {
        Ok(header) => Some(header),
        Err(error @ StorageError::Absent { .. }) => {
            println!("store: {error}");
            None
        }
        Err(error @ StorageError::SchemaTooNew { .. }) => {
            outlook.refuse(&error.to_string());
            None
        }
        Err(error) => {
            return Err(error)
                .wrap_err_with(|| format!("store cannot be read: path={}", path.display()));
        }
    };
    if let Some(header) = &header {
        store(header, &mut outlook);
    }
    journal(&datadir.join("journal"), &mut outlook)?;
    let spec = chain_spec(genesis_path(genesis, &datadir).as_deref(), gas_limit);
    match spec {
        Ok(spec) => chain(&spec, header.as_ref(), &mut outlook)?,
        Err(error) => outlook.refuse(&format!("{error:#}")),
    }
    Ok(verdict(&outlook))
}

fn verdict(outlook: &Outlook) -> ExitCode {
    match outlook {
        Outlook { refusals: 0, migrations: 0 } => {
            println!("a node can start: nothing is to be done");
            ExitCode::SUCCESS
        }
        Outlook { refusals: 0, migrations } => {
            println!(
                "a node can start: it runs {migrations} migrations first, and earlier programs cannot go back"
            );
            ExitCode::from(MIGRATES)
        }
        Outlook { refusals, .. } => {
            println!("a node would not start: {refusals} reasons");
            ExitCode::from(1)
        }
    }
}

fn genesis_path(genesis: Option<PathBuf>, datadir: &Path) -> Option<PathBuf> {
    genesis.or_else(|| Some(kept_genesis(datadir)).filter(|path| path.is_file()))
}

/// What the store is, and what opening it would do.
fn store(header: &StoreHeader, outlook: &mut Outlook) {
    let (found, supported) = (header.schema, StoreHeader::SUPPORTED_SCHEMA);
    println!("store: schema={found} supported={supported} head={}", header.head.number);
    for migration in header.migrations() {
        println!("migration: to={} {}", migration.to, migration.what);
        outlook.migrations += 1;
    }
}

fn journal(path: &Path, outlook: &mut Outlook) -> eyre::Result<()> {
    let supported = JournalContents::SUPPORTED_FORMAT;
    if !path.exists() {
        println!("journal: none, a node makes one with format {supported}");
        return Ok(());
    }
    match JournalContents::read(path) {
        Ok(contents) => {
            let records = contents.records.len();
            println!("journal: format={} supported={supported} records={records}", contents.format);
        }
        Err(error @ (JournalError::FormatTooNew { .. } | JournalError::NotAJournal { .. })) => {
            outlook.refuse(&error.to_string());
        }
        Err(error) => {
            return Err(error)
                .wrap_err_with(|| format!("journal cannot be read: path={}", path.display()));
        }
    }
    Ok(())
}

/// Whether the data is of this chain, and which forks it has and will have.
fn chain(
    spec: &ChainSpec,
    header: Option<&StoreHeader>,
    outlook: &mut Outlook,
) -> eyre::Result<()> {
    let genesis = genesis_state(spec).wrap_err("genesis state cannot be built")?;
    let genesis_hash = genesis.block.block.hash();
    println!("chain: id={} genesis={genesis_hash}", spec.chain_id());
    let expected = ChainIdentity { chain_id: spec.chain_id(), genesis_hash };
    if let Some(header) = header
        && header.chain != expected
    {
        let found = header.chain;
        outlook.refuse(&StorageError::ForeignChain { expected, found }.to_string());
        return Ok(());
    }
    let (number, time) =
        header.map_or((0, 0), |header| (header.head.number, header.head.timestamp));
    let now = SystemClock.unix_seconds();
    for (fork, activation) in spec.schedule() {
        match activation {
            Activation::Block(at) if at <= number => {
                println!("fork: {fork} active since block {at}")
            }
            Activation::Block(at) => println!("fork: {fork} scheduled for block {at}"),
            Activation::Time(at) if at <= time => println!("fork: {fork} active since time {at}"),
            Activation::Time(at) if at <= now => {
                println!("fork: {fork} activates with the next block (time {at} is over)");
            }
            Activation::Time(at) => {
                println!("fork: {fork} scheduled for time {at}, in {} s", at - now)
            }
        }
    }
    Ok(())
}
