//! `weir pools check`.

use crate::{cli::PoolsCommand, command::node::block_on};
use std::process::ExitCode;
use weir_liquidity::{CheckOptions, pools_check};

/// Compares and prints; exit 1 on a difference.
pub(crate) fn run(command: PoolsCommand) -> eyre::Result<ExitCode> {
    let PoolsCommand::Check { rpc, arena } = command;
    let options = CheckOptions { rpc_url: rpc, arena_url: arena };
    let report = block_on(async { Ok(pools_check(&options).await?) })?;
    println!("{report}");
    Ok(if report.difference.is_none() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
