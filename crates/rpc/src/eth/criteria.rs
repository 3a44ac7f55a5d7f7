//! Which logs a caller wants.

use crate::{
    args::{fixed, invalid},
    backend::LogValue,
    block_id::BlockSelector,
    error::RpcError,
};
use alloy_primitives::{Address, B256, Bloom, BloomInput, Log};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Addresses one filter may name.
const ADDRESSES_MAX: usize = 1_000;
/// Topics a log can have.
const TOPICS_MAX: usize = 4;
/// Alternatives one topic position may name.
const ALTERNATIVES_MAX: usize = 1_000;

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogScope {
    /// Both ends included; `None` means the head.
    Range {
        /// First block.
        from: Option<BlockSelector>,
        /// Last block.
        to: Option<BlockSelector>,
    },
    /// One block, canonical or not.
    Block(B256),
}

/// A log filter: any of the addresses, and at each position any of the topics. Empty lists match everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogCriteria {
    /// Where to look.
    pub(crate) scope: LogScope,
    addresses: Vec<Address>,
    topics: Vec<Vec<B256>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    block_hash: Option<&'a RawValue>,
    #[serde(borrow)]
    from_block: Option<&'a RawValue>,
    #[serde(borrow)]
    to_block: Option<&'a RawValue>,
    #[serde(borrow)]
    address: Option<&'a RawValue>,
    #[serde(borrow)]
    topics: Option<Vec<Option<&'a RawValue>>>,
}

/// One value or a list of values.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<Option<String>>),
}

impl LogCriteria {
    /// Reads the filter object at position `index` of the parameters.
    pub(crate) fn parse(index: usize, text: &str) -> Result<Self, RpcError> {
        let wire: Wire<'_> =
            serde_json::from_str(text).map_err(|error| invalid(index, error.to_string()))?;
        let addresses = wire.address.map(|raw| addresses(index, raw)).transpose()?;
        let topics = wire.topics.unwrap_or_default();
        if topics.len() > TOPICS_MAX {
            return Err(exceeded("topics", topics.len(), TOPICS_MAX));
        }
        let topics =
            topics.into_iter().map(|raw| position(index, raw)).collect::<Result<_, _>>()?;
        Ok(Self {
            scope: scope(index, wire.block_hash, wire.from_block, wire.to_block)?,
            addresses: addresses.unwrap_or_default(),
            topics,
        })
    }

    /// Whether a log is wanted.
    pub(crate) fn matches(&self, log: &Log) -> bool {
        if !self.addresses.is_empty() && !self.addresses.contains(&log.address) {
            return false;
        }
        let topics = log.data.topics();
        self.topics.len() <= topics.len()
            && self
                .topics
                .iter()
                .zip(topics)
                .all(|(wanted, topic)| wanted.is_empty() || wanted.contains(topic))
    }

    /// What an index can narrow the search by: for each place with a condition, the values of which one must be there.
    pub(crate) fn places(&self) -> impl Iterator<Item = Vec<LogValue>> {
        let addresses = self.addresses.iter().copied().map(LogValue::Address).collect();
        let topics = (0..).zip(&self.topics).map(|(position, wanted)| {
            wanted.iter().map(|value| LogValue::Topic { position, value: *value }).collect()
        });
        std::iter::once(addresses).chain(topics).filter(|values: &Vec<_>| !values.is_empty())
    }

    /// Whether a block or receipt with this bloom may hold a wanted log; never wrong when it says no.
    pub(crate) fn may_match(&self, bloom: &Bloom) -> bool {
        let holds = |value: &[u8]| bloom.contains_input(BloomInput::Raw(value));
        let address = self.addresses.is_empty()
            || self.addresses.iter().any(|address| holds(address.as_slice()));
        address
            && self.topics.iter().all(|wanted| {
                wanted.is_empty() || wanted.iter().any(|topic| holds(topic.as_slice()))
            })
    }
}

/// geth's words, and the limit.
fn exceeded(what: &str, count: usize, limit: usize) -> RpcError {
    RpcError::invalid_params(format!("exceed max {what}: count={count} limit={limit}"))
}

fn scope(
    index: usize,
    hash: Option<&RawValue>,
    from: Option<&RawValue>,
    to: Option<&RawValue>,
) -> Result<LogScope, RpcError> {
    if let Some(hash) = hash {
        if from.is_some() || to.is_some() {
            let why =
                "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other";
            return Err(invalid(index, why));
        }
        let hash = fixed::<32>(hash.get(), "common.Hash").map_err(|why| invalid(index, why))?;
        return Ok(LogScope::Block(B256::from(hash)));
    }
    let end = |raw: Option<&RawValue>| {
        raw.map(|raw| BlockSelector::parse_number(raw.get()))
            .transpose()
            .map_err(|why| invalid(index, why))
    };
    Ok(LogScope::Range { from: end(from)?, to: end(to)? })
}

fn addresses(index: usize, raw: &RawValue) -> Result<Vec<Address>, RpcError> {
    let texts = match serde_json::from_str(raw.get()) {
        Ok(OneOrMany::One(text)) => vec![text],
        Ok(OneOrMany::Many(texts)) => texts.into_iter().flatten().collect(),
        Err(_) => return Err(invalid(index, "invalid addresses in query")),
    };
    if texts.len() > ADDRESSES_MAX {
        return Err(exceeded("addresses", texts.len(), ADDRESSES_MAX));
    }
    let parse =
        |text: &String| fixed::<20>(&format!("\"{text}\""), "common.Address").map(Address::from);
    texts.iter().map(parse).collect::<Result<_, _>>().map_err(|why| invalid(index, why))
}

/// The alternatives of one position; empty for a wildcard (`null`, `[]` or a list with a `null`).
fn position(index: usize, raw: Option<&RawValue>) -> Result<Vec<B256>, RpcError> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    let texts = match serde_json::from_str(raw.get()) {
        Ok(OneOrMany::One(text)) => vec![Some(text)],
        Ok(OneOrMany::Many(texts)) => texts,
        Err(_) => return Err(invalid(index, "invalid topic(s)")),
    };
    if texts.len() > ALTERNATIVES_MAX {
        return Err(exceeded("topics", texts.len(), ALTERNATIVES_MAX));
    }
    let mut topics = Vec::with_capacity(texts.len());
    for text in texts {
        let Some(text) = text else { return Ok(Vec::new()) };
        let topic = fixed::<32>(&format!("\"{text}\""), "common.Hash");
        topics.push(topic.map(B256::from).map_err(|why| invalid(index, why))?);
    }
    Ok(topics)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Bytes, logs_bloom};
    use proptest::prelude::*;

    fn criteria(text: &str) -> LogCriteria {
        LogCriteria::parse(0, text).unwrap()
    }

    fn log(address: u8, topics: &[u8]) -> Log {
        let topics = topics.iter().map(|topic| B256::repeat_byte(*topic)).collect();
        Log::new(Address::repeat_byte(address), topics, Bytes::new()).unwrap()
    }

    fn topic(byte: u8) -> String {
        format!("\"{}\"", B256::repeat_byte(byte))
    }

    #[test]
    fn topics_match_by_position() {
        let (a, b) = (topic(1), topic(2));
        for (filter, topics, expected) in [
            ("{}".to_owned(), &[][..], true),
            (format!("{{\"topics\":[{a}]}}"), &[1], true),
            (format!("{{\"topics\":[{a}]}}"), &[1, 2], true),
            (format!("{{\"topics\":[{a}]}}"), &[2, 1], false),
            (format!("{{\"topics\":[null,{b}]}}"), &[9, 2], true),
            (format!("{{\"topics\":[[],[{b}]]}}"), &[9, 2], true),
            (format!("{{\"topics\":[[{a},{b}]]}}"), &[2], true),
            (format!("{{\"topics\":[[{a},null]]}}"), &[7], true),
            ("{\"topics\":[null]}".to_owned(), &[], false),
            ("{\"topics\":[null]}".to_owned(), &[5], true),
        ] {
            assert_eq!(criteria(&filter).matches(&log(1, topics)), expected, "{filter} {topics:?}");
        }
    }

    #[test]
    fn addresses_match_any() {
        let one = Address::repeat_byte(1);
        for filter in [format!("{{\"address\":\"{one}\"}}"), format!("{{\"address\":[\"{one}\"]}}")]
        {
            assert!(criteria(&filter).matches(&log(1, &[])));
            assert!(!criteria(&filter).matches(&log(2, &[])));
        }
        assert!(criteria("{\"address\":[]}").matches(&log(2, &[])));
    }

    #[test]
    fn limits_and_contradictions_are_errors() {
        let hash = topic(3);
        for (filter, why) in [
            (format!("{{\"blockHash\":{hash},\"toBlock\":\"0x1\"}}"), "cannot specify both"),
            ("{\"topics\":[null,null,null,null,null]}".to_owned(), "exceed max topics"),
            ("{\"topics\":[1]}".to_owned(), "invalid topic(s)"),
            ("{\"address\":\"0x12\"}".to_owned(), "want 40"),
            ("{\"fromBlock\":\"7\"}".to_owned(), "without 0x prefix"),
            ("[]".to_owned(), "invalid argument 0"),
        ] {
            let error = LogCriteria::parse(0, &filter).unwrap_err();
            assert_eq!(error.code, -32602);
            assert!(error.message.contains(why), "{filter}: {}", error.message);
        }
    }

    proptest! {
        #[test]
        fn the_bloom_never_hides_a_match(
            address in 0_u8..4, topics in proptest::collection::vec(0_u8..4, 0..4),
            wanted_address in proptest::option::of(0_u8..4),
            wanted in proptest::collection::vec(proptest::collection::vec(0_u8..4, 0..3), 0..4),
        ) {
            let log = log(address, &topics);
            let criteria = LogCriteria {
                scope: LogScope::Block(B256::ZERO),
                addresses: wanted_address.into_iter().map(Address::repeat_byte).collect(),
                topics: wanted.iter().map(|any| any.iter().map(|t| B256::repeat_byte(*t)).collect()).collect(),
            };
            if criteria.matches(&log) {
                prop_assert!(criteria.may_match(&logs_bloom([&log])));
            }
        }
    }
}
