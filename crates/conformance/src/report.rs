//! What a run of tests found.

use std::{collections::BTreeMap, fmt};

/// Failures that [`Report`] prints in full; the rest are counted.
const FAILURES_SHOWN_MAX: usize = 100;

/// How many tests ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that gave what they state.
    pub passed: usize,
    /// Tests that gave something else.
    pub failed: usize,
    /// Tests that were not run.
    pub skipped: usize,
}

/// A test that failed or was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// File and name of the test.
    pub test: String,
    /// What it gave, or why it was not run.
    pub reason: String,
}

/// The result of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// All tests.
    pub total: Counts,
    /// Tests by the network they name.
    pub networks: BTreeMap<String, Counts>,
    /// The tests that failed.
    pub failures: Vec<Remark>,
    /// The tests that were skipped.
    pub skips: Vec<Remark>,
}

/// How one test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed(String),
    Skipped(String),
}

impl Verdict {
    pub(crate) fn from_result(result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self::Passed,
            Err(reason) => Self::Failed(reason),
        }
    }
}

impl Report {
    pub(crate) fn add(&mut self, network: &str, test: &str, verdict: Verdict) {
        let counts = self.networks.entry(network.to_owned()).or_default();
        let remark = |reason| Remark { test: test.to_owned(), reason };
        for counts in [counts, &mut self.total] {
            match &verdict {
                Verdict::Passed => counts.passed += 1,
                Verdict::Failed(_) => counts.failed += 1,
                Verdict::Skipped(_) => counts.skipped += 1,
            }
        }
        match verdict {
            Verdict::Passed => {}
            Verdict::Failed(reason) => self.failures.push(remark(reason)),
            Verdict::Skipped(reason) => self.skips.push(remark(reason)),
        }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        for (network, counts) in other.networks {
            self.networks.entry(network).or_default().merge(counts);
        }
        self.total.merge(other.total);
        self.failures.extend(other.failures);
        self.skips.extend(other.skips);
        self
    }
}

impl Counts {
    const fn merge(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

impl fmt::Display for Report {
    /// Failures, skips, counts by network, and the total as the last line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Remark { test, reason } in self.failures.iter().take(FAILURES_SHOWN_MAX) {
            writeln!(f, "failed: {test}: {reason}")?;
        }
        if FAILURES_SHOWN_MAX < self.failures.len() {
            writeln!(f, "... and {} more", self.failures.len() - FAILURES_SHOWN_MAX)?;
        }
        for Remark { test, reason } in &self.skips {
            writeln!(f, "skipped: {test}: {reason}")?;
        }
        for (network, counts) in &self.networks {
            writeln!(f, "{network}: {counts}")?;
        }
        write!(f, "{}", self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_line_is_the_total() {
        let mut report = Report::default();
        report.add("Prague", "a", Verdict::Passed);
        report.add("Prague", "b", Verdict::Failed("x".to_owned()));
        let mut other = Report::default();
        other.add("Osaka", "c", Verdict::Skipped("y".to_owned()));
        let text = report.merge(other).to_string();
        assert_eq!(text.lines().last(), Some("1 passed, 1 failed, 1 skipped"));
        assert!(text.contains("failed: b: x") && text.contains("skipped: c: y"));
        assert!(text.contains("Prague: 1 passed, 1 failed, 0 skipped"));
    }
}
