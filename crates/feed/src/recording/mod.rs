//! The stream in a file: written once, read as often as wanted.

mod error;
mod format;
mod reader;
mod record;
mod replay;
mod report;
mod writer;

pub use error::{RecordError, RecordingError, ReplayError};
pub use format::{CHUNK_BYTES_MAX, RECORDING_MAGIC, RECORDING_VERSION};
pub use reader::RecordedFeed;
pub use record::{RecordOptions, RecordReport, feed_record};
pub use replay::feed_replay;
pub use report::{ReplayReport, SegmentCheck};
pub use writer::RecordingWriter;
