//! From a message to its answer.

use crate::{
    api::Api,
    args::Args,
    backend::Backends,
    budget::Budget,
    client::Client,
    config::ServerConfig,
    error::{INTERNAL_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, RESPONSE_TOO_LARGE, RpcError},
    json::Answer,
    limits::Limiter,
    message::{self, Call, Entry, Message, Params},
    meter::Meters,
    methods::{Handler, METHODS, Method, Namespace},
    workers::{WorkError, WorkerOptions, WorkerPool},
};
use alloy_primitives::map::HashMap;
use bytes::Bytes;
use futures_util::stream::{FuturesOrdered, StreamExt};
use serde_json::value::RawValue;
use std::{io, sync::Arc, time::Instant};
use weir_evm::{decode_transaction, recover_sender};

/// Submissions of one batch that are in progress at once: they share group commits of the journal.
const BATCH_SUBMISSIONS_MAX: usize = 512;

/// How much reads step back for what seals blocks and takes transactions, as `nice` counts.
const READERS_NICENESS: i32 = 10;
/// The same of traces, which take longest.
const TRACERS_NICENESS: i32 = 15;

/// Where subscriptions go: the WebSocket a message came from.
pub(crate) trait Subscriber: Send + Sync {
    /// Handles `eth_subscribe` and `weir_subscribe`; delivery begins after the answer is queued.
    fn subscribe(&self, namespace: Namespace, params: &Params) -> Answer;
    /// Handles `eth_unsubscribe` and `weir_unsubscribe`.
    fn unsubscribe(&self, params: &Params) -> Answer;
}

/// Runs requests against the method table.
pub(crate) struct Dispatcher {
    pub(crate) api: Arc<Api>,
    /// What requests and answers of all clients hold.
    pub(crate) memory: Budget,
    index: HashMap<&'static str, usize>,
    meters: Meters,
    pub(crate) limiter: Arc<Limiter>,
    readers: WorkerPool,
    tracers: WorkerPool,
}

impl Dispatcher {
    /// Starts the threads for reads. The limits are valid.
    pub(crate) fn new(backends: Backends, config: ServerConfig) -> io::Result<Self> {
        let readers = WorkerOptions {
            name: "reads",
            threads: config.readers,
            waiting_max: config.readers_waiting_max,
            niceness: READERS_NICENESS,
        };
        let tracers = WorkerOptions {
            name: "traces",
            threads: config.tracers,
            waiting_max: config.tracers_waiting_max,
            niceness: TRACERS_NICENESS,
        };
        Ok(Self {
            index: METHODS.iter().enumerate().map(|(at, method)| (method.name, at)).collect(),
            meters: Meters::new(),
            memory: Budget::new(config.held_bytes_max),
            limiter: Arc::new(Limiter::new(config.limits.clone())),
            readers: WorkerPool::start(readers)?,
            tracers: WorkerPool::start(tracers)?,
            api: Arc::new(Api::new(backends, config)),
        })
    }

    /// Answers a message; `None` if nothing is to be sent (notifications).
    pub(crate) async fn handle(
        &self,
        body: &Bytes,
        client: &Client,
        subscriber: Option<&dyn Subscriber>,
    ) -> Option<String> {
        let origin = Origin { body, client };
        match message::parse(body) {
            Ok(Message::Single(entry)) => self.entry(origin, entry, subscriber).await,
            Ok(Message::Batch(members)) => self.batch(origin, &members, subscriber).await,
            Err(error) => {
                let refusal = self.limiter.admit(client, None).err();
                Some(message::response("null", &Err(refusal.unwrap_or(error))))
            }
        }
    }

    async fn entry(
        &self,
        origin: Origin<'_>,
        entry: Entry<'_>,
        subscriber: Option<&dyn Subscriber>,
    ) -> Option<String> {
        match entry {
            Entry::Call(call) => {
                let answer = self.call(origin, &call, subscriber).await;
                Some(message::response(call.id, &answer))
            }
            Entry::Notification(call) => {
                // A subscription nobody learns the id of would be a leak.
                let _unanswered = self.call(origin, &call, None).await;
                None
            }
            Entry::Invalid { id, error } => {
                let refusal = self.limiter.admit(origin.client, None).err();
                Some(message::response(id, &Err(refusal.unwrap_or(error))))
            }
        }
    }

    async fn batch(
        &self,
        origin: Origin<'_>,
        members: &[&RawValue],
        subscriber: Option<&dyn Subscriber>,
    ) -> Option<String> {
        let limit = self.api.config.batch_items_max;
        if members.len() > limit {
            let error = Api::too_large("batch", members.len(), limit);
            return Some(message::response("null", &Err(error)));
        }
        let mut answers = BatchAnswers::new(self.api.config.batch_response_bytes_max);
        let mut submissions = FuturesOrdered::new();
        for member in members {
            let entry = message::parse_entry(member);
            let is_submission = self.is_submission(&entry);
            if !is_submission || submissions.len() == BATCH_SUBMISSIONS_MAX {
                // Order matters to callers that send and then read: finish what was sent first.
                answers.drain(&mut submissions).await;
            }
            if is_submission {
                submissions.push_back(self.entry(origin, entry, None));
                continue;
            }
            let answer = match answers.refusal(&entry) {
                Some(refusal) => refusal,
                None => self.entry(origin, entry, subscriber).await,
            };
            answers.push(answer);
        }
        answers.drain(&mut submissions).await;
        answers.finish()
    }

    fn is_submission(&self, entry: &Entry<'_>) -> bool {
        let (Entry::Call(call) | Entry::Notification(call)) = entry else { return false };
        self.method(&call.method)
            .is_some_and(|(_, method)| matches!(method.handler, Handler::Async(_)))
    }

    fn method(&self, name: &str) -> Option<(usize, &'static Method)> {
        let at = *self.index.get(name)?;
        Some((at, &METHODS[at]))
    }

    async fn call(
        &self,
        origin: Origin<'_>,
        call: &Call<'_>,
        subscriber: Option<&dyn Subscriber>,
    ) -> Answer {
        let found = self.method(&call.method);
        let admitted = self.limiter.admit(origin.client, found.map(|(at, _)| at));
        let Some((at, method)) = found else {
            self.meters.unknown();
            return admitted.and_then(|()| Err(RpcError::method_not_found(&call.method)));
        };
        let start = Instant::now();
        let params = Params::of(origin.body, call.params);
        let answer = match admitted.and_then(|()| self.admit_sender(method, &params)) {
            Ok(()) => self.run(method, params, origin.client, subscriber).await,
            Err(refusal) => Err(refusal),
        };
        let answer = answer.and_then(|json| {
            let limit = self.api.config.response_bytes_max;
            if json.as_str().len() <= limit {
                return Ok(json);
            }
            let bytes = json.as_str().len();
            let message = format!("response too large: bytes={bytes} limit={limit}");
            Err(RpcError::new(RESPONSE_TOO_LARGE, message))
        });
        self.meters.record(at, start.elapsed(), answer.is_err());
        answer
    }

    async fn run(
        &self,
        method: &'static Method,
        params: Params,
        client: &Client,
        subscriber: Option<&dyn Subscriber>,
    ) -> Answer {
        let unsupported = || RpcError::new(METHOD_NOT_FOUND, "notifications not supported");
        if method.needs_chain() && self.api.backends.chain.is_none() {
            return Err(RpcError::new(METHOD_NOT_FOUND, "this process has no chain of its own"));
        }
        match method.handler {
            Handler::Quick(handler) => handler(&self.api, &Args::read(&params, method.args_max())?),
            Handler::Heavy(handler) => {
                self.heavy(&self.readers, method, handler, params, client).await
            }
            Handler::Trace(handler) => {
                self.heavy(&self.tracers, method, handler, params, client).await
            }
            Handler::Admin(handler) => {
                let caller = client.caller();
                let act = move |api: &Api, args: &Args<'_>| handler(api, args, &caller);
                self.heavy(&self.readers, method, act, params, client).await
            }
            Handler::AdminAsync(handler) => {
                handler(Arc::clone(&self.api), params, client.caller()).await
            }
            Handler::Async(handler) => handler(Arc::clone(&self.api), params).await,
            Handler::Subscribe(namespace) => {
                subscriber.ok_or_else(unsupported)?.subscribe(namespace, &params)
            }
            Handler::Unsubscribe => subscriber.ok_or_else(unsupported)?.unsubscribe(&params),
        }
    }

    /// Counts a submission for its sender, if senders are counted. What is no transaction is refused later.
    fn admit_sender(&self, method: &Method, params: &Params) -> Result<(), RpcError> {
        if !method.is_submission() || !self.limiter.counts_senders() {
            return Ok(());
        }
        let raw = Args::read(params, method.args_max()).and_then(|args| args.bytes(0));
        let transaction = raw.ok().and_then(|raw| decode_transaction(&raw).ok());
        let sender = transaction.and_then(|transaction| recover_sender(&transaction).ok());
        sender.map_or(Ok(()), |sender| self.limiter.admit_sender(sender))
    }

    /// Runs a read on a thread of `pool`, behind its bounded queue.
    async fn heavy(
        &self,
        pool: &WorkerPool,
        method: &'static Method,
        handler: impl FnOnce(&Api, &Args<'_>) -> Answer + Send + 'static,
        params: Params,
        client: &Client,
    ) -> Answer {
        let api = Arc::clone(&self.api);
        let read = move || handler(&api, &Args::read(&params, method.args_max())?);
        match pool.run(client.address, read).await {
            Ok(answer) => answer,
            Err(WorkError::Busy) => Err(self.busy(method)),
            Err(WorkError::Ended) => {
                tracing::error!(method = method.name, "read ended early");
                Err(RpcError::new(INTERNAL_ERROR, "the read ended early"))
            }
        }
    }

    fn busy(&self, method: &Method) -> RpcError {
        let config = &self.api.config;
        let (what, limit) = match method.handler {
            Handler::Trace(_) => ("traces", config.tracers_waiting_max),
            _ => ("reads", config.readers_waiting_max),
        };
        RpcError::limit(format!("server busy: too many {what} are waiting: limit={limit}"))
    }
}

/// Where a call came from.
#[derive(Clone, Copy)]
struct Origin<'a> {
    /// The message that holds it.
    body: &'a Bytes,
    client: &'a Client,
}

/// The answers of a batch, up to a size.
struct BatchAnswers {
    text: String,
    bytes_max: usize,
}

impl BatchAnswers {
    fn new(bytes_max: usize) -> Self {
        Self { text: String::from("["), bytes_max }
    }

    fn push(&mut self, answer: Option<String>) {
        let Some(answer) = answer else { return };
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push_str(&answer);
    }

    async fn drain<F>(&mut self, submissions: &mut FuturesOrdered<F>)
    where
        F: Future<Output = Option<String>>,
    {
        while let Some(answer) = submissions.next().await {
            self.push(answer);
        }
    }

    /// Once the answers fill the limit, the rest of the calls is not run.
    fn refusal(&self, entry: &Entry<'_>) -> Option<Option<String>> {
        if self.text.len() <= self.bytes_max {
            return None;
        }
        let limit = self.bytes_max;
        let error = RpcError::new(
            RESPONSE_TOO_LARGE,
            format!("response too large: the answers of the batch exceed limit={limit} bytes"),
        );
        Some(match entry {
            Entry::Call(call) => Some(message::response(call.id, &Err(error))),
            Entry::Invalid { id, error } => Some(message::response(id, &Err(error.clone()))),
            Entry::Notification(_) => None,
        })
    }

    fn finish(mut self) -> Option<String> {
        if self.text.len() == 1 {
            return None;
        }
        self.text.push(']');
        Some(self.text)
    }
}

/// A request that breaks a limit before it could be read.
pub(crate) fn oversize(bytes: usize, limit: usize) -> String {
    let error =
        RpcError::new(INVALID_REQUEST, format!("request too large: bytes={bytes} limit={limit}"));
    message::response("null", &Err(error))
}

/// A request or an answer there is no memory for, now.
pub(crate) fn busy(what: &str) -> String {
    let error = RpcError::limit(format!("server busy: {what} of all clients hold too much memory"));
    message::response("null", &Err(error))
}
