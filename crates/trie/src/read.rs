//! Reading the state trie.

use crate::{NodeSource, StateTrie, TrieError, TrieLeaf, source::Loader, split::SplitTrie};
use alloc::boxed::Box;
use alloy_primitives::{B256, U256};
use alloy_rlp::Decodable;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

impl StateTrie {
    /// The account with this hashed address, `None` if the state has none. Loads the nodes on the way.
    ///
    /// Its storage root is that of the last [`Self::root`].
    pub fn account(
        &mut self,
        account: B256,
        source: &dyn NodeSource,
    ) -> Result<Option<TrieLeaf>, TrieError> {
        if self.is_poisoned {
            return Err(TrieError::Poisoned);
        }
        self.attend(None);
        let value = self.accounts.get(&account, &Loader { source, account: None })?;
        let leaf = value.map(TrieLeaf::decode);
        leaf.map(|leaf| leaf.ok_or(TrieError::MalformedAccount { account })).transpose()
    }

    /// The value of the slot with this hashed number; zero if the slot, or the account, is absent. Loads the nodes on
    /// the way.
    pub fn slot(
        &mut self,
        account: B256,
        slot: B256,
        source: &dyn NodeSource,
    ) -> Result<U256, TrieError> {
        let Some(leaf) = self.account(account, source)? else { return Ok(U256::ZERO) };
        if leaf.storage_root == EMPTY_ROOT_HASH && !self.storages.contains_key(&account) {
            return Ok(U256::ZERO);
        }
        let trie = self.storages.entry(account);
        trie.or_insert_with(|| Box::new(SplitTrie::new(leaf.storage_root)));
        self.attend(Some(account));
        let trie = self.storages.get_mut(&account).expect("it was inserted above");
        let loader = Loader { source, account: Some(account) };
        match trie.get(&slot, &loader)? {
            Some(mut value) => U256::decode(&mut value).map_err(|_| {
                let path = Nibbles::unpack_array(&slot.0);
                TrieError::Malformed { path: loader.at(&path) }
            }),
            None => Ok(U256::ZERO),
        }
    }
}
