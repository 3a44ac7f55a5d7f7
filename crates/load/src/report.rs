//! What a run found.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;

use crate::{Percentiles, Rate, Scenario, tracker::BlockSample};

/// The result of a load run. Serialises to the JSON of `--json`; displays as a table.
#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    /// What the transactions did.
    pub scenario: Scenario,
    /// The node, in its own words.
    pub node: String,
    /// Its chain.
    pub chain_id: u64,
    /// Sending accounts.
    pub accounts: usize,
    /// HTTP connections.
    pub connections: usize,
    /// The arrival rate, in transactions a second.
    pub rate: Rate,
    /// How long transactions were sent, in milliseconds.
    pub sending_ms: u64,
    /// Transactions signed before the run.
    pub signed_ahead: u64,
    /// How long that took, in milliseconds.
    pub signing_ms: u64,
    /// Transactions signed during the run, because those signed ahead did not suffice. Above zero, signing took a
    /// share of the machine.
    pub signed_during_run: u64,
    /// Requests sent. A refused transaction is sent again in its account's next turn and counts again.
    pub submitted: u64,
    /// Transactions that the node accepted.
    pub accepted: u64,
    /// Refusals, by code and words of the node without the numbers in them.
    pub rejected: BTreeMap<String, u64>,
    /// Transactions found in blocks.
    pub included: u64,
    /// Receipts looked at after the run: all, or a thousand spread evenly.
    pub receipts_checked: u64,
    /// Of these, the ones of failed executions.
    pub reverted: u64,
    /// Accepted transactions that no block held when the run gave up waiting.
    pub not_included: u64,
    /// Blocks that held transactions of the run.
    pub blocks: u64,
    /// Included transactions a second, from the first to the last block seen; the first block's are not counted.
    pub included_per_second: f64,
    /// Gas used a second over the same blocks.
    pub gas_per_second: f64,
    /// From the moment a transaction was due to the node's answer, in microseconds.
    pub submit_latency_us: Percentiles,
    /// From the moment a transaction was due to the block being seen, in microseconds.
    pub inclusion_latency_us: Percentiles,
}

/// Included transactions and gas a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Throughput {
    pub(crate) included_per_second: f64,
    pub(crate) gas_per_second: f64,
}

impl Throughput {
    /// The rate between the first and the last block. The first block's transactions had gathered before it, so they
    /// belong to no interval; a single block has none, and its transactions count over the time of sending.
    pub(crate) fn of(blocks: &[BlockSample], sending: Duration) -> Self {
        let (counted, seconds) = match blocks {
            [first, .., last] => (&blocks[1..], (last.seen_at - first.seen_at).as_secs_f64()),
            all => (all, sending.as_secs_f64()),
        };
        let included: usize = counted.iter().map(|block| block.included.len()).sum();
        let gas: u64 = counted.iter().map(|block| block.gas_used).sum();
        let per_second = |amount: f64| if seconds > 0.0 { amount / seconds } else { 0.0 };
        Self {
            included_per_second: per_second(included as f64),
            gas_per_second: per_second(gas as f64),
        }
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {} (chain {})", self.scenario, self.node, self.chain_id)?;
        writeln!(
            f,
            "  load        rate {}, {} accounts, {} connections, {:.1} s",
            self.rate,
            self.accounts,
            self.connections,
            self.sending_ms as f64 / 1e3
        )?;
        writeln!(
            f,
            "  signed      {} ahead in {:.1} s, {} during the run",
            self.signed_ahead,
            self.signing_ms as f64 / 1e3,
            self.signed_during_run
        )?;
        let rejected: u64 = self.rejected.values().sum();
        writeln!(
            f,
            "  submitted   {} (accepted {}, rejected {rejected})",
            self.submitted, self.accepted
        )?;
        for (reason, count) in &self.rejected {
            writeln!(f, "              {count} x {reason}")?;
        }
        writeln!(
            f,
            "  included    {} in {} blocks (not included {})",
            self.included, self.blocks, self.not_included
        )?;
        writeln!(f, "  reverted    {} of {} receipts", self.reverted, self.receipts_checked)?;
        writeln!(
            f,
            "  throughput  {:.0} transactions/s, {:.1} Mgas/s",
            self.included_per_second,
            self.gas_per_second / 1e6
        )?;
        writeln!(f, "  latency            p50        p90        p99        max")?;
        writeln!(f, "    submit    {}", Row(self.submit_latency_us))?;
        write!(f, "    included  {}", Row(self.inclusion_latency_us))
    }
}

struct Row(Percentiles);

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Percentiles { p50, p90, p99, max } = self.0;
        let columns = [p50, p90, p99, max].map(|us| format!("{:.2} ms", us as f64 / 1e3));
        let [p50, p90, p99, max] = columns;
        write!(f, "{p50:>10} {p90:>10} {p99:>10} {max:>10}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use alloy_primitives::B256;

    use super::*;

    #[test]
    fn throughput_leaves_out_what_gathered_before_the_first_block() {
        let start = Instant::now();
        let block = |number: u64, included: usize| BlockSample {
            seen_at: start + Duration::from_secs(number),
            gas_used: 21_000 * included as u64,
            included: vec![B256::ZERO; included],
        };
        let blocks = [block(0, 500), block(1, 100), block(2, 300)];
        let sending = Duration::from_secs(5);
        let throughput = Throughput::of(&blocks, sending);
        assert_eq!(throughput.included_per_second, 200.0);
        assert_eq!(throughput.gas_per_second, 4_200_000.0);
        assert_eq!(Throughput::of(&blocks[..1], sending).included_per_second, 100.0);
        assert_eq!(Throughput::of(&[], sending).included_per_second, 0.0);
    }
}
