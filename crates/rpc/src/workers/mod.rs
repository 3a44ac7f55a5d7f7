//! Threads for reads, apart from those that take transactions and seal blocks.

mod queue;

mod pool;
pub(crate) use pool::{WorkError, WorkerOptions, WorkerPool};
