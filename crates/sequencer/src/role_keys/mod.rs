//! The keys that a node signs with, which an operator can change while it runs.

mod error;
pub use error::RoleKeysError;

mod role;
pub use role::{Role, UnknownRole};

mod choice;
pub use choice::KeyChoice;

mod kept;
pub use kept::KeptKeys;

mod rotation;
pub use rotation::Rotation;

mod receipt;
pub use receipt::{DEFAULT_KEY_OVERLAP, ReceiptKeys};

mod l1;
pub use l1::L1Keys;
