//! The writes of one commit, ordered, in the bytes that stand in the log.
//!
//! A record of the log is, integers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the entries |
//! | 8 | sequence number |
//! | … | entries: table (1), length of the key (2), length of the value (4, all ones for a deletion), key, value |
//! | 4 | CRC-32 of everything before |

use super::filter::{Filter, KeyHash};
use crate::{StorageError, kv::Table};

/// Bytes of a record before its entries.
const FRAME_BYTES: usize = 4 + 8;
/// Bytes of the checksum.
const CRC_BYTES: usize = 4;
/// Bytes of an entry besides key and value.
const ENTRY_BYTES: usize = 1 + 2 + 4;
/// Length of a value that says that the key is deleted.
const DELETED: u32 = u32::MAX;

/// Where an entry begins in the bytes of its layer.
type Position = u32;

/// A key with what a commit left there: a value, or its absence.
pub(crate) type Written<'a> = (&'a [u8], Option<&'a [u8]>);

/// What one commit writes. A key that is written again keeps its last value.
pub(crate) struct Layer {
    /// The record, without its checksum until it is sealed.
    bytes: Vec<u8>,
    /// By table, the last entry of each key, by key.
    tables: [Vec<Position>; Table::ALL.len()],
    /// Of the keys, once the layer is sealed.
    filter: Filter,
}

impl Default for Layer {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl Layer {
    /// Longest record in bytes: far above the largest block, and within the reach of a [`Position`].
    pub(crate) const BYTES_MAX: usize = 1 << 30;

    /// A layer that takes so many bytes before it must be copied to grow.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut layer = Self {
            bytes: Vec::with_capacity(bytes),
            tables: Default::default(),
            filter: Filter::default(),
        };
        layer.bytes.resize(FRAME_BYTES, 0);
        layer
    }

    /// Whether nothing is written.
    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.len() == FRAME_BYTES
    }

    /// Writes a value, or with `None` deletes what is there. Ascending keys are fastest.
    pub(super) fn put(
        &mut self,
        table: Table,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), StorageError> {
        let position = self.bytes.len();
        let bytes = position + ENTRY_BYTES + key.len() + value.map_or(0, <[u8]>::len) + CRC_BYTES;
        let (Ok(key_bytes), true) = (u16::try_from(key.len()), bytes <= Self::BYTES_MAX) else {
            return Err(StorageError::CommitTooLarge { bytes, bytes_max: Self::BYTES_MAX });
        };
        self.bytes.push(table as u8);
        self.bytes.extend_from_slice(&key_bytes.to_le_bytes());
        let value_bytes = value.map_or(DELETED, |value| value.len() as u32);
        self.bytes.extend_from_slice(&value_bytes.to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.point(table, position as Position);
        Ok(())
    }

    /// Lets the key of the entry at `position` point to it.
    fn point(&mut self, table: Table, position: Position) {
        let (key, _) = entry(&self.bytes, position);
        let positions = &mut self.tables[table as usize];
        if positions.last().is_none_or(|last| entry(&self.bytes, *last).0 < key) {
            positions.push(position);
            return;
        }
        match positions.binary_search_by(|at| entry(&self.bytes, *at).0.cmp(key)) {
            Ok(at) => positions[at] = position,
            Err(at) => positions.insert(at, position),
        }
    }

    /// Completes the record.
    pub(super) fn seal(&mut self, sequence: u64) {
        let entries = (self.bytes.len() - FRAME_BYTES) as u32;
        self.bytes[..4].copy_from_slice(&entries.to_le_bytes());
        self.bytes[4..FRAME_BYTES].copy_from_slice(&sequence.to_le_bytes());
        let crc = crc32fast::hash(&self.bytes);
        self.bytes.extend_from_slice(&crc.to_le_bytes());
        self.fill_filter();
    }

    fn fill_filter(&mut self) {
        let mut filter = Filter::for_entries(self.tables.iter().map(Vec::len).sum());
        for (table, positions) in Table::ALL.into_iter().zip(&self.tables) {
            for position in positions {
                filter.insert(KeyHash::of(table, entry(&self.bytes, *position).0));
            }
        }
        self.filter = filter;
    }

    /// The record, which is sealed.
    pub(super) fn record(&self) -> &[u8] {
        &self.bytes
    }

    /// The sequence number of a sealed record.
    pub(crate) fn sequence(&self) -> u64 {
        let bytes = self.bytes[4..FRAME_BYTES].first_chunk().expect("a layer begins with a frame");
        u64::from_le_bytes(*bytes)
    }

    /// Memory it takes, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let positions: usize = self.tables.iter().map(Vec::len).sum();
        self.bytes.len() + positions * size_of::<Position>() + self.filter.memory_bytes()
    }

    /// The record at the front of `file`; `None` if it is not whole.
    pub(super) fn parse(file: &[u8]) -> Option<Self> {
        let entries = u32::from_le_bytes(*file.first_chunk()?) as usize;
        let covered = file.get(..FRAME_BYTES.checked_add(entries)?)?;
        let crc = file[covered.len()..].first_chunk()?;
        if u32::from_le_bytes(*crc) != crc32fast::hash(covered) {
            return None;
        }
        let mut layer = Self { bytes: covered.to_vec(), ..Self::default() };
        let mut position = FRAME_BYTES;
        while position < covered.len() {
            let (table, end) = checked_entry(covered, position)?;
            layer.point(table, Position::try_from(position).ok()?);
            position = end;
        }
        layer.bytes.extend_from_slice(crc);
        layer.fill_filter();
        Some(layer)
    }

    /// What is written at a key, whose hash is `hash`; `None` if nothing is.
    pub(super) fn get(&self, table: Table, key: &[u8], hash: KeyHash) -> Option<Option<&[u8]>> {
        if !self.filter.may_have(hash) {
            return None;
        }
        let positions = &self.tables[table as usize];
        let found = positions.binary_search_by(|at| entry(&self.bytes, *at).0.cmp(key)).ok()?;
        Some(entry(&self.bytes, positions[found]).1)
    }

    /// The entries of a table from `from` on.
    fn from(&self, table: Table, from: &[u8]) -> Cursor<'_> {
        let positions = &self.tables[table as usize];
        let start = positions.partition_point(|at| entry(&self.bytes, *at).0 < from);
        Cursor { bytes: &self.bytes, positions: &positions[start..] }
    }
}

/// The entry at a position that was checked when it was made.
fn entry(bytes: &[u8], position: Position) -> Written<'_> {
    let bytes = &bytes[position as usize..];
    let key_bytes = usize::from(u16::from_le_bytes([bytes[1], bytes[2]]));
    let value_bytes = u32::from_le_bytes([bytes[3], bytes[4], bytes[5], bytes[6]]);
    let (key, rest) = bytes[ENTRY_BYTES..].split_at(key_bytes);
    (key, (value_bytes != DELETED).then(|| &rest[..value_bytes as usize]))
}

/// Table and end of the entry that begins at `position`; `None` if it is none.
fn checked_entry(bytes: &[u8], position: usize) -> Option<(Table, usize)> {
    let head: &[u8; ENTRY_BYTES] = bytes.get(position..)?.first_chunk()?;
    let table = *Table::ALL.get(usize::from(head[0]))?;
    let key_bytes = usize::from(u16::from_le_bytes([head[1], head[2]]));
    let value_bytes = match u32::from_le_bytes([head[3], head[4], head[5], head[6]]) {
        DELETED => 0,
        bytes => bytes as usize,
    };
    let end = position.checked_add(ENTRY_BYTES + key_bytes)?.checked_add(value_bytes)?;
    (end <= bytes.len()).then_some((table, end))
}

/// What is left of the entries of a layer.
struct Cursor<'a> {
    bytes: &'a [u8],
    positions: &'a [Position],
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<Written<'a>> {
        self.positions.first().map(|position| entry(self.bytes, *position))
    }
}

/// The entries of several layers, by key; of a key that several write, the newest.
pub(crate) struct Merged<'a> {
    /// Newest first.
    cursors: Vec<Cursor<'a>>,
}

impl<'a> Merged<'a> {
    /// The entries of a table from `from` on; the newest layer comes first.
    pub(crate) fn new(layers: impl Iterator<Item = &'a Layer>, table: Table, from: &[u8]) -> Self {
        let cursors = layers.map(|layer| layer.from(table, from));
        Self { cursors: cursors.filter(|cursor| !cursor.positions.is_empty()).collect() }
    }
}

impl<'a> Iterator for Merged<'a> {
    type Item = Written<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        // The least key; of equal ones the first, which is the newest.
        let least = self.cursors.iter().filter_map(Cursor::peek).min_by(|a, b| a.0.cmp(b.0))?;
        for cursor in &mut self.cursors {
            if cursor.peek().is_some_and(|(key, _)| key == least.0) {
                cursor.positions = &cursor.positions[1..];
            }
        }
        Some(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, option, prelude::*};
    use std::collections::BTreeMap;

    type Writes = Vec<(u8, Option<u8>)>;
    type Model = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

    fn writes() -> impl Strategy<Value = Writes> {
        vec((0u8..16, option::of(any::<u8>())), 0..12)
    }

    fn layer(writes: &Writes) -> Layer {
        let mut layer = Layer::default();
        for (key, value) in writes {
            let value = value.map(|value| vec![value; usize::from(value % 5)]);
            layer.put(Table::Records, &vec![*key; usize::from(key % 3)], value.as_deref()).unwrap();
        }
        layer
    }

    fn model(writes: &Writes, model: &mut Model) {
        for (key, value) in writes {
            let value = value.map(|value| vec![value; usize::from(value % 5)]);
            model.insert(vec![*key; usize::from(key % 3)], value);
        }
    }

    fn collect<'a>(entries: impl Iterator<Item = Written<'a>>) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        entries.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect()
    }

    #[test]
    fn the_record_is_the_documented_one() {
        let mut layer = Layer::default();
        layer.put(Table::Headers, b"key", Some(b"v")).unwrap();
        layer.put(Table::Meta, b"m", None).unwrap();
        layer.seal(7);
        let mut expected = b"\x13\0\0\0\x07\0\0\0\0\0\0\0\x01\x03\0\x01\0\0\0keyv".to_vec();
        expected.extend_from_slice(b"\0\x01\0\xff\xff\xff\xffm");
        expected.extend_from_slice(&crc32fast::hash(&expected).to_le_bytes());
        assert_eq!(layer.record(), expected);
        assert_eq!(layer.sequence(), 7);
    }

    #[test]
    fn a_record_that_could_not_be_read_back_is_refused() {
        let mut layer = Layer::default();
        let error = layer.put(Table::Records, &[0; 1 << 16], None).unwrap_err();
        assert!(matches!(error, StorageError::CommitTooLarge { .. }), "{error}");
        assert!(layer.is_empty());
    }

    proptest! {
        #[test]
        fn layers_merge_as_their_writes_in_order(all in vec(writes(), 0..5), from in 0u8..16) {
            let layers: Vec<Layer> = all.iter().map(layer).collect();
            let mut expected = Model::new();
            all.iter().for_each(|writes| model(writes, &mut expected));
            let newest_first = || layers.iter().rev();
            prop_assert_eq!(
                collect(Merged::new(newest_first(), Table::Records, &[])),
                expected.clone().into_iter().collect::<Vec<_>>()
            );
            prop_assert_eq!(
                collect(Merged::new(newest_first(), Table::Records, &[from])),
                expected.split_off([from].as_slice()).into_iter().collect::<Vec<_>>()
            );
            prop_assert_eq!(Merged::new(newest_first(), Table::Meta, &[]).count(), 0);
        }

        #[test]
        fn a_record_reads_back(writes in writes(), sequence: u64, behind in vec(any::<u8>(), 0..20)) {
            let mut written = layer(&writes);
            written.seal(sequence);
            let mut file = written.record().to_vec();
            file.extend(behind);
            let read = Layer::parse(&file).unwrap();
            prop_assert_eq!(read.record(), written.record());
            prop_assert_eq!(read.sequence(), sequence);
            prop_assert_eq!(&read.tables, &written.tables);
            prop_assert_eq!(&read.filter, &written.filter);
        }

        #[test]
        fn a_changed_or_short_record_is_none(writes in writes(), at: prop::sample::Index, bit in 0u8..8) {
            let mut layer = layer(&writes);
            layer.seal(1);
            let mut file = layer.record().to_vec();
            let at = at.index(file.len());
            prop_assert!(Layer::parse(&file[..at]).is_none());
            file[at] ^= 1 << bit;
            prop_assert!(Layer::parse(&file).is_none());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..64)) {
            let mut file = (bytes.len() as u32).to_le_bytes().to_vec();
            file.extend_from_slice(&[0; 8]);
            file.extend_from_slice(&bytes);
            file.extend_from_slice(&crc32fast::hash(&file).to_le_bytes());
            let _ = Layer::parse(&file);
            let _ = Layer::parse(&bytes);
        }
    }
}
