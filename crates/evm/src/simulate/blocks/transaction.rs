//! Calls as transactions that nobody has signed.

use super::BlockSimulationError;
use crate::{ChainSpec, simulate::CallRequest};
use alloy_consensus::{Signed, TxEip1559, TxEip4844, TxEip7702, TxLegacy};
use alloy_eips::Encodable2718;
use alloy_primitives::{Signature, TxKind, U256, keccak256};
use alloy_rlp::Encodable;
use weir_primitives::{Header, Transaction};

/// The type of transaction that a call is simulated as (EIP-2718): with EIP-1559 fees unless it names a gas price. A
/// legacy transaction shows no access list, though the call has it.
pub(super) fn type_of(call: &CallRequest, header: &Header) -> u8 {
    let is_delegating = call.authorization_list.is_some();
    let has_blobs = call.blob_versioned_hashes.is_some();
    match (call.gas_price, header.base_fee_per_gas) {
        (Some(_), _) | (None, None) => 0,
        (None, Some(_)) if is_delegating => 4,
        (None, Some(_)) if has_blobs => 3,
        (None, Some(_)) => 2,
    }
}

/// The transaction with a signature of zeros, and its encoding.
pub(super) fn unsigned(
    call: &CallRequest,
    spec: &ChainSpec,
    header: &Header,
) -> Result<(Transaction, Vec<u8>), BlockSimulationError> {
    let signature = Signature::new(U256::ZERO, U256::ZERO, false);
    let fields = Fields {
        chain_id: spec.chain_id(),
        nonce: call.nonce.unwrap_or_default(),
        gas_limit: call.gas.unwrap_or_default(),
        to: call.to.map_or(TxKind::Create, TxKind::Call),
        value: call.value.unwrap_or_default(),
    };
    let recipient = call.to.ok_or(BlockSimulationError::RecipientMissing);
    let transaction: Transaction = match type_of(call, header) {
        0 => return Ok(legacy(call, &fields, signature)),
        2 => Signed::new_unhashed(fields.eip1559(call), signature).into(),
        3 => {
            let TxEip1559 { chain_id, nonce, gas_limit, value, input, access_list, .. } =
                fields.eip1559(call);
            let transaction = TxEip4844 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: call.max_fee_per_gas.unwrap_or_default(),
                max_priority_fee_per_gas: call.max_priority_fee_per_gas.unwrap_or_default(),
                to: recipient?,
                value,
                access_list,
                blob_versioned_hashes: call.blob_versioned_hashes.clone().unwrap_or_default(),
                max_fee_per_blob_gas: call.max_fee_per_blob_gas.unwrap_or_default(),
                input,
            };
            Signed::new_unhashed(transaction, signature).into()
        }
        _ => {
            let TxEip1559 { chain_id, nonce, gas_limit, value, input, access_list, .. } =
                fields.eip1559(call);
            let transaction = TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: call.max_fee_per_gas.unwrap_or_default(),
                max_priority_fee_per_gas: call.max_priority_fee_per_gas.unwrap_or_default(),
                to: recipient?,
                value,
                access_list,
                authorization_list: call.authorization_list.clone().unwrap_or_default(),
                input,
            };
            Signed::new_unhashed(transaction, signature).into()
        }
    };
    let encoded = transaction.encoded_2718();
    Ok((transaction, encoded))
}

/// What transactions of all types have.
struct Fields {
    chain_id: u64,
    nonce: u64,
    gas_limit: u64,
    to: TxKind,
    value: U256,
}

impl Fields {
    fn eip1559(&self, call: &CallRequest) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: call.max_fee_per_gas.unwrap_or_default(),
            max_priority_fee_per_gas: call.max_priority_fee_per_gas.unwrap_or_default(),
            to: self.to,
            value: self.value,
            access_list: call.access_list.clone().unwrap_or_default(),
            input: call.input.clone(),
        }
    }
}

/// A legacy transaction. Its `v` is zero, too, which no signature can say: hash and encoding are made here.
fn legacy(call: &CallRequest, fields: &Fields, signature: Signature) -> (Transaction, Vec<u8>) {
    let transaction = TxLegacy {
        chain_id: None,
        nonce: fields.nonce,
        gas_price: call.gas_price.unwrap_or_default(),
        gas_limit: fields.gas_limit,
        to: fields.to,
        value: fields.value,
        input: call.input.clone(),
    };
    let mut payload = Vec::new();
    transaction.nonce.encode(&mut payload);
    transaction.gas_price.encode(&mut payload);
    transaction.gas_limit.encode(&mut payload);
    transaction.to.encode(&mut payload);
    transaction.value.encode(&mut payload);
    transaction.input.encode(&mut payload);
    for _ in 0..3 {
        0u8.encode(&mut payload);
    }
    let mut encoded = Vec::new();
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut encoded);
    encoded.extend(payload);
    let hash = keccak256(&encoded);
    (Signed::new_unchecked(transaction, signature, hash).into(), encoded)
}
