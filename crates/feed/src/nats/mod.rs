//! Whitelists over core NATS: reading, publishing, serving.

mod url;
pub use url::{NatsUrlError, NatsWhitelistUrl};

mod subjects;

mod link;

mod settle;
pub(crate) use settle::{SettleError, settle};

mod metrics;
pub(crate) use metrics::describe_whitelist_metrics;

mod status;
pub use status::WhitelistStatus;

mod options;
pub use options::WhitelistOptions;

mod source;
pub use source::{WhitelistHandle, WhitelistSource};

mod session;

mod publish;
pub use publish::{
    AcknowledgementWait, CHUNK_BYTES, PublishError, PublishOptions, WhitelistPublished,
    publish_whitelist,
};

mod server;
pub use server::WhitelistServer;
