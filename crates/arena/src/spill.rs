//! Swap states of blocks that have left the undo ring, as records in which only what changed is written.
//!
//! A record is one block: `number` u64, `hash` 32, `count` varint, and so many entries. An entry is the pool's place among the pools of
//! the section (varint; the next free place is followed by the pool: kind u8, 0 address or 1 id, and 32 bytes), a tag u8 (0: not
//! known any more, 1: known), and with tag 1 the swap state: seven bytes with a bit for each of its 52 bytes that differs from the
//! pool's state before, lowest bit first, then those bytes. Integers are little-endian; varints have seven bits a byte, the lowest first.

use crate::{PoolId, PoolSnapshot, PoolStatus, SwapState52};
use alloy_primitives::{Address, B256, map::HashMap};

/// Bytes of the bits that say which bytes of a state changed.
const MASK_BYTES: usize = SwapState52::BYTES.div_ceil(8);
const ADDRESS: u8 = 0;
const ID: u8 = 1;
const UNKNOWN: u8 = 0;
const KNOWN: u8 = 1;

/// Why a record is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpillError {
    /// It ends before its fields do.
    #[error("spilled record is too short")]
    Short,
    /// It goes on after its fields.
    #[error("spilled record is too long")]
    Long,
    /// A field has a value that is not possible.
    #[error("spilled record is not possible: field={field}")]
    Field {
        /// The field.
        field: &'static str,
    },
}

/// Number and hash of a block that was spilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpilledBlock {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

/// The states after the last of a run of records. The first record of a section is written against nothing and stands for itself.
#[derive(Debug, Clone, Default)]
pub struct SpillSection {
    places: HashMap<PoolId, usize>,
    pools: Vec<(PoolId, Option<SwapState52>)>,
}

impl SpillSection {
    /// A section without records.
    pub fn new() -> Self {
        Self::default()
    }

    /// The pool's swap state after the last record; `None` if it was not known then.
    pub fn state(&self, pool: &PoolId) -> Option<SwapState52> {
        self.pools.get(*self.places.get(pool)?)?.1
    }

    /// Appends the record of the next block to `out`. `None`, and nothing is written, if the snapshot is of no block.
    pub fn encode(&mut self, snapshot: &PoolSnapshot, out: &mut Vec<u8>) -> Option<SpilledBlock> {
        let tip = snapshot.tip()?;
        let (mut entries, mut count) = (Vec::new(), 0);
        for place in 0..self.pools.len() {
            let (id, held) = self.pools[place];
            if held.is_some() && known_state(snapshot, &id).is_none() {
                self.write(place, None, &mut entries);
                count += 1;
            }
        }
        for (_, pool) in snapshot.pools() {
            let id = pool.statics().key.id;
            let Some(state) = known_state(snapshot, &id) else { continue };
            let place = self.places.get(&id).copied();
            if place.is_some_and(|place| self.pools[place].1 == Some(state)) {
                continue;
            }
            let place = place.unwrap_or(self.pools.len());
            if place == self.pools.len() {
                self.add(id);
                write_varint(place as u64, &mut entries);
                write_pool(&id, &mut entries);
                self.write_state(place, Some(state), &mut entries);
            } else {
                self.write(place, Some(state), &mut entries);
            }
            count += 1;
        }
        out.extend_from_slice(&tip.number.to_le_bytes());
        out.extend_from_slice(tip.hash.as_slice());
        write_varint(count, out);
        out.extend_from_slice(&entries);
        Some(SpilledBlock { number: tip.number, hash: tip.hash })
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// If it is not one; the section is of no further use then.
    pub fn decode(&mut self, record: &[u8]) -> Result<SpilledBlock, SpillError> {
        let mut fields = Fields(record);
        let number = u64::from_le_bytes(fields.array()?);
        let hash = B256::new(fields.array()?);
        for _ in 0..fields.varint()? {
            let place = usize::try_from(fields.varint()?)
                .map_err(|_| SpillError::Field { field: "place" })?;
            if place == self.pools.len() {
                let id = fields.pool()?;
                if self.places.contains_key(&id) {
                    return Err(SpillError::Field { field: "pool" });
                }
                self.add(id);
            }
            let held = self.pools.get_mut(place).ok_or(SpillError::Field { field: "place" })?;
            held.1 = fields.state(held.1)?;
        }
        if fields.0.is_empty() { Ok(SpilledBlock { number, hash }) } else { Err(SpillError::Long) }
    }

    fn add(&mut self, id: PoolId) {
        self.places.insert(id, self.pools.len());
        self.pools.push((id, None));
    }

    fn write(&mut self, place: usize, state: Option<SwapState52>, out: &mut Vec<u8>) {
        write_varint(place as u64, out);
        self.write_state(place, state, out);
    }

    fn write_state(&mut self, place: usize, state: Option<SwapState52>, out: &mut Vec<u8>) {
        let before = std::mem::replace(&mut self.pools[place].1, state);
        let Some(state) = state else {
            out.push(UNKNOWN);
            return;
        };
        out.push(KNOWN);
        let before = before.unwrap_or(NOTHING);
        let mut mask = [0u8; MASK_BYTES];
        let mut changed = Vec::with_capacity(SwapState52::BYTES);
        for (index, (now, before)) in state.0.iter().zip(before.0).enumerate() {
            if *now != before {
                mask[index / 8] |= 1 << (index % 8);
                changed.push(*now);
            }
        }
        out.extend_from_slice(&mask);
        out.extend_from_slice(&changed);
    }
}

/// What the first state of a pool is written against.
const NOTHING: SwapState52 = SwapState52([0; SwapState52::BYTES]);

/// The pool's state in a snapshot, if it is known there.
fn known_state(snapshot: &PoolSnapshot, id: &PoolId) -> Option<SwapState52> {
    let key = crate::PoolKey { chain_id: snapshot.chain_id(), id: *id };
    let pool = snapshot.get(&key).filter(|pool| pool.status() != PoolStatus::Unsynced)?;
    Some(pool.state().swap_state())
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn write_pool(id: &PoolId, out: &mut Vec<u8>) {
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
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], SpillError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(SpillError::Short)?;
        self.0 = rest;
        Ok(*head)
    }

    fn varint(&mut self) -> Result<u64, SpillError> {
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

    fn pool(&mut self) -> Result<PoolId, SpillError> {
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

    fn state(&mut self, before: Option<SwapState52>) -> Result<Option<SwapState52>, SpillError> {
        match self.array::<1>()? {
            [UNKNOWN] => return Ok(None),
            [KNOWN] => {}
            _ => return Err(SpillError::Field { field: "tag" }),
        }
        let mask: [u8; MASK_BYTES] = self.array()?;
        let mut state = before.unwrap_or(NOTHING);
        for (index, byte) in state.0.iter_mut().enumerate() {
            if mask[index / 8] & (1 << (index % 8)) != 0 {
                [*byte] = self.array::<1>()?;
            }
        }
        let rest = u8::MAX << (SwapState52::BYTES % 8);
        if mask[MASK_BYTES - 1] & rest != 0 {
            return Err(SpillError::Field { field: "mask" });
        }
        Ok(Some(state))
    }
}
