//! WebSocket sessions: RFC 6455 and the bounds of a session.

use crate::{
    chain::MemoryChain,
    client::{Http, Ws},
    config, node, serve,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::{
    Bytes, Message,
    protocol::frame::{
        Frame, FrameHeader,
        coding::{Data, OpCode},
    },
};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;

fn upgrade(extra: &str) -> String {
    format!("connection: Upgrade\r\nupgrade: websocket\r\n{extra}")
}

#[tokio::test]
async fn the_handshake_is_checked() {
    let node = node().await;
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (headers, status) in [
        (upgrade("sec-websocket-version: 13\r\n"), 400),
        (upgrade(&format!("{key}sec-websocket-version: 8\r\n")), 426),
        (
            upgrade(&format!("{key}sec-websocket-version: 13\r\norigin: http://evil.example\r\n")),
            403,
        ),
        (upgrade(&format!("{key}sec-websocket-version: 13\r\n")), 101),
    ] {
        let mut client = Http::connect(node.address).await;
        let answer = client.request("GET", "/", &headers, "").await;
        assert_eq!(answer.status, status, "{headers}");
        if status == 101 {
            // The example of RFC 6455, section 1.3.
            assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        }
        if status == 426 {
            assert_eq!(answer.header("sec-websocket-version"), Some("13"));
        }
    }
}

#[tokio::test]
async fn fragments_pings_and_binary_messages_are_read() {
    let node = node().await;
    let mut client = Ws::connect(node.address).await;
    let frame = |text: &str, opcode, is_final| {
        Message::Frame(Frame::message(text.as_bytes().to_vec(), OpCode::Data(opcode), is_final))
    };
    let (first, second) = CALL.split_at(20);
    client.socket.send(frame(first, Data::Text, false)).await.unwrap();
    client.socket.send(Message::Ping(Bytes::from_static(b"between"))).await.unwrap();
    client.socket.send(frame(second, Data::Continue, true)).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        match client.socket.next().await.unwrap().unwrap() {
            Message::Pong(data) => seen.push(String::from_utf8(data.to_vec()).unwrap()),
            Message::Text(text) => seen.push(text.to_string()),
            other => panic!("{other:?}"),
        }
    }
    seen.sort();
    assert_eq!(seen, ["between", r#"{"jsonrpc":"2.0","id":1,"result":"0xf214"}"#]);
    client.socket.send(Message::Binary(CALL.as_bytes().to_vec().into())).await.unwrap();
    assert_eq!(client.json().await["result"], "0xf214");
}

#[tokio::test]
async fn violations_close_with_their_code() {
    let mut config = config();
    config.request_bytes_max = 1_000;
    let node = serve(MemoryChain::dev(), config).await;
    let raw = |opcode, payload: &[u8]| {
        let header = FrameHeader { opcode, ..FrameHeader::default() };
        Message::Frame(Frame::from_payload(header, payload.to_vec().into()))
    };
    for (message, code) in [
        (Message::Text(" ".repeat(1_001).into()), 1009),
        (raw(OpCode::Data(Data::Text), b"\xff\xfe"), 1007),
        (raw(OpCode::Data(Data::Continue), b"{}"), 1002),
    ] {
        let mut client = Ws::connect(node.address).await;
        client.socket.send(message).await.unwrap();
        let (texts, frame) = client.until_closed().await;
        assert_eq!(frame.map(|(code, _)| code), Some(code), "{texts:?}");
        if code == 1009 {
            assert!(texts[0].contains("request too large"), "{texts:?}");
        }
    }
}

#[tokio::test]
async fn a_client_may_close() {
    let node = node().await;
    let mut client = Ws::connect(node.address).await;
    assert_eq!(client.result("eth_chainId", json!([])).await, "0xf214");
    client.socket.close(None).await.unwrap();
    let (_, frame) = client.until_closed().await;
    assert!(frame.is_none(), "the answer to a close without a code has none: {frame:?}");
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_dropped() {
    let mut config = config();
    config.ping_interval = Duration::from_millis(100);
    let node = serve(MemoryChain::dev(), config).await;
    // This client answers pings, since it is read, and lives on.
    let mut alive = Ws::connect(node.address).await;
    let mut pings = 0;
    while pings < 5 {
        if let Message::Ping(_) = alive.socket.next().await.unwrap().unwrap() {
            pings += 1;
        }
    }
    assert_eq!(alive.result("eth_chainId", json!([])).await, "0xf214");
    // This one does not speak WebSocket at all after the handshake.
    let mut dead = Http::connect(node.address).await;
    let headers =
        upgrade("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n");
    assert_eq!(dead.request("GET", "/", &headers, "").await.status, 101);
    dead.until_closed().await;
}

#[tokio::test]
async fn a_message_that_trickles_is_dropped_though_pongs_keep_coming() {
    let mut config = config();
    config.body_timeout = Duration::from_millis(200);
    let node = serve(MemoryChain::dev(), config).await;
    let mut client = Ws::connect(node.address).await;
    let first = Message::Frame(Frame::message(&b"["[..], OpCode::Data(Data::Text), false));
    client.socket.send(first).await.unwrap();
    let (mut sink, stream) = client.socket.split();
    let ponging = async {
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        while sink.send(Message::Pong(Bytes::new())).await.is_ok() {
            pace.tick().await;
        }
    };
    let closing = stream.filter_map(async |message| match message {
        Ok(Message::Close(frame)) => frame.map(|frame| u16::from(frame.code)),
        _ => None,
    });
    let mut closing = std::pin::pin!(closing);
    let (code, ()) = tokio::join!(closing.next(), ponging);
    assert_eq!(code, Some(1008));
    // A peer whose messages are whole may be as quiet as pings allow.
    let mut quiet = Ws::connect(node.address).await;
    let silence = tokio::time::timeout(Duration::from_secs(1), quiet.text()).await;
    assert!(silence.is_err());
    assert_eq!(quiet.result("eth_chainId", json!([])).await, "0xf214");
}

#[tokio::test]
async fn many_requests_in_flight_are_all_answered() {
    let mut config = config();
    config.websocket_requests_max = 2;
    config.websocket_queue = 4;
    let node = serve(MemoryChain::dev(), config).await;
    let client = Ws::connect(node.address).await;
    let (mut sink, mut stream) = client.socket.split();
    let sending = tokio::spawn(async move {
        for id in 0..500_u64 {
            let method = if id % 2 == 0 { "eth_getBlockByNumber" } else { "eth_chainId" };
            let params = if id % 2 == 0 { json!(["latest", false]) } else { json!([]) };
            let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
            sink.send(Message::Text(request.to_string().into())).await.unwrap();
        }
        sink
    });
    let mut ids = Vec::new();
    while ids.len() < 500 {
        if let Message::Text(text) = stream.next().await.unwrap().unwrap() {
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert!(answer.get("result").is_some(), "{answer}");
            ids.push(answer["id"].as_u64().unwrap());
        }
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..500).collect::<Vec<_>>());
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn submissions_enter_in_the_order_sent() {
    let node = node().await;
    let mut client = Ws::connect(node.address).await;
    for byte in 0..100_u8 {
        let raw = format!("0x{byte:02x}");
        let request = json!({"jsonrpc": "2.0", "id": byte, "method": "eth_sendRawTransaction", "params": [raw]});
        client.send(&request.to_string()).await;
    }
    for _ in 0..100 {
        client.json().await;
    }
    let submitted = node.chain.submitted.lock().unwrap();
    assert!(submitted.iter().map(|raw| raw[0]).eq(0..100));
}

#[tokio::test]
async fn shutdown_says_goodbye() {
    let mut node = node().await;
    let mut client = Ws::connect(node.address).await;
    assert_eq!(client.result("eth_chainId", json!([])).await, "0xf214");
    node.shutdown.trigger(weir_runtime::ShutdownReason::Done);
    let (_, frame) = client.until_closed().await;
    assert_eq!(frame.map(|(code, _)| code), Some(1001));
    node.running.take().unwrap().await.unwrap();
}
