//! Reorgs of the node's own chain, as a developer asks for them.
//!
//! The sequencing thread does them between two steps of the open block, in this order:
//!
//! 1. The request is checked: nothing is taken off that was batched, is safe, or whose changes are no longer kept.
//! 2. The transactions of the blocks that leave go into the journal, so that none is lost if the process dies.
//! 3. The store goes back to the ancestor in one commit, and takes the new blocks, one commit each.
//! 4. The pool learns the accounts as they are now and takes back what no block includes.
//! 5. Readers see the new head, and subscribers get one update.
//!
//! A process that dies in between leaves the store at the ancestor or at one of the new blocks.

mod error;
pub use error::ReorgError;

mod channel;
pub(crate) use channel::ReorgCommand;
pub use channel::{ReorgHandle, ReorgInbox, reorg_channel};
