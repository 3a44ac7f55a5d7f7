//! The check of sealed blocks by their own witnesses, before anybody hears of them.

mod options;
pub use options::SelfCheckOptions;

mod evidence;
pub(crate) use evidence::Evidence;

mod search;
pub(crate) use search::find_offender;

mod transaction;
pub(crate) use transaction::{transaction_witness, witness_of_nodes};

mod witnesses;
pub use witnesses::Witnesses;
