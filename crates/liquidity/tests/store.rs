//! The driver against a store that changes while it is read, and after updates were lost.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;
use common::{CHAIN, Chain, Dice};
use std::sync::{Arc, Mutex};
use tokio::{sync::mpsc, task::JoinHandle};
use weir_feed::{FeedEvent, FeedProducer, Start};
use weir_liquidity::{
    BlockSource, LiquidityDriver, LiquidityError, LiquidityHandle, LiquidityInput,
    LiquidityOptions, LiquidityView, TradingState,
};
use weir_primitives::{BlockRef, ChainUpdate, ExecutedBlock, StateError};
use weir_runtime::{Shutdown, ShutdownReason};

type Event = Box<dyn FnOnce(&Chain) + Send>;

/// A store in which something happens right after a block was read for the first time.
struct Store {
    chain: Arc<Chain>,
    event: Mutex<Option<(u64, Event)>>,
    reads: Mutex<Vec<u64>>,
}

impl BlockSource for Store {
    fn tip(&self) -> Result<BlockRef, StateError> {
        self.chain.tip()
    }

    fn block(&self, number: u64) -> Result<Option<ExecutedBlock>, StateError> {
        self.reads.lock().unwrap().push(number);
        let block = self.chain.block(number);
        let event = self.event.lock().unwrap().take_if(|(at, _)| *at == number);
        if let Some((_, event)) = event {
            event(&self.chain);
        }
        block
    }
}

impl Store {
    fn quiet(chain: &Arc<Chain>) -> Arc<Self> {
        let chain = Arc::clone(chain);
        Arc::new(Self { chain, event: Mutex::default(), reads: Mutex::default() })
    }

    fn with(chain: &Arc<Chain>, at: u64, event: impl FnOnce(&Chain) + Send + 'static) -> Arc<Self> {
        let store = Self::quiet(chain);
        *store.event.lock().unwrap() = Some((at, Box::new(event)));
        store
    }

    /// How often the arena was built from the first block on.
    fn rebuilds(&self) -> usize {
        self.reads.lock().unwrap().iter().filter(|number| **number == 0).count()
    }
}

struct Engine {
    handle: LiquidityHandle,
    updates: mpsc::Sender<LiquidityInput>,
    feed: FeedProducer,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), LiquidityError>>,
}

impl Engine {
    fn start(store: &Arc<Store>, shutdown: Shutdown) -> Self {
        let feed = FeedProducer::new(CHAIN, 1, 128);
        let options = LiquidityOptions::own_chain(CHAIN);
        let source: Arc<dyn BlockSource> = Arc::<Store>::clone(store);
        let (driver, handle, updates) = LiquidityDriver::new(options, source, feed.clone());
        let task = tokio::spawn(driver.run(shutdown.clone()));
        Self { handle, updates, feed, shutdown, task }
    }

    /// The first live view that a condition holds for.
    async fn live(&self, is_wanted: impl Fn(&LiquidityView) -> bool) -> Arc<LiquidityView> {
        let mut changes = self.handle.subscribe();
        loop {
            changes.mark_unchanged();
            let view = self.handle.view();
            if view.state == TradingState::Live && is_wanted(&view) {
                return view;
            }
            changes.changed().await.unwrap();
        }
    }

    async fn send(&self, update: ChainUpdate, chain: &Chain) -> Arc<LiquidityView> {
        self.updates.send(LiquidityInput::Chain(update)).await.unwrap();
        let tip = chain.tip().unwrap();
        self.live(|view| view.head.tip() == Some(tip)).await
    }

    async fn stop(self) {
        self.shutdown.trigger(ShutdownReason::Done);
        self.task.await.unwrap().unwrap();
    }
}

/// The first view of an engine is at the chain's tip, and as one that nothing disturbed.
async fn assert_first_view(store: &Arc<Store>) {
    let engine = Engine::start(store, Shutdown::new());
    let view = engine.live(|_| true).await;
    assert!(store.event.lock().unwrap().is_none());
    let tip = store.chain.tip().unwrap();
    assert_eq!(view.head.tip(), Some(tip));
    let calm = Engine::start(&Store::quiet(&store.chain), Shutdown::new());
    assert_eq!(view.head.digest(), calm.live(|_| true).await.head.digest());
    let heartbeat = engine.feed.heartbeat();
    assert_eq!((heartbeat.head_hash, heartbeat.next_seq), (tip.hash, tip.number + 1));
    engine.stop().await;
    calm.stop().await;
}

#[tokio::test]
async fn blocks_committed_during_a_rebuild_are_in_its_first_view() {
    let chain = Chain::new();
    chain.commit(5, &mut Dice(1));
    let store = Store::with(&chain, 5, |chain| drop(chain.commit(4, &mut Dice(2))));
    assert_first_view(&store).await;
    assert_eq!(store.rebuilds(), 1);
}

#[tokio::test]
async fn a_reorg_during_a_rebuild_starts_it_again() {
    for (at, depth, count) in [(6, 4, 6), (6, 6, 0), (8, 3, 3), (8, 2, 0)] {
        let chain = Chain::new();
        chain.commit(8, &mut Dice(3));
        let event = move |chain: &Chain| drop(chain.reorg(depth, count, &mut Dice(4)));
        let store = Store::with(&chain, at, event);
        assert_first_view(&store).await;
        assert_eq!(store.rebuilds(), 2, "at={at} depth={depth} count={count}");
    }
}

#[tokio::test]
async fn lost_updates_are_read_from_the_store_and_late_ones_skipped() {
    let (mut dice, chain) = (Dice(5), Chain::new());
    chain.commit(3, &mut dice);
    let store = Store::quiet(&chain);
    let engine = Engine::start(&store, Shutdown::new());
    engine.live(|_| true).await;
    let mut events = engine.feed.subscribe(Start::Oldest);
    let late = chain.commit(2, &mut dice);
    engine.send(chain.commit(1, &mut dice), &chain).await;
    engine.updates.send(LiquidityInput::Chain(late)).await.unwrap();
    let view = engine.send(chain.commit(1, &mut dice), &chain).await;
    assert_eq!(store.rebuilds(), 1);
    for number in 0..=7 {
        let Some(FeedEvent::Block(block)) = events.next().await else { panic!("block {number}") };
        assert_eq!((block.epoch, block.envelope.block().number), (1, number));
    }
    let calm = Engine::start(&Store::quiet(&chain), Shutdown::new());
    assert_eq!(view.head.digest(), calm.live(|_| true).await.head.digest());
    calm.stop().await;
    // A lost reorg replaced the tip: nothing to go on from.
    drop(chain.reorg(2, 3, &mut dice));
    engine.send(chain.commit(1, &mut dice), &chain).await;
    assert_eq!((store.rebuilds(), engine.feed.heartbeat().epoch), (2, 2));
    engine.stop().await;
}

#[tokio::test]
async fn a_shutdown_ends_a_rebuild_at_the_next_block() {
    let chain = Chain::new();
    chain.commit(20, &mut Dice(6));
    let shutdown = Shutdown::new();
    let trigger = shutdown.clone();
    let store = Store::with(&chain, 3, move |_| trigger.trigger(ShutdownReason::Done));
    let engine = Engine::start(&store, shutdown);
    engine.task.await.unwrap().unwrap();
    assert_eq!(*store.reads.lock().unwrap(), [0, 1, 2, 3]);
    assert_eq!(engine.handle.state().name(), "resyncing");
    assert_eq!(engine.feed.heartbeat().next_seq, 0);
}
