//! Headers as far as following a chain needs them, of chains whose transactions we cannot decode, too.

use crate::{ChainClient, ClientError, FollowError, client::expect};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{B256, Bloom};
use serde::{Deserialize, de::IgnoredAny};
use std::collections::BTreeMap;
use weir_primitives::{BlockRef, Header};

/// What a block object has beside its header.
const KEYS_BESIDE_THE_HEADER: [&str; 4] = ["size", "totalDifficulty", "uncles", "withdrawals"];

/// A block as nodes send it, with the hashes of its transactions.
#[derive(Debug, Deserialize)]
struct WireHeader {
    hash: B256,
    #[serde(default)]
    transactions: Vec<B256>,
    #[serde(flatten)]
    header: Header,
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

/// A header with the hashes of the block's transactions.
#[derive(Debug, Clone)]
pub(crate) struct LinkedHeader {
    pub(crate) reference: BlockRef,
    pub(crate) base_fee: u64,
    pub(crate) receipts_root: B256,
    pub(crate) logs_bloom: Bloom,
    /// As the node says; the header binds the transactions only through their bodies.
    pub(crate) transactions: Vec<B256>,
    /// Whether the header hashes to the block's hash, so that the roots in it are the block's. It does not on chains that
    /// hash headers in a way of their own.
    pub(crate) is_hash_checked: bool,
}

impl LinkedHeader {
    /// This header, if it has this number.
    pub(crate) fn expect_number(self, expected: u64) -> Result<Self, FollowError> {
        let found = self.reference.number;
        if found == expected { Ok(self) } else { Err(FollowError::Numbering { expected, found }) }
    }
}

impl WireHeader {
    fn check(self) -> Result<LinkedHeader, ClientError> {
        let Self { hash, transactions, header, others } = self;
        let computed = header.hash_slow();
        let has_unknown_field =
            others.keys().any(|key| !KEYS_BESIDE_THE_HEADER.contains(&key.as_str()));
        let is_hash_checked = computed == hash;
        if !has_unknown_field {
            expect("block hash", header.number, hash, computed)?;
        }
        let reference = BlockRef {
            number: header.number,
            hash,
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
        };
        Ok(LinkedHeader {
            reference,
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            receipts_root: header.receipts_root,
            logs_bloom: header.logs_bloom,
            transactions,
            is_hash_checked,
        })
    }
}

impl ChainClient {
    /// The header of this hash.
    pub(crate) async fn linked_header(&self, hash: B256) -> Result<LinkedHeader, ClientError> {
        let found: Option<WireHeader> = self.read("eth_getBlockByHash", (hash, false)).await?;
        let header = found.ok_or(ClientError::UnknownBlock { hash })?.check()?;
        expect("hash asked for", header.reference.number, header.reference.hash, hash)?;
        Ok(header)
    }

    /// The newest header.
    pub(crate) async fn linked_head(&self) -> Result<LinkedHeader, FollowError> {
        self.linked_header_at(BlockNumberOrTag::Latest).await?.ok_or(FollowError::NoHead)
    }

    /// The header of this number or tag on the node's canonical chain.
    pub(crate) async fn linked_header_at(
        &self,
        at: BlockNumberOrTag,
    ) -> Result<Option<LinkedHeader>, ClientError> {
        let found: Option<WireHeader> = self.read("eth_getBlockByNumber", (at, false)).await?;
        found.map(WireHeader::check).transpose()
    }

    /// The headers of these numbers, in few requests. They need not be of one chain: a reorg may fall between them.
    pub(crate) async fn linked_headers_at(
        &self,
        numbers: impl Iterator<Item = u64>,
    ) -> Result<Vec<Option<LinkedHeader>>, ClientError> {
        let params: Vec<_> =
            numbers.map(|number| (BlockNumberOrTag::Number(number), false)).collect();
        let found =
            self.read_many::<_, Option<WireHeader>>("eth_getBlockByNumber", &params).await?;
        found.into_iter().map(|header| header?.map(WireHeader::check).transpose()).collect()
    }
}
