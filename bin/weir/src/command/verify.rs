//! `weir verify block`: a block and its witness, in files, and nothing else.

use crate::{
    cli::VerifyCommand,
    command::input::{bytes_of, read},
    node::chain_spec,
};
use eyre::{Context, bail};
use std::{path::Path, process::ExitCode, sync::Arc};
use weir_evm::{ExecutionWitness, StatelessError, decode_block, recover_block, verify_stateless};

/// Gas limit of the built-in genesis; it does not matter to a block, whose limit follows from its parent's.
const DEV_GAS_LIMIT: u64 = 1_000_000_000;

/// Checks and prints what was found in one line; exit 1 unless the witness proves the block.
pub(crate) fn run(command: VerifyCommand) -> eyre::Result<ExitCode> {
    let VerifyCommand::Block { witness, block, genesis } = command;
    let spec = Arc::new(chain_spec(genesis.as_deref(), DEV_GAS_LIMIT)?);
    let witness = read_witness(&witness)
        .wrap_err_with(|| format!("witness cannot be read: path={}", witness.display()))?;
    let raw = bytes_of(&read(&block)?);
    let path = block.display();
    let block =
        decode_block(&raw).wrap_err_with(|| format!("block does not decode: path={path}"))?;
    let block = recover_block(&spec, block)?;
    match verify_stateless(&spec, &witness, &block) {
        Ok(verified) => {
            println!(
                "valid: number={} hash={} transactions={} gas={} state_root={} witness_bytes={}",
                verified.number,
                verified.hash,
                verified.transactions,
                verified.gas_used,
                verified.state_root,
                witness.size_bytes(),
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let verdict = match &error {
                StatelessError::Incomplete(_) => "incomplete",
                _ => "invalid",
            };
            println!("{verdict}: {:#}", eyre::Report::new(error));
            Ok(ExitCode::from(1))
        }
    }
}

/// A witness in JSON, as `debug_executionWitness` gives it, or in the binary form.
fn read_witness(path: &Path) -> eyre::Result<ExecutionWitness> {
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes).ok().map(str::trim);
    if let Some(text) = text.filter(|text| text.starts_with('{')) {
        if let Ok(witness) = ExecutionWitness::from_json(text) {
            return Ok(witness);
        }
        // The answer of debug_generateBlockWitness holds the binary form.
        let answer: serde_json::Value = serde_json::from_str(text)?;
        let answer = answer.get("result").unwrap_or(&answer);
        let Some(hex) = answer.get("witness").and_then(|value| value.as_str()) else {
            return Ok(ExecutionWitness::from_json(text)?);
        };
        return binary(&bytes_of(hex.as_bytes()));
    }
    binary(&bytes_of(&bytes))
}

fn binary(bytes: &[u8]) -> eyre::Result<ExecutionWitness> {
    match ExecutionWitness::from_binary(bytes) {
        Some(witness) => Ok(witness),
        None => bail!("neither json nor the binary form"),
    }
}
