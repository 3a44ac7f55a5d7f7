//! Analysed contract code, kept across blocks.

use crate::threads::RwLock;
use alloy_primitives::{B256, map::B256HashMap};
use revm::state::Bytecode;

/// Bytes of original code that a [`CodeCache`] holds at most.
const CACHE_BYTES_MAX: usize = 64 << 20;

/// Analysed code by its hash. Jump-destination analysis costs more than most calls, so it is done once.
///
/// Code never changes under its hash, so entries are never stale. A full cache is emptied: what is in use
/// returns within a block.
#[derive(Debug, Default)]
pub(crate) struct CodeCache {
    entries: RwLock<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    codes: B256HashMap<Bytecode>,
    bytes: usize,
}

impl CodeCache {
    /// The analysed code with this hash, if it is held.
    pub(crate) fn code(&self, hash: &B256) -> Option<Bytecode> {
        self.entries.read().codes.get(hash).cloned()
    }

    /// Holds analysed code.
    pub(crate) fn insert(&self, hash: B256, code: Bytecode) {
        let mut entries = self.entries.write();
        if CACHE_BYTES_MAX < entries.bytes + code.len() {
            *entries = Entries::default();
        }
        entries.bytes += code.len();
        if let Some(replaced) = entries.codes.insert(hash, code) {
            entries.bytes -= replaced.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Bytes;

    #[test]
    fn stays_within_its_bytes() {
        let cache = CodeCache::default();
        let code = Bytecode::new_raw(Bytes::from(vec![0x5b; 1 << 20]));
        for byte in 0..=255u8 {
            cache.insert(B256::repeat_byte(byte), code.clone());
            assert!(cache.entries.read().bytes <= CACHE_BYTES_MAX);
        }
        assert!(cache.code(&B256::repeat_byte(255)).is_some());
        cache.insert(B256::repeat_byte(255), code);
        let entries = cache.entries.read();
        assert_eq!(entries.bytes, entries.codes.values().map(Bytecode::len).sum::<usize>());
    }
}
