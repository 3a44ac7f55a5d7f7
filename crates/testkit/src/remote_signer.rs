//! A remote signer for one test: Web3Signer's published HTTP API for secp256k1 keys, over real sockets.

use alloy_primitives::{Address, hex};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
};
use tokio::{net::TcpListener, sync::oneshot};

/// How the server treats its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerManner {
    /// It signs with the key that is asked for, and lists its keys.
    Signs,
    /// It signs, calls keys by their addresses and lists none, as early versions did.
    ByAddress,
    /// It signs with a key that nobody asked for.
    SignsWithAnotherKey,
    /// It takes requests to sign and never answers them.
    Silent,
    /// It answers requests to sign with this status, so many times, and then signs.
    Fails {
        /// HTTP status.
        status: u16,
        /// How often; then it signs.
        times: u32,
    },
    /// It answers requests to sign with this text.
    Says(String),
}

/// A server with one key. It ends with the test.
#[derive(Debug)]
pub struct RemoteSignerServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropped, it ends the server.
    _stop: oneshot::Sender<()>,
}

#[derive(Debug)]
struct Shared {
    key: PrivateKeySigner,
    manner: Mutex<SignerManner>,
    /// Method and path of every request so far.
    requests: Mutex<Vec<String>>,
}

impl RemoteSignerServer {
    /// Serves the key, given in hexadecimal, on a free port.
    ///
    /// # Panics
    /// If the key is none or the server cannot be started.
    pub fn start(key: &str) -> Self {
        let shared = Arc::new(Shared {
            key: key.parse().expect("the key is valid"),
            manner: Mutex::new(SignerManner::Signs),
            requests: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = mpsc::sync_channel(1);
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime can be built");
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
                let address = listener.local_addr().expect("a bound socket has an address");
                bound.send(address).expect("the test waits for it");
                tokio::select! {
                    () = serve(listener, serving) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = address.recv().expect("the server starts");
        Self { address, shared, _stop: stop }
    }

    /// Base of its API.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its key, as a setting spells it.
    pub fn setting(&self) -> String {
        format!("{}#{}", self.url(), self.key_address())
    }

    /// Address of its key.
    pub fn key_address(&self) -> Address {
        self.shared.key.address()
    }

    /// Treats requests from now on in this manner.
    ///
    /// # Panics
    /// If a thread of the server has panicked.
    pub fn behave(&self, manner: SignerManner) {
        *self.shared.manner.lock().expect("the server has not panicked") = manner;
    }

    /// Method and path of every request so far.
    ///
    /// # Panics
    /// If a thread of the server has panicked.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().expect("the server has not panicked").clone()
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.expect("connections can be accepted");
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&shared), request));
            // A client that goes away ends its connection alone.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    shared.requests.lock().expect("no thread has panicked").push(format!("{method} {path}"));
    let manner = shared.manner.lock().expect("no thread has panicked").clone();
    let (status, text) = match (method, path.as_str()) {
        (Method::GET, "/upcheck") => (200, "OK".to_owned()),
        (Method::GET, "/api/v1/eth1/publicKeys") if manner != SignerManner::ByAddress => {
            (200, serde_json::json!([shared.public_key()]).to_string())
        }
        (Method::POST, path) => match path.strip_prefix("/api/v1/eth1/sign/") {
            Some(_) if manner == SignerManner::Silent => std::future::pending().await,
            Some(identifier) => shared.sign(&manner, identifier, &body),
            None => (404, String::new()),
        },
        _ => (404, String::new()),
    };
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = StatusCode::from_u16(status).expect("tests use valid statuses");
    Ok(response)
}

impl Shared {
    /// The uncompressed public key without its prefix, as Web3Signer spells it.
    fn public_key(&self) -> String {
        let point = self.key.credential().verifying_key().to_encoded_point(false);
        hex::encode_prefixed(&point.as_bytes()[1..])
    }

    fn sign(&self, manner: &SignerManner, identifier: &str, body: &[u8]) -> (u16, String) {
        if let SignerManner::Says(text) = manner {
            return (200, text.clone());
        }
        if let SignerManner::Fails { status, times } = manner
            && *times > 0
        {
            let left = SignerManner::Fails { status: *status, times: times - 1 };
            *self.manner.lock().expect("no thread has panicked") = left;
            return (*status, "Internal Server Error".to_owned());
        }
        let name = match manner {
            SignerManner::ByAddress => hex::encode_prefixed(self.key.address()),
            _ => self.public_key(),
        };
        if identifier != name {
            return (404, "Public Key not found".to_owned());
        }
        let request: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let data = request["data"].as_str().and_then(|data| hex::decode(data).ok());
        let Some(data) = data else { return (400, "Bad request format".to_owned()) };
        // Hashed here: the API takes what is to be hashed and signed.
        let hash = alloy_primitives::keccak256(data);
        let signature = match manner {
            SignerManner::SignsWithAnotherKey => PrivateKeySigner::random().sign_hash_sync(&hash),
            _ => self.key.sign_hash_sync(&hash),
        };
        let signature = signature.expect("a local key signs any hash");
        (200, hex::encode_prefixed(signature.as_bytes()))
    }
}
