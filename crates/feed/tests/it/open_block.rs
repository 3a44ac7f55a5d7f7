//! Steps of the open block, snapshots, and several chains, over the socket.

use crate::{
    common::{CHAIN, EPOCH, commit},
    history::CHAIN_ID,
    story::{Story, fresh_arena},
};
use std::{path::PathBuf, time::Duration};
use tokio::task::JoinHandle;
use weir_arena::EventRecord;
use weir_feed::{
    ANY_CHAIN, Completeness, ConsumerError, ConsumerOptions, FeedConsumer, FeedEvent, FeedProducer,
    FeedServer, GapReason, Position, ProducerError, Refusal, ServerCodec, ServerOptions, Start,
    StepUpdate,
};
use weir_runtime::{Shutdown, ShutdownReason};

struct Server {
    folder: tempfile::TempDir,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), ProducerError>>,
}

impl Server {
    fn start(producers: Vec<FeedProducer>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = ServerOptions {
            heartbeat_interval: Duration::from_secs(3600),
            snapshot_wait: Duration::from_millis(500),
            ..ServerOptions::at(folder.path().join("feed.sock"))
        };
        let shutdown = Shutdown::new();
        let server = FeedServer::bind_all(producers, options).unwrap();
        let task = tokio::spawn(server.run(shutdown.clone()));
        Self { folder, shutdown, task }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("feed.sock")
    }

    async fn connect(&self, chain_id: u64, start: Start) -> Result<FeedConsumer, ConsumerError> {
        let options = ConsumerOptions { chain_id, start, ..ConsumerOptions::at(self.path()) };
        FeedConsumer::connect(options).await
    }

    async fn stop(self) {
        self.shutdown.trigger(ShutdownReason::Done);
        self.task.await.unwrap().unwrap();
    }
}

async fn take(consumer: &mut FeedConsumer, count: usize) -> Vec<FeedEvent> {
    let mut events = Vec::new();
    while events.len() < count {
        match consumer.next().await.unwrap() {
            FeedEvent::Heartbeat(_) => {}
            event => events.push(event),
        }
    }
    events
}

#[tokio::test]
async fn steps_come_before_their_block_and_are_superseded_by_it() {
    let mut story = Story::new(1, EPOCH);
    story.extend(3);
    let server = Server::start(vec![story.producer.clone()]);
    let mut first = server.connect(CHAIN_ID, Start::Live).await.unwrap();
    assert!(matches!(first.next().await.unwrap(), FeedEvent::Heartbeat(_)));
    let mut in_process = story.producer.subscribe(Start::Live);
    let steps = [story.step(3), story.step(0), story.step(40)];
    assert_eq!(take(&mut first, 3).await, steps);
    for step in &steps {
        assert_eq!(in_process.next().await.as_ref(), Some(step));
    }
    // A consumer that comes later is sent the steps of the open block, from the first.
    let mut second = server.connect(CHAIN_ID, Start::Oldest).await.unwrap();
    assert_eq!(take(&mut second, 6).await[3..], steps);
    let retracted: Vec<FeedEvent> = story.producer.retract_steps().into_iter().collect();
    let FeedEvent::StepRetracted(undone) = retracted[0] else { panic!("{retracted:?}") };
    assert_eq!((undone.number, undone.steps), (4, 3));
    let last = story.step(2);
    let updates = [
        retracted,
        vec![last],
        story.extend(1),
        vec![story.step(1)],
        // A reorg supersedes steps, too.
        story.reorg(1, 2),
        vec![story.step(5)],
    ];
    // What is superseded before a consumer has read it may be left out; what is read is right and in order.
    let published = updates.concat();
    for consumer in [&mut first, &mut second] {
        let mut rest = published.iter();
        loop {
            let event = take(consumer, 1).await.remove(0);
            assert!(rest.any(|published| *published == event), "{event:?}");
            if rest.len() == 0 {
                break;
            }
        }
    }
    let mut rest = published.iter();
    while rest.len() > 0 {
        let event = in_process.next().await.unwrap();
        assert!(rest.any(|published| *published == event), "{event:?}");
    }
    // Steps have no memory: after a reconnect they come again.
    let position = first.position();
    first.resume().await.unwrap();
    assert_eq!(first.position(), position);
    assert_eq!(take(&mut first, 1).await[..], published[published.len() - 1..]);
    server.stop().await;
}

#[test]
fn steps_that_do_not_fit_are_refused() {
    let mut story = Story::new(2, EPOCH);
    story.extend(2);
    let FeedEvent::Step(step) = story.step(3) else { panic!() };
    let producer = &story.producer;
    assert_eq!((step.number, step.index, step.seq), (3, 0, 2));
    let update = |first_tx, events: Vec<EventRecord>| StepUpdate {
        number: step.number,
        parent_hash: step.parent_hash,
        first_tx,
        events,
    };
    let foreign = StepUpdate { parent_hash: Default::default(), ..update(3, Vec::new()) };
    let refused = producer.publish_step(foreign);
    assert!(matches!(refused, Err(ProducerError::NotTip { number: 3, .. })), "{refused:?}");
    let again = producer.publish_step(update(3, step.events.to_vec()));
    assert!(matches!(again, Err(ProducerError::StepOrder { number: 3, index: 1 })), "{again:?}");
    let before = producer.publish_step(update(1, Vec::new()));
    assert!(matches!(before, Err(ProducerError::StepOrder { .. })), "{before:?}");
    let many = vec![step.events[0]; weir_feed::UPDATES_PER_BLOCK_MAX as usize];
    let full = producer.publish_step(update(3, many));
    assert!(matches!(full, Err(ProducerError::StepsFull { steps: 1, .. })), "{full:?}");
    assert!(producer.retract_steps().is_some());
    assert!(producer.retract_steps().is_none(), "there are none left");
}

#[tokio::test]
async fn a_consumer_that_starts_from_a_snapshot_has_the_producers_state() {
    let mut story = Story::new(3, EPOCH);
    story.extend(60);
    story.reorg(4, 5);
    let server = Server::start(vec![story.producer.clone()]);
    // The snapshot is somewhat older than the tip.
    story.producer.offer_snapshot(story.arena.snapshot());
    let (tip, pools) = (story.arena.tip().unwrap(), story.arena.len() as usize);
    let mut published = story.extend(3);
    let mut consumer = server.connect(ANY_CHAIN, Start::Snapshot).await.unwrap();
    let events = take(&mut consumer, 1 + published.len()).await;
    let FeedEvent::Snapshot(snapshot) = &events[0] else { panic!("{events:?}") };
    assert_eq!((snapshot.block, snapshot.pools.len()), (tip, pools));
    assert_eq!(events[1..], published);
    let mut arena = fresh_arena();
    snapshot.restore(&mut arena).unwrap();
    published.extend(story.reorg(2, 6));
    published.extend(story.extend(4));
    let mut all = events[1..].to_vec();
    all.extend(take(&mut consumer, published.len() - 3).await);
    assert_eq!(all, published);
    for event in &all {
        match event {
            FeedEvent::Block(block) => _ = arena.apply(&block.envelope).unwrap(),
            FeedEvent::Reverted(_) => _ = arena.revert_tip().unwrap(),
            _ => {}
        }
    }
    assert_eq!(arena.digest(), story.arena.digest());
    server.stop().await;
}

#[tokio::test]
async fn after_a_gap_a_snapshot_brings_the_consumer_back() {
    let mut story = Story::new(4, EPOCH);
    story.extend(5);
    let server = Server::start(vec![story.producer.clone()]);
    let mut consumer = server.connect(CHAIN_ID, Start::Oldest).await.unwrap();
    take(&mut consumer, 5).await;
    story.extend(200);
    consumer.resume().await.unwrap();
    let FeedEvent::Gap(gap) = take(&mut consumer, 1).await[0].clone() else { panic!() };
    assert_eq!(gap.reason, GapReason::Expired);
    // No snapshot at first: the producer waits for one that is offered meanwhile.
    let resynced = consumer.resync();
    let offered = async {
        tokio::task::yield_now().await;
        story.producer.offer_snapshot(story.arena.snapshot());
    };
    let (resynced, ()) = tokio::join!(resynced, offered);
    resynced.unwrap();
    let FeedEvent::Snapshot(snapshot) = take(&mut consumer, 1).await[0].clone() else { panic!() };
    let mut arena = fresh_arena();
    snapshot.restore(&mut arena).unwrap();
    assert_eq!(arena.digest(), story.arena.digest());
    assert_eq!(consumer.position(), Position { epoch: EPOCH, next_seq: 205 });
    // The snapshot can be recorded and verified.
    let path = server.folder.path().join("a.recording");
    let mut writer = weir_feed::RecordingWriter::create(&path, CHAIN_ID).unwrap();
    writer.begin_session(consumer.welcome()).unwrap();
    writer.write(&FeedEvent::Snapshot(snapshot)).unwrap();
    story.extend(10);
    story.reorg(3, 2);
    for event in take(&mut consumer, 10 + 2 + 3 + 2).await {
        writer.write(&event).unwrap();
    }
    let report = weir_feed::feed_replay(&path, true).unwrap();
    assert!(report.is_sound() && report.snapshots == 1, "{report}");
    assert_eq!(report.segments[0].digest, story.arena.digest());
    server.stop().await;
}

#[tokio::test]
async fn a_producer_without_a_snapshot_says_so() {
    let producer = FeedProducer::new(CHAIN, EPOCH, 0);
    let server = Server::start(vec![producer]);
    let refused = server.connect(CHAIN, Start::Snapshot).await;
    let Err(ConsumerError::Refused(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.reason, Refusal::Snapshot);
    server.stop().await;
}

#[tokio::test]
async fn one_socket_serves_several_chains() {
    let producers = [FeedProducer::new(CHAIN, EPOCH, 0), FeedProducer::new(5, EPOCH, 0)];
    producers[0].publish(commit(1, 2), Completeness::Unproven).unwrap();
    let server = Server::start(producers.to_vec());
    let mut first = server.connect(CHAIN, Start::Oldest).await.unwrap();
    let second = server.connect(5, Start::Oldest).await.unwrap();
    assert_eq!((first.chain_id(), second.chain_id()), (CHAIN, 5));
    assert_eq!(take(&mut first, 1).await[0].seq(), Some(0));
    for chain_id in [ANY_CHAIN, 6] {
        let refused = server.connect(chain_id, Start::Live).await;
        let Err(ConsumerError::Refused(refused)) = refused else { panic!("{refused:?}") };
        assert_eq!((refused.reason, refused.chain_id), (Refusal::Chain, ANY_CHAIN));
    }
    let other = |name: &str| ServerOptions::at(server.folder.path().join(name));
    let twice = vec![producers[0].clone(), producers[0].clone()];
    let twice = FeedServer::bind_all(twice, other("twice"));
    assert!(matches!(twice, Err(ProducerError::ChainTwice { chain_id: CHAIN })), "{twice:?}");
    let none = FeedServer::bind_all(Vec::new(), other("none"));
    assert!(matches!(none, Err(ProducerError::NoChain)), "{none:?}");
    let options = ServerOptions { codec: ServerCodec::Upstream, ..other("upstream") };
    let many = FeedServer::bind_all(producers.to_vec(), options);
    assert!(matches!(many, Err(ProducerError::ManyChains { chains: 2 })), "{many:?}");
    server.stop().await;
}
