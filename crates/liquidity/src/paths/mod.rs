//! Opportunities of a chain, kept up to date with its pools.

mod options;
pub use options::{BaseTokens, PathsOptions};

mod view;
pub use view::{PathsChange, PathsHandle, PathsView};

mod metrics;
pub(crate) use metrics::describe;

mod evaluator;

mod driver;
pub use driver::PathsDriver;
