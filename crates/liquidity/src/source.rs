//! Where stored blocks come from.

use weir_primitives::{BlockRef, ExecutedBlock, StateError};

/// Read access to the canonical blocks that the node keeps, with their receipts.
///
/// The arena is rebuilt from it at start, and continued or rebuilt whenever an update does not fit.
pub trait BlockSource: Send + Sync + 'static {
    /// The newest canonical block, durable before its update is sent.
    ///
    /// # Errors
    /// If the store fails.
    fn tip(&self) -> Result<BlockRef, StateError>;

    /// The canonical block of this number with its receipts, `None` above the tip.
    ///
    /// # Errors
    /// If the store fails.
    fn block(&self, number: u64) -> Result<Option<ExecutedBlock>, StateError>;
}
