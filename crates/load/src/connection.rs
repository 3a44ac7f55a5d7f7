//! One keep-alive HTTP connection that carries one JSON-RPC request at a time.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use crate::{LoadError, endpoint::Endpoint};

/// How long a node may take over one request. Generous: an overloaded node is what a load run looks for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to a node, opened again when the node has closed it between requests.
#[derive(Debug)]
pub(crate) struct Connection {
    endpoint: Endpoint,
    live: Option<Live>,
}

#[derive(Debug)]
struct Live {
    sender: SendRequest<Full<Bytes>>,
    /// Owns the task that moves bytes; dropping it closes the socket.
    _driver: AbortOnDropHandle<()>,
}

/// A JSON-RPC answer: `result` or `error`.
#[derive(Debug, Deserialize)]
pub(crate) struct Reply<'a> {
    #[serde(default)]
    id: u64,
    #[serde(borrow, default)]
    pub(crate) result: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) error: Option<Refusal>,
}

/// A JSON-RPC error object, without its data.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    /// JSON-RPC or node-specific code.
    pub(crate) code: i64,
    /// The node's words.
    #[serde(default)]
    pub(crate) message: String,
}

impl Connection {
    /// A connection that opens with the first request.
    pub(crate) const fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, live: None }
    }

    /// Posts a ready JSON-RPC body and returns the answer's bytes.
    pub(crate) async fn post(&mut self, body: Bytes) -> Result<Bytes, LoadError> {
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(body)).await;
        let answer = answer
            .unwrap_or(Err(LoadError::Timeout { timeout_ms: REQUEST_TIMEOUT.as_millis() as u64 }));
        if answer.is_err() {
            // A late answer must not be taken for that of the next request.
            self.live = None;
        }
        answer
    }

    /// Calls one method.
    pub(crate) async fn call<R: DeserializeOwned>(
        &mut self,
        method: &'static str,
        params: Value,
    ) -> Result<R, LoadError> {
        let malformed = |source| LoadError::MalformedReply { method, source };
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self.post(Bytes::from(body.to_string())).await?;
        let reply: Reply<'_> = serde_json::from_slice(&answer).map_err(malformed)?;
        decode(method, reply)
    }

    /// Calls one method with many parameters in one batch, and returns the results in the order of `params`.
    pub(crate) async fn batch<R: DeserializeOwned>(
        &mut self,
        method: &'static str,
        params: Vec<Value>,
    ) -> Result<Vec<R>, LoadError> {
        if params.is_empty() {
            return Ok(Vec::new());
        }
        let count = params.len();
        let calls: Vec<Value> = params
            .into_iter()
            .enumerate()
            .map(|(id, params)| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .collect();
        let answer = self.post(Bytes::from(Value::Array(calls).to_string())).await?;
        let malformed = |source| LoadError::MalformedReply { method, source };
        let mut replies: Vec<Reply<'_>> = serde_json::from_slice(&answer).map_err(malformed)?;
        replies.sort_by_key(|reply| reply.id);
        if replies.len() != count {
            let source =
                serde::de::Error::invalid_length(replies.len(), &"one answer for each call");
            return Err(malformed(source));
        }
        replies.into_iter().map(|reply| decode(method, reply)).collect()
    }

    async fn exchange(&mut self, body: Bytes) -> Result<Bytes, LoadError> {
        let transport = |source| LoadError::Transport { source };
        let request = Request::post(self.endpoint.path.as_str())
            .header(header::HOST, self.endpoint.authority.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .expect("path and authority come from a parsed Uri, the other headers are constant");
        let sender = self.sender().await?;
        let response = sender.send_request(request).await.map_err(transport)?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(transport)?.to_bytes();
        if status != StatusCode::OK {
            return Err(LoadError::HttpStatus { status: status.as_u16() });
        }
        Ok(bytes)
    }

    async fn sender(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, LoadError> {
        let usable = match &mut self.live {
            // A server that closed an idle connection is found out here, before the request is written.
            Some(live) => live.sender.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            self.live = Some(open(&self.endpoint).await?);
        }
        Ok(&mut self.live.as_mut().expect("opened above when it was not usable").sender)
    }
}

async fn open(endpoint: &Endpoint) -> Result<Live, LoadError> {
    let refused = |source| LoadError::Connect { address: endpoint.address.clone(), source };
    let stream = TcpStream::connect(&endpoint.address).await.map_err(refused)?;
    stream.set_nodelay(true).map_err(refused)?;
    let (sender, driver) =
        handshake(TokioIo::new(stream)).await.map_err(|source| LoadError::Transport { source })?;
    let driver = tokio::spawn(async move {
        // Its error also reaches the request under way, which reports it.
        let _ = driver.await;
    });
    Ok(Live { sender, _driver: AbortOnDropHandle::new(driver) })
}

fn decode<R: DeserializeOwned>(method: &'static str, reply: Reply<'_>) -> Result<R, LoadError> {
    if let Some(Refusal { code, message }) = reply.error {
        return Err(LoadError::Refused { method, code, message });
    }
    let result = reply.result.map_or("null", RawValue::get);
    serde_json::from_str(result).map_err(|source| LoadError::MalformedReply { method, source })
}
