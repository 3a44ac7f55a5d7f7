//! `eth_subscribe`, `weir_subscribe` and `debug_executionWitnessStream`: events pushed to a WebSocket.

use super::{
    outbox::{Farewell, Outbox},
    resumable::Resumable,
};
use crate::{
    api::Api,
    args::{Args, invalid},
    backend::{PendingTransactions, StatusReceiver, UpdateReceiver},
    error::{METHOD_NOT_FOUND, RpcError},
    eth::{LogCriteria, sync_status_view, update_logs},
    json::Json,
    methods::Namespace,
    txpool::wire,
    weir::{StatusEventView, StatusFilter, StatusWatch},
    wire::WireHeader,
    witness::{WitnessEvent, WitnessMode},
};
use alloy_primitives::B128;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use weir_primitives::{ChainUpdate, TransactionEvent};

/// The kind of subscription that both namespaces have.
const TRANSACTION_STATUS: &str = "transactionStatus";

/// What is delivered.
#[derive(Debug)]
pub(super) enum Topic {
    /// Headers of sealed blocks.
    NewHeads(UpdateReceiver),
    /// Matching logs; `removed` when their block left the chain.
    Logs(UpdateReceiver, Box<LogCriteria>),
    /// Accepted transactions, as hashes or whole.
    Pending(PendingTransactions, PendingForm),
    /// Whether the node synchronises.
    Syncing(UpdateReceiver),
    /// What becomes of transactions, of either namespace.
    Statuses(Namespace, StatusReceiver, StatusFilter),
    /// Witnesses of sealed blocks.
    Witnesses(UpdateReceiver, WitnessMode),
    /// Events of the chain or its pools, with numbers and cursors.
    Resumable(Box<Resumable>),
}

/// How accepted transactions are shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum PendingForm {
    Hash,
    Full,
}

impl Topic {
    /// Reads the parameters of a subscription. Receiving begins here, before the answer is sent, so nothing is missed.
    pub(super) fn parse(
        api: &Api,
        namespace: Namespace,
        args: &Args<'_>,
    ) -> Result<Self, RpcError> {
        match namespace {
            Namespace::Eth => Self::parse_eth(api, args),
            Namespace::Weir => Self::parse_weir(api, args),
            Namespace::Debug => {
                let mode = WitnessMode::parse(args, 0)?;
                Ok(Self::Witnesses(api.chain().subscribe_updates(), mode))
            }
        }
    }

    fn parse_weir(api: &Api, args: &Args<'_>) -> Result<Self, RpcError> {
        let kind = args.string(0)?;
        if kind == TRANSACTION_STATUS {
            return Self::parse_statuses(api, Namespace::Weir, args);
        }
        if Resumable::has(&kind) {
            return Ok(Self::Resumable(Box::new(Resumable::parse(api, &kind, args)?)));
        }
        Err(invalid(0, format!("no {kind:?} subscription in weir namespace")))
    }

    fn parse_eth(api: &Api, args: &Args<'_>) -> Result<Self, RpcError> {
        let kind = args.string(0)?;
        Ok(match kind.as_str() {
            "newHeads" => Self::NewHeads(api.chain().subscribe_updates()),
            "logs" => {
                let criteria = LogCriteria::parse(1, args.raw(1).unwrap_or("{}"))?;
                Self::Logs(api.chain().subscribe_updates(), Box::new(criteria))
            }
            "newPendingTransactions" => {
                let form = if args.flag(1)? { PendingForm::Full } else { PendingForm::Hash };
                Self::Pending(api.chain().subscribe_pending(), form)
            }
            "syncing" => Self::Syncing(api.chain().subscribe_updates()),
            TRANSACTION_STATUS => return Self::parse_statuses(api, Namespace::Eth, args),
            _ => return Err(invalid(0, format!("no {kind:?} subscription in eth namespace"))),
        })
    }

    fn parse_statuses(api: &Api, namespace: Namespace, args: &Args<'_>) -> Result<Self, RpcError> {
        if api.backends.chain.is_none() {
            return Err(RpcError::new(METHOD_NOT_FOUND, "this process has no chain of its own"));
        }
        let filter = args.optional(1)?.unwrap_or_default();
        Ok(Self::Statuses(namespace, api.chain().subscribe_statuses(), filter))
    }

    const fn namespace(&self) -> Namespace {
        match self {
            Self::NewHeads(_) | Self::Logs(..) | Self::Pending(..) | Self::Syncing(_) => {
                Namespace::Eth
            }
            Self::Resumable(_) => Namespace::Weir,
            Self::Statuses(namespace, ..) => *namespace,
            Self::Witnesses(..) => Namespace::Debug,
        }
    }

    /// Delivers until the session ends.
    pub(super) async fn run(self, api: Arc<Api>, id: B128, outbox: Outbox) {
        let feed = Feed { id, namespace: self.namespace(), outbox };
        match self {
            Self::NewHeads(updates) => {
                feed.follow(updates, |update, feed| feed.heads(update)).await
            }
            Self::Logs(updates, criteria) => {
                let deliver = |update: &Arc<ChainUpdate>, feed: &Feed| {
                    update_logs(update, &criteria).iter().try_for_each(|log| feed.push(log))
                };
                feed.follow(updates, deliver).await;
            }
            Self::Pending(transactions, form) => {
                feed.follow(transactions, |pooled, feed| match form {
                    PendingForm::Hash => feed.push(&pooled.hash),
                    PendingForm::Full => feed.push(&wire(pooled)),
                })
                .await;
            }
            Self::Syncing(updates) => {
                let mut last = None;
                let mut deliver = |feed: &Feed| {
                    let status = sync_status_view(&api).ok();
                    if status == last {
                        return Ok(());
                    }
                    last = status;
                    last.as_ref().map_or(Ok(()), |status| feed.push_json(status))
                };
                if deliver(&feed).is_ok() {
                    feed.follow(updates, |_, feed| deliver(feed)).await;
                }
            }
            Self::Witnesses(updates, mode) => {
                feed.follow(updates, |update, feed| feed.witnesses(&api, update, mode)).await;
            }
            Self::Statuses(_, updates, filter) => feed.statuses(&api, updates, filter).await,
            Self::Resumable(stream) => stream.run(api, &feed).await,
        }
    }
}

/// The peer takes events slower than they come.
pub(super) struct Behind;

/// One subscription's way to the peer.
pub(super) struct Feed {
    id: B128,
    namespace: Namespace,
    pub(super) outbox: Outbox,
}

impl Feed {
    /// Hands each event to `deliver` until the source or the session ends. A peer that falls behind is disconnected
    /// with a notice: a stream with a silent hole would be worse than none.
    async fn follow<T: Clone>(
        &self,
        mut source: Receiver<T>,
        mut deliver: impl FnMut(&T, &Self) -> Result<(), Behind>,
    ) {
        loop {
            let event = tokio::select! {
                () = self.outbox.closed() => return,
                event = source.recv() => event,
            };
            match event {
                Ok(event) if deliver(&event, self).is_ok() => {}
                Ok(_) => return self.give_up("the client reads too slowly"),
                Err(RecvError::Lagged(missed)) => {
                    return self.give_up(&format!("the subscription fell behind: missed={missed}"));
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn heads(&self, update: &ChainUpdate) -> Result<(), Behind> {
        let blocks = update.new().into_iter().flat_map(|segment| segment.blocks());
        for block in blocks {
            let header = block.block.header();
            self.push(&WireHeader { hash: block.block.hash(), header })?;
        }
        Ok(())
    }

    /// With hashes, what is told first of each is its status now; updates that were queued before are part of it.
    async fn statuses(&self, api: &Api, mut updates: StatusReceiver, filter: StatusFilter) {
        let StatusFilter::Of(hashes) = filter else {
            let event = |event: &TransactionEvent| {
                StatusEventView::new(event.hash, Some(event.status.clone()))
            };
            return self
                .follow(updates, |update, feed| {
                    update.events.iter().try_for_each(|one| feed.push(&event(one)))
                })
                .await;
        };
        let mut watch = StatusWatch::new(hashes);
        for _ in 0..updates.len() {
            // A receiver that lagged is told so by what follows.
            let _ = updates.try_recv();
        }
        let first = watch.begin(api.chain());
        if first.iter().try_for_each(|event| self.push(event)).is_err() {
            return self.give_up("the client reads too slowly");
        }
        self.follow(updates, |update, feed| {
            let told = watch.follow(api.chain(), update);
            told.iter().try_for_each(|event| feed.push(event))
        })
        .await;
    }

    fn witnesses(&self, api: &Api, update: &ChainUpdate, mode: WitnessMode) -> Result<(), Behind> {
        let blocks = update.new().into_iter().flat_map(|segment| segment.blocks());
        for block in blocks {
            if let Some(event) = WitnessEvent::of(api, block.reference(), mode) {
                self.push(&event)?;
            }
        }
        Ok(())
    }

    fn push<T: Serialize>(&self, event: &T) -> Result<(), Behind> {
        match Json::of(event) {
            Ok(json) => self.push_json(&json),
            // Logged where it failed; there is no event to send.
            Err(_) => Ok(()),
        }
    }

    fn push_json(&self, event: &Json) -> Result<(), Behind> {
        let text = self.notification("result", event.as_str());
        if self.outbox.notify(text) { Ok(()) } else { Err(Behind) }
    }

    fn notification(&self, member: &str, value: &str) -> String {
        self.notification_with("", member, value)
    }

    /// A notification with more members before its result, each followed by a comma.
    pub(super) fn numbered_notification(&self, numbers: &str, result: &str) -> String {
        self.notification_with(numbers, "result", result)
    }

    fn notification_with(&self, numbers: &str, member: &str, value: &str) -> String {
        let (id, method) = (self.id, self.namespace.notification());
        format!(
            r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"subscription":"{id}",{numbers}"{member}":{value}}}}}"#
        )
    }

    pub(super) fn give_up(&self, why: &str) {
        self.end(&RpcError::limit(why.to_owned()));
    }

    /// Ends the session with an error as the subscription's last word.
    pub(super) fn end(&self, error: &RpcError) {
        let error = serde_json::to_string(error).expect("an integer and strings can be written");
        let notice = Some(self.notification("error", &error));
        let reason = "subscription lagged";
        self.outbox.close(Farewell { notice, code: CloseCode::Again, reason });
    }
}
