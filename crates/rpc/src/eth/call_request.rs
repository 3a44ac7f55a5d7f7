//! The objects of `eth_call` and its kin on the wire.

use crate::error::RpcError;
use alloy_eips::{eip2930::AccessList, eip4895::Withdrawal, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, U64, U128, U256, map::HashMap};
use serde::Deserialize;
use weir_evm::simulate::{AccountOverride, BlockOverrides, CallRequest, StateOverrides};

/// The call object. Unknown fields are ignored, as everywhere: wallets send `type` and `chainId`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireCall {
    from: Option<Address>,
    to: Option<Address>,
    gas: Option<U64>,
    gas_price: Option<U128>,
    max_fee_per_gas: Option<U128>,
    max_priority_fee_per_gas: Option<U128>,
    max_fee_per_blob_gas: Option<U128>,
    value: Option<U256>,
    nonce: Option<U64>,
    /// The newer name.
    input: Option<Bytes>,
    /// The older name.
    data: Option<Bytes>,
    access_list: Option<AccessList>,
    authorization_list: Option<Vec<SignedAuthorization>>,
    blob_versioned_hashes: Option<Vec<B256>>,
}

impl TryFrom<WireCall> for CallRequest {
    type Error = RpcError;

    fn try_from(wire: WireCall) -> Result<Self, RpcError> {
        if let (Some(input), Some(data)) = (&wire.input, &wire.data)
            && input != data
        {
            return Err(RpcError::invalid_params(
                "both \"data\" and \"input\" are set and not equal. Please use \"input\" to pass transaction call data",
            ));
        }
        Ok(Self {
            from: wire.from,
            to: wire.to,
            gas: wire.gas.map(|value| value.to()),
            gas_price: wire.gas_price.map(|value| value.to()),
            max_fee_per_gas: wire.max_fee_per_gas.map(|value| value.to()),
            max_priority_fee_per_gas: wire.max_priority_fee_per_gas.map(|value| value.to()),
            max_fee_per_blob_gas: wire.max_fee_per_blob_gas.map(|value| value.to()),
            value: wire.value,
            nonce: wire.nonce.map(|value| value.to()),
            input: wire.input.or(wire.data).unwrap_or_default(),
            access_list: wire.access_list,
            authorization_list: wire.authorization_list,
            blob_versioned_hashes: wire.blob_versioned_hashes,
        })
    }
}

/// One account of the state override set (geth's third parameter of `eth_call`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WireAccountOverride {
    balance: Option<U256>,
    nonce: Option<U64>,
    code: Option<Bytes>,
    state: Option<HashMap<B256, B256>>,
    state_diff: Option<HashMap<B256, B256>>,
    #[serde(alias = "MovePrecompileToAddress")]
    move_precompile_to_address: Option<Address>,
}

/// Turns the override set into the simulator's.
pub(super) fn state_overrides(
    wire: HashMap<Address, WireAccountOverride>,
) -> Result<StateOverrides, RpcError> {
    let mut overrides = StateOverrides::default();
    for (address, account) in wire {
        if account.state.is_some() && account.state_diff.is_some() {
            return Err(RpcError::invalid_params(format!(
                "account {address} has both 'state' and 'stateDiff'"
            )));
        }
        let account = AccountOverride {
            balance: account.balance,
            nonce: account.nonce.map(|value| value.to()),
            code: account.code,
            state: account.state,
            state_diff: account.state_diff,
            move_precompile_to: account.move_precompile_to_address,
        };
        overrides.insert(address, account);
    }
    Ok(overrides)
}

/// The block overrides (geth's fourth parameter of `eth_call`), under the names that geth and others use.
/// Unknown ones are refused: a call that ignored them would answer about another block than was asked.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WireBlockOverrides {
    #[serde(alias = "blockNumber")]
    number: Option<U64>,
    #[serde(alias = "timestamp")]
    time: Option<U64>,
    gas_limit: Option<U64>,
    #[serde(alias = "coinbase")]
    fee_recipient: Option<Address>,
    #[serde(alias = "random")]
    prev_randao: Option<B256>,
    #[serde(alias = "baseFee")]
    base_fee_per_gas: Option<U64>,
    blob_base_fee: Option<U128>,
    difficulty: Option<U256>,
    #[serde(alias = "parentBeaconBlockRoot")]
    beacon_root: Option<B256>,
    withdrawals: Option<Vec<Withdrawal>>,
}

impl WireBlockOverrides {
    /// What only whole blocks have, if something of it is overridden.
    pub(super) fn of_whole_blocks(&self) -> Option<&'static str> {
        if self.beacon_root.is_some() {
            return Some("beaconRoot");
        }
        self.withdrawals.is_some().then_some("withdrawals")
    }
}

impl From<WireBlockOverrides> for BlockOverrides {
    fn from(wire: WireBlockOverrides) -> Self {
        Self {
            number: wire.number.map(|value| value.to()),
            timestamp: wire.time.map(|value| value.to()),
            gas_limit: wire.gas_limit.map(|value| value.to()),
            beneficiary: wire.fee_recipient,
            prev_randao: wire.prev_randao,
            base_fee_per_gas: wire.base_fee_per_gas.map(|value| value.to()),
            blob_base_fee: wire.blob_base_fee.map(|value| value.to()),
            difficulty: wire.difficulty,
            parent_beacon_block_root: wire.beacon_root,
            withdrawals: wire.withdrawals,
        }
    }
}
