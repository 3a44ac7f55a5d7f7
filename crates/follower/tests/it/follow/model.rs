//! A consumer that applies updates to a list of blocks, checks each against the contract, and the whole against the node.

use alloy_primitives::{Address, B256, Log, address, bytes};
use std::{collections::BTreeMap, time::Duration};
use weir_follower::{
    ChainClient, ChainFollower, ClientConfig, FollowConfig, Followed, LogProof, StartAt,
};
use weir_primitives::{BlockRef, LoggedBlock};
use weir_testkit::{Child, Peers};

/// Longer than any step takes on a busy machine; a follower that hangs fails its test.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// An account that anvil funds and unlocks.
pub(super) const FUNDED: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
/// Most new blocks in one update, smaller than the default so that the deep reorgs take several.
pub(super) const UPDATE_BLOCKS_MAX: usize = 50;

pub(super) fn config() -> FollowConfig {
    FollowConfig {
        client: ClientConfig {
            request_timeout: Duration::from_secs(30),
            read_attempts_max: 3,
            backoff_base: Duration::from_millis(1),
            backoff_max: Duration::from_millis(20),
            batch_calls_max: 100,
        },
        poll_interval: Duration::from_millis(5),
        silence_max: PATIENCE,
        update_blocks_max: UPDATE_BLOCKS_MAX,
        ..FollowConfig::default()
    }
}

/// The blocks handed out, without those taken back.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) chain: Vec<BlockRef>,
    pub(super) blocks: BTreeMap<u64, (LoggedBlock, LogProof)>,
    /// Lengths of `old`, in order, without the empty ones.
    pub(super) reorgs: Vec<usize>,
    pub(super) resets: usize,
    pub(super) updates: usize,
}

impl Model {
    pub(super) fn new(anchor: BlockRef) -> Self {
        Self { chain: vec![anchor], blocks: BTreeMap::new(), reorgs: vec![], resets: 0, updates: 0 }
    }

    pub(super) fn tip(&self) -> BlockRef {
        *self.chain.last().unwrap()
    }

    pub(super) fn apply(&mut self, followed: &Followed) {
        self.updates += 1;
        if let Some(anchor) = followed.reset {
            assert!(followed.old.is_empty() && followed.new.is_empty(), "a reset stands alone");
            self.chain = vec![anchor];
            self.blocks.clear();
            self.resets += 1;
            return;
        }
        assert!(
            !followed.old.is_empty() || !followed.new.is_empty(),
            "an update changes something"
        );
        assert!(followed.new.len() <= UPDATE_BLOCKS_MAX, "an update is bounded");
        let kept = self.chain.len() - followed.old.len();
        assert!(kept > 0, "more is taken off than was handed out");
        assert_eq!(self.chain[kept..], followed.old, "old blocks are the newest of ours");
        for block in self.chain.drain(kept..) {
            self.blocks.remove(&block.number);
        }
        if !followed.old.is_empty() {
            self.reorgs.push(followed.old.len());
        }
        for new in &followed.new {
            let reference = new.block.reference;
            assert!(reference.is_child_of(&self.tip()), "new blocks follow: {reference:?}");
            self.chain.push(reference);
            self.blocks.insert(reference.number, (new.block.clone(), new.proof));
        }
        assert_eq!(followed.lag_blocks, followed.head.number.saturating_sub(self.tip().number));
    }

    /// The logs of the blocks handed out, by block.
    pub(super) fn logs(&self) -> BTreeMap<u64, Vec<Log>> {
        let logs = |block: &LoggedBlock| {
            block.transactions.iter().flat_map(|transaction| transaction.logs.clone()).collect()
        };
        self.blocks.iter().map(|(number, (block, _))| (*number, logs(block))).collect()
    }
}

/// The next update, in time.
pub(super) async fn next(follower: &mut ChainFollower) -> Followed {
    let followed = tokio::time::timeout(PATIENCE, follower.next()).await;
    followed.expect("an update comes in time").unwrap()
}

/// A real node with a follower and its consumer.
pub(super) struct Followers {
    pub(super) url: String,
    pub(super) reader: ChainClient,
    pub(super) child: Child,
}

impl Followers {
    pub(super) async fn start(arguments: &[&str]) -> Option<Self> {
        let (child, url) = Peers::find()?.anvil(arguments);
        let reader = ChainClient::connect(&url).await.unwrap();
        Some(Self { url, reader, child })
    }

    pub(super) fn websocket(&self) -> String {
        self.url.replace("http://", "ws://")
    }

    pub(super) async fn rpc(
        &self,
        method: &'static str,
        params: serde_json::Value,
    ) -> serde_json::Value {
        self.reader.read_json(method, params).await.unwrap()
    }

    pub(super) async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", serde_json::json!([format!("{blocks:#x}")])).await;
    }

    /// Mines blocks with one log each.
    pub(super) async fn mine_logs(&self, blocks: u64) {
        for _ in 0..blocks {
            self.rpc("eth_sendTransaction", serde_json::json!([emitting()])).await;
            self.mine(1).await;
        }
    }

    /// Replaces the newest blocks by as many others, with one log in the block of each of these indices.
    pub(super) async fn reorg(&self, depth: u64, with_logs_at: &[u64]) {
        let pairs: Vec<_> =
            with_logs_at.iter().map(|index| serde_json::json!([emitting(), index])).collect();
        self.rpc("anvil_reorg", serde_json::json!([depth, pairs])).await;
    }

    pub(super) async fn rollback(&self, depth: u64) {
        self.rpc("anvil_rollback", serde_json::json!([depth])).await;
    }

    pub(super) async fn head(&self) -> BlockRef {
        self.reader.head().await.unwrap()
    }

    pub(super) async fn follow(&self, url: &str, start: StartAt) -> (ChainFollower, Model) {
        self.follow_with(url, start, config()).await
    }

    pub(super) async fn follow_with(
        &self,
        url: &str,
        start: StartAt,
        config: FollowConfig,
    ) -> (ChainFollower, Model) {
        let follower = ChainFollower::connect(url, config, start).await.unwrap();
        let model = Model::new(follower.anchor());
        (follower, model)
    }

    /// Follows up to the node's head and compares everything with the node.
    pub(super) async fn catch_up(&self, follower: &mut ChainFollower, model: &mut Model) {
        let head = self.head().await;
        while model.tip() != head {
            let followed = next(follower).await;
            model.apply(&followed);
        }
        assert_eq!(follower.tip(), head);
        self.compare(model).await;
    }

    /// The model is the node's chain, and its logs are the node's.
    pub(super) async fn compare(&self, model: &Model) {
        for block in &model.chain {
            let canonical = self.reader.reference(block.number.into()).await.unwrap();
            assert_eq!(canonical, Some(*block));
        }
        if model.blocks.is_empty() {
            return;
        }
        let (first, last) = (model.chain[0].number + 1, model.tip().number);
        let filter = alloy_rpc_types_eth::Filter::new().from_block(first).to_block(last);
        let mut expected: BTreeMap<u64, Vec<Log>> =
            (first..=last).map(|number| (number, vec![])).collect();
        for log in self.reader.logs(&filter).await.unwrap() {
            expected.get_mut(&log.block_number.unwrap()).unwrap().push(log.inner);
        }
        assert_eq!(model.logs(), expected);
        for (block, proof) in model.blocks.values() {
            assert_eq!(*proof, LogProof::ReceiptsRoot, "{block:?}");
        }
    }
}

/// A creation whose code does nothing but log a topic.
fn emitting() -> serde_json::Value {
    let code = bytes!("7f11111111111111111111111111111111111111111111111111111111111111115f5fa100");
    serde_json::json!({"from": FUNDED, "data": code, "gas": "0x186a0"})
}

/// A hash for tests.
pub(super) fn hash(number: u64) -> B256 {
    B256::from(alloy_primitives::U256::from(number))
}
