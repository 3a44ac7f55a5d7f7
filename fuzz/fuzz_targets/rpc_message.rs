//! The body of a JSON-RPC request from any bytes: every answer is JSON-RPC, and the connection outlives it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use weir_rpc::{Backends, RpcServer, ServerConfig};
use weir_runtime::Shutdown;

const AFTER: &str = r#"{"jsonrpc":"2.0","id":1,"method":"web3_clientVersion"}"#;

fn request(body: &[u8], connection: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: {connection}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

async fn answers(input: Vec<u8>) -> String {
    let config = ServerConfig::new("127.0.0.1:0".parse().expect("an address"));
    let backends = Backends { chain: None, pools: None, batches: None, admin: None };
    let server = RpcServer::bind(config, backends).await.expect("a free port");
    let (mut client, stream) = duplex(64 * 1024);
    let shutdown = Shutdown::new();
    let talk = async {
        let mut answer = Vec::new();
        client.write_all(&input).await.expect("the server reads");
        client.read_to_end(&mut answer).await.expect("the server answers");
        answer
    };
    let peer = "127.0.0.1".parse().expect("an address");
    let ((), answer) = tokio::join!(server.serve_stream(stream, peer, &shutdown), talk);
    String::from_utf8(answer).expect("answers are text")
}

fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let input = [request(data, "keep-alive"), request(AFTER.as_bytes(), "close")].concat();
    let text = runtime.expect("a runtime").block_on(answers(input));
    let (first, rest) = text.split_once("\r\n\r\n").expect("a head");
    let last = text.rsplit("\r\n\r\n").next().expect("a body");
    assert!(last.contains("weir/v"), "the connection goes on: {text}");
    if first.starts_with("HTTP/1.1 204") {
        return;
    }
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<serde_json::Value>();
    let answer = values.next().expect("a body").expect("an answer is JSON");
    let first = answer.get(0).unwrap_or(&answer);
    assert_eq!(first["jsonrpc"], "2.0", "{text}");
});
