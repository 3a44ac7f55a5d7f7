//! What every [`Store`] must do, as functions that a backend's tests call.
//!
//! ```
//! use weir_storage::{MemoryStore, conformance};
//!
//! conformance::run(&|genesis| Box::new(MemoryStore::new(genesis).expect("memory does not fail")));
//! ```
//!
//! Behind the feature `test-utils`. A failure panics and names the case; every case gets a store of its own.

mod chain;
pub use chain::{MadeBlock, PlainState, TestChain};

mod blocks;
mod concurrency;
mod logs;
mod records;
mod reverts;
pub use reverts::revert;
mod state;

use crate::{GenesisState, Store};

/// Makes an empty store that holds this genesis.
pub type Open<'a> = &'a dyn Fn(&GenesisState) -> Box<dyn Store>;

/// A property of stores.
type Case = fn(Open<'_>);

/// Every case with its name.
const CASES: [(&str, Case); 19] = [
    ("genesis is readable", blocks::genesis_is_readable),
    ("blocks read back as they were written", blocks::blocks_read_back_as_they_were_written),
    ("a block that is not the child of the head is refused", blocks::strangers_are_refused),
    ("a block without a diff is refused", blocks::blocks_without_diff_are_refused),
    ("block hashes are those of ancestors", blocks::block_hashes_are_those_of_ancestors),
    ("state equals the model", state::state_equals_the_model),
    ("leaves hash to the head's root", state::leaves_hash_to_the_root),
    ("the trie goes on from stored nodes", state::the_trie_goes_on_from_stored_nodes),
    ("old snapshots do not change", state::old_snapshots_do_not_change),
    ("history is exact", state::history_is_exact),
    ("reverted blocks leave nothing behind", reverts::reverted_blocks_leave_nothing_behind),
    ("the chain goes on another way after a revert", reverts::the_chain_goes_on_another_way),
    ("a revert to anything but an ancestor is refused", reverts::strangers_are_refused),
    ("old snapshots outlive a revert", reverts::old_snapshots_outlive_a_revert),
    ("the index of logs equals a scan", logs::the_index_equals_a_scan),
    ("records are kept apart, sorted and deleted", records::records_are_kept_apart),
    ("record writes are atomic", records::record_writes_are_atomic),
    ("sizes are reported", records::sizes_are_reported),
    ("readers see whole blocks while blocks are written", concurrency::readers_see_whole_blocks),
];

/// Runs every case, each on a store of its own.
///
/// # Panics
/// At the first property that does not hold.
pub fn run(open: Open<'_>) {
    for (name, case) in CASES {
        println!("{name}");
        case(open);
    }
}
