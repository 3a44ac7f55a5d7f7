//! From sent to final: what a transaction needs next.

use crate::Inclusion;

/// When to be satisfied, and when to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InclusionConfig {
    /// Blocks, the including one counted, after which an inclusion is taken for certain.
    pub confirmations: u64,
    /// Milliseconds without inclusion after which the fees are raised, if the chain has grown meanwhile: a chain that
    /// stands still does not want higher fees.
    pub deadline_ms: u64,
    /// Milliseconds after which a transaction that the node has forgotten is sent again.
    pub resend_ms: u64,
}

/// What was seen of one nonce at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Number of the chain's head.
    pub head_number: u64,
    /// The sender's nonce after the head, read before the receipts.
    pub account_nonce: u64,
    /// The inclusion of one of the attempts, if any.
    pub inclusion: Option<Inclusion>,
    /// Whether the node knows one of the attempts at all.
    pub is_known: bool,
    /// Now, in the caller's milliseconds.
    pub now_ms: u64,
}

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InclusionState {
    /// The node has it, and no block does.
    Pending,
    /// Neither the node's pool nor a block has it.
    Dropped,
    /// A block has it, with this many confirmations, the block itself counted.
    Included {
        /// Where.
        inclusion: Inclusion,
        /// Confirmations so far.
        confirmations: u64,
    },
    /// It is included with enough confirmations.
    Confirmed(Inclusion),
    /// It is included with enough confirmations, and its execution reverted.
    Reverted(Inclusion),
    /// Another transaction of this nonce is in the chain since this block; ours can no longer be.
    Replaced {
        /// Head at which it was first noticed.
        since_block: u64,
    },
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextAction {
    /// Look again later.
    Wait,
    /// Send the same bytes again.
    Resend,
    /// Sign the same nonce with higher fees ([`Fees::bumped`](crate::Fees::bumped)), and send that.
    Bump,
    /// Nothing more: it is certain.
    Done,
    /// The nonce is lost to another transaction for certain: sign the payload anew with a fresh nonce.
    Renew,
}

/// The state machine of one nonce. It does no I/O: the caller observes and acts.
///
/// Pending → Included → Confirmed or Reverted; Included → Pending after a reorg; Pending ↔ Dropped; → Replaced.
#[derive(Debug, Clone)]
pub struct InclusionTracker {
    config: InclusionConfig,
    nonce: u64,
    sent_at_ms: u64,
    priced_at_ms: u64,
    /// Head at the first observation since the fees were set: without a block since then, they were not tried.
    priced_at_block: Option<u64>,
    state: InclusionState,
}

impl InclusionTracker {
    /// Tracks `nonce`, whose newest attempt was sent (or found after a restart) now.
    pub const fn new(config: InclusionConfig, nonce: u64, now_ms: u64) -> Self {
        let state = InclusionState::Pending;
        Self {
            config,
            nonce,
            sent_at_ms: now_ms,
            priced_at_ms: now_ms,
            priced_at_block: None,
            state,
        }
    }

    /// Where the transaction stands after the last observation.
    pub const fn state(&self) -> InclusionState {
        self.state
    }

    /// Notes that the same bytes were sent again.
    pub const fn note_resent(&mut self, now_ms: u64) {
        self.sent_at_ms = now_ms;
    }

    /// Notes that a new attempt with higher fees was sent.
    pub const fn note_bumped(&mut self, now_ms: u64) {
        self.sent_at_ms = now_ms;
        self.priced_at_ms = now_ms;
        self.priced_at_block = None;
    }

    /// Takes an observation and says what to do.
    pub fn observe(&mut self, seen: Observation) -> NextAction {
        self.state = self.next_state(&seen);
        let priced_at_block = *self.priced_at_block.get_or_insert(seen.head_number);
        let is_late = seen.now_ms >= self.priced_at_ms.saturating_add(self.config.deadline_ms)
            && seen.head_number > priced_at_block;
        match self.state {
            InclusionState::Confirmed(_) | InclusionState::Reverted(_) => NextAction::Done,
            InclusionState::Included { .. } => {
                // If a reorg takes it out again, its time starts anew.
                self.note_bumped(seen.now_ms);
                NextAction::Wait
            }
            InclusionState::Replaced { since_block } => {
                let is_certain =
                    confirmations(seen.head_number, since_block) >= self.config.confirmations;
                if is_certain { NextAction::Renew } else { NextAction::Wait }
            }
            InclusionState::Pending | InclusionState::Dropped if is_late => NextAction::Bump,
            InclusionState::Dropped
                if seen.now_ms >= self.sent_at_ms.saturating_add(self.config.resend_ms) =>
            {
                NextAction::Resend
            }
            InclusionState::Pending | InclusionState::Dropped => NextAction::Wait,
        }
    }

    fn next_state(&self, seen: &Observation) -> InclusionState {
        if let Some(inclusion) = seen.inclusion {
            let confirmations = confirmations(seen.head_number, inclusion.block_number);
            return match (confirmations >= self.config.confirmations, inclusion.is_success) {
                (false, _) => InclusionState::Included { inclusion, confirmations },
                (true, true) => InclusionState::Confirmed(inclusion),
                (true, false) => InclusionState::Reverted(inclusion),
            };
        }
        if seen.account_nonce > self.nonce {
            let since_block = match self.state {
                InclusionState::Replaced { since_block } => since_block.min(seen.head_number),
                _ => seen.head_number,
            };
            return InclusionState::Replaced { since_block };
        }
        if seen.is_known { InclusionState::Pending } else { InclusionState::Dropped }
    }
}

/// The including block counts as one. A node whose head is behind the inclusion it reported has none to offer yet.
const fn confirmations(head: u64, block: u64) -> u64 {
    match head.checked_sub(block) {
        Some(above) => above + 1,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    const CONFIG: InclusionConfig =
        InclusionConfig { confirmations: 3, deadline_ms: 60_000, resend_ms: 5_000 };
    const NONCE: u64 = 9;

    fn tracker() -> InclusionTracker {
        InclusionTracker::new(CONFIG, NONCE, 0)
    }

    fn seen(now_ms: u64) -> Observation {
        Observation {
            head_number: 100,
            account_nonce: NONCE,
            inclusion: None,
            is_known: true,
            now_ms,
        }
    }

    fn included(block_number: u64, is_success: bool) -> Option<Inclusion> {
        Some(Inclusion {
            transaction_hash: B256::repeat_byte(1),
            block_number,
            block_hash: B256::repeat_byte(2),
            is_success,
            gas_used: 21_000,
            effective_gas_price_wei: 1,
        })
    }

    #[test]
    fn an_inclusion_is_done_after_the_confirmations() {
        let mut tracker = tracker();
        assert_eq!(tracker.observe(seen(1)), NextAction::Wait);
        assert_eq!(tracker.state(), InclusionState::Pending);
        for (head_number, action) in
            [(100, NextAction::Wait), (101, NextAction::Wait), (102, NextAction::Done)]
        {
            let at = Observation {
                head_number,
                account_nonce: NONCE + 1,
                inclusion: included(100, true),
                ..seen(2)
            };
            assert_eq!(tracker.observe(at), action, "head {head_number}");
        }
        assert!(matches!(tracker.state(), InclusionState::Confirmed(_)));
    }

    #[test]
    fn a_reverted_transaction_is_told_apart() {
        let mut tracker = tracker();
        let at = Observation { inclusion: included(98, false), ..seen(2) };
        assert_eq!(tracker.observe(at), NextAction::Done);
        assert!(matches!(tracker.state(), InclusionState::Reverted(_)));
    }

    #[test]
    fn a_reorg_makes_it_pending_again_and_it_is_sent_again() {
        let mut tracker = tracker();
        let at = Observation { inclusion: included(100, true), ..seen(70_000) };
        assert_eq!(tracker.observe(at), NextAction::Wait);
        let gone = Observation { is_known: false, ..seen(71_000) };
        assert_eq!(
            tracker.observe(gone),
            NextAction::Wait,
            "the node may still be sorting itself out"
        );
        assert_eq!(tracker.observe(Observation { now_ms: 75_000, ..gone }), NextAction::Resend);
        tracker.note_resent(75_000);
        assert_eq!(tracker.observe(Observation { now_ms: 75_001, ..gone }), NextAction::Wait);
    }

    #[test]
    fn a_late_transaction_is_bumped_once_a_deadline() {
        let mut tracker = tracker();
        let at = |head_number, now_ms| Observation { head_number, ..seen(now_ms) };
        assert_eq!(tracker.observe(at(100, 59_999)), NextAction::Wait);
        assert_eq!(tracker.observe(at(100, 60_000)), NextAction::Wait, "no block tried the fees");
        assert_eq!(tracker.observe(at(101, 60_000)), NextAction::Bump);
        tracker.note_bumped(60_000);
        assert_eq!(tracker.observe(at(102, 60_001)), NextAction::Wait);
        assert_eq!(tracker.observe(at(102, 120_000)), NextAction::Wait);
        assert_eq!(tracker.observe(at(103, 120_001)), NextAction::Bump);
    }

    #[test]
    fn a_nonce_taken_by_another_is_renewed_only_when_that_is_certain() {
        let mut tracker = tracker();
        let taken = |head_number| Observation {
            head_number,
            account_nonce: NONCE + 1,
            is_known: false,
            ..seen(1)
        };
        assert_eq!(tracker.observe(taken(100)), NextAction::Wait);
        assert_eq!(tracker.observe(taken(101)), NextAction::Wait);
        assert_eq!(tracker.observe(taken(102)), NextAction::Renew);
        // A receipt that turns up late ends the suspicion.
        let mut tracker = self::tracker();
        assert_eq!(tracker.observe(taken(100)), NextAction::Wait);
        let found = Observation { inclusion: included(99, true), ..taken(101) };
        assert_eq!(tracker.observe(found), NextAction::Done);
    }

    #[test]
    fn a_head_behind_the_inclusion_gives_no_confirmation() {
        let mut tracker = tracker();
        let at = Observation { head_number: 90, inclusion: included(100, true), ..seen(1) };
        assert_eq!(tracker.observe(at), NextAction::Wait);
        assert!(matches!(tracker.state(), InclusionState::Included { confirmations: 0, .. }));
    }
}
