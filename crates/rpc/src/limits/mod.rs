//! How much one client may ask for: token buckets by address, API key, sender and method.

mod rules;
pub use rules::{ApiKey, KeyRule, LimitRules, LimitsError, Rate};

mod costs;

mod buckets;

mod limiter;
pub(crate) use limiter::Limiter;
pub use limiter::LimitsHandle;
