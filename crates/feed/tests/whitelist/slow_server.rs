//! A server that takes its time between receiving commands and obeying them.

use crate::support::{PATIENCE, Running, list, options};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use weir_testkit::NatsServer;

/// One connection to a server that obeys what comes after the handshake only when it is let.
struct Held {
    address: SocketAddr,
    /// What the client has sent.
    sent: watch::Receiver<String>,
    let_go: watch::Sender<bool>,
}

impl Held {
    async fn before(server: &NatsServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = server.url().trim_start_matches("nats://").to_owned();
        let (sent, sent_end) = watch::channel(String::new());
        let (let_go, mut goes) = watch::channel(false);
        tokio::spawn(async move {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(target).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(
                async move { tokio::io::copy(&mut from_server, &mut to_client).await.ok() },
            );
            let (mut bytes, mut passed) = (vec![0; 4_096], 0);
            loop {
                tokio::select! {
                    read = from_client.read(&mut bytes) => match read {
                        Ok(read @ 1..) => {
                            let text = String::from_utf8_lossy(&bytes[..read]);
                            sent.send_modify(|sent| sent.push_str(&text));
                        }
                        Ok(0) | Err(_) => return,
                    },
                    changed = goes.changed() => changed.unwrap(),
                }
                let all = sent.borrow().clone();
                let held_from = all.find("SUB ").unwrap_or(all.len());
                let until = if *goes.borrow() { all.len() } else { held_from };
                to_server
                    .write_all(all.as_bytes().get(passed..until).unwrap_or_default())
                    .await
                    .unwrap();
                passed = passed.max(until);
            }
        });
        Self { address, sent: sent_end, let_go }
    }

    async fn has_sent(&mut self, words: &str) {
        let sent = self.sent.wait_for(|sent| sent.contains(words));
        let sent = tokio::time::timeout(PATIENCE, sent).await;
        sent.expect("it is sent in time").expect("the connection stands");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connected_means_that_the_server_has_taken_the_subscriptions() {
    let Some(server) = NatsServer::start() else { return };
    let mut held = Held::before(&server).await;
    let url = format!("nats://{}#ethereum", held.address).parse().unwrap();
    let mut source = Running::start(options(url));
    // Subscriptions, requests and the message to itself are out, and the server has seen nothing of them.
    held.has_sent("PUB _INBOX.").await;
    assert!(!source.handle.status().borrow().connected);
    held.let_go.send(true).unwrap();
    source.until(|status| status.connected).await;
    // Whoever publishes from now on is heard, over whatever connection.
    let client = async_nats::connect(server.url()).await.unwrap();
    client.publish("whitelist.pools.ethereum.full", list(1, 0..2).into()).await.unwrap();
    assert_eq!(source.next().await.pools.len(), 2);
    source.stop().await;
}
