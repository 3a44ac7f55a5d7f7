#![doc = include_str!("../README.md")]

mod key;
pub use key::{PoolId, PoolIdx, PoolKey};

mod pool_static;
pub use pool_static::{PoolStatic, Protocol};

mod event;
pub use event::{DecodedEvent, PoolEvent};

mod abi;
mod decode;
pub use decode::{DecodeError, decode};

mod filter;
pub use filter::{PoolFilter, WatchAll, WatchSet};

mod envelope;
pub use envelope::{BlockEnvelope, EventRecord, Extracted, UndecodableLog};

mod digest;

mod swap_state;
pub use swap_state::SwapState52;

mod state;
pub use state::{PoolState, V2State, V3State};

mod pool;
pub use pool::{Evidence, Pool, PoolStatus};

mod verify;
pub use verify::{Divergence, SwapHypothesis, Verdict, verify_event};

mod error;
pub use error::{ApplyError, LookupError};

mod undo;

mod pools;

mod transition;

mod arena;
pub use arena::{
    Applied, ArenaConfig, DEFAULT_RING_BLOCKS, Discovery, Hydration, MembershipChange, PoolArena,
    Reverted, UpdateApplied,
};

mod snapshot;
pub use snapshot::PoolSnapshot;
