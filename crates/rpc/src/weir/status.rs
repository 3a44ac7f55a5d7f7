//! `weir_transactionStatus`, and the subscription of the same name.

use crate::{
    api::Api,
    args::Args,
    backend::ChainBackend,
    json::{Answer, Json},
    wire::Quantity,
};
use alloy_primitives::{
    B256,
    map::{B256Map, Entry},
};
use serde::{Deserialize, Serialize};
use weir_primitives::{BlockPlace, StatusUpdate, TransactionStatus};

/// Transactions that one subscription may name.
const WATCHED_MAX: usize = 1_000;

/// A place in a sealed block, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlaceView {
    block_number: Quantity,
    block_hash: B256,
    transaction_index: Quantity,
}

impl From<BlockPlace> for PlaceView {
    fn from(place: BlockPlace) -> Self {
        Self {
            block_number: place.block.into(),
            block_hash: place.hash,
            transaction_index: place.index.into(),
        }
    }
}

/// A place in a sealed block that is on L1, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SettledView {
    #[serde(flatten)]
    place: PlaceView,
    l1_transaction: Option<B256>,
}

/// What became of a transaction, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "status")]
enum StatusView {
    Received,
    Pending,
    Parked { base_fee_per_gas: Quantity },
    Queued { missing_nonce: Quantity },
    Preconfirmed { block_number: Quantity, transaction_index: Quantity, result_hash: B256 },
    Included(PlaceView),
    Batched(SettledView),
    Safe(SettledView),
    Finalized(SettledView),
    Retracted { block_number: Quantity, block_hash: Option<B256> },
    Replaced { by: B256 },
    Dropped { code: &'static str, reason: String },
}

impl From<TransactionStatus> for StatusView {
    fn from(status: TransactionStatus) -> Self {
        let settled =
            |place: BlockPlace, l1_transaction| SettledView { place: place.into(), l1_transaction };
        match status {
            TransactionStatus::Received => Self::Received,
            TransactionStatus::Pending => Self::Pending,
            TransactionStatus::Parked { base_fee } => {
                Self::Parked { base_fee_per_gas: base_fee.into() }
            }
            TransactionStatus::Queued { missing_nonce } => {
                Self::Queued { missing_nonce: missing_nonce.into() }
            }
            TransactionStatus::Preconfirmed { block, index, result } => Self::Preconfirmed {
                block_number: block.into(),
                transaction_index: index.into(),
                result_hash: result,
            },
            TransactionStatus::Included(place) => Self::Included(place.into()),
            TransactionStatus::Batched { place, l1_transaction } => {
                Self::Batched(settled(place, Some(l1_transaction)))
            }
            TransactionStatus::Safe { place, l1_transaction } => {
                Self::Safe(settled(place, l1_transaction))
            }
            TransactionStatus::Finalized { place, l1_transaction } => {
                Self::Finalized(settled(place, l1_transaction))
            }
            TransactionStatus::Retracted { block, hash } => {
                Self::Retracted { block_number: block.into(), block_hash: hash }
            }
            TransactionStatus::Replaced { by } => Self::Replaced { by },
            TransactionStatus::Dropped { code, reason } => {
                Self::Dropped { code: code.as_str(), reason }
            }
        }
    }
}

/// `weir_transactionStatus`: `null` if the transaction was never seen, or so long ago that it is forgotten.
pub(crate) fn transaction_status(api: &Api, args: &Args<'_>) -> Answer {
    let status = api.chain().transaction_status(&args.hash(0)?)?;
    Json::of(&status.map(StatusView::from))
}

/// A transaction whose status changed, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusEventView {
    hash: B256,
    /// Without one, the transaction is unknown as the subscription begins.
    #[serde(flatten)]
    status: Option<StatusView>,
    /// Whether nothing follows, unless somebody sends the transaction again.
    is_final: bool,
}

impl StatusEventView {
    pub(crate) fn new(hash: B256, status: Option<TransactionStatus>) -> Self {
        let is_final = status.as_ref().is_some_and(TransactionStatus::is_final);
        Self { hash, status: status.map(StatusView::from), is_final }
    }
}

/// Which transactions a subscription to `transactionStatus` is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum StatusFilter {
    /// Every transaction.
    #[default]
    All,
    /// These.
    Of(Vec<B256>),
}

impl<'de> Deserialize<'de> for StatusFilter {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum OneOrMany {
            One(B256),
            Many(Vec<B256>),
        }
        let hashes = match OneOrMany::deserialize(from) {
            Ok(OneOrMany::One(hash)) => vec![hash],
            Ok(OneOrMany::Many(hashes)) => hashes,
            Err(_) => return Err(serde::de::Error::custom("expected a hash or a list of hashes")),
        };
        if hashes.len() > WATCHED_MAX {
            return Err(serde::de::Error::custom(format!(
                "too many transactions: count={} limit={WATCHED_MAX}",
                hashes.len()
            )));
        }
        Ok(Self::Of(hashes))
    }
}

/// The transactions of one subscription with the status last told of each.
#[derive(Debug)]
pub(crate) struct StatusWatch {
    last: B256Map<Option<TransactionStatus>>,
    order: Vec<B256>,
}

impl StatusWatch {
    pub(crate) fn new(hashes: Vec<B256>) -> Self {
        Self { last: B256Map::default(), order: hashes }
    }

    /// The first thing told of each transaction: its status now.
    pub(crate) fn begin(&mut self, chain: &dyn ChainBackend) -> Vec<StatusEventView> {
        let mut told = Vec::new();
        for hash in std::mem::take(&mut self.order) {
            // One that is named twice is told once.
            if let Entry::Vacant(entry) = self.last.entry(hash) {
                let status = look_up(chain, &hash);
                entry.insert(status.clone());
                self.order.push(hash);
                told.push(StatusEventView::new(hash, status));
            }
        }
        told
    }

    /// What an update says of these transactions.
    pub(crate) fn follow(
        &mut self,
        chain: &dyn ChainBackend,
        update: &StatusUpdate,
    ) -> Vec<StatusEventView> {
        let mut told = Vec::new();
        for event in &update.events {
            self.tell(event.hash, &event.status, &mut told);
        }
        if update.is_chain_moved {
            for hash in self.order.clone() {
                let is_waiting = |last: &Option<TransactionStatus>| {
                    last.as_ref().is_some_and(|s| s.is_waiting())
                };
                if self.last.get(&hash).is_some_and(is_waiting)
                    && let Some(status) = look_up(chain, &hash)
                {
                    self.tell(hash, &status, &mut told);
                }
            }
        }
        told
    }

    fn tell(&mut self, hash: B256, status: &TransactionStatus, told: &mut Vec<StatusEventView>) {
        let Some(last) = self.last.get_mut(&hash) else { return };
        if last.as_ref().is_some_and(|last| last == status || is_stale(last, status)) {
            return;
        }
        *last = Some(status.clone());
        told.push(StatusEventView::new(hash, Some(status.clone())));
    }
}

/// A failed read is told as nothing; the next event or block brings the status.
fn look_up(chain: &dyn ChainBackend, hash: &B256) -> Option<TransactionStatus> {
    chain.transaction_status(hash).unwrap_or_else(|error| {
        tracing::error!(%hash, %error, "status cannot be read");
        None
    })
}

/// Whether an event is older than the status that was read when the subscription began: a transaction goes back only by
/// a retraction or after its end.
fn is_stale(last: &TransactionStatus, event: &TransactionStatus) -> bool {
    match (stage(last), stage(event)) {
        (Some(last), Some(event)) => event < last,
        _ => false,
    }
}

/// How far a transaction is; `None` if anything may follow, or it may follow anything.
const fn stage(status: &TransactionStatus) -> Option<u8> {
    match status {
        TransactionStatus::Received => Some(0),
        TransactionStatus::Pending
        | TransactionStatus::Parked { .. }
        | TransactionStatus::Queued { .. } => Some(1),
        TransactionStatus::Preconfirmed { .. } => Some(2),
        TransactionStatus::Included(_)
        | TransactionStatus::Batched { .. }
        | TransactionStatus::Safe { .. }
        | TransactionStatus::Finalized { .. } => Some(3),
        TransactionStatus::Retracted { .. }
        | TransactionStatus::Replaced { .. }
        | TransactionStatus::Dropped { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_primitives::DropCode;

    fn json(status: TransactionStatus) -> String {
        serde_json::to_string(&StatusView::from(status)).unwrap()
    }

    #[test]
    fn statuses_have_the_documented_form() {
        let hash = B256::repeat_byte(1);
        let place = BlockPlace { block: 5, hash, index: 2 };
        let placed =
            format!(r#""blockNumber":"0x5","blockHash":"{hash}","transactionIndex":"0x2""#);
        let l1 = B256::repeat_byte(7);
        for (status, expected) in [
            (TransactionStatus::Pending, r#"{"status":"pending"}"#.to_owned()),
            (
                TransactionStatus::Queued { missing_nonce: 16 },
                r#"{"status":"queued","missingNonce":"0x10"}"#.to_owned(),
            ),
            (
                TransactionStatus::Preconfirmed { block: 5, index: 2, result: hash },
                format!(
                    r#"{{"status":"preconfirmed","blockNumber":"0x5","transactionIndex":"0x2","resultHash":"{hash}"}}"#
                ),
            ),
            (TransactionStatus::Included(place), format!(r#"{{"status":"included",{placed}}}"#)),
            (
                TransactionStatus::Batched { place, l1_transaction: l1 },
                format!(r#"{{"status":"batched",{placed},"l1Transaction":"{l1}"}}"#),
            ),
            (
                TransactionStatus::Finalized { place, l1_transaction: None },
                format!(r#"{{"status":"finalized",{placed},"l1Transaction":null}}"#),
            ),
            (
                TransactionStatus::Retracted { block: 5, hash: Some(hash) },
                format!(r#"{{"status":"retracted","blockNumber":"0x5","blockHash":"{hash}"}}"#),
            ),
            (
                TransactionStatus::Dropped { code: DropCode::Expired, reason: "late".into() },
                r#"{"status":"dropped","code":"expired","reason":"late"}"#.to_owned(),
            ),
        ] {
            assert_eq!(json(status), expected);
        }
    }

    #[test]
    fn an_event_names_its_transaction_and_says_whether_it_is_the_last() {
        let hash = B256::repeat_byte(3);
        let replaced = TransactionStatus::Replaced { by: B256::repeat_byte(4) };
        let event = serde_json::to_value(StatusEventView::new(hash, Some(replaced))).unwrap();
        assert_eq!(event["hash"], hash.to_string());
        assert_eq!((&event["status"], &event["isFinal"]), (&"replaced".into(), &true.into()));
        let unknown = serde_json::to_value(StatusEventView::new(hash, None)).unwrap();
        assert_eq!(unknown, serde_json::json!({ "hash": hash, "isFinal": false }));
    }

    #[test]
    fn filters_are_a_hash_or_hashes_and_bounded() {
        let hash = B256::repeat_byte(1);
        let parse = |text: &str| serde_json::from_str::<StatusFilter>(text);
        assert_eq!(parse(&format!("\"{hash}\"")).unwrap(), StatusFilter::Of(vec![hash]));
        assert_eq!(parse("[]").unwrap(), StatusFilter::Of(Vec::new()));
        let many = serde_json::to_string(&vec![hash; WATCHED_MAX + 1]).unwrap();
        assert!(parse(&many).unwrap_err().to_string().contains("limit=1000"));
        assert!(parse("{}").unwrap_err().to_string().contains("a hash or a list"));
    }

    #[test]
    fn what_is_older_than_the_first_answer_is_not_told() {
        let place = BlockPlace { block: 5, hash: B256::ZERO, index: 2 };
        let included = TransactionStatus::Included(place);
        let open = TransactionStatus::Preconfirmed { block: 5, index: 2, result: B256::ZERO };
        assert!(is_stale(&included, &open));
        assert!(is_stale(&open, &TransactionStatus::Received));
        assert!(!is_stale(&open, &included));
        let retracted = TransactionStatus::Retracted { block: 5, hash: None };
        assert!(!is_stale(&included, &retracted));
        assert!(!is_stale(&retracted, &TransactionStatus::Pending));
        let queued = TransactionStatus::Queued { missing_nonce: 1 };
        assert!(!is_stale(&TransactionStatus::Pending, &queued), "the one before it may leave");
    }
}
