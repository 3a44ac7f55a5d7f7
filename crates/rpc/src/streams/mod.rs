//! Events of the chain with a number each, kept for a while, so that a client can go on where it was.

mod cursor;
pub(crate) use cursor::StreamCursor;

mod ring;
pub(crate) use ring::{Following, Ring, Told};

mod kept;
pub(crate) use kept::{KeptUpdate, removed_then_added};

mod steps;
pub(crate) use steps::WireStep;

mod sources;
pub(crate) use sources::Streams;
