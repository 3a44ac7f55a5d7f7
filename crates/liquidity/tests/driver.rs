//! The driver through commits, reorgs and reverts: always equal to a rebuild and to the contracts.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;
use alloy_primitives::{Address, U256};
use common::{
    CHAIN, Chain, Dice, PAIR, POOL, TOKEN0, TOKEN1, V2_FACTORY, V3_FACTORY, World, steps_of,
};
use std::sync::Arc;
use tokio::{sync::mpsc, task::JoinHandle};
use weir_arena::{
    ArenaConfig, Discovery, PoolArena, PoolKey, PoolSnapshot, PoolState, PoolStatic, PoolStatus,
    Protocol,
};
use weir_feed::{
    ConsumerOptions, FeedConsumer, FeedEvent, FeedProducer, FeedServer, GapReason, ServerOptions,
    Start,
};
use weir_liquidity::{
    BlockSource, LiquidityDriver, LiquidityError, LiquidityHandle, LiquidityInput,
    LiquidityOptions, LiquidityService, LiquidityView, PathsDriver, PathsHandle, PathsOptions,
    PoolSelection, TradingState,
};
use weir_primitives::{BlockRef, ChainUpdate, ExecutedBlock, OpenStep, OpenUpdate, StateError};
use weir_rpc::{
    BackendError, BestRouteRequest, ListOpportunities, ListPools, OrderBookRequest, PathHop,
    PoolBlock, PoolsBackend,
};
use weir_runtime::{Halts, Scope, Shutdown, ShutdownReason};

fn served(handle: &LiquidityHandle) -> Arc<LiquidityService> {
    LiquidityService::pools_only(handle.clone())
}

struct Engine {
    handle: LiquidityHandle,
    updates: mpsc::Sender<LiquidityInput>,
    feed: FeedProducer,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), LiquidityError>>,
}

impl Engine {
    fn start(chain: &Arc<Chain>) -> Self {
        Self::start_with(chain, LiquidityOptions::own_chain(CHAIN))
    }

    fn start_with(chain: &Arc<Chain>, options: LiquidityOptions) -> Self {
        let feed = FeedProducer::new(CHAIN, 1, 128);
        let source: Arc<dyn BlockSource> = Arc::<Chain>::clone(chain);
        let (driver, handle, updates) = LiquidityDriver::new(options, source, feed.clone());
        let shutdown = Shutdown::new();
        let task = tokio::spawn(driver.run(shutdown.clone()));
        Self { handle, updates, feed, shutdown, task }
    }

    /// Waits until the engine stands at the chain's tip.
    async fn at(&self, chain: &Chain) -> Arc<LiquidityView> {
        let tip = chain.tip_world().reference().hash;
        let mut changes = self.handle.subscribe();
        loop {
            changes.mark_unchanged();
            let view = self.handle.view();
            if view.state == TradingState::Live && view.head.tip().is_some_and(|at| at.hash == tip)
            {
                return view;
            }
            changes.changed().await.unwrap();
        }
    }

    async fn send(&self, update: ChainUpdate) {
        self.updates.send(LiquidityInput::Chain(update)).await.unwrap();
    }

    async fn tell(&self, update: Arc<OpenUpdate>) {
        self.updates.send(LiquidityInput::Open(update)).await.unwrap();
    }

    /// Waits until the open block has so many steps; zero is none.
    async fn open(&self, steps: u32) -> Arc<LiquidityView> {
        let mut changes = self.handle.subscribe();
        loop {
            changes.mark_unchanged();
            let view = self.handle.view();
            if view.open.as_ref().map_or(0, |open| open.steps) == steps {
                return view;
            }
            changes.changed().await.unwrap();
        }
    }

    async fn stop(self) {
        self.shutdown.trigger(ShutdownReason::Done);
        self.task.await.unwrap().unwrap();
    }
}

/// What the engine says must be what the contracts hold.
fn assert_equals_contracts(view: &LiquidityView, chain: &Chain) {
    let world = chain.tip_world();
    if world.reference().number == 0 {
        assert!(view.head.is_empty());
        return;
    }
    assert_pools(&view.head, &world);
}

fn assert_pools(pools: &PoolSnapshot, world: &World) {
    let pool = |address| pools.get(&PoolKey::address(CHAIN, address));
    let pair = pool(PAIR).unwrap();
    assert!(matches!(pair.state(), PoolState::V2(state) if state.reserves == world.reserves));
    let PoolState::V3(state) = pool(POOL).unwrap().state() else { panic!() };
    assert_eq!((state.slot, &*state.ticks), (world.slot, &world.ticks));
}

async fn rebuilt_digest(chain: &Arc<Chain>) -> alloy_primitives::B256 {
    let engine = Engine::start(chain);
    let digest = engine.at(chain).await.head.digest();
    engine.stop().await;
    digest
}

#[tokio::test]
async fn every_state_equals_the_contracts_and_a_rebuild() {
    for seed in 0..8 {
        let mut dice = Dice(seed);
        let chain = Chain::new();
        let engine = Engine::start(&chain);
        for _ in 0..40 {
            let height = chain.tip_world().reference().number;
            let update = match dice.below(3) {
                0 if height > 0 => {
                    let depth = 1 + dice.below(height.min(9)) as usize;
                    chain.reorg(depth, dice.below(6), &mut dice)
                }
                _ => chain.commit(1 + dice.below(3), &mut dice),
            };
            engine.send(update).await;
            let view = engine.at(&chain).await;
            assert_equals_contracts(&view, &chain);
        }
        let view = engine.at(&chain).await;
        assert_eq!(view.head.digest(), rebuilt_digest(&chain).await, "seed={seed}");
        engine.stop().await;
    }
}

#[tokio::test]
async fn updates_that_the_store_already_held_are_skipped() {
    let (mut dice, chain) = (Dice(1), Chain::new());
    let early = chain.commit(5, &mut dice);
    let reorg = chain.reorg(2, 3, &mut dice);
    // The engine starts late, and gets everything again.
    let engine = Engine::start(&chain);
    engine.at(&chain).await;
    let published = engine.feed.heartbeat();
    assert_eq!((published.next_seq, published.head_number), (7, 6));
    engine.send(reorg.clone()).await;
    let next = chain.commit(1, &mut dice);
    engine.send(next).await;
    let view = engine.at(&chain).await;
    assert_equals_contracts(&view, &chain);
    // Each block went into the feed once.
    assert_eq!(engine.feed.heartbeat().next_seq, 8);
    drop(early);
    engine.stop().await;
}

#[tokio::test]
async fn a_reorg_below_the_ring_rebuilds_and_starts_a_new_epoch() {
    let (mut dice, chain) = (Dice(3), Chain::new());
    let options = LiquidityOptions { ring_blocks: 4, ..LiquidityOptions::own_chain(CHAIN) };
    let engine = Engine::start_with(&chain, options);
    let mut reader = engine.feed.subscribe(Start::Live);
    engine.send(chain.commit(20, &mut dice)).await;
    engine.at(&chain).await;
    engine.send(chain.reorg(12, 3, &mut dice)).await;
    let view = engine.at(&chain).await;
    assert_equals_contracts(&view, &chain);
    assert_eq!(view.head.digest(), rebuilt_digest(&chain).await);
    assert_eq!(engine.feed.heartbeat().epoch, 2);
    let gap = loop {
        match reader.next().await.unwrap() {
            FeedEvent::Gap(gap) => break gap,
            FeedEvent::Block(block) => assert_eq!(block.epoch, 1),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((gap.reason, gap.epoch), (GapReason::Epoch, 2));
    engine.stop().await;
}

/// Applies feed events to an arena, as a consumer in another process does.
fn follow(arena: &mut PoolArena, event: FeedEvent) {
    match event {
        FeedEvent::Block(block) => drop(arena.apply(&block.envelope).unwrap()),
        FeedEvent::Reverted(reverted) => {
            assert_eq!(arena.revert_tip().unwrap().block.hash, reverted.block.hash);
        }
        FeedEvent::ReorgStart(_) | FeedEvent::ReorgEnd(_) | FeedEvent::Heartbeat(_) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_arena_behind_the_socket_equals_the_engines() {
    let (mut dice, chain) = (Dice(4), Chain::new());
    let engine = Engine::start(&chain);
    engine.at(&chain).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed.sock");
    let server = FeedServer::bind(engine.feed.clone(), ServerOptions::at(path.clone())).unwrap();
    let server = tokio::spawn(server.run(engine.shutdown.clone()));
    let start = Start::Oldest;
    let mut consumer =
        FeedConsumer::connect(ConsumerOptions { start, ..ConsumerOptions::at(path) })
            .await
            .unwrap();
    let config = ArenaConfig { discovery: Discovery::All, ..ArenaConfig::new(CHAIN) };
    let mut arena = PoolArena::new(config);
    for round in 0..30 {
        let update = if round % 4 == 3 {
            chain.reorg(2, 1 + round % 3, &mut dice)
        } else {
            chain.commit(2, &mut dice)
        };
        engine.send(update).await;
        let view = engine.at(&chain).await;
        let tip = engine.feed.heartbeat().next_seq;
        while consumer.position().next_seq < tip {
            follow(&mut arena, consumer.next().await.unwrap());
        }
        assert_eq!(arena.digest(), view.head.digest(), "round={round}");
    }
    engine.stop().await;
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn past_blocks_are_answered_with_their_ticks() {
    let (mut dice, chain) = (Dice(5), Chain::new());
    let options = LiquidityOptions { ring_blocks: 16, ..LiquidityOptions::own_chain(CHAIN) };
    let engine = Engine::start_with(&chain, options);
    engine.send(chain.commit(40, &mut dice)).await;
    engine.at(&chain).await;
    engine.send(chain.reorg(5, 8, &mut dice)).await;
    let view = engine.at(&chain).await;
    let (oldest, tip) = (view.oldest().unwrap(), chain.tip_world().reference().number);
    assert!(oldest <= tip - 16);
    for number in oldest..=tip {
        let world = chain.world(number);
        let pool = served(&engine.handle)
            .get_pool(&POOL.to_string(), PoolBlock::Number(number))
            .unwrap()
            .unwrap();
        assert_eq!(pool.block_hash, Some(world.reference().hash));
        assert_eq!(pool.liquidity, Some(world.slot.liquidity.to_string()));
        assert_eq!(pool.sqrt_price_x96, Some(world.slot.sqrt_price.to_string()));
        let ticks: Vec<_> = pool
            .ticks
            .unwrap()
            .iter()
            .map(|tick| (tick.index, tick.liquidity_net.clone()))
            .collect();
        let expected: Vec<_> =
            world.ticks.iter().map(|(tick, info)| (tick.get(), info.net.to_string())).collect();
        assert_eq!(ticks, expected, "block {number}");
        let pair = served(&engine.handle)
            .get_pool(&PAIR.to_string(), PoolBlock::Number(number))
            .unwrap()
            .unwrap();
        assert_eq!(pair.reserve0, Some(world.reserves.reserve0.to_string()));
    }
    for number in [oldest - 1, tip + 1] {
        let refused = served(&engine.handle)
            .get_pool(&PAIR.to_string(), PoolBlock::Number(number))
            .unwrap_err();
        assert!(refused.to_string().contains("block is not kept"), "{refused}");
    }
    assert_eq!(
        served(&engine.handle).get_pool(&TOKEN0.to_string(), PoolBlock::Latest).unwrap(),
        None
    );
    assert!(served(&engine.handle).get_pool("nonsense", PoolBlock::Latest).is_err());
    engine.stop().await;
}

#[tokio::test]
async fn quotes_follow_paths_and_refuse_with_a_reason() {
    let (mut dice, chain) = (Dice(6), Chain::new());
    let engine = Engine::start(&chain);
    engine.send(chain.commit(10, &mut dice)).await;
    engine.at(&chain).await;
    let hop =
        |pool: alloy_primitives::Address, token_in| PathHop { pool: pool.to_string(), token_in };
    let amount = U256::from(1_000_000);
    let path = [hop(PAIR, TOKEN0), hop(POOL, TOKEN1)];
    let quote = served(&engine.handle).quote(&path, amount, PoolBlock::Latest).unwrap();
    let world = chain.tip_world();
    assert_eq!(quote.block_hash, Some(world.reference().hash));
    assert_eq!(quote.hops[0].amount_out, quote.hops[1].amount_in);
    assert_eq!((quote.hops[1].token_out, &quote.hops[1].amount_out), (TOKEN0, &quote.amount_out));
    let refused = |path: &[PathHop], amount| {
        served(&engine.handle).quote(path, amount, PoolBlock::Latest).unwrap_err().to_string()
    };
    assert!(refused(&[hop(TOKEN0, TOKEN0)], amount).contains("pool is unknown"));
    assert!(refused(&[hop(PAIR, POOL)], amount).contains("token is not in the pool"));
    assert!(refused(&[hop(PAIR, TOKEN0), hop(POOL, TOKEN0)], amount).contains("do not connect"));
    assert!(refused(&[hop(POOL, TOKEN0)], U256::MAX >> 2).contains("pool gives no quote"));
    let all = served(&engine.handle).list_pools(&ListPools::default()).unwrap();
    let names: Vec<_> =
        all.iter().map(|pool| (pool.protocol.as_str(), pool.status.as_str())).collect();
    assert_eq!(names, [("v2", "live"), ("v3", "live")]);
    assert!(all[1].ticks.is_none());
    let v3 = ListPools { protocol: Some("v3".to_owned()), ..ListPools::default() };
    assert_eq!(served(&engine.handle).list_pools(&v3).unwrap().len(), 1);
    let other = ListPools { protocol: Some("v9".to_owned()), ..ListPools::default() };
    assert!(served(&engine.handle).list_pools(&other).is_err());
    engine.stop().await;
}

#[tokio::test]
async fn no_quotes_before_the_first_rebuild() {
    let chain = Chain::new();
    let source: Arc<dyn BlockSource> = Arc::<Chain>::clone(&chain);
    let feed = FeedProducer::new(CHAIN, 1, 128);
    let (_driver, handle, _updates) =
        LiquidityDriver::new(LiquidityOptions::own_chain(CHAIN), source, feed);
    assert_eq!(handle.state(), TradingState::Resyncing { pools: 0 });
    let hop = PathHop { pool: PAIR.to_string(), token_in: TOKEN0 };
    let refused =
        served(&handle).quote(&[hop], U256::from(1), PoolBlock::Latest).unwrap_err().to_string();
    assert!(refused.contains("no quotes now: resyncing"), "{refused}");
    assert!(served(&handle).list_pools(&ListPools::default()).unwrap().is_empty());
}

#[tokio::test]
async fn a_whitelist_is_all_that_is_followed() {
    let (mut dice, chain) = (Dice(7), Chain::new());
    let listed = PoolStatic {
        key: PoolKey::address(CHAIN, POOL),
        protocol: Protocol::UniswapV3,
        token0: TOKEN0,
        token1: TOKEN1,
        fee_pips: 3000,
        tick_spacing: 60,
        factory: V3_FACTORY,
        hooks: Address::ZERO,
        decimals: Some((18, 18)),
    };
    let absent = PoolStatic { key: PoolKey::address(CHAIN, V2_FACTORY), ..listed };
    let pools = PoolSelection::Listed(vec![listed, absent]);
    let options = LiquidityOptions { pools, ..LiquidityOptions::own_chain(CHAIN) };
    chain.commit(5, &mut dice);
    let engine = Engine::start_with(&chain, options);
    let view = engine.at(&chain).await;
    let status =
        |address| view.head.get(&PoolKey::address(CHAIN, address)).map(|pool| pool.status());
    assert_eq!(status(POOL), Some(PoolStatus::Live));
    assert_eq!(status(PAIR), None);
    // A contract that was never seen to be created is not guessed at.
    assert_eq!(status(V2_FACTORY), Some(PoolStatus::Unsynced));
    let PoolState::V3(state) = view.head.get(&listed.key).unwrap().state() else { panic!() };
    assert_eq!(state.slot, chain.tip_world().slot);
    engine.stop().await;
}

/// A store with a hole.
struct Holed(Arc<Chain>);

impl BlockSource for Holed {
    fn tip(&self) -> Result<BlockRef, StateError> {
        self.0.tip()
    }

    fn block(&self, number: u64) -> Result<Option<ExecutedBlock>, StateError> {
        if number == 2 { Ok(None) } else { self.0.block(number) }
    }
}

#[tokio::test]
async fn a_broken_store_halts_with_a_reason() {
    let (mut dice, chain) = (Dice(8), Chain::new());
    chain.commit(4, &mut dice);
    let feed = FeedProducer::new(CHAIN, 1, 128);
    let (driver, handle, _updates) =
        LiquidityDriver::new(LiquidityOptions::own_chain(CHAIN), Arc::new(Holed(chain)), feed);
    let error = driver.run(Shutdown::new()).await.unwrap_err();
    assert!(matches!(error, LiquidityError::MissingBlock { number: 2 }), "{error:?}");
    assert_eq!(handle.state().name(), "halted");
}

/// The update's one block, told step by step before it is sealed.
fn steps(chain: &Chain, update: &ChainUpdate) -> Vec<Arc<OpenUpdate>> {
    let block = update.new().unwrap().tip();
    steps_of(chain.world(block.reference().number - 1).reference(), block)
}

#[tokio::test]
async fn the_open_block_is_what_its_sealed_block_will_be() {
    let (mut dice, chain) = (Dice(11), Chain::new());
    let engine = Engine::start(&chain);
    engine.send(chain.commit(1, &mut dice)).await;
    engine.at(&chain).await;
    let mut events = engine.feed.subscribe(Start::Live);
    let mut told = 0;
    for _ in 0..40 {
        let sealed = chain.tip_world();
        let update = chain.commit(1, &mut dice);
        let steps = steps(&chain, &update);
        for step in &steps {
            engine.tell(Arc::clone(step)).await;
        }
        let view = engine.open(steps.len() as u32).await;
        assert_pools(&view.head, &sealed);
        if let Some(open) = &view.open {
            assert_pools(&open.pools, &chain.tip_world());
            assert_eq!(open.block.parent_hash, sealed.reference().hash);
            let served = served(&engine.handle);
            let pending = served.get_pool(&PAIR.to_string(), PoolBlock::Pending).unwrap().unwrap();
            assert_eq!((pending.block_number, pending.block_hash), (open.block.number, None));
            assert_eq!(pending.reserve0, Some(chain.tip_world().reserves.reserve0.to_string()));
        }
        for index in 0..steps.len() as u32 {
            let Some(FeedEvent::Step(step)) = events.next().await else { panic!("step {index}") };
            assert_eq!((step.index, step.first_tx), (index, index));
            told += 1;
        }
        engine.send(update).await;
        let view = engine.at(&chain).await;
        assert!(view.open.is_none(), "the sealed block supersedes its steps");
        assert_equals_contracts(&view, &chain);
        assert!(matches!(events.next().await, Some(FeedEvent::Block(_))));
    }
    assert!(told > 20, "steps were told: {told}");
    engine.stop().await;
}

#[tokio::test]
async fn pools_that_the_open_block_creates_are_in_it_and_nowhere_else() {
    let (mut dice, chain) = (Dice(13), Chain::new());
    let engine = Engine::start(&chain);
    engine.at(&chain).await;
    // The first block deploys the pair and the pool, and gives them what they trade with.
    let update = chain.commit(1, &mut dice);
    let parent_hash = chain.world(0).reference().hash;
    let steps = steps(&chain, &update);
    let service = served(&engine.handle);
    let shown = |block| service.get_pool(&PAIR.to_string(), block).unwrap();
    let route = || BestRouteRequest {
        chain_id: None,
        token_in: TOKEN0,
        token_out: TOKEN1,
        amount_in: U256::from(1_000_000),
        max_hops: None,
        max_splits: None,
    };
    let book = OrderBookRequest {
        chain_id: None,
        base: TOKEN0,
        quote: TOKEN1,
        levels: None,
        depth_bps: None,
    };
    for round in 0..2 {
        for step in &steps {
            engine.tell(Arc::clone(step)).await;
        }
        let view = engine.open(steps.len() as u32).await;
        assert!(view.head.is_empty());
        assert_pools(&view.open.as_ref().unwrap().pools, &chain.tip_world());
        assert_eq!(shown(PoolBlock::Pending).unwrap().status, "live");
        assert!(shown(PoolBlock::Latest).is_none());
        let hop = PathHop { pool: PAIR.to_string(), token_in: TOKEN0 };
        let quote = |block| service.quote(std::slice::from_ref(&hop), U256::from(1_000), block);
        assert_eq!(quote(PoolBlock::Pending).unwrap().block_hash, None);
        quote(PoolBlock::Latest).unwrap_err();
        let found = service.best_route(&route(), PoolBlock::Pending).unwrap();
        assert_eq!((found.block_number, found.block_hash), (1, None));
        assert_ne!(found.amount_out, "0");
        service.best_route(&route(), PoolBlock::Latest).unwrap_err();
        let offered = service.order_book(&book, PoolBlock::Pending).unwrap();
        assert_eq!((offered.pools, offered.block_hash), (2, None));
        if round == 0 {
            engine.tell(Arc::new(OpenUpdate::Retracted { parent_hash })).await;
            assert!(engine.open(0).await.head.is_empty());
            assert!(shown(PoolBlock::Pending).is_none(), "they are gone with the block");
        }
    }
    engine.send(update).await;
    assert_equals_contracts(&*engine.at(&chain).await, &chain);
    let found = service.best_route(&route(), PoolBlock::Latest).unwrap();
    assert_eq!(found.block_hash, Some(chain.tip_world().reference().hash));
    engine.stop().await;
}

#[tokio::test]
async fn an_open_block_is_taken_back_and_one_with_a_lost_step_is_not_shown() {
    let (mut dice, chain) = (Dice(12), Chain::new());
    let engine = Engine::start(&chain);
    engine.send(chain.commit(3, &mut dice)).await;
    engine.at(&chain).await;
    let parent_hash = chain.tip_world().reference().hash;
    let (update, steps) = loop {
        let update = chain.commit(1, &mut dice);
        let steps = steps(&chain, &update);
        if steps.len() > 1 {
            break (update, steps);
        }
        chain.reorg(1, 0, &mut dice);
    };
    let mut events = engine.feed.subscribe(Start::Live);
    let service = served(&engine.handle);
    let mut updates = service.subscribe_pools();
    let publishing = tokio::spawn(service.publish(engine.shutdown.clone()));
    // It compares with what it saw when it started.
    tokio::task::yield_now().await;
    engine.tell(Arc::clone(&steps[0])).await;
    let told = updates.recv().await.unwrap();
    assert_eq!((told.block_hash, told.steps, told.pools.is_empty()), (None, Some(1), false));
    for step in &steps[1..] {
        engine.tell(Arc::clone(step)).await;
    }
    engine.open(steps.len() as u32).await;
    let other = Arc::new(OpenUpdate::Retracted { parent_hash: chain.tip_world().reference().hash });
    engine.tell(other).await;
    let is_retracted = |event| matches!(event, Some(FeedEvent::StepRetracted(_)));
    engine.tell(Arc::new(OpenUpdate::Retracted { parent_hash })).await;
    engine.open(0).await;
    assert!(is_retracted(events.next().await));
    let sealed = loop {
        let told = updates.recv().await.unwrap();
        if told.steps.is_none() {
            break told;
        }
    };
    assert_eq!(sealed.block_hash, Some(parent_hash), "the tip holds again");
    assert!(!sealed.pools.is_empty());
    // Without its first step nothing is known of the block; with it, it begins anew.
    engine.tell(Arc::clone(&steps[1])).await;
    engine.tell(Arc::clone(&steps[0])).await;
    let view = engine.open(1).await;
    assert_eq!(view.open.as_ref().unwrap().block.parent_hash, parent_hash);
    // A step is lost.
    engine.tell(Arc::clone(&steps[0])).await;
    engine.tell(Arc::clone(&steps[0])).await;
    let Some(OpenUpdate::Appended(last)) = steps.last().map(|step| &**step) else { panic!() };
    let late = OpenStep { first_tx: last.first_tx + 1, ..last.clone() };
    engine.tell(Arc::new(OpenUpdate::Appended(late))).await;
    engine.open(0).await;
    assert!(is_retracted(events.next().await));
    engine.send(update).await;
    assert_equals_contracts(&*engine.at(&chain).await, &chain);
    assert!(matches!(events.next().await, Some(FeedEvent::Block(_))));
    engine.stop().await;
    publishing.await.unwrap().unwrap();
}

/// Waits until the paths at the chain's tip are looked at.
async fn evaluated(paths: &PathsHandle, chain: &Chain) {
    let tip = chain.tip_world().reference().hash;
    while paths.view().pools.as_ref().and_then(|pools| pools.tip()).is_none_or(|at| at.hash != tip)
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_halted_search_shows_nothing_while_pools_are_quoted() {
    let (chain, mut dice) = (Chain::new(), Dice(3));
    let engine = Engine::start(&chain);
    let halts = Arc::new(Halts::default());
    let options = PathsOptions::default();
    let (driver, paths) = PathsDriver::halted_by(options, engine.handle.clone(), halts.clone());
    let searching = tokio::spawn(driver.run(engine.shutdown.clone()));
    let service = LiquidityService::new([(engine.handle.clone(), paths.clone())]).unwrap();
    let found = || service.opportunities(&ListOpportunities::default());
    while paths.view().opportunities.is_empty() {
        engine.send(chain.commit(1, &mut dice)).await;
        engine.at(&chain).await;
        evaluated(&paths, &chain).await;
    }
    let held = found().unwrap().opportunities.len();
    let mut changes = paths.subscribe();

    halts.halt(Scope::Searching, "prices are off", "alice@192.0.2.1").unwrap();
    let refused = found().unwrap_err();
    assert!(
        matches!(&refused, BackendError::Halted { scope: "searching", reason } if reason == "prices are off"),
        "{refused}"
    );
    engine.send(chain.commit(1, &mut dice)).await;
    engine.at(&chain).await;
    let change = changes.recv().await.unwrap();
    assert_eq!(change.delta.disappeared.len(), held, "what was told is taken back");
    assert!(change.view.opportunities.is_empty());
    let pair = PoolKey::address(CHAIN, PAIR).id.to_string();
    let hop = PathHop { pool: pair, token_in: TOKEN0 };
    service.quote(&[hop], U256::from(1_000), PoolBlock::Latest).unwrap();

    assert!(halts.resume(Scope::Searching).unwrap());
    while paths.view().opportunities.is_empty() {
        engine.send(chain.commit(1, &mut dice)).await;
        engine.at(&chain).await;
        evaluated(&paths, &chain).await;
    }
    assert!(!found().unwrap().opportunities.is_empty());
    engine.stop().await;
    searching.await.unwrap().unwrap();
}
