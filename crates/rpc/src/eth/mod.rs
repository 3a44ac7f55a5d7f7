//! `eth_`.

mod blocks;
pub(crate) use blocks::{
    block_by_hash, block_by_number, block_number, block_receipts, transaction_count_by_hash,
    transaction_count_by_number, uncle_by_block_hash, uncle_by_block_number, uncle_count_by_hash,
    uncle_count_by_number,
};

mod bundle;
pub(crate) use bundle::{call_bundle, cancel_bundle, send_bundle};

mod chain;
pub(crate) use chain::{accounts, chain_id, sync_status_view, syncing};

mod state;
pub(crate) use state::{balance, code, nonce, proof, storage_at, storage_values};

mod transactions;
pub(crate) use transactions::{
    raw_transaction, raw_transaction_by_block_hash, raw_transaction_by_block_number, receipt,
    transaction, transaction_by_block_hash, transaction_by_block_number,
};

mod inclusion;
pub(crate) use inclusion::InclusionWatch;

mod submit;
pub(crate) use submit::{
    send_raw_transaction, send_raw_transaction_conditional, send_raw_transaction_sync,
};

mod criteria;
pub(crate) use criteria::LogCriteria;

mod logs;
pub(crate) use logs::{logs, update_logs};

mod cursor;

mod filters;
pub(crate) use filters::{
    FilterStore, filter_changes, filter_logs, new_block_filter, new_filter, new_pending_filter,
    uninstall_filter,
};

mod fees;
pub(crate) use fees::{TipOracle, blob_base_fee, fee_history, gas_price, max_priority_fee};

mod revert;

mod call_request;
pub(crate) use call_request::{WireBlockOverrides, WireCall};

mod execute;
pub(crate) use execute::{
    WireStateOverrides, call, create_access_list, estimate_gas, refused, simulation_on,
};

mod simulate;
pub(crate) use simulate::simulate;

mod capabilities;
pub(crate) use capabilities::capabilities;

mod config;
pub(crate) use config::config;
