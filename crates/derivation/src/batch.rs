//! One block's inputs.

use crate::{DecodeError, EncodeError};
use alloy_consensus::EMPTY_OMMER_ROOT_HASH;
use alloy_eips::{
    eip2718::{Decodable2718, Encodable2718},
    eip4895::{Withdrawal, Withdrawals},
};
use alloy_primitives::{Address, B64, B256, Bytes};
use alloy_rlp::{Decodable, Encodable, Header as RlpHeader};
use weir_primitives::{RecoveredBlock, Transaction};

/// First byte of an encoded batch.
pub(crate) const BATCH_VERSION: u8 = 1;

/// Everything about a block that re-execution cannot compute from its parent.
///
/// Base fee, blob fee, gas used, roots, bloom, requests and the hash follow from these values, the parent and the chain's rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Block number.
    pub number: u64,
    /// Hash of the parent block.
    pub parent_hash: B256,
    /// Unix time in seconds.
    pub timestamp: u64,
    /// Who receives the fees.
    pub beneficiary: Address,
    /// Gas limit of the block.
    pub gas_limit: u64,
    /// The randomness of the block (EIP-4399), in the header as `mix_hash`.
    pub prev_randao: B256,
    /// The header's extra data.
    pub extra_data: Bytes,
    /// The parent beacon block root (EIP-4788), from Cancun on.
    pub parent_beacon_block_root: Option<B256>,
    /// The withdrawals (EIP-4895), from Shanghai on.
    pub withdrawals: Option<Vec<Withdrawal>>,
    /// The transactions in order, each in its EIP-2718 form.
    pub transactions: Vec<Bytes>,
}

impl Batch {
    /// Takes a block's inputs.
    ///
    /// # Errors
    /// [`EncodeError::Inexpressible`] if the block is one of proof of work: its difficulty, nonce or ommers would be lost.
    pub fn from_block(block: &RecoveredBlock) -> Result<Self, EncodeError> {
        let header = block.header();
        let inexpressible = |field| EncodeError::Inexpressible { number: header.number, field };
        if !header.difficulty.is_zero() {
            return Err(inexpressible("difficulty"));
        }
        if header.nonce != B64::ZERO {
            return Err(inexpressible("nonce"));
        }
        if header.ommers_hash != EMPTY_OMMER_ROOT_HASH {
            return Err(inexpressible("ommers"));
        }
        Ok(Self {
            number: header.number,
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
            beneficiary: header.beneficiary,
            gas_limit: header.gas_limit,
            prev_randao: header.mix_hash,
            extra_data: header.extra_data.clone(),
            parent_beacon_block_root: header.parent_beacon_block_root,
            withdrawals: block.block().body.withdrawals.as_ref().map(|list| list.0.clone()),
            transactions: block.transactions().iter().map(|tx| tx.encoded_2718().into()).collect(),
        })
    }

    /// The transactions, decoded.
    ///
    /// # Errors
    /// [`DecodeError::Transaction`] if one is not an EIP-2718 transaction of a type Weir knows, or has bytes left over.
    pub fn decode_transactions(&self) -> Result<Vec<Transaction>, DecodeError> {
        let decode = |(index, bytes): (usize, &Bytes)| {
            Transaction::decode_2718_exact(bytes)
                .map_err(|_| DecodeError::Transaction { block: self.number, index })
        };
        self.transactions.iter().enumerate().map(decode).collect()
    }

    /// The withdrawals in the form a block body holds them.
    pub fn body_withdrawals(&self) -> Option<Withdrawals> {
        self.withdrawals.clone().map(Withdrawals::new)
    }

    /// Appends the batch to a channel body: an RLP byte string that holds the version and an RLP list.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let fields = self.fields_length();
        let list = RlpHeader { list: true, payload_length: fields };
        let entry = RlpHeader { list: false, payload_length: 1 + list.length_with_payload() };
        out.reserve(entry.length_with_payload());
        entry.encode(out);
        out.push(BATCH_VERSION);
        list.encode(out);
        self.encode_fields(out);
    }

    /// Reads entry `index` of a channel body off its front.
    ///
    /// # Errors
    /// [`DecodeError::Rlp`], [`DecodeError::Version`], [`DecodeError::Empty`] and [`DecodeError::Trailing`].
    pub fn decode(body: &mut &[u8], index: usize) -> Result<Self, DecodeError> {
        let rlp = |source| DecodeError::Rlp { index, source };
        let mut entry = RlpHeader::decode_bytes(body, false).map_err(rlp)?;
        let (version, rest) = entry.split_first().ok_or(DecodeError::Empty { part: "batch" })?;
        if *version != BATCH_VERSION {
            return Err(DecodeError::Version { part: "batch", found: *version });
        }
        entry = rest;
        let mut fields = RlpHeader::decode_bytes(&mut entry, true).map_err(rlp)?;
        let batch = Self::decode_fields(&mut fields).map_err(rlp)?;
        let left = entry.len() + fields.len();
        if left != 0 {
            return Err(DecodeError::Trailing { part: "batch", bytes: left });
        }
        Ok(batch)
    }

    fn fields_length(&self) -> usize {
        self.number.length()
            + self.parent_hash.length()
            + self.timestamp.length()
            + self.beneficiary.length()
            + self.gas_limit.length()
            + self.prev_randao.length()
            + self.extra_data.length()
            + self.parent_beacon_block_root.map_or(1, |root| root.length())
            + self.withdrawals.as_ref().map_or(1, Encodable::length)
            + self.transactions.length()
    }

    fn encode_fields(&self, out: &mut Vec<u8>) {
        self.number.encode(out);
        self.parent_hash.encode(out);
        self.timestamp.encode(out);
        self.beneficiary.encode(out);
        self.gas_limit.encode(out);
        self.prev_randao.encode(out);
        self.extra_data.encode(out);
        match &self.parent_beacon_block_root {
            Some(root) => root.encode(out),
            None => out.push(alloy_rlp::EMPTY_STRING_CODE),
        }
        match &self.withdrawals {
            Some(withdrawals) => withdrawals.encode(out),
            None => out.push(alloy_rlp::EMPTY_STRING_CODE),
        }
        self.transactions.encode(out);
    }

    fn decode_fields(fields: &mut &[u8]) -> Result<Self, alloy_rlp::Error> {
        Ok(Self {
            number: Decodable::decode(fields)?,
            parent_hash: Decodable::decode(fields)?,
            timestamp: Decodable::decode(fields)?,
            beneficiary: Decodable::decode(fields)?,
            gas_limit: Decodable::decode(fields)?,
            prev_randao: Decodable::decode(fields)?,
            extra_data: Decodable::decode(fields)?,
            parent_beacon_block_root: decode_optional(fields)?,
            withdrawals: decode_optional(fields)?,
            transactions: Decodable::decode(fields)?,
        })
    }
}

/// An absent value is the empty string; an empty list is a value.
fn decode_optional<T: Decodable>(fields: &mut &[u8]) -> Result<Option<T>, alloy_rlp::Error> {
    match fields.split_first() {
        Some((&alloy_rlp::EMPTY_STRING_CODE, rest)) => {
            *fields = rest;
            Ok(None)
        }
        _ => T::decode(fields).map(Some),
    }
}
