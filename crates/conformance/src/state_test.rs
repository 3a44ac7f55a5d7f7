//! State tests: one transaction on a state, and what it leaves.

use crate::{
    Report,
    json::{HexBytes, Number, RawConfig, RawState, hash_of},
    memory::{BlockHashes, MemoryState},
    network::{self, NoNetwork},
    report::Verdict,
    run::{self, Suite},
    unsigned::RawTransaction,
};
use alloy_consensus::BlockHeader;
use alloy_primitives::{Address, B256, Log, keccak256};
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};
use weir_evm::{
    ChainSpec, ExecutedTransaction, TransactionError, decode_historic_transaction,
    execute_transaction, recover_sender_at, validate_context_free,
};
use weir_primitives::{Header, Transaction};
use weir_trie::EmptyNodes;

/// Runs state tests in the files and folders given.
pub fn run_state_tests(paths: &[PathBuf]) -> Report {
    run::run::<StateTest>(paths)
}

#[derive(Debug, Deserialize)]
struct StateTest {
    env: Env,
    pre: RawState,
    transaction: RawTransaction,
    post: BTreeMap<String, Vec<Post>>,
    #[serde(default)]
    config: RawConfig,
}

/// The block in which the transaction runs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Env {
    current_coinbase: Address,
    current_gas_limit: Number,
    #[serde(default)]
    current_number: Number,
    #[serde(default)]
    current_timestamp: Number,
    #[serde(default)]
    current_difficulty: Number,
    current_random: Option<Number>,
    current_base_fee: Option<Number>,
    current_excess_blob_gas: Option<Number>,
    parent_blob_gas_used: Option<Number>,
    parent_excess_blob_gas: Option<Number>,
}

/// One choice of the transaction's data, gas and value, and what it leaves.
#[derive(Debug, Deserialize)]
struct Post {
    hash: B256,
    logs: B256,
    #[serde(default)]
    indexes: Indexes,
    txbytes: Option<HexBytes>,
    #[serde(rename = "expectException")]
    expect_exception: Option<String>,
}

/// Which data, gas limit and value of the transaction.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Indexes {
    pub(crate) data: usize,
    pub(crate) gas: usize,
    pub(crate) value: usize,
}

impl Suite for StateTest {
    const MARK: &'static str = "post";

    fn run(self, name: &str, report: &mut Report) {
        for (network, posts) in &self.post {
            let spec = match network::chain_spec(network, &self.config, None) {
                Ok(spec) => Ok(spec),
                Err(NoNetwork::Skip(reason)) => Err(Verdict::Skipped(reason)),
                Err(NoNetwork::Broken(reason)) => Err(Verdict::Failed(reason)),
            };
            for (index, post) in posts.iter().enumerate() {
                let verdict = match &spec {
                    Ok(spec) => Verdict::from_result(self.check(spec, post)),
                    Err(verdict) => verdict.clone(),
                };
                report.add(network, &format!("{name} {network}/{index}"), verdict);
            }
        }
    }
}

impl StateTest {
    fn check(&self, spec: &Arc<ChainSpec>, post: &Post) -> Result<(), String> {
        let header = self.env.header(spec)?;
        let state = Arc::new(MemoryState::parse(&self.pre, BlockHashes::OfNumbers)?);
        let mut trie = state.trie().map_err(|error| error.to_string())?;
        let outcome = self.execute(spec, &header, post, Arc::clone(&state));
        let logs = match (&outcome, &post.expect_exception) {
            (Ok(executed), None) => {
                trie.apply(&weir_storage::hash_diff(&executed.diff), &EmptyNodes)
                    .map_err(|error| error.to_string())?;
                executed.receipt.logs.as_slice()
            }
            (Err(_), Some(_)) => &[],
            (Ok(_), Some(exception)) => return Err(format!("accepted, but states {exception}")),
            (Err(reason), None) => return Err(format!("rejected: {reason}")),
        };
        let root = trie.root();
        if root != post.hash {
            return Err(format!("state root is {root}, not {}", post.hash));
        }
        let logs_hash = hash_logs(logs);
        if logs_hash != post.logs {
            return Err(format!("hash of the logs is {logs_hash}, not {}", post.logs));
        }
        Ok(())
    }

    /// Decodes or builds the transaction, and executes it. An error is a rejection in words.
    fn execute(
        &self,
        spec: &Arc<ChainSpec>,
        header: &Header,
        post: &Post,
        state: Arc<MemoryState>,
    ) -> Result<ExecutedTransaction, String> {
        let fork = spec.fork_at(header.number, header.timestamp);
        let (tx, sender) = self.transaction(spec, header, post)?;
        validate_context_free(&tx, fork, spec.chain_id()).map_err(|error| error.to_string())?;
        execute_transaction(spec, header, (&tx, sender), state).map_err(|error| match error {
            TransactionError::Rejected(reason) => reason.to_string(),
            // No test states this, so it is reported as a failure whatever is expected.
            TransactionError::Failed(error) => format!("execution failed: {error}"),
        })
    }

    fn transaction(
        &self,
        spec: &ChainSpec,
        header: &Header,
        post: &Post,
    ) -> Result<(Transaction, Address), String> {
        let Some(raw) = &post.txbytes else {
            return self.transaction.build(spec.chain_id(), post.indexes);
        };
        let fork = spec.fork_at(header.number, header.timestamp);
        let tx = decode_historic_transaction(&raw.0).map_err(|error| error.to_string())?;
        let sender = recover_sender_at(&tx, fork).map_err(|error| error.to_string())?;
        Ok((tx, sender))
    }
}

impl Env {
    fn header(&self, spec: &ChainSpec) -> Result<Header, String> {
        let number = self.current_number.require("currentNumber")?;
        let timestamp = self.current_timestamp.require("currentTimestamp")?;
        let difficulty = self.current_difficulty.require("currentDifficulty")?;
        let random = match self.current_random {
            Some(random) => random.require("currentRandom")?,
            None => difficulty,
        };
        let base_fee =
            self.current_base_fee.map(|fee| fee.require("currentBaseFee")).transpose()?;
        Ok(Header {
            beneficiary: self.current_coinbase,
            gas_limit: self.current_gas_limit.require("currentGasLimit")?,
            number,
            timestamp,
            difficulty,
            mix_hash: hash_of(random),
            base_fee_per_gas: base_fee,
            excess_blob_gas: self.excess_blob_gas(spec, timestamp)?,
            ..Default::default()
        })
    }

    fn excess_blob_gas(&self, spec: &ChainSpec, timestamp: u64) -> Result<Option<u64>, String> {
        let Some(params) = spec.blob_params_at(timestamp) else { return Ok(None) };
        if let Some(excess) = self.current_excess_blob_gas {
            return excess.require("currentExcessBlobGas").map(Some);
        }
        let parent = Header {
            excess_blob_gas: Some(
                self.parent_excess_blob_gas.unwrap_or_default().require("excess")?,
            ),
            blob_gas_used: Some(self.parent_blob_gas_used.unwrap_or_default().require("used")?),
            base_fee_per_gas: Some(0),
            ..Default::default()
        };
        Ok(BlockHeader::next_block_excess_blob_gas(&parent, params))
    }
}

/// Keccak-256 of the RLP of the logs, as state tests state it.
fn hash_logs(logs: &[Log]) -> B256 {
    let mut rlp = Vec::new();
    alloy_rlp::encode_list(logs, &mut rlp);
    keccak256(rlp)
}
