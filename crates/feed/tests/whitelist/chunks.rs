//! Documents into chunks and back, in any order.

use crate::support::{CHAIN, document, ids, list, removal, row};
use proptest::{prelude::*, sample::Index};
use serde_json::json;
use weir_feed::{
    ChunkFault, DocumentError, RejectionReason, WhitelistAssembler, WhitelistDocument,
    WhitelistKind, WhitelistMessage, WhitelistUpdate,
};

fn parse(json: &[u8]) -> WhitelistMessage {
    WhitelistMessage::parse(json, CHAIN, WhitelistKind::Full).unwrap()
}

fn pool_ids(update: &WhitelistUpdate) -> Vec<weir_arena::PoolId> {
    update.pools.iter().map(|pool| pool.id()).collect()
}

proptest! {
    /// Whatever the size of chunks and the order in which they come, some of them twice, the list is the same.
    #[test]
    fn chunks_in_any_order_are_the_document(
        pools in 1..60u64,
        bytes_max in 900..5_000usize,
        order in proptest::collection::vec(any::<Index>(), 0..80),
    ) {
        let document = document(7, 0..pools);
        let messages = document.messages(bytes_max).unwrap();
        prop_assert!(messages.iter().all(|message| message.len() <= bytes_max));
        let mut assembler = WhitelistAssembler::default();
        // Some at random, then all in order: the last one missing completes it, once.
        let some = order.iter().map(|index| index.index(messages.len()));
        let mut whole = Vec::new();
        for index in some.chain(0..messages.len()) {
            if whole.is_empty() {
                whole.extend(assembler.push(parse(&messages[index])).unwrap());
            }
        }
        prop_assert_eq!(&whole[..], std::slice::from_ref(document.update()));
        prop_assert!(!assembler.is_open());
        prop_assert_eq!(assembler.expired(), 0);
    }
}

#[test]
fn minimal_lists_and_removals_are_divided_too() {
    let minimal = include_bytes!("golden/minimal-add.json");
    let text = std::str::from_utf8(minimal).unwrap().replace("\"v4\", \"v4\"", "\"v4\", \"v3\"");
    let kind = WhitelistKind::Full;
    let document = WhitelistDocument::parse(text.as_bytes(), CHAIN, kind, 9).unwrap();
    let removal = removal(8, 0..40);
    let removal = WhitelistDocument::parse(&removal, CHAIN, WhitelistKind::Remove, 9).unwrap();
    for document in [document, removal] {
        let messages = document.messages(400).unwrap();
        assert!(messages.len() > 1);
        let mut assembler = WhitelistAssembler::default();
        let pushed = messages.iter().rev().map(|message| assembler.push(parse(message)).unwrap());
        let whole: Vec<_> = pushed.flatten().collect();
        assert_eq!(whole, std::slice::from_ref(document.update()));
    }
}

#[test]
fn a_newer_message_drops_an_incomplete_older_one() {
    let (old, new) = (document(1, 0..20).messages(1_000), document(2, 5..9).messages(1_000));
    let (old, new) = (old.unwrap(), new.unwrap());
    let mut assembler = WhitelistAssembler::default();
    assert_eq!(assembler.push(parse(&old[0])).unwrap(), None);
    assert_eq!(assembler.push(parse(&new[0])).unwrap(), None);
    assert_eq!(assembler.expired(), 1);
    // The older one's other chunks come too late.
    for late in &old[1..] {
        assert_eq!(assembler.push(parse(late)).unwrap(), None);
    }
    assert_eq!(assembler.expired(), 1);
    let whole: Vec<_> = new[1..].iter().filter_map(|m| assembler.push(parse(m)).unwrap()).collect();
    assert_eq!(pool_ids(&whole[0]), ids(5..9));
    // A whole one drops an incomplete one as well, and other kinds are left alone.
    assert_eq!(assembler.push(parse(&old[0])).unwrap(), None);
    let addition = WhitelistMessage::parse(&list(5, 1..2), CHAIN, WhitelistKind::Add).unwrap();
    assert!(assembler.push(addition).unwrap().is_some());
    assert_eq!(assembler.expired(), 1);
    assert!(assembler.push(parse(&list(5, 1..2))).unwrap().is_some());
    assert_eq!(assembler.expired(), 2);
}

#[test]
fn a_set_without_progress_expires() {
    let messages = document(1, 0..20).messages(1_000).unwrap();
    let mut assembler = WhitelistAssembler::default();
    assembler.push(parse(&messages[0])).unwrap();
    assert_eq!(assembler.expire_idle(), 0);
    assembler.push(parse(&messages[1])).unwrap();
    assert_eq!(assembler.expire_idle(), 0);
    // A repetition is no progress.
    assembler.push(parse(&messages[1])).unwrap();
    assert_eq!((assembler.expire_idle(), assembler.expired()), (1, 1));
    assert!(!assembler.is_open());
}

#[test]
fn chunks_that_contradict_each_other_are_refused() {
    let text = |message: &[u8]| String::from_utf8(message.to_vec()).unwrap();
    let messages = document(1, 0..20).messages(1_000).unwrap();
    let n = messages.len();
    let after_first = |changed: &str| {
        let mut assembler = WhitelistAssembler::default();
        assembler.push(parse(&messages[0])).unwrap();
        let fault = assembler.push(parse(changed.as_bytes())).unwrap_err();
        assert!(!assembler.is_open(), "the set is dropped");
        fault
    };
    let kind = WhitelistKind::Full;
    let more = text(&messages[1]).replace(&format!("\"n\":{n}"), "\"n\":99");
    assert_eq!(after_first(&more), ChunkFault::Disagree { kind });
    let other = text(&messages[1]).replace("\"i\":1", "\"i\":0");
    assert_eq!(after_first(&other), ChunkFault::Repeated { kind, i: 0 });
    // A changed row shows at the end.
    let mut assembler = WhitelistAssembler::default();
    let (last, rest) = messages.split_last().unwrap();
    for message in rest {
        assembler.push(parse(message)).unwrap();
    }
    let changed = text(last).replace("\"fee\":3000", "\"fee\":2500");
    let fault = assembler.push(parse(changed.as_bytes())).unwrap_err();
    assert_eq!(fault, ChunkFault::Digest { kind });
}

#[test]
fn a_pool_in_two_chunks_is_listed_once() {
    let chunk = |i: u32, numbers: [u64; 2]| {
        let rows: Vec<_> = numbers.into_iter().map(row).chain([json!({})]).collect();
        let message = json!({"snapshot_id": 1, "chain": "ethereum", "chunk": {"i": i, "n": 2}, "pools": rows});
        parse(message.to_string().as_bytes())
    };
    let mut assembler = WhitelistAssembler::default();
    assert_eq!(assembler.push(chunk(1, [2, 3])).unwrap(), None);
    let whole = assembler.push(chunk(0, [1, 2])).unwrap().unwrap();
    assert_eq!(pool_ids(&whole), ids([1, 2, 3]));
    // Rows are counted over both chunks.
    let rejected: Vec<_> = whole.rejected.iter().map(|row| (row.row, &row.reason)).collect();
    let missing = RejectionReason::Missing { field: "protocol" };
    assert_eq!(rejected, [(2, &missing), (5, &missing), (3, &RejectionReason::Duplicate)]);
}

#[test]
fn wrong_files_are_not_published() {
    let parse = |json: &[u8]| WhitelistDocument::parse(json, CHAIN, WhitelistKind::Full, 1);
    let wrong = parse(include_bytes!("golden/rich-full.json")).unwrap_err();
    assert!(matches!(&wrong, DocumentError::Rows { rows: 1, first } if first.row == 4), "{wrong}");
    assert!(matches!(parse(&list(1, [])), Err(DocumentError::Empty)));
    let chunk = document(1, 0..20).messages(1_000).unwrap();
    assert!(matches!(parse(&chunk[0]), Err(DocumentError::Chunk)));
    let tight = document(1, 0..3).messages(400).unwrap_err();
    assert!(matches!(tight, DocumentError::RowTooLarge { row: 0, max: 400, .. }), "{tight}");
    // Protocols of other engines are sent along.
    let mut rows = vec![row(1)];
    rows.push(json!({"address": crate::support::pool(9), "protocol": "fluid", "x": 1.50}));
    let json = json!({"chain": "ethereum", "pools": rows}).to_string();
    let document = parse(json.as_bytes()).unwrap();
    assert_eq!((document.update().len(), document.update().rejected.len()), (1, 1));
    let message = String::from_utf8(document.messages(10_000).unwrap().remove(0)).unwrap();
    assert!(message.contains(r#""protocol":"fluid""#) && !message.contains("chunk"), "{message}");
}
