//! Bytes of a record.

use super::SpillError;
use crate::PoolId;
use alloy_primitives::{Address, B256};

const ADDRESS: u8 = 0;
const ID: u8 = 1;

pub(super) fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(super) fn write_pool(id: &PoolId, out: &mut Vec<u8>) {
    match id {
        PoolId::Address(address) => {
            out.push(ADDRESS);
            out.extend_from_slice(address.as_slice());
            out.extend_from_slice(&[0; 12]);
        }
        PoolId::Id(id) => {
            out.push(ID);
            out.extend_from_slice(id.as_slice());
        }
    }
}

/// What is left of a record.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], SpillError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(SpillError::Short)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn varint(&mut self) -> Result<u64, SpillError> {
        let mut value = 0u64;
        for shift in (0..63).step_by(7) {
            let [byte] = self.array::<1>()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(SpillError::Field { field: "varint" })
    }

    pub(super) fn pool(&mut self) -> Result<PoolId, SpillError> {
        let [kind] = self.array::<1>()?;
        let word = B256::new(self.array()?);
        match kind {
            ADDRESS if word[20..] == [0; 12] => {
                Ok(PoolId::Address(Address::from_slice(&word[..20])))
            }
            ID => Ok(PoolId::Id(word)),
            _ => Err(SpillError::Field { field: "pool" }),
        }
    }
}
