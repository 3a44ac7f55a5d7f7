//! One L1 transaction in the outbox, and its record.

use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use weir_evm::{decode_transaction, recover_sender};
use weir_follower::{Fees, Inclusion};

/// First byte of a record.
const RECORD_VERSION: u8 = 1;

/// A signed transaction for a payload. All attempts of an entry have the same nonce, so at most one of them is ever included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Attempt {
    pub(crate) hash: B256,
    pub(crate) nonce: u64,
    pub(crate) max_fee_per_gas: u128,
    pub(crate) max_priority_fee_per_gas: u128,
}

impl Attempt {
    pub(crate) const fn fees(&self) -> Fees {
        Fees {
            max_fee_per_gas: self.max_fee_per_gas,
            max_priority_fee_per_gas: self.max_priority_fee_per_gas,
        }
    }
}

/// Where a payload is on L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct RecordedInclusion {
    pub(crate) transaction_hash: B256,
    pub(crate) block_number: u64,
    pub(crate) block_hash: B256,
    /// Whether it has its confirmations.
    pub(crate) is_final: bool,
}

impl RecordedInclusion {
    pub(crate) const fn new(inclusion: &Inclusion, is_final: bool) -> Self {
        Self {
            transaction_hash: inclusion.transaction_hash,
            block_number: inclusion.block_number,
            block_hash: inclusion.block_hash,
            is_final,
        }
    }
}

/// One payload: what it carries, what was signed for it, and where it is included.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
#[rlp(trailing)]
pub(crate) struct OutboxEntry {
    pub(crate) sequence: u64,
    pub(crate) channel: B128,
    pub(crate) first_block: u64,
    pub(crate) last_block: u64,
    pub(crate) last_hash: B256,
    pub(crate) frame: u64,
    pub(crate) frames: u64,
    /// Bytes of the payload.
    pub(crate) bytes: u64,
    /// The payload's share of the channel's bytes before compression.
    pub(crate) raw_bytes: u64,
    /// The calldata; empty once final.
    pub(crate) payload: Bytes,
    /// Oldest first.
    pub(crate) attempts: Vec<Attempt>,
    /// Signed bytes of the newest attempt; empty if there is none, or once final.
    pub(crate) raw: Bytes,
    pub(crate) inclusion: Option<RecordedInclusion>,
}

/// A channel id as RLP bytes.
type B128 = alloy_primitives::FixedBytes<16>;

impl OutboxEntry {
    /// The newest attempt.
    pub(crate) fn newest(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The hashes of all attempts, oldest first.
    pub(crate) fn hashes(&self) -> Vec<B256> {
        self.attempts.iter().map(|attempt| attempt.hash).collect()
    }

    /// Whose signature the newest attempt has; `None` if there is none, or once final.
    pub(crate) fn sender(&self) -> Option<Address> {
        let transaction = decode_transaction(&self.raw).ok()?;
        recover_sender(&transaction).ok()
    }

    /// Whether nothing more is to be done.
    pub(crate) fn is_final(&self) -> bool {
        self.inclusion.is_some_and(|inclusion| inclusion.is_final)
    }

    /// Signed, and not known to be included.
    pub(crate) const fn is_in_flight(&self) -> bool {
        !self.attempts.is_empty() && self.inclusion.is_none()
    }

    pub(crate) fn encode_record(&self) -> Vec<u8> {
        let mut record = vec![RECORD_VERSION];
        self.encode(&mut record);
        record
    }

    /// `None` if the record has another version, or is malformed.
    pub(crate) fn decode_record(record: &[u8]) -> Option<Self> {
        let (&RECORD_VERSION, mut fields) = record.split_first()? else { return None };
        let entry = Self::decode(&mut fields).ok()?;
        fields.is_empty().then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_back_in_every_state() {
        let mut entry = OutboxEntry {
            sequence: 3,
            channel: B128::repeat_byte(1),
            first_block: 5,
            last_block: 9,
            last_hash: B256::repeat_byte(2),
            frame: 0,
            frames: 2,
            bytes: 7,
            raw_bytes: 20,
            payload: Bytes::from_static(b"payload"),
            attempts: Vec::new(),
            raw: Bytes::new(),
            inclusion: None,
        };
        let check = |entry: &OutboxEntry| {
            let record = entry.encode_record();
            assert_eq!(OutboxEntry::decode_record(&record).as_ref(), Some(entry));
            let mut newer = record.clone();
            newer[0] = 2;
            assert_eq!(OutboxEntry::decode_record(&newer), None);
            assert_eq!(OutboxEntry::decode_record(&record[..record.len() - 1]), None);
            assert_eq!(OutboxEntry::decode_record(&[&record[..], &[0]].concat()), None);
        };
        check(&entry);
        let attempt = Attempt {
            hash: B256::repeat_byte(3),
            nonce: 8,
            max_fee_per_gas: u128::MAX,
            max_priority_fee_per_gas: 0,
        };
        entry.attempts = vec![attempt, attempt];
        entry.raw = Bytes::from_static(b"signed");
        assert!(entry.is_in_flight());
        check(&entry);
        entry.inclusion = Some(RecordedInclusion {
            transaction_hash: attempt.hash,
            block_number: 77,
            block_hash: B256::repeat_byte(4),
            is_final: true,
        });
        assert!(entry.is_final() && !entry.is_in_flight());
        check(&entry);
    }
}
