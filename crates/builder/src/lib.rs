#![doc = include_str!("../README.md")]

mod candidates;
pub use candidates::{CandidateSource, ReturnReason, Returned};

mod step;
pub use step::{LeftOut, Step, StepEnd, StepLimits, StepTransaction};

mod block_builder;
pub use block_builder::{Attempt, BlockBuilder};

mod bundle;
pub use bundle::BundleFailure;

mod roots;
pub use roots::StorageRoots;

mod ahead;
pub use ahead::TrieAhead;

mod sealed;
pub use sealed::SealedOutput;

mod error;
pub use error::BuildError;
