//! A node that is slow, lies, or answers nonsense: a TCP listener with canned HTTP answers.

use alloy_primitives::{Address, B256, Bytes};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use weir_follower::{ChainClient, ClientConfig, ClientError};
use weir_primitives::Severity;

/// What the fake node does with its n-th request.
#[derive(Debug, Clone)]
enum Answer {
    /// This JSON-RPC result.
    Result(serde_json::Value),
    /// This JSON-RPC error.
    Error(i64, &'static str),
    /// This HTTP status.
    Status(u16),
    /// Nothing, ever.
    Silence,
}

struct Fake {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Fake {
    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Serves `answers` in turn, the last one for ever.
async fn fake(answers: Vec<Answer>) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let request = read_request(&mut socket).await;
            let index = count.fetch_add(1, Ordering::SeqCst);
            let answer = answers[index.min(answers.len() - 1)].clone();
            let id = request["id"].clone();
            let (status, body) = match answer {
                Answer::Result(result) => {
                    (200, serde_json::json!({"jsonrpc": "2.0", "id": id, "result": result}))
                }
                Answer::Error(code, message) => {
                    let error = serde_json::json!({"code": code, "message": message});
                    (200, serde_json::json!({"jsonrpc": "2.0", "id": id, "error": error}))
                }
                Answer::Status(status) => (status, serde_json::json!("unavailable")),
                Answer::Silence => {
                    tokio::spawn(async move {
                        // Keeps the socket open until the client gives up.
                        let _ = socket.read_to_end(&mut Vec::new()).await;
                    });
                    continue;
                }
            };
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let _ = socket.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    Fake { url, requests }
}

async fn read_request(socket: &mut tokio::net::TcpStream) -> serde_json::Value {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = socket.read(&mut chunk).await.unwrap();
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((_, body)) = text.split_once("\r\n\r\n") else { continue };
        if let Ok(request) = serde_json::from_str(body) {
            return request;
        }
    }
}

async fn client(fake: &Fake) -> ChainClient {
    let config = ClientConfig {
        request_timeout: Duration::from_millis(200),
        read_attempts_max: 3,
        backoff_base: Duration::from_millis(1),
        backoff_max: Duration::from_millis(2),
        batch_calls_max: 10,
    };
    ChainClient::connect_with(&fake.url, config).await.unwrap()
}

#[tokio::test]
async fn a_read_is_tried_again_until_it_is_answered() {
    let limit = Answer::Error(-32005, "limit exceeded");
    let answers = vec![Answer::Status(503), limit, Answer::Result(serde_json::json!("0x7"))];
    let fake = fake(answers).await;
    assert_eq!(client(&fake).await.chain_id().await.unwrap(), 7);
    assert_eq!(fake.requests(), 3);
}

#[tokio::test]
async fn a_read_gives_up_after_the_attempts() {
    let fake = fake(vec![Answer::Status(502)]).await;
    let error = client(&fake).await.chain_id().await.unwrap_err();
    assert!(matches!(error, ClientError::Transport { method: "eth_chainId", .. }), "{error}");
    assert_eq!((fake.requests(), error.severity()), (3, Severity::Retry));
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let fake = fake(vec![Answer::Silence]).await;
    let error = client(&fake).await.chain_id().await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { timeout_ms: 200, .. }), "{error}");
    assert_eq!(fake.requests(), 3);
}

#[tokio::test]
async fn sending_is_never_tried_again() {
    let fake = fake(vec![Answer::Status(503)]).await;
    let error = client(&fake).await.send_raw(&Bytes::from_static(&[2])).await.unwrap_err();
    assert!(matches!(error, ClientError::Transport { .. }), "{error}");
    assert_eq!(fake.requests(), 1);
}

#[tokio::test]
async fn refusals_and_nonsense_are_not_tried_again() {
    let unknown = fake(vec![Answer::Error(-32601, "the method does not exist")]).await;
    let error = client(&unknown).await.chain_id().await.unwrap_err();
    assert_eq!(error.refused().map(|refused| refused.code), Some(-32601));
    assert_eq!((unknown.requests(), error.severity()), (1, Severity::Halt));

    let nonsense = fake(vec![Answer::Result(serde_json::json!({"no": "number"}))]).await;
    let error = client(&nonsense).await.chain_id().await.unwrap_err();
    assert!(matches!(error, ClientError::Malformed { .. }), "{error}");
    assert_eq!((nonsense.requests(), error.severity()), (1, Severity::Halt));
}

#[tokio::test]
async fn a_block_that_does_not_hash_to_its_claim_is_not_believed() {
    let header = alloy_consensus::Header { gas_limit: 1, ..Default::default() };
    let mut wire = serde_json::to_value(&header).unwrap();
    wire["hash"] = serde_json::json!(B256::repeat_byte(1));
    wire["uncles"] = serde_json::json!([]);
    wire["transactions"] = serde_json::json!([]);
    wire["size"] = serde_json::json!("0x1");
    let fake = fake(vec![Answer::Result(wire)]).await;
    let client = client(&fake).await;
    let computed = header.hash_slow();
    for error in [client.head().await.unwrap_err(), client.block_by_number(0).await.unwrap_err()] {
        assert!(
            matches!(error, ClientError::Inconsistent { part: "block hash", computed: found, .. } if found == computed),
            "{error}"
        );
        assert_eq!(error.severity(), Severity::Halt);
    }
}

#[tokio::test]
async fn urls_that_cannot_be_used_are_refused_without_their_secrets() {
    let error = ChainClient::connect("ftp://user:word@host/secret").await.unwrap_err();
    assert_eq!(error.to_string(), "connection cannot be opened: url=ftp://host");
    let error = ChainClient::connect("ws://127.0.0.1:1/secret").await.unwrap_err();
    assert!(!format!("{error}").contains("secret"));
}

#[tokio::test]
async fn an_address_without_code_returns_no_bytes() {
    let fake = fake(vec![Answer::Result(serde_json::json!("0x"))]).await;
    let called = client(&fake).await.call(Address::ZERO, Bytes::new(), B256::ZERO).await;
    assert_eq!(called.unwrap(), Bytes::new());
}
