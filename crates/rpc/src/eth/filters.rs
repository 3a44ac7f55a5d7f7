//! Filters: subscriptions for clients that can only poll.

use super::{
    LogCriteria,
    cursor::Cursor,
    logs::{collect, criteria, find_logs},
};
use crate::{
    api::Api,
    args::Args,
    backend::PendingTransactions,
    error::{PRUNED_HISTORY, RpcError},
    json::{Answer, Json},
    txpool::wire,
    wire::WireLog,
};
use alloy_primitives::{B128, B256, map::HashMap};
use parking_lot::Mutex;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

/// What a filter collects between polls: a place on the chain, or one in the ring of pooled transactions. No copy of
/// the events, and no block.
enum Filter {
    Logs { criteria: Box<LogCriteria>, cursor: Cursor },
    Blocks { cursor: Cursor },
    Pending { transactions: PendingTransactions, is_full: bool },
}

struct Entry {
    filter: Filter,
    polled: Instant,
}

/// The filters of all clients, by id.
pub(crate) struct FilterStore {
    entries: Mutex<HashMap<B128, Arc<Mutex<Entry>>>>,
    capacity: usize,
    timeout: Duration,
}

impl FilterStore {
    pub(crate) fn new(capacity: usize, timeout: Duration) -> Self {
        Self { entries: Mutex::default(), capacity, timeout }
    }

    fn insert(&self, filter: Filter) -> Answer {
        let mut entries = self.entries.lock();
        if entries.len() >= self.capacity {
            self.retain_live(&mut entries);
        }
        if entries.len() >= self.capacity {
            let limit = self.capacity;
            return Err(RpcError::limit(format!("too many filters: limit={limit}")));
        }
        let id = B128::random();
        entries.insert(id, Arc::new(Mutex::new(Entry { filter, polled: Instant::now() })));
        Json::of(&id)
    }

    /// Forgets the filters nobody polls any more.
    pub(crate) fn sweep(&self) {
        self.retain_live(&mut self.entries.lock());
    }

    fn retain_live(&self, entries: &mut HashMap<B128, Arc<Mutex<Entry>>>) {
        // A filter that is locked is being polled, so it is not old.
        entries.retain(|_, entry| entry.try_lock().is_none_or(|entry| self.is_live(&entry)));
    }

    fn is_live(&self, entry: &Entry) -> bool {
        entry.polled.elapsed() < self.timeout
    }

    /// Works on one filter, without keeping callers of other filters waiting.
    fn with<T>(
        &self,
        id: &B128,
        work: impl FnOnce(&mut Filter) -> Result<T, RpcError>,
    ) -> Result<T, RpcError> {
        let entry = self.entries.lock().get(id).cloned().ok_or_else(not_found)?;
        let mut entry = entry.lock();
        if !self.is_live(&entry) {
            self.remove(id);
            return Err(not_found());
        }
        entry.polled = Instant::now();
        work(&mut entry.filter)
    }

    fn remove(&self, id: &B128) -> bool {
        self.entries.lock().remove(id).is_some()
    }
}

fn not_found() -> RpcError {
    RpcError::server("filter not found")
}

fn id(args: &Args<'_>) -> Result<B128, RpcError> {
    // An id we never gave out is not a malformed call.
    args.string(0)?.parse().map_err(|_| not_found())
}

/// `eth_newFilter`.
pub(crate) fn new_filter(api: &Api, args: &Args<'_>) -> Answer {
    let criteria = Box::new(criteria(args)?);
    api.filters.insert(Filter::Logs { criteria, cursor: Cursor::at_head(api.chain())? })
}

/// `eth_newBlockFilter`.
pub(crate) fn new_block_filter(api: &Api, _: &Args<'_>) -> Answer {
    api.filters.insert(Filter::Blocks { cursor: Cursor::at_head(api.chain())? })
}

/// `eth_newPendingTransactionFilter`.
pub(crate) fn new_pending_filter(api: &Api, args: &Args<'_>) -> Answer {
    let is_full = args.flag(0)?;
    let transactions = api.chain().subscribe_pending();
    api.filters.insert(Filter::Pending { transactions, is_full })
}

/// `eth_uninstallFilter`.
pub(crate) fn uninstall_filter(api: &Api, args: &Args<'_>) -> Answer {
    Json::of(&id(args).is_ok_and(|id| api.filters.remove(&id)))
}

/// `eth_getFilterChanges`: what is new since the last poll, up to the limits of `eth_getLogs`; the rest comes with the
/// next one. A filter that cannot go on is gone, and says so.
pub(crate) fn filter_changes(api: &Api, args: &Args<'_>) -> Answer {
    let id = id(args)?;
    let answer = api.filters.with(&id, |filter| filter.poll(api));
    if answer.is_err() {
        api.filters.remove(&id);
    }
    answer
}

/// `eth_getFilterLogs`: everything a log filter matches, from the start.
pub(crate) fn filter_logs(api: &Api, args: &Args<'_>) -> Answer {
    let criteria = api.filters.with(&id(args)?, |filter| match filter {
        Filter::Logs { criteria, .. } => Ok(criteria.clone()),
        Filter::Blocks { .. } | Filter::Pending { .. } => Err(not_found()),
    })?;
    Json::of(&find_logs(api, &criteria)?)
}

impl Filter {
    fn poll(&mut self, api: &Api) -> Answer {
        match self {
            Self::Logs { criteria, cursor } => Json::of(&new_logs(api, criteria, cursor)?),
            Self::Blocks { cursor } => Json::of(&new_blocks(api, cursor)?),
            Self::Pending { transactions, is_full } => {
                let pooled = drain(transactions)?;
                if *is_full {
                    return Json::of(&pooled.iter().map(wire).collect::<Vec<_>>());
                }
                Json::of(&pooled.iter().map(|pooled| pooled.hash).collect::<Vec<B256>>())
            }
        }
    }
}

/// Hashes of the canonical blocks behind the cursor.
fn new_blocks(api: &Api, cursor: &mut Cursor) -> Result<Vec<B256>, RpcError> {
    cursor.rewind(api.chain())?;
    let mut hashes = Vec::new();
    for _ in 0..api.config.logs_blocks_max {
        let Some(header) = cursor.advance(api.chain())? else { break };
        hashes.push(header.hash());
    }
    Ok(hashes)
}

/// The matching logs that were taken back, as far as their blocks are still kept, and then those behind the cursor.
fn new_logs(
    api: &Api,
    criteria: &LogCriteria,
    cursor: &mut Cursor,
) -> Result<Vec<WireLog>, RpcError> {
    let chain = api.chain();
    let mut found = Vec::new();
    for hash in cursor.rewind(chain)? {
        if let Some(block) = chain.block_by_hash(&hash)? {
            collect(&block, criteria, true, &mut found);
        }
    }
    for _ in 0..api.config.logs_blocks_max {
        if found.len() >= api.config.logs_results_max {
            break;
        }
        let Some(header) = cursor.advance(chain)? else { break };
        if !criteria.may_match(&header.logs_bloom) {
            continue;
        }
        let Some(block) = chain.block_by_hash(&header.hash())? else {
            if cursor.is_canonical(chain)? {
                let message = format!("block is pruned: block={}", header.number);
                return Err(RpcError::new(PRUNED_HISTORY, message));
            }
            // It was replaced just now; the next poll goes back.
            break;
        };
        collect(&block, criteria, false, &mut found);
    }
    Ok(found)
}

/// Everything a receiver has.
fn drain<T: Clone>(receiver: &mut Receiver<T>) -> Result<Vec<T>, RpcError> {
    let mut items = Vec::new();
    loop {
        match receiver.try_recv() {
            Ok(item) => items.push(item),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(items),
            Err(TryRecvError::Lagged(missed)) => {
                return Err(RpcError::server(format!(
                    "filter fell behind and was removed: missed={missed}, install it again"
                )));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_polls_is_swept() {
        let pending = || {
            let (_, transactions) = tokio::sync::broadcast::channel(1);
            Filter::Pending { transactions, is_full: false }
        };
        let kept = FilterStore::new(9, Duration::MAX);
        kept.insert(pending()).unwrap();
        kept.sweep();
        assert_eq!(kept.entries.lock().len(), 1);
        let abandoned = FilterStore::new(9, Duration::ZERO);
        abandoned.insert(pending()).unwrap();
        abandoned.sweep();
        assert!(abandoned.entries.lock().is_empty());
    }
}
