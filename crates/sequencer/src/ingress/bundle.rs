//! The way of a bundle: as that of a transaction, and tried as a whole.

use super::{Ingress, IngressError, record, record::AcceptedBundle};
use crate::{
    bundles::{BundleEnd, Bundles},
    metrics,
    remembered::Kept,
};
use alloy_primitives::{B256, map::B256Map};
use parking_lot::MutexGuard;
use std::{
    ops::RangeInclusive,
    sync::{Arc, atomic::Ordering},
};
use tokio::sync::oneshot;
use weir_primitives::{DropCode, ExecutedBlock, Fate, StateError};
use weir_rpc::BundleRequest;
use weir_storage::{JournalError, JournalRecord};
use weir_txpool::{Bundle, BundleError, Leeway, PoolTransaction};

/// Blocks for which a bundle waits that names none (as op-rbuilder has it).
const BUNDLE_BLOCKS: u64 = 10;

/// Answers once a record is as durable as the journal promises.
type Durable = oneshot::Receiver<Result<(), JournalError>>;

impl Ingress {
    /// Accepts a bundle and returns its hash once it is as durable as the journal promises.
    ///
    /// # Errors
    /// If it is not accepted; a bundle that it was to replace stays then.
    pub async fn submit_bundle(&self, request: BundleRequest) -> Result<B256, IngressError> {
        self.check_open()?;
        let bundle = self.check_bundle(&request)?;
        let hash = bundle.hash;
        let durable = self.place_bundle(bundle)?;
        self.pool.ring_for_candidate();
        if let Err(error) = wait(durable).await {
            // What is in the open block already cannot be taken back: it is then in the block, which is durable itself.
            let mut bundles = self.bundles();
            if !bundles.is_tried(&hash)
                && let Some(bundle) = bundles.pool.remove(&hash)
            {
                let mut unjournalled = self.unjournalled.lock();
                for (transaction, _) in &bundle.transactions {
                    unjournalled.remove(&transaction.hash);
                }
            }
            return Err(error);
        }
        Ok(hash)
    }

    /// Takes back the bundle that its sender calls so, durably. Answers `false` if there is none, or if it is in the open block
    /// or being tried there.
    ///
    /// # Errors
    /// If that cannot be made durable.
    pub async fn cancel_bundle(&self, name: &str) -> Result<bool, IngressError> {
        let durable = {
            let mut bundles = self.bundles();
            let hash = bundles.pool.named(name).map(|bundle| bundle.hash);
            let Some(hash) = hash.filter(|hash| !bundles.is_tried(hash)) else { return Ok(false) };
            let end = left(DropCode::Removed, "cancelled by its sender");
            self.end_bundle(&mut bundles, hash, end)?
        };
        wait(durable).await?;
        Ok(true)
    }

    /// Takes a bundle out for the operator. Answers `false` if there is none, or if it is in the open block or being tried
    /// there.
    pub(crate) fn drop_bundle(&self, hash: B256, reason: &str) -> bool {
        let mut bundles = self.bundles();
        if bundles.pool.get(&hash).is_none() || bundles.is_tried(&hash) {
            return false;
        }
        self.end_bundle_or_log(&mut bundles, hash, left(DropCode::Removed, reason));
        true
    }

    /// The bundles, locked; hold it for microseconds.
    pub(crate) fn bundles(&self) -> MutexGuard<'_, Bundles> {
        self.bundles.lock()
    }

    /// Ends the bundles that a sealed block holds, and those that no later one can.
    pub(crate) fn settle_bundles(&self, block: &ExecutedBlock) {
        let mut bundles = self.bundles();
        if bundles.pool.is_empty() {
            return;
        }
        let header = block.block.header();
        let included = block.block.transactions().iter().map(|tx| *tx.tx_hash()).collect();
        let next = (header.number + 1, header.timestamp + 1);
        let ended = bundles.ended_by(&included, next, |hash| self.drops.is_quarantined(hash));
        for (hash, end) in ended {
            self.end_bundle_or_log(&mut bundles, hash, end);
        }
        metrics::bundles(bundles.pool.len());
    }

    /// Puts back what the journal holds of bundles.
    pub(super) fn restore_bundles(
        &self,
        accepted: &[AcceptedBundle<'_>],
        ends: Vec<Kept<BundleEnd>>,
    ) -> Result<(), IngressError> {
        let now = self.drops.clock().unix_seconds();
        let mut bundles = self.bundles();
        for kept in ends {
            bundles.end(kept, now);
        }
        let next = self.next_block();
        for journalled in accepted {
            let hash = journalled.hash;
            let end = match self.landed(journalled)? {
                Some(transaction) => BundleEnd::Landed { transaction },
                None => match self.journalled_bundle(journalled) {
                    Ok(bundle) => match bundles.pool.add(bundle, next) {
                        Ok(_) => continue,
                        Err(BundleError::Over { .. }) => {
                            left(DropCode::Expired, "no block took it")
                        }
                        Err(error) => left(DropCode::NotRestored, error),
                    },
                    Err(error) => left(DropCode::NotRestored, error),
                },
            };
            bundles.end(Kept { hash, at: now, end }, now);
        }
        Ok(())
    }

    /// The first of a bundle's transactions in the chain, if that holds the bundle.
    fn landed(&self, bundle: &AcceptedBundle<'_>) -> Result<Option<B256>, StateError> {
        let view = self.chain.view();
        let mut first = None;
        for transaction in &bundle.transactions {
            let is_there = view.snapshot().transaction_location(&transaction.hash)?.is_some();
            if is_there {
                first = first.or(Some(transaction.hash));
            } else if !transaction.leeway.may_drop {
                return Ok(None);
            }
        }
        Ok(first)
    }

    /// A bundle of the journal, its transactions decoded and checked again.
    fn journalled_bundle(&self, journalled: &AcceptedBundle<'_>) -> Result<Bundle, IngressError> {
        let transactions = journalled.transactions.iter().map(|one| {
            let arrival = self.arrivals.fetch_add(1, Ordering::Relaxed);
            let transaction = self.check_sent(self.decode(one.encoding)?, one.sender, arrival)?;
            Ok((Arc::new(transaction), one.leeway))
        });
        Ok(Bundle {
            hash: journalled.hash,
            transactions: transactions.collect::<Result<_, IngressError>>()?,
            blocks: journalled.blocks.clone(),
            timestamps: journalled.timestamps.clone(),
            replacement: journalled.replacement.map(str::to_owned),
            arrival: self.arrivals.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Decodes, recovers and checks everything that needs no state.
    fn check_bundle(&self, request: &BundleRequest) -> Result<Bundle, IngressError> {
        let bytes = request.transactions.iter().map(|raw| raw.len()).sum();
        BundleError::check_size(request.transactions.len(), bytes)?;
        let transactions = request.transactions.iter().map(|raw| self.check(raw));
        let transactions: Vec<PoolTransaction> = transactions.collect::<Result<_, _>>()?;
        let mut leeways: B256Map<Leeway> =
            transactions.iter().map(|one| (one.hash, Leeway::default())).collect();
        for (hashes, grant) in [
            (&request.may_revert, Leeway { may_revert: true, may_drop: false }),
            (&request.may_drop, Leeway { may_revert: false, may_drop: true }),
        ] {
            for hash in hashes {
                let leeway = leeways.get_mut(hash).ok_or(BundleError::Foreign { hash: *hash })?;
                leeway.may_revert |= grant.may_revert;
                leeway.may_drop |= grant.may_drop;
            }
        }
        let hash = Bundle::hash_of(transactions.iter().map(|one| &one.hash));
        let leeway = |one: PoolTransaction| {
            let leeway = leeways.get(&one.hash).copied().unwrap_or_default();
            (Arc::new(one), leeway)
        };
        Ok(Bundle {
            hash,
            transactions: transactions.into_iter().map(leeway).collect(),
            blocks: self.blocks_of(request),
            timestamps: request.timestamps.clone(),
            replacement: request.replacement.clone(),
            arrival: self.arrivals.fetch_add(1, Ordering::Relaxed),
        })
    }

    fn blocks_of(&self, request: &BundleRequest) -> RangeInclusive<u64> {
        let next = self.next_block();
        match (request.first_block, request.last_block) {
            (Some(first), None) => first..=first,
            (first, last) => first.unwrap_or(next)..=last.unwrap_or(next + BUNDLE_BLOCKS),
        }
    }

    fn next_block(&self) -> u64 {
        self.chain.view().heads().unsafe_head().number + 1
    }

    /// Adds a bundle and sends its record on the way before anybody can try it.
    fn place_bundle(&self, bundle: Bundle) -> Result<Option<Durable>, IngressError> {
        let next = self.next_block();
        let mut bundles = self.bundles();
        bundles.pool.check(&bundle, next)?;
        let hashes = bundle.transactions.iter().map(|(one, _)| one.hash).collect();
        let durable = self.append_bundle_record(record::bundle(&bundle), hashes)?;
        let hash = bundle.hash;
        let replaced = bundles.pool.add(bundle, next)?;
        bundles.ends.forget(&hash);
        for other in replaced.iter().filter(|other| other.hash != hash) {
            self.end_bundle(
                &mut bundles,
                other.hash,
                BundleEnd::Left(Fate::Replaced { by: hash }),
            )?;
        }
        Ok(durable)
    }

    /// Remembers how a bundle ended, also over a restart.
    fn end_bundle(
        &self,
        bundles: &mut Bundles,
        hash: B256,
        end: BundleEnd,
    ) -> Result<Option<Durable>, JournalError> {
        let now = self.drops.clock().unix_seconds();
        let kept = Kept { hash, at: now, end };
        let record = record::bundle_end(&kept);
        bundles.end(kept, now);
        self.append_bundle_record(record, Vec::new())
    }

    fn end_bundle_or_log(&self, bundles: &mut Bundles, hash: B256, end: BundleEnd) {
        if let Err(error) = self.end_bundle(bundles, hash, end) {
            tracing::error!(%error, %hash, "end of a bundle is not in the journal");
        }
    }

    /// Sends a record on the way that the open block may need for these transactions.
    fn append_bundle_record(
        &self,
        record: JournalRecord,
        hashes: Vec<B256>,
    ) -> Result<Option<Durable>, JournalError> {
        let Some(journal) = &self.journal else { return Ok(None) };
        let (answer, durable) = oneshot::channel();
        let unjournalled = Arc::clone(&self.unjournalled);
        let on_durable = Box::new(move |result: Result<(), JournalError>| {
            if result.is_err() {
                unjournalled.lock().extend(hashes);
            }
            // Often nobody waits.
            let _ = answer.send(result);
        });
        journal.append(record, on_durable)?;
        Ok(Some(durable))
    }
}

async fn wait(durable: Option<Durable>) -> Result<(), IngressError> {
    match durable {
        Some(durable) => Ok(durable.await.map_err(|_| IngressError::Stopping)??),
        None => Ok(()),
    }
}

fn left(code: DropCode, reason: impl ToString) -> BundleEnd {
    BundleEnd::Left(Fate::dropped(code, reason.to_string()))
}
