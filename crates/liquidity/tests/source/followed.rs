//! A real node with Uniswap's contracts: read in the middle of its chain, followed, reorganised at every depth.

use crate::{
    anvil::{CHAIN, Market, Node, USER, swapV2Call, swapV3Call, trade},
    model::{is_state, logged},
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use serde_json::json;
use std::sync::Arc;
use tokio::{sync::mpsc, task::JoinHandle};
use weir_arena::{DEFAULT_RING_BLOCKS, PoolKey, PoolStatic, Protocol};
use weir_feed::Completeness;
use weir_follower::ChainClient;
use weir_liquidity::{
    EngineInput, LiquidityHandle, LiquidityView, PoolRefusal, SourceDriver, SourceOptions,
    SourceUpdate, StateReader, TradingState, WhitelistApplied, WhitelistChange,
};
use weir_primitives::BlockRef;
use weir_runtime::{Shutdown, ShutdownReason};
use weir_testkit::Peers;

/// Follows the node's head by parent hashes, when asked to.
struct Poller {
    client: ChainClient,
    known: Vec<BlockRef>,
}

impl Poller {
    async fn poll(&mut self) -> SourceUpdate {
        let mut new = Vec::new();
        let mut head = self.client.head().await.unwrap();
        let is_known = |known: &[BlockRef], block: &BlockRef| {
            known.iter().rposition(|own| own.hash == block.hash)
        };
        let keep = loop {
            if let Some(place) = is_known(&self.known, &head) {
                break place + 1;
            }
            let block = self.client.executed_block(head.hash).await.unwrap();
            new.insert(0, (logged(&block), Completeness::ReceiptsRootVerified));
            if head.number == 0 || self.known.is_empty() {
                break 0;
            }
            let parent = BlockNumberOrTag::Number(head.number - 1);
            head = self.client.reference(parent).await.unwrap().unwrap();
        };
        let old = self.known.split_off(keep);
        self.known.extend(new.iter().map(|(block, _)| block.reference));
        SourceUpdate::followed(old, new, None)
    }
}

struct Engine {
    handle: LiquidityHandle,
    inputs: mpsc::Sender<EngineInput>,
    applied: mpsc::Receiver<WhitelistApplied>,
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

impl Engine {
    fn start(client: &ChainClient, ring_blocks: usize) -> Self {
        let options = SourceOptions { ring_blocks, ..SourceOptions::new(CHAIN) };
        let reader = Arc::new(client.clone());
        let (driver, handle, ports) = SourceDriver::new(options, reader, None);
        let shutdown = Shutdown::new();
        let stop = shutdown.clone();
        let task = tokio::spawn(async move { driver.run(stop).await.unwrap() });
        Self { handle, inputs: ports.inputs, applied: ports.applied, shutdown, task }
    }

    async fn list(&self, snapshot_id: u64, pools: &[PoolStatic]) {
        let change = WhitelistChange::Full { snapshot_id, pools: pools.to_vec() };
        self.inputs.send(EngineInput::Whitelist(change)).await.unwrap();
    }

    async fn live_at(&self, tip: BlockRef) -> Arc<LiquidityView> {
        let mut changes = self.handle.subscribe();
        loop {
            changes.mark_unchanged();
            let view = self.handle.view();
            let is_there = view.head.tip().is_some_and(|at| at.hash == tip.hash);
            if view.state == TradingState::Live && is_there {
                return view;
            }
            changes.changed().await.unwrap();
        }
    }

    async fn stop(self) {
        self.shutdown.trigger(ShutdownReason::Done);
        self.task.await.unwrap();
    }
}

struct Setup {
    node: Node,
    market: Market,
    poller: Poller,
    engine: Engine,
    rows: Vec<PoolStatic>,
}

impl Setup {
    /// The engine, once live at the node's head, equals the contracts there and an engine that starts there.
    async fn check(&mut self) {
        let update = self.poller.poll().await;
        self.engine.inputs.send(EngineInput::Source(update)).await.unwrap();
        let head = *self.poller.known.last().unwrap();
        let view = self.engine.live_at(head).await;
        assert_eq!(view.head.len() as usize, self.rows.len());
        for row in &self.rows {
            let read = self.node.client.read(row, head).await.unwrap();
            assert!(is_state(view.head.get(&row.key).unwrap(), &read), "{row:?}");
        }
        let fresh = Engine::start(&self.node.client, 8);
        fresh.list(1, &self.rows).await;
        let mut poller = Poller { client: self.node.client.clone(), known: Vec::new() };
        fresh.inputs.send(EngineInput::Source(poller.poll().await)).await.unwrap();
        assert_eq!(fresh.live_at(head).await.head.digest(), view.head.digest());
        fresh.stop().await;
    }

    async fn mine(&self, blocks: u64) {
        self.node.client.read_json("anvil_mine", json!([blocks])).await.unwrap();
    }

    async fn reorg(&self, depth: u64, pairs: serde_json::Value) {
        self.node.client.read_json("anvil_reorg", json!([depth, pairs])).await.unwrap();
    }

    fn swap(&self, amount: i64) -> [Vec<u8>; 2] {
        let Market { pair, pool, .. } = self.market;
        let (zero_for_one, own) = (amount % 2 == 0, true);
        let v2 = swapV2Call { pair, zeroForOne: zero_for_one, amountIn: U256::from(amount), own };
        let amount = amount.try_into().unwrap();
        let v3 = swapV3Call { pool, zeroForOne: zero_for_one, amount, own };
        [v2.abi_encode(), v3.abi_encode()]
    }

    async fn trade(&self, amounts: impl IntoIterator<Item = i64>) {
        for amount in amounts {
            for call in self.swap(amount) {
                self.node.send(Some(self.market.swapper), call).await;
            }
        }
    }
}

fn rows(market: &Market) -> Vec<PoolStatic> {
    let [token0, token1] = market.tokens;
    let pair = PoolStatic {
        key: PoolKey::address(CHAIN, market.pair),
        protocol: Protocol::UniswapV2,
        token0,
        token1,
        fee_pips: 3000,
        tick_spacing: 0,
        factory: market.v2,
        hooks: Address::ZERO,
        decimals: Some((18, 18)),
    };
    let pool = PoolStatic {
        key: PoolKey::address(CHAIN, market.pool),
        protocol: Protocol::UniswapV3,
        tick_spacing: 60,
        factory: market.v3,
        ..pair
    };
    vec![pair, pool]
}

async fn setup(peers: Peers, url: &str, ring_blocks: usize) -> Setup {
    let node = Node { client: ChainClient::connect(url).await.unwrap(), peers };
    let market = trade(&node).await;
    let engine = Engine::start(&node.client, ring_blocks);
    let poller = Poller { client: node.client.clone(), known: Vec::new() };
    let rows = rows(&market);
    engine.list(1, &rows).await;
    Setup { node, market, poller, engine, rows }
}

#[tokio::test]
async fn an_engine_equals_the_contracts_through_reorgs_of_every_depth() {
    let Some(peers) = Peers::find() else { return };
    let (_anvil, url) = peers.anvil(&["--no-mining"]);
    let mut setup = setup(peers, &url, 16).await;
    setup.check().await;
    setup.trade([1_000_000, 12_345_677, 5_000_000_000]).await;
    setup.check().await;
    // Replaced by empty blocks, then by blocks with trades of the same pools.
    setup.reorg(3, json!([])).await;
    setup.check().await;
    setup.trade([77_777_777, 88_888_888]).await;
    setup.check().await;
    let [v2, v3] = setup.swap(999_999_999);
    let call = |data: Vec<u8>| {
        let data = alloy_primitives::Bytes::from(data);
        json!({"from": USER, "to": setup.market.swapper, "data": data, "gas": "0x1c9c380"})
    };
    setup.reorg(2, json!([[call(v2), 0], [call(v3), 1]])).await;
    setup.check().await;
    // Deeper than the ring, with and without trades in what is lost.
    setup.mine(40).await;
    setup.check().await;
    setup.reorg(30, json!([])).await;
    setup.check().await;
    setup.trade([31_313, 424_242]).await;
    setup.mine(140).await;
    setup.check().await;
    setup.reorg(143, json!([])).await;
    setup.check().await;
    setup.engine.stop().await;
}

/// The depths below, at and beyond an undo ring of 128 blocks, each with and without trades in the blocks that come instead.
#[tokio::test]
async fn reorgs_around_the_depth_of_the_ring_are_followed_on_a_real_node() {
    for depth in [1u64, 2, 3, 40, 127, 129, 300] {
        for has_trades in [false, true] {
            // A node of its own for each: anvil forgets states that many reorgs of this depth would need.
            let Some(peers) = Peers::find() else { return };
            let (_anvil, url) = peers.anvil(&["--no-mining"]);
            let mut setup = setup(peers, &url, DEFAULT_RING_BLOCKS).await;
            setup.check().await;
            // The last of the blocks that leave hold trades, too.
            let amount = 1_000_000 + 2 * i64::try_from(depth).unwrap() + i64::from(has_trades);
            setup.mine(depth).await;
            setup.trade([amount]).await;
            setup.check().await;
            let [v2, v3] = setup.swap(amount + 1);
            let call = |data: Vec<u8>, block: u64| {
                let data = alloy_primitives::Bytes::from(data);
                let to = setup.market.swapper;
                json!([{"from": USER, "to": to, "data": data, "gas": "0x1c9c380"}, block])
            };
            let trades = json!([call(v2, 0), call(v3, depth - 1)]);
            setup.reorg(depth, if has_trades { trades } else { json!([]) }).await;
            setup.check().await;
            setup.engine.stop().await;
        }
    }
}

#[tokio::test]
async fn a_whitelist_changes_what_is_followed_on_a_real_node() {
    let Some(peers) = Peers::find() else { return };
    let (_anvil, url) = peers.anvil(&["--no-mining"]);
    let mut setup = setup(peers, &url, 128).await;
    setup.check().await;
    let first = setup.engine.applied.recv().await.unwrap();
    assert_eq!((first.snapshot_id, first.hydrated.len(), first.rejected.len()), (1, 2, 0));

    let all = setup.rows.clone();
    let (pair, pool) = (all[0], all[1]);
    let turned = PoolStatic { fee_pips: 500, ..pool };
    let absent = PoolStatic { key: PoolKey::address(CHAIN, Address::repeat_byte(9)), ..pair };
    setup.engine.list(2, &[pair, turned, absent]).await;
    setup.trade([1_000]).await;
    let update = setup.poller.poll().await;
    setup.engine.inputs.send(EngineInput::Source(update)).await.unwrap();
    let mut done = setup.engine.applied.recv().await.unwrap();
    done.rejected.sort_by_key(|(key, _)| *key != pool.key);
    let fee = PoolRefusal::Fee { fee_pips: 3000 };
    let expected = [(pool.key, fee), (absent.key, PoolRefusal::NoContract)];
    assert_eq!((done.snapshot_id, &*done.rejected), (2, &expected[..]));
    assert_eq!(done.removed, [pool.key]);

    setup.rows = vec![pair];
    setup.engine.list(3, &setup.rows).await;
    setup.trade([2_001]).await;
    setup.check().await;
    let done = setup.engine.applied.recv().await.unwrap();
    assert_eq!((done.snapshot_id, &*done.removed), (3, &[absent.key][..]));
    setup.rows = all;
    setup.engine.list(4, &setup.rows).await;
    setup.trade([3_000, 4_001]).await;
    // The pool joins at the block's end; from then on the view says so.
    let update = setup.poller.poll().await;
    setup.engine.inputs.send(EngineInput::Source(update)).await.unwrap();
    let done = setup.engine.applied.recv().await.unwrap();
    assert_eq!((done.snapshot_id, &*done.hydrated), (4, &[pool.key][..]));
    setup.trade([5_000]).await;
    setup.check().await;
    setup.engine.stop().await;
}
