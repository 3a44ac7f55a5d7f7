//! A block onto the tip.

use super::PoolArena;
use crate::{
    ApplyError, BlockEnvelope, EventRecord, Evidence, Pool, PoolEvent, PoolIdx, PoolStatic,
    Protocol,
    pool::{Sync, Touch},
    transition::Transition,
    undo::{BlockUndo, LiquidityChange, PreImage},
};
use std::sync::Arc;
use weir_primitives::BlockRef;

/// What a block did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The block.
    pub block: BlockRef,
    /// Pools whose state may have changed, in order of first touch, each once.
    pub touched: Vec<PoolIdx>,
    /// Pools that joined the arena, a part of `touched`.
    pub created: Vec<PoolIdx>,
    /// Pools that the block's events contradicted. Each has its evidence.
    pub halted: Vec<PoolIdx>,
    /// Events re-executed with equal outcome.
    pub verified: u32,
    /// Events of pools that are not in the arena, or whose state is not known.
    pub ignored: u32,
}

/// A block being applied: what its revert will take, and what it did.
struct BlockRun {
    undo: BlockUndo,
    applied: Applied,
}

impl PoolArena {
    /// Applies the child of the tip, or any block to an arena without one.
    ///
    /// The whole envelope is checked before anything changes: chain, parent, order. On an error the arena is as
    /// before. An event that contradicts a pool's state is no error: it halts that pool.
    pub fn apply(&mut self, envelope: &BlockEnvelope) -> Result<Applied, ApplyError> {
        self.validate(envelope)?;
        let block = envelope.block();
        let applied = Applied { block, ..Applied::default() };
        let mut run = BlockRun { undo: BlockUndo::new(block), applied };
        for record in envelope.events() {
            self.apply_record(&mut run, record);
        }
        run.applied.touched = run.undo.pre_images.iter().map(|image| image.idx).collect();
        if self.tip.is_some() {
            self.ring.push(run.undo);
            self.ring.evict(self.config.ring_blocks, self.config.ring_seconds, block.timestamp);
        } else {
            // There is no state below the first block to go back to.
            self.ring.restart(block);
            for image in &run.undo.pre_images {
                if let Some(pool) = self.pools.get_mut(image.idx) {
                    pool.last_touch = None;
                }
            }
        }
        self.tip = Some(block);
        self.note_change();
        Ok(run.applied)
    }

    fn validate(&self, envelope: &BlockEnvelope) -> Result<(), ApplyError> {
        let expected = self.config.chain_id;
        if envelope.chain_id() != expected {
            return Err(ApplyError::WrongChain { expected, found: envelope.chain_id() });
        }
        let block = envelope.block();
        if let Some(tip) = self.tip.filter(|tip| !block.is_child_of(tip)) {
            return Err(ApplyError::NotChildOfTip { block, tip });
        }
        check_events(expected, None, envelope.events())?;
        Ok(())
    }

    fn apply_record(&mut self, run: &mut BlockRun, record: &EventRecord) {
        let found = self.pools.find(&record.pool.id);
        if record.event.is_creation() {
            return self.apply_creation(run, record, found);
        }
        let Some((idx, pool)) = found.and_then(|idx| Some((idx, self.pools.get(idx)?))) else {
            run.applied.ignored += 1;
            return;
        };
        let is_verifying = self.config.is_verifying;
        if pool.is_changed_by(&record.event) {
            let before = pool.state.core();
            let pool = self.touch(run, idx, false);
            let transition = pool.transition(&record.event, record_number(run), is_verifying);
            if transition.divergence.is_some() {
                let evidence = evidence(run.undo.block, record, before.swap_state(), &transition);
                pool.halt = pool.halt.take().or(evidence);
            }
            self.account(run, idx, &transition);
        } else if pool.sync == Sync::Unsynced {
            run.applied.ignored += 1;
        } else if is_verifying && pool.previous.is_some() && record.event.is_v2_evidence() {
            let before = pool.state.core();
            let Some(pool) = self.pools.get_mut(idx) else { return };
            let transition = pool.check_evidence(&record.event, record_number(run));
            if transition.divergence.is_some() {
                let evidence = evidence(run.undo.block, record, before.swap_state(), &transition);
                pool.halt = pool.halt.take().or(evidence);
            }
            self.account(run, idx, &transition);
        }
    }

    fn account(&self, run: &mut BlockRun, idx: PoolIdx, transition: &Transition) {
        let incarnation = self.incarnations[idx.get()];
        if let Some(range) = transition.range {
            run.undo.liquidity.push(LiquidityChange { idx, incarnation, range });
        }
        if transition.divergence.is_some() && !run.applied.halted.contains(&idx) {
            run.applied.halted.push(idx);
        }
        run.applied.verified += u32::from(transition.is_verified);
    }

    /// The pool for changing, its pre-image recorded if this is the block's first touch.
    fn touch(&mut self, run: &mut BlockRun, idx: PoolIdx, is_created: bool) -> &mut Pool {
        let incarnation = self.incarnations[idx.get()];
        let pool = self.pools.get_mut(idx).expect("the index was just found");
        let number = run.undo.block.number;
        if pool.last_touch.is_none_or(|touch| touch.number != number) {
            let position = run.undo.pre_images.len() as u32;
            run.undo.pre_images.push(PreImage::of(pool, idx, incarnation, is_created));
            pool.last_touch = Some(Touch { number, position });
        }
        pool.nonce += 1;
        pool
    }

    fn apply_creation(&mut self, run: &mut BlockRun, record: &EventRecord, found: Option<PoolIdx>) {
        let Some(statics) = PoolStatic::of_creation(record.pool, &record.event) else {
            run.applied.ignored += 1;
            return;
        };
        let number = record_number(run);
        if let Some(idx) = found {
            let is_expected = self.pools.get(idx).is_some_and(|pool| {
                pool.is_expecting_creation() && is_same_pool(pool.statics(), &statics)
            });
            if !is_expected {
                run.applied.ignored += 1;
                return;
            }
            self.touch(run, idx, false).begin(&record.event, number);
            return;
        }
        let is_wanted = self.config.discovery.is_wanted(&statics.factory);
        let Some(idx) = is_wanted.then(|| self.join(statics).ok()).flatten() else {
            run.applied.ignored += 1;
            return;
        };
        let pool = self.touch(run, idx, true);
        pool.is_fork_settled = statics.protocol != Protocol::UniswapV3;
        pool.begin(&record.event, number);
        run.applied.created.push(idx);
    }
}

/// Checks that events are of the chain and follow one another, the first of them `last`: transaction and log index. Returns
/// those of the last event.
pub(super) fn check_events(
    chain_id: u64,
    mut last: Option<(u32, u32)>,
    events: &[EventRecord],
) -> Result<Option<(u32, u32)>, ApplyError> {
    for record in events {
        let (tx_index, log_index) = (record.tx_index, record.log_index);
        if record.pool.chain_id != chain_id {
            return Err(ApplyError::ForeignPool { log_index, pool: record.pool });
        }
        if let Some((last_tx, previous)) = last
            && (log_index <= previous || tx_index < last_tx)
        {
            return Err(ApplyError::EventsOutOfOrder { log_index, previous });
        }
        last = Some((tx_index, log_index));
    }
    Ok(last)
}

const fn record_number(run: &BlockRun) -> u64 {
    run.undo.block.number
}

pub(super) fn evidence(
    block: BlockRef,
    record: &EventRecord,
    before: crate::SwapState52,
    transition: &Transition,
) -> Option<Arc<Evidence>> {
    let divergence = transition.divergence?;
    Some(Arc::new(Evidence {
        block,
        log_index: record.log_index,
        event: record.event,
        before,
        divergence,
    }))
}

/// Whether a creation event is that of a whitelisted pool. A V2 fork's fee is the whitelist's to say, and so is which V3
/// fork a factory not known belongs to.
pub(super) fn is_same_pool(held: &PoolStatic, created: &PoolStatic) -> bool {
    let is_same_fork = held.protocol == created.protocol
        || (held.protocol, created.protocol) == (Protocol::PancakeV3, Protocol::UniswapV3);
    is_same_fork
        && held.token0 == created.token0
        && held.token1 == created.token1
        && held.tick_spacing == created.tick_spacing
        && held.hooks == created.hooks
        && (held.fee_pips == created.fee_pips || held.protocol == Protocol::UniswapV2)
        && (held.factory == created.factory || held.factory.is_zero())
}

impl Pool {
    /// Whether the pool can be created by the block: nothing is known of it, or that its PoolManager has it not yet.
    pub(super) fn is_expecting_creation(&self) -> bool {
        let is_v4 = self.statics().protocol == Protocol::UniswapV4;
        self.sync == Sync::Unsynced || (is_v4 && self.sync == Sync::Uninitialized)
    }

    /// The pool has just been created: its state is known from here on.
    pub(super) fn begin(&mut self, event: &PoolEvent, number: u64) {
        if self.sync == Sync::Unsynced {
            self.exact_from = number;
        }
        self.state.clear();
        self.previous = None;
        self.sync = match self.statics().protocol {
            Protocol::UniswapV2 => Sync::Synced,
            Protocol::UniswapV3 | Protocol::PancakeV3 | Protocol::UniswapV4 => Sync::Uninitialized,
        };
        self.initialize_v4(event);
    }
}
