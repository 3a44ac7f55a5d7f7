//! A connection from any bytes, as HTTP or as the frames of a WebSocket: no panic, and it ends once its peer has gone.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use weir_rpc::{Backends, RpcServer, ServerConfig};
use weir_runtime::Shutdown;

const UPGRADE: &[u8] =
    b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

async fn talk(input: Vec<u8>) {
    let config = ServerConfig::new("127.0.0.1:0".parse().expect("an address"));
    let backends = Backends { chain: None, pools: None, batches: None, admin: None };
    let server = RpcServer::bind(config, backends).await.expect("a free port");
    let (client, stream) = duplex(64 * 1024);
    let (mut reading, mut writing) = tokio::io::split(client);
    let write = async move {
        // A server that has heard enough closes.
        let _ = writing.write_all(&input).await;
        let _ = writing.shutdown().await;
    };
    let read = async move {
        let mut answer = Vec::new();
        let _ = reading.read_to_end(&mut answer).await;
    };
    let (peer, shutdown) = ("127.0.0.1".parse().expect("an address"), Shutdown::new());
    tokio::join!(server.serve_stream(stream, peer, &shutdown), write, read);
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    let input = if kind % 2 == 0 { bytes.to_vec() } else { [UPGRADE, bytes].concat() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(talk(input));
});
