//! Waits that grow and do not march in step.

use std::time::Duration;

/// Exponential backoff with full jitter over the upper half of each wait.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits between half of `base` and `base` after the first failure, twice that after the second, up to `max`.
    pub const fn new(base: Duration, max: Duration) -> Self {
        Self { base, max, failures: 0 }
    }

    /// Counts a failure and returns how long to wait.
    pub fn next_wait(&mut self) -> Duration {
        self.wait_with(rand::random_range(0.5..=1.0))
    }

    fn wait_with(&mut self, share: f64) -> Duration {
        let doubled = self.base.saturating_mul(2u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        doubled.min(self.max).mul_f64(share)
    }

    /// Failures since the last success.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Counts a success: the next wait is the shortest again.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_maximum_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        let waits: Vec<_> = (0..4).map(|_| backoff.wait_with(1.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 350, 350]);
        backoff.reset();
        assert_eq!(backoff.wait_with(0.5), Duration::from_millis(50));
    }

    #[test]
    fn a_thousand_failures_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        for _ in 0..1_000 {
            assert!(backoff.next_wait() <= Duration::from_secs(5));
        }
        assert_eq!(backoff.failures(), 1_000);
    }
}
