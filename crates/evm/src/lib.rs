#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod threads;

mod fork_config;
mod spec;
pub use spec::{Activation, ChainSpec, Fork, SealedHeader};

mod genesis;
pub use genesis::GenesisError;

mod predeploys;

mod transaction;
pub use transaction::{
    DecodeError, IntrinsicGas, SignatureError, decode_block, decode_historic_transaction,
    decode_transaction, intrinsic_gas, recover_block, recover_sender, recover_sender_at,
};

mod context_free;
pub use context_free::validate_context_free;

mod bytecode;

mod amsterdam;
pub use amsterdam::AmsterdamRules;

mod amsterdam_handler;

mod access_list;

mod accesses;
pub use accesses::{BlockAccesses, Recent, RecentSlot, RecentWrite, StateRead};

mod overlay;

mod diff_state;
pub use diff_state::DiffState;

mod machine;

#[cfg(feature = "fault-injection")]
mod fault;

mod rejected;
pub use rejected::{InvalidReason, TransactionRejected};

mod error;
pub use error::{ExecutionError, SystemFault, TransactionError};

mod execution;
pub use execution::{Completion, TransactionOutcome};

mod post_block;

mod single;
pub use single::{ExecutedTransaction, execute_transaction};

mod open_block;
pub use open_block::{BlockAttributes, OpenBlock};

mod unsealed;
pub use unsealed::UnsealedBlock;

mod roots;
pub use roots::{BodyRoots, logs_bloom, receipts_root, transactions_root};

mod difficulty;

mod header_rules;
pub use header_rules::HeaderError;

mod ommers;
pub use ommers::OmmerError;

mod block;
pub use block::{BlockError, BlockOutput, execute_block, execute_block_with_ancestors};

mod witness;
pub use witness::{ExecutionWitness, WitnessError};

mod witness_json;
pub use witness_json::WitnessFormatError;

mod witness_keys;

mod witness_state;
pub use witness_state::WitnessGap;

mod stateless;
pub use stateless::{StatelessError, Verified, verify_stateless};

#[cfg(feature = "std")]
pub mod simulate;

#[cfg(feature = "std")]
pub mod trace;
