//! `weir load`.

use crate::{
    cli::{LoadArgs, ScenarioArg},
    command::node::block_on,
};
use std::process::ExitCode;
use weir_load::{LoadConfig, Scenario, Wallet, run_load};
use weir_runtime::{Shutdown, watch_signals};

/// Runs a load and prints what it found.
pub(crate) fn run(args: LoadArgs) -> eyre::Result<ExitCode> {
    let as_json = args.json;
    let config = config(args)?;
    let report = block_on(async {
        let shutdown = Shutdown::new();
        let signals = tokio::spawn(watch_signals(shutdown.clone()));
        let report = run_load(config, shutdown.token()).await;
        signals.abort();
        Ok(report?)
    })?;
    if as_json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(ExitCode::SUCCESS)
}

fn config(args: LoadArgs) -> eyre::Result<LoadConfig> {
    let scenario = match args.scenario {
        ScenarioArg::Transfers => Scenario::Transfers,
        ScenarioArg::Erc20 => Scenario::Erc20,
        ScenarioArg::V2Swaps => Scenario::V2Swaps,
        ScenarioArg::V3Swaps => Scenario::V3Swaps,
        ScenarioArg::V4Swaps => Scenario::V4Swaps,
        ScenarioArg::Mixed => Scenario::Mixed,
    };
    let defaults = LoadConfig::new(args.rpc, scenario);
    let key = match args.key {
        Some(key) => Wallet::new(key)?,
        None => defaults.key.clone(),
    };
    Ok(LoadConfig {
        accounts: args.accounts,
        rate: args.rate.parse()?,
        duration: args.duration,
        key,
        artifacts: args.artifacts,
        connections: args.connections,
        pending_max: args.pending_max,
        drain: args.drain,
        progress: !args.json,
        ..defaults
    })
}
