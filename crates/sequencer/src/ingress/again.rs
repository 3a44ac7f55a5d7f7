//! The way back of transactions whose blocks left the chain.

use super::{EVICTED, Ingress, record};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, map::AddressMap};
use std::sync::{Arc, atomic::Ordering, mpsc};
use weir_primitives::{Conditions, DropCode, Fate, Transaction, TransactionStatus};
use weir_storage::{JournalError, JournalRecord};
use weir_txpool::{PoolTransaction, SenderState, TxPool};

/// Records appended together before their durability is waited for; far fewer than the journal's queue holds.
const JOURNAL_GROUP_RECORDS: usize = 1_024;

/// What became of transactions that went back to the pool.
#[derive(Debug, Default)]
pub(crate) struct Readmitted {
    /// Number of those that are back in the pool.
    pub(crate) returned: u64,
    /// Those that the pool refused, or that others drove out, with the reason.
    pub(crate) refused: Vec<(B256, Fate)>,
}

impl Ingress {
    /// As [`Self::ended`], for many, and durably: a restart does not bring them back.
    pub(crate) fn all_ended(&self, hashes: &[B256], fate: &Fate) -> Result<(), JournalError> {
        let mut records = Vec::with_capacity(hashes.len());
        for hash in hashes {
            self.drops.record_with(*hash, fate.clone(), |kept| records.push(record::fate(kept)));
        }
        self.append_all(records.into_iter())?;
        let status = TransactionStatus::from(fate.clone());
        self.chain.statuses().tell(hashes.iter().map(|hash| (*hash, status.clone())));
        Ok(())
    }

    /// Makes transactions durable again whose blocks are about to leave the chain.
    /// Each comes with the conditions that it was sent with, as far as they are known.
    pub(crate) fn journal_again<'a>(
        &self,
        transactions: impl Iterator<Item = (&'a Transaction, Address, Option<Arc<Conditions>>)>,
    ) -> Result<(), JournalError> {
        self.append_all(transactions.map(|(transaction, sender, conditions)| {
            record::transaction(&transaction.encoded_2718(), sender, conditions.as_deref())
        }))
    }

    /// Appends records and waits until all of them are durable.
    fn append_all(&self, records: impl Iterator<Item = JournalRecord>) -> Result<(), JournalError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let (answer, answers) = mpsc::channel::<Result<(), JournalError>>();
        let mut waiting = 0;
        let wait = |waiting: &mut usize| -> Result<(), JournalError> {
            while *waiting > 0 {
                answers.recv().map_err(|_| JournalError::Closed)??;
                *waiting -= 1;
            }
            Ok(())
        };
        for record in records {
            let answer = answer.clone();
            let on_durable = Box::new(move |result| {
                // The one who waits may have met an earlier error.
                let _ = answer.send(result);
            });
            journal.append(record, on_durable)?;
            waiting += 1;
            if waiting == JOURNAL_GROUP_RECORDS {
                wait(&mut waiting)?;
            }
        }
        wait(&mut waiting)
    }

    /// Puts transactions back into the pool whose blocks left the chain; their order of arrival begins anew.
    /// `conditions` are those that a transaction was sent with, `accounts` those of their senders.
    pub(crate) fn readmit(
        &self,
        pool: &mut TxPool,
        transactions: impl IntoIterator<Item = (Arc<Transaction>, Address)>,
        conditions: impl Fn(&B256) -> Option<Arc<Conditions>>,
        accounts: &AddressMap<SenderState>,
    ) -> Readmitted {
        let mut readmitted = Readmitted::default();
        for (transaction, sender) in transactions {
            let arrival = self.arrivals.fetch_add(1, Ordering::Relaxed);
            let now = self.drops.clock().unix_seconds();
            let transaction = PoolTransaction::new(transaction, sender, arrival).at(now);
            let hash = transaction.hash;
            let transaction = transaction.under(conditions(&hash));
            let state = accounts.get(&sender).copied().unwrap_or_default();
            let refused = &mut readmitted.refused;
            match pool.add(transaction, &state) {
                Ok(added) => {
                    self.drops.forget(&hash);
                    readmitted.returned += 1;
                    let evicted = || Fate::dropped(DropCode::Evicted, EVICTED);
                    refused.extend(added.evicted.into_iter().map(|out| (out, evicted())));
                    let replaced = added.replaced;
                    refused.extend(replaced.map(|out| (out, Fate::Replaced { by: hash })));
                }
                Err(error) => {
                    let reason = format!("not returned to the pool: {error}");
                    refused.push((hash, Fate::dropped(DropCode::Reorged, reason)));
                }
            }
        }
        readmitted
    }
}
