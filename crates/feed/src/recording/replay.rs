//! Reading a recording through, for `weir feed replay`.

use super::{RecordedFeed, ReplayError, ReplayReport, SegmentCheck};
use crate::{FeedEvent, FeedSnapshot, SequencedBlock};
use std::path::Path;
use weir_arena::{ApplyError, ArenaConfig, Discovery, PoolArena};
use weir_primitives::BlockRef;

/// Undo depth of the verifying arena: deeper than any producer's reorg.
const RING_BLOCKS: usize = 1 << 14;

/// Reads the recording at `path` through and counts what is in it.
///
/// With `is_verifying`, every stretch without a gap is applied to an arena that follows its reorgs, and its final
/// branch to another one that never sees them; their digests must be equal. Pools are known from the events that
/// create them, and from snapshots. Steps are not applied: the blocks that follow supersede them.
///
/// # Errors
/// If the recording is damaged, or the arena refuses a block.
pub fn feed_replay(path: &Path, is_verifying: bool) -> Result<ReplayReport, ReplayError> {
    let mut recorded = RecordedFeed::open(path).map_err(ReplayError::Recording)?;
    let chain_id = recorded.chain_id();
    let mut report = ReplayReport { chain_id, ..ReplayReport::default() };
    let mut stretches = Stretches::new(chain_id);
    while let Some(event) = recorded.next().map_err(ReplayError::Recording)? {
        count(&event, &mut report);
        if is_verifying {
            stretches.follow(&event)?;
        }
        stretches.read += 1;
    }
    report.torn_bytes = recorded.torn_bytes();
    if is_verifying {
        stretches.close();
        report.segments = rebuild(path, stretches.done)?;
    }
    Ok(report)
}

fn count(event: &FeedEvent, report: &mut ReplayReport) {
    match event {
        FeedEvent::Block(SequencedBlock { envelope, .. }) => {
            report.blocks += 1;
            report.updates += envelope.events().len() as u64;
            report.tip = Some(envelope.block());
        }
        FeedEvent::ReorgStart(_) => report.reorgs += 1,
        FeedEvent::Reverted(reverted) => {
            report.reverted += 1;
            // Its timestamp is not known here; a block that follows has it.
            report.tip = reverted.block.number.checked_sub(1).map(|number| BlockRef {
                number,
                hash: reverted.block.parent_hash,
                ..BlockRef::default()
            });
        }
        FeedEvent::Gap(_) => report.gaps += 1,
        FeedEvent::Snapshot(snapshot) => {
            report.snapshots += 1;
            report.tip = Some(snapshot.block);
        }
        FeedEvent::ReorgEnd(_)
        | FeedEvent::Heartbeat(_)
        | FeedEvent::Gate(_)
        | FeedEvent::Step(_)
        | FeedEvent::StepRetracted(_) => {}
    }
}

/// A stretch that was followed with its reorgs. Blocks are remembered by their place among the events: a recording may
/// be larger than memory.
struct Stretch {
    /// The snapshot it begins with, if any, and the blocks of its final branch.
    places: Vec<u64>,
    check: SegmentCheck,
}

struct Stretches {
    chain_id: u64,
    /// Events read so far.
    read: u64,
    arena: PoolArena,
    snapshot: Option<u64>,
    branch: Vec<u64>,
    ignored: u64,
    verified: u64,
    done: Vec<Stretch>,
}

fn fresh(chain_id: u64) -> PoolArena {
    PoolArena::new(ArenaConfig {
        ring_blocks: RING_BLOCKS,
        discovery: Discovery::All,
        ..ArenaConfig::new(chain_id)
    })
}

impl Stretches {
    fn new(chain_id: u64) -> Self {
        Self {
            chain_id,
            read: 0,
            arena: fresh(chain_id),
            snapshot: None,
            branch: Vec::new(),
            ignored: 0,
            verified: 0,
            done: Vec::new(),
        }
    }

    fn follow(&mut self, event: &FeedEvent) -> Result<(), ReplayError> {
        match event {
            FeedEvent::Block(block) => {
                let applied = apply(&mut self.arena, block)?;
                self.branch.push(self.read);
                self.ignored += u64::from(applied.ignored);
                self.verified += u64::from(applied.verified);
            }
            FeedEvent::Reverted(reverted) => self.revert(reverted.block)?,
            FeedEvent::Gap(_) => self.close(),
            FeedEvent::Snapshot(snapshot) => {
                self.close();
                restore(&mut self.arena, snapshot)?;
                self.snapshot = Some(self.read);
            }
            FeedEvent::ReorgStart(_)
            | FeedEvent::ReorgEnd(_)
            | FeedEvent::Heartbeat(_)
            | FeedEvent::Gate(_)
            | FeedEvent::Step(_)
            | FeedEvent::StepRetracted(_) => {}
        }
        Ok(())
    }

    /// A reorg that goes below where the stretch began leaves nothing to go on from.
    fn revert(&mut self, block: BlockRef) -> Result<(), ReplayError> {
        match self.arena.tip() {
            None => Ok(()),
            Some(tip) if tip.hash != block.hash => {
                let source = ApplyError::NotTip { block };
                Err(ReplayError::Apply { number: block.number, source })
            }
            Some(_) if self.arena.depth() == 0 => {
                self.close();
                Ok(())
            }
            Some(_) => {
                let number = block.number;
                let reverted = self.arena.revert_tip();
                reverted.map_err(|source| ReplayError::Apply { number, source })?;
                self.branch.pop();
                Ok(())
            }
        }
    }

    /// Ends the stretch and begins with nothing.
    fn close(&mut self) {
        let arena = std::mem::replace(&mut self.arena, fresh(self.chain_id));
        let branch = std::mem::take(&mut self.branch);
        let snapshot = self.snapshot.take();
        let (verified, ignored) =
            (std::mem::take(&mut self.verified), std::mem::take(&mut self.ignored));
        let Some(tip) = arena.tip() else { return };
        let halted = arena.pools().filter(|(_, pool)| pool.evidence().is_some()).count() as u64;
        let check = SegmentCheck {
            blocks: branch.len() as u64,
            tip,
            pools: arena.len(),
            verified,
            ignored,
            halted,
            digest: arena.digest(),
            rebuilt: alloy_primitives::B256::ZERO,
        };
        let places = snapshot.into_iter().chain(branch).collect();
        self.done.push(Stretch { places, check });
    }
}

fn apply(
    arena: &mut PoolArena,
    block: &SequencedBlock,
) -> Result<weir_arena::Applied, ReplayError> {
    let number = block.envelope.block().number;
    arena.apply(&block.envelope).map_err(|source| ReplayError::Apply { number, source })
}

fn restore(arena: &mut PoolArena, snapshot: &FeedSnapshot) -> Result<(), ReplayError> {
    let number = snapshot.block.number;
    snapshot.restore(arena).map_err(|source| ReplayError::Snapshot { number, source })
}

/// Reads the recording once more and applies the final branches alone.
fn rebuild(path: &Path, stretches: Vec<Stretch>) -> Result<Vec<SegmentCheck>, ReplayError> {
    let mut recorded = RecordedFeed::open(path).map_err(ReplayError::Recording)?;
    let chain_id = recorded.chain_id();
    let mut checks = Vec::new();
    let mut read = 0;
    for Stretch { places, mut check } in stretches {
        let mut arena = fresh(chain_id);
        for place in places {
            while let Some(event) = recorded.next().map_err(ReplayError::Recording)? {
                read += 1;
                if read == place + 1 {
                    again(&mut arena, &event)?;
                    break;
                }
            }
        }
        check.rebuilt = arena.digest();
        checks.push(check);
    }
    Ok(checks)
}

fn again(arena: &mut PoolArena, event: &FeedEvent) -> Result<(), ReplayError> {
    match event {
        FeedEvent::Block(block) => apply(arena, block).map(drop),
        FeedEvent::Snapshot(snapshot) => restore(arena, snapshot),
        _ => Ok(()),
    }
}
