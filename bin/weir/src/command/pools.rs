//! `weir pools check`.

use crate::{cli::PoolsCommand, command::node::block_on};
use std::process::ExitCode;
use weir_liquidity::{CheckOptions, CheckReport, pools_check};

/// Compares and prints; exit 1 on a difference.
pub(crate) fn run(command: PoolsCommand) -> eyre::Result<ExitCode> {
    let PoolsCommand::Check { rpc, arena } = command;
    let options = CheckOptions { rpc_url: rpc, arena_url: arena };
    let report = block_on(async { Ok(pools_check(&options).await?) })?;
    show(&report);
    Ok(if report.difference.is_none() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Prints what was compared, and the difference if there is one.
pub(crate) fn show(report: &CheckReport) {
    for (pool, status) in &report.skipped {
        println!("skipped {pool}: {status}");
    }
    println!(
        "block {} {}: compared {} pools, {} bitmap words, {} ticks, {} quotes",
        report.block_number,
        report.block_hash,
        report.pools,
        report.words,
        report.ticks,
        report.quotes
    );
    match &report.difference {
        Some(difference) => println!("difference: {difference}"),
        None => println!("no difference"),
    }
}
