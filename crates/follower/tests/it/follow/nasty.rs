//! A JSON-RPC node under the test's control, over HTTP and WebSocket: a tree of real blocks of which one branch is
//! canonical, and a script that may answer in its place.

use super::model::hash;
use alloy_consensus::{
    Eip658Value, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, TxType,
    proofs::calculate_receipt_root,
};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{broadcast, watch},
};
use tokio_tungstenite::tungstenite::Message;
use weir_primitives::BlockRef;

/// A block and its receipts as the node serves them.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) reference: BlockRef,
    pub(super) block: Value,
    pub(super) receipts: Vec<Value>,
}

/// The tree of blocks.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) blocks: HashMap<B256, Served>,
    pub(super) canonical: Vec<B256>,
    made: u64,
}

impl Tree {
    /// A child of `parent` with one transaction for each of these types, each with as many logs as it is in the list.
    pub(super) fn grow(&mut self, parent: B256, types: &[TxType]) -> B256 {
        self.made += 1;
        let number = self.blocks.get(&parent).map_or(0, |block| block.reference.number + 1);
        let salt = self.made;
        let receipts: Vec<_> =
            types.iter().enumerate().map(|(index, kind)| receipt(*kind, index, salt)).collect();
        let header = Header {
            parent_hash: parent,
            number,
            timestamp: 1_000 + number,
            base_fee_per_gas: Some(7),
            receipts_root: calculate_receipt_root(&receipts),
            logs_bloom: receipts
                .iter()
                .fold(Bloom::ZERO, |all, receipt| all | *receipt.logs_bloom()),
            extra_data: Bytes::copy_from_slice(&salt.to_be_bytes()),
            ..Header::default()
        };
        self.insert(&header, &receipts)
    }

    /// A block of this header, right or wrong.
    pub(super) fn insert(&mut self, header: &Header, receipts: &[ReceiptEnvelope]) -> B256 {
        let block_hash = header.hash_slow();
        let transactions: Vec<_> =
            (0..receipts.len()).map(|index| hash(header.number * 1_000 + index as u64)).collect();
        let mut block = serde_json::to_value(header).unwrap();
        block["hash"] = json!(block_hash);
        block["transactions"] = json!(transactions);
        block["uncles"] = json!([]);
        block["size"] = json!("0x1");
        let mut log_index = 0u64;
        let mut served = Vec::new();
        for (index, (receipt, transaction)) in receipts.iter().zip(&transactions).enumerate() {
            let mut value = serde_json::to_value(receipt).unwrap();
            value["transactionHash"] = json!(transaction);
            value["blockHash"] = json!(block_hash);
            for log in value["logs"].as_array_mut().unwrap() {
                log["blockHash"] = json!(block_hash);
                log["blockNumber"] = json!(format!("{:#x}", header.number));
                log["transactionHash"] = json!(transaction);
                log["transactionIndex"] = json!(format!("{index:#x}"));
                log["logIndex"] = json!(format!("{log_index:#x}"));
                log_index += 1;
            }
            served.push(value);
        }
        let reference = BlockRef {
            number: header.number,
            hash: block_hash,
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
        };
        self.blocks.insert(block_hash, Served { reference, block, receipts: served });
        block_hash
    }

    /// Makes the branch that ends in `tip` canonical.
    pub(super) fn choose(&mut self, tip: B256) {
        self.canonical.clear();
        let mut next = Some(tip);
        while let Some(block) = next.and_then(|hash| self.blocks.get(&hash)) {
            self.canonical.push(block.reference.hash);
            next = Some(block.reference.parent_hash);
        }
        self.canonical.reverse();
    }

    /// Grows the canonical branch by blocks of two transactions.
    pub(super) fn extend(&mut self, blocks: usize) -> B256 {
        for _ in 0..blocks {
            let tip = self.tip();
            let child = self.grow(tip, &[TxType::Legacy, TxType::Eip1559]);
            self.choose(child);
        }
        self.tip()
    }

    /// A branch of `blocks` blocks on the canonical block of this number; not canonical yet.
    pub(super) fn branch(&mut self, at: usize, blocks: usize) -> B256 {
        let mut tip = self.canonical[at];
        for _ in 0..blocks {
            tip = self.grow(tip, &[TxType::Eip2930, TxType::Eip7702]);
        }
        tip
    }

    pub(super) fn tip(&self) -> B256 {
        self.canonical.last().copied().unwrap_or_default()
    }

    pub(super) fn reference(&self, hash: B256) -> BlockRef {
        self.blocks[&hash].reference
    }

    pub(super) fn references(&self) -> Vec<BlockRef> {
        self.canonical.iter().map(|hash| self.reference(*hash)).collect()
    }

    fn at(&self, at: &Value) -> Option<&Served> {
        let hash = match at.as_str()? {
            "latest" => self.tip(),
            number => {
                let number = usize::from_str_radix(number.strip_prefix("0x")?, 16).ok()?;
                *self.canonical.get(number)?
            }
        };
        self.blocks.get(&hash)
    }

    fn by_hash(&self, hash: &Value) -> Option<&Served> {
        let hash: B256 = serde_json::from_value(hash.clone()).ok()?;
        self.blocks.get(&hash)
    }

    /// The truth.
    pub(super) fn answer(&self, method: &str, params: &Value) -> Action {
        let result = match method {
            "eth_chainId" => json!("0x7"),
            "eth_getBlockByNumber" => json!(self.at(&params[0]).map(|block| &block.block)),
            "eth_getBlockByHash" => json!(self.by_hash(&params[0]).map(|block| &block.block)),
            "eth_getBlockReceipts" => json!(self.by_hash(&params[0]).map(|block| &block.receipts)),
            "eth_getTransactionReceipt" => {
                let receipts = self.canonical.iter().flat_map(|hash| &self.blocks[hash].receipts);
                json!(receipts.rev().find(|receipt| receipt["transactionHash"] == params[0]))
            }
            "eth_getLogs" => match self.by_hash(&params[0]["blockHash"]) {
                Some(block) => {
                    let logs = |receipt: &Value| receipt["logs"].as_array().unwrap().clone();
                    json!(block.receipts.iter().flat_map(logs).collect::<Vec<_>>())
                }
                None => return Action::Refuse(-32000, "unknown block"),
            },
            _ => return Action::Refuse(-32601, "the method does not exist"),
        };
        Action::Answer(result)
    }
}

fn receipt(kind: TxType, index: usize, salt: u64) -> ReceiptEnvelope {
    let log = |number: usize| {
        let topics = vec![hash(salt), hash(number as u64)];
        Log::new_unchecked(Address::with_last_byte(9), topics, Bytes::from(vec![1; 40]))
    };
    let logs = (0..index + 1).map(log).collect();
    let receipt = Receipt {
        status: Eip658Value::Eip658(index != 1),
        cumulative_gas_used: 21_000 * (index as u64 + 1),
        logs,
    };
    ReceiptEnvelope::from_typed(kind, ReceiptWithBloom::from(receipt))
}

/// What the node does with a request.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// The truth.
    Honest,
    /// This result.
    Answer(Value),
    /// This error.
    Refuse(i64, &'static str),
    /// Half of the answer, then the connection is closed.
    Cut,
}

type Script = Box<dyn FnMut(&str, &Value, &mut Tree) -> Action + Send>;

struct Inside {
    tree: Tree,
    script: Script,
    requests: Vec<String>,
    announcements: broadcast::Sender<Value>,
    tip: watch::Sender<B256>,
}

impl Inside {
    /// Announces the head to the subscribers if it is another one now.
    fn announce_after(&self, tip: B256) {
        if self.tree.tip() != tip {
            // Without a subscriber there is nobody to tell, and the next one looks by itself.
            let _ = self.announcements.send(self.tree.blocks[&self.tree.tip()].block.clone());
            self.tip.send_replace(self.tree.tip());
        }
    }
}

/// The node.
pub(super) struct Node {
    inside: Arc<Mutex<Inside>>,
    announcements: broadcast::Sender<Value>,
    http: String,
    websocket: String,
}

impl Node {
    /// A node with a canonical chain of this many blocks above genesis.
    pub(super) async fn start(blocks: usize) -> Self {
        let mut tree = Tree::default();
        let genesis = tree.grow(B256::ZERO, &[]);
        tree.choose(genesis);
        tree.extend(blocks);
        let script: Script = Box::new(|_, _, _| Action::Honest);
        let announcements = broadcast::channel(64).0;
        let announced = announcements.clone();
        let tip = watch::channel(tree.tip()).0;
        let inside = Inside { tree, script, requests: Vec::new(), announcements: announced, tip };
        let inside = Arc::new(Mutex::new(inside));
        let over_http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let over_websocket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = format!("http://{}", over_http.local_addr().unwrap());
        let websocket = format!("ws://{}", over_websocket.local_addr().unwrap());
        let (http_inside, websocket_inside) = (Arc::clone(&inside), Arc::clone(&inside));
        let announced = announcements.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = over_http.accept().await.unwrap();
                tokio::spawn(serve_http(socket, Arc::clone(&http_inside)));
            }
        });
        tokio::spawn(async move {
            loop {
                let (socket, _) = over_websocket.accept().await.unwrap();
                let heads = announced.subscribe();
                tokio::spawn(serve_websocket(socket, Arc::clone(&websocket_inside), heads));
            }
        });
        Self { inside, announcements, http, websocket }
    }

    pub(super) fn url(&self, websocket: bool) -> &str {
        if websocket { &self.websocket } else { &self.http }
    }

    /// Changes or reads the tree.
    pub(super) fn tree<T>(&self, change: impl FnOnce(&mut Tree) -> T) -> T {
        let mut inside = self.inside.lock().unwrap();
        let tip = inside.tree.tip();
        let changed = change(&mut inside.tree);
        inside.announce_after(tip);
        changed
    }

    /// Waits until this block is the head.
    pub(super) async fn has_head(&self, hash: B256) {
        let mut tip = self.inside.lock().unwrap().tip.subscribe();
        tip.wait_for(|tip| *tip == hash).await.expect("the node is there");
    }

    /// Answers by this script from now on.
    pub(super) fn script(
        &self,
        script: impl FnMut(&str, &Value, &mut Tree) -> Action + Send + 'static,
    ) {
        self.inside.lock().unwrap().script = Box::new(script);
    }

    pub(super) fn honest(&self) {
        self.script(|_, _, _| Action::Honest);
    }

    /// Sends this head to the subscribers.
    pub(super) fn announce(&self, head: &Value) {
        self.announcements.send(head.clone()).expect("the follower has subscribed");
    }

    /// How often a method was asked for since the last time.
    pub(super) fn take_requests(&self, method: &str) -> usize {
        let requests = &mut self.inside.lock().unwrap().requests;
        let before = requests.len();
        requests.retain(|request| request != method);
        before - requests.len()
    }
}

/// The answer, and whether the connection is cut in the middle of it.
fn reply(inside: &Mutex<Inside>, request: &Value) -> (Value, bool) {
    if let Some(batch) = request.as_array() {
        let replies: Vec<_> = batch.iter().map(|request| reply(inside, request)).collect();
        let is_cut = replies.iter().any(|(_, is_cut)| *is_cut);
        return (replies.into_iter().map(|(reply, _)| reply).collect(), is_cut);
    }
    let mut inside = inside.lock().unwrap();
    let tip = inside.tree.tip();
    let Inside { tree, script, requests, .. } = &mut *inside;
    let method = request["method"].as_str().unwrap();
    requests.push(method.to_owned());
    let params = &request["params"];
    let action = match script(method, params, tree) {
        Action::Honest if method == "eth_subscribe" => Action::Answer(json!("0x1")),
        Action::Honest => tree.answer(method, params),
        action => action,
    };
    inside.announce_after(tip);
    let mut reply = json!({"jsonrpc": "2.0", "id": request["id"]});
    let is_cut = matches!(action, Action::Cut);
    match action {
        Action::Answer(result) => reply["result"] = result,
        Action::Refuse(code, message) => {
            reply["error"] = json!({"code": code, "message": message});
        }
        Action::Honest | Action::Cut => reply["result"] = json!("cut off before its end"),
    }
    (reply, is_cut)
}

async fn serve_http(mut socket: TcpStream, inside: Arc<Mutex<Inside>>) {
    let mut bytes = Vec::new();
    let request = loop {
        let mut chunk = [0; 16_384];
        match socket.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((_, body)) = text.split_once("\r\n\r\n") else { continue };
        if let Ok(request) = serde_json::from_str::<Value>(body) {
            break request;
        }
    };
    let (reply, is_cut) = reply(&inside, &request);
    let body = reply.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let answer = format!("{head}{body}");
    let sent = if is_cut { &answer[..answer.len() - 10] } else { &answer };
    // The client may be gone; that is its affair.
    let _ = socket.write_all(sent.as_bytes()).await;
}

async fn serve_websocket(
    socket: TcpStream,
    inside: Arc<Mutex<Inside>>,
    mut heads: broadcast::Receiver<Value>,
) {
    use futures_util::{SinkExt as _, StreamExt as _};
    let Ok(mut socket) = tokio_tungstenite::accept_async(socket).await else { return };
    loop {
        let sent = tokio::select! {
            message = socket.next() => {
                let Some(Ok(message)) = message else { return };
                let Ok(text) = message.to_text() else { continue };
                let Ok(request) = serde_json::from_str::<Value>(text) else { continue };
                match reply(&inside, &request) {
                    (_, true) => return,
                    (reply, false) => reply,
                }
            }
            head = heads.recv() => {
                let Ok(head) = head else { continue };
                json!({
                    "jsonrpc": "2.0",
                    "method": "eth_subscription",
                    "params": {"subscription": "0x1", "result": head},
                })
            }
        };
        if socket.send(Message::text(sent.to_string())).await.is_err() {
            return;
        }
    }
}
