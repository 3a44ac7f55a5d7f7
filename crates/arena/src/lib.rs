#![doc = include_str!("../README.md")]

mod key;
pub use key::{PoolIdx, PoolKey};
pub use weir_primitives::PoolId;

mod hooks;
pub use hooks::HookFlags;

mod pool_static;
pub use pool_static::{PoolStatic, Protocol, V4_DYNAMIC_FEE};

mod price_slot;
pub use price_slot::v4_state_slot;

mod event;
pub use event::{DecodedEvent, PoolEvent};

mod event_bytes;

mod abi;
mod decode;
pub use decode::{CREATION_TOPICS, DecodeError, decode};

mod transfers;

mod filter;
pub use filter::{PoolFilter, WatchAll, WatchSet};

mod envelope;
pub use envelope::{BlockEnvelope, EventRecord, Extracted, ExtractedStep, UndecodableLog};

mod digest;

mod swap_state;
pub use swap_state::SwapState52;

mod state;
pub use state::{LpFeeSource, PoolState, V2State, V3State, V4State};

mod pool;
pub use pool::{Evidence, Pool, PoolStatus, TokenShortfall};

mod accuracy;
pub use accuracy::{Accuracy, Grade, GradeReason};

mod curve;
pub use curve::{CurveRange, CurveRanges, PoolCurve};

mod verify;
pub use verify::{Divergence, SwapHypothesis, Verdict, verify_event};

mod error;
pub use error::{ApplyError, LookupError};

mod undo;

mod pools;

mod transition;

mod fork;

mod v4;

mod arena;
pub use arena::{
    Applied, ArenaConfig, DEFAULT_RING_BLOCKS, Discovery, Hold, Hydration, MembershipChange,
    OpenApplied, OpenPools, PoolArena, Reverted, UpdateApplied,
};

mod spill;
pub use spill::{SpillError, SpillSection, SpilledBlock, SpilledPool};

mod snapshot;
pub use snapshot::PoolSnapshot;
