//! What a store says of itself, read without changing it.

use crate::{
    ChainIdentity, StorageError, StoreOptions,
    codec::{self, SCHEMA_VERSION},
    kv::Table,
    mdbx::MetaTable,
};
use weir_primitives::BlockRef;

/// The versions of a store, and how far its chain goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreHeader {
    /// Schema version of the data.
    pub schema: u32,
    /// The chain.
    pub chain: ChainIdentity,
    /// Its newest block.
    pub head: BlockRef,
}

impl StoreHeader {
    /// Schema version that this program writes.
    pub const SUPPORTED_SCHEMA: u32 = SCHEMA_VERSION;

    /// Reads the header of the store in a folder; nothing is written, and no migration runs.
    ///
    /// # Errors
    /// [`StorageError::Absent`] if there is none, [`StorageError::InUse`] while a program has it open, and
    /// [`StorageError::SchemaTooNew`] if a newer program wrote it.
    pub fn read(options: &StoreOptions) -> Result<Self, StorageError> {
        let table = MetaTable::open(options)?;
        let absent = || StorageError::Absent { path: options.path.clone() };
        let malformed = || codec::malformed(Table::Meta);
        let schema = codec::read_schema(&table)?.ok_or_else(absent)?;
        if SCHEMA_VERSION < schema {
            return Err(StorageError::SchemaTooNew { found: schema, supported: SCHEMA_VERSION });
        }
        let chain = codec::read_identity(&table)?.ok_or_else(malformed)?;
        let head = codec::read_head(&table)?.ok_or_else(malformed)?;
        Ok(Self { schema, chain, head })
    }

    /// The migrations that opening the store for work runs, in order: each in one transaction with the new version, so that a
    /// crash leaves the data as it was.
    pub fn migrations(&self) -> impl Iterator<Item = Migration> + use<> {
        let schema = self.schema;
        MIGRATIONS.iter().copied().filter(move |migration| schema < migration.to)
    }
}

/// A step from one schema version to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The version it ends at.
    pub to: u32,
    /// What it does, in words.
    pub what: &'static str,
}

/// The migrations that `kv::write` knows, by the version they begin at, from 1 on.
const MIGRATIONS: &[Migration] = &[
    Migration { to: 2, what: "history of state begins at the head" },
    Migration {
        to: 3,
        what: "index of logs begins behind the head; earlier blocks are looked through",
    },
    Migration { to: 4, what: "commits go through a redo log, which earlier programs do not read" },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn header(schema: u32) -> StoreHeader {
        let head = BlockRef {
            number: 0,
            hash: Default::default(),
            parent_hash: Default::default(),
            timestamp: 0,
        };
        let chain = ChainIdentity { chain_id: 1, genesis_hash: Default::default() };
        StoreHeader { schema, chain, head }
    }

    #[test]
    fn there_is_a_migration_from_every_version_to_the_present_one() {
        assert!(MIGRATIONS.iter().map(|migration| migration.to).eq(2..=SCHEMA_VERSION));
        assert!(header(1).migrations().eq(MIGRATIONS.iter().copied()));
        assert_eq!(header(SCHEMA_VERSION).migrations().count(), 0);
    }
}
