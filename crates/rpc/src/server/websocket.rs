//! WebSocket sessions (RFC 6455).

use super::{
    connections::Slot,
    http::{Reply, text},
    inbound::{Inbound, InboundLimits},
    outbox::{Farewell, Outbox, outbox},
    stream::Traffic,
    subscription::Topic,
};
use crate::{
    api::Api,
    args::Args,
    budget::FREE_BYTES,
    client::Client,
    dispatch::{Dispatcher, Subscriber, busy, oversize},
    error::RpcError,
    json::{Answer, Json},
    message::Params,
    methods::Namespace,
};
use alloy_primitives::{B128, map::HashMap};
use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        error::CapacityError,
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::task::TaskTracker;
use weir_runtime::Shutdown;

/// A peer silent for this many ping intervals is gone.
const MISSED_PINGS_MAX: u32 = 2;
/// Bytes read from the socket, or gathered for it, at once: most messages are smaller.
const BUFFER_BYTES: usize = 16 * 1024;

/// The other end of a connection.
pub(super) struct Peer {
    /// Its place under the limits.
    pub(super) slot: Arc<Slot>,
    /// What it sent.
    pub(super) traffic: Arc<Traffic>,
    /// Who it is, by its handshake.
    pub(super) client: Client,
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case(token))
}

/// Whether the request asks for a WebSocket.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    has_token(headers, header::CONNECTION, "upgrade")
        && has_token(headers, header::UPGRADE, "websocket")
}

/// Accepts the handshake and starts the session.
pub(super) fn upgrade(
    mut request: Request<Incoming>,
    dispatcher: Arc<Dispatcher>,
    shutdown: Shutdown,
    tasks: &TaskTracker,
    peer: Peer,
) -> Reply {
    let version = request.headers().get(header::SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version != "13") {
        let mut reply = text(StatusCode::UPGRADE_REQUIRED, "WebSocket version 13\n");
        let supported = HeaderValue::from_static("13");
        reply.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, supported);
        return reply;
    }
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        return text(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing\n");
    };
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .expect("base64 is a header value");
    let upgrading = hyper::upgrade::on(&mut request);
    tasks.spawn(async move {
        session(upgrading, dispatcher, shutdown, peer).await;
    });
    let mut reply = text(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = reply.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    reply
}

async fn session(
    upgrading: OnUpgrade,
    dispatcher: Arc<Dispatcher>,
    shutdown: Shutdown,
    peer: Peer,
) {
    let Ok(upgraded) = upgrading.await else { return };
    let config = &dispatcher.api.config;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(config.request_bytes_max))
        .max_frame_size(Some(config.request_bytes_max))
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES);
    let socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(limits)).await;
    let (sink, stream) = socket.split();
    let memory = dispatcher.memory.clone();
    let (outbox, writer) = outbox(config.websocket_queue, config.ping_interval, memory);
    let limits = InboundLimits {
        silence: config.ping_interval * MISSED_PINGS_MAX,
        message: config.body_timeout,
    };
    let inbound = Inbound::new(stream, peer.traffic, limits);
    let session = Arc::new(Session {
        subscriptions_max: config.subscriptions_max,
        dispatcher: Arc::clone(&dispatcher),
        client: peer.client,
        outbox,
        subscriptions: Mutex::default(),
    });
    let writing = tokio::spawn(writer.run(sink));
    session.read(inbound, &shutdown).await;
    session.end();
    // The session holds the last sender beside this one; the writer has its farewell and ends by itself.
    let _ = writing.await;
    drop(peer.slot);
}

/// One client's connection.
struct Session {
    dispatcher: Arc<Dispatcher>,
    client: Client,
    outbox: Outbox,
    subscriptions_max: usize,
    /// `None` until delivery begins.
    subscriptions: Mutex<HashMap<B128, Option<AbortHandle>>>,
}

impl Session {
    /// Reads requests until either side ends the session; answers in progress are dropped with it.
    async fn read(
        self: &Arc<Self>,
        mut inbound: Inbound<impl Stream<Item = Result<Message, Error>> + Unpin>,
        shutdown: &Shutdown,
    ) {
        let mut running = JoinSet::new();
        let running_max = self.dispatcher.api.config.websocket_requests_max.max(1);
        loop {
            while running.try_join_next().is_some() {}
            if running.len() >= running_max {
                // Not reading is the back-pressure a socket understands.
                running.join_next().await;
                continue;
            }
            let message = tokio::select! {
                () = self.outbox.closed() => return,
                () = shutdown.cancelled() => {
                    return self.outbox.close(Farewell::new(CloseCode::Away, "the node stops"));
                }
                message = inbound.next() => message,
            };
            let body = match message {
                Ok(Some(Ok(Message::Text(text)))) => Bytes::from(text),
                Ok(Some(Ok(Message::Binary(bytes)))) => bytes,
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => continue,
                Ok(Some(Ok(Message::Close(_))) | None) => return,
                Ok(Some(Err(error))) => return self.broken(&error),
                Err(farewell) => return self.outbox.close(farewell),
            };
            // Polled once here, so that submissions enter in the order in which they were sent.
            let mut answering = Arc::clone(self).answer(body).boxed();
            if futures_util::poll!(&mut answering).is_pending() {
                running.spawn(answering);
            }
        }
    }

    async fn answer(self: Arc<Self>, body: Bytes) {
        let held = self.dispatcher.memory.take(body.len());
        if held.is_none() && body.len() > FREE_BYTES {
            return self.outbox.answer(busy("requests")).await;
        }
        let scope = Scope { session: &self, begun: Mutex::default() };
        let answer = self.dispatcher.handle(&body, &self.client, Some(&scope)).await;
        let begun = scope.begun.into_inner();
        if let Some(answer) = answer {
            self.outbox.answer(answer).await;
        }
        for (id, topic) in begun {
            self.start(id, topic);
        }
    }

    /// Begins delivery, unless the client unsubscribed already.
    fn start(&self, id: B128, topic: Topic) {
        let api = Arc::clone(&self.dispatcher.api);
        let delivering = tokio::spawn(topic.run(api, id, self.outbox.clone()));
        if let Some(place) = self.subscriptions.lock().get_mut(&id) {
            *place = Some(delivering.abort_handle());
        } else {
            delivering.abort();
        }
    }

    /// Answers a protocol error with the close code it has.
    fn broken(&self, error: &Error) {
        let farewell = match error {
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => Farewell {
                notice: Some(oversize(*size, *max_size)),
                code: CloseCode::Size,
                reason: "message too large",
            },
            Error::Utf8(_) => Farewell::new(CloseCode::Invalid, "text is not UTF-8"),
            Error::Protocol(_) => Farewell::new(CloseCode::Protocol, "protocol error"),
            _ => Farewell::new(CloseCode::Error, "connection failed"),
        };
        self.outbox.close(farewell);
    }

    fn end(&self) {
        for delivering in self.subscriptions.lock().drain().filter_map(|(_, handle)| handle) {
            delivering.abort();
        }
        self.outbox.close(Farewell::new(CloseCode::Normal, ""));
    }

    fn api(&self) -> &Api {
        &self.dispatcher.api
    }
}

/// The subscriptions of one message: delivery begins after its answer is queued.
struct Scope<'a> {
    session: &'a Session,
    begun: Mutex<Vec<(B128, Topic)>>,
}

impl Subscriber for Scope<'_> {
    fn subscribe(&self, namespace: Namespace, params: &Params) -> Answer {
        let topic = Topic::parse(self.session.api(), namespace, &Args::read(params, 2)?)?;
        let mut subscriptions = self.session.subscriptions.lock();
        let limit = self.session.subscriptions_max;
        if subscriptions.len() >= limit {
            return Err(RpcError::limit(format!("too many subscriptions: limit={limit}")));
        }
        let id = B128::random();
        subscriptions.insert(id, None);
        self.begun.lock().push((id, topic));
        Json::of(&id)
    }

    fn unsubscribe(&self, params: &Params) -> Answer {
        let id = Args::read(params, 1)?.string(0)?.parse::<B128>();
        let removed = id.ok().and_then(|id| self.session.subscriptions.lock().remove(&id));
        let is_known = removed.is_some();
        if let Some(delivering) = removed.flatten() {
            delivering.abort();
        }
        Json::of(&is_known)
    }
}
