#![doc = include_str!("../README.md")]

mod spec;
pub use spec::{ChainSpec, Fork, SealedHeader};

mod genesis;
pub use genesis::GenesisError;

mod predeploys;

mod transaction;
pub use transaction::{
    DecodeError, IntrinsicGas, SignatureError, decode_block, decode_historic_transaction,
    decode_transaction, intrinsic_gas, recover_block, recover_sender, recover_sender_at,
};

mod stateless;
pub use stateless::validate_stateless;

mod bytecode;

mod overlay;

mod diff_state;
pub use diff_state::DiffState;

mod machine;

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
pub use roots::{logs_bloom, receipts_root, transactions_root};

mod difficulty;

mod header_rules;
pub use header_rules::HeaderError;

mod ommers;
pub use ommers::OmmerError;

mod block;
pub use block::{BlockError, BlockOutput, execute_block, execute_block_with_ancestors};

pub mod simulate;

pub mod trace;
