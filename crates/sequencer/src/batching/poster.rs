//! Signing, sending and following the entries of the outbox: the steps of the driver that talk to L1.

use super::{
    Attempt, BatchError, OutboxEntry, RecordedInclusion,
    driver::{BatchDriver, blocking},
    outbox::L1Identity,
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Bytes, U256};
use weir_follower::{
    Fees, InclusionState, InclusionTracker, L1Transaction, NextAction, Position, SendOutcome,
    SignedTransaction, TransactionSender,
};
use weir_runtime::Clock;
use weir_storage::CrashPoint;

/// Transactions that are signed and not included at a time: geth guarantees a sender 16 slots of 32 KiB in its pool, and a
/// full payload takes four of them.
const IN_FLIGHT_MAX: usize = 4;
/// Signatures of one payload: after the last raise the fees have grown 2.6-fold, or to what the node suggests.
const ATTEMPTS_MAX: usize = 10;
/// Gas of any transaction (Yellow Paper).
const TRANSACTION_GAS: u64 = 21_000;
/// Gas of a calldata token at the floor (EIP-7623); a zero byte is one token, another byte four.
const FLOOR_TOKEN_GAS: u64 = 10;

/// The gas limit of a transaction that only carries calldata. The floor is above the ordinary price, so it is enough
/// before Prague, too.
fn calldata_gas(payload: &[u8]) -> u64 {
    let zeros = payload.iter().filter(|byte| **byte == 0).count() as u64;
    let tokens = zeros + 4 * (payload.len() as u64 - zeros);
    TRANSACTION_GAS + FLOOR_TOKEN_GAS * tokens
}

impl<C: Clock> BatchDriver<C> {
    /// Connects once: learns the chain id, and makes sure that L1 is the chain it was before.
    pub(super) async fn connect(&mut self) -> Result<(), BatchError> {
        if self.sender.is_some() && !self.is_signer_changed() {
            return Ok(());
        }
        let signer = self.present_signer();
        let sender = TransactionSender::new(self.client.clone(), signer).await?;
        let genesis = self.client.reference(BlockNumberOrTag::Number(0)).await?;
        let genesis_hash = genesis.map(|genesis| genesis.hash).unwrap_or_default();
        let found = L1Identity { chain_id: sender.chain_id(), genesis_hash };
        let expected = self.outbox().l1();
        if expected != Some(found) {
            if let Some(expected) = expected
                && !self.config.is_reposted_on_new_l1
            {
                return Err(BatchError::ForeignL1 {
                    expected_chain: expected.chain_id,
                    expected_genesis: expected.genesis_hash,
                    found_chain: found.chain_id,
                    found_genesis: found.genesis_hash,
                });
            }
            if expected.is_some() {
                tracing::warn!(chain_id = found.chain_id, genesis = %found.genesis_hash, "L1 is new: batches begin again");
            }
            self.with_outbox(move |outbox| outbox.begin_on(found)).await?;
            self.trackers.clear();
            self.restart_collector()?;
        }
        self.sender = Some(sender);
        Ok(())
    }

    /// The sender, once [`connect`](Self::connect) succeeded.
    fn sender(&self) -> &TransactionSender {
        self.sender.as_ref().expect("every step that sends comes after `connect`")
    }

    /// Signs the next payloads and writes the attempts, before anything is sent.
    pub(super) async fn sign(&mut self) -> Result<(), BatchError> {
        loop {
            let entries = self.outbox().entries();
            let in_flight = entries.iter().filter(|entry| entry.is_in_flight()).count();
            let unsigned =
                entries.iter().find(|entry| entry.attempts.is_empty() && entry.inclusion.is_none());
            let (Some(entry), true) = (unsigned.cloned(), in_flight < IN_FLIGHT_MAX) else {
                return Ok(());
            };
            let account_nonce = self.sender().next_nonce().await?;
            let used = self.outbox().next_nonce(self.sender().address());
            let nonce = used.unwrap_or(0).max(account_nonce);
            let fees = self.client.fees().await?;
            self.attempt(entry, nonce, fees).await?;
        }
    }

    /// Signs an entry with this nonce and these fees, and writes it.
    async fn attempt(
        &mut self,
        mut entry: OutboxEntry,
        nonce: u64,
        fees: Fees,
    ) -> Result<(), BatchError> {
        let request = L1Transaction {
            nonce,
            to: self.config.inbox,
            value: U256::ZERO,
            gas_limit: calldata_gas(&entry.payload),
            input: entry.payload.clone(),
        };
        let signed = self.sender().sign(&request, fees).await?;
        entry.attempts.push(Attempt {
            hash: signed.hash,
            nonce,
            max_fee_per_gas: fees.max_fee_per_gas,
            max_priority_fee_per_gas: fees.max_priority_fee_per_gas,
        });
        entry.raw = signed.raw;
        self.with_outbox(move |outbox| outbox.update(entry)).await
    }

    /// Sends what is signed and was not sent since this process began, oldest first.
    pub(super) async fn send(&mut self) -> Result<(), BatchError> {
        let unsent: Vec<_> = self
            .outbox()
            .entries()
            .iter()
            .filter(|entry| entry.is_in_flight() && !self.trackers.contains_key(&entry.sequence))
            .cloned()
            .collect();
        for entry in unsent {
            self.send_newest(&entry).await?;
            let Some(attempt) = entry.newest() else { continue };
            let tracker =
                InclusionTracker::new(self.config.inclusion(), attempt.nonce, self.now_ms());
            self.trackers.insert(entry.sequence, tracker);
        }
        Ok(())
    }

    async fn send_newest(&self, entry: &OutboxEntry) -> Result<(), BatchError> {
        let Some(attempt) = entry.newest() else { return Ok(()) };
        let signed = SignedTransaction { raw: entry.raw.clone(), hash: attempt.hash };
        CrashPoint::BatchSend.pass();
        let outcome = self.sender().send(&signed).await?;
        CrashPoint::BatchSent.pass();
        metrics::counter!("weir_batch_sent_total").increment(1);
        // Whatever the node says, the receipts of our hashes decide; see `track`.
        let level_is_info = matches!(outcome, SendOutcome::Accepted);
        if level_is_info {
            tracing::info!(
                hash = %attempt.hash, nonce = attempt.nonce, first = entry.first_block,
                last = entry.last_block, bytes = entry.bytes, "batch sent"
            );
        } else {
            tracing::warn!(hash = %attempt.hash, nonce = attempt.nonce, ?outcome, "batch sent again");
        }
        Ok(())
    }

    /// Looks what became of everything that is not final, and does what is needed.
    pub(super) async fn track(&mut self) -> Result<(), BatchError> {
        let open: Vec<_> = self
            .outbox()
            .entries()
            .iter()
            .filter(|entry| !entry.attempts.is_empty() && !entry.is_final())
            .cloned()
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let position = self.sender().position().await?;
        for entry in open {
            let is_due = entry.inclusion.is_none_or(|inclusion| {
                position.head_number + 1 >= inclusion.block_number + self.config.confirmations
            });
            if is_due {
                self.track_one(entry, position).await?;
            }
        }
        Ok(())
    }

    async fn track_one(
        &mut self,
        mut entry: OutboxEntry,
        position: Position,
    ) -> Result<(), BatchError> {
        let now_ms = self.now_ms();
        let (config, sequence) = (self.config.inclusion(), entry.sequence);
        let Some(attempt) = entry.newest().copied() else { return Ok(()) };
        let position = self.position_of(&entry, position).await?;
        let seen = self.sender().observe(position, &entry.hashes(), now_ms).await?;
        let tracker = self
            .trackers
            .entry(sequence)
            .or_insert_with(|| InclusionTracker::new(config, attempt.nonce, now_ms));
        let action = tracker.observe(seen);
        let inclusion = match tracker.state() {
            InclusionState::Included { inclusion, .. } => Some((inclusion, false)),
            InclusionState::Confirmed(inclusion) | InclusionState::Reverted(inclusion) => {
                Some((inclusion, true))
            }
            InclusionState::Pending | InclusionState::Dropped | InclusionState::Replaced { .. } => {
                None
            }
        };
        let recorded =
            inclusion.map(|(inclusion, is_final)| RecordedInclusion::new(&inclusion, is_final));
        if recorded != entry.inclusion {
            self.note_change(&entry, recorded.as_ref());
            entry.inclusion = recorded;
            if entry.is_final() {
                (entry.payload, entry.raw) = (Bytes::new(), Bytes::new());
                self.trackers.remove(&sequence);
            }
            let updated = entry.clone();
            self.with_outbox(move |outbox| outbox.update(updated)).await?;
        }
        self.act(entry, attempt, action).await
    }

    /// Where the account stands that signed for an entry: ours, or that of a key before.
    async fn position_of(
        &self,
        entry: &OutboxEntry,
        ours: Position,
    ) -> Result<Position, BatchError> {
        match entry.sender() {
            Some(sender) if sender != self.sender().address() => {
                let account_nonce = self.client.nonce(sender, BlockNumberOrTag::Latest).await?;
                Ok(Position { account_nonce, ..ours })
            }
            _ => Ok(ours),
        }
    }

    async fn act(
        &mut self,
        entry: OutboxEntry,
        attempt: Attempt,
        action: NextAction,
    ) -> Result<(), BatchError> {
        let (sequence, now_ms) = (entry.sequence, self.now_ms());
        // Only the key that signed first can raise the fees of its transaction.
        let is_ours = entry.sender() == Some(self.sender().address());
        match action {
            NextAction::Bump if !is_ours => {
                tracing::warn!(nonce = attempt.nonce, "batch of the key before is stuck");
                self.renew(entry).await?;
            }
            NextAction::Wait | NextAction::Done => {}
            NextAction::Resend => {
                self.send_newest(&entry).await?;
                if let Some(tracker) = self.trackers.get_mut(&sequence) {
                    tracker.note_resent(now_ms);
                }
            }
            NextAction::Bump if entry.attempts.len() < ATTEMPTS_MAX => {
                metrics::counter!("weir_batch_fee_raises_total").increment(1);
                let fees = attempt.fees().bumped().max(self.client.fees().await?);
                self.attempt(entry, attempt.nonce, fees).await?;
                let raised = self.outbox().entries().iter().find(|e| e.sequence == sequence);
                if let Some(raised) = raised.cloned() {
                    self.send_newest(&raised).await?;
                }
                if let Some(tracker) = self.trackers.get_mut(&sequence) {
                    tracker.note_bumped(now_ms);
                }
            }
            NextAction::Bump => {
                tracing::error!(
                    nonce = attempt.nonce,
                    attempts = ATTEMPTS_MAX,
                    "batch is stuck: fees are not raised further"
                );
                self.send_newest(&entry).await?;
                if let Some(tracker) = self.trackers.get_mut(&sequence) {
                    tracker.note_bumped(now_ms);
                }
            }
            NextAction::Renew => {
                tracing::warn!(
                    nonce = attempt.nonce,
                    "another transaction of the batcher's key used the nonce"
                );
                metrics::counter!("weir_batch_nonces_lost_total").increment(1);
                self.renew(entry).await?;
            }
        }
        Ok(())
    }

    /// Forgets what was signed for an entry, so that it is signed again with the next nonce.
    async fn renew(&mut self, mut entry: OutboxEntry) -> Result<(), BatchError> {
        (entry.attempts, entry.raw) = (Vec::new(), Bytes::new());
        self.trackers.remove(&entry.sequence);
        self.with_outbox(move |outbox| outbox.update(entry)).await
    }

    fn note_change(&self, entry: &OutboxEntry, now: Option<&RecordedInclusion>) {
        match (entry.inclusion, now) {
            (Some(before), None) => {
                metrics::counter!("weir_batch_reorged_total").increment(1);
                tracing::warn!(hash = %before.transaction_hash, l1_block = before.block_number, "batch left L1 by a reorg");
            }
            (None, Some(now)) => {
                metrics::counter!("weir_batch_included_total").increment(1);
                metrics::counter!("weir_batch_included_bytes_total").increment(entry.bytes);
                tracing::info!(
                    hash = %now.transaction_hash, l1_block = now.block_number,
                    first = entry.first_block, last = entry.last_block, "batch included"
                );
            }
            _ => {}
        }
    }

    /// Runs a change of the outbox where it may block.
    pub(super) async fn with_outbox<T: Send + 'static>(
        &mut self,
        change: impl FnOnce(&mut super::Outbox) -> Result<T, BatchError> + Send + 'static,
    ) -> Result<T, BatchError> {
        let mut outbox = self.outbox.take().ok_or(BatchError::Panicked)?;
        let (outbox, result) = blocking(move || {
            let result = change(&mut outbox);
            (outbox, result)
        })
        .await?;
        self.outbox = Some(outbox);
        self.publish();
        result
    }
}
