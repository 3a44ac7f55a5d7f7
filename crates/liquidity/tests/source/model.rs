//! A model of a node: it knows every block that ever was, and reads pools after any of them.
#![expect(unreachable_pub, reason = "shared by the files of this test")]

use crate::common::{
    CHAIN, Chain, Dice, PAIR, POOL, TOKEN0, TOKEN1, V2_FACTORY, V3_FACTORY, World,
};
use alloy_primitives::B256;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Instant,
};
use weir_arena::{
    BlockEnvelope, Hydration, Pool, PoolArena, PoolId, PoolKey, PoolState, PoolStatic, Protocol,
    WatchAll,
};
use weir_feed::Completeness;
use weir_liquidity::{
    EngineInput, LiquidityHandle, LiquidityView, PoolRefusal, ReadError, ReadFuture, SourceBlock,
    SourceEngine, SourceOptions, SourceUpdate, StateReader, WhitelistChange, Work, WorkDone,
};
use weir_primitives::{BlockRef, ChainUpdate, ExecutedBlock, LoggedBlock, LoggedTransaction};

pub fn pair() -> PoolStatic {
    PoolStatic {
        key: PoolKey::address(CHAIN, PAIR),
        protocol: Protocol::UniswapV2,
        token0: TOKEN0,
        token1: TOKEN1,
        fee_pips: 3000,
        tick_spacing: 0,
        factory: V2_FACTORY,
        hooks: alloy_primitives::Address::ZERO,
        decimals: None,
    }
}

pub fn pool() -> PoolStatic {
    PoolStatic {
        key: PoolKey::address(CHAIN, POOL),
        protocol: Protocol::UniswapV3,
        tick_spacing: 60,
        factory: V3_FACTORY,
        ..pair()
    }
}

pub fn full() -> EngineInput {
    let pools = vec![pair(), pool()];
    EngineInput::Whitelist(WhitelistChange::Full { snapshot_id: 1, pools })
}

/// What the block's contracts hold of a pool.
pub fn state(world: &World, key: &PoolKey) -> Hydration {
    if key.id == PoolId::from(PAIR) {
        return Hydration::V2(world.reserves);
    }
    Hydration::V3 { slot: world.slot, fee_protocol: 0, ticks: world.ticks.iter().collect() }
}

pub fn is_state(pool: &Pool, state: &Hydration) -> bool {
    match (pool.state(), state) {
        (PoolState::V2(ours), Hydration::V2(reserves)) => ours.reserves == *reserves,
        (PoolState::V3(ours), Hydration::V3 { slot, fee_protocol, ticks }) => {
            ours.slot == *slot
                && ours.fee_protocol == *fee_protocol
                && ours.ticks.iter().collect::<Vec<_>>() == *ticks
        }
        _ => false,
    }
}

/// Every block that ever was, by hash.
#[derive(Default)]
pub struct Archive {
    worlds: Mutex<HashMap<B256, World>>,
}

impl Archive {
    pub fn keep(&self, chain: &Chain) {
        let mut worlds = self.worlds.lock().unwrap();
        for number in 0..=chain.tip_world().reference().number {
            let world = chain.world(number);
            worlds.entry(world.reference().hash).or_insert(world);
        }
    }

    pub fn world(&self, hash: B256) -> World {
        self.worlds.lock().unwrap()[&hash].clone()
    }

    /// What a node answers, the row checked against the contract.
    pub fn answer(&self, pool: &PoolStatic, at: BlockRef) -> Result<Hydration, ReadError> {
        let worlds = self.worlds.lock().unwrap();
        let world = worlds.get(&at.hash).ok_or(ReadError::UnknownBlock { hash: at.hash })?;
        let real = [pair(), self::pool()].into_iter().find(|real| real.key == pool.key);
        let real = real.filter(|_| world.reference().number > 0);
        let real = real.ok_or(ReadError::Refused(PoolRefusal::NoContract))?;
        let (token0, token1) = (real.token0, real.token1);
        if (pool.token0, pool.token1) != (token0, token1) {
            return Err(ReadError::Refused(PoolRefusal::Tokens { token0, token1 }));
        }
        Ok(state(world, &pool.key))
    }
}

impl StateReader for Archive {
    fn read<'a>(&'a self, pool: &'a PoolStatic, at: BlockRef) -> ReadFuture<'a> {
        let answer = self.answer(pool, at);
        Box::pin(async move { answer })
    }
}

/// How a block reaches the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Executed,
    Logged,
    Envelope,
}

pub fn logged(block: &ExecutedBlock) -> LoggedBlock {
    let transactions = block.block.transactions().iter().zip(&*block.receipts);
    let transactions = transactions.map(|(transaction, receipt)| LoggedTransaction {
        hash: *transaction.tx_hash(),
        logs: receipt.logs.clone(),
    });
    LoggedBlock {
        reference: block.reference(),
        base_fee: block.block.header().base_fee_per_gas.unwrap_or(0),
        transactions: transactions.collect(),
    }
}

pub fn formed(block: &ExecutedBlock, form: Form) -> SourceBlock {
    let grade = Completeness::ReceiptsRootVerified;
    match form {
        Form::Executed => SourceBlock::Executed(block.clone()),
        Form::Logged => SourceBlock::Logged(logged(block), grade),
        Form::Envelope => {
            let extracted = BlockEnvelope::from_block(CHAIN, block, &WatchAll);
            SourceBlock::Envelope(Arc::new(extracted.envelope), grade)
        }
    }
}

pub fn update(update: &ChainUpdate, form: Form) -> SourceUpdate {
    let new = update.new().into_iter().flat_map(|new| new.blocks());
    SourceUpdate {
        new: new.map(|block| formed(block, form)).collect(),
        ..SourceUpdate::from(update)
    }
}

/// An engine driven by hand.
pub struct Bench {
    pub chain: Arc<Chain>,
    pub archive: Archive,
    pub engine: SourceEngine,
    pub handle: LiquidityHandle,
    pub open: Vec<Work>,
    pub now: Instant,
}

impl Bench {
    pub fn new(options: SourceOptions) -> Self {
        let (engine, handle) = SourceEngine::new(options, None);
        let (chain, archive) = (Chain::new(), Archive::default());
        archive.keep(&chain);
        Self { chain, archive, engine, handle, open: Vec::new(), now: Instant::now() }
    }

    pub fn options() -> SourceOptions {
        SourceOptions { samples: 0, ..SourceOptions::new(CHAIN) }
    }

    /// An engine that is live on both pools after `blocks` blocks.
    pub fn live(options: SourceOptions, blocks: u64, dice: &mut Dice) -> Self {
        let mut bench = Self::new(options);
        bench.take(full());
        bench.commit(blocks, dice);
        bench.serve_all();
        assert_eq!(bench.handle.state(), weir_liquidity::TradingState::Live);
        bench
    }

    pub fn take(&mut self, input: EngineInput) {
        self.archive.keep(&self.chain);
        self.engine.take(input, self.now).unwrap();
        self.open.extend(self.engine.work());
    }

    pub fn commit(&mut self, blocks: u64, dice: &mut Dice) {
        let committed = self.chain.commit(blocks, dice);
        self.take(EngineInput::Chain(committed));
    }

    pub fn reorg(&mut self, depth: usize, blocks: u64, dice: &mut Dice) {
        let reorged = self.chain.reorg(depth, blocks, dice);
        self.take(EngineInput::Chain(reorged));
    }

    /// Answers one request.
    pub fn serve(&mut self, work: &Work) {
        let read = |pool: &PoolStatic| (pool.key, self.archive.answer(pool, work.at));
        let reads = work.pools.iter().map(read).collect();
        self.engine.finish(WorkDone { id: work.id, reads }, self.now).unwrap();
        self.open.extend(self.engine.work());
    }

    /// Answers requests until there are no more.
    pub fn serve_all(&mut self) {
        while let Some(work) = self.open.pop() {
            self.serve(&work);
        }
    }

    pub fn view(&self) -> Arc<LiquidityView> {
        self.handle.view()
    }

    pub fn gate(&self, pool: &PoolStatic) -> Option<&'static str> {
        self.view().gate(&pool.key).map(|gate| gate.name())
    }

    /// Whatever is called live equals the contracts at the view's block, in the head and in every block kept.
    pub fn assert_true(&self) {
        let view = self.view();
        let Some(tip) = view.head.tip() else { return };
        let world = self.archive.world(tip.hash);
        for (_, pool) in view.head.pools() {
            let key = pool.statics().key;
            if view.gate(&key).is_some_and(|gate| gate.is_live()) {
                assert!(is_state(pool, &state(&world, &key)), "wrong live: {key} at {tip:?}");
            }
        }
        for number in view.oldest().unwrap_or(0)..=tip.number {
            let Some(snapshot) = view.at(number) else { continue };
            let world = self.archive.world(snapshot.tip().unwrap().hash);
            for (_, pool) in snapshot.pools() {
                let is_live = pool.status() == weir_arena::PoolStatus::Live;
                let key = pool.statics().key;
                assert!(!is_live || is_state(pool, &state(&world, &key)), "{key} at {number}");
            }
        }
    }

    /// The arena equals one built from the first block of the chain on.
    pub fn assert_equals_rebuild(&self) {
        let config = weir_arena::ArenaConfig {
            discovery: weir_arena::Discovery::All,
            ..weir_arena::ArenaConfig::new(CHAIN)
        };
        let (mut rebuilt, view) = (PoolArena::new(config), self.view());
        for number in 0..=self.chain.tip_world().reference().number {
            let block = self.chain.world(number).block;
            rebuilt.apply(&BlockEnvelope::from_block(CHAIN, &block, &WatchAll).envelope).unwrap();
        }
        assert_eq!(view.head.tip(), rebuilt.tip());
        for (_, pool) in view.head.pools() {
            let twin = rebuilt.find(&pool.statics().key).and_then(|idx| rebuilt.pool(idx)).unwrap();
            assert_eq!((pool.state(), pool.status()), (twin.state(), twin.status()));
        }
    }
}
