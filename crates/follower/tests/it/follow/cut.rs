//! Connections that are cut, and nodes that are restarted.

use super::model::{Followers, Model, PATIENCE, config};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
};
use weir_follower::{
    ChainFollower, ClientConfig, FollowConfig, FollowError, Followed, FollowerStatus, StartAt,
};
use weir_primitives::Severity;

/// Where a proxy sends new connections; `None` cuts those it has and refuses new ones.
type Target = Option<SocketAddr>;

/// A TCP proxy that can be cut and opened again.
struct Proxy {
    address: SocketAddr,
    target: Arc<watch::Sender<Target>>,
}

impl Proxy {
    async fn start(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(watch::channel(Some(socket(url))).0);
        let current = Arc::clone(&target);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(carry(client, current.subscribe()));
            }
        });
        Self { address, target }
    }

    fn cut(&self) {
        self.target.send_replace(None);
    }

    fn open(&self, url: &str) {
        self.target.send_replace(Some(socket(url)));
    }
}

fn socket(url: &str) -> SocketAddr {
    url.split_once("//").unwrap().1.parse().unwrap()
}

async fn carry(mut client: TcpStream, mut target: watch::Receiver<Target>) {
    let Some(address) = *target.borrow_and_update() else { return };
    let Ok(mut server) = TcpStream::connect(address).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = target.changed() => {}
    }
}

/// A follower that runs by itself.
struct Running {
    updates: mpsc::Receiver<Followed>,
    status: watch::Receiver<FollowerStatus>,
    model: Model,
    task: JoinHandle<Result<(), FollowError>>,
}

impl Running {
    async fn start(url: &str, config: FollowConfig) -> Self {
        let follower = ChainFollower::connect(url, config, StartAt::Block(1)).await.unwrap();
        let (status, model) = (follower.status(), Model::new(follower.anchor()));
        // A queue of one: the follower waits for its consumer.
        let (send, updates) = mpsc::channel(1);
        Self { updates, status, model, task: tokio::spawn(follower.run(send)) }
    }

    async fn catch_up(&mut self, node: &Followers) {
        let head = node.head().await;
        while self.model.tip() != head {
            let followed = tokio::time::timeout(PATIENCE, self.updates.recv()).await;
            self.model.apply(&followed.expect("an update comes in time").unwrap());
        }
        node.compare(&self.model).await;
    }

    async fn connected(&mut self, connected: bool) -> FollowerStatus {
        let changed = self.status.wait_for(|status| status.connected == connected);
        *tokio::time::timeout(PATIENCE, changed).await.expect("it is noticed in time").unwrap()
    }
}

/// The head is asked for often, so that a cut is noticed without announcements, too.
fn impatient() -> FollowConfig {
    let config = config();
    let client = ClientConfig { backoff_max: std::time::Duration::from_millis(5), ..config.client };
    FollowConfig { client, ..config }
}

async fn a_cut_is_survived(scheme: &str) {
    let Some(node) = Followers::start(&["--no-mining"]).await else { return };
    node.mine_logs(10).await;
    let proxy = Proxy::start(&node.url).await;
    let url = format!("{scheme}://{}", proxy.address);
    let mut running = Running::start(&url, impatient()).await;
    running.catch_up(&node).await;
    for cuts in 1..=3 {
        proxy.cut();
        let status = running.connected(false).await;
        assert_eq!(status.reconnects, cuts - 1);
        node.mine_logs(2).await;
        node.reorg(3, &[1]).await;
        node.mine_logs(1).await;
        proxy.open(&node.url);
        let status = running.connected(true).await;
        assert_eq!(status.reconnects, cuts);
        running.catch_up(&node).await;
        // Announcements come over the new connection.
        node.mine_logs(1).await;
        running.catch_up(&node).await;
    }
    assert_eq!((running.model.resets, &*running.model.reorgs), (0, &[1, 1, 1][..]));
    drop(running.updates);
    let ended = tokio::time::timeout(PATIENCE, running.task).await;
    ended.expect("it ends with its consumer").unwrap().unwrap();
}

#[tokio::test]
async fn a_cut_connection_is_opened_again_and_the_gap_is_filled_over_http() {
    a_cut_is_survived("http").await;
}

#[tokio::test]
async fn a_cut_connection_is_opened_again_and_the_gap_is_filled_over_a_websocket() {
    a_cut_is_survived("ws").await;
}

#[tokio::test]
async fn a_node_that_is_restarted_with_its_state_is_followed_on() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let state = state.to_str().unwrap();
    let arguments = ["--no-mining", "--dump-state", state, "--preserve-historical-states"];
    let Some(node) = Followers::start(&arguments).await else { return };
    node.mine_logs(10).await;
    let proxy = Proxy::start(&node.url).await;
    let mut running = Running::start(&format!("ws://{}", proxy.address), impatient()).await;
    running.catch_up(&node).await;
    proxy.cut();
    node.child.signal("TERM");
    node.child.wait();
    running.connected(false).await;
    let again = Followers::start(&["--no-mining", "--load-state", state]).await.unwrap();
    again.mine_logs(4).await;
    proxy.open(&again.url);
    running.connected(true).await;
    running.catch_up(&again).await;
    assert_eq!((running.model.resets, running.model.tip().number), (0, 14));
}

#[tokio::test]
async fn a_node_that_has_lost_everything_is_a_reset() {
    let Some(node) = Followers::start(&["--no-mining"]).await else { return };
    node.mine_logs(10).await;
    let proxy = Proxy::start(&node.url).await;
    let mut running = Running::start(&format!("http://{}", proxy.address), impatient()).await;
    running.catch_up(&node).await;
    // Another genesis, so that no block is of both chains.
    let other = Followers::start(&["--no-mining", "--timestamp", "1700000000"]).await.unwrap();
    other.mine_logs(3).await;
    proxy.cut();
    running.connected(false).await;
    proxy.open(&other.url);
    running.catch_up(&other).await;
    assert_eq!((running.model.resets, running.model.chain.len()), (1, 1));
}

#[tokio::test]
async fn a_node_of_another_chain_is_not_followed() {
    let Some(node) = Followers::start(&["--no-mining"]).await else { return };
    let proxy = Proxy::start(&node.url).await;
    let mut running = Running::start(&format!("ws://{}", proxy.address), impatient()).await;
    let other = Followers::start(&["--no-mining", "--chain-id", "5"]).await.unwrap();
    proxy.cut();
    running.connected(false).await;
    proxy.open(&other.url);
    let ended = tokio::time::timeout(PATIENCE, running.task).await.unwrap().unwrap();
    let error = ended.unwrap_err();
    assert!(matches!(error, FollowError::OtherChain { expected: 31_337, found: 5 }), "{error}");
    assert_eq!(error.severity(), Severity::Halt);
}
