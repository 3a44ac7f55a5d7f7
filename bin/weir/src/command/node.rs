//! `weir dev` and `weir node`.

use crate::{
    cli::NodeArgs,
    node::{Node, NodeKind, log_options},
    settings::Settings,
};
use eyre::Context;
use std::{io::Write, process::ExitCode, time::Duration};
use weir_runtime::{Shutdown, ShutdownReason, init_logs, watch_signals};
use weir_sequencer::{DEV_ACCOUNTS, DEV_BALANCE_ETHER};

/// Exit code of a node stopped by a signal is 128 plus its number only on the second one; the first stops it cleanly.
pub(crate) fn run(args: NodeArgs, kind: NodeKind) -> eyre::Result<ExitCode> {
    init_logs(&log_options(&args.settings))?;
    if let Some(crash) = args.crash_at {
        crash.point.arm(crash.time);
    }
    block_on(async {
        let shutdown = Shutdown::new();
        tokio::spawn(watch_signals(shutdown.clone()));
        let node = Node::start(&args.settings, kind, shutdown.clone()).await?;
        announce(&node, &args)?;
        let result = node.run().await;
        if let Some(ShutdownReason::Signal(number)) = shutdown.reason() {
            tracing::info!(signal = number, "stopped");
        }
        result?;
        Ok(ExitCode::SUCCESS)
    })
}

/// How long work on blocking threads may hold up the end of the program.
const BLOCKING_GRACE: Duration = Duration::from_secs(3);

/// Runs a command on an async runtime that ends with it, whatever a blocking thread still does.
pub(crate) fn block_on<T>(command: impl Future<Output = eyre::Result<T>>) -> eyre::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .wrap_err("async runtime cannot be started")?;
    let result = runtime.block_on(command);
    runtime.shutdown_timeout(BLOCKING_GRACE);
    result
}

fn announce(node: &Node, args: &NodeArgs) -> eyre::Result<()> {
    if args.print_ready {
        let mut stdout = std::io::stdout().lock();
        serde_json::to_writer(&mut stdout, node.addresses())?;
        writeln!(stdout)?;
        stdout.flush()?;
        return Ok(());
    }
    banner(node, &args.settings);
    Ok(())
}

fn banner(node: &Node, settings: &Settings) {
    let addresses = node.addresses();
    let head = node.chain().view().heads().unsafe_head();
    println!("weir {}", env!("CARGO_PKG_VERSION"));
    println!("chain     {}, head {} {}", node.chain().spec().chain_id(), head.number, head.hash);
    if settings.ephemeral {
        println!("data      in memory only (--ephemeral)");
    } else {
        println!("data      {}", settings.datadir.display());
    }
    println!("http      {}", addresses.http);
    println!("ws        {}", addresses.ws);
    println!("feed      {}", addresses.feed.display());
    println!("metrics   {}", addresses.metrics);
    if settings.genesis.is_none() {
        println!("accounts  {DEV_BALANCE_ETHER} ether each, of the mnemonic");
        println!("          test test test test test test test test test test test junk");
        for account in DEV_ACCOUNTS {
            println!("          {account}");
        }
    }
}
