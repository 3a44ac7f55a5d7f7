//! Blocks in, channels out.

use crate::{Batch, Compression, EncodeError, SealedChannel, channel::ChannelHeader, limits};
use alloy_primitives::B256;
use std::{fmt, io::Write};
use weir_primitives::RecoveredBlock;

/// How many raw bytes may wait in the compressor before it is flushed to learn how small they became.
const FLUSH_BYTES: usize = 32 * 1024;

/// When a channel is closed, and how hard it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderConfig {
    /// Close a channel as soon as it has at least this many bytes. It may exceed it by the block that reached it.
    pub channel_bytes_max: usize,
    /// Close a channel this many milliseconds after its first block was added.
    pub channel_age_ms_max: u64,
    /// zstd level, 1 to [`limits::ZSTD_LEVEL_MAX`].
    pub level: i32,
}

/// What became of a block that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a block that was not added must be offered again after the channel is closed"]
pub enum Admission {
    /// It is in the open channel.
    Added,
    /// The open channel has no room for it: take it with [`ChannelEncoder::close`], then offer the block again.
    Full,
}

/// Collects consecutive blocks into channels. It does no I/O and knows no clock.
///
/// Add blocks, call [`step`](Self::step) to learn whether a channel is due, or [`close`](Self::close) to take it as it is.
pub struct ChannelEncoder {
    config: EncoderConfig,
    open: Option<OpenChannel>,
    tip: Option<(u64, B256)>,
}

struct OpenChannel {
    first_block: u64,
    batches: u32,
    opened_at_ms: u64,
    raw_bytes: usize,
    unflushed_bytes: usize,
    crc32: crc32fast::Hasher,
    compressor: zstd::stream::write::Encoder<'static, Vec<u8>>,
}

impl OpenChannel {
    fn new(first_block: u64, opened_at_ms: u64, level: i32) -> Result<Self, EncodeError> {
        let compressor = zstd::stream::write::Encoder::new(Vec::new(), level)
            .map_err(EncodeError::Compression)?;
        Ok(Self {
            first_block,
            batches: 0,
            opened_at_ms,
            raw_bytes: 0,
            unflushed_bytes: 0,
            crc32: crc32fast::Hasher::new(),
            compressor,
        })
    }

    /// Upper bound on the bytes of the channel if it were closed now.
    fn bytes_bound(&self) -> usize {
        ChannelHeader::BYTES
            + self.compressor.get_ref().len()
            + zstd::zstd_safe::compress_bound(self.unflushed_bytes)
    }

    fn has_room_for(&self, entry: &[u8]) -> bool {
        let bytes = self.bytes_bound() + zstd::zstd_safe::compress_bound(entry.len());
        self.raw_bytes + entry.len() <= limits::CHANNEL_RAW_BYTES_MAX
            && bytes <= limits::CHANNEL_BYTES_MAX
            && (self.batches as usize) < limits::CHANNEL_BATCHES_MAX
    }

    fn push(&mut self, entry: &[u8]) -> std::io::Result<()> {
        self.crc32.update(entry);
        self.compressor.write_all(entry)?;
        self.batches += 1;
        self.raw_bytes += entry.len();
        self.unflushed_bytes += entry.len();
        if self.unflushed_bytes >= FLUSH_BYTES {
            self.compressor.flush()?;
            self.unflushed_bytes = 0;
        }
        Ok(())
    }

    fn seal(self, last_hash: B256) -> std::io::Result<SealedChannel> {
        let header = ChannelHeader {
            compression: Compression::Zstd,
            first_block: self.first_block,
            batches: self.batches,
            last_hash,
            raw_bytes: u32::try_from(self.raw_bytes)
                .expect("the limit on raw bytes is below 4 GiB"),
            crc32: self.crc32.finalize(),
        };
        Ok(SealedChannel::seal(&header, &self.compressor.finish()?))
    }
}

impl ChannelEncoder {
    /// An encoder that will accept any first block.
    ///
    /// # Errors
    /// [`EncodeError::Setting`] if a setting is out of range.
    pub fn new(config: EncoderConfig) -> Result<Self, EncodeError> {
        let check = |setting, value: u64, low: u64, high: u64| match low <= value && value <= high {
            true => Ok(()),
            false => Err(EncodeError::Setting { setting, value, low, high }),
        };
        let bytes = config.channel_bytes_max as u64;
        check("channel_bytes_max", bytes, 1, limits::CHANNEL_BYTES_MAX as u64)?;
        let level = u64::try_from(config.level).unwrap_or(0);
        check("level", level, 1, limits::ZSTD_LEVEL_MAX as u64)?;
        Ok(Self { config, open: None, tip: None })
    }

    /// Adds the child of the block added before, or any block if it is the first.
    ///
    /// # Errors
    /// [`EncodeError::Unlinked`], [`EncodeError::Inexpressible`], [`EncodeError::BlockTooLarge`],
    /// [`EncodeError::Compression`]. After an error the encoder is as it was before, except after the last.
    pub fn add_block(
        &mut self,
        block: &RecoveredBlock,
        now_ms: u64,
    ) -> Result<Admission, EncodeError> {
        let (number, parent) = (block.header().number, block.header().parent_hash);
        if let Some((tip, expected)) = self.tip
            && (number != tip + 1 || parent != expected)
        {
            return Err(EncodeError::Unlinked { number, parent, expected });
        }
        let mut entry = Vec::new();
        Batch::from_block(block)?.encode(&mut entry);
        let open = match &mut self.open {
            Some(open) if open.has_room_for(&entry) => open,
            Some(_) => return Ok(Admission::Full),
            None => {
                let open = OpenChannel::new(number, now_ms, self.config.level)?;
                if !open.has_room_for(&entry) {
                    return Err(EncodeError::BlockTooLarge { number, bytes: entry.len() });
                }
                self.open.insert(open)
            }
        };
        open.push(&entry).map_err(EncodeError::Compression)?;
        self.tip = Some((number, block.hash()));
        Ok(Admission::Added)
    }

    /// Closes the open channel if its size or its age is due.
    ///
    /// # Errors
    /// [`EncodeError::Compression`].
    pub fn step(&mut self, now_ms: u64) -> Result<Option<SealedChannel>, EncodeError> {
        let is_due = self.is_full() || self.due_at_ms().is_some_and(|due| due <= now_ms);
        if is_due { self.close() } else { Ok(None) }
    }

    /// Closes the open channel, if there is one, whatever its size and age.
    ///
    /// # Errors
    /// [`EncodeError::Compression`].
    pub fn close(&mut self) -> Result<Option<SealedChannel>, EncodeError> {
        let (Some(open), Some((_, last_hash))) = (self.open.take(), self.tip) else {
            return Ok(None);
        };
        open.seal(last_hash).map(Some).map_err(EncodeError::Compression)
    }

    /// Whether the open channel has reached its size.
    pub fn is_full(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.bytes_bound() >= self.config.channel_bytes_max)
    }

    /// When the open channel will be due by age, in the caller's milliseconds; `None` if no channel is open.
    pub fn due_at_ms(&self) -> Option<u64> {
        let open = self.open.as_ref()?;
        Some(open.opened_at_ms.saturating_add(self.config.channel_age_ms_max))
    }

    /// Number and hash of the last block added.
    pub const fn tip(&self) -> Option<(u64, B256)> {
        self.tip
    }

    /// Blocks in the open channel.
    pub fn open_blocks(&self) -> u32 {
        self.open.as_ref().map_or(0, |open| open.batches)
    }
}

impl fmt::Debug for ChannelEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelEncoder")
            .field("config", &self.config)
            .field("tip", &self.tip)
            .field("open_blocks", &self.open_blocks())
            .finish_non_exhaustive()
    }
}
