//! The opportunities of now, by cycle.

use crate::{Gone, Opportunity, OpportunityDelta};
use alloy_primitives::map::HashMap;

/// At most one opportunity a cycle: a cycle and its reverse are never profitable together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    /// In no order.
    entries: Vec<(u32, Opportunity)>,
    places: HashMap<u32, u32>,
    /// One bit a cycle.
    bits: Vec<u64>,
}

impl Held {
    pub(crate) fn new(cycles: usize) -> Self {
        Self { bits: vec![0; cycles.div_ceil(64)], ..Self::default() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Opportunity> {
        self.entries.iter().map(|(_, opportunity)| opportunity)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Opportunity> {
        self.entries.iter_mut().map(|(_, opportunity)| opportunity)
    }

    /// Of 64 cycles, which have an opportunity.
    #[inline]
    pub(crate) fn word(&self, word: usize) -> u64 {
        self.bits[word]
    }

    pub(crate) fn get(&self, cycle: u32) -> Option<&Opportunity> {
        let place = *self.places.get(&cycle)?;
        Some(&self.entries[place as usize].1)
    }

    fn get_mut(&mut self, cycle: u32) -> Option<&mut Opportunity> {
        let place = *self.places.get(&cycle)?;
        Some(&mut self.entries[place as usize].1)
    }

    pub(crate) fn insert(&mut self, cycle: u32, opportunity: Opportunity) {
        self.places.insert(cycle, self.entries.len() as u32);
        self.entries.push((cycle, opportunity));
        self.bits[cycle as usize / 64] |= 1 << (cycle % 64);
    }

    pub(crate) fn remove(&mut self, cycle: u32) -> Option<Opportunity> {
        let place = self.places.remove(&cycle)?;
        let (_, opportunity) = self.entries.swap_remove(place as usize);
        if let Some((moved, _)) = self.entries.get(place as usize) {
            self.places.insert(*moved, place);
        }
        self.bits[cycle as usize / 64] &= !(1 << (cycle % 64));
        Some(opportunity)
    }

    /// Puts what was found for a cycle in the place of what was held, and notes the difference.
    pub(crate) fn settle(&mut self, cycle: u32, fresh: Opportunity, delta: &mut OpportunityDelta) {
        match self.get_mut(cycle) {
            Some(held) if held.id == fresh.id => {
                let is_same = held.has_amounts_of(&fresh);
                *held = fresh;
                if !is_same {
                    delta.changed.push(fresh);
                }
            }
            Some(held) => {
                delta.disappeared.push((held.id, Gone::Unprofitable));
                delta.appeared.push(fresh);
                *held = fresh;
            }
            None => {
                self.insert(cycle, fresh);
                delta.appeared.push(fresh);
            }
        }
    }
}
