//! Who may take blocks off, and when.

use parking_lot::{Mutex, MutexGuard};

/// Held while blocks are written into batches, and while blocks are taken off the chain: a block that was posted stays.
///
/// LOCK ORDER: before the pool's lock and before the store's; whoever holds it waits for neither sockets nor tasks.
#[derive(Debug, Default)]
pub struct ReorgLock(Mutex<()>);

impl ReorgLock {
    /// Waits until nobody else holds it. Blocks as long as a reorg takes: seconds for hundreds of full blocks.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        self.0.lock()
    }
}
