//! Chunks back into messages, in any order, bounded.

use super::{
    CHUNKS_MAX, ChunkFault, Rejection, RejectionReason, WHITELIST_BYTES_MAX, WhitelistChunk,
    WhitelistKind, WhitelistMessage, WhitelistUpdate, WhitelistVersion, digest::digest_of_rows,
    message::RowNote,
};
use alloy_primitives::B256;
use std::collections::{BTreeMap, HashSet};
use weir_arena::PoolId;

/// Puts divided messages together. At most one message of each kind is open, of at most [`CHUNKS_MAX`] chunks and
/// [`WHITELIST_BYTES_MAX`] bytes. No input or output.
#[derive(Debug, Default)]
pub struct WhitelistAssembler {
    open: BTreeMap<WhitelistKind, OpenSet>,
    expired: u64,
}

#[derive(Debug)]
struct OpenSet {
    version: WhitelistVersion,
    n: u32,
    digest: Option<B256>,
    effective_from: Option<u64>,
    chunks: BTreeMap<u32, WhitelistMessage>,
    bytes: usize,
    /// Whether a chunk came since the last look at idle sets.
    has_progress: bool,
}

impl WhitelistAssembler {
    /// Takes one message, and returns the update that it completes, if any.
    ///
    /// A newer message of the same kind drops an incomplete older one, which [`WhitelistAssembler::expired`] counts; a
    /// chunk of an older one is ignored, as is a repeated chunk.
    ///
    /// # Errors
    /// If the chunks contradict each other. Their set is dropped.
    pub fn push(
        &mut self,
        message: WhitelistMessage,
    ) -> Result<Option<WhitelistUpdate>, ChunkFault> {
        let kind = message.update.kind;
        let open = self.open.get(&kind).map(|set| set.version);
        if open.is_some_and(|open| message.update.version.is_some_and(|new| new > open)) {
            self.open.remove(&kind);
            self.expired += 1;
        }
        let (Some(chunk), Some(version)) = (message.chunk, message.update.version) else {
            return Ok(Some(message.update));
        };
        if open.is_some_and(|open| version < open) {
            return Ok(None);
        }
        let set = self.open.entry(kind).or_insert_with(|| OpenSet::new(version, chunk, &message));
        match set.insert(chunk, message) {
            Ok(false) => Ok(None),
            Ok(true) => self.open.remove(&kind).map(OpenSet::finish).transpose(),
            Err(fault) => {
                self.open.remove(&kind);
                Err(fault)
            }
        }
    }

    /// Drops sets that got no chunk since the last call, and returns how many. Call it at regular times.
    pub fn expire_idle(&mut self) -> u64 {
        let before = self.open.len();
        self.open.retain(|_, set| std::mem::take(&mut set.has_progress));
        let dropped = (before - self.open.len()) as u64;
        self.expired += dropped;
        dropped
    }

    /// Drops all incomplete sets: after a disconnection their other chunks never come.
    pub fn clear(&mut self) {
        self.expired += self.open.len() as u64;
        self.open.clear();
    }

    /// Number of sets dropped incomplete.
    pub const fn expired(&self) -> u64 {
        self.expired
    }

    /// Whether a message is incomplete.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }
}

impl OpenSet {
    const fn new(
        version: WhitelistVersion,
        chunk: WhitelistChunk,
        message: &WhitelistMessage,
    ) -> Self {
        Self {
            version,
            n: chunk.n,
            digest: message.digest,
            effective_from: message.update.effective_from,
            chunks: BTreeMap::new(),
            bytes: 0,
            has_progress: true,
        }
    }

    /// Whether all chunks are there now.
    fn insert(
        &mut self,
        chunk: WhitelistChunk,
        message: WhitelistMessage,
    ) -> Result<bool, ChunkFault> {
        let kind = message.update.kind;
        let agrees = chunk.n == self.n
            && message.digest == self.digest
            && message.update.effective_from == self.effective_from;
        if !agrees {
            return Err(ChunkFault::Disagree { kind });
        }
        if let Some(known) = self.chunks.get(&chunk.i) {
            return match known.rows == message.rows {
                true => Ok(false),
                false => Err(ChunkFault::Repeated { kind, i: chunk.i }),
            };
        }
        self.bytes += message.bytes;
        if self.bytes > WHITELIST_BYTES_MAX {
            return Err(ChunkFault::TooLarge { kind, max: WHITELIST_BYTES_MAX });
        }
        self.has_progress = true;
        self.chunks.insert(chunk.i, message);
        debug_assert!(self.n <= CHUNKS_MAX, "the parser bounds the number of chunks");
        Ok(self.chunks.len() as u64 == u64::from(self.n))
    }

    fn finish(self) -> Result<WhitelistUpdate, ChunkFault> {
        let mut chunks = self.chunks.into_values();
        // A set is opened by its first chunk and finished when it has all of them, of which there is at least one.
        let first = chunks.next().expect("a finished set has a chunk");
        let (mut update, mut rows) = (first.update, first.rows);
        for chunk in chunks {
            merge(&mut update, chunk.update, rows.len());
            rows.extend(chunk.rows);
        }
        let digest = digest_of_rows(rows.iter().map(|row| &row.digest));
        if self.digest.is_some_and(|expected| expected != digest) {
            return Err(ChunkFault::Digest { kind: update.kind });
        }
        drop_repeated_pools(&mut update, &rows);
        Ok(update)
    }
}

/// Appends the rows of the next chunk, of which `before` come in earlier chunks.
fn merge(update: &mut WhitelistUpdate, next: WhitelistUpdate, before: usize) {
    update.pools.extend(next.pools);
    update.unresolved.extend(next.unresolved);
    update.removed.extend(next.removed);
    let rejected = next.rejected.into_iter();
    update.rejected.extend(rejected.map(|rejection| rejection.shifted(before)));
}

/// A pool named by several chunks keeps its first row.
fn drop_repeated_pools(update: &mut WhitelistUpdate, rows: &[RowNote]) {
    let mut seen: HashSet<PoolId> = HashSet::with_capacity(rows.len());
    let ids = rows.iter().enumerate().filter_map(|(row, note)| note.id.map(|id| (row, id)));
    let repeated: Vec<_> = ids.filter(|(_, id)| !seen.insert(*id)).collect();
    if repeated.is_empty() {
        return;
    }
    seen.clear();
    update.pools.retain(|pool| seen.insert(pool.id()));
    update.unresolved.retain(|address| seen.insert(address.id));
    update.removed.retain(|id| seen.insert(*id));
    let reason = RejectionReason::Duplicate;
    let rejected = repeated.into_iter().map(|(row, id)| Rejection {
        row,
        id: id.to_string(),
        reason: reason.clone(),
    });
    update.rejected.extend(rejected);
}
