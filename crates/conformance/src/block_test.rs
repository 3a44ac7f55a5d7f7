//! Blockchain tests: blocks on a genesis, each valid or not, and the head they leave.

use crate::{
    Report,
    chain::TestChain,
    json::{HexBytes, RawConfig, RawState},
    memory::{BlockHashes, MemoryState},
    network::{self, NoNetwork},
    report::Verdict,
    run::{self, Suite},
};
use alloy_primitives::{B256, U256};
use alloy_rlp::Decodable;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf};
use weir_evm::decode_block;
use weir_primitives::Block;

/// Runs blockchain tests in the files and folders given.
pub fn run_block_tests(paths: &[PathBuf]) -> Report {
    run::run::<BlockTest>(paths)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockTest {
    network: String,
    pre: RawState,
    #[serde(rename = "genesisRLP")]
    genesis_rlp: HexBytes,
    blocks: Vec<RawBlock>,
    #[serde(alias = "lastblockhash")]
    lastblockhash: B256,
    post_state: Option<RawState>,
    post_state_hash: Option<B256>,
    #[serde(default)]
    config: RawConfig,
}

#[derive(Debug, Deserialize)]
struct RawBlock {
    /// Not [`HexBytes`]: some are not even hexadecimal.
    rlp: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl Suite for BlockTest {
    const MARK: &'static str = "blocks";

    fn run(self, name: &str, report: &mut Report) {
        let merge_block = self.merge_block();
        let verdict = match network::chain_spec(&self.network, &self.config, merge_block) {
            Ok(spec) => Verdict::from_result(self.check(spec)),
            Err(NoNetwork::Skip(reason)) => Verdict::Skipped(reason),
            Err(NoNetwork::Broken(reason)) => Verdict::Failed(reason),
        };
        report.add(&self.network, name, verdict);
    }
}

impl BlockTest {
    fn check(&self, spec: std::sync::Arc<weir_evm::ChainSpec>) -> Result<(), String> {
        let genesis = decode_block(&self.genesis_rlp.0).map_err(|error| error.to_string())?;
        let hashes = BlockHashes::Known(Default::default());
        let state = MemoryState::parse(&self.pre, hashes)?;
        let mut chain = TestChain::new(spec, genesis, state)?;
        for (index, block) in self.blocks.iter().enumerate() {
            let imported = block.rlp().and_then(|rlp| chain.import(&rlp));
            match (imported, block.is_invalid(&self.network)) {
                (Ok(()), None) | (Err(_), Some(_)) => {}
                (Ok(()), Some(exception)) => {
                    return Err(format!("block {index} is imported, but states {exception}"));
                }
                (Err(reason), None) => {
                    return Err(format!("block {index} is refused: {reason}"));
                }
            }
        }
        self.check_head(&chain)
    }

    fn check_head(&self, chain: &TestChain) -> Result<(), String> {
        let head = chain.head();
        if head != self.lastblockhash {
            return Err(format!("head is {head}, not {}", self.lastblockhash));
        }
        let state = chain.head_state();
        if let Some(expected) = &self.post_state {
            let hashes = BlockHashes::Known(Default::default());
            let expected = MemoryState::parse(expected, hashes)?;
            if let Some(difference) = state.difference(&expected) {
                return Err(difference);
            }
        }
        if let Some(expected) = self.post_state_hash {
            let root = state.trie().map_err(|error| error.to_string())?.root();
            if root != expected {
                return Err(format!("state root is {root}, not {expected}"));
            }
        }
        Ok(())
    }

    /// Where a network that merges by difficulty does so: after the first block whose chain has enough of it.
    fn merge_block(&self) -> Option<u64> {
        let terminal = network::terminal_difficulty(&self.network)?;
        let genesis = Block::decode(&mut self.genesis_rlp.0.as_ref()).ok()?;
        let mut totals: BTreeMap<B256, U256> =
            BTreeMap::from([(genesis.header.hash_slow(), genesis.header.difficulty)]);
        for block in &self.blocks {
            let Some(block) = block.rlp().ok().and_then(|rlp| Block::decode(&mut &*rlp).ok())
            else {
                continue;
            };
            let Some(parent) = totals.get(&block.header.parent_hash) else { continue };
            if terminal <= *parent {
                return Some(block.header.number);
            }
            let total = *parent + block.header.difficulty;
            totals.insert(block.header.hash_slow(), total);
        }
        None
    }
}

impl RawBlock {
    fn rlp(&self) -> Result<Vec<u8>, String> {
        let text = self.rlp.as_deref().ok_or("block has no rlp")?;
        alloy_primitives::hex::decode(text.trim()).map_err(|error| error.to_string())
    }

    /// What the test states is wrong with the block, if anything.
    fn is_invalid(&self, network: &str) -> Option<String> {
        let keys = ["expectException", "expectExceptionALL"];
        let own = format!("expectException{network}");
        let stated = keys.into_iter().chain([own.as_str()]).find_map(|key| self.rest.get(key));
        match stated {
            Some(Value::String(exception)) if !exception.is_empty() => Some(exception.clone()),
            _ if !self.rest.contains_key("blockHeader") => Some("no header".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{run::in_words, witness_chain::WitnessChain};
    use weir_evm::{recover_block, verify_stateless};
    use weir_testkit::fixtures;

    /// A block test of which every valid block must be proven by the witness that is made of it.
    #[derive(Debug, Deserialize)]
    #[serde(transparent)]
    struct ProvenTest(BlockTest);

    impl Suite for ProvenTest {
        const MARK: &'static str = BlockTest::MARK;

        fn run(self, name: &str, report: &mut Report) {
            let Self(test) = self;
            let merge_block = test.merge_block();
            let verdict = match network::chain_spec(&test.network, &test.config, merge_block) {
                Ok(spec) => Verdict::from_result(prove(&test, &spec)),
                Err(NoNetwork::Skip(reason) | NoNetwork::Broken(reason)) => {
                    Verdict::Skipped(reason)
                }
            };
            report.add(&test.network, name, verdict);
        }
    }

    fn prove(test: &BlockTest, spec: &std::sync::Arc<weir_evm::ChainSpec>) -> Result<(), String> {
        let genesis = decode_block(&test.genesis_rlp.0).map_err(|error| error.to_string())?;
        let mut chain = WitnessChain::new(std::sync::Arc::clone(spec), genesis, &test.pre)?;
        for (index, raw) in test.blocks.iter().enumerate() {
            if raw.is_invalid(&test.network).is_some() {
                continue;
            }
            let block = decode_block(&raw.rlp()?).map_err(|error| error.to_string())?;
            let block = recover_block(spec, block).map_err(|error| error.to_string())?;
            // Side blocks, and blocks with ommers, need more than their parent.
            if block.header().parent_hash != chain.head() || !block.block().body.ommers.is_empty() {
                return Ok(());
            }
            let witness = chain.import(&block)?;
            verify_stateless(spec, &witness, &block)
                .map_err(|error| format!("block {index} is not proven: {}", in_words(&error)))?;
            // Any of them will do; all of them would take hours.
            let number = usize::try_from(block.header().number).unwrap_or_default();
            // An empty state has no nodes.
            if let Some(node) = (number + index).checked_rem(witness.state.len()) {
                let mut holed = witness.clone();
                holed.state.remove(node);
                if verify_stateless(spec, &holed, &block).is_ok() {
                    return Err(format!("block {index} is proven without one of its nodes"));
                }
            }
            for code in 0..witness.codes.len() {
                let mut holed = witness.clone();
                holed.codes.remove(code);
                if verify_stateless(spec, &holed, &block).is_ok() {
                    return Err(format!("block {index} is proven without one of its codes"));
                }
            }
        }
        Ok(())
    }

    /// Storage wipes, re-creations, precompiles, system calls: whatever any fork has.
    #[test]
    fn every_block_is_proven_by_its_witness_on_every_fork() {
        let Some(archive) = fixtures("eest-blockchain") else { return };
        let report = run::run::<ProvenTest>(&[archive.path().to_owned()]);
        assert_eq!(report.total.failed, 0, "{report}");
        assert!(2_500 < report.total.passed, "the archive holds thousands of tests");
    }
}
