//! What a decoder accepts at most. The encoder keeps to the same numbers, so they are part of the format.

/// Bytes of one L1 payload, version byte included. Nodes refuse pooled transactions above 131,072 bytes; the rest is
/// room for the transaction's own fields.
pub const PAYLOAD_BYTES_MAX: usize = 120_000;

/// Bytes of one channel: header and compressed body.
pub const CHANNEL_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of a channel's body before compression: the bound on what a decompression may produce.
pub const CHANNEL_RAW_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Batches in one channel.
pub const CHANNEL_BATCHES_MAX: usize = 16_384;

/// Highest base-2 logarithm of the zstd window a decoder allocates (8 MiB).
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Highest zstd level an encoder may use: higher ones need a larger window than [`ZSTD_WINDOW_LOG_MAX`].
pub const ZSTD_LEVEL_MAX: i32 = 19;

/// Channels of which a decoder keeps frames at the same time; the oldest is dropped beyond that.
pub const OPEN_CHANNELS_MAX: usize = 256;

/// Bytes of frames (data and 64 a frame for bookkeeping) a decoder keeps; the oldest channel is dropped beyond that.
pub const OPEN_CHANNELS_BYTES_MAX: usize = 64 * 1024 * 1024;
