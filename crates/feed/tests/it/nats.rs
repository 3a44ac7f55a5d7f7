//! The feed over a real NATS server: whole, divided, lost, and after a restart.

use crate::{
    common::{CHAIN, EPOCH, block, commit},
    history::CHAIN_ID,
    story::Story,
};
use async_nats::HeaderMap;
use std::time::Duration;
use tokio::task::JoinHandle;
use weir_feed::{
    Completeness, FeedEvent, FeedProducer, FeedUpdate, Gap, GapReason, NatsFeedAssembler,
    NatsFeedConsumer, NatsFeedError, NatsFeedHead, NatsFeedOptions, NatsFeedPublisher,
    NatsMessageError, Position, encode_event, nats_feed_subject,
};
use weir_runtime::{Shutdown, ShutdownReason};
use weir_testkit::NatsServer;

fn options(server: &NatsServer) -> NatsFeedOptions {
    NatsFeedOptions {
        heartbeat_interval: Duration::from_millis(20),
        ..NatsFeedOptions::new(server.url())
    }
}

struct Publisher {
    shutdown: Shutdown,
    task: JoinHandle<Result<(), NatsFeedError>>,
}

impl Publisher {
    async fn start(producer: &FeedProducer, server: &NatsServer) -> Self {
        let publisher = NatsFeedPublisher::connect(producer, options(server)).await.unwrap();
        let shutdown = Shutdown::new();
        let task = tokio::spawn(publisher.run(shutdown.clone()));
        Self { shutdown, task }
    }

    async fn stop(self) {
        self.shutdown.trigger(ShutdownReason::Done);
        self.task.await.unwrap().unwrap();
    }
}

/// The next `count` events other than heartbeats.
async fn take(consumer: &mut NatsFeedConsumer, count: usize) -> Vec<FeedEvent> {
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
async fn blocks_and_reorgs_arrive_whole_under_the_servers_limit() {
    let Some(server) = NatsServer::start_with("max_payload: 8192") else { return };
    let mut story = Story::new(31, EPOCH);
    story.extend(5);
    let publisher = Publisher::start(&story.producer, &server).await;
    let mut consumer = NatsFeedConsumer::connect(CHAIN_ID, &options(&server)).await.unwrap();
    let mut published = story.extend(40);
    published.extend(story.reorg(12, 14));
    published.extend(story.reorg(1, 0));
    published.extend(story.extend(3));
    let events = take(&mut consumer, published.len()).await;
    assert_eq!(events, published);
    let (epoch, next_seq) = (EPOCH, 5 + published.len() as u64);
    assert_eq!(consumer.position(), Some(Position { epoch, next_seq }));
    // Forty blocks of events are more than one message of this server holds.
    let mut bytes = Vec::new();
    published.iter().for_each(|event| encode_event(event, &mut bytes));
    assert!(bytes.len() > 2 * 8_192);
    publisher.stop().await;
}

#[tokio::test]
async fn what_the_server_loses_is_a_gap_and_an_idle_feed_shows_it() {
    let Some(mut server) = NatsServer::start() else { return };
    let producer = FeedProducer::new(CHAIN, EPOCH, 0);
    let publish = |update| producer.publish(update, Completeness::ExecutedInNode).unwrap();
    let publisher = Publisher::start(&producer, &server).await;
    let mut consumer = NatsFeedConsumer::connect(CHAIN, &options(&server)).await.unwrap();
    let mut published = publish(commit(1, 300));
    let mut events = take(&mut consumer, 1).await;
    server.stop();
    for number in 2..=5 {
        published.extend(publish(commit(number, 1)));
    }
    server.restart();
    // The publisher sends what it had not sent; what comes before the consumer is back is lost to it.
    published.extend(publish(commit(6, 1)));
    while events.last() != published.last() {
        match consumer.next().await.unwrap() {
            FeedEvent::Heartbeat(heartbeat) if heartbeat.next_seq == 6 => break,
            FeedEvent::Heartbeat(_) => {}
            event => events.push(event),
        }
    }
    let mut due = 0;
    for event in &events {
        match event {
            FeedEvent::Gap(gap) => {
                assert_eq!((gap.reason, gap.wanted_seq), (GapReason::Expired, due));
                due = gap.next_seq;
            }
            event => {
                assert_eq!(*event, published[due as usize]);
                due += 1;
            }
        }
    }
    assert_eq!(due, 6, "{events:?}");
    publisher.stop().await;
}

#[tokio::test]
async fn what_is_not_a_feed_is_refused_and_reading_goes_on() {
    let Some(server) = NatsServer::start() else { return };
    let producer = FeedProducer::new(CHAIN, EPOCH, 0);
    let publisher = Publisher::start(&producer, &server).await;
    let mut consumer = NatsFeedConsumer::connect(CHAIN, &options(&server)).await.unwrap();
    let stranger = async_nats::connect(server.url()).await.unwrap();
    stranger.publish(nats_feed_subject(CHAIN), "hello".into()).await.unwrap();
    stranger.flush().await.unwrap();
    let error = loop {
        match consumer.next().await {
            Ok(FeedEvent::Heartbeat(_)) => {}
            Ok(event) => panic!("{event:?}"),
            Err(error) => break error,
        }
    };
    let header = NatsMessageError::Header { header: "Weir-Codec" };
    assert!(matches!(error, NatsFeedError::Message(found) if found == header), "{error:?}");
    let published = producer.publish(commit(1, 2), Completeness::Unproven).unwrap();
    assert_eq!(take(&mut consumer, 1).await, published);
    publisher.stop().await;
    let nobody = NatsFeedOptions::new("nats://127.0.0.1:1".to_owned());
    let refused = NatsFeedConsumer::connect(CHAIN, &nobody).await;
    assert!(matches!(refused, Err(NatsFeedError::Connect(_))), "{refused:?}");
}

/// One message for every part of every update.
fn messages(updates: &[Vec<FeedEvent>], size: usize) -> Vec<(NatsFeedHead, Vec<u8>)> {
    let mut messages = Vec::new();
    for events in updates {
        let mut bytes = Vec::new();
        events.iter().for_each(|event| encode_event(event, &mut bytes));
        let seq = events[0].seq().unwrap();
        let chunks = bytes.len().div_ceil(size) as u32;
        for (chunk, part) in (0..).zip(bytes.chunks(size)) {
            messages.push((NatsFeedHead { epoch: EPOCH, seq, chunk, chunks }, part.to_vec()));
        }
    }
    messages
}

fn updates() -> Vec<Vec<FeedEvent>> {
    let producer = FeedProducer::new(CHAIN, EPOCH, 0);
    let publish = |update| producer.publish(update, Completeness::Unproven).unwrap();
    let old = vec![block(2, 0, 0, 9).block()];
    let new = vec![block(2, 1, 0, 9), block(3, 1, 1, 9)];
    vec![
        publish(commit(1, 9)),
        publish(commit(2, 9)),
        publish(FeedUpdate::Reorged { old, new }),
        publish(FeedUpdate::Committed(vec![block(4, 1, 1, 9)])),
    ]
}

#[test]
fn every_message_lost_twice_or_late_is_noticed() {
    let updates = updates();
    let all = updates.concat();
    let messages = messages(&updates, 500);
    let read = |messages: &[(NatsFeedHead, Vec<u8>)]| {
        let mut assembler = NatsFeedAssembler::new(CHAIN);
        let mut events = Vec::new();
        for (head, payload) in messages {
            assembler.push(*head, payload, &mut events).unwrap();
        }
        events
    };
    assert_eq!(read(&messages), all);
    for at in 0..messages.len() {
        let mut twice = messages.clone();
        twice.insert(at, messages[at].clone());
        let mut lossy = messages.clone();
        lossy.remove(at);
        let mut late = messages.clone();
        late.swap(at, (at + 1) % messages.len());
        for (name, messages) in [("twice", twice), ("lost", lossy), ("late", late)] {
            let mut due = None;
            for event in read(&messages) {
                match event {
                    FeedEvent::Gap(gap) => {
                        assert_eq!(Some(gap.wanted_seq), due, "{name} {at}");
                        due = Some(gap.next_seq);
                    }
                    event => {
                        let seq = event.seq().unwrap();
                        assert!(due.is_none_or(|due| due == seq), "{name} {at}");
                        assert_eq!(event, all[seq as usize], "{name} {at}");
                        due = Some(seq + 1);
                    }
                }
            }
        }
    }
}

#[test]
fn bad_headers_and_payloads_have_typed_errors() {
    let head = |codec: &str, chunk: &str, chunks: &str| {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("Weir-Codec", codec),
            ("Weir-Epoch", "7"),
            ("Weir-Seq", "0"),
            ("Weir-Chunk", chunk),
            ("Weir-Chunks", chunks),
        ] {
            headers.insert(name, value);
        }
        NatsFeedHead::read(Some(&headers))
    };
    assert_eq!(head("1", "0", "1"), Ok(NatsFeedHead { epoch: 7, seq: 0, chunk: 0, chunks: 1 }));
    assert_eq!(head("2", "0", "1"), Err(NatsMessageError::Codec { codec: 2 }));
    assert_eq!(head("1", "1", "1"), Err(NatsMessageError::Chunk { chunk: 1, chunks: 1 }));
    assert_eq!(head("1", "x", "1"), Err(NatsMessageError::Header { header: "Weir-Chunk" }));
    assert_eq!(NatsFeedHead::read(None), Err(NatsMessageError::Header { header: "Weir-Codec" }));
    let updates = updates();
    let whole = messages(&updates, 1 << 20);
    let (mut assembler, mut events) = (NatsFeedAssembler::new(CHAIN), Vec::new());
    let (first, payload) = &whole[0];
    let cut = assembler.push(*first, &payload[..payload.len() - 1], &mut events);
    assert!(matches!(cut, Err(NatsMessageError::Records { seq: 0, .. })), "{cut:?}");
    assembler.push(*first, payload, &mut events).unwrap();
    let mut wrong = whole[1].1.clone();
    let last = wrong.len() - 2;
    wrong[last] ^= 1;
    let fault = assembler.push(whole[1].0, &wrong, &mut events);
    assert!(matches!(fault, Err(NatsMessageError::NotSynced { seq: 1, .. })), "{fault:?}");
    // What follows shows what is missing.
    assembler.push(whole[2].0, &whole[2].1, &mut events).unwrap();
    let gap = Gap { epoch: EPOCH, reason: GapReason::Expired, wanted_seq: 1, next_seq: 2 };
    assert_eq!(events[1], FeedEvent::Gap(gap));
}
