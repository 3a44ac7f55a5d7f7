//! `weir liquidity`.

use crate::{
    cli::liquidity::LiquidityArgs, command::node::block_on, daemon::Daemon,
    settings::LogFormatSetting,
};
use std::{io::Write, process::ExitCode};
use weir_runtime::{LogFormat, LogOptions, Shutdown, init_logs, watch_signals};

/// Follows chains until interrupted.
pub(crate) fn run(args: LiquidityArgs) -> eyre::Result<ExitCode> {
    let format = match args.log_format {
        LogFormatSetting::Text => LogFormat::Text,
        LogFormatSetting::Json => LogFormat::Json,
    };
    init_logs(&LogOptions { format, filter: args.log_filter.clone() })?;
    block_on(async {
        let shutdown = Shutdown::new();
        tokio::spawn(watch_signals(shutdown.clone()));
        let daemon = Daemon::start(&args, shutdown).await?;
        announce(&daemon, args.print_ready)?;
        daemon.run().await?;
        Ok(ExitCode::SUCCESS)
    })
}

fn announce(daemon: &Daemon, is_json: bool) -> eyre::Result<()> {
    let mut out = std::io::stdout().lock();
    let addresses = daemon.addresses();
    if is_json {
        serde_json::to_writer(&mut out, addresses)?;
        writeln!(out)?;
    } else {
        writeln!(out, "weir {}", env!("CARGO_PKG_VERSION"))?;
        let chains: Vec<String> = addresses.chains.iter().map(u64::to_string).collect();
        writeln!(out, "chains    {}", chains.join(", "))?;
        writeln!(out, "http      {}", addresses.http)?;
        writeln!(out, "ws        {}", addresses.ws)?;
        if let Some(feed) = &addresses.feed {
            writeln!(out, "feed      {}", feed.display())?;
        }
        writeln!(out, "metrics   {}", addresses.metrics)?;
    }
    out.flush()?;
    Ok(())
}
