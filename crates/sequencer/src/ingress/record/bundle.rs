//! Bundles in the journal.

use super::{fate_from, write_fate};
use crate::{bundles::BundleEnd, remembered::Kept};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, keccak256};
use std::ops::RangeInclusive;
use weir_storage::JournalRecord;
use weir_txpool::{Bundle, Leeway};

pub(super) const BUNDLE: u8 = 9;
pub(super) const BUNDLE_END: u8 = 10;

/// Stands for the drop code of a bundle that a block holds.
const LANDED: u8 = u8::MAX;
/// Bits of a transaction's leeway.
const MAY_REVERT: u8 = 1;
const MAY_DROP: u8 = 2;

/// The record of an accepted bundle.
pub(in crate::ingress) fn bundle(bundle: &Bundle) -> JournalRecord {
    let mut payload = Vec::with_capacity(bundle.encoded_length() + 64);
    for bound in [
        bundle.blocks.start(),
        bundle.blocks.end(),
        bundle.timestamps.start(),
        bundle.timestamps.end(),
    ] {
        payload.extend_from_slice(&bound.to_le_bytes());
    }
    let name = bundle.replacement.as_deref().unwrap_or_default();
    payload.push(u8::try_from(name.len()).expect("a name is bounded"));
    payload.extend_from_slice(name.as_bytes());
    for (transaction, leeway) in &bundle.transactions {
        let encoding = transaction.tx.encoded_2718();
        payload.extend_from_slice(transaction.sender.as_slice());
        payload.push(bits(*leeway));
        let length = u32::try_from(encoding.len()).expect("a bundle is smaller than 4 GiB");
        payload.extend_from_slice(&length.to_le_bytes());
        payload.extend_from_slice(&encoding);
    }
    JournalRecord { kind: BUNDLE, payload }
}

/// The record of a bundle's end.
pub(in crate::ingress) fn bundle_end(kept: &Kept<BundleEnd>) -> JournalRecord {
    let mut payload = kept.hash.to_vec();
    payload.extend_from_slice(&kept.at.to_le_bytes());
    match &kept.end {
        BundleEnd::Landed { transaction } => {
            payload.push(LANDED);
            payload.extend_from_slice(transaction.as_slice());
        }
        BundleEnd::Left(fate) => write_fate(fate, &mut payload),
    }
    JournalRecord { kind: BUNDLE_END, payload }
}

/// An accepted bundle as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ingress) struct AcceptedBundle<'a> {
    pub(in crate::ingress) hash: B256,
    pub(in crate::ingress) blocks: RangeInclusive<u64>,
    pub(in crate::ingress) timestamps: RangeInclusive<u64>,
    pub(in crate::ingress) replacement: Option<&'a str>,
    pub(in crate::ingress) transactions: Vec<BundledTransaction<'a>>,
}

/// One of its transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingress) struct BundledTransaction<'a> {
    pub(in crate::ingress) hash: B256,
    pub(in crate::ingress) sender: Address,
    pub(in crate::ingress) leeway: Leeway,
    /// Its EIP-2718 encoding.
    pub(in crate::ingress) encoding: &'a [u8],
}

/// `None` if the payload is not that of a bundle.
pub(super) fn decode_bundle(payload: &[u8]) -> Option<AcceptedBundle<'_>> {
    let (bounds, rest) = payload.split_first_chunk::<32>()?;
    let (bounds, _) = bounds.as_chunks::<8>();
    let bound = |index: usize| u64::from_le_bytes(bounds[index]);
    let (length, rest) = rest.split_first()?;
    let (name, mut rest) = rest.split_at_checked(usize::from(*length))?;
    let replacement = Some(std::str::from_utf8(name).ok()?).filter(|name| !name.is_empty());
    let mut transactions = Vec::new();
    while !rest.is_empty() {
        let (sender, after) = rest.split_first_chunk::<20>()?;
        let (bits, after) = after.split_first()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (encoding, after) = after.split_at_checked(length)?;
        transactions.push(BundledTransaction {
            hash: keccak256(encoding),
            sender: Address::from(*sender),
            leeway: Leeway { may_revert: bits & MAY_REVERT != 0, may_drop: bits & MAY_DROP != 0 },
            encoding,
        });
        rest = after;
    }
    Some(AcceptedBundle {
        hash: Bundle::hash_of(transactions.iter().map(|transaction| &transaction.hash)),
        blocks: bound(0)..=bound(1),
        timestamps: bound(2)..=bound(3),
        replacement,
        transactions,
    })
}

/// `None` if the payload is not that of a bundle's end.
pub(super) fn decode_bundle_end(payload: &[u8]) -> Option<Kept<BundleEnd>> {
    let (hash, rest) = payload.split_first_chunk::<32>()?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let end = match rest.split_first()? {
        (&LANDED, transaction) => BundleEnd::Landed { transaction: transaction.try_into().ok()? },
        _ => BundleEnd::Left(fate_from(rest)?),
    };
    Some(Kept { hash: B256::from(*hash), at: u64::from_le_bytes(*at), end })
}

fn bits(leeway: Leeway) -> u8 {
    (u8::from(leeway.may_revert) * MAY_REVERT) | (u8::from(leeway.may_drop) * MAY_DROP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingress::record::Surviving;
    use alloy_consensus::{SignableTransaction, TxEip1559};
    use alloy_primitives::{Signature, U256};
    use proptest::prelude::*;
    use std::sync::Arc;
    use weir_primitives::{DropCode, Fate};
    use weir_txpool::PoolTransaction;

    fn sample(nonces: &[u64], bounds: [u64; 4], name: Option<&str>, bits: u8) -> Bundle {
        let transaction = |nonce: &u64| {
            let tx = TxEip1559 { nonce: *nonce, ..TxEip1559::default() };
            let signature = Signature::new(U256::from(7), U256::from(9), false);
            let tx = Arc::new(tx.into_signed(signature).into());
            let sender = Address::left_padding_from(&nonce.to_be_bytes());
            let leeway =
                Leeway { may_revert: bits & MAY_REVERT != 0, may_drop: bits & MAY_DROP != 0 };
            (Arc::new(PoolTransaction::new(tx, sender, 0)), leeway)
        };
        let transactions: Vec<_> = nonces.iter().map(transaction).collect();
        Bundle {
            hash: Bundle::hash_of(transactions.iter().map(|(one, _)| &one.hash)),
            transactions,
            blocks: bounds[0]..=bounds[1],
            timestamps: bounds[2]..=bounds[3],
            replacement: name.map(str::to_owned),
            arrival: 0,
        }
    }

    fn ended(hash: B256, end: BundleEnd) -> JournalRecord {
        bundle_end(&Kept { hash, at: 7, end })
    }

    fn replaced() -> BundleEnd {
        BundleEnd::Left(Fate::Replaced { by: B256::repeat_byte(3) })
    }

    #[test]
    fn what_ended_is_not_alive_and_what_came_again_is() {
        let (one, two) = (sample(&[1], [1, 2, 0, 9], None, 0), sample(&[2], [1, 2, 0, 9], None, 0));
        let wider = Bundle { blocks: 1..=5, ..one.clone() };
        let alive = |records: &[JournalRecord]| -> Vec<(B256, u64)> {
            let surviving = Surviving::of(records);
            surviving.bundles.iter().map(|found| (found.hash, *found.blocks.end())).collect()
        };
        let records = [bundle(&one), bundle(&two), ended(one.hash, replaced())];
        assert_eq!(alive(&records), [(two.hash, 2)]);
        assert_eq!(Surviving::of(&records).bundle_ends.len(), 1);
        let again = [&records[..], &[bundle(&wider)]].concat();
        assert_eq!(alive(&again), [(two.hash, 2), (one.hash, 5)]);
        assert!(Surviving::of(&again).bundle_ends.is_empty());
        assert_eq!(
            alive(&[bundle(&one), bundle(&wider)]),
            [(one.hash, 5)],
            "the later bounds hold"
        );
    }

    #[test]
    fn records_have_the_documented_form() {
        let sample = sample(&[1], [1, 2, 3, u64::MAX], Some("me"), MAY_DROP);
        let (transaction, _) = &sample.transactions[0];
        let encoding = transaction.tx.encoded_2718();
        let mut expected = Vec::new();
        for bound in [1u64, 2, 3, u64::MAX] {
            expected.extend(bound.to_le_bytes());
        }
        expected.extend(b"\x02me");
        expected.extend(transaction.sender);
        expected.push(2);
        expected.extend((encoding.len() as u32).to_le_bytes());
        expected.extend(encoding);
        assert_eq!(bundle(&sample), JournalRecord { kind: 9, payload: expected });
        let hash = B256::repeat_byte(1);
        let landed = ended(hash, BundleEnd::Landed { transaction: B256::repeat_byte(2) });
        let payload = [[1; 32].as_slice(), &[7, 0, 0, 0, 0, 0, 0, 0], &[255], &[2; 32]].concat();
        assert_eq!(landed, JournalRecord { kind: 10, payload });
    }

    proptest! {
        #[test]
        fn bundles_and_their_ends_read_back(
            nonces in prop::collection::hash_set(any::<u64>(), 1..5),
            bounds: [u64; 4],
            name in prop::option::of("[a-z]{1,64}"),
            bits in 0u8..4,
            cut: prop::sample::Index,
        ) {
            let nonces: Vec<u64> = nonces.into_iter().collect();
            let sample = sample(&nonces, bounds, name.as_deref(), bits);
            let record = bundle(&sample);
            let found = decode_bundle(&record.payload).unwrap();
            prop_assert_eq!(found.hash, sample.hash);
            prop_assert_eq!((&found.blocks, &found.timestamps), (&sample.blocks, &sample.timestamps));
            prop_assert_eq!(found.replacement, sample.replacement.as_deref());
            for (found, (sent, leeway)) in found.transactions.iter().zip(&sample.transactions) {
                prop_assert_eq!((found.sender, found.leeway, found.hash), (sent.sender, *leeway, sent.hash));
            }
            // Cut anywhere, it is not a bundle, or one of fewer transactions.
            let cut = cut.index(record.payload.len());
            if let Some(shorter) = decode_bundle(&record.payload[..cut]) {
                prop_assert!(shorter.transactions.len() < sample.transactions.len());
            }
            for end in [
                BundleEnd::Landed { transaction: sample.hash },
                replaced(),
                BundleEnd::Left(Fate::dropped(DropCode::Expired, "late")),
            ] {
                let kept = Kept { hash: sample.hash, at: bounds[0], end };
                prop_assert_eq!(decode_bundle_end(&bundle_end(&kept).payload), Some(kept));
            }
        }
    }
}
