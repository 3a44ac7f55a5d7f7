//! `weir statetest`, `weir blocktest` and `weir witnesstest`.

use crate::cli::ConformanceArgs;
use std::process::ExitCode;
use weir_conformance::{Report, run_block_tests, run_state_tests, run_witness_tests};

/// Runs state tests; exit 1 if one fails.
pub(crate) fn state_tests(args: &ConformanceArgs) -> eyre::Result<ExitCode> {
    Ok(print(&run_state_tests(&args.paths)))
}

/// Runs blockchain tests; exit 1 if one fails.
pub(crate) fn block_tests(args: &ConformanceArgs) -> eyre::Result<ExitCode> {
    Ok(print(&run_block_tests(&args.paths)))
}

/// Runs witness tests; exit 1 if one fails.
pub(crate) fn witness_tests(args: &ConformanceArgs) -> eyre::Result<ExitCode> {
    Ok(print(&run_witness_tests(&args.paths)))
}

fn print(report: &Report) -> ExitCode {
    println!("{report}");
    if report.total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
