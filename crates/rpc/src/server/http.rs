//! One HTTP request.

use super::{
    access::{OriginVerdict, is_host_allowed, judge_origin},
    health,
    listener::Slot,
    websocket,
};
use crate::{
    config::ServerConfig,
    dispatch::{Dispatcher, oversize},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use std::{convert::Infallible, sync::Arc, time::Duration};
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
}

impl Front {
    pub(super) const fn new(
        dispatcher: Arc<Dispatcher>,
        shutdown: Shutdown,
        tasks: TaskTracker,
    ) -> Self {
        Self { dispatcher, shutdown, tasks }
    }

    fn config(&self) -> &ServerConfig {
        &self.dispatcher.api.config
    }

    pub(super) fn header_timeout(&self) -> Duration {
        self.config().header_timeout
    }

    /// Answers; errors are answers too.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        slot: Arc<Slot>,
    ) -> Result<Reply, Infallible> {
        let backends = &self.dispatcher.api.backends;
        let (method, path) = (request.method(), request.uri().path());
        if let Some((status, body)) = health::answer(backends, method, path) {
            return Ok(text(status, body));
        }
        if !is_host_allowed(&self.config().hosts, request.headers()) {
            return Ok(text(StatusCode::FORBIDDEN, "host is not allowed\n"));
        }
        let origin = judge_origin(&self.config().origins, request.headers());
        let mut reply = self.route(request, &origin, slot).await;
        if let OriginVerdict::Allowed(origin) = origin {
            let headers = reply.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        Ok(reply)
    }

    async fn route(
        &self,
        request: Request<Incoming>,
        origin: &OriginVerdict,
        slot: Arc<Slot>,
    ) -> Reply {
        if request.uri().path() != "/" {
            return text(StatusCode::NOT_FOUND, "JSON-RPC is served at /\n");
        }
        match *request.method() {
            Method::POST => self.post(request).await,
            Method::OPTIONS => preflight(origin),
            Method::GET if websocket::is_upgrade(request.headers()) => {
                // A page may open a WebSocket to anywhere; only this check stops it.
                if *origin == OriginVerdict::Denied {
                    return text(StatusCode::FORBIDDEN, "origin is not allowed\n");
                }
                let dispatcher = Arc::clone(&self.dispatcher);
                websocket::upgrade(request, dispatcher, self.shutdown.clone(), &self.tasks, slot)
            }
            _ => {
                let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "POST, or a WebSocket\n");
                let allowed = HeaderValue::from_static("POST, OPTIONS");
                reply.headers_mut().insert(header::ALLOW, allowed);
                reply
            }
        }
    }

    async fn post(&self, request: Request<Incoming>) -> Reply {
        if !is_json(request.headers()) {
            return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type: application/json\n");
        }
        let limit = self.config().request_bytes_max;
        let announced = request.body().size_hint().lower();
        if announced > limit as u64 {
            return too_large(usize::try_from(announced).unwrap_or(usize::MAX), limit);
        }
        let body = Limited::new(request.into_body(), limit).collect();
        let body = match tokio::time::timeout(self.config().body_timeout, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return too_large(limit.saturating_add(1), limit);
            }
            Ok(Err(_)) => return text(StatusCode::BAD_REQUEST, "body is incomplete\n"),
            Err(_) => return closing(StatusCode::REQUEST_TIMEOUT, "body took too long\n"),
        };
        match self.dispatcher.handle(&body, None).await {
            Some(answer) => json(StatusCode::OK, answer),
            None => empty(StatusCode::NO_CONTENT),
        }
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
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ] {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}

fn too_large(bytes: usize, limit: usize) -> Reply {
    let mut reply = json(StatusCode::PAYLOAD_TOO_LARGE, oversize(bytes, limit));
    // The rest of the body is not read, so the connection cannot be used again.
    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

fn closing(status: StatusCode, body: &'static str) -> Reply {
    let mut reply = text(status, body);
    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

fn reply(status: StatusCode, kind: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

fn json(status: StatusCode, body: String) -> Reply {
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
