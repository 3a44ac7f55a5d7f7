//! Transactions of state tests that come as fields instead of bytes.

use crate::{
    json::{HexBytes, Number},
    state_test::Indexes,
};
use alloy_consensus::{
    EthereumTypedTransaction, Signed, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy,
};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Signature, TxKind, U256};
use serde::Deserialize;
use weir_primitives::Transaction;

/// The fields of a transaction, with the choices that a test combines.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawTransaction {
    sender: Option<Address>,
    secret_key: Option<B256>,
    nonce: Number,
    #[serde(default)]
    to: String,
    data: Vec<HexBytes>,
    gas_limit: Vec<Number>,
    value: Vec<Number>,
    gas_price: Option<Number>,
    max_fee_per_gas: Option<Number>,
    max_priority_fee_per_gas: Option<Number>,
    max_fee_per_blob_gas: Option<Number>,
    blob_versioned_hashes: Option<Vec<B256>>,
    access_lists: Option<Vec<Option<Vec<RawAccess>>>>,
    authorization_list: Option<Vec<RawAuthorization>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAccess {
    address: Address,
    #[serde(default)]
    storage_keys: Vec<Number>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAuthorization {
    chain_id: Number,
    address: Address,
    nonce: Number,
    v: Option<Number>,
    y_parity: Option<Number>,
    r: Number,
    s: Number,
}

impl RawTransaction {
    /// The transaction of one choice, and its sender. An error says which field no transaction can have.
    pub(crate) fn build(
        &self,
        chain_id: u64,
        indexes: Indexes,
    ) -> Result<(Transaction, Address), String> {
        let sender = self.sender()?;
        let unsigned = self.fill(chain_id, indexes)?;
        // The sender is given, so the signature is never looked at.
        let signature = Signature::new(U256::ONE, U256::ONE, false);
        let tx = match unsigned {
            EthereumTypedTransaction::Legacy(tx) => Signed::new_unhashed(tx, signature).into(),
            EthereumTypedTransaction::Eip2930(tx) => Signed::new_unhashed(tx, signature).into(),
            EthereumTypedTransaction::Eip1559(tx) => Signed::new_unhashed(tx, signature).into(),
            EthereumTypedTransaction::Eip4844(tx) => Signed::new_unhashed(tx, signature).into(),
            EthereumTypedTransaction::Eip7702(tx) => Signed::new_unhashed(tx, signature).into(),
        };
        Ok((tx, sender))
    }

    fn sender(&self) -> Result<Address, String> {
        if let Some(sender) = self.sender {
            return Ok(sender);
        }
        let key = self.secret_key.ok_or("neither sender nor secretKey")?;
        // The address of a key is the one that a signature by it recovers to.
        let digest = B256::repeat_byte(1);
        let signature = alloy_consensus::crypto::secp256k1::sign_message(key, digest)
            .map_err(|error| error.to_string())?;
        signature.recover_address_from_prehash(&digest).map_err(|error| error.to_string())
    }

    fn fill(
        &self,
        chain_id: u64,
        indexes: Indexes,
    ) -> Result<EthereumTypedTransaction<TxEip4844>, String> {
        let input = self.data.get(indexes.data).ok_or("no such data")?.0.clone();
        let gas_limit = self.gas_limit.get(indexes.gas).ok_or("no such gas limit")?;
        let gas_limit = gas_limit.require("gasLimit")?;
        let value = self.value.get(indexes.value).ok_or("no such value")?.require("value")?;
        let nonce = self.nonce.require("nonce")?;
        let to = match self.to.as_str() {
            "" | "0x" => TxKind::Create,
            to => TxKind::Call(to.parse().map_err(|_| "to is no address")?),
        };
        let callee = || to.to().copied().ok_or("this type cannot create a contract");
        let access_list = self.access_list(indexes.data)?;
        let gas_price = self.gas_price.unwrap_or_default().require("gasPrice")?;
        let max_fee_per_gas = self.max_fee_per_gas.unwrap_or_default().require("maxFeePerGas")?;
        let max_priority_fee_per_gas =
            self.max_priority_fee_per_gas.unwrap_or_default().require("maxPriorityFeePerGas")?;
        if let Some(list) = &self.authorization_list {
            return Ok(TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to: callee()?,
                value,
                access_list: access_list.unwrap_or_default(),
                authorization_list: list.iter().map(authorization).collect::<Result<_, _>>()?,
                input,
            }
            .into());
        }
        if let Some(max_fee_per_blob_gas) = self.max_fee_per_blob_gas {
            return Ok(TxEip4844 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to: callee()?,
                value,
                access_list: access_list.unwrap_or_default(),
                blob_versioned_hashes: self.blob_versioned_hashes.clone().unwrap_or_default(),
                max_fee_per_blob_gas: max_fee_per_blob_gas.require("maxFeePerBlobGas")?,
                input,
            }
            .into());
        }
        if self.max_fee_per_gas.is_some() {
            let access_list = access_list.unwrap_or_default();
            return Ok(TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                input,
            }
            .into());
        }
        Ok(match access_list {
            Some(access_list) => {
                TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input }
                    .into()
            }
            // Signatures of old tests name no chain.
            None => {
                TxLegacy { chain_id: None, nonce, gas_price, gas_limit, to, value, input }.into()
            }
        })
    }

    /// The access list that goes with this choice of data.
    fn access_list(&self, index: usize) -> Result<Option<AccessList>, String> {
        let Some(Some(list)) = self.access_lists.as_ref().and_then(|lists| lists.get(index)) else {
            return Ok(None);
        };
        let items = list.iter().map(|access| {
            let storage_keys = access
                .storage_keys
                .iter()
                .map(|key| key.require::<U256>("storageKeys").map(B256::from))
                .collect::<Result<_, _>>()?;
            Ok(AccessListItem { address: access.address, storage_keys })
        });
        Ok(Some(AccessList(items.collect::<Result<_, String>>()?)))
    }
}

fn authorization(raw: &RawAuthorization) -> Result<SignedAuthorization, String> {
    let inner = Authorization {
        chain_id: raw.chain_id.require("chainId")?,
        address: raw.address,
        nonce: raw.nonce.require("nonce")?,
    };
    Ok(SignedAuthorization::new_unchecked(
        inner,
        raw.y_parity.or(raw.v).unwrap_or_default().require("yParity")?,
        raw.r.require("r")?,
        raw.s.require("s")?,
    ))
}
