//! Web3Signer's HTTP API for secp256k1 keys (its OpenAPI document: `ETH1_LIST` and `ETH1_SIGN`).

use crate::KeyError;
use alloy_primitives::{Address, Signature, hex, keccak256};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::OnceCell;

/// Bytes of an answer at most: a key takes 133 in the list of keys.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Bytes of a public key without the 4 in front of its uncompressed form.
const PUBLIC_KEY_BYTES: usize = 64;
/// Bytes of a signature: r, s and v.
const SIGNATURE_BYTES: usize = 65;

/// How long and how often a remote signer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteOptions {
    /// Time for one request and its answer.
    pub timeout: Duration,
    /// How often a request is tried that did not reach the signer, or that it was too busy for (status 500 and above). One
    /// that took too long is not tried again.
    pub attempts: u32,
    /// Wait before the second attempt; twice as long before each further one.
    pub pause: Duration,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), attempts: 3, pause: Duration::from_millis(100) }
    }
}

/// A key that stays with a remote signer. Cheap to clone.
#[derive(Clone)]
pub struct RemoteSigner {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client<HttpConnector, Full<Bytes>>,
    /// Without a slash at its end.
    url: String,
    address: Address,
    options: RemoteOptions,
    /// How the signer calls the key, once it has told.
    identifier: OnceCell<String>,
}

impl RemoteSigner {
    /// The key of `address` at the signer whose API begins at `url`. Nothing is asked yet.
    pub fn new(url: &str, address: Address, options: RemoteOptions) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let url = url.trim_end_matches('/').to_owned();
        let identifier = OnceCell::new();
        Self { shared: Arc::new(Shared { client, url, address, options, identifier }) }
    }

    /// The address of the key.
    pub fn address(&self) -> Address {
        self.shared.address
    }

    /// Has the Keccak-256 hash of `data` signed, and checks by whom. The signer is given `data` and hashes it itself.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn sign(&self, data: &[u8]) -> Result<Signature, KeyError> {
        let shared = &*self.shared;
        let identifier = shared.identifier.get_or_try_init(|| shared.identify()).await?;
        let body = serde_json::json!({ "data": hex::encode_prefixed(data) }).to_string();
        let path = format!("/api/v1/eth1/sign/{identifier}");
        let answer = match shared.call(Method::POST, &path, body.into()).await {
            Err(KeyError::Refused { status: 404, url }) => {
                return Err(KeyError::Unknown { url, address: shared.address });
            }
            answer => answer?,
        };
        let signature = shared.signature(&answer)?;
        let recovered = signature.recover_address_from_prehash(&keccak256(data));
        let recovered = recovered.map_err(|_| shared.malformed("no key gives the signature"))?;
        if recovered != shared.address {
            let (url, address) = (shared.url.clone(), shared.address);
            return Err(KeyError::WrongKey { url, address, recovered });
        }
        Ok(signature)
    }
}

impl Shared {
    /// How the signer calls our key: by its public key, or, in older versions, by its address.
    async fn identify(&self) -> Result<String, KeyError> {
        let answer = match self.call(Method::GET, "/api/v1/eth1/publicKeys", Bytes::new()).await {
            // A signer that does not list its keys still knows them.
            Err(KeyError::Refused { status: 403..=405, .. }) => {
                return Ok(format!("{:#x}", self.address));
            }
            answer => answer?,
        };
        let keys: Vec<String> = serde_json::from_slice(&answer)
            .map_err(|_| self.malformed("the list of keys is no list of texts"))?;
        let key = keys.into_iter().find(|key| address_of(key) == Some(self.address));
        key.ok_or_else(|| KeyError::Unknown { url: self.url.clone(), address: self.address })
    }

    /// Reads r, s and v in hexadecimal; v is 27 or 28.
    fn signature(&self, answer: &[u8]) -> Result<Signature, KeyError> {
        let text = std::str::from_utf8(answer);
        let text = text.map_err(|_| self.malformed("the signature is no text"))?;
        let mut bytes = [0; SIGNATURE_BYTES];
        hex::decode_to_slice(text.trim().trim_matches('"'), &mut bytes)
            .map_err(|_| self.malformed("the signature is not 65 bytes of hexadecimal"))?;
        let signature = Signature::from_raw_array(&bytes);
        let signature = signature.map_err(|_| self.malformed("v is not valid"))?;
        // The upper half of s is not valid in a transaction (EIP-2), and names the same key.
        Ok(signature.normalized_s())
    }

    /// Asks, and asks again what the signer has not seen or was too busy for.
    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, KeyError> {
        let mut attempt = 1;
        let mut pause = self.options.pause;
        loop {
            let asked = self.call_once(&method, path, body.clone(), attempt);
            let limit = self.options.timeout;
            let answer = match tokio::time::timeout(limit, asked).await {
                Ok(answer) => answer,
                Err(_) => {
                    let timeout_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
                    return Err(KeyError::Timeout { url: self.url.clone(), timeout_ms });
                }
            };
            match answer {
                Err(error) if error.is_transient() && attempt < self.options.attempts => {
                    tokio::time::sleep(pause).await;
                    (attempt, pause) = (attempt + 1, pause.saturating_mul(2));
                }
                answer => return answer,
            }
        }
    }

    async fn call_once(
        &self,
        method: &Method,
        path: &str,
        body: Bytes,
        attempts: u32,
    ) -> Result<Bytes, KeyError> {
        let unreachable =
            |reason: String| KeyError::Unreachable { url: self.url.clone(), attempts, reason };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| unreachable(error.to_string()))?;
        let response = self.client.request(request).await;
        let response = response.map_err(|error| unreachable(describe(&error)))?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(KeyError::Refused { url: self.url.clone(), status: status.as_u16() });
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok(body.map_err(|_| self.malformed("it is too long or ends early"))?.to_bytes())
    }

    fn malformed(&self, reason: &'static str) -> KeyError {
        KeyError::Answer { url: self.url.clone(), reason }
    }
}

/// The address of a key in the list: of a public key in uncompressed form, with or without its prefix, or of an address.
fn address_of(key: &str) -> Option<Address> {
    let bytes = hex::decode(key).ok()?;
    match bytes.as_slice() {
        [4, point @ ..] if point.len() == PUBLIC_KEY_BYTES => {
            Some(Address::from_raw_public_key(point))
        }
        point if point.len() == PUBLIC_KEY_BYTES => Some(Address::from_raw_public_key(point)),
        address => Address::try_from(address).ok(),
    }
}

/// The error and what caused it: hyper's own text alone says little.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl fmt::Debug for RemoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { url, address, .. } = &*self.shared;
        f.debug_struct("RemoteSigner").field("url", url).field("address", address).finish()
    }
}
