//! Linked blocks with transactions of every type.

use alloy_consensus::{
    BlockBody, SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy,
};
use alloy_eips::eip4895::{Withdrawal, Withdrawals};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use proptest::{collection::vec, prelude::*};
use weir_derivation::{ChannelEncoder, EncoderConfig, SealedChannel};
use weir_primitives::{Block, Header, RecoveredBlock, Transaction};

/// What differs from block to block.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) transactions: Vec<(u8, Vec<u8>)>,
    pub(crate) extra_data: Vec<u8>,
    pub(crate) root: Option<u8>,
    pub(crate) withdrawals: Option<Vec<(u64, u8)>>,
    pub(crate) seconds: u64,
}

impl Content {
    pub(crate) fn with_transactions(transactions: Vec<(u8, Vec<u8>)>) -> Self {
        Self {
            transactions,
            extra_data: b"weir".to_vec(),
            root: Some(0),
            withdrawals: Some(Vec::new()),
            seconds: 1,
        }
    }
}

pub(crate) fn contents(blocks: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Content>> {
    let content = (
        vec((0u8..5, vec(any::<u8>(), 0..300)), 0..20),
        vec(any::<u8>(), 0..=32),
        proptest::option::of(any::<u8>()),
        proptest::option::of(vec((any::<u64>(), any::<u8>()), 0..4)),
        1u64..100,
    );
    let content = content.prop_map(|(transactions, extra_data, root, withdrawals, seconds)| {
        Content { transactions, extra_data, root, withdrawals, seconds }
    });
    vec(content, blocks)
}

fn transaction(kind: u8, nonce: u64, input: Bytes) -> Transaction {
    let signature = Signature::new(U256::from(nonce + 1), U256::from(7), nonce.is_multiple_of(2));
    let address = Address::repeat_byte(kind);
    let to = if nonce.is_multiple_of(3) { TxKind::Create } else { TxKind::Call(address) };
    let chain_id = 61_972;
    match kind {
        0 => TxLegacy { chain_id: Some(chain_id), nonce, to, input, ..Default::default() }
            .into_signed(signature)
            .into(),
        1 => TxEip2930 { chain_id, nonce, to, input, ..Default::default() }
            .into_signed(signature)
            .into(),
        2 => TxEip1559 { chain_id, nonce, to, input, ..Default::default() }
            .into_signed(signature)
            .into(),
        3 => TxEip4844 { chain_id, nonce, to: address, input, ..Default::default() }
            .into_signed(signature)
            .into(),
        _ => TxEip7702 { chain_id, nonce, to: address, input, ..Default::default() }
            .into_signed(signature)
            .into(),
    }
}

/// Linked blocks from number `first`.
pub(crate) fn chain(first: u64, contents: &[Content]) -> Vec<RecoveredBlock> {
    let mut parent_hash = B256::repeat_byte(0xaa);
    let mut timestamp = 1_700_000_000;
    let mut blocks = Vec::new();
    for (index, content) in contents.iter().enumerate() {
        timestamp += content.seconds;
        let withdrawal = |&(index, byte): &(u64, u8)| Withdrawal {
            index,
            validator_index: u64::from(byte),
            address: Address::repeat_byte(byte),
            amount: index / 2,
        };
        let header = Header {
            parent_hash,
            number: first + index as u64,
            timestamp,
            beneficiary: Address::repeat_byte(0xfe),
            gas_limit: 30_000_000 + index as u64,
            mix_hash: B256::with_last_byte(index as u8),
            extra_data: content.extra_data.clone().into(),
            parent_beacon_block_root: content.root.map(B256::repeat_byte),
            ..Default::default()
        };
        let transactions: Vec<_> = content
            .transactions
            .iter()
            .enumerate()
            .map(|(nonce, (kind, input))| transaction(*kind, nonce as u64, input.clone().into()))
            .collect();
        let withdrawals = content
            .withdrawals
            .as_ref()
            .map(|list| Withdrawals::new(list.iter().map(withdrawal).collect()));
        let senders = vec![Address::ZERO; transactions.len()];
        let body = BlockBody { transactions, ommers: Vec::new(), withdrawals };
        let block = Block { header, body };
        parent_hash = block.header.hash_slow();
        blocks.push(RecoveredBlock::new(block, parent_hash, senders));
    }
    blocks
}

/// Settings under which only [`ChannelEncoder::close`] closes a channel.
pub(crate) const MANUAL: EncoderConfig = EncoderConfig {
    channel_bytes_max: weir_derivation::limits::CHANNEL_BYTES_MAX,
    channel_age_ms_max: u64::MAX,
    level: 3,
};

/// All blocks in one channel.
pub(crate) fn seal(blocks: &[RecoveredBlock]) -> SealedChannel {
    let mut encoder = ChannelEncoder::new(MANUAL).unwrap();
    for block in blocks {
        assert_eq!(encoder.add_block(block, 0).unwrap(), weir_derivation::Admission::Added);
    }
    encoder.close().unwrap().expect("a channel is open")
}
