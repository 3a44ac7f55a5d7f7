//! What the caller of a failed operation does next.

/// The three answers to an error that reaches a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The same input may succeed later: back off and try again, within a bound.
    Retry,
    /// Our view is wrong: drop derived state and rebuild it from the authority.
    Reset,
    /// A bug, corruption or wrong configuration: stop with a distinct exit code, never go on.
    Halt,
}
