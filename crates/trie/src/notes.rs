//! Noting the nodes that are visited, as they were before any change: what a witness shows.

use crate::{StateTrie, codec, merkle::MerkleTrie};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};

/// Nodes in RLP, one after the other.
#[derive(Default)]
pub(crate) struct Notes {
    rlp: Vec<u8>,
    ends: Vec<usize>,
}

impl Notes {
    /// Adds a node that is in RLP already.
    pub(crate) fn push(&mut self, rlp: &[u8]) {
        self.rlp.extend_from_slice(rlp);
        self.ends.push(self.rlp.len());
    }

    /// Moves what another has noted to the end.
    pub(crate) fn append(&mut self, other: &mut Self) {
        let Self { rlp, ends } = core::mem::take(other);
        let start = self.rlp.len();
        self.rlp.extend(rlp);
        self.ends.extend(ends.into_iter().map(|end| start + end));
    }

    /// Moves what is noted to the end of `out`.
    fn drain_into(&mut self, out: &mut Vec<Bytes>) {
        let Self { rlp, ends } = core::mem::take(self);
        let rlp = Bytes::from(rlp);
        let mut start = 0;
        out.extend(ends.into_iter().map(|end| rlp.slice(core::mem::replace(&mut start, end)..end)));
    }
}

impl MerkleTrie {
    /// Notes a node in memory that is visited for the first time, so that neither it nor anything below it is changed.
    pub(crate) fn note(&mut self, index: u32) {
        codec::encode(&self.slots[index as usize].node, &mut self.notes.rlp);
        self.notes.ends.push(self.notes.rlp.len());
    }
}

impl StateTrie {
    /// From now on notes every node that is read or changed, as it is now: the state's part of a witness. What an
    /// earlier call began is forgotten.
    ///
    /// # Panics
    /// If there are changes that were not hashed: their nodes have no form yet.
    pub fn begin_witness(&mut self) {
        assert!(
            self.unrooted.is_empty() && !self.accounts.is_stale(),
            "a witness begins with a state that has a root"
        );
        self.take_witness();
        self.epoch += 1;
        self.since = self.epoch;
        self.attend(None);
    }

    /// Ends what [`Self::begin_witness`] began: the nodes noted, each once, sorted by their bytes.
    pub fn take_witness(&mut self) -> Vec<Bytes> {
        self.since = 0;
        self.accounts.attend(self.epoch, 0);
        self.accounts.drain_notes(&mut self.notes);
        for account in self.visited.drain() {
            if let Some(trie) = self.storages.get_mut(&account) {
                trie.attend(self.epoch, 0);
                trie.drain_notes(&mut self.notes);
            }
        }
        let mut nodes = Vec::new();
        self.notes.drain_into(&mut nodes);
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// Whether a witness is being taken down.
    pub const fn is_witnessed(&self) -> bool {
        self.since > 0
    }

    /// Lets the account trie, or a storage trie that is in memory, walk in the present epoch.
    pub(crate) fn attend(&mut self, account: Option<B256>) {
        let trie = match account {
            None => Some(&mut self.accounts),
            Some(account) => self.storages.get_mut(&account).map(|trie| &mut **trie),
        };
        let since = self.since;
        if let Some(trie) = trie {
            trie.attend(self.epoch, since);
        }
        if let Some(account) = account.filter(|_| since > 0) {
            self.visited.insert(account);
        }
    }
}
