#![doc = include_str!("../README.md")]

mod chain;
pub use chain::{Chain, ChainError, ChainView, ReorgLock};

mod pool;
pub use pool::SharedPool;

mod remembered;

mod bundles;

mod drops;
pub use drops::{DEFAULT_STATUS_MAX, DEFAULT_STATUS_RETENTION, DropLog, StatusRetention};

mod statuses;
pub use statuses::StatusFeed;

mod ingress;
pub use ingress::{
    DEFAULT_CONDITION_COST_MAX, DEFAULT_JOURNAL_BYTES_MAX, GapPolicy, Ingress, IngressError,
    Restored,
};

mod admin;
pub use admin::{Drain, NodeAdmin};

mod role_keys;
pub use role_keys::{
    DEFAULT_KEY_OVERLAP, KeptKeys, KeyChoice, L1Keys, ReceiptKeys, Role, RoleKeysError, Rotation,
    UnknownRole,
};

mod controls;
pub use controls::Controls;

mod sequencing;
pub use sequencing::{
    DEFAULT_POOL_LIFETIME, DEFAULT_TRIE_CACHE_BYTES, SequencingConfig, SequencingDriver,
    SequencingError,
};

mod reorg;
pub use reorg::{ReorgError, ReorgHandle, ReorgInbox, reorg_channel};

mod self_check;
pub use self_check::{SelfCheckOptions, Witnesses};

mod genesis;
pub use genesis::{DEV_ACCOUNTS, DEV_BALANCE_ETHER, DEV_CHAIN_ID, dev_spec, genesis_state};

mod metrics;
pub use metrics::describe_metrics;

mod backend;
pub use backend::NodeBackend;

mod past;

mod describe;

mod import;
pub use import::{ChainImporter, ImportError, ImportReport};

pub mod batching;

pub mod derive;
