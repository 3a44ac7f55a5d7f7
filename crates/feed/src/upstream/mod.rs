//! The frames of `reth-exex-liquidity`, for consumers that already read them.
//!
//! Its payloads are bincode 1.3 with default options; the layout is written here by hand, so that a change of either
//! library changes no byte. `docs/spec/feed.md` has the layout.

mod bincode;
mod error;
mod frame;
mod message;
mod session;
mod translate;
mod update;

pub use error::{UpstreamError, UpstreamStreamError};
pub use frame::{UPSTREAM_FRAME_BYTES_MAX, decode_upstream, encode_upstream};
pub use message::{
    UpstreamEpilogue, UpstreamEvent, UpstreamMessage, UpstreamPool, UpstreamPoolMetadata,
    UpstreamProtocol, UpstreamRange, UpstreamSlot0, UpstreamToken, UpstreamUpdateType,
};
pub use update::{UpstreamFluid, UpstreamUpdate};

pub(crate) use session::UpstreamSession;
