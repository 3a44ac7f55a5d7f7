//! Clients that write their own bytes.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, Utf8Bytes, protocol::CloseFrame},
};

/// An HTTP answer, as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A keep-alive connection.
pub(crate) struct Http {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Http {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    /// Connects from another loopback address.
    pub(crate) async fn connect_from(source: &str, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(source.parse().unwrap(), 0)).unwrap();
        Self { stream: socket.connect(address).await.unwrap(), buffer: Vec::new() }
    }

    /// Sends nothing more.
    pub(crate) async fn end(&mut self) {
        // The server may have closed already.
        let _ = self.stream.shutdown().await;
    }

    /// A body of any bytes.
    pub(crate) async fn post_bytes(&mut self, body: &[u8]) -> Answer {
        let length = body.len();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        self.write(&[head.as_bytes(), body].concat()).await;
        self.answer().await
    }

    pub(crate) async fn try_write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Whether the server closes the connection, having sent nothing more.
    pub(crate) async fn is_closed_by_peer(&mut self) -> bool {
        let mut rest = Vec::new();
        matches!(self.stream.read_to_end(&mut rest).await, Ok(0) | Err(_))
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            self.fill().await;
        };
        let head = String::from_utf8(self.buffer[..end].to_vec()).unwrap();
        self.buffer.drain(..end + 4);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: String::new() };
        let length = answer.header("content-length").map_or(0, |value| value.parse().unwrap());
        while self.buffer.len() < length {
            self.fill().await;
        }
        answer.body = String::from_utf8(self.buffer.drain(..length).collect()).unwrap();
        answer
    }

    async fn fill(&mut self) {
        let count = self.stream.read_buf(&mut self.buffer).await.unwrap();
        assert_ne!(count, 0, "the server closed the connection: {:?}", self.buffer);
    }

    pub(crate) async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> Answer {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        );
        self.write(request.as_bytes()).await;
        self.answer().await
    }

    pub(crate) async fn post(&mut self, body: &str) -> Answer {
        self.request("POST", "/", "content-type: application/json\r\n", body).await
    }

    /// One call, its whole response.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.call_with("", method, params).await
    }

    /// One call with more headers, its whole response.
    pub(crate) async fn call_with(&mut self, headers: &str, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let headers = format!("content-type: application/json\r\n{headers}");
        self.request("POST", "/", &headers, &request.to_string()).await.json()
    }

    pub(crate) async fn result(&mut self, method: &str, params: Value) -> Value {
        let response = self.call(method, params).await;
        response.get("result").cloned().unwrap_or_else(|| panic!("{method}: {response}"))
    }

    /// Code and message of a call that fails.
    pub(crate) async fn error(&mut self, method: &str, params: Value) -> (i64, String) {
        let response = self.call(method, params).await;
        let error = response.get("error").unwrap_or_else(|| panic!("{method}: {response}"));
        (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_owned())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// A WebSocket.
pub(crate) struct Ws {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Ws {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), address).await
    }

    /// Connects from another loopback address.
    pub(crate) async fn connect_from(source: &str, address: SocketAddr) -> Self {
        Self::over(Http::connect_from(source, address).await.stream, address).await
    }

    async fn over(stream: TcpStream, address: SocketAddr) -> Self {
        let (socket, _) = client_async(format!("ws://{address}/"), stream).await.unwrap();
        Self { socket }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::Text(text.to_owned().into())).await.unwrap();
    }

    /// The next text, `None` once the server closed.
    pub(crate) async fn text(&mut self) -> Option<String> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Texts until the server closes, and the close frame.
    pub(crate) async fn until_closed(&mut self) -> (Vec<String>, Option<(u16, Utf8Bytes)>) {
        let mut texts = Vec::new();
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => texts.push(text.to_string()),
                Some(Ok(Message::Close(frame))) => {
                    let frame = frame.map(|CloseFrame { code, reason }| (u16::from(code), reason));
                    return (texts, frame);
                }
                Some(Err(_)) | None => return (texts, None),
                Some(Ok(_)) => {}
            }
        }
    }

    pub(crate) async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await.expect("the server closed")).unwrap()
    }

    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.send(&request.to_string()).await;
        self.json().await
    }

    pub(crate) async fn result(&mut self, method: &str, params: Value) -> Value {
        let response = self.call(method, params).await;
        response.get("result").cloned().unwrap_or_else(|| panic!("{method}: {response}"))
    }

    /// The next event of a subscription to the chain.
    pub(crate) async fn event(&mut self, subscription: &Value) -> Value {
        self.event_of("eth_subscription", subscription).await
    }

    /// The next event of a subscription of Weir's own.
    pub(crate) async fn weir_event(&mut self, subscription: &Value) -> Value {
        self.event_of("weir_subscription", subscription).await
    }

    async fn event_of(&mut self, method: &str, subscription: &Value) -> Value {
        let event = self.json().await;
        assert_eq!(event["method"], method, "{event}");
        assert_eq!(event["params"]["subscription"], *subscription, "{event}");
        event["params"]["result"].clone()
    }
}

impl Http {
    /// Reads and drops whatever comes until the server closes.
    pub(crate) async fn until_closed(mut self) {
        let mut rest = Vec::new();
        // A reset is a way to close, too.
        let _ = self.stream.read_to_end(&mut rest).await;
    }
}
