//! Recordings: written, torn, continued, replayed.

use crate::{
    common::{CHAIN, EPOCH, block, commit},
    history::CHAIN_ID,
    story::Story,
};
use std::path::{Path, PathBuf};
use weir_feed::{
    CODEC_FIXED, Completeness, FeedEvent, FeedProducer, FeedServer, FeedUpdate, Gap, GapReason,
    Position, RECORDING_MAGIC, RECORDING_VERSION, RecordOptions, RecordedFeed, RecordingError,
    RecordingWriter, ServerOptions, Welcome, feed_record, feed_replay,
};
use weir_runtime::{Shutdown, ShutdownReason};

const SAMPLE: &str = "tests/data/two-reorgs.recording";

fn welcome(chain_id: u64, first_seq: u64) -> Welcome {
    let (version, codec, epoch, oldest_seq, next_seq) = (1, 1, EPOCH, 0, first_seq);
    Welcome { version, codec, chain_id, epoch, first_seq, oldest_seq, next_seq }
}

fn write(path: &Path, chain_id: u64, events: &[FeedEvent]) {
    let mut writer = RecordingWriter::create(path, chain_id).unwrap();
    writer.begin_session(&welcome(chain_id, 0)).unwrap();
    for event in events {
        writer.write(event).unwrap();
    }
    writer.sync().unwrap();
}

fn read(path: &Path) -> Result<(Vec<FeedEvent>, u64), RecordingError> {
    let mut recorded = RecordedFeed::open(path)?;
    let mut events = Vec::new();
    while let Some(event) = recorded.next()? {
        events.push(event);
    }
    Ok((events, recorded.torn_bytes()))
}

/// Forty blocks of random swaps, mints and burns with reorgs of one, two and five blocks.
fn sample_events() -> (Story, Vec<FeedEvent>) {
    let mut story = Story::new(7, EPOCH);
    let mut events = story.extend(20);
    events.extend(story.reorg(2, 3));
    events.extend(story.extend(6));
    events.extend(story.reorg(5, 4));
    events.extend(story.reorg(1, 0));
    events.extend(story.extend(7));
    (story, events)
}

#[test]
fn a_recording_gives_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.recording");
    let (story, events) = sample_events();
    write(&path, CHAIN_ID, &events);
    assert_eq!(read(&path).unwrap(), (events, 0));
    let report = feed_replay(&path, true).unwrap();
    assert_eq!((report.reorgs, report.reverted, report.gaps), (3, 8, 0));
    assert_eq!(report.blocks, 40);
    let [segment] = report.segments.as_slice() else { panic!("{report}") };
    assert!(report.is_sound() && segment.verified > 0, "{report}");
    assert_eq!(segment.digest, story.arena.digest());
    assert_eq!(segment.tip, story.arena.tip().unwrap());
    assert_eq!(segment.blocks as usize, story.height());
    assert!(feed_replay(&path, false).unwrap().segments.is_empty());
    let again = RecordingWriter::create(&path, CHAIN_ID);
    assert!(matches!(again, Err(RecordingError::Io { .. })), "nothing is overwritten");
}

/// `WEIR_BLESS=1` writes the file anew: an approval of a format change, to be reviewed as one.
#[test]
fn the_recording_in_the_repository_is_sound() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(SAMPLE);
    if std::env::var_os("WEIR_BLESS").is_some() {
        let _ = std::fs::remove_file(&path);
        write(&path, CHAIN_ID, &sample_events().1);
    }
    let report = feed_replay(&path, true).unwrap();
    assert!(report.is_sound(), "{report}");
    assert_eq!((report.chain_id, report.blocks, report.reorgs, report.torn_bytes), (1, 40, 3, 0));
    let [segment] = report.segments.as_slice() else { panic!("{report}") };
    assert!(segment.pools > 1 && segment.verified > 10 && segment.ignored == 0, "{report}");
    assert!(std::fs::metadata(&path).unwrap().len() < 50_000);
}

#[test]
fn a_torn_tail_is_recognised_at_every_byte_and_continued() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("torn.recording");
    let producer = FeedProducer::new(CHAIN, EPOCH, 0);
    let publish = |update| producer.publish(update, Completeness::Unproven).unwrap();
    let mut events = publish(commit(1, 3));
    events.extend(publish(commit(2, 1)));
    let old = vec![block(2, 0, 0, 1).block()];
    events.extend(publish(FeedUpdate::Reorged { old, new: vec![block(2, 1, 0, 2)] }));
    write(&path, CHAIN, &events);
    let whole = std::fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        if cut < 24 {
            assert!(matches!(read(&path), Err(RecordingError::Magic)), "cut={cut}");
            continue;
        }
        let (seen, torn) = read(&path).unwrap();
        assert!(events.starts_with(&seen), "cut={cut}");
        if cut % 7 != 0 {
            continue;
        }
        let (mut writer, assembler) = RecordingWriter::append(&path).unwrap();
        assert_eq!(writer.bytes(), cut as u64 - torn);
        let first_seq = assembler.map_or(0, |assembler| assembler.position().next_seq);
        assert_eq!(first_seq, seen.len() as u64);
        writer.begin_session(&welcome(CHAIN, first_seq)).unwrap();
        for event in &events[seen.len()..] {
            writer.write(event).unwrap();
        }
        drop(writer);
        assert_eq!(read(&path).unwrap(), (events.clone(), 0), "cut={cut}");
    }
    // Blocks that a file system never wrote.
    let blank = [whole.as_slice(), &[0; 4_096 + 3]].concat();
    std::fs::write(&path, blank).unwrap();
    assert_eq!(read(&path).unwrap(), (events, 4_096 + 3));
}

#[test]
fn damage_is_told_from_a_torn_tail() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.recording");
    let producer = FeedProducer::new(CHAIN, EPOCH, 0);
    let events = producer.publish(commit(1, 3), Completeness::Unproven).unwrap();
    write(&path, CHAIN, &events);
    let whole = std::fs::read(&path).unwrap();
    let changed = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] ^= byte;
        std::fs::write(&path, bytes).unwrap();
        read(&path)
    };
    assert!(matches!(changed(0, 1), Err(RecordingError::Magic)));
    assert!(matches!(changed(15, 1), Err(RecordingError::Head)));
    // The chunk of the welcome, with the block's after it.
    assert!(matches!(changed(40, 1), Err(RecordingError::Checksum { offset: 24 })));
    assert!(matches!(changed(27, 1), Err(RecordingError::ChunkLength { offset: 24, .. })));
    // The last chunk's bytes never came: nothing of it is handed out.
    let (seen, torn) = changed(whole.len() - 1, 1).unwrap();
    assert!(seen.is_empty() && torn > 0);
    // Whole chunks that are not a stream.
    let mut writer = RecordingWriter::append(&path).unwrap().0;
    writer.write(&producer.publish(commit(2, 0), Completeness::Unproven).unwrap()[0]).unwrap();
    drop(writer);
    assert!(matches!(read(&path), Err(RecordingError::NotSynced { .. })));
    let mut writer = RecordingWriter::create(&folder.path().join("other"), 5).unwrap();
    let foreign = writer.begin_session(&welcome(6, 0));
    assert!(matches!(foreign, Err(RecordingError::Chain { expected: 5, found: 6 })));
}

#[test]
fn nothing_follows_a_fault() {
    let mut file = RECORDING_MAGIC.to_vec();
    file.extend(RECORDING_VERSION.to_le_bytes());
    file.extend(CODEC_FIXED.to_le_bytes());
    file.extend(1u64.to_le_bytes());
    file.extend(crc32fast::hash(&file).to_le_bytes());
    // A sound chunk, too short for the length of a frame.
    let chunk = [10, 10];
    file.extend((chunk.len() as u32).to_le_bytes());
    file.extend(crc32fast::hash(&chunk).to_le_bytes());
    file.extend(chunk);
    let mut recorded = RecordedFeed::new(&file[..]).unwrap();
    assert!(matches!(recorded.next(), Err(RecordingError::Codec { .. })));
    assert!(matches!(recorded.next(), Ok(None)));
}

#[test]
fn any_changed_byte_leaves_a_true_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.recording");
    let mut story = Story::new(13, EPOCH);
    let mut events = story.extend(4);
    events.extend(story.reorg(2, 3));
    write(&path, CHAIN_ID, &events);
    let whole = std::fs::read(&path).unwrap();
    for at in 24..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let mut recorded = RecordedFeed::new(bytes.as_slice()).unwrap();
        let mut seen = Vec::new();
        while let Ok(Some(event)) = recorded.next() {
            seen.push(event);
        }
        assert!(events.starts_with(&seen) && seen.len() < events.len(), "at={at}");
        assert!(matches!(recorded.next(), Ok(None)), "nothing follows");
    }
}

#[test]
fn a_long_block_takes_several_chunks_and_a_gap_begins_a_new_stretch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.recording");
    let producer = FeedProducer::new(CHAIN, EPOCH, 0);
    let mut events = producer.publish(commit(1, 20_000), Completeness::Unproven).unwrap();
    write(&path, CHAIN, &events);
    let gap = Gap { epoch: EPOCH, reason: GapReason::Expired, wanted_seq: 1, next_seq: 9 };
    let producer = FeedProducer::new(CHAIN, EPOCH + 1, 0);
    let (mut writer, _) = RecordingWriter::append(&path).unwrap();
    writer.begin_session(&Welcome { epoch: EPOCH + 1, ..welcome(CHAIN, 0) }).unwrap();
    events.push(FeedEvent::Gap(gap));
    events.extend(producer.publish(commit(9, 2), Completeness::Unproven).unwrap());
    // Below the first block of the second stretch.
    let old = vec![block(8, 0, 0, 0).block(), block(9, 0, 0, 2).block()];
    let reorg = FeedUpdate::Reorged { old, new: vec![block(8, 1, 0, 1)] };
    events.extend(producer.publish(reorg, Completeness::Unproven).unwrap());
    events[1..].iter().for_each(|event| writer.write(event).unwrap());
    drop(writer);
    assert!(std::fs::metadata(&path).unwrap().len() > 2 * u64::from(weir_feed::CHUNK_BYTES_MAX));
    assert_eq!(read(&path).unwrap(), (events, 0));
    let report = feed_replay(&path, true).unwrap();
    assert_eq!((report.gaps, report.segments.len()), (1, 3), "{report}");
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.tip.unwrap().number, 8);
}

#[tokio::test]
async fn a_socket_is_recorded_across_a_restart_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, out) = (folder.path().join("feed.sock"), folder.path().join("a.recording"));
    let mut story = Story::new(3, EPOCH);
    let mut published = story.extend(10);
    published.extend(story.reorg(3, 4));
    let blocks = 14;
    let record = async |producer: &FeedProducer, blocks| {
        let shutdown = Shutdown::new();
        let server = FeedServer::bind(producer.clone(), ServerOptions::at(socket.clone())).unwrap();
        let server = tokio::spawn(server.run(shutdown.clone()));
        let options = RecordOptions {
            blocks_max: Some(blocks),
            ..RecordOptions::new(socket.clone(), out.clone())
        };
        let report = feed_record(options, Shutdown::new()).await.unwrap();
        shutdown.trigger(ShutdownReason::Done);
        server.await.unwrap().unwrap();
        report
    };
    // The last block of the reorg ends the recording before the record that closes it.
    let report = record(&story.producer, blocks).await;
    assert_eq!((report.blocks, report.reorgs, report.gaps), (blocks, 1, 0));
    published.extend(story.extend(5));
    let report = record(&story.producer, 5).await;
    assert_eq!((report.blocks, report.gaps), (5, 0));
    assert_eq!(report.bytes, std::fs::metadata(&out).unwrap().len());
    assert_eq!(read(&out).unwrap().0, published);
    let mut recorded = RecordedFeed::open(&out).unwrap();
    while recorded.next().unwrap().is_some() {}
    let next_seq = published.len() as u64;
    assert_eq!(recorded.position(), Some(Position { epoch: EPOCH, next_seq }));
    let report = feed_replay(&out, true).unwrap();
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.segments[0].digest, story.arena.digest());
}
