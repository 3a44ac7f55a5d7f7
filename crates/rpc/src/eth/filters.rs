//! Filters: subscriptions for clients that can only poll.

use super::{
    LogCriteria,
    logs::{criteria, find_logs, update_logs},
};
use crate::{
    api::Api,
    args::Args,
    backend::{PendingTransactions, UpdateReceiver},
    error::RpcError,
    json::{Answer, Json},
    txpool::wire,
};
use alloy_primitives::{B128, B256, map::HashMap};
use parking_lot::Mutex;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

/// What a filter collects between polls. Each holds a place in a shared ring, no copy of the events.
enum Filter {
    Logs { criteria: Box<LogCriteria>, updates: UpdateReceiver },
    Blocks { updates: UpdateReceiver },
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
            // A filter that is locked is being polled, so it is not old.
            entries.retain(|_, entry| entry.try_lock().is_none_or(|entry| self.is_live(&entry)));
        }
        if entries.len() >= self.capacity {
            let limit = self.capacity;
            return Err(RpcError::limit(format!("too many filters: limit={limit}")));
        }
        let id = B128::random();
        entries.insert(id, Arc::new(Mutex::new(Entry { filter, polled: Instant::now() })));
        Json::of(&id)
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
    api.filters.insert(Filter::Logs { criteria, updates: api.chain().subscribe_updates() })
}

/// `eth_newBlockFilter`.
pub(crate) fn new_block_filter(api: &Api, _: &Args<'_>) -> Answer {
    api.filters.insert(Filter::Blocks { updates: api.chain().subscribe_updates() })
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

/// `eth_getFilterChanges`: everything since the last poll. A filter that fell out of the ring is gone, and says so.
pub(crate) fn filter_changes(api: &Api, args: &Args<'_>) -> Answer {
    let id = id(args)?;
    let answer = api.filters.with(&id, Filter::poll);
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
    fn poll(&mut self) -> Answer {
        match self {
            Self::Logs { criteria, updates } => {
                let updates = drain(updates)?;
                let logs = updates.iter().flat_map(|update| update_logs(update, criteria));
                Json::of(&logs.collect::<Vec<_>>())
            }
            Self::Blocks { updates } => {
                let updates = drain(updates)?;
                let segments = updates.iter().filter_map(|update| update.new());
                let blocks = segments.flat_map(|segment| segment.blocks());
                Json::of(&blocks.map(|block| block.block.hash()).collect::<Vec<_>>())
            }
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
