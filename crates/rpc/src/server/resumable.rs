//! Subscriptions of `weir_subscribe` to the chain and its pools: numbered, and resumed by a cursor.

use super::subscription::{Behind, Feed, PendingForm};
use crate::{
    api::Api,
    args::{Args, invalid},
    backend::{
        ChainBackend, GateView, OpportunityChangesView, PoolTransaction, PoolUpdatesView,
        UpdateReceiver,
    },
    error::{METHOD_NOT_FOUND, RpcError},
    eth::{LogCriteria, sync_status_view, update_logs},
    json::Json,
    streams::{Following, KeptUpdate, StreamCursor, Told, WireStep, removed_then_added},
    txpool::wire,
    weir::{PoolUpdatesFilter, pools},
    wire::WireHeader,
};
use alloy_primitives::B256;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use weir_primitives::{ChainUpdate, OpenUpdate};

/// Which notifications an update of the chain gives.
#[derive(Debug)]
enum UpdateForm {
    Heads,
    Logs(Box<LogCriteria>),
}

type UpdateStream = Following<Arc<ChainUpdate>, Arc<KeptUpdate>>;

enum Stream {
    Updates(UpdateForm, UpdateStream),
    Pending(PendingForm, Following<PoolTransaction, B256>),
    Steps(Following<Arc<OpenUpdate>, Arc<OpenUpdate>>),
    Pools(PoolUpdatesFilter, Following<Arc<PoolUpdatesView>, Arc<PoolUpdatesView>>),
    Opportunities(Following<Arc<OpportunityChangesView>, Arc<OpportunityChangesView>>),
    Gates(Following<Arc<GateView>, Arc<GateView>>),
    Syncing(UpdateReceiver),
}

/// A numbered subscription.
pub(super) struct Resumable {
    stream: Stream,
    epoch: u32,
    from: Option<StreamCursor>,
}

impl std::fmt::Debug for Resumable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resumable").field("from", &self.from).finish_non_exhaustive()
    }
}

/// The options that every kind has; a log filter stands beside them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    from: Option<String>,
    full_transactions: bool,
}

/// A header, and whether its block left the chain.
#[derive(Serialize)]
struct HeadEvent<'a> {
    removed: bool,
    #[serde(flatten)]
    head: WireHeader<'a>,
}

impl Resumable {
    /// Whether `kind` is one of these.
    pub(super) fn has(kind: &str) -> bool {
        let of_chain = ["newHeads", "logs", "newPendingTransactions", "steps", "syncing"];
        of_chain.contains(&kind) || Self::is_of_pools(kind)
    }

    fn is_of_pools(kind: &str) -> bool {
        ["poolUpdates", "opportunities", "gate"].contains(&kind)
    }

    /// As [`Self::parse`], of what the liquidity engine tells.
    fn parse_pools(api: &Api, kind: &str, args: &Args<'_>) -> Result<Self, RpcError> {
        let pools = pools(api)?;
        let filter: PoolUpdatesFilter = args.optional(1)?.unwrap_or_default();
        let from = cursor(filter.from.as_deref())?;
        let streams = &api.streams;
        streams.want_pools(pools);
        let stream = match kind {
            "poolUpdates" => {
                let following = streams.pools.follow(from.as_ref())?;
                Stream::Pools(filter, following)
            }
            "opportunities" => Stream::Opportunities(streams.opportunities.follow(from.as_ref())?),
            _ => Stream::Gates(streams.gates.follow(from.as_ref())?),
        };
        Ok(Self { stream, epoch: streams.updates.epoch(), from })
    }

    /// Reads the parameters. Receiving begins here.
    pub(super) fn parse(api: &Api, kind: &str, args: &Args<'_>) -> Result<Self, RpcError> {
        if Self::is_of_pools(kind) {
            return Self::parse_pools(api, kind, args);
        }
        let absent = |what: &'static str| RpcError::new(METHOD_NOT_FOUND, what);
        let Some(chain) = api.backends.chain.as_deref() else {
            return Err(absent("this process has no chain of its own"));
        };
        let options: Options = args.optional(1)?.unwrap_or_default();
        let from = cursor(options.from.as_deref())?;
        let streams = &api.streams;
        let cursor = from.as_ref();
        let stream = match kind {
            "newHeads" => Stream::Updates(UpdateForm::Heads, streams.updates.follow(cursor)?),
            "logs" => {
                let criteria = LogCriteria::parse(1, args.raw(1).unwrap_or("{}"))?;
                let form = UpdateForm::Logs(Box::new(criteria));
                Stream::Updates(form, streams.updates.follow(cursor)?)
            }
            "newPendingTransactions" => {
                streams.want_pending(chain);
                let form =
                    if options.full_transactions { PendingForm::Full } else { PendingForm::Hash };
                Stream::Pending(form, streams.pending.follow(cursor)?)
            }
            "steps" => {
                if !streams.want_steps(chain) {
                    return Err(absent("this node builds no blocks"));
                }
                Stream::Steps(streams.steps.follow(cursor)?)
            }
            _ if cursor.is_some() => return Err(invalid(1, "syncing has no cursor")),
            _ => Stream::Syncing(chain.subscribe_updates()),
        };
        Ok(Self { stream, epoch: streams.updates.epoch(), from })
    }

    /// Delivers until the session ends.
    pub(super) async fn run(self, api: Arc<Api>, feed: &Feed) {
        let mut numbered = Numbered { feed, epoch: self.epoch, from: self.from, sequence: 0 };
        match self.stream {
            Stream::Updates(form, following) => {
                let form = Arc::new(form);
                let restored = Arc::clone(&form);
                let restore = move |kept: Arc<KeptUpdate>, api: &Api| {
                    kept.restore(api.chain()).map(|update| update_events(&restored, &update))
                };
                let live = |update: &Arc<ChainUpdate>| update_events(&form, update);
                numbered.deliver(&api, following, restore, live).await;
            }
            Stream::Pending(form, following) => {
                let restore = move |hash: B256, api: &Api| match form {
                    PendingForm::Hash => Ok(events([&hash])),
                    PendingForm::Full => Ok(events(found(api.chain(), &hash)?.iter().map(wire))),
                };
                let live = |pooled: &PoolTransaction| match form {
                    PendingForm::Hash => events([&pooled.hash]),
                    PendingForm::Full => events([wire(pooled)]),
                };
                numbered.deliver(&api, following, restore, live).await;
            }
            Stream::Steps(following) => {
                let live = |step: &Arc<OpenUpdate>| events([WireStep::from(&**step)]);
                let restore =
                    move |step: Arc<OpenUpdate>, _: &Api| Ok(events([WireStep::from(&*step)]));
                numbered.deliver(&api, following, restore, live).await;
            }
            Stream::Pools(filter, following) => {
                let filter = Arc::new(filter);
                let restored = Arc::clone(&filter);
                let restore =
                    move |update: Arc<PoolUpdatesView>, _: &Api| Ok(events(restored.of(&update)));
                let live = |update: &Arc<PoolUpdatesView>| events(filter.of(update));
                numbered.deliver(&api, following, restore, live).await;
            }
            Stream::Opportunities(following) => {
                let live = |changes: &Arc<OpportunityChangesView>| events([&**changes]);
                let restore =
                    |changes: Arc<OpportunityChangesView>, _: &Api| Ok(events([&*changes]));
                numbered.deliver(&api, following, restore, live).await;
            }
            Stream::Gates(following) => {
                let live = |gate: &Arc<GateView>| events([&**gate]);
                let restore = |gate: Arc<GateView>, _: &Api| Ok(events([&*gate]));
                numbered.deliver(&api, following, restore, live).await;
            }
            Stream::Syncing(updates) => numbered.syncing(&api, updates).await,
        }
    }
}

/// The cursor in a subscription's options.
fn cursor(from: Option<&str>) -> Result<Option<StreamCursor>, RpcError> {
    let malformed = |()| invalid(1, "from is not a cursor");
    from.map(str::parse).transpose().map_err(malformed)
}

/// The transaction, wherever it is by now; `None` if it was dropped.
fn found(chain: &dyn ChainBackend, hash: &B256) -> Result<Option<PoolTransaction>, RpcError> {
    if let Some(pooled) = chain.pool_transaction(hash) {
        return Ok(Some(pooled));
    }
    let Some((block, index)) = chain.transaction(hash)? else { return Ok(None) };
    let transaction = block.block.transactions().get(index).cloned();
    let sender = block.block.senders().get(index).copied();
    Ok(transaction.zip(sender).map(|(transaction, sender)| PoolTransaction {
        hash: *hash,
        transaction: Arc::new(transaction),
        sender,
    }))
}

fn events<T: Serialize>(events: impl IntoIterator<Item = T>) -> Vec<Json> {
    // One that cannot be written is logged where it failed.
    events.into_iter().filter_map(|event| Json::of(&event).ok()).collect()
}

fn update_events(form: &UpdateForm, update: &ChainUpdate) -> Vec<Json> {
    match form {
        UpdateForm::Heads => events(removed_then_added(update).map(|(removed, block)| {
            let header = block.block.header();
            HeadEvent { removed, head: WireHeader { hash: block.block.hash(), header } }
        })),
        UpdateForm::Logs(criteria) => events(update_logs(update, criteria)),
    }
}

/// Counts what one subscription gets.
struct Numbered<'a> {
    feed: &'a Feed,
    epoch: u32,
    from: Option<StreamCursor>,
    /// Number of the last notification; the first one is 1.
    sequence: u64,
}

impl Numbered<'_> {
    async fn deliver<L, K, R>(
        &mut self,
        api: &Arc<Api>,
        following: Following<L, K>,
        restore: R,
        live: impl Fn(&L) -> Vec<Json>,
    ) where
        L: Clone,
        K: Send + 'static,
        R: Fn(K, &Api) -> Result<Vec<Json>, RpcError> + Send + Sync + 'static,
    {
        let Following { missed, live: mut receiver } = following;
        let restore = Arc::new(restore);
        for (number, kept) in missed {
            let (api, restore) = (Arc::clone(api), Arc::clone(&restore));
            let restored = tokio::task::spawn_blocking(move || restore(kept, &api)).await;
            match restored {
                Ok(Ok(events)) => {
                    for text in self.texts(number, events) {
                        // What was missed waits for room: the client asked for all of it at once.
                        self.feed.outbox.answer(text).await;
                    }
                }
                Ok(Err(error)) => return self.feed.end(&error),
                Err(_) => return self.feed.give_up("what was missed cannot be read"),
            }
        }
        loop {
            let told = tokio::select! {
                () = self.feed.outbox.closed() => return,
                told = receiver.recv() => told,
            };
            match told {
                Ok(Told::Event(number, event)) => {
                    let texts = self.texts(number, live(&event));
                    if self.notify(texts).is_err() {
                        return self.feed.give_up("the client reads too slowly");
                    }
                }
                Ok(Told::Gap(missed)) | Err(RecvError::Lagged(missed)) => {
                    return self
                        .feed
                        .give_up(&format!("the subscription fell behind: missed={missed}"));
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn notify(&self, texts: Vec<String>) -> Result<(), Behind> {
        let mut texts = texts.into_iter();
        if texts.all(|text| self.feed.outbox.notify(text)) { Ok(()) } else { Err(Behind) }
    }

    /// The notifications of one event, without those that the client has.
    fn texts(&mut self, number: u64, events: Vec<Json>) -> Vec<String> {
        let known = self.from.filter(|from| from.sequence == number).map(|from| from.part);
        let fresh = (0..).zip(events).filter(|(part, _)| known.is_none_or(|known| *part > known));
        let mut texts = Vec::new();
        for (part, event) in fresh {
            let cursor = StreamCursor { epoch: self.epoch, sequence: number, part };
            texts.push(self.text(&event, Some(cursor)));
        }
        texts
    }

    fn text(&mut self, event: &Json, cursor: Option<StreamCursor>) -> String {
        self.sequence += 1;
        let cursor = cursor.map_or_else(|| "null".to_owned(), |cursor| format!("\"{cursor}\""));
        let numbers = format!(r#""sequence":{},"cursor":{cursor},"#, self.sequence);
        self.feed.numbered_notification(&numbers, event.as_str())
    }

    /// Tells of each change; a state has no history to resume.
    async fn syncing(&mut self, api: &Api, mut updates: UpdateReceiver) {
        let mut last = None;
        loop {
            let status = sync_status_view(api).ok();
            if let Some(event) = status.as_ref().filter(|_| status != last) {
                let text = self.text(event, None);
                if self.notify(vec![text]).is_err() {
                    return self.feed.give_up("the client reads too slowly");
                }
            }
            last = status;
            let update = tokio::select! {
                () = self.feed.outbox.closed() => return,
                update = updates.recv() => update,
            };
            if matches!(update, Err(RecvError::Closed)) {
                return;
            }
        }
    }
}
