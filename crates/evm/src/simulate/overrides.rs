//! Pretending that state or block are other than they are.

use crate::DiffState;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256, map::HashMap};
use std::sync::Arc;
use weir_primitives::{
    Account, AccountDiff, Header, KECCAK_EMPTY, SlotDiff, StateDiff, StateError, StateProvider,
};

/// One account of a state override set; absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountOverride {
    /// Balance in wei.
    pub balance: Option<U256>,
    /// Nonce.
    pub nonce: Option<u64>,
    /// Code.
    pub code: Option<Bytes>,
    /// The whole storage: slots not named here are zero. Wins over `state_diff`.
    pub state: Option<HashMap<B256, B256>>,
    /// Single slots; the others stay.
    pub state_diff: Option<HashMap<B256, B256>>,
    /// Where the precompile of this address answers instead. Only whole blocks are simulated with it.
    pub move_precompile_to: Option<Address>,
}

/// Overrides by account.
pub type StateOverrides = HashMap<Address, AccountOverride>;

/// Fields of the block in which a call runs; absent ones stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockOverrides {
    /// Block number.
    pub number: Option<u64>,
    /// Unix time in seconds.
    pub timestamp: Option<u64>,
    /// Gas limit of the block.
    pub gas_limit: Option<u64>,
    /// Who receives fees.
    pub beneficiary: Option<Address>,
    /// Value of `PREVRANDAO`.
    pub prev_randao: Option<B256>,
    /// Base fee in wei per gas.
    pub base_fee_per_gas: Option<u64>,
    /// Blob base fee in wei per blob gas.
    pub blob_base_fee: Option<u128>,
    /// Difficulty; of blocks before the merge.
    pub difficulty: Option<U256>,
    /// Root of the parent beacon block. Only whole blocks are simulated with it.
    pub parent_beacon_block_root: Option<B256>,
    /// Withdrawals. Only whole blocks are simulated with them.
    pub withdrawals: Option<Vec<Withdrawal>>,
}

impl BlockOverrides {
    pub(crate) fn apply(&self, header: &mut Header) {
        header.number = self.number.unwrap_or(header.number);
        header.timestamp = self.timestamp.unwrap_or(header.timestamp);
        header.gas_limit = self.gas_limit.unwrap_or(header.gas_limit);
        header.beneficiary = self.beneficiary.unwrap_or(header.beneficiary);
        header.mix_hash = self.prev_randao.unwrap_or(header.mix_hash);
        header.base_fee_per_gas = self.base_fee_per_gas.or(header.base_fee_per_gas);
        header.difficulty = self.difficulty.unwrap_or(header.difficulty);
    }
}

/// `state` as the overrides pretend it to be.
pub(crate) fn apply(
    state: Arc<dyn StateProvider>,
    overrides: &StateOverrides,
) -> Result<Arc<dyn StateProvider>, StateError> {
    if overrides.is_empty() {
        return Ok(state);
    }
    let mut diff = StateDiff::default();
    for (address, change) in overrides {
        let before = state.account(address)?;
        let mut after = before.unwrap_or_default();
        after.balance = change.balance.unwrap_or(after.balance);
        after.nonce = change.nonce.unwrap_or(after.nonce);
        if let Some(code) = &change.code {
            after.code_hash = override_code(&mut diff, code);
        }
        diff.accounts.insert(*address, account_diff(before, after, change));
    }
    Ok(Arc::new(DiffState::open(state, Arc::new(diff))))
}

fn override_code(diff: &mut StateDiff, code: &Bytes) -> B256 {
    if code.is_empty() {
        return KECCAK_EMPTY;
    }
    let hash = keccak256(code);
    diff.codes.insert(hash, code.clone());
    hash
}

fn account_diff(before: Option<Account>, after: Account, change: &AccountOverride) -> AccountDiff {
    let slots = change.state.as_ref().or(change.state_diff.as_ref()).into_iter().flatten();
    AccountDiff {
        before,
        after: Some(after),
        is_storage_wiped: change.state.is_some(),
        slots: slots
            // What was there before is never asked of a pretended state.
            .map(|(slot, value)| {
                ((*slot).into(), SlotDiff { before: U256::ZERO, after: (*value).into() })
            })
            .collect(),
    }
}
