//! Little-endian primitives that every record is made of.

use crate::CodecError;
use alloy_primitives::{Address, B256, U256};
use weir_primitives::BlockRef;

/// Reads the fields of one record, in order. Every read is checked against the end of the record.
#[derive(Debug)]
pub(crate) struct FieldReader<'a> {
    rest: &'a [u8],
    record: u8,
}

impl<'a> FieldReader<'a> {
    /// Starts at the first field of a record of type `record`.
    pub(crate) const fn new(record: u8, body: &'a [u8]) -> Self {
        Self { rest: body, record }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (head, rest) =
            self.rest.split_first_chunk::<N>().ok_or(CodecError::Short { record: self.record })?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, CodecError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, CodecError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, CodecError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, CodecError> {
        self.array().map(i32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, CodecError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn u128(&mut self) -> Result<u128, CodecError> {
        self.array().map(u128::from_le_bytes)
    }

    pub(crate) fn i128(&mut self) -> Result<i128, CodecError> {
        self.array().map(i128::from_le_bytes)
    }

    pub(crate) fn u256(&mut self) -> Result<U256, CodecError> {
        self.array().map(U256::from_le_bytes::<32>)
    }

    pub(crate) fn hash(&mut self) -> Result<B256, CodecError> {
        self.array().map(B256::new)
    }

    pub(crate) fn address(&mut self) -> Result<Address, CodecError> {
        self.array().map(Address::new)
    }

    pub(crate) fn block(&mut self) -> Result<BlockRef, CodecError> {
        Ok(BlockRef {
            number: self.u64()?,
            hash: self.hash()?,
            parent_hash: self.hash()?,
            timestamp: self.u64()?,
        })
    }

    /// Refuses a record that is longer than its fields.
    pub(crate) const fn finish(self) -> Result<(), CodecError> {
        match self.rest.len() {
            0 => Ok(()),
            excess => Err(CodecError::Long { record: self.record, excess }),
        }
    }
}

/// Appends one frame: length, type, fields. The length is filled in by [`FrameWriter::finish`].
#[derive(Debug)]
pub(crate) struct FrameWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> FrameWriter<'a> {
    /// Starts a frame of type `record` at the end of `out`.
    pub(crate) fn new(out: &'a mut Vec<u8>, record: u8) -> Self {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.push(record);
        Self { out, start }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn i32(&mut self, value: i32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u128(&mut self, value: u128) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn block(&mut self, block: &BlockRef) -> &mut Self {
        self.u64(block.number)
            .bytes(block.hash.as_slice())
            .bytes(block.parent_hash.as_slice())
            .u64(block.timestamp)
    }

    /// Writes the length in front of the frame.
    pub(crate) fn finish(&mut self) {
        let length = self.out.len() - self.start - 4;
        let length = u32::try_from(length).expect("records are fixed and far below four gigabytes");
        self.out[self.start..self.start + 4].copy_from_slice(&length.to_le_bytes());
    }
}
