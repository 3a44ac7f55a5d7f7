//! `txpool_`.

use crate::{
    api::Api,
    args::Args,
    backend::PoolTransaction,
    json::{Answer, Json},
    wire::{Quantity, WireTransaction},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use serde::{Serialize, Serializer};
use std::{collections::BTreeMap, fmt};

/// Map keys are checksummed addresses in the pool's answers, unlike anywhere else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Checksummed(Address);

impl Serialize for Checksummed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.to_checksum(None))
    }
}

#[derive(Serialize)]
struct Groups<T> {
    pending: T,
    queued: T,
}

type BySender<T> = BTreeMap<Checksummed, BTreeMap<u64, T>>;

fn by_sender<'a, T>(
    transactions: &'a [PoolTransaction],
    view: fn(&'a PoolTransaction) -> T,
) -> BySender<T> {
    let mut senders = BySender::<T>::new();
    for pooled in transactions {
        let nonces = senders.entry(Checksummed(pooled.sender)).or_default();
        nonces.insert(pooled.transaction.nonce(), view(pooled));
    }
    senders
}

fn by_nonce(transactions: &[PoolTransaction]) -> BTreeMap<u64, WireTransaction<'_>> {
    transactions.iter().map(|pooled| (pooled.transaction.nonce(), wire(pooled))).collect()
}

/// A pooled transaction on the wire.
pub(crate) fn wire(pooled: &PoolTransaction) -> WireTransaction<'_> {
    WireTransaction { transaction: &pooled.transaction, sender: pooled.sender, position: None }
}

/// `txpool_content`.
pub(crate) fn content(api: &Api, _: &Args<'_>) -> Answer {
    let content = api.chain().pool_content();
    let pending = by_sender(&content.pending, wire);
    Json::of(&Groups { pending, queued: by_sender(&content.queued, wire) })
}

/// `txpool_contentFrom`.
pub(crate) fn content_from(api: &Api, args: &Args<'_>) -> Answer {
    let content = api.chain().pool_content_from(&args.address(0)?);
    Json::of(&Groups { pending: by_nonce(&content.pending), queued: by_nonce(&content.queued) })
}

/// A transaction in one line, as geth writes it.
struct Summary<'a>(&'a PoolTransaction);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tx = &self.0.transaction;
        match tx.to() {
            Some(to) => write!(f, "{}: ", to.to_checksum(None))?,
            None => f.write_str("contract creation: ")?,
        }
        write!(f, "{} wei + {} gas × {} wei", tx.value(), tx.gas_limit(), tx.max_fee_per_gas())
    }
}

impl Serialize for Summary<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// `txpool_inspect`.
pub(crate) fn inspect(api: &Api, _: &Args<'_>) -> Answer {
    let content = api.chain().pool_content();
    let pending = by_sender(&content.pending, Summary);
    Json::of(&Groups { pending, queued: by_sender(&content.queued, Summary) })
}

/// `txpool_status`.
pub(crate) fn status(api: &Api, _: &Args<'_>) -> Answer {
    let status = api.chain().pool_status();
    Json::of(&Groups { pending: Quantity::from(status.pending), queued: status.queued.into() })
}
