#![doc = include_str!("../README.md")]

mod report;
pub use report::{Counts, Report};

mod state_test;
pub use state_test::run_state_tests;

mod block_test;
pub use block_test::run_block_tests;

mod transaction_test;
pub use transaction_test::run_transaction_tests;

mod witness_test;
pub use witness_test::run_witness_tests;

mod chain;
mod files;
mod json;
mod memory;
mod network;
mod run;
mod unsigned;
mod witness_chain;
