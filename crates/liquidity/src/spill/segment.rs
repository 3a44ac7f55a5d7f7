//! One file of spilled blocks. It begins with all pools and needs no other.

use super::SpillStoreError;
use alloy_primitives::B256;
use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
};
use weir_arena::{PoolSnapshot, SpillSection, SpilledBlock};

/// First bytes of a file: what it is, the version of its format, and the chain.
const MAGIC: [u8; 8] = *b"WEIRSPIL";
const VERSION: u16 = 2;
const HEADER_BYTES: usize = MAGIC.len() + 2 + 8;
/// `length` and `checksum` before each record.
const HEAD_BYTES: usize = 8;

/// A run of consecutive blocks in one file: a header, then for each block `length` u32, CRC-32 u32, and the record.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    first: u64,
    /// Where each block's record ends, and its hash.
    blocks: Vec<(u64, B256)>,
    bytes: u64,
}

/// The end of the newest segment, where records are appended.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    file: File,
    section: SpillSection,
}

/// What a file of an earlier run holds.
pub(super) enum Opened {
    /// Whole blocks.
    Blocks(Segment, SegmentWriter),
    /// No whole block.
    Nothing,
    /// Blocks in a format that is not written any more.
    Older {
        /// Its version.
        version: u16,
    },
}

impl SegmentWriter {
    /// Another handle of the file, to sync it.
    pub(super) fn file(&self) -> std::io::Result<File> {
        self.file.try_clone()
    }
}

/// The records of a file one by one, up to the first that is torn.
struct Records<'a> {
    rest: &'a [u8],
    end: u64,
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let record = rest.get(..length)?;
        if crc32fast::hash(record) != u32::from_le_bytes(*checksum) {
            return None;
        }
        self.rest = &rest[length..];
        self.end += (HEAD_BYTES + length) as u64;
        Some(record)
    }
}

fn records(bytes: &[u8]) -> Records<'_> {
    Records { rest: bytes.get(HEADER_BYTES..).unwrap_or_default(), end: HEADER_BYTES as u64 }
}

fn header(chain_id: u64, version: u16) -> Vec<u8> {
    [&MAGIC[..], &version.to_le_bytes(), &chain_id.to_le_bytes()].concat()
}

impl Segment {
    /// A new file, which replaces one of that name.
    pub(super) fn create(
        path: PathBuf,
        chain_id: u64,
        first: u64,
    ) -> Result<(Self, SegmentWriter), SpillStoreError> {
        let failed = |source| SpillStoreError::Io { path: path.clone(), source };
        let mut file = File::create(&path).map_err(failed)?;
        file.write_all(&header(chain_id, VERSION)).map_err(failed)?;
        let segment = Self { path, first, blocks: Vec::new(), bytes: HEADER_BYTES as u64 };
        Ok((segment, SegmentWriter { file, section: SpillSection::new() }))
    }

    /// A file of an earlier run, its torn tail cut off.
    pub(super) fn open(path: PathBuf, chain_id: u64) -> Result<Opened, SpillStoreError> {
        let failed = |source| SpillStoreError::Io { path: path.clone(), source };
        let bytes = std::fs::read(&path).map_err(failed)?;
        if bytes.len() >= HEADER_BYTES && bytes[..HEADER_BYTES] != header(chain_id, VERSION) {
            let older =
                (1..VERSION).find(|older| bytes[..HEADER_BYTES] == header(chain_id, *older));
            let older = older.map(|version| Opened::Older { version });
            return older.ok_or(SpillStoreError::Foreign { path });
        }
        let (mut section, mut blocks, mut first) = (SpillSection::new(), Vec::new(), None);
        let mut records = records(&bytes);
        let mut end = records.end;
        while let Some(record) = records.next() {
            let Ok(SpilledBlock { number, hash }) = section.decode(record) else { break };
            let first = *first.get_or_insert(number);
            if number != first + blocks.len() as u64 {
                break;
            }
            end = records.end;
            blocks.push((end, hash));
        }
        let Some(first) = first.filter(|_| !blocks.is_empty()) else {
            return Ok(Opened::Nothing);
        };
        let file = OpenOptions::new().append(true).open(&path).map_err(failed)?;
        if end < bytes.len() as u64 {
            let torn = bytes.len() as u64 - end;
            tracing::warn!(path = %path.display(), torn, "spilled snapshots had a torn tail");
            file.set_len(end).map_err(failed)?;
            // What was decoded of the tail must not be in the section.
            let kept = replay(&bytes, blocks.len());
            let segment = Self { path, first, blocks, bytes: end };
            return Ok(Opened::Blocks(segment, SegmentWriter { file, section: kept }));
        }
        let segment = Self { path, first, blocks, bytes: end };
        Ok(Opened::Blocks(segment, SegmentWriter { file, section }))
    }

    pub(super) fn append(
        &mut self,
        writer: &mut SegmentWriter,
        snapshot: &PoolSnapshot,
    ) -> Result<(), SpillStoreError> {
        let mut record = Vec::new();
        let Some(block) = writer.section.encode(snapshot, &mut record) else { return Ok(()) };
        let length = u32::try_from(record.len());
        let length = length.map_err(|_| SpillStoreError::TooLarge { number: block.number })?;
        let head = [length.to_le_bytes(), crc32fast::hash(&record).to_le_bytes()].concat();
        let frame = [head, record].concat();
        let failed = |source| SpillStoreError::Io { path: self.path.clone(), source };
        writer.file.write_all(&frame).map_err(failed)?;
        self.bytes += frame.len() as u64;
        self.blocks.push((self.bytes, block.hash));
        Ok(())
    }

    /// Drops the blocks from `number` on. `false` if none is left.
    pub(super) fn cut(&mut self, number: u64) -> Result<bool, SpillStoreError> {
        let kept = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        if kept >= self.blocks.len() {
            return Ok(true);
        }
        self.blocks.truncate(kept);
        let Some((end, _)) = self.blocks.last() else { return Ok(false) };
        self.bytes = *end;
        let failed = |source| SpillStoreError::Io { path: self.path.clone(), source };
        let file = OpenOptions::new().write(true).open(&self.path).map_err(failed)?;
        file.set_len(self.bytes).map_err(failed)?;
        Ok(true)
    }

    /// All pools after block `number` of this segment.
    pub(super) fn read(&self, number: u64) -> Result<SpillSection, SpillStoreError> {
        let failed = |source| SpillStoreError::Io { path: self.path.clone(), source };
        let count = usize::try_from(number - self.first).unwrap_or(usize::MAX).saturating_add(1);
        let end = self.blocks.get(count - 1).map_or(0, |(end, _)| *end);
        let file = File::open(&self.path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(end).read_to_end(&mut bytes).map_err(failed)?;
        let mut section = SpillSection::new();
        let mut read = 0;
        for record in records(&bytes) {
            section.decode(record).map_err(|source| SpillStoreError::Record { number, source })?;
            read += 1;
        }
        if read == count { Ok(section) } else { Err(SpillStoreError::Torn { number }) }
    }

    pub(super) fn hash(&self, number: u64) -> Option<B256> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.blocks.get(place).map(|(_, hash)| *hash)
    }

    /// Number and hash of the last block.
    pub(super) fn last(&self) -> Option<(u64, B256)> {
        let (_, hash) = self.blocks.last()?;
        Some((self.first + self.blocks.len() as u64 - 1, *hash))
    }

    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn len(&self) -> u64 {
        self.blocks.len() as u64
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The states after the first `count` records.
fn replay(bytes: &[u8], count: usize) -> SpillSection {
    let mut section = SpillSection::new();
    for record in records(bytes).take(count) {
        if section.decode(record).is_err() {
            break;
        }
    }
    section
}
