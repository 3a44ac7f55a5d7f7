//! The records of a reorg.

use super::{Bracket, FeedAssembler, steps::OpenSteps};
use crate::{FeedEvent, ReorgEnd, ReorgStart, Reverted, SyncFault};

impl FeedAssembler {
    pub(super) fn reorg_start(
        &mut self,
        start: ReorgStart,
    ) -> Result<Option<FeedEvent>, SyncFault> {
        self.require_stream(start.chain_id, start.epoch, start.seq)?;
        if self.is_repeated(start.seq) {
            return Ok(None);
        }
        self.require_next(start.seq)?;
        if self.bracket.is_some() || start.reverted == 0 {
            return Err(SyncFault::Bracket { seq: start.seq });
        }
        self.steps = OpenSteps::default();
        self.bracket = Some(Bracket { start, reverted: 0, applied: 0 });
        self.next_seq += 1;
        Ok(Some(FeedEvent::ReorgStart(start)))
    }

    pub(super) fn reverted(&mut self, reverted: Reverted) -> Result<Option<FeedEvent>, SyncFault> {
        let Reverted { seq, block } = reverted;
        if self.is_repeated(seq) {
            return Ok(None);
        }
        self.require_next(seq)?;
        let Some(bracket) = &mut self.bracket else { return Err(SyncFault::Bracket { seq }) };
        if bracket.reverted == bracket.start.reverted || bracket.applied > 0 {
            return Err(SyncFault::Bracket { seq });
        }
        if let Some((_, expected)) = self.tip
            && expected != block.hash
        {
            return Err(SyncFault::Unlinked { seq, expected, found: block.hash });
        }
        let parent = block.number.checked_sub(1).ok_or(SyncFault::Bracket { seq })?;
        if bracket.reverted + 1 == bracket.start.reverted {
            let ancestor = (bracket.start.ancestor_number, bracket.start.ancestor_hash);
            if ancestor != (parent, block.parent_hash) {
                return Err(SyncFault::Bracket { seq });
            }
        }
        bracket.reverted += 1;
        self.tip = Some((parent, block.parent_hash));
        self.next_seq += 1;
        Ok(Some(FeedEvent::Reverted(reverted)))
    }

    pub(super) fn reorg_end(&mut self, end: ReorgEnd) -> Result<Option<FeedEvent>, SyncFault> {
        let seq = end.seq;
        if self.is_repeated(seq) {
            return Ok(None);
        }
        self.require_next(seq)?;
        let complete = |bracket: &Bracket| {
            bracket.reverted == bracket.start.reverted && bracket.applied == bracket.start.applied
        };
        let is_tip = self.tip == Some((end.tip_number, end.tip_hash));
        if !self.bracket.as_ref().is_some_and(complete) || !is_tip {
            return Err(SyncFault::Bracket { seq });
        }
        self.bracket = None;
        self.next_seq += 1;
        Ok(Some(FeedEvent::ReorgEnd(end)))
    }
}
