//! Clients that mean no good, all at once, beside one that does. Everything is on the loopback, and made from one seed.

use crate::{
    chain::MemoryChain,
    client::{Http, Ws},
    config, node, serve,
};
use alloy_primitives::{Address, B256, Bytes, Log};
use futures_util::{SinkExt, StreamExt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio_tungstenite::tungstenite::Message;

const IDLE: usize = 1_000;
const SLOW: usize = 50;
const READERS: usize = 50;
const READS_EACH: usize = 200;
const RUBBISH: usize = 4_000;
/// Memory that all of it may cost this process, clients included.
const GROWTH_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The SplitMix64 generator.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }
}

/// A value that fits what a parameter is called, or one that does not.
fn argument(name: &str, random: &mut Random) -> Value {
    const ODD: usize = 12;
    let hash = B256::repeat_byte(3);
    match random.below(ODD * 2) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1.5e300),
        3 => json!(u64::MAX),
        4 => json!(""),
        5 => json!("0x"),
        6 => json!("0xzz\u{0}\u{2028}\u{1f4a9}"),
        7 => json!("9".repeat(1_000)),
        8 => json!([[[[[]]]]]),
        9 => json!({"to": 1, "from": [], "address": {}, "topics": "x", "blockHash": 0}),
        10 => json!(vec!["0x1"; 2_000]),
        11 => json!(format!("0x{}", "f".repeat(64))),
        _ => match name.trim_end_matches('?') {
            "block" | "newestBlock" => json!("latest"),
            "address" => json!(Address::ZERO),
            "hash" => json!(hash),
            "slot" | "index" | "blockCount" | "amountIn" => json!("0x1"),
            "request" => json!({"to": Address::ZERO, "data": "0x"}),
            "filter" => json!({"fromBlock": "0x0", "toBlock": "latest"}),
            "slots" => json!(["0x0", "0x1"]),
            "fullTransactions" => json!(false),
            _ => json!("0x01"),
        },
    }
}

/// A request of any method, most of them not as they should be.
fn request(random: &mut Random) -> Vec<u8> {
    let methods: Vec<_> = weir_rpc::method_names().collect();
    let (method, parameters) = methods[random.below(methods.len())];
    let params: Vec<Value> = parameters
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| argument(name, random))
        .collect();
    let request =
        json!({"jsonrpc": "2.0", "id": random.below(1_000), "method": method, "params": params});
    let mut text = request.to_string().into_bytes();
    match random.below(8) {
        0 => text.truncate(random.below(text.len())),
        1 => {
            let at = random.below(text.len());
            text[at] = u8::try_from(random.below(256)).unwrap();
        }
        2 => text = b"[".repeat(random.below(5_000)),
        3 => text = format!("[{}]", vec!["1"; random.below(1_500)].join(",")).into_bytes(),
        _ => {}
    }
    text
}

/// Whether an answer is one of JSON-RPC 2.0.
fn is_answer(answer: &Value) -> bool {
    let is_one = |one: &Value| {
        let is_error = one["error"]["code"].is_i64() && one["error"]["message"].is_string();
        one["jsonrpc"] == "2.0" && (is_error || one.get("result").is_some())
    };
    answer.as_array().map_or_else(|| is_one(answer), |all| all.iter().all(is_one))
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

async fn idle(address: SocketAddr) -> Vec<Http> {
    let mut clients = Vec::new();
    for _ in 0..IDLE {
        clients.push(Http::connect_from("127.0.0.2", address).await);
    }
    clients
}

/// Sends a byte at a time until the server has enough.
async fn slow(address: SocketAddr) {
    let mut client = Http::connect_from("127.0.0.3", address).await;
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    while client.try_write(b"x").await.is_ok() {
        pace.tick().await;
    }
}

/// Asks for everything, without waiting for answers; how many came, and how many of them said that the server is busy.
async fn greedy(address: SocketAddr) -> (usize, usize) {
    let (mut sink, mut stream) = Ws::connect_from("127.0.0.4", address).await.socket.split();
    let sending = tokio::spawn(async move {
        for id in 0..READS_EACH {
            let everything = json!([{"fromBlock": "earliest", "toBlock": "latest"}]);
            let request =
                json!({"jsonrpc": "2.0", "id": id, "method": "eth_getLogs", "params": everything});
            sink.send(Message::Text(request.to_string().into())).await.unwrap();
        }
        sink
    });
    let (mut answers, mut busy) = (0, 0);
    while answers < READS_EACH {
        let Message::Text(text) = stream.next().await.unwrap().unwrap() else { continue };
        answers += 1;
        if let Some(error) = serde_json::from_str::<Value>(&text).unwrap().get("error") {
            assert_eq!(error["code"], -32005, "{error}");
            busy += 1;
        }
    }
    drop(sending.await.unwrap());
    (answers, busy)
}

/// Sends rubbish over HTTP; each piece is answered as JSON-RPC says.
async fn rubbish(address: SocketAddr, seed: u64) {
    let mut random = Random(seed);
    let mut client = Http::connect_from("127.0.0.5", address).await;
    for _ in 0..RUBBISH {
        let body = request(&mut random);
        let answer = client.post_bytes(&body).await;
        match answer.status {
            200 => assert!(is_answer(&answer.json()), "{}: {answer:?}", body.escape_ascii()),
            status => assert_eq!(status, 204, "{}", body.escape_ascii()),
        }
    }
}

/// The client that means well: its calls are all answered, reads on the readers' threads too. How many it made.
async fn decent(address: SocketAddr, done: &tokio::sync::Notify) -> usize {
    let mut client = Http::connect(address).await;
    let mut rounds = 0;
    let mut done = std::pin::pin!(done.notified());
    while futures_util::poll!(&mut done).is_pending() {
        assert_eq!(client.result("eth_chainId", json!([])).await, "0xf214");
        client.result("eth_getBlockByNumber", json!(["latest", false])).await;
        assert_eq!(client.error("eth_sendRawTransaction", json!(["0x01"])).await.0, -32000);
        rounds += 1;
    }
    rounds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decent_client_is_served_whatever_the_others_do() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = 2 * (IDLE + SLOW + READERS) as u64 + 500;
    if limit.maximum.is_some_and(|maximum| maximum < wanted) {
        eprintln!("skipped: the system allows too few open files: limit={limit:?}");
        return;
    }
    if limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }).unwrap();
    }
    let mut config = config();
    config.connections_max = 2_048;
    config.connections_per_address_max = 1_024;
    config.header_timeout = Duration::from_secs(2);
    let node = serve(MemoryChain::dev(), config).await;
    let log = Log::new(Address::repeat_byte(1), vec![B256::ZERO], Bytes::new()).unwrap();
    for salt in 0..100 {
        node.chain.commit(salt, vec![vec![log.clone()]]);
    }
    let before = resident();
    let mut unused = idle(node.address).await;
    let slow: Vec<_> = (0..SLOW).map(|_| tokio::spawn(slow(node.address))).collect();
    let greedy: Vec<_> = (0..READERS).map(|_| tokio::spawn(greedy(node.address))).collect();
    let rubbish: Vec<_> = (0..2).map(|seed| tokio::spawn(rubbish(node.address, seed))).collect();
    let done = tokio::sync::Notify::new();
    let abuse = async {
        let (mut answers, mut busy) = (0, 0);
        for task in greedy {
            let (all, refused) = task.await.unwrap();
            answers += all;
            busy += refused;
        }
        for task in slow.into_iter().chain(rubbish) {
            task.await.unwrap();
        }
        done.notify_one();
        (answers, busy)
    };
    let (rounds, (answers, busy)) = tokio::join!(decent(node.address, &done), abuse);
    assert_eq!(answers, READERS * READS_EACH);
    assert!(rounds > 20, "rounds={rounds} busy={busy}");
    let growth = resident().saturating_sub(before);
    assert!(growth < GROWTH_BYTES_MAX, "growth={growth}");
    for client in unused.iter_mut().step_by(100) {
        assert_eq!(client.result("eth_chainId", json!([])).await, "0xf214");
    }
}

#[tokio::test]
async fn rubbish_over_a_websocket_ends_no_session_but_its_own() {
    let node = node().await;
    let mut other = Ws::connect(node.address).await;
    let mut random = Random(7);
    let mut client = Ws::connect(node.address).await;
    for number in 0..500 {
        let body = request(&mut random);
        let message = match String::from_utf8(body) {
            Ok(text) => Message::Text(text.into()),
            Err(bytes) => Message::Binary(bytes.into_bytes().into()),
        };
        client.socket.send(message).await.unwrap();
        // Whatever came of it, the session goes on; notifications of subscriptions may come between.
        let probe = format!("probe {number}");
        let request = json!({"jsonrpc": "2.0", "id": probe, "method": "eth_chainId"});
        client.send(&request.to_string()).await;
        while client.json().await["id"] != probe.as_str() {}
    }
    assert_eq!(other.result("eth_chainId", json!([])).await, "0xf214");
}

#[tokio::test]
async fn rubbish_instead_of_http_and_frames_is_survived() {
    let node = node().await;
    let mut random = Random(8);
    let upgrade =
        b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for _ in 0..500 {
        let mut client = Http::connect(node.address).await;
        if random.below(2) == 0 {
            client.write(upgrade).await;
        }
        let length = random.below(300);
        let bytes: Vec<u8> =
            (0..length).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
        client.write(&bytes).await;
        client.end().await;
        client.until_closed().await;
    }
    assert_eq!(Http::connect(node.address).await.result("eth_chainId", json!([])).await, "0xf214");
}
