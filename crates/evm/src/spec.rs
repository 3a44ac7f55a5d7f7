//! The rules of one chain.

use crate::{AmsterdamRules, bytecode::CodeCache, genesis};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use alloy_consensus::{BlockHeader, Sealed};
use alloy_eips::{
    eip1559::{BaseFeeParams, INITIAL_BASE_FEE},
    eip7840::BlobParams,
};
use alloy_evm::{EvmEnv, eth::spec::EthExecutorSpec};
use alloy_genesis::Genesis;
use alloy_hardforks::{EthereumHardfork, EthereumHardforks, ForkCondition};
use alloy_primitives::{Address, B256, Bytes, U256, map::HashMap};
use weir_primitives::{Account, AccountDiff, Header, KECCAK_EMPTY, SlotDiff, StateDiff};

/// A named set of rules, in order of activation; blob-parameter forks (EIP-7892) included.
pub type Fork = EthereumHardfork;

/// When a fork activates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// In the block with this number.
    Block(u64),
    /// In the first block that is not older than this Unix time in seconds.
    Time(u64),
}

/// A header with its hash.
pub type SealedHeader = Sealed<Header>;

/// The rules of one chain: its id, when each fork activates, the blob schedule, and its genesis.
///
/// Built from a geth-format genesis file, whose forks are checked once; a `ChainSpec` is always consistent.
#[derive(Debug)]
pub struct ChainSpec {
    pub(crate) chain_id: u64,
    pub(crate) forks: BTreeMap<Fork, ForkCondition>,
    /// Blob parameters by the fork that introduces them.
    pub(crate) blobs: BTreeMap<Fork, BlobParams>,
    pub(crate) deposit_contract: Address,
    pub(crate) genesis: Genesis,
    pub(crate) codes: Arc<CodeCache>,
    /// The draft of Amsterdam that the chain follows, if it follows one.
    pub(crate) amsterdam: Option<AmsterdamRules>,
    /// Blocks that are built leave the journal of failed transactions dirty.
    #[cfg(feature = "fault-injection")]
    pub(crate) has_dirty_journal: bool,
}

impl ChainSpec {
    /// The chain id that transactions are signed for (EIP-155).
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The same chain, whose blocks from Amsterdam on can be checked by a draft of that fork. They cannot be built.
    #[must_use]
    pub const fn with_amsterdam(mut self, rules: AmsterdamRules) -> Self {
        self.amsterdam = Some(rules);
        self
    }

    /// The same chain with a bug in the blocks that are built, not in those that are checked: what a failed transaction
    /// touched is warm for the next one (base/base#3806). For tests.
    #[cfg(feature = "fault-injection")]
    #[must_use]
    pub const fn with_dirty_journal(mut self) -> Self {
        self.has_dirty_journal = true;
        self
    }

    /// The genesis file that the chain was made from.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The newest fork that is active in a block with this number and time.
    pub fn fork_at(&self, number: u64, timestamp: u64) -> Fork {
        Fork::VARIANTS
            .iter()
            .rev()
            .find(|fork| {
                self.ethereum_fork_activation(**fork)
                    .active_at_timestamp_or_number(timestamp, number)
            })
            .copied()
            .unwrap_or(Fork::Frontier)
    }

    /// Whether `fork` is active in a block with this number and time.
    pub fn is_active(&self, fork: Fork, number: u64, timestamp: u64) -> bool {
        self.ethereum_fork_activation(fork).active_at_timestamp_or_number(timestamp, number)
    }

    /// The forks that the chain has or will have, in order, and when each activates. Those that no block can reach are left out.
    pub fn schedule(&self) -> impl Iterator<Item = (Fork, Activation)> {
        let activation = |condition: &ForkCondition| match *condition {
            ForkCondition::Block(number) => Some(Activation::Block(number)),
            ForkCondition::TTD { activation_block_number, .. } => {
                Some(Activation::Block(activation_block_number))
            }
            ForkCondition::Timestamp(time) => Some(Activation::Time(time)),
            ForkCondition::Never => None,
        };
        self.forks.iter().filter_map(move |(fork, condition)| Some((*fork, activation(condition)?)))
    }

    /// The blob parameters in force at `timestamp`, `None` before Cancun (EIP-4844, EIP-7840, EIP-7892).
    pub fn blob_params_at(&self, timestamp: u64) -> Option<BlobParams> {
        self.blobs
            .iter()
            .rev()
            .find(|(fork, _)| self.ethereum_fork_activation(**fork).active_at_timestamp(timestamp))
            .map(|(_, params)| *params)
    }

    /// Base fee per gas of the child of `parent` in wei, `None` before London (EIP-1559).
    pub fn next_base_fee(&self, parent: &Header) -> Option<u64> {
        if !self.is_london_active_at_block(parent.number + 1) {
            return None;
        }
        Some(parent.next_block_base_fee(BaseFeeParams::ethereum()).unwrap_or(INITIAL_BASE_FEE))
    }

    /// Excess blob gas of the child of `parent` at `timestamp`, `None` before Cancun (EIP-4844, EIP-7918).
    pub fn next_excess_blob_gas(&self, parent: &Header, timestamp: u64) -> Option<u64> {
        let params = self.blob_params_at(timestamp)?;
        Some(BlockHeader::next_block_excess_blob_gas(parent, params).unwrap_or(0))
    }

    /// The genesis header; its state root is the one given, that of [`Self::genesis_diff`] on an empty state.
    pub fn genesis_header(&self, state_root: B256) -> Header {
        genesis::header(self, state_root)
    }

    /// The accounts of the genesis block as a change to the empty state.
    pub fn genesis_diff(&self) -> StateDiff {
        let mut diff = StateDiff::default();
        for (address, entry) in &self.genesis.alloc {
            let code = entry.non_empty_code();
            let code_hash = entry.code_hash().unwrap_or(KECCAK_EMPTY);
            if let Some(code) = code {
                diff.codes.insert(code_hash, code.clone());
            }
            let slots: HashMap<U256, SlotDiff> = entry
                .storage_slots()
                .filter(|(_, value)| !value.is_zero())
                .map(|(slot, after)| (slot.into(), SlotDiff { before: U256::ZERO, after }))
                .collect();
            let after = Account {
                nonce: entry.nonce.unwrap_or_default(),
                balance: entry.balance,
                code_hash,
            };
            let account =
                AccountDiff { before: None, after: Some(after), is_storage_wiped: false, slots };
            diff.accounts.insert(*address, account);
        }
        diff
    }

    /// The newest fork that is active in the block of `header`.
    pub(crate) fn fork_of(&self, header: &Header) -> Fork {
        self.fork_at(header.number, header.timestamp)
    }

    /// The EVM's view of a block with this header.
    pub(crate) fn evm_env(&self, header: &Header) -> EvmEnv {
        let blobs = self.blob_params_at(header.timestamp);
        let mut env = EvmEnv::for_eth_block(header, self, self.chain_id, blobs);
        if let Some(rules) = self.amsterdam.filter(|_| Fork::Amsterdam <= self.fork_of(header)) {
            rules.configure(&mut env);
        }
        env
    }

    /// Codes with which a chain of this kind starts, for callers that build their own genesis.
    pub fn system_contracts() -> Vec<(Address, Bytes)> {
        crate::predeploys::all()
    }
}

impl EthereumHardforks for ChainSpec {
    fn ethereum_fork_activation(&self, fork: EthereumHardfork) -> ForkCondition {
        self.forks.get(&fork).copied().unwrap_or(ForkCondition::Never)
    }
}

impl EthExecutorSpec for ChainSpec {
    fn deposit_contract_address(&self) -> Option<Address> {
        Some(self.deposit_contract)
    }
}
