//! Accounts, code, storage and proofs.

use crate::{
    api::Api,
    args::{Args, invalid},
    block_id::BlockSelector,
    error::RpcError,
    json::{Answer, Json},
    wire::Quantity,
};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use serde::Serialize;
use std::collections::BTreeMap;
use weir_primitives::Account;

/// Slots one `eth_getProof` or `eth_getStorageValues` may name.
const SLOTS_MAX: usize = 1_024;

/// `eth_getBalance`.
pub(crate) fn balance(api: &Api, args: &Args<'_>) -> Answer {
    let address = args.address(0)?;
    let account = api.state(args.block(1)?)?.state.account(&address)?;
    Json::of(&account.unwrap_or_default().balance)
}

/// `eth_getTransactionCount`; `pending` counts what the pool will execute.
pub(crate) fn nonce(api: &Api, args: &Args<'_>) -> Answer {
    let address = args.address(0)?;
    let selector = args.block(1)?;
    if selector == BlockSelector::Pending {
        return Ok(Json::quantity(api.chain().pending_nonce(&address)?.into()));
    }
    let account = api.state(selector)?.state.account(&address)?;
    Ok(Json::quantity(account.unwrap_or_default().nonce.into()))
}

/// `eth_getCode`.
pub(crate) fn code(api: &Api, args: &Args<'_>) -> Answer {
    let address = args.address(0)?;
    let state = api.state(args.block(1)?)?.state;
    let account = state.account(&address)?.unwrap_or_default();
    let code = if account.has_code() { state.code(&account.code_hash)? } else { None };
    Json::of(&code.unwrap_or_default())
}

/// `eth_getStorageAt`; the slot may be written with or without leading zeros.
pub(crate) fn storage_at(api: &Api, args: &Args<'_>) -> Answer {
    let address = args.address(0)?;
    let slot = slot(&args.string(1)?)?;
    let value = api.state(args.block(2)?)?.state.storage(&address, &slot)?;
    Json::of(&B256::from(value))
}

/// A storage key of at most 32 bytes, in any of the forms clients write.
fn slot(text: &str) -> Result<U256, RpcError> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if digits.len() > 64 {
        return Err(RpcError::invalid_params(format!(
            "storage key too long (want at most 32 bytes): {text:?}"
        )));
    }
    let padded = format!("{digits:0>64}");
    let mut bytes = [0; 32];
    hex::decode_to_slice(&padded, &mut bytes)
        .map_err(|_| RpcError::invalid_params(format!("invalid hex in storage key: {text:?}")))?;
    Ok(U256::from_be_bytes(bytes))
}

/// `eth_getStorageValues`: many slots of many accounts at one block.
pub(crate) fn storage_values(api: &Api, args: &Args<'_>) -> Answer {
    let request: BTreeMap<Address, Vec<String>> = args.value(0)?;
    let count: usize = request.values().map(Vec::len).sum();
    if count > SLOTS_MAX {
        return Err(invalid(0, format!("too many slots: count={count} limit={SLOTS_MAX}")));
    }
    if count == 0 {
        return Err(RpcError::invalid_params("empty request"));
    }
    let state = api.state(args.block(1)?)?.state;
    let mut values = BTreeMap::new();
    for (address, slots) in request {
        let read = |text: &String| -> Result<B256, RpcError> {
            Ok(B256::from(state.storage(&address, &slot(text)?)?))
        };
        values.insert(address, slots.iter().map(read).collect::<Result<Vec<_>, _>>()?);
    }
    Json::of(&values)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProofView {
    address: Address,
    account_proof: Vec<Bytes>,
    balance: U256,
    code_hash: B256,
    nonce: Quantity,
    storage_hash: B256,
    storage_proof: Vec<SlotView>,
}

#[derive(Serialize)]
struct SlotView {
    /// A 32-byte key as such, a shorter one as a quantity: geth's rule, which verifiers rely on.
    key: String,
    value: U256,
    proof: Vec<Bytes>,
}

/// `eth_getProof` (EIP-1186).
pub(crate) fn proof(api: &Api, args: &Args<'_>) -> Answer {
    let address = args.address(0)?;
    let keys: Vec<String> = args.optional(1)?.unwrap_or_default();
    if keys.len() > SLOTS_MAX {
        let count = keys.len();
        return Err(invalid(1, format!("too many slots: count={count} limit={SLOTS_MAX}")));
    }
    let slots = keys.iter().map(|key| slot(key)).collect::<Result<Vec<_>, _>>()?;
    let header = api.sealed_header(args.block(2)?)?;
    let proof = api.chain().proof(header.number, address, &slots)?;
    let Account { nonce, balance, code_hash } = proof.account.unwrap_or_default();
    let storage_proof = keys.into_iter().zip(proof.slots);
    Json::of(&ProofView {
        address,
        account_proof: proof.nodes,
        balance,
        code_hash,
        nonce: nonce.into(),
        storage_hash: proof.storage_root,
        storage_proof: storage_proof
            .map(|(key, slot)| SlotView {
                key: shown_key(&key, slot.slot),
                value: slot.value,
                proof: slot.nodes,
            })
            .collect(),
    })
}

fn shown_key(text: &str, slot: U256) -> String {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if digits.len() == 64 { format!("{slot:#066x}") } else { format!("{slot:#x}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_read_in_every_form() {
        for text in ["0x1", "0x01", "1", "0X1", &format!("0x{:064x}", 1)] {
            assert_eq!(slot(text), Ok(U256::from(1)), "{text}");
        }
        assert_eq!(slot("0x"), Ok(U256::ZERO));
        assert_eq!(shown_key("0x01", U256::from(1)), "0x1");
        let full = format!("0x{:064x}", 1);
        assert_eq!(shown_key(&full, U256::from(1)), full);
        let long = format!("0x{}", "0".repeat(65));
        assert_eq!(
            slot(&long).unwrap_err().message,
            format!("storage key too long (want at most 32 bytes): \"{long}\"")
        );
        assert!(slot("0xzz").unwrap_err().message.contains("invalid hex in storage key"));
    }
}
