#![doc = include_str!("../README.md")]

pub mod limits;

mod error;
pub use error::{DecodeError, EncodeError};

mod batch;
pub use batch::Batch;

mod frame;
pub use frame::{Frame, Frames, decode_payload, encode_payloads};

mod channel;
pub use channel::{Channel, ChannelId, Compression, SealedChannel};

mod encoder;
pub use encoder::{Admission, ChannelEncoder, EncoderConfig};

mod queue;
pub use queue::{FrameQueue, Pushed};

mod decoder;
pub use decoder::{ChannelDecoder, Decoded};
