//! The one place where time enters.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Wall-clock time, replaceable in tests.
pub trait Clock: Send + Sync + 'static {
    /// Time since the Unix epoch.
    fn now(&self) -> Duration;

    /// Whole seconds since the Unix epoch, as block timestamps count them.
    fn unix_seconds(&self) -> u64 {
        self.now().as_secs()
    }
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        // A clock before 1970 is a broken machine; zero keeps timestamps monotone, since blocks take max(parent + 1, now).
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}
