//! Blocks out of a stream of RLP lists.

use super::ImportError;
use std::io::{self, Read};
use weir_evm::decode_block;
use weir_primitives::Block;

/// Largest block that is read, in bytes. A block of Ethereum has at most 8 MiB since Osaka (EIP-7934).
const BLOCK_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// First byte of an RLP list whose length is in that byte.
const SHORT_LIST: u8 = 0xc0;
/// First byte of an RLP list whose length follows, in as many bytes as the first is above it.
const LONG_LIST: u8 = 0xf7;

/// Reads one block after the other; of the file only one is in memory.
pub(super) struct BlockReader<R> {
    file: R,
    offset: u64,
}

impl<R: Read> BlockReader<R> {
    pub(super) const fn new(file: R) -> Self {
        Self { file, offset: 0 }
    }

    /// The next block; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Block>, ImportError> {
        let offset = self.offset;
        let failed = |error| ImportError::Read { offset, error };
        let mut raw = Vec::new();
        if self.take(&mut raw, 1).map_err(failed)? == 0 {
            return Ok(None);
        }
        let first = raw[0];
        let bytes = match first {
            ..SHORT_LIST => return Err(ImportError::NotABlock { offset }),
            SHORT_LIST..=LONG_LIST => u64::from(first - SHORT_LIST),
            _ => {
                let width = u64::from(first - LONG_LIST);
                self.exactly(&mut raw, width).map_err(failed)?;
                raw[1..].iter().fold(0, |length: u64, byte| (length << 8) | u64::from(*byte))
            }
        };
        if BLOCK_BYTES_MAX < bytes {
            return Err(ImportError::TooLarge { offset, bytes, bytes_max: BLOCK_BYTES_MAX });
        }
        self.exactly(&mut raw, bytes).map_err(failed)?;
        let block = decode_block(&raw).map_err(|source| ImportError::Decode { offset, source })?;
        self.offset += raw.len() as u64;
        Ok(Some(block))
    }

    /// Appends at most `bytes` bytes, fewer only at the end of the file.
    fn take(&mut self, raw: &mut Vec<u8>, bytes: u64) -> io::Result<u64> {
        self.file.by_ref().take(bytes).read_to_end(raw).map(|read| read as u64)
    }

    fn exactly(&mut self, raw: &mut Vec<u8>, bytes: u64) -> io::Result<()> {
        if self.take(raw, bytes)? == bytes {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends within a block"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &[u8]) -> Result<usize, ImportError> {
        let mut reader = BlockReader::new(raw);
        let mut blocks = 0;
        while reader.next()?.is_some() {
            blocks += 1;
        }
        Ok(blocks)
    }

    #[test]
    fn blocks_are_read_one_after_the_other() {
        let block = Block::default();
        let mut raw = Vec::new();
        for _ in 0..3 {
            raw.extend(alloy_rlp::encode(&block));
        }
        assert_eq!(read(&raw).unwrap(), 3);
        assert_eq!(read(&[]).unwrap(), 0);
    }

    #[test]
    fn what_is_no_block_is_named_with_its_place() {
        let block = alloy_rlp::encode(Block::default());
        let with = |rest: &[u8]| [&block, rest].concat();
        let at = block.len() as u64;
        let torn = read(&with(&block[..40])).unwrap_err();
        assert!(matches!(torn, ImportError::Read { offset, .. } if offset == at), "{torn}");
        let text = read(&with(b"text")).unwrap_err();
        assert!(matches!(text, ImportError::NotABlock { offset } if offset == at), "{text}");
        let huge = read(&with(&[0xff; 9])).unwrap_err();
        assert!(matches!(huge, ImportError::TooLarge { .. }), "{huge}");
        let empty = read(&with(&[0xc0])).unwrap_err();
        assert!(matches!(empty, ImportError::Decode { .. }), "{empty}");
    }
}
