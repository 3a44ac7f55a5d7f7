//! One HTTP request.

use super::{
    access::{OriginVerdict, is_host_allowed, judge_origin},
    body::{self, BodyError},
    connections::Slot,
    health,
    stream::Traffic,
    websocket,
};
use crate::{
    client::Client,
    config::ServerConfig,
    dispatch::{Dispatcher, busy, oversize},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use std::{convert::Infallible, net::IpAddr, sync::Arc};
use tokio_util::task::TaskTracker;
use weir_runtime::Shutdown;

/// Seconds a browser may remember a preflight.
const PREFLIGHT_SECONDS: &str = "600";

pub(super) type Reply = Response<Full<Bytes>>;

/// What a connection answers its requests with.
pub(super) struct Front {
    dispatcher: Arc<Dispatcher>,
    shutdown: Shutdown,
    /// WebSocket sessions outlive the HTTP connection they began as.
    tasks: TaskTracker,
    slot: Arc<Slot>,
}

impl Front {
    pub(super) const fn new(
        dispatcher: Arc<Dispatcher>,
        shutdown: Shutdown,
        tasks: TaskTracker,
        slot: Arc<Slot>,
    ) -> Self {
        Self { dispatcher, shutdown, tasks, slot }
    }

    /// The address the connection counts for.
    pub(super) fn address(&self) -> IpAddr {
        self.slot.address()
    }

    pub(super) fn config(&self) -> &ServerConfig {
        &self.dispatcher.api.config
    }

    /// Answers; errors are answers too.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        traffic: Arc<Traffic>,
    ) -> Result<Reply, Infallible> {
        traffic.head_arrived();
        let reply = self.reply(request, &traffic).await;
        // After an upgrade no head comes any more.
        if reply.status() != StatusCode::SWITCHING_PROTOCOLS {
            traffic.answered();
        }
        Ok(reply)
    }

    async fn reply(&self, request: Request<Incoming>, traffic: &Arc<Traffic>) -> Reply {
        let backends = &self.dispatcher.api.backends;
        let (method, path) = (request.method(), request.uri().path());
        if let Some((status, body)) = health::answer(backends, method, path) {
            return text(status, body);
        }
        if !is_host_allowed(&self.config().hosts, request.headers()) {
            return text(StatusCode::FORBIDDEN, "host is not allowed\n");
        }
        let mut client = Client::new(self.address(), request.headers());
        if let Some(secret) = &self.config().jwt {
            let token = request.headers().get(header::AUTHORIZATION);
            match secret.check(token.and_then(|token| token.to_str().ok())) {
                Ok(operator) => client = client.named(operator),
                Err(error) => {
                    return closing(text(StatusCode::UNAUTHORIZED, format!("{error}\n")));
                }
            }
        }
        let origin = judge_origin(&self.config().origins, request.headers());
        let mut reply = self.route(request, client, &origin, traffic).await;
        if let OriginVerdict::Allowed(origin) = origin {
            let headers = reply.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        reply
    }

    async fn route(
        &self,
        request: Request<Incoming>,
        client: Client,
        origin: &OriginVerdict,
        traffic: &Arc<Traffic>,
    ) -> Reply {
        if request.uri().path() != "/" {
            return text(StatusCode::NOT_FOUND, "JSON-RPC is served at /\n");
        }
        match *request.method() {
            Method::POST => self.post(request, client).await,
            Method::OPTIONS => preflight(origin),
            Method::GET if websocket::is_upgrade(request.headers()) => {
                // A page may open a WebSocket to anywhere; only this check stops it.
                if *origin == OriginVerdict::Denied {
                    return text(StatusCode::FORBIDDEN, "origin is not allowed\n");
                }
                let peer = websocket::Peer {
                    slot: Arc::clone(&self.slot),
                    traffic: Arc::clone(traffic),
                    client,
                };
                let dispatcher = Arc::clone(&self.dispatcher);
                websocket::upgrade(request, dispatcher, self.shutdown.clone(), &self.tasks, peer)
            }
            _ => {
                let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "POST, or a WebSocket\n");
                let allowed = HeaderValue::from_static("POST, OPTIONS");
                reply.headers_mut().insert(header::ALLOW, allowed);
                reply
            }
        }
    }

    async fn post(&self, request: Request<Incoming>, client: Client) -> Reply {
        if !is_json(request.headers()) {
            return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type: application/json\n");
        }
        let memory = &self.dispatcher.memory;
        let body = match body::read(request.into_body(), self.config(), memory).await {
            Ok(body) => body,
            Err(error) => return self.unread(&error),
        };
        match self.dispatcher.handle(&body.bytes, &client, None).await {
            Some(answer) => match memory.hold(answer) {
                Some(answer) => json(StatusCode::OK, answer),
                None => json(StatusCode::SERVICE_UNAVAILABLE, busy("answers")),
            },
            None => empty(StatusCode::NO_CONTENT),
        }
    }

    /// What a peer is told whose body was not read; the connection cannot be used again.
    fn unread(&self, error: &BodyError) -> Reply {
        let limit = self.config().request_bytes_max;
        closing(match error {
            BodyError::TooLarge(bytes) => {
                json(StatusCode::PAYLOAD_TOO_LARGE, oversize(*bytes, limit))
            }
            BodyError::Incomplete => text(StatusCode::BAD_REQUEST, "body is incomplete\n"),
            BodyError::Late => text(StatusCode::REQUEST_TIMEOUT, "body took too long\n"),
            BodyError::Busy => json(StatusCode::SERVICE_UNAVAILABLE, busy("requests")),
        })
    }
}

/// Only JSON: a page can send other types without asking first.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else {
        return false;
    };
    let kind = kind.split(';').next().unwrap_or_default().trim();
    ["application/json", "application/json-rpc", "application/jsonrequest"]
        .iter()
        .any(|accepted| kind.eq_ignore_ascii_case(accepted))
}

fn preflight(origin: &OriginVerdict) -> Reply {
    if !matches!(origin, OriginVerdict::Allowed(_)) {
        return text(StatusCode::FORBIDDEN, "origin is not allowed\n");
    }
    let mut reply = empty(StatusCode::NO_CONTENT);
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, authorization, x-api-key"),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ] {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}

fn closing(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

fn reply(status: StatusCode, kind: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    reply(status, "application/json", body.into())
}

pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    reply(status, "text/plain; charset=utf-8", body.into())
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply
}
