//! Every method that a node describes, called as its schemas say and as they do not, by the hundred thousand.

use crate::{
    node::{Client, Node, PATIENCE, SECOND_KEY},
    schema::Schemas,
};
use jsonrpsee::rpc_params;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
};

/// Threads that call at once, each with a connection of its own.
const CALLERS: u64 = 4;
/// Requests in a batch.
const BATCH: usize = 100;
/// Batches of each caller: 120,000 calls in all.
const BATCHES: usize = 300;
/// One in so many batches is damaged as text.
const DAMAGED: usize = 20;

/// Methods that do more than answer: a node on which anybody may call them would be busy with nothing else.
const LEFT_OUT: [&str; 1] = ["weir_devReorg"];

/// The server failed, which no input may bring about.
const INTERNAL_ERROR: i64 = -32_603;

/// A connection that is kept open.
struct Connection {
    stream: TcpStream,
    host: String,
}

impl Connection {
    fn open(url: &str) -> Self {
        let host = url.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).expect("the node listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        Self { stream, host }
    }

    /// Posts a body and returns the answer's.
    fn post(&mut self, body: &[u8]) -> String {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        self.stream.write_all(&[head.as_bytes(), body].concat()).expect("the node reads");
        let mut bytes = Vec::new();
        let mut chunk = [0; 65_536];
        loop {
            let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = end {
                let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.expect("a length").trim().parse().expect("a number");
                while bytes.len() < end + 4 + length {
                    let count = self.stream.read(&mut chunk).expect("the answer comes");
                    assert!(count > 0, "the node hung up in the middle of an answer");
                    bytes.extend_from_slice(&chunk[..count]);
                }
                return String::from_utf8(bytes.split_off(end + 4)).expect("the answer is text");
            }
            let count = self.stream.read(&mut chunk).expect("the answer comes");
            assert!(count > 0, "the node hung up without an answer");
            bytes.extend_from_slice(&chunk[..count]);
        }
    }
}

/// A request of some method, and whether its parameters fit their schemas.
fn request<'a>(schemas: &mut Schemas<'a>, method: &'a Value, id: usize) -> (Value, bool) {
    let described = method["params"].as_array().expect("parameters");
    let mut params = Vec::new();
    for param in described {
        if param["required"] == false && schemas.below(2) == 0 {
            break;
        }
        params.push(schemas.value(&param["schema"], 0));
    }
    let is_valid = schemas.below(2) == 0;
    let mut params = Value::Array(params);
    if !is_valid {
        params = schemas.mutated(params);
    }
    let request = json!({ "jsonrpc": "2.0", "id": id, "method": method["name"], "params": params });
    (request, is_valid)
}

/// What one caller saw, by method: calls, and those that gave a result.
type Seen = BTreeMap<String, (u64, u64)>;

fn call_all(document: &Value, url: &str, seed: u64, known: Vec<String>) -> Seen {
    let mut schemas = Schemas::new(document, seed, known);
    let methods: Vec<&Value> = document["methods"]
        .as_array()
        .expect("methods")
        .iter()
        .filter(|method| !LEFT_OUT.iter().any(|name| method["name"] == *name))
        .collect();
    let mut connection = Connection::open(url);
    let mut seen = Seen::new();
    for round in 0..BATCHES {
        let start = round * BATCH;
        let batch: Vec<(&Value, Value, bool)> = (start..start + BATCH)
            .map(|id| {
                let method = methods[id % methods.len()];
                let (request, is_valid) = request(&mut schemas, method, id);
                (method, request, is_valid)
            })
            .collect();
        let requests: Vec<&Value> = batch.iter().map(|(_, request, _)| request).collect();
        let mut body = serde_json::to_vec(&requests).expect("JSON is written");
        if round % DAMAGED == DAMAGED - 1 {
            let at = schemas.below(body.len());
            body[at] = u8::try_from(schemas.below(256)).expect("a byte");
            check_damaged(&connection.post(&body));
            continue;
        }
        let answers: Vec<Value> = serde_json::from_str(&connection.post(&body)).expect("a batch");
        assert_eq!(answers.len(), batch.len(), "each request has its answer");
        for (method, request, is_valid) in &batch {
            let answer = answers.iter().find(|answer| answer["id"] == request["id"]);
            let answer = answer.unwrap_or_else(|| panic!("no answer: {request}"));
            let is_result = check(&schemas, method, request, *is_valid, answer);
            let seen = seen.entry(method["name"].to_string()).or_default();
            seen.0 += 1;
            seen.1 += u64::from(is_result);
        }
    }
    seen
}

/// Whether the answer is a result. What fits the parameters' schemas must give what fits the result's.
fn check<'a>(
    schemas: &Schemas<'a>,
    method: &'a Value,
    request: &Value,
    is_valid: bool,
    answer: &Value,
) -> bool {
    let error = &answer["error"];
    if !error.is_null() {
        let code = error["code"].as_i64().unwrap_or_else(|| panic!("no code: {answer}"));
        assert_ne!(code, INTERNAL_ERROR, "{request}: {answer}");
        return false;
    }
    let misfit = schemas.misfit(&method["result"]["schema"], &answer["result"]);
    if let Some(why) = misfit.filter(|_| is_valid) {
        panic!("{request}: {why}");
    }
    true
}

/// A damaged batch is refused as a whole, or still is one.
fn check_damaged(answer: &str) {
    let answer: Value = serde_json::from_str(answer).expect("the answer is JSON");
    let answers = answer.as_array().cloned().unwrap_or_else(|| vec![answer]);
    for answer in answers {
        assert_ne!(answer["error"]["code"].as_i64(), Some(INTERNAL_ERROR), "{answer}");
    }
}

/// Texts that lead to something on this node.
async fn known(client: &Client) -> Vec<String> {
    let transaction = client.transfer(0).await;
    let number = client.included(transaction).await;
    let block = client.block_hash(number).await.expect("the block is there");
    let sender = client.signer.address();
    let mut texts = vec![transaction.to_string(), block.to_string(), format!("{sender:#x}")];
    texts.push(client.raw_transfer(1, 10_000_000_000, 1).to_string());
    texts.extend((0..=number).map(|number| format!("{number:#x}")));
    texts
}

/// Tells the others that it is over, also when a caller has failed.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_input_breaks_the_node_or_keeps_others_from_being_served() {
    let node = Node::start(&["--ephemeral"]);
    let client = node.client();
    let document = client.call("rpc.discover", rpc_params![]).await;
    let methods = document["methods"].as_array().expect("methods");
    assert!(methods.len() > 80, "{} methods", methods.len());
    let known = known(&client).await;
    let is_over = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let over = Over(&is_over);
        let call = |seed| {
            let (document, known, url) = (&document, known.clone(), node.http.as_str());
            scope.spawn(move || call_all(document, url, seed, known))
        };
        let callers: Vec<_> = (0..CALLERS).map(call).collect();
        let others = scope.spawn(|| others_are_served(&node.http, &is_over));
        let seen: Vec<Seen> =
            callers.into_iter().map(|caller| caller.join().expect("no answer was wrong")).collect();
        drop(over);
        let served = others.join().expect("others are served");
        assert!(served >= 3, "others were served {served} times");
        seen
    });
    let mut total = 0;
    let mut results = BTreeMap::<String, u64>::new();
    for (method, (calls, good)) in seen.into_iter().flatten() {
        total += calls;
        *results.entry(method).or_default() += good;
    }
    assert!(total > 100_000, "{total} calls");
    // Most methods are reached behind their parsers; those about what is not there, or over WebSocket alone, are not.
    let reached = results.values().filter(|good| **good > 0).count();
    assert!(reached * 2 > results.len(), "{results:?}");
    client.next_block().await;
}

/// Sends transfers until the others are done, each of which must come into a block; how many did.
fn others_are_served(url: &str, is_over: &AtomicBool) -> u64 {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(async {
        // An account of its own: the others send what they find of the first.
        let mut client = Client::at(url);
        client.signer = SECOND_KEY.parse().expect("the key is valid");
        let mut nonce = 0;
        while !is_over.load(Ordering::Relaxed) || nonce < 3 {
            client.included(client.transfer(nonce).await).await;
            nonce += 1;
        }
        nonce
    })
}
