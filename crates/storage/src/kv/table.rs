//! The tables. Names are on disk.

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Table {
    /// Schema version, chain identity, head.
    Meta,
    /// Block number to hash and header.
    Headers,
    /// Block number to body.
    Bodies,
    /// Block number to senders.
    Senders,
    /// Block number to receipts.
    Receipts,
    /// Block hash to number.
    BlockNumbers,
    /// Transaction hash to block number and index.
    Transactions,
    /// Hashed address to account.
    Accounts,
    /// Hashed address and hashed slot to value.
    Storage,
    /// Code hash to code.
    Codes,
    /// Path to node of the account trie.
    AccountNodes,
    /// Hashed address and path to node of a storage trie.
    StorageNodes,
    /// Block number and hashed address to the account before that block; empty if it did not exist.
    AccountChanges,
    /// Block number, hashed address and hashed slot to the value before that block, wiped slots included.
    StorageChanges,
    /// Hashed address and number of a block that changed the account, to nothing.
    AccountHistory,
    /// Hashed address, hashed slot and number of a block that changed the slot, to nothing.
    StorageHistory,
    /// Namespace and key to record.
    Records,
    /// Hash of a value in a log, and number of a block with such a log, to nothing.
    LogIndex,
}

impl Table {
    /// All tables, in the order of their discriminants.
    pub(crate) const ALL: [Self; 18] = [
        Self::Meta,
        Self::Headers,
        Self::Bodies,
        Self::Senders,
        Self::Receipts,
        Self::BlockNumbers,
        Self::Transactions,
        Self::Accounts,
        Self::Storage,
        Self::Codes,
        Self::AccountNodes,
        Self::StorageNodes,
        Self::AccountChanges,
        Self::StorageChanges,
        Self::AccountHistory,
        Self::StorageHistory,
        Self::Records,
        Self::LogIndex,
    ];

    /// The name on disk.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Headers => "headers",
            Self::Bodies => "bodies",
            Self::Senders => "senders",
            Self::Receipts => "receipts",
            Self::BlockNumbers => "block_numbers",
            Self::Transactions => "transactions",
            Self::Accounts => "accounts",
            Self::Storage => "storage",
            Self::Codes => "codes",
            Self::AccountNodes => "account_nodes",
            Self::StorageNodes => "storage_nodes",
            Self::AccountChanges => "account_changes",
            Self::StorageChanges => "storage_changes",
            Self::AccountHistory => "account_history",
            Self::StorageHistory => "storage_history",
            Self::Records => "records",
            Self::LogIndex => "log_index",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tables_are_listed_at_their_discriminant() {
        for (index, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(table as usize, index);
        }
    }
}
