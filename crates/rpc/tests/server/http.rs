//! HTTP around the calls: methods, types, hosts, origins, probes, limits, timeouts.

use crate::{chain::MemoryChain, client::Http, config, node, serve};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use weir_rpc::{Hosts, JwtSecret, Origins, Readiness, ServerConfig};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
const JSON: &str = "content-type: application/json\r\n";

#[tokio::test]
async fn only_json_is_posted_and_only_to_the_root() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    for (method, path, headers, status) in [
        ("POST", "/", "content-type: application/json; charset=utf-8\r\n", 200),
        ("POST", "/", "Content-Type: APPLICATION/JSON\r\n", 200),
        ("POST", "/", "", 415),
        ("POST", "/", "content-type: text/plain\r\n", 415),
        ("POST", "/rpc", JSON, 404),
        ("GET", "/", "", 405),
        ("PUT", "/", JSON, 405),
    ] {
        let answer = client.request(method, path, headers, CALL).await;
        assert_eq!(answer.status, status, "{method} {path} {headers}");
    }
    let answer = client.post(CALL).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn probes_answer() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    assert_eq!(client.request("GET", "/health/live", "", "").await.status, 200);
    assert_eq!(client.request("GET", "/health/ready", "", "").await.status, 200);
    assert_eq!(client.request("GET", "/health/other", "", "").await.status, 404);
    *node.chain.ready.lock().unwrap() = Readiness::NotReady { reason: "replaying".to_owned() };
    let answer = client.request("GET", "/health/ready", "", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "not ready: replaying\n"));
    assert_eq!(client.request("GET", "/health/live", "", "").await.status, 200);
}

#[tokio::test]
async fn large_bodies_pass_up_to_the_limit() {
    let mut config = config();
    config.request_bytes_max = 1_000_000;
    let node = serve(MemoryChain::dev(), config).await;
    let mut client = Http::connect(node.address).await;
    // A deployment of 200 KiB: decoded, handed on whole, answered.
    let raw = "ab".repeat(200 * 1024);
    let (code, _) = client.error("eth_sendRawTransaction", json!([format!("0x{raw}")])).await;
    assert_eq!(code, -32000);
    assert_eq!(node.chain.submitted.lock().unwrap()[0].len(), 200 * 1024);
    let answer = client.post(&" ".repeat(1_000_001)).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["error"]["code"], -32600);
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("limit=1000000"));
}

#[tokio::test]
async fn a_chunked_body_is_bounded_too() {
    let mut config = config();
    config.request_bytes_max = 100;
    let node = serve(MemoryChain::dev(), config).await;
    let mut client = Http::connect(node.address).await;
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let half = CALL.len() / 2;
    let (first, second) = CALL.split_at(half);
    let chunks = format!(
        "{head}{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    client.write(chunks.as_bytes()).await;
    assert_eq!(client.answer().await.json()["result"], "0xf214");
    client.write(format!("{head}c8\r\n{}\r\n0\r\n\r\n", " ".repeat(200)).as_bytes()).await;
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test]
async fn an_answer_over_the_limit_is_an_error() {
    let mut config = config();
    config.response_bytes_max = 500;
    let node = serve(MemoryChain::dev(), config).await;
    let mut client = Http::connect(node.address).await;
    let (code, message) = client.error("eth_getBlockByNumber", json!(["0x0", false])).await;
    assert_eq!(code, -32003);
    assert!(message.contains("limit=500"), "{message}");
}

#[tokio::test]
async fn foreign_hosts_are_refused() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    for (host, status) in [("localhost", 200), ("127.0.0.1:8545", 200), ("evil.example", 403)] {
        let length = CALL.len();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\n{JSON}content-length: {length}\r\n\r\n{CALL}"
        );
        client.write(request.as_bytes()).await;
        assert_eq!(client.answer().await.status, status, "{host}");
    }
}

#[tokio::test]
async fn browsers_are_told_which_origins_may_read() {
    let mut config = config();
    config.origins = Origins::List(vec!["http://localhost:3000".to_owned()]);
    config.hosts = Hosts::Any;
    let node = serve(MemoryChain::dev(), config).await;
    let mut client = Http::connect(node.address).await;
    let good = "origin: http://localhost:3000\r\n";
    let preflight = client.request("OPTIONS", "/", good, "").await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert_eq!(
        preflight.header("access-control-allow-headers"),
        Some("content-type, authorization, x-api-key")
    );
    let answer = client.request("POST", "/", &format!("{JSON}{good}"), CALL).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert_eq!(answer.header("vary"), Some("origin"));
    let bad = "origin: http://evil.example\r\n";
    assert_eq!(client.request("OPTIONS", "/", bad, "").await.status, 403);
    let answer = client.request("POST", "/", &format!("{JSON}{bad}"), CALL).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn connections_are_capped() {
    let mut config = config();
    config.connections_max = 1;
    let node = serve(MemoryChain::dev(), config).await;
    let mut first = Http::connect(node.address).await;
    assert_eq!(first.post(CALL).await.status, 200);
    let mut second = Http::connect(node.address).await;
    assert_eq!(second.answer().await.status, 503);
    assert!(second.is_closed_by_peer().await);
    assert_eq!(first.post(CALL).await.status, 200);
}

#[tokio::test]
async fn connections_of_one_address_are_capped() {
    let mut config = config();
    config.connections_per_address_max = 1;
    let node = serve(MemoryChain::dev(), config).await;
    let mut first = Http::connect(node.address).await;
    assert_eq!(first.post(CALL).await.status, 200);
    let mut second = Http::connect(node.address).await;
    assert_eq!(second.answer().await.status, 429);
    assert!(second.is_closed_by_peer().await);
    let mut other = Http::connect_from("127.0.0.2", node.address).await;
    assert_eq!(other.post(CALL).await.status, 200);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let mut config = config();
    config.idle_timeout = Duration::from_millis(300);
    let node = serve(MemoryChain::dev(), config).await;
    let mut unused = Http::connect(node.address).await;
    let mut used = Http::connect(node.address).await;
    assert_eq!(used.post(CALL).await.status, 200);
    assert!(unused.is_closed_by_peer().await);
    assert!(used.is_closed_by_peer().await);
}

#[tokio::test]
async fn a_head_that_trickles_is_dropped_though_bytes_keep_coming() {
    let mut config = config();
    config.header_timeout = Duration::from_millis(300);
    let node = serve(MemoryChain::dev(), config).await;
    let mut client = Http::connect(node.address).await;
    client.write(b"POST / HTTP/1.1\r\nx: ").await;
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    // A write fails only once the server closed its end.
    while client.try_write(b"a").await.is_ok() {
        pace.tick().await;
    }
    assert_eq!(Http::connect(node.address).await.post(CALL).await.status, 200);
}

#[tokio::test]
async fn large_requests_share_a_memory() {
    let mut config = config();
    config.held_bytes_max = 300_000;
    let node = serve(MemoryChain::dev(), config).await;
    let head =
        format!("POST / HTTP/1.1\r\nhost: localhost\r\n{JSON}content-length: 250001\r\n\r\n");
    let mut first = Http::connect(node.address).await;
    first.write(head.as_bytes()).await;
    first.write(&[b' '; 250_000]).await;
    let mut second = Http::connect(node.address).await;
    // Once the server holds the first body, there is no room for a second one.
    let refused = loop {
        let answer = second.post(&" ".repeat(200_000)).await;
        if answer.status == 503 {
            break answer;
        }
        second = Http::connect(node.address).await;
    };
    assert_eq!(refused.json()["error"]["code"], -32005);
    assert_eq!(Http::connect(node.address).await.post(CALL).await.status, 200);
    first.write(b" ").await;
    assert_eq!(first.answer().await.status, 200);
    let mut third = Http::connect(node.address).await;
    assert_eq!(third.post(&" ".repeat(200_000)).await.status, 200);
}

#[tokio::test]
async fn tricklers_are_dropped_and_nobody_else() {
    let mut config = config();
    config.header_timeout = Duration::from_millis(300);
    config.body_timeout = Duration::from_millis(300);
    let node = serve(MemoryChain::dev(), config).await;
    let mut slow_header = Http::connect(node.address).await;
    slow_header.write(b"POST / HT").await;
    let mut slow_body = Http::connect(node.address).await;
    slow_body
        .write(
            format!("POST / HTTP/1.1\r\nhost: localhost\r\n{JSON}content-length: 50\r\n\r\n{{")
                .as_bytes(),
        )
        .await;
    let mut other = Http::connect(node.address).await;
    for _ in 0..100 {
        assert_eq!(other.post(CALL).await.status, 200);
    }
    assert!(slow_header.is_closed_by_peer().await);
    assert_eq!(slow_body.answer().await.status, 408);
    assert!(slow_body.is_closed_by_peer().await);
}

#[tokio::test]
async fn shutdown_lets_the_server_end() {
    let mut node = node().await;
    let mut idle = Http::connect(node.address).await;
    assert_eq!(idle.post(CALL).await.status, 200);
    node.shutdown.trigger(weir_runtime::ShutdownReason::Done);
    node.running.take().unwrap().await.unwrap();
    assert!(idle.is_closed_by_peer().await);
}

/// What an operator sends, made at this time.
fn bearer(secret: &[u8; 32], iat: u64) -> String {
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let signed = format!("{}.{}", part(r#"{"alg":"HS256"}"#), part(&format!("{{\"iat\":{iat}}}")));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("authorization: Bearer {signed}.{signature}\r\n")
}

#[tokio::test]
async fn a_token_is_good_for_a_minute() {
    let secret = [7; 32];
    let config = ServerConfig { jwt: Some(JwtSecret::new(secret)), ..config() };
    let node = serve(MemoryChain::dev(), config).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (token, status, words) in [
        (bearer(&secret, now), 200, "0xf214"),
        (bearer(&secret, now - 120), 401, "too old"),
        (bearer(&secret, now + 120), 401, "too new"),
        (bearer(&[8; 32], now), 401, "not valid"),
        (String::new(), 401, "needed"),
    ] {
        let mut client = Http::connect(node.address).await;
        let answer = client.request("POST", "/", &format!("{JSON}{token}"), CALL).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.contains(words), "{answer:?}");
    }
}
