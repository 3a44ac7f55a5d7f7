//! Producer and consumers over a real Unix socket.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;
use alloy_primitives::Address;
use common::{CHAIN, EPOCH, block, commit, numbers};
use std::{os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
};
use weir_arena::PoolId;
use weir_feed::{
    CODEC_FIXED, CODEC_GATES, Completeness, ConsumerError, ConsumerOptions, FeedConsumer,
    FeedEvent, FeedGates, FeedProducer, FeedServer, FeedUpdate, GapReason, Gate, GateCode,
    GateReason, GateState, Hello, Message, ProducerError, Refusal, ServerOptions, Start, SyncFault,
    Welcome, decode_all, encode, feed_tail,
};
use weir_runtime::{Shutdown, ShutdownReason};

struct Fixture {
    folder: tempfile::TempDir,
    producer: FeedProducer,
    shutdown: Shutdown,
    server: JoinHandle<Result<(), ProducerError>>,
}

impl Fixture {
    fn path(&self) -> PathBuf {
        self.folder.path().join("feed.sock")
    }

    fn start() -> Self {
        Self::start_with(|_| {})
    }

    fn start_with(change: impl Fn(&mut ServerOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let producer = FeedProducer::new(CHAIN, EPOCH, 128);
        let mut options = ServerOptions::at(folder.path().join("feed.sock"));
        change(&mut options);
        let shutdown = Shutdown::new();
        let server = FeedServer::bind(producer.clone(), options).unwrap();
        let server = tokio::spawn(server.run(shutdown.clone()));
        Self { folder, producer, shutdown, server }
    }

    fn publish(&self, update: FeedUpdate) -> Vec<FeedEvent> {
        self.producer.publish(update, Completeness::ExecutedInNode).unwrap()
    }

    async fn consumer(&self, start: Start) -> FeedConsumer {
        FeedConsumer::connect(ConsumerOptions { start, ..ConsumerOptions::at(self.path()) })
            .await
            .unwrap()
    }

    async fn stop(self) {
        self.shutdown.trigger(ShutdownReason::Done);
        self.server.await.unwrap().unwrap();
    }
}

/// The next `count` events other than heartbeats.
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
async fn blocks_and_reorgs_arrive_as_published() {
    let fixture = Fixture::start();
    let mut published = fixture.publish(commit(1, 500));
    let mut oldest = fixture.consumer(Start::Oldest).await;
    let mut live = fixture.consumer(Start::Live).await;
    published.extend(fixture.publish(commit(2, 0)));
    let old = vec![block(2, 0, 0, 0).block()];
    let reorg = FeedUpdate::Reorged { old, new: vec![block(2, 1, 0, 3), block(3, 1, 1, 1)] };
    published.extend(fixture.publish(reorg));
    let revert = FeedUpdate::Reorged { old: vec![block(3, 1, 1, 1).block()], new: Vec::new() };
    published.extend(fixture.publish(revert));
    assert_eq!(take(&mut oldest, published.len()).await, published);
    assert_eq!(take(&mut live, published.len() - 1).await, published[1..]);
    assert_eq!(oldest.chain_id(), CHAIN);
    fixture.stop().await;
}

#[tokio::test]
async fn a_consumer_that_was_away_resumes_without_loss() {
    let fixture = Fixture::start();
    let mut published = fixture.publish(commit(1, 3));
    let mut consumer = fixture.consumer(Start::Oldest).await;
    let mut seen = take(&mut consumer, 1).await;
    // The server ends, and with it the connection; a new one serves the same log.
    let path = fixture.path();
    let Fixture { folder, producer, shutdown, server } = fixture;
    shutdown.trigger(ShutdownReason::Done);
    server.await.unwrap().unwrap();
    assert!(!path.exists(), "the socket is removed");
    assert!(matches!(consumer.next().await, Err(ConsumerError::Closed { mid_frame: false })));
    assert!(matches!(consumer.resume().await, Err(ConsumerError::Io(_))));
    for number in 2..=5 {
        published
            .extend(producer.publish(commit(number, 2), Completeness::ExecutedInNode).unwrap());
    }
    let shutdown = Shutdown::new();
    let server = FeedServer::bind(producer.clone(), ServerOptions::at(path)).unwrap();
    let server = tokio::spawn(server.run(shutdown.clone()));
    let fixture = Fixture { folder, producer, shutdown, server };
    consumer.resume().await.unwrap();
    seen.extend(take(&mut consumer, 4).await);
    assert_eq!(seen, published);
    fixture.stop().await;
}

#[tokio::test]
async fn what_cannot_be_resumed_is_a_gap() {
    let fixture = Fixture::start();
    fixture.publish(commit(1, 0));
    let mut consumer = fixture.consumer(Start::Oldest).await;
    take(&mut consumer, 1).await;
    for number in 2..=200 {
        fixture.publish(commit(number, 0));
    }
    consumer.resume().await.unwrap();
    let events = take(&mut consumer, 2).await;
    let FeedEvent::Gap(gap) = events[0] else { panic!("{events:?}") };
    assert_eq!((gap.reason, gap.wanted_seq, gap.next_seq), (GapReason::Expired, 1, 72));
    assert_eq!(events[1].seq(), Some(72));
    // Another epoch: the same, with its own reason.
    let options = ConsumerOptions {
        start: Start::Resume(weir_feed::Position { epoch: EPOCH + 1, next_seq: 150 }),
        ..ConsumerOptions::at(fixture.path())
    };
    let mut consumer = FeedConsumer::connect(options).await.unwrap();
    let events = take(&mut consumer, 1).await;
    let FeedEvent::Gap(gap) = events[0] else { panic!("{events:?}") };
    assert_eq!(gap.reason, GapReason::Epoch);
    fixture.stop().await;
}

/// Reads a raw connection to its end and returns the whole records, the handshake first.
async fn drain(mut stream: UnixStream) -> Vec<Message> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    decode_all(&bytes).unwrap()
}

async fn greet(path: PathBuf, hello: Hello) -> UnixStream {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let mut bytes = Vec::new();
    encode(&Message::Hello(hello), &mut bytes);
    stream.write_all(&bytes).await.unwrap();
    stream
}

#[tokio::test]
async fn a_slow_consumer_is_told_and_cut() {
    let fixture = Fixture::start_with(|options| options.cut_grace = Duration::from_secs(60));
    let slow = greet(fixture.path(), Hello::new(CHAIN, Start::Oldest)).await;
    // It has its welcome, so it is served; then it reads nothing while far more than a socket buffer is published.
    slow.readable().await.unwrap();
    let mut fast = fixture.consumer(Start::Oldest).await;
    for number in 1..=400 {
        fixture.publish(commit(number, 200));
        take(&mut fast, 1).await;
    }
    let messages = drain(slow).await;
    let Some(Message::Gap(gap)) = messages.last() else { panic!("not told") };
    assert_eq!((gap.reason, gap.epoch), (GapReason::SlowConsumer, EPOCH));
    // What came before the gap has no hole, and the gap names exactly what is missing.
    let Message::Welcome(welcome) = messages[0] else { panic!() };
    let mut assembler = weir_feed::FeedAssembler::new(&welcome);
    let mut blocks = 0;
    for message in &messages[1..] {
        blocks += u64::from(matches!(assembler.push(*message).unwrap(), Some(FeedEvent::Block(_))));
    }
    assert_eq!(gap.wanted_seq, blocks);
    assert!(blocks < 400 && gap.next_seq == 400 - 128, "{gap:?} after {blocks} blocks");
    fixture.stop().await;
}

#[tokio::test]
async fn a_stuck_consumer_is_cut_after_the_grace_period() {
    let fixture = Fixture::start_with(|options| options.cut_grace = Duration::from_millis(1));
    let mut stuck = greet(fixture.path(), Hello::new(CHAIN, Start::Oldest)).await;
    stuck.readable().await.unwrap();
    let mut fast = fixture.consumer(Start::Oldest).await;
    for number in 1..=400 {
        fixture.publish(commit(number, 200));
        take(&mut fast, 1).await;
    }
    // The server has dropped its end once writing to it fails.
    while stuck.write_all(&[0; 4]).await.is_ok() {
        tokio::task::yield_now().await;
    }
    fixture.stop().await;
}

#[tokio::test]
async fn strangers_are_refused_with_a_reason() {
    let fixture = Fixture::start_with(|options| options.consumers_max = 1);
    let refusal = async |hello| match drain(greet(fixture.path(), hello).await).await[..] {
        [Message::Refused(refused)] => refused,
        ref other => panic!("{other:?}"),
    };
    let hello = Hello::new(CHAIN, Start::Live);
    let refused = refusal(Hello { version: 2, ..hello }).await;
    assert_eq!((refused.reason, refused.version), (Refusal::Version, 1));
    assert_eq!(refusal(Hello { codec: 9, ..hello }).await.reason, Refusal::Codec);
    let refused = refusal(Hello { chain_id: 1, ..hello }).await;
    assert_eq!((refused.reason, refused.chain_id), (Refusal::Chain, CHAIN));
    let first = fixture.consumer(Start::Live).await;
    let options = ConsumerOptions::at(fixture.path());
    let second = FeedConsumer::connect(options.clone()).await;
    let Err(ConsumerError::Refused(refused)) = second else { panic!("{second:?}") };
    assert_eq!(refused.reason, Refusal::Full);
    drop(first);
    let foreign = ConsumerOptions { producer_uid: Some(u32::MAX - 1), ..options };
    let foreign = FeedConsumer::connect(foreign).await;
    assert!(matches!(foreign, Err(ConsumerError::ForeignUser { .. })), "{foreign:?}");
    // Garbage in place of a greeting ends that connection and nothing else.
    let mut stream = UnixStream::connect(fixture.path()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The server may close with our bytes unread, which the kernel reports as a reset.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
    fixture.stop().await;
}

#[tokio::test]
async fn a_producer_killed_at_any_byte_leaves_only_whole_events() {
    let fixture = Fixture::start();
    let mut published = fixture.publish(commit(1, 2));
    let old = vec![block(1, 0, 0, 2).block()];
    published.extend(fixture.publish(FeedUpdate::Reorged { old, new: vec![block(1, 1, 0, 1)] }));
    published.extend(fixture.publish(FeedUpdate::Committed(vec![block(2, 1, 1, 2)])));
    let mut bytes = Vec::new();
    for event in &published {
        weir_feed::encode_event(event, &mut bytes);
    }
    let (folder, real) = (tempfile::tempdir().unwrap(), fixture.path());
    let fake = folder.path().join("fake.sock");
    let listener = UnixListener::bind(&fake).unwrap();
    for cut in 0..bytes.len() {
        let connecting = FeedConsumer::connect(ConsumerOptions::at(fake.clone()));
        let dying = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = [0; 42];
            stream.read_exact(&mut hello).await.unwrap();
            let welcome = Welcome {
                version: 1,
                codec: 1,
                chain_id: CHAIN,
                epoch: EPOCH,
                first_seq: 0,
                oldest_seq: 0,
                next_seq: published.len() as u64,
            };
            let mut out = Vec::new();
            encode(&Message::Welcome(welcome), &mut out);
            out.extend(&bytes[..cut]);
            stream.write_all(&out).await.unwrap();
        };
        let (consumer, ()) = tokio::join!(connecting, dying);
        let mut consumer = consumer.unwrap();
        let mut seen = Vec::new();
        let error = loop {
            match consumer.next().await {
                Ok(event) => seen.push(event),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ConsumerError::Closed { .. }), "cut={cut}: {error:?}");
        assert!(published.starts_with(&seen), "cut={cut}");
        if cut % 50 != 0 {
            continue;
        }
        // The producer is back under its own path.
        let position = consumer.position();
        let options =
            ConsumerOptions { start: Start::Resume(position), ..ConsumerOptions::at(real.clone()) };
        let mut resumed = FeedConsumer::connect(options).await.unwrap();
        // A reader that starts anew never starts inside a reorg: it is handed the whole of it.
        let first = resumed.position().next_seq as usize;
        assert!(first == seen.len() || (first == 1 && (2..5).contains(&seen.len())), "cut={cut}");
        seen.truncate(first);
        seen.extend(take(&mut resumed, published.len() - seen.len()).await);
        assert_eq!(numbers(&seen), numbers(&published), "cut={cut}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn frames_lost_on_the_way_are_not_synced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fake.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let producer = FeedProducer::new(CHAIN, EPOCH, 0);
    producer.publish(commit(1, 2), Completeness::ExecutedInNode).unwrap();
    let mut frames =
        common::messages(&producer.publish(commit(2, 2), Completeness::Unproven).unwrap());
    frames.remove(2);
    let lossy = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut out = Vec::new();
        let (version, codec, chain_id, epoch) = (1, 1, CHAIN, EPOCH);
        let (first_seq, oldest_seq, next_seq) = (1, 0, 2);
        let welcome = Welcome { version, codec, chain_id, epoch, first_seq, oldest_seq, next_seq };
        encode(&Message::Welcome(welcome), &mut out);
        frames.iter().for_each(|frame| encode(frame, &mut out));
        stream.write_all(&out).await.unwrap();
        stream
    };
    let (consumer, _stream) = tokio::join!(FeedConsumer::connect(ConsumerOptions::at(path)), lossy);
    let error = consumer.unwrap().next().await.unwrap_err();
    let count = SyncFault::UpdateCount { seq: 1, expected: 2, found: 1 };
    assert!(matches!(error, ConsumerError::NotSynced(fault) if fault == count), "{error:?}");
}

#[tokio::test]
async fn the_socket_is_private_and_has_one_owner() {
    let fixture = Fixture::start();
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(fixture.path()), 0o660);
    let second = FeedServer::bind(fixture.producer.clone(), ServerOptions::at(fixture.path()));
    assert!(matches!(second, Err(ProducerError::InUse { .. })), "{second:?}");

    let other = tempfile::tempdir().unwrap();
    let bind = |path| FeedServer::bind(fixture.producer.clone(), ServerOptions::at(path));
    let created = other.path().join("new/feed.sock");
    let server = bind(created.clone()).unwrap();
    assert_eq!(mode(other.path().join("new")), 0o700);
    drop(server);
    // A producer that was killed leaves its socket behind.
    drop(UnixListener::bind(&created).unwrap());
    assert!(created.exists());
    drop(bind(created.clone()).unwrap());

    std::fs::write(&created, b"precious").unwrap();
    assert!(matches!(bind(created.clone()), Err(ProducerError::NotASocket { .. })));
    assert_eq!(std::fs::read(&created).unwrap(), b"precious");
    std::fs::set_permissions(other.path(), PermissionsExt::from_mode(0o770)).unwrap();
    let open = bind(other.path().join("feed.sock"));
    assert!(matches!(open, Err(ProducerError::FolderNotPrivate { mode: 0o770, .. })), "{open:?}");
    fixture.stop().await;
}

#[tokio::test]
async fn an_idle_feed_is_alive_by_its_heartbeats() {
    let fixture =
        Fixture::start_with(|options| options.heartbeat_interval = Duration::from_millis(1));
    fixture.publish(commit(1, 1));
    let mut consumer = fixture.consumer(Start::Live).await;
    let FeedEvent::Heartbeat(heartbeat) = consumer.next().await.unwrap() else { panic!() };
    assert_eq!((heartbeat.next_seq, heartbeat.head_number), (1, 1));
    fixture.stop().await;
    // A producer that says nothing at all is dead.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mute.sock");
    let _mute = UnixListener::bind(&path).unwrap();
    let idle_timeout = Duration::from_millis(1);
    let mute = FeedConsumer::connect(ConsumerOptions { idle_timeout, ..ConsumerOptions::at(path) });
    assert!(matches!(mute.await, Err(ConsumerError::Idle { .. })));
}

/// An output that ends the tail after some lines.
struct Lines {
    bytes: Vec<u8>,
    wanted: usize,
    shutdown: Shutdown,
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.extend(bytes);
        if self.bytes.iter().filter(|byte| **byte == b'\n').count() >= self.wanted {
            self.shutdown.trigger(ShutdownReason::Done);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn tail_prints_one_json_object_a_line() {
    let fixture =
        Fixture::start_with(|options| options.heartbeat_interval = Duration::from_secs(60));
    let stop = Shutdown::new();
    let mut lines = Lines { bytes: Vec::new(), wanted: 3, shutdown: stop.clone() };
    let path = fixture.path();
    let tail =
        tokio::spawn(
            async move { feed_tail(path, true, &mut lines, stop).await.map(|()| lines.bytes) },
        );
    // The first heartbeat comes at once and says that the tail is connected; there is no other way to know.
    let mut watcher = fixture.consumer(Start::Live).await;
    assert!(matches!(watcher.next().await.unwrap(), FeedEvent::Heartbeat(_)));
    for number in 1.. {
        if tail.is_finished() {
            break;
        }
        fixture.publish(commit(number, 1));
        take(&mut watcher, 1).await;
    }
    let output = String::from_utf8(tail.await.unwrap().unwrap()).unwrap();
    let objects: Vec<serde_json::Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(objects.len() >= 3);
    let block = objects.iter().find(|object| object["type"] == "block").unwrap();
    assert_eq!(block["updates"][0]["event"], "v2Sync");
    assert_eq!(block["completeness"], "executed_in_node");
    let (absent, mut output) = (PathBuf::from("absent.sock"), Vec::new());
    assert!(feed_tail(absent, true, &mut output, Shutdown::new()).await.is_err());
    fixture.stop().await;
}

/// The next gate.
async fn gate(consumer: &mut FeedConsumer) -> Gate {
    loop {
        if let FeedEvent::Gate(gate) = consumer.next().await.unwrap() {
            return gate;
        }
    }
}

#[tokio::test]
async fn gates_are_told_to_those_who_ask_for_them() {
    let fixture = Fixture::start();
    let pool = PoolId::Address(Address::repeat_byte(7));
    let halted = GateState { code: GateCode::Halted, reason: GateReason::Event, value: 1 };
    let gates = FeedGates { overall: GateState::LIVE, pools: [(pool, halted)].into() };
    fixture.producer.offer_gates(gates.clone());
    let options = ConsumerOptions { gates: true, ..ConsumerOptions::at(fixture.path()) };
    let mut asking = FeedConsumer::connect(options).await.unwrap();
    let mut plain = fixture.consumer(Start::Live).await;
    assert_eq!((asking.welcome().codec, plain.welcome().codec), (CODEC_GATES, CODEC_FIXED));
    let told = [gate(&mut asking).await, gate(&mut asking).await];
    assert_eq!(
        told.map(|gate| (gate.pool, gate.state)),
        [(Some(pool), halted), (None, gates.overall)]
    );

    // What was published is sent before the gate that is about it.
    let published = fixture.publish(commit(1, 0));
    let lagging =
        GateState { code: GateCode::Degraded, reason: GateReason::SourceLagging, value: 9 };
    fixture.producer.offer_gates(FeedGates { overall: lagging, pools: Default::default() });
    assert_eq!(take(&mut asking, 1).await, published);
    let told = [gate(&mut asking).await, gate(&mut asking).await];
    assert_eq!(
        told.map(|gate| (gate.pool, gate.state)),
        [(None, lagging), (Some(pool), GateState::LIVE)]
    );
    assert_eq!(told[0].next_seq, 1);
    assert_eq!(take(&mut plain, 1).await, published);
    fixture.stop().await;
}
