//! Content digests.

use crate::{BlockEnvelope, EventRecord, PoolId};
use alloy_primitives::B256;
use sha2::{Digest, Sha256};

/// SHA-256 of the envelope: a header of 108 bytes, then the events, all integers little-endian.
///
/// Header: chain id 8, number 8, hash 32, parent hash 32, timestamp 8, base fee 8, number of events 4, and eight bytes
/// `weirenv1`, which come first. Event: transaction index 4, log index 4, transaction hash 32, kind of pool id 1
/// (0 address, 1 id), pool id 20 or 32, event tag 1, then the fields in the order of [`crate::PoolEvent`].
pub(crate) fn envelope_digest(envelope: &BlockEnvelope) -> B256 {
    let mut sink = Sink { hasher: Sha256::new(), bytes: [0; Sink::BYTES], len: 0 };
    let block = envelope.block();
    sink.put(b"weirenv1");
    sink.put(&envelope.chain_id().to_le_bytes());
    sink.put(&block.number.to_le_bytes());
    sink.put(block.hash.as_slice());
    sink.put(block.parent_hash.as_slice());
    sink.put(&block.timestamp.to_le_bytes());
    sink.put(&envelope.base_fee().to_le_bytes());
    sink.put(&(envelope.events().len() as u32).to_le_bytes());
    for record in envelope.events() {
        sink.record(record);
    }
    sink.finish()
}

/// Collects small fields, so that the hash function is called on long runs.
struct Sink {
    hasher: Sha256,
    bytes: [u8; Self::BYTES],
    len: usize,
}

impl Sink {
    const BYTES: usize = 1024;

    fn put(&mut self, bytes: &[u8]) {
        if self.len + bytes.len() > Self::BYTES {
            self.hasher.update(&self.bytes[..self.len]);
            self.len = 0;
        }
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn finish(mut self) -> B256 {
        self.hasher.update(&self.bytes[..self.len]);
        B256::new(self.hasher.finalize().into())
    }

    fn record(&mut self, record: &EventRecord) {
        self.put(&record.tx_index.to_le_bytes());
        self.put(&record.log_index.to_le_bytes());
        self.put(record.tx_hash.as_slice());
        match &record.pool.id {
            PoolId::Address(address) => {
                self.put(&[0]);
                self.put(address.as_slice());
            }
            PoolId::Id(id) => {
                self.put(&[1]);
                self.put(id.as_slice());
            }
        }
        record.event.write(&mut |field| self.put(field));
    }
}
