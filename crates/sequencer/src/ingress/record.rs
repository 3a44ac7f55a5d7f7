//! What stands in the journal, and what of it is still true.
//!
//! ```text
//! kind 1   an accepted transaction    its EIP-2718 encoding (no longer written)
//! kind 2   a dropped transaction      32 bytes hash (no longer written)
//! kind 3   a transaction's fate       32 bytes hash
//!                                      8 bytes Unix time in seconds, little-endian
//!                                      1 byte  0 replaced, or the number of the drop code
//!                                      n bytes hash of the other transaction, or the reason as UTF-8
//! kind 4   one that was accepted       4 bytes length of the conditions, little-endian
//!          under conditions            n bytes conditions as JSON (ERC-7796)
//!          (no longer written)         m bytes its EIP-2718 encoding
//! kind 5   the receipts signed so far  8 bytes the next free sequence number, little-endian
//! kind 6   a step of the open block   32 bytes hash of the block's parent
//!                                      8 bytes timestamp in seconds, little-endian
//!                                     20 bytes beneficiary
//!                                     32 bytes PREVRANDAO
//!                                      4 bytes index of the step's first transaction, little-endian
//!                                      n times 32 bytes hash of a transaction
//! kind 7   the open block is dropped  32 bytes hash of its parent
//! kind 8   an accepted transaction    20 bytes its sender
//!          with its sender             4 bytes length of the conditions, little-endian; 0 if there are none
//!                                      n bytes conditions as JSON (ERC-7796)
//!                                      m bytes its EIP-2718 encoding
//! kind 9   an accepted bundle          8 bytes first block, little-endian, like all that follow
//!                                      8 bytes last block
//!                                      8 bytes lowest timestamp
//!                                      8 bytes highest timestamp
//!                                      1 byte  length of its replacement UUID; 0 if it has none
//!                                      n bytes that
//!                                      for each transaction
//!                                          20 bytes its sender
//!                                           1 byte  1 may revert, 2 may be left out, 3 both
//!                                           4 bytes length of its encoding
//!                                           m bytes its EIP-2718 encoding
//! kind 10  a bundle's end             32 bytes hash
//!                                      8 bytes Unix time in seconds, little-endian
//!                                      1 byte  255 a block holds it, else as kind 3
//!                                      n bytes hash of its first transaction there, else as kind 3
//! ```
//!
//! The sender was recovered when the transaction came in. A restart takes it from here: recovering it again would be most of
//! a restart's time, and every record has a checksum.

mod bundle;
pub(super) use bundle::{AcceptedBundle, bundle, bundle_end};
use bundle::{BUNDLE, BUNDLE_END, decode_bundle, decode_bundle_end};

mod lives;
use lives::Lives;

use super::promise::Promise;
use crate::{bundles::BundleEnd, drops::KeptFate, remembered::Kept};
use alloy_primitives::{Address, B256, keccak256};
use weir_primitives::{Conditions, DropCode, Fate};
use weir_rpc::write_conditions;
use weir_storage::JournalRecord;

const TRANSACTION: u8 = 1;
const DROPPED: u8 = 2;
/// How a transaction ended without being included. Without it a restart would bring the transaction back, ahead of one
/// that was accepted in its place, and nobody could say what became of it.
const FATE: u8 = 3;

/// As [`TRANSACTION`], with conditions.
const CONDITIONAL: u8 = 4;
/// The next free sequence number of signed receipts.
const SEQUENCE: u8 = 5;
/// What joined the open block.
const STEP: u8 = 6;
/// What joined it does not hold.
const RETRACTED: u8 = 7;
/// An accepted transaction, its sender, and its conditions if there are any.
const RECOVERED: u8 = 8;

/// Stands for the drop code of a replaced transaction.
const REPLACED: u8 = 0;

/// Bytes of a reason at most; it is cut at a character.
const REASON_BYTES_MAX: usize = 512;

/// The record of an accepted transaction, by its EIP-2718 encoding.
pub(super) fn transaction(
    encoding: &[u8],
    sender: Address,
    conditions: Option<&Conditions>,
) -> JournalRecord {
    let json = conditions.map(write_conditions).unwrap_or_default();
    let length = u32::try_from(json.len()).expect("a request is smaller than 4 GiB");
    let payload = [sender.as_slice(), &length.to_le_bytes(), json.as_bytes(), encoding].concat();
    JournalRecord { kind: RECOVERED, payload }
}

/// The record of the next free sequence number.
pub(super) fn sequence(next: u64) -> JournalRecord {
    JournalRecord { kind: SEQUENCE, payload: next.to_le_bytes().to_vec() }
}

/// The record of what joined the open block from the transaction with index `first` on.
pub(super) fn step(promise: &Promise, first: usize) -> JournalRecord {
    let Promise { parent, timestamp, beneficiary, prev_randao, transactions } = promise;
    let mut payload = parent.to_vec();
    payload.extend_from_slice(&timestamp.to_le_bytes());
    payload.extend_from_slice(beneficiary.as_slice());
    payload.extend_from_slice(prev_randao.as_slice());
    let index = u32::try_from(first).expect("gas bounds what a block holds");
    payload.extend_from_slice(&index.to_le_bytes());
    payload.extend(transactions[first..].iter().flatten());
    JournalRecord { kind: STEP, payload }
}

/// The record that the open block on top of `parent` is dropped.
pub(super) fn retracted(parent: B256) -> JournalRecord {
    JournalRecord { kind: RETRACTED, payload: parent.to_vec() }
}

/// `None` if the payload is not that of a step. Answers the index of its first transaction, too.
fn decode_step(payload: &[u8]) -> Option<(usize, Promise)> {
    let (parent, rest) = payload.split_first_chunk::<32>()?;
    let (timestamp, rest) = rest.split_first_chunk::<8>()?;
    let (beneficiary, rest) = rest.split_first_chunk::<20>()?;
    let (prev_randao, rest) = rest.split_first_chunk::<32>()?;
    let (first, rest) = rest.split_first_chunk::<4>()?;
    let (hashes, []) = rest.as_chunks::<32>() else { return None };
    let promise = Promise {
        parent: B256::from(*parent),
        timestamp: u64::from_le_bytes(*timestamp),
        beneficiary: Address::from(*beneficiary),
        prev_randao: B256::from(*prev_randao),
        transactions: hashes.iter().map(|hash| B256::from(*hash)).collect(),
    };
    Some((usize::try_from(u32::from_le_bytes(*first)).ok()?, promise))
}

/// What is promised after a step. One that does not follow the last was told to nobody: what came before it holds.
fn after_step(promised: Option<Promise>, payload: &[u8]) -> Option<Promise> {
    let Some((first, step)) = decode_step(payload) else { return promised };
    match promised {
        _ if first == 0 => Some(step),
        Some(mut promise) if promise.parent == step.parent => {
            if promise.transactions.len() == first {
                promise.transactions.extend(step.transactions);
            }
            Some(promise)
        }
        _ => None,
    }
}

/// An accepted transaction as it stands in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted<'a> {
    /// Its EIP-2718 encoding.
    pub(super) encoding: &'a [u8],
    /// Its sender; `None` if an older version of this program wrote the record.
    pub(super) sender: Option<Address>,
    /// The conditions that it was sent with, as JSON.
    pub(super) conditions: Option<&'a str>,
}

impl<'a> Accepted<'a> {
    /// `None` if the record is of another kind, or not whole.
    fn of(record: &'a JournalRecord) -> Option<Self> {
        let (sender, rest) = match record.kind {
            TRANSACTION => {
                return Some(Self { encoding: &record.payload, sender: None, conditions: None });
            }
            CONDITIONAL => (None, &*record.payload),
            RECOVERED => {
                let (sender, rest) = record.payload.split_first_chunk::<20>()?;
                (Some(Address::from(*sender)), rest)
            }
            _ => return None,
        };
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (json, encoding) = rest.split_at_checked(length)?;
        let conditions = std::str::from_utf8(json).ok()?;
        let conditions = Some(conditions).filter(|json| !json.is_empty());
        Some(Self { encoding, sender, conditions })
    }
}

/// The record of a fate.
pub(super) fn fate(kept: &KeptFate) -> JournalRecord {
    let mut payload = kept.hash.to_vec();
    payload.extend_from_slice(&kept.at.to_le_bytes());
    write_fate(&kept.end, &mut payload);
    JournalRecord { kind: FATE, payload }
}

fn write_fate(fate: &Fate, payload: &mut Vec<u8>) {
    match fate {
        Fate::Replaced { by } => {
            payload.push(REPLACED);
            payload.extend_from_slice(by.as_slice());
        }
        Fate::Dropped { code, reason } => {
            payload.push(*code as u8);
            let end = reason.floor_char_boundary(REASON_BYTES_MAX);
            payload.extend_from_slice(&reason.as_bytes()[..end]);
        }
    }
}

/// `None` if these are not the bytes of [`write_fate`].
fn fate_from(bytes: &[u8]) -> Option<Fate> {
    let (code, rest) = bytes.split_first()?;
    Some(match *code {
        REPLACED => Fate::Replaced { by: B256::from(<[u8; 32]>::try_from(rest).ok()?) },
        code => {
            Fate::dropped(DropCode::from_number(code)?, std::str::from_utf8(rest).ok()?.to_owned())
        }
    })
}

/// `None` if the payload is not that of a fate.
fn decode_fate(payload: &[u8]) -> Option<KeptFate> {
    let (hash, rest) = payload.split_first_chunk::<32>()?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let end = fate_from(rest)?;
    Some(KeptFate { hash: B256::from(*hash), at: u64::from_le_bytes(*at), end })
}

/// What of a journal is still true.
#[derive(Debug, Default)]
pub(super) struct Surviving<'a> {
    /// The accepted transactions that did not end afterwards, in the order of acceptance.
    pub(super) accepted: Vec<Accepted<'a>>,
    /// How the others ended, in the order in which they did.
    pub(super) fates: Vec<KeptFate>,
    /// The next free sequence number of signed receipts.
    pub(super) next_sequence: u64,
    /// What was last told of an open block.
    pub(super) promised: Option<Promise>,
    /// The accepted bundles that did not end afterwards, in the order of acceptance.
    pub(super) bundles: Vec<AcceptedBundle<'a>>,
    /// How the others ended, in the order in which they did.
    pub(super) bundle_ends: Vec<Kept<BundleEnd>>,
}

impl<'a> Surviving<'a> {
    /// Reads records, oldest first.
    pub(super) fn of(records: &'a [JournalRecord]) -> Self {
        let (mut next_sequence, mut promised) = (0, None);
        let mut transactions = Lives::with_capacity(records.len());
        let mut bundles = Lives::with_capacity(0);
        for record in records {
            let payload = &*record.payload;
            let is_understood = match record.kind {
                SEQUENCE => {
                    let next = <[u8; 8]>::try_from(payload).map(u64::from_le_bytes);
                    next_sequence = next_sequence.max(next.unwrap_or(0));
                    true
                }
                STEP => {
                    promised = after_step(promised, payload);
                    true
                }
                RETRACTED => {
                    promised = promised.filter(|promise| *promise.parent != *payload);
                    true
                }
                BUNDLE => decode_bundle(payload)
                    .map(|bundle| {
                        // Sent again, it may have other bounds.
                        bundles.leave(bundle.hash);
                        bundles.begin(bundle.hash, bundle);
                    })
                    .is_some(),
                BUNDLE_END => decode_bundle_end(payload).map(|kept| bundles.end(kept)).is_some(),
                FATE => decode_fate(payload).map(|kept| transactions.end(kept)).is_some(),
                DROPPED => B256::try_from(payload).map(|hash| transactions.leave(hash)).is_ok(),
                // It stands here twice if its block left the chain by a reorg. The hash of the encoding is the transaction's
                // for every type (EIP-2718).
                _ => Accepted::of(record)
                    .map(|one| transactions.begin(keccak256(one.encoding), one))
                    .is_some(),
            };
            if !is_understood {
                tracing::warn!(record.kind, "journal record is not understood and ignored");
            }
        }
        let (accepted, fates) = transactions.into_parts();
        let (bundles, bundle_ends) = bundles.into_parts();
        Self { accepted, fates, next_sequence, promised, bundles, bundle_ends }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SENDER: Address = Address::repeat_byte(6);

    fn accepted(payload: &[u8]) -> JournalRecord {
        transaction(payload, SENDER, None)
    }

    fn kept(payload: &[u8], fate: Fate) -> KeptFate {
        KeptFate { hash: keccak256(payload), at: 7, end: fate }
    }

    fn dropped(payload: &[u8]) -> JournalRecord {
        fate(&kept(payload, Fate::dropped(DropCode::Evicted, "the pool is full")))
    }

    fn surviving(records: &[JournalRecord]) -> Vec<&[u8]> {
        let accepted = Surviving::of(records).accepted;
        accepted.into_iter().map(|accepted| accepted.encoding).collect()
    }

    #[test]
    fn a_dropped_transaction_does_not_come_back_ahead_of_its_successor() {
        let records = [accepted(b"old"), accepted(b"other"), dropped(b"old"), accepted(b"new")];
        assert_eq!(surviving(&records), [b"other".as_slice(), b"new"]);
        let before = JournalRecord { kind: DROPPED, payload: keccak256(b"old").to_vec() };
        let records = [accepted(b"old"), before, accepted(b"new")];
        assert_eq!(surviving(&records), [b"new".as_slice()], "as an older program wrote it");
    }

    #[test]
    fn a_transaction_that_was_accepted_twice_is_dropped_once() {
        let records = [accepted(b"a"), accepted(b"b"), accepted(b"a")];
        assert_eq!(surviving(&records), [b"a".as_slice(), b"b"]);
        let records = [accepted(b"a"), accepted(b"a"), dropped(b"a")];
        assert!(surviving(&records).is_empty());
    }

    #[test]
    fn a_transaction_accepted_again_after_a_drop_comes_back() {
        let records = [accepted(b"a"), dropped(b"a"), accepted(b"a")];
        assert_eq!(surviving(&records), [b"a".as_slice()]);
        assert!(Surviving::of(&records).fates.is_empty(), "it has not ended");
        let records = [accepted(b"a"), dropped(b"a"), accepted(b"a"), dropped(b"a")];
        assert!(surviving(&records).is_empty());
        assert_eq!(Surviving::of(&records).fates.len(), 1);
    }

    #[test]
    fn conditions_come_back_with_their_transaction() {
        let conditions = Conditions { block_number_max: Some(9), ..Conditions::default() };
        let record = transaction(b"raw", SENDER, Some(&conditions));
        let json = br#"{"blockNumberMax":"0x9"}"#;
        let older = [&[24, 0, 0, 0], json.as_slice(), b"raw"].concat();
        let expected = [SENDER.as_slice(), &older].concat();
        assert_eq!(record, JournalRecord { kind: 8, payload: expected });
        let records = [record];
        let accepted = Surviving::of(&records).accepted;
        assert_eq!(accepted[0].encoding, b"raw");
        let records = [JournalRecord { kind: CONDITIONAL, payload: older }];
        let sent_before = Surviving::of(&records).accepted;
        assert_eq!(sent_before, [Accepted { sender: None, ..accepted[0] }]);
        let again = weir_rpc::read_conditions(accepted[0].conditions.unwrap()).unwrap();
        assert_eq!(again, conditions);
    }

    #[test]
    fn a_sender_comes_back_with_its_transaction() {
        let records = [accepted(b"raw"), JournalRecord { kind: 1, payload: b"old".to_vec() }];
        let expected = [SENDER.as_slice(), &[0, 0, 0, 0], b"raw"].concat();
        assert_eq!(records[0], JournalRecord { kind: 8, payload: expected });
        let accepted = Surviving::of(&records).accepted;
        let known = accepted.iter().map(|one| (one.encoding, one.sender, one.conditions));
        let known: Vec<_> = known.collect();
        assert_eq!(known, [(b"raw".as_slice(), Some(SENDER), None), (b"old", None, None)]);
    }

    #[test]
    fn the_highest_sequence_number_counts() {
        let records = [sequence(7), accepted(b"a"), sequence(900), sequence(8)];
        assert_eq!(Surviving::of(&records).next_sequence, 900);
        assert_eq!(Surviving::of(&[]).next_sequence, 0);
    }

    fn promise(parent: u8, transactions: &[u8]) -> Promise {
        Promise {
            parent: B256::repeat_byte(parent),
            timestamp: 7,
            beneficiary: Address::repeat_byte(3),
            prev_randao: B256::repeat_byte(4),
            transactions: transactions.iter().map(|byte| B256::repeat_byte(*byte)).collect(),
        }
    }

    #[test]
    fn steps_add_up_to_what_was_told() {
        let (short, long) = (promise(1, &[5, 6]), promise(1, &[5, 6, 7]));
        let promised = |records: &[JournalRecord]| Surviving::of(records).promised;
        assert_eq!(promised(&[step(&short, 0), step(&long, 2)]), Some(long.clone()));
        assert_eq!(
            promised(&[step(&short, 0), step(&promise(1, &[5, 6, 7, 8]), 3)]),
            Some(short.clone()),
            "a gap"
        );
        assert_eq!(promised(&[step(&long, 2)]), None, "the beginning is not there");
        assert_eq!(
            promised(&[step(&short, 0), step(&promise(2, &[9]), 0)]),
            Some(promise(2, &[9]))
        );
        assert_eq!(promised(&[step(&short, 0), retracted(B256::repeat_byte(1))]), None);
        let other = retracted(B256::repeat_byte(2));
        assert_eq!(promised(&[step(&short, 0), other]), Some(short));
        let mut expected = [1; 32].to_vec();
        expected.extend([7, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([[3; 20].as_slice(), &[4; 32], &[2, 0, 0, 0], &[7; 32]].concat());
        assert_eq!(step(&long, 2), JournalRecord { kind: 6, payload: expected });
    }

    #[test]
    fn a_record_has_the_documented_form() {
        let hash = keccak256(b"a");
        let replaced = fate(&kept(b"a", Fate::Replaced { by: B256::repeat_byte(9) }));
        let expected = [hash.as_slice(), &[7, 0, 0, 0, 0, 0, 0, 0], &[0], &[9; 32]].concat();
        assert_eq!(replaced, JournalRecord { kind: 3, payload: expected });
        let expected =
            [hash.as_slice(), &[7, 0, 0, 0, 0, 0, 0, 0], &[1], b"the pool is full"].concat();
        assert_eq!(dropped(b"a"), JournalRecord { kind: 3, payload: expected });
    }

    proptest! {
        #[test]
        fn a_fate_reads_back(bytes: [u8; 32], at: u64, code in 0u8..12, reason in "\\PC{0,120}") {
            let fate = match DropCode::from_number(code) {
                Some(code) => Fate::dropped(code, reason),
                None => Fate::Replaced { by: B256::from(bytes) },
            };
            let kept = KeptFate { hash: B256::from(bytes), at, end: fate };
            let records = [self::fate(&kept)];
            prop_assert_eq!(Surviving::of(&records).fates, [kept]);
        }

        #[test]
        fn arbitrary_records_never_panic(kind in 0u8..12, payload in prop::collection::vec(any::<u8>(), 0..90)) {
            let records = [JournalRecord { kind, payload }];
            prop_assert!(Surviving::of(&records).accepted.len() < 2);
        }
    }
}
