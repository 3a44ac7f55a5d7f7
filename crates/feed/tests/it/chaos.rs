//! A lossy way between producer and consumer, and deaths on both ends: the consumer never hands out anything wrong, and
//! ends with the producer's state.

use crate::{
    history::CHAIN_ID,
    story::{Story, fresh_arena},
};
use alloy_primitives::{B256, map::B256Map};
use parking_lot::Mutex;
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
};
use weir_arena::PoolArena;
use weir_feed::{
    ConsumerError, ConsumerOptions, FeedConsumer, FeedEvent, FeedServer, FeedStep, ProducerError,
    ServerOptions, Start,
};
use weir_runtime::Shutdown;

/// What happens to a frame on its way to the consumer.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Drop,
    Duplicate,
    /// It comes after the next one.
    Swap,
    /// A part of it comes, then the end of the connection.
    Truncate(u16),
    /// The connection ends before it.
    Cut,
    /// Others get to run first.
    Delay(u8),
}

/// What happens at the ends.
#[derive(Debug, Clone, Copy)]
enum Action {
    Extend(u8),
    Reorg(u8, u8),
    Step(u8),
    Retract,
    /// The server dies in the middle of whatever it does, and another serves the same producer.
    KillServer,
    /// The producer begins anew.
    RestartProducer,
    /// The consumer loses all that it has.
    KillConsumer,
}

/// After how many frames, what.
type Plan = Arc<Mutex<VecDeque<(u8, Fault)>>>;

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Drop),
        Just(Fault::Duplicate),
        Just(Fault::Swap),
        any::<u16>().prop_map(Fault::Truncate),
        Just(Fault::Cut),
        any::<u8>().prop_map(Fault::Delay),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (1..6u8).prop_map(Action::Extend),
        3 => (1..6u8, 0..6u8).prop_map(|(depth, count)| Action::Reorg(depth, count)),
        2 => (0..4u8).prop_map(Action::Step),
        1 => Just(Action::Retract),
        1 => Just(Action::KillServer),
        1 => Just(Action::RestartProducer),
        1 => Just(Action::KillConsumer),
    ]
}

/// Cuts a stream into frames and lets the plan have its way with them.
struct Lossy {
    server: UnixStream,
    client: UnixStream,
    plan: Plan,
    held: Option<Vec<u8>>,
}

impl Lossy {
    async fn run(mut self) -> std::io::Result<()> {
        let mut hello = [0; 42];
        self.client.read_exact(&mut hello).await?;
        self.server.write_all(&hello).await?;
        loop {
            let mut head = [0; 4];
            self.server.read_exact(&mut head).await?;
            let mut frame = head.to_vec();
            frame.resize(4 + u32::from_le_bytes(head) as usize, 0);
            self.server.read_exact(&mut frame[4..]).await?;
            if !self.pass(frame).await? {
                return Ok(());
            }
        }
    }

    /// The fault due for this frame.
    fn due(&self) -> Option<Fault> {
        let mut plan = self.plan.lock();
        match plan.front_mut()? {
            (0, _) => plan.pop_front().map(|(_, fault)| fault),
            (frames, _) => {
                *frames -= 1;
                None
            }
        }
    }

    async fn pass(&mut self, mut frame: Vec<u8>) -> std::io::Result<bool> {
        let before = self.held.take();
        match self.due() {
            None => {}
            Some(Fault::Drop) => frame.clear(),
            Some(Fault::Duplicate) => frame.extend_from_within(..),
            Some(Fault::Swap) => self.held = Some(std::mem::take(&mut frame)),
            Some(Fault::Truncate(length)) => {
                frame.truncate(usize::from(length) % frame.len());
                self.client.write_all(&frame).await?;
                return Ok(false);
            }
            Some(Fault::Cut) => return Ok(false),
            Some(Fault::Delay(turns)) => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
            }
        }
        self.client.write_all(&frame).await?;
        self.client.write_all(&before.unwrap_or_default()).await?;
        Ok(true)
    }
}

async fn proxy(listener: UnixListener, server: PathBuf, plan: Plan) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        // Without a server behind it, the consumer's connection ends at once.
        if let Ok(server) = UnixStream::connect(&server).await {
            let lossy = Lossy { server, client, plan: Arc::clone(&plan), held: None };
            tokio::spawn(lossy.run());
        }
    }
}

/// A consumer with the state that it would trade on.
struct Mirror {
    options: ConsumerOptions,
    consumer: FeedConsumer,
    arena: PoolArena,
    /// What is due, once the first event has said so.
    next: Option<(u64, u64)>,
}

/// What was published, to compare with.
#[derive(Default)]
struct Truth {
    events: BTreeMap<(u64, u64), FeedEvent>,
    steps: Vec<FeedStep>,
    digests: B256Map<B256>,
}

const ATTEMPTS_MAX: usize = 200;

impl Mirror {
    async fn connect(options: ConsumerOptions) -> Self {
        for _ in 0..ATTEMPTS_MAX {
            match FeedConsumer::connect(options.clone()).await {
                Ok(consumer) => {
                    return Self { options, consumer, arena: fresh_arena(), next: None };
                }
                Err(error) => require_transient(&error),
            }
        }
        panic!("no connection came about");
    }

    /// Reads until everything published has come.
    async fn catch_up(&mut self, story: &Story, truth: &Truth) {
        for _ in 0..ATTEMPTS_MAX {
            let head = story.producer.heartbeat();
            let position = self.consumer.position();
            let is_synced = self.arena.tip().map(|tip| tip.hash) == story.tip_hash();
            if (position.epoch, position.next_seq) == (head.epoch, head.next_seq) && is_synced {
                return;
            }
            match self.consumer.next().await {
                Ok(event) => self.take(&event, truth).await,
                Err(error) => {
                    require_transient(&error);
                    self.reconnect().await;
                }
            }
        }
        panic!("not synced after {ATTEMPTS_MAX} events and faults");
    }

    async fn reconnect(&mut self) {
        for _ in 0..ATTEMPTS_MAX {
            match self.consumer.resume().await {
                Ok(()) => return,
                Err(error) => require_transient(&error),
            }
        }
        panic!("the connection does not come back");
    }

    async fn resync(&mut self) {
        for _ in 0..ATTEMPTS_MAX {
            match self.consumer.resync().await {
                Ok(()) => {
                    (self.arena, self.next) = (fresh_arena(), None);
                    return;
                }
                Err(error) => require_transient(&error),
            }
        }
        panic!("no snapshot came");
    }

    async fn take(&mut self, event: &FeedEvent, truth: &Truth) {
        match event {
            FeedEvent::Gap(_) => return self.resync().await,
            FeedEvent::Snapshot(snapshot) => {
                self.arena = fresh_arena();
                snapshot.restore(&mut self.arena).unwrap();
                assert_eq!(Some(&self.arena.digest()), truth.digests.get(&snapshot.block.hash));
                self.next = Some((snapshot.epoch, snapshot.next_seq));
            }
            FeedEvent::Step(step) => assert!(truth.steps.contains(step), "{step:?}"),
            _ => {}
        }
        let Some(seq) = event.seq() else { return };
        let epoch = self.consumer.position().epoch;
        assert_eq!(Some(event), truth.events.get(&(epoch, seq)), "a wrong event was handed out");
        assert!(self.next.is_none_or(|due| due == (epoch, seq)), "{:?} {epoch} {seq}", self.next);
        self.next = Some((epoch, seq + 1));
        match event {
            FeedEvent::Block(block) => _ = self.arena.apply(&block.envelope).unwrap(),
            // Below the snapshot that it began with there is nothing to go back to.
            FeedEvent::Reverted(_) if self.arena.depth() == 0 => self.resync().await,
            FeedEvent::Reverted(_) => _ = self.arena.revert_tip().unwrap(),
            _ => {}
        }
    }
}

/// Faults are typed and never of the kind that waiting and reconnecting does not cure.
fn require_transient(error: &ConsumerError) {
    assert!(error.severity() != weir_primitives::Severity::Halt, "{error:?}");
    assert!(!matches!(error, ConsumerError::Idle { .. }), "something was lost without notice");
}

fn serve(story: &Story, path: &Path) -> JoinHandle<Result<(), ProducerError>> {
    let options = ServerOptions {
        heartbeat_interval: Duration::from_millis(2),
        ..ServerOptions::at(path.to_owned())
    };
    let server = FeedServer::bind(story.producer.clone(), options).unwrap();
    tokio::spawn(server.run(Shutdown::new()))
}

impl Truth {
    fn note(&mut self, story: &Story, events: Vec<FeedEvent>) {
        let epoch = story.producer.heartbeat().epoch;
        for event in events {
            self.events.insert((epoch, event.seq().unwrap()), event);
        }
        if let Some(tip) = story.arena.tip() {
            self.digests.insert(tip.hash, story.arena.digest());
        }
    }

    fn act(&mut self, story: &mut Story, action: Action) {
        let events = match action {
            Action::Extend(count) => story.extend(count.into()),
            Action::Reorg(depth, count) => {
                match usize::from(depth).min(story.height() - 1) {
                    // The first block stays: there is nothing to replace.
                    0 => story.extend(count.into()),
                    depth => story.reorg(depth, count.into()),
                }
            }
            Action::Step(events) => {
                let FeedEvent::Step(step) = story.step(events.into()) else { panic!() };
                self.steps.push(step);
                return;
            }
            Action::Retract => {
                story.retract();
                return;
            }
            Action::RestartProducer => {
                story.producer.restart();
                story.extend(1)
            }
            Action::KillServer | Action::KillConsumer => return,
        };
        self.note(story, events);
        let snapshot = story.arena.snapshot();
        story.producer.offer_snapshot(snapshot);
    }
}

async fn run(seed: u64, actions: Vec<Action>, faults: Vec<(u8, Fault)>, start: Start) {
    let folder = tempfile::tempdir().unwrap();
    let (real, lossy) = (folder.path().join("feed.sock"), folder.path().join("lossy.sock"));
    let plan: Plan = Arc::new(Mutex::new(faults.into()));
    let listener = UnixListener::bind(&lossy).unwrap();
    let proxy = tokio::spawn(proxy(listener, real.clone(), Arc::clone(&plan)));
    let (mut story, mut truth) = (Story::new(seed, 1), Truth::default());
    truth.act(&mut story, Action::Extend(12));
    let mut server = serve(&story, &real);
    let options = ConsumerOptions { chain_id: CHAIN_ID, start, ..ConsumerOptions::at(lossy) };
    let mut mirror = Mirror::connect(options).await;
    for action in actions {
        match action {
            Action::KillServer => {
                server.abort();
                let _ = server.await;
                server = serve(&story, &real);
            }
            Action::KillConsumer => {
                let options = ConsumerOptions { start: Start::Snapshot, ..mirror.options.clone() };
                mirror = Mirror::connect(options).await;
            }
            action => truth.act(&mut story, action),
        }
        mirror.catch_up(&story, &truth).await;
        assert_eq!(mirror.arena.digest(), story.arena.digest());
    }
    server.abort();
    proxy.abort();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn chaos_never_leads_to_a_wrong_state(
        seed in 0..u64::from(u32::MAX),
        actions in prop::collection::vec(action(), 1..14),
        faults in prop::collection::vec((0..25u8, fault()), 0..24),
        is_fresh in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let start = if is_fresh { Start::Snapshot } else { Start::Oldest };
        runtime.block_on(run(seed, actions, faults, start));
    }
}
