//! What is to be posted, kept durably.

use super::{BatchError, OutboxEntry};
use crate::ReorgLock;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use std::{collections::VecDeque, sync::Arc};
use weir_derivation::SealedChannel;
use weir_storage::{RecordNamespace, RecordWrite, Snapshot, Store};

/// Final entries that are kept to be shown; older ones are deleted.
const FINAL_ENTRIES_KEPT: usize = 1_000;
/// Key of the record that says which chain L1 is.
const L1_KEY: &[u8] = b"l1";
/// First byte of the key of an entry; its sequence follows, so that keys are in the order of posting.
const ENTRY_KEY: u8 = b't';

/// Which chain L1 is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct L1Identity {
    pub(crate) chain_id: u64,
    pub(crate) genesis_hash: B256,
}

/// The entries, in memory as on disk: every change is durable before the method returns.
///
/// Its methods block on the disk; call them where that is allowed.
pub(crate) struct Outbox {
    store: Arc<dyn Store>,
    entries: VecDeque<OutboxEntry>,
    l1: Option<L1Identity>,
    /// Keeps blocks on the chain while the intent to post them is written.
    lock: Arc<ReorgLock>,
}

/// Number of the newest block that an entry carries, in a store that a batcher may be writing to; zero if none does.
pub(crate) fn newest_batched(snapshot: &dyn Snapshot) -> Result<u64, BatchError> {
    let mut newest = 0;
    for (key, value) in snapshot.records(RecordNamespace::Batcher)? {
        if key != L1_KEY {
            let entry = OutboxEntry::decode_record(&value);
            let entry = entry.ok_or(BatchError::Record { key: key.into() })?;
            newest = newest.max(entry.last_block);
        }
    }
    Ok(newest)
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

fn key_of(sequence: u64) -> Vec<u8> {
    let mut key = vec![ENTRY_KEY];
    key.extend(sequence.to_be_bytes());
    key
}

fn put(entry: &OutboxEntry) -> RecordWrite {
    RecordWrite::put(RecordNamespace::Batcher, key_of(entry.sequence), entry.encode_record())
}

fn delete(entry: &OutboxEntry) -> RecordWrite {
    RecordWrite::delete(RecordNamespace::Batcher, key_of(entry.sequence))
}

impl Outbox {
    /// Reads what an earlier run left.
    pub(crate) fn load(store: Arc<dyn Store>) -> Result<Self, BatchError> {
        let mut entries = VecDeque::new();
        let mut l1 = None;
        for (key, value) in store.snapshot()?.records(RecordNamespace::Batcher)? {
            let malformed = || BatchError::Record { key: Bytes::from(key.clone()) };
            if key == L1_KEY {
                let identity = L1Identity::decode(&mut &value[..]).map_err(|_| malformed())?;
                l1 = Some(identity);
            } else {
                entries.push_back(OutboxEntry::decode_record(&value).ok_or_else(malformed)?);
            }
        }
        Ok(Self { store, entries, l1, lock: Arc::default() })
    }

    /// Shares the lock of whoever takes blocks off the same chain.
    pub(crate) fn guard(&mut self, lock: Arc<ReorgLock>) {
        self.lock = lock;
    }

    pub(crate) const fn l1(&self) -> Option<L1Identity> {
        self.l1
    }

    /// Notes which chain L1 is, and forgets everything that was posted elsewhere.
    pub(crate) fn begin_on(&mut self, l1: L1Identity) -> Result<(), BatchError> {
        let mut identity = Vec::new();
        l1.encode(&mut identity);
        let mut writes: Vec<_> = self.entries.iter().map(delete).collect();
        writes.push(RecordWrite::put(RecordNamespace::Batcher, L1_KEY, identity));
        self.store.write_records(&writes)?;
        self.entries.clear();
        self.l1 = Some(l1);
        Ok(())
    }

    /// The entries, oldest first.
    pub(crate) const fn entries(&self) -> &VecDeque<OutboxEntry> {
        &self.entries
    }

    /// Number of the first block that no entry carries. Block 0 is genesis, which every reader has.
    pub(crate) fn next_block(&self) -> u64 {
        self.entries.back().map_or(1, |entry| entry.last_block + 1)
    }

    /// Hash of the last block that an entry carries.
    pub(crate) fn last_hash(&self) -> Option<B256> {
        self.entries.back().map(|entry| entry.last_hash)
    }

    /// The nonce after all that `sender` has used for what is not final. What is final, its account counts.
    pub(crate) fn next_nonce(&self, sender: Address) -> Option<u64> {
        let is_open = |entry: &&OutboxEntry| !entry.is_final() && entry.sender() == Some(sender);
        let used = self.entries.iter().filter(is_open).filter_map(OutboxEntry::newest);
        used.map(|attempt| attempt.nonce).max().map(|nonce| nonce + 1)
    }

    /// Writes the intent to post a channel, all payloads at once, and deletes old final entries. `false` if a block of
    /// the channel has left the chain: nothing is written then.
    pub(crate) fn push(
        &mut self,
        channel: &SealedChannel,
        payloads: Vec<Vec<u8>>,
    ) -> Result<bool, BatchError> {
        let lock = Arc::clone(&self.lock);
        let _held = lock.hold();
        let last = self.store.snapshot()?.header_by_number(channel.last_block())?;
        if last.is_none_or(|(hash, _)| hash != channel.last_hash()) {
            return Ok(false);
        }
        let first = self.entries.back().map_or(0, |entry| entry.sequence + 1);
        let frames = payloads.len() as u64;
        let total: u64 = payloads.iter().map(|payload| payload.len() as u64).sum();
        let new: Vec<_> = payloads
            .into_iter()
            .zip(0..)
            .map(|(payload, frame)| OutboxEntry {
                sequence: first + frame,
                channel: channel.id().0,
                first_block: channel.first_block(),
                last_block: channel.last_block(),
                last_hash: channel.last_hash(),
                frame,
                frames,
                bytes: payload.len() as u64,
                raw_bytes: u64::from(channel.raw_bytes()) * payload.len() as u64 / total.max(1),
                payload: payload.into(),
                attempts: Vec::new(),
                raw: Bytes::new(),
                inclusion: None,
            })
            .collect();
        let surplus = self.entries.len().saturating_sub(FINAL_ENTRIES_KEPT);
        let old = self.entries.iter().take(surplus).take_while(|entry| entry.is_final()).count();
        let writes: Vec<_> =
            self.entries.iter().take(old).map(delete).chain(new.iter().map(put)).collect();
        self.store.write_records(&writes)?;
        self.entries.drain(..old);
        self.entries.extend(new);
        Ok(true)
    }

    /// Replaces an entry.
    pub(crate) fn update(&mut self, entry: OutboxEntry) -> Result<(), BatchError> {
        self.store.write_records(&[put(&entry)])?;
        let known = self.entries.iter_mut().find(|known| known.sequence == entry.sequence);
        *known.expect("only entries of the outbox are updated") = entry;
        Ok(())
    }
}
