//! Latencies in microseconds, three significant digits.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest latency that is told apart from longer ones, in microseconds: ten minutes.
const LATENCY_MAX_US: u64 = 600_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// A histogram of latencies.
#[derive(Clone, Debug)]
pub(crate) struct Latency(Histogram<u64>);

/// Percentiles of a latency, in microseconds. All zero if nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Median.
    pub p50: u64,
    /// Nine of ten were faster.
    pub p90: u64,
    /// 99 of 100 were faster.
    pub p99: u64,
    /// The slowest.
    pub max: u64,
}

impl Latency {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_MAX_US, SIGNIFICANT_DIGITS);
        Self(histogram.expect("the bounds are constant and in order"))
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have the bounds of new");
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        if self.0.is_empty() {
            return Percentiles::default();
        }
        Percentiles {
            p50: self.0.value_at_quantile(0.5),
            p90: self.0.value_at_quantile(0.9),
            p99: self.0.value_at_quantile(0.99),
            max: self.0.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let (mut low, mut high) = (Latency::new(), Latency::new());
        (1..=500).for_each(|us| low.record(Duration::from_micros(us)));
        (501..=1_000).for_each(|us| high.record(Duration::from_micros(us)));
        low.merge(&high);
        assert_eq!(low.percentiles(), Percentiles { p50: 500, p90: 900, p99: 990, max: 1_000 });
        assert_eq!(Latency::new().percentiles(), Percentiles::default());
    }
}
