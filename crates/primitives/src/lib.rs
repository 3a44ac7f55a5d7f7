#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod account;
pub use account::{Account, KECCAK_EMPTY};

mod state;
pub use state::{EmptyState, StateError, StateProvider};

mod diff;
pub use diff::{AccountDiff, SlotDiff, StateDiff};

mod block;
pub use block::{
    Block, BlockRef, ExecutedBlock, Header, Receipt, RecoveredBlock, SenderError, Transaction,
};

mod logged;
pub use logged::{LoggedBlock, LoggedTransaction};

mod open;
pub use open::{OpenStep, OpenUpdate};

mod result;
pub use result::result_hash;

mod segment;
pub use segment::{ChainSegment, SegmentError};

mod update;
pub use update::ChainUpdate;

mod heads;
pub use heads::{Heads, HeadsError};

mod status;
pub use status::{BlockPlace, DropCode, Fate, StatusUpdate, TransactionEvent, TransactionStatus};

mod conditions;
pub use conditions::{
    ConditionFailure, Conditions, KnownAccount, KnownParts, Moment, StorageRootOf,
};

mod pool_condition;
pub use pool_condition::{PoolCondition, PriceMiss, PriceSlot};

mod pool_id;
pub use pool_id::PoolId;

mod pool_price;
pub use pool_price::{PoolPrice, PriceBound, PriceBoundError, PriceForm};

mod severity;
pub use severity::Severity;
