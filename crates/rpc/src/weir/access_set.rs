//! What a transaction read and wrote.

use crate::{
    api::Api,
    args::Args,
    debug::{parent_state, trace_failed},
    json::{Answer, Json},
};
use alloy_primitives::{Address, B256};
use serde::Serialize;
use std::collections::BTreeMap;
use weir_evm::trace::{AccessSet, AccountAccess, access_set as accesses};

#[derive(Serialize)]
struct AccessSetView {
    reads: Vec<ReadView>,
    writes: Vec<WriteView>,
}

#[derive(Serialize)]
struct ReadView {
    address: Address,
    slots: Vec<B256>,
}

#[derive(Serialize)]
struct WriteView {
    address: Address,
    /// Whether balance, nonce or code are different afterwards.
    account: bool,
    slots: Vec<B256>,
}

fn slots(access: &AccountAccess) -> Vec<B256> {
    access.slots.iter().map(|slot| B256::from(*slot)).collect()
}

fn view(set: &AccessSet) -> AccessSetView {
    fn rows<T>(
        accounts: &BTreeMap<Address, AccountAccess>,
        row: impl Fn((&Address, &AccountAccess)) -> T,
    ) -> Vec<T> {
        accounts.iter().map(row).collect()
    }
    AccessSetView {
        reads: rows(&set.reads, |(address, access)| ReadView {
            address: *address,
            slots: slots(access),
        }),
        writes: rows(&set.writes, |(address, access)| WriteView {
            address: *address,
            account: access.is_changed,
            slots: slots(access),
        }),
    }
}

/// `weir_getAccessSet`: the accounts and slots that a sealed transaction read and wrote; `null` if it is unknown.
pub(crate) fn access_set(api: &Api, args: &Args<'_>) -> Answer {
    let Some((block, index)) = api.chain().transaction(&args.hash(0)?)? else {
        return Ok(Json::null());
    };
    let state = parent_state(api, &block)?;
    let set = accesses(api.chain().spec(), &block.block, state, index).map_err(trace_failed)?;
    Json::of(&set.as_ref().map(view))
}
