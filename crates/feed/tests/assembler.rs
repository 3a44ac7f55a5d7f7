//! Frames dropped, duplicated, reordered and cut: nothing wrong is ever handed out.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod common;
use common::{CHAIN, EPOCH, block, commit, hash, messages, numbers};
use proptest::prelude::*;
use weir_feed::{
    CODEC_FIXED, Completeness, FeedAssembler, FeedEvent, FeedProducer, FeedUpdate, Message,
    PROTOCOL_VERSION, Position, ProducerError, Start, SyncFault, Welcome,
};

const WELCOME: Welcome = Welcome {
    version: PROTOCOL_VERSION,
    codec: CODEC_FIXED,
    chain_id: CHAIN,
    epoch: EPOCH,
    first_seq: 0,
    oldest_seq: 0,
    next_seq: 0,
};

/// Three blocks, a reorg of two, and one more: eleven sequence numbers.
fn events() -> Vec<FeedEvent> {
    let producer = FeedProducer::new(CHAIN, EPOCH, 0);
    let publish = |update| producer.publish(update, Completeness::ExecutedInNode).unwrap();
    let mut events = publish(FeedUpdate::Committed(vec![
        block(1, 0, 0, 2),
        block(2, 0, 0, 0),
        block(3, 0, 0, 3),
    ]));
    let old = vec![block(2, 0, 0, 0).block(), block(3, 0, 0, 3).block()];
    let new = vec![block(2, 1, 0, 1), block(3, 1, 1, 2), block(4, 1, 1, 1)];
    events.extend(publish(FeedUpdate::Reorged { old, new }));
    events.extend(publish(FeedUpdate::Committed(vec![block(5, 1, 1, 4)])));
    events
}

fn push_all(
    assembler: &mut FeedAssembler,
    frames: &[Message],
) -> Result<Vec<FeedEvent>, SyncFault> {
    let mut events = Vec::new();
    for frame in frames {
        events.extend(assembler.push(*frame)?);
    }
    Ok(events)
}

#[test]
fn the_stream_comes_out_as_it_went_in() {
    let events = events();
    assert_eq!(numbers(&events), [1, 2, 3, -3, -2, 2, 3, 4, 5]);
    let sequence: Vec<_> = events.iter().filter_map(FeedEvent::seq).collect();
    assert_eq!(sequence, (0..11).collect::<Vec<_>>());
    let mut assembler = FeedAssembler::new(&WELCOME);
    assert_eq!(push_all(&mut assembler, &messages(&events)), Ok(events));
    assert_eq!(assembler.position(), Position { epoch: EPOCH, next_seq: 11 });
    assert_eq!(assembler.repeated(), 0);
}

#[test]
fn every_dropped_frame_is_noticed_before_anything_wrong_is_handed_out() {
    let (events, producer) = (events(), FeedProducer::new(CHAIN, EPOCH, 0));
    let mut frames = messages(&events);
    // The heartbeat says how far the producer is: it finds a lost tail.
    frames.push(Message::Heartbeat(weir_feed::Heartbeat { next_seq: 11, ..producer.heartbeat() }));
    for dropped in 0..frames.len() - 1 {
        let mut frames = frames.clone();
        frames.remove(dropped);
        let mut assembler = FeedAssembler::new(&WELCOME);
        let mut handed_out = Vec::new();
        let fault = frames.iter().find_map(|frame| match assembler.push(*frame) {
            Ok(event) => {
                handed_out.extend(event);
                None
            }
            Err(fault) => Some(fault),
        });
        assert!(fault.is_some(), "frame {dropped} was lost without notice");
        assert!(events.starts_with(&handed_out), "frame {dropped}: {handed_out:?}");
        assert_eq!(assembler.position().next_seq as usize, handed_out.len());
    }
}

#[test]
fn duplicated_frames_are_skipped() {
    let events = events();
    let frames = messages(&events);
    for duplicated in 0..frames.len() {
        let mut frames = frames.clone();
        frames.insert(duplicated, frames[duplicated]);
        let mut assembler = FeedAssembler::new(&WELCOME);
        assert_eq!(push_all(&mut assembler, &frames).as_ref(), Ok(&events), "{duplicated}");
        assert_eq!(assembler.repeated(), 1);
    }
    // A whole stream twice: all of it is known.
    let mut assembler = FeedAssembler::new(&WELCOME);
    push_all(&mut assembler, &frames).unwrap();
    assert_eq!(push_all(&mut assembler, &frames), Ok(Vec::new()));
}

#[test]
fn a_resume_at_any_frame_loses_and_repeats_nothing() {
    let events = events();
    let frames = messages(&events);
    for cut in 0..frames.len() {
        let mut assembler = FeedAssembler::new(&WELCOME);
        let mut handed_out = push_all(&mut assembler, &frames[..cut]).unwrap();
        let first_seq = assembler.position().next_seq;
        assembler.resume(&Welcome { first_seq, ..WELCOME });
        let rest = messages(&events[first_seq as usize..]);
        handed_out.extend(push_all(&mut assembler, &rest).unwrap());
        assert_eq!(handed_out, events, "cut before frame {cut}");
    }
}

#[test]
fn faults_are_typed() {
    let events = events();
    let frames = messages(&events);
    let fault = |change: &dyn Fn(&mut Vec<Message>)| {
        let mut frames = frames.clone();
        change(&mut frames);
        push_all(&mut FeedAssembler::new(&WELCOME), &frames).unwrap_err()
    };
    assert_eq!(
        fault(&|frames| frames.swap(1, 2)),
        SyncFault::UpdateIndex { seq: 0, expected: 0, found: 1 }
    );
    assert_eq!(fault(&|frames| _ = frames.remove(0)), SyncFault::NoOpenBlock { seq: 0 });
    let count = SyncFault::UpdateCount { seq: 0, expected: 2, found: 1 };
    assert_eq!(fault(&|frames| _ = frames.remove(2)), count);
    assert_eq!(fault(&|frames| _ = frames.remove(3)), SyncFault::BlockNotClosed { seq: 0 });
    assert_eq!(
        fault(&|frames| drop(frames.drain(..4))),
        SyncFault::Sequence { expected: 0, found: 1 }
    );
    let digest = fault(&|frames| {
        let Message::PoolUpdate(update) = &mut frames[1] else { panic!() };
        update.tx_hash = hash(1, 9);
    });
    assert!(matches!(digest, SyncFault::Digest { seq: 0, .. }), "{digest:?}");
    let order = fault(&|frames| {
        let Message::PoolUpdate(update) = &mut frames[2] else { panic!() };
        update.log_index = 0;
    });
    assert_eq!(order, SyncFault::UpdateOrder { seq: 0, index: 1 });
    let unlinked = fault(&|frames| {
        let Message::BeginBlock(begin) = &mut frames[4] else { panic!() };
        begin.block.parent_hash = hash(1, 9);
    });
    let (expected, found) = (hash(1, 0), hash(1, 9));
    assert_eq!(unlinked, SyncFault::Unlinked { seq: 1, expected, found });
    let chain = fault(&|frames| {
        let Message::BeginBlock(begin) = &mut frames[0] else { panic!() };
        begin.chain_id = 1;
    });
    assert_eq!(chain, SyncFault::Chain { seq: 0, expected: CHAIN, found: 1 });
    let epoch = fault(&|frames| {
        let Message::BeginBlock(begin) = &mut frames[0] else { panic!() };
        begin.epoch = 8;
    });
    assert_eq!(epoch, SyncFault::Epoch { expected: EPOCH, found: 8 });
    let handshake = fault(&|frames| frames.insert(0, Message::Welcome(WELCOME)));
    assert_eq!(handshake, SyncFault::Handshake);
    let bracket = fault(&|frames| {
        let found = frames.iter_mut().find_map(|frame| match frame {
            Message::ReorgStart(start) => Some(start),
            _ => None,
        });
        found.unwrap().reverted = 3;
    });
    assert!(matches!(bracket, SyncFault::Bracket { .. }), "{bracket:?}");
}

#[test]
fn a_producer_refuses_what_does_not_continue_its_stream() {
    let producer = FeedProducer::new(CHAIN, EPOCH, 0);
    let publish = |update| producer.publish(update, Completeness::ExecutedInNode);
    publish(commit(1, 1)).unwrap();
    let before = producer.heartbeat();
    assert!(matches!(publish(FeedUpdate::Committed(Vec::new())), Err(ProducerError::Empty)));
    let skipped = publish(commit(3, 1));
    assert!(matches!(skipped, Err(ProducerError::NotTip { number: 3, .. })));
    let foreign = FeedUpdate::Committed(vec![block(2, 1, 1, 0)]);
    assert!(matches!(publish(foreign), Err(ProducerError::NotTip { number: 2, .. })));
    // The second block of two is wrong: nothing of the update is published.
    let half = FeedUpdate::Committed(vec![block(2, 0, 0, 0), block(4, 0, 0, 0)]);
    assert!(matches!(publish(half), Err(ProducerError::NotTip { number: 4, .. })));
    let not_tip = FeedUpdate::Reorged { old: vec![block(1, 1, 0, 0).block()], new: Vec::new() };
    assert!(matches!(publish(not_tip), Err(ProducerError::NotTip { number: 1, .. })));
    assert_eq!(producer.heartbeat(), before);
}

#[tokio::test]
async fn the_log_is_bounded_and_never_splits_a_reorg() {
    let producer = FeedProducer::new(CHAIN, EPOCH, 128);
    let publish = |update| producer.publish(update, Completeness::ExecutedInNode).unwrap();
    publish(commit(1, 0));
    let old = vec![block(1, 0, 0, 0).block()];
    publish(FeedUpdate::Reorged { old, new: vec![block(1, 1, 0, 0), block(2, 1, 1, 0)] });
    // Sequence: 0 block, 1 to 5 the reorg.
    for number in 3..=128 {
        publish(FeedUpdate::Committed(vec![block(number, 1, 1, 0)]));
    }
    let oldest = async || producer.subscribe(Start::Oldest).next().await.unwrap().seq();
    assert_eq!(oldest().await, Some(1), "129 blocks were published: the first one is gone");
    publish(FeedUpdate::Committed(vec![block(129, 1, 1, 0)]));
    assert_eq!(oldest().await, Some(6), "the whole reorg goes at once");
}

#[tokio::test]
async fn a_subscription_in_process_sees_the_same_envelopes() {
    let producer = FeedProducer::new(CHAIN, EPOCH, 0);
    let mut live = producer.subscribe(Start::Live);
    let published = producer.publish(commit(1, 3), Completeness::Unproven).unwrap();
    let Some(FeedEvent::Block(seen)) = live.next().await else { panic!() };
    let FeedEvent::Block(sent) = &published[0] else { panic!() };
    assert!(std::sync::Arc::ptr_eq(&seen.envelope, &sent.envelope), "no copy, no bytes");
    for number in 2..=200 {
        producer.publish(commit(number, 0), Completeness::Unproven).unwrap();
    }
    let Some(FeedEvent::Gap(gap)) = live.next().await else { panic!("200 blocks fell out") };
    assert_eq!((gap.wanted_seq, gap.next_seq), (1, 72));
    assert_eq!(live.next().await.unwrap().seq(), Some(72));
    drop(producer);
    for _ in 73..200 {
        live.next().await.unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Any number of drops, duplications and swaps, with a resume after each fault: the consumer ends with exactly the
    /// producer's events.
    #[test]
    fn chaos_ends_in_the_producers_order(faults in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8), 1..12)) {
        let events = events();
        let mut assembler = FeedAssembler::new(&WELCOME);
        let mut handed_out = Vec::new();
        for (at, kind) in faults {
            let mut frames = messages(&events[assembler.position().next_seq as usize..]);
            if frames.is_empty() {
                break;
            }
            let at = at.index(frames.len());
            match kind {
                0 => _ = frames.remove(at),
                1 => frames.insert(at, frames[at]),
                _ => {
                    let other = (at + 1) % frames.len();
                    frames.swap(at, other);
                }
            }
            for frame in frames {
                match assembler.push(frame) {
                    Ok(event) => handed_out.extend(event),
                    Err(_) => break,
                }
            }
            let first_seq = assembler.position().next_seq;
            assembler.resume(&Welcome { first_seq, ..WELCOME });
        }
        let rest = messages(&events[assembler.position().next_seq as usize..]);
        handed_out.extend(push_all(&mut assembler, &rest).unwrap());
        prop_assert_eq!(handed_out, events);
    }
}

#[tokio::test]
async fn a_restarted_producer_tells_by_its_epoch() {
    let producer = FeedProducer::new(CHAIN, EPOCH, 0);
    let mut reader = producer.subscribe(Start::Live);
    producer.publish(commit(1, 0), Completeness::Unproven).unwrap();
    assert_eq!(reader.next().await.unwrap().seq(), Some(0));
    producer.restart();
    producer.publish(commit(7, 0), Completeness::Unproven).unwrap();
    let Some(FeedEvent::Gap(gap)) = reader.next().await else { panic!() };
    assert_eq!((gap.reason, gap.epoch, gap.next_seq), (weir_feed::GapReason::Epoch, EPOCH + 1, 0));
    assert_eq!(numbers(&[reader.next().await.unwrap()]), [7]);
}
