//! Pool states of blocks that have left the undo ring, as records in which only what changed is written.
//!
//! A record is one block: `number` u64, `hash` 32, `count` varint, and so many entries. An entry is the pool's place among the pools of
//! the section (varint; the next free place is followed by the pool: kind u8, 0 address or 1 id, and 32 bytes), and a tag u8: 0 if the
//! pool is not known any more, else bit 0. Then comes the swap state: seven bytes with a bit for each of its 52 bytes that differs from the
//! pool's state before, lowest bit first, then those bytes. With bit 1 of the tag the fees follow, 8 bytes: of V3 `feeProtocol` u32 and
//! zeros, of V4 `lp` u32, `zero_for_one` u16, `one_for_zero` u16. With bit 2 changed ticks follow: `count` varint, and so many of `tick` i32,
//! `gross` u128, `net` i128, rising; a gross of zero removes the tick. Integers are little-endian; varints have seven bits a byte, the
//! lowest first.

mod fields;
mod pool;

pub use pool::SpilledPool;

use self::{
    fields::{Fields, write_pool, write_varint},
    pool::Held,
};
use crate::{PoolId, PoolSnapshot, PoolState, PoolStatus};
use alloy_primitives::{B256, map::HashMap};

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
    pools: Vec<(PoolId, Held)>,
}

impl SpillSection {
    /// A section without records.
    pub fn new() -> Self {
        Self::default()
    }

    /// The pool's state after the last record; `None` if it was not known then.
    pub fn state(&self, pool: &PoolId) -> Option<&SpilledPool> {
        self.pools.get(*self.places.get(pool)?)?.1.known.as_ref()
    }

    /// Appends the record of the next block to `out`. `None`, and nothing is written, if the snapshot is of no block.
    pub fn encode(&mut self, snapshot: &PoolSnapshot, out: &mut Vec<u8>) -> Option<SpilledBlock> {
        let tip = snapshot.tip()?;
        let (mut entries, mut count) = (Vec::new(), 0);
        for (place, (id, held)) in self.pools.iter_mut().enumerate() {
            if held.known.is_some() && known_state(snapshot, id).is_none() {
                write_varint(place as u64, &mut entries);
                held.write(None, &mut entries);
                count += 1;
            }
        }
        for (_, pool) in snapshot.pools() {
            let id = pool.statics().key.id;
            let Some(state) = known_state(snapshot, &id) else { continue };
            let place = self.places.get(&id).copied();
            if place.is_some_and(|place| self.pools[place].1.is(state)) {
                continue;
            }
            let place = place.unwrap_or(self.pools.len());
            write_varint(place as u64, &mut entries);
            if place == self.pools.len() {
                self.add(id);
                write_pool(&id, &mut entries);
            }
            self.pools[place].1.write(Some(state), &mut entries);
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
            held.1.read(&mut fields)?;
        }
        if fields.0.is_empty() { Ok(SpilledBlock { number, hash }) } else { Err(SpillError::Long) }
    }

    fn add(&mut self, id: PoolId) {
        self.places.insert(id, self.pools.len());
        self.pools.push((id, Held::default()));
    }
}

/// The pool's state in a snapshot, if it is known there.
fn known_state<'a>(snapshot: &'a PoolSnapshot, id: &PoolId) -> Option<&'a PoolState> {
    let key = crate::PoolKey { chain_id: snapshot.chain_id(), id: *id };
    let pool = snapshot.get(&key).filter(|pool| pool.status() != PoolStatus::Unsynced)?;
    Some(pool.state())
}
