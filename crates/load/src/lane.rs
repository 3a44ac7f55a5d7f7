//! One connection with the accounts that send over it, in nonce order.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    LoadError,
    connection::{Connection, Refusal, Reply},
    in_flight::{InFlight, Pending},
    latency::Latency,
    signing::{Sender, Signer},
};

/// A timer fires up to this late; a request is not blamed for it. Anything later counts from the schedule.
const TIMER_GRAIN: Duration = Duration::from_millis(2);
/// Pause after a refusal with [`crate::Rate::Max`], so that a full node is asked again and not flooded.
const REFUSAL_PAUSE: Duration = Duration::from_millis(20);
/// Transactions signed at once when those signed ahead are used up.
const SIGN_MORE: u64 = 64;
/// Different reasons that are told apart; beyond it a refusal counts as `other`.
const REASONS_MAX: usize = 32;

/// What all lanes of a run share.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) in_flight: InFlight,
    pub(crate) start: Instant,
    pub(crate) end: Instant,
    /// Ends sending before `end`.
    pub(crate) stop: CancellationToken,
}

/// What a lane counted.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) submitted: u64,
    pub(crate) accepted: u64,
    pub(crate) rejected: BTreeMap<String, u64>,
    /// Signed while the run was under way.
    pub(crate) signed_late: u64,
    pub(crate) submit_latency: Latency,
}

/// The arrivals of an open-loop run: transaction i of `total` is due i / `rate` seconds after the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrivals {
    pub(crate) rate: NonZeroU32,
    pub(crate) total: u64,
    /// Accounts of the whole run; arrival i is of account i mod this.
    pub(crate) accounts: u64,
}

/// A connection with its accounts.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) connection: Connection,
    pub(crate) senders: Vec<Sender>,
    pub(crate) signer: Signer,
    pub(crate) course: Arc<Course>,
    pub(crate) tally: Tally,
}

/// What became of an offered transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Accepted,
    Refused,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            submitted: 0,
            accepted: 0,
            rejected: BTreeMap::new(),
            signed_late: 0,
            submit_latency: Latency::new(),
        }
    }

    /// Adds what another lane counted.
    pub(crate) fn merge(&mut self, other: Self) {
        self.submitted += other.submitted;
        self.accepted += other.accepted;
        self.signed_late += other.signed_late;
        self.submit_latency.merge(&other.submit_latency);
        for (reason, count) in other.rejected {
            *self.rejected.entry(reason).or_default() += count;
        }
    }

    fn reject(&mut self, reason: String) {
        let known = self.rejected.contains_key(&reason) || self.rejected.len() < REASONS_MAX;
        let reason = if known { reason } else { "other".to_owned() };
        *self.rejected.entry(reason).or_default() += 1;
    }
}

impl Arrivals {
    /// Transactions of this account in the whole run.
    pub(crate) fn of_account(&self, account: usize) -> u64 {
        let account = account as u64;
        self.total / self.accounts + u64::from(account < self.total % self.accounts)
    }

    fn due(&self, arrival: u64) -> Duration {
        Duration::from_nanos(
            (u128::from(arrival) * 1_000_000_000 / u128::from(self.rate.get())) as u64,
        )
    }
}

impl Lane {
    /// Sends each transaction of the lane's accounts when it is due, until all are sent or the run is stopped.
    pub(crate) async fn run_open(mut self, arrivals: Arrivals) -> Tally {
        let stop = self.course.stop.clone();
        for round in 0.. {
            for index in 0..self.senders.len() {
                let arrival = round * arrivals.accounts + self.senders[index].account as u64;
                if arrival >= arrivals.total {
                    return self.tally;
                }
                let scheduled = self.course.start + arrivals.due(arrival);
                if scheduled > Instant::now() {
                    tokio::select! {
                        () = sleep_until(scheduled) => {}
                        () = stop.cancelled() => return self.tally,
                    }
                }
                let woken = Instant::now();
                let due = if woken - scheduled <= TIMER_GRAIN { woken } else { scheduled };
                self.offer(index, due).await;
            }
        }
        self.tally
    }

    /// Sends one transaction after another, with at most `pending_max` of an account waiting for a block.
    pub(crate) async fn run_closed(
        mut self,
        pending_max: u32,
        mut blocks: watch::Receiver<u64>,
    ) -> Tally {
        let mut accepted = vec![0u32; self.senders.len()];
        sleep_until(self.course.start).await;
        while !self.is_over() {
            blocks.borrow_and_update();
            let mut sent_any = false;
            for (index, accepted) in accepted.iter_mut().enumerate() {
                let included = self.course.in_flight.included(self.senders[index].account);
                if accepted.saturating_sub(included) >= pending_max || self.is_over() {
                    continue;
                }
                if self.offer(index, Instant::now()).await == Answer::Accepted {
                    *accepted += 1;
                    sent_any = true;
                }
            }
            if !sent_any && !self.is_over() {
                self.pause(&mut blocks).await;
            }
        }
        self.tally
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.course.end || self.course.stop.is_cancelled()
    }

    /// Waits for the next block, for a moment, or for the end.
    async fn pause(&self, blocks: &mut watch::Receiver<u64>) {
        tokio::select! {
            _ = blocks.changed() => {}
            () = sleep(REFUSAL_PAUSE) => {}
            () = sleep_until(self.course.end) => {}
            () = self.course.stop.cancelled() => {}
        }
    }

    /// Offers the account's next transaction. One that is refused stays first in the queue: the ones after it need it.
    async fn offer(&mut self, index: usize, due: Instant) -> Answer {
        if self.senders[index].queue.is_empty() {
            self.signer.extend(&mut self.senders[index], SIGN_MORE);
            self.tally.signed_late += SIGN_MORE;
        }
        let sender = &mut self.senders[index];
        let Some(next) = sender.queue.front() else { return Answer::Refused };
        let pending = Pending { account: sender.account, due: due.into_std() };
        self.course.in_flight.add(next.hash, pending);
        self.tally.submitted += 1;
        let refusal = match self.connection.post(next.request.clone()).await {
            Ok(answer) => refusal(&answer),
            Err(error) => Some(Refusal { code: 0, message: transport_reason(&error).to_owned() }),
        };
        let Some(refusal) = refusal else {
            self.tally.accepted += 1;
            self.tally.submit_latency.record(due.elapsed());
            sender.queue.pop_front();
            return Answer::Accepted;
        };
        let already_there = is_already_there(&refusal.message);
        if already_there {
            // The first answer was lost, or somebody else uses the account: going on is the only way.
            sender.queue.pop_front();
        } else {
            self.course.in_flight.refuse(&next.hash);
        }
        self.tally.reject(reason(refusal));
        Answer::Refused
    }
}

fn refusal(answer: &[u8]) -> Option<Refusal> {
    match serde_json::from_slice::<Reply<'_>>(answer) {
        Ok(Reply { error: Some(refusal), .. }) => Some(refusal),
        Ok(Reply { result: Some(_), .. }) => None,
        _ => Some(Refusal { code: 0, message: "answer is not JSON-RPC".to_owned() }),
    }
}

const fn transport_reason(error: &LoadError) -> &'static str {
    match error {
        LoadError::Timeout { .. } => "no answer in time",
        LoadError::Connect { .. } => "connection refused",
        LoadError::HttpStatus { .. } => "HTTP error",
        _ => "connection broke",
    }
}

fn is_already_there(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["already known", "already imported", "nonce too low"]
        .iter()
        .any(|words| message.contains(words))
}

/// The refusal without the numbers and addresses in it, so that equal reasons count together.
fn reason(Refusal { code, message }: Refusal) -> String {
    let words = message.split_whitespace().map(|word| {
        let varies = word.chars().any(|c| c.is_ascii_digit());
        if varies { word.split_once('=').map_or("…", |(key, _)| key) } else { word }
    });
    let words: Vec<&str> = words.collect();
    if code == 0 { words.join(" ") } else { format!("{code} {}", words.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_spread_evenly_over_time_and_accounts() {
        let arrivals = Arrivals { rate: NonZeroU32::new(400).unwrap(), total: 1_001, accounts: 10 };
        assert_eq!(arrivals.due(0), Duration::ZERO);
        assert_eq!(arrivals.due(400), Duration::from_secs(1));
        assert_eq!((arrivals.of_account(0), arrivals.of_account(1)), (101, 100));
        assert_eq!((0..10).map(|account| arrivals.of_account(account)).sum::<u64>(), 1_001);
    }

    #[test]
    fn equal_reasons_count_together() {
        let refused = |message: &str| reason(Refusal { code: -32003, message: message.to_owned() });
        let words = refused("insufficient funds: held=12 needed 0xab12");
        assert_eq!(words, "-32003 insufficient funds: held needed …");
        assert_eq!(refused("pool is full limit=10"), refused("pool is full limit=20"));
    }

    #[test]
    fn reasons_beyond_the_bound_are_other() {
        let mut tally = Tally::new();
        for index in 0..REASONS_MAX + 5 {
            let word: String = "x".repeat(index + 1);
            tally.reject(word);
        }
        assert_eq!(tally.rejected.len(), REASONS_MAX + 1);
        assert_eq!(tally.rejected["other"], 5);
    }

    #[test]
    fn an_answer_without_result_or_error_is_a_refusal() {
        assert!(refusal(br#"{"jsonrpc":"2.0","id":1,"result":"0x01"}"#).is_none());
        assert!(refusal(br#"{"jsonrpc":"2.0","id":1}"#).is_some());
        assert!(refusal(b"<html>").is_some());
        let refused = refusal(br#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}"#);
        assert_eq!(refused.unwrap().code, -1);
    }
}
