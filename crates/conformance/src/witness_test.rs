//! Witness tests: blocks with the witness of each, which proves it or does not.

use crate::{
    Report,
    json::{HexBytes, RawConfig, RawState},
    network::{self, NoNetwork},
    report::Verdict,
    run::{self, Suite, in_words},
    witness_chain::WitnessChain,
};
use alloy_primitives::{Bytes, map::HashSet};
use serde::Deserialize;
use std::{path::PathBuf, sync::Arc};
use weir_evm::{
    AmsterdamRules, ChainSpec, ExecutionWitness, decode_block, recover_block, verify_stateless,
};

/// Where `statelessOutputBytes` says whether the block is proven: after the root of the request.
const VERDICT_OFFSET: usize = 32;

/// Runs witness tests in the files and folders given: `executionWitness` and `statelessOutputBytes` of each block
/// (execution-specs, EIP-8025).
///
/// The verifier must come to each verdict stated, and the witness made here must hold the nodes, codes and headers of
/// the one given.
pub fn run_witness_tests(paths: &[PathBuf]) -> Report {
    run::run::<WitnessTest>(paths)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WitnessTest {
    network: String,
    pre: RawState,
    #[serde(rename = "genesisRLP")]
    genesis_rlp: HexBytes,
    blocks: Vec<RawBlock>,
    #[serde(default)]
    config: RawConfig,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBlock {
    rlp: HexBytes,
    expect_exception: Option<String>,
    execution_witness: Option<RawWitness>,
    stateless_output_bytes: Option<HexBytes>,
}

#[derive(Debug, Deserialize)]
struct RawWitness {
    state: Vec<Bytes>,
    codes: Vec<Bytes>,
    headers: Vec<Bytes>,
}

impl Suite for WitnessTest {
    const MARK: &'static str = "executionWitness";

    fn run(self, name: &str, report: &mut Report) {
        let rules = Some(AmsterdamRules::April2026);
        let verdict = match network::chain_spec_with(&self.network, &self.config, None, rules) {
            Ok(spec) => self.check(&spec),
            Err(NoNetwork::Skip(reason)) => Verdict::Skipped(reason),
            Err(NoNetwork::Broken(reason)) => Verdict::Failed(reason),
        };
        report.add(&self.network, name, verdict);
    }
}

impl WitnessTest {
    fn check(&self, spec: &Arc<ChainSpec>) -> Verdict {
        let genesis = decode_block(&self.genesis_rlp.0).map_err(|error| error.to_string());
        let chain =
            genesis.and_then(|genesis| WitnessChain::new(Arc::clone(spec), genesis, &self.pre));
        let mut chain = match chain {
            Ok(chain) => chain,
            Err(reason) => return Verdict::Failed(reason),
        };
        for (index, raw) in self.blocks.iter().enumerate() {
            let Err(reason) = check_block(spec, &mut chain, raw) else { continue };
            return Verdict::Failed(format!("block {index}: {reason}"));
        }
        Verdict::Passed
    }
}

fn check_block(
    spec: &Arc<ChainSpec>,
    chain: &mut WitnessChain,
    raw: &RawBlock,
) -> Result<(), String> {
    if let Some(exception) = &raw.expect_exception {
        return check_refused(spec, chain, raw)
            .then_some(())
            .ok_or_else(|| format!("block is taken, but states {exception}"));
    }
    let block = decode_block(&raw.rlp.0).map_err(|error| error.to_string())?;
    let block = recover_block(spec, block).map_err(|error| error.to_string())?;
    let Some(given) = raw.execution_witness.as_ref().map(RawWitness::witness) else {
        return chain.import(&block).map(drop);
    };
    let output = raw.stateless_output_bytes.as_ref().ok_or("witness without a verdict")?;
    let is_proven = match output.0.get(VERDICT_OFFSET) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err("verdict is neither yes nor no".to_owned()),
    };
    match (verify_stateless(spec, &given, &block), is_proven) {
        (Ok(_), true) | (Err(_), false) => {}
        (Ok(_), false) => return Err("block is proven, but should not be".to_owned()),
        (Err(error), true) => return Err(format!("block is not proven: {}", in_words(&error))),
    }
    let made = chain.import(&block)?;
    if !is_proven {
        // The witness given is spoilt on purpose, the one made here is not.
        let verified = verify_stateless(spec, &made, &block);
        return verified.map(drop).map_err(|error| format!("own witness: {}", in_words(&error)));
    }
    same("state", &given.state, &made.state)?;
    same("codes", &given.codes, &made.codes)?;
    same("headers", &given.headers, &made.headers)
}

/// Whether a block that is wrong in itself is refused, with its witness and on the whole state.
fn check_refused(spec: &Arc<ChainSpec>, chain: &mut WitnessChain, raw: &RawBlock) -> bool {
    let block = decode_block(&raw.rlp.0).ok().and_then(|block| recover_block(spec, block).ok());
    let Some(block) = block else { return true };
    let given = raw.execution_witness.as_ref().map(RawWitness::witness);
    let is_proven = given.is_some_and(|given| verify_stateless(spec, &given, &block).is_ok());
    !is_proven && chain.import(&block).is_err()
}

/// Whether two lists hold the same, whatever the order.
fn same(part: &str, given: &[Bytes], made: &[Bytes]) -> Result<(), String> {
    let set = |list: &[Bytes]| list.iter().cloned().collect::<HashSet<_>>();
    let (given_set, made_set) = (set(given), set(made));
    let missing = given_set.difference(&made_set).count();
    let extra = made_set.difference(&given_set).count();
    if missing == 0 && extra == 0 && given.len() == made.len() {
        return Ok(());
    }
    Err(format!("{part} differ: missing={missing} extra={extra} given={}", given.len()))
}

impl RawWitness {
    fn witness(&self) -> ExecutionWitness {
        let Self { state, codes, headers } = self;
        ExecutionWitness {
            state: state.clone(),
            codes: codes.clone(),
            headers: headers.clone(),
            keys: Vec::new(),
        }
    }
}
