//! The limits at work.

use super::{
    LimitRules, LimitsError, Rate,
    buckets::Buckets,
    costs::{UNKNOWN, default_costs},
};
use crate::{client::Client, error::RpcError, methods::METHODS};
use alloy_primitives::{Address, map::HashMap};
use arc_swap::ArcSwap;
use metrics::{Counter, counter, describe_counter};
use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

const LIMITED: &str = "weir_rpc_rate_limited_total";

/// Reads and replaces the limits of a running server. Cheap to clone.
#[derive(Clone)]
pub struct LimitsHandle {
    limiter: Arc<Limiter>,
}

impl std::fmt::Debug for LimitsHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LimitsHandle").field("rules", &self.rules()).finish()
    }
}

impl LimitsHandle {
    pub(crate) const fn new(limiter: Arc<Limiter>) -> Self {
        Self { limiter }
    }

    /// The limits in force.
    pub fn rules(&self) -> Arc<LimitRules> {
        Arc::clone(&self.limiter.active.load().rules)
    }

    /// Puts other limits in force, for open connections too. All buckets are full then.
    ///
    /// # Errors
    /// If the rules are not valid; those in force stay.
    pub fn replace(&self, rules: LimitRules) -> Result<(), LimitsError> {
        rules.check()?;
        self.limiter.active.store(Arc::new(Active::new(rules)));
        Ok(())
    }
}

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    Address(IpAddr),
    /// The place of its rule.
    Key(usize),
}

/// A client with a key.
struct KeyBuckets {
    place: usize,
    reads: Option<Buckets<()>>,
    writes: Option<Buckets<()>>,
}

/// Rules with their buckets.
struct Active {
    rules: Arc<LimitRules>,
    is_empty: bool,
    total: Option<Buckets<()>>,
    address: Option<Buckets<IpAddr>>,
    address_writes: Option<Buckets<IpAddr>>,
    sender: Option<Buckets<Address>>,
    /// By the method's place in the table.
    methods: Vec<Option<Buckets<Who>>>,
    costs: Vec<u32>,
    keys: HashMap<String, KeyBuckets>,
}

impl Active {
    fn new(rules: LimitRules) -> Self {
        let mut costs = default_costs();
        for (cost, method) in costs.iter_mut().zip(METHODS) {
            *cost = rules.costs.get(method.name).copied().unwrap_or(*cost);
        }
        let of_method = |name: &str| rules.methods.get(name).copied().map(Buckets::new);
        let keys = rules.keys.values().enumerate().map(|(place, rule)| {
            let buckets = KeyBuckets {
                place,
                reads: rule.reads.map(Buckets::new),
                writes: rule.writes.map(Buckets::new),
            };
            (rule.key.as_str().to_owned(), buckets)
        });
        Self {
            is_empty: LimitRules { costs: rules.costs.clone(), ..LimitRules::default() } == rules,
            total: rules.total.map(Buckets::new),
            address: rules.address.map(Buckets::new),
            address_writes: rules.address_writes.map(Buckets::new),
            sender: rules.sender.map(Buckets::new),
            methods: METHODS.iter().map(|method| of_method(method.name)).collect(),
            costs,
            keys: keys.collect(),
            rules: Arc::new(rules),
        }
    }
}

/// Which limit is reached, in the words of the error and of the metric.
const TOTAL: &str = "total";
const ADDRESS: &str = "address";
const ADDRESS_WRITES: &str = "address-writes";
const KEY: &str = "key";
const SENDER: &str = "sender";
const METHOD: &str = "method";

/// Judges calls.
pub(crate) struct Limiter {
    active: ArcSwap<Active>,
    start: Instant,
    limited: [(&'static str, Counter); 6],
}

impl Limiter {
    /// `rules` are valid.
    pub(crate) fn new(rules: LimitRules) -> Self {
        describe_counter!(LIMITED, "JSON-RPC calls refused by a rate limit, by limit");
        let limits = [TOTAL, ADDRESS, ADDRESS_WRITES, KEY, SENDER, METHOD];
        Self {
            active: ArcSwap::from_pointee(Active::new(rules)),
            start: Instant::now(),
            limited: limits.map(|limit| (limit, counter!(LIMITED, "limit" => limit))),
        }
    }

    fn now(&self) -> u64 {
        // 584 years.
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Lets a call pass, or says which limit it breaks. `at` is the method's place in the table, if it is one.
    pub(crate) fn admit(&self, client: &Client, at: Option<usize>) -> Result<(), RpcError> {
        let active = self.active.load();
        if active.is_empty {
            return Ok(());
        }
        let now = self.now();
        let is_write = at.is_some_and(|at| METHODS[at].is_submission());
        let cost = at.map_or(UNKNOWN, |at| active.costs[at]);
        let key = client.key.as_ref().and_then(|key| active.keys.get(key));
        let who = match key {
            Some(key) => {
                let buckets = if is_write { &key.writes } else { &key.reads };
                self.take(KEY, buckets, (), cost, now)?;
                Who::Key(key.place)
            }
            None => {
                let (limit, buckets) = if is_write {
                    (ADDRESS_WRITES, &active.address_writes)
                } else {
                    (ADDRESS, &active.address)
                };
                self.take(limit, buckets, client.address, cost, now)?;
                Who::Address(client.address)
            }
        };
        if let Some(at) = at {
            self.take(METHOD, &active.methods[at], who, cost, now)?;
        }
        // The last one, so that what others refuse does not use it up.
        if is_write { Ok(()) } else { self.take(TOTAL, &active.total, (), cost, now) }
    }

    /// Whether senders are counted, which costs the recovery of a signature.
    pub(crate) fn counts_senders(&self) -> bool {
        self.active.load().sender.is_some()
    }

    /// Lets a transaction of `sender` pass, or says when the next one may come.
    pub(crate) fn admit_sender(&self, sender: Address) -> Result<(), RpcError> {
        self.take(SENDER, &self.active.load().sender, sender, 1, self.now())
    }

    fn take<K: Eq + std::hash::Hash + Copy>(
        &self,
        limit: &'static str,
        buckets: &Option<Buckets<K>>,
        key: K,
        cost: u32,
        now: u64,
    ) -> Result<(), RpcError> {
        let Some(buckets) = buckets else { return Ok(()) };
        buckets.take(key, cost, now).map_err(|wait| {
            for (_, counter) in self.limited.iter().filter(|(name, _)| *name == limit) {
                counter.increment(1);
            }
            refusal(limit, buckets.rate(), cost, wait)
        })
    }
}

/// -32005; the data is the time to wait in whole milliseconds.
fn refusal(limit: &str, rate: Rate, cost: u32, wait: Duration) -> RpcError {
    // Rounded up: a caller that waits so long is let through.
    let wait = wait.as_nanos().div_ceil(1_000_000);
    let (per_second, burst) = (rate.per_second, rate.burst);
    RpcError::limit(format!(
        "rate limit reached: limit={limit} per_second={per_second} burst={burst} cost={cost} retry_after_ms={wait}"
    ))
    .with_data(wait.to_string())
}
