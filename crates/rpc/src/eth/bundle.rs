//! Transactions that belong together: `eth_sendBundle`, `eth_cancelBundle`, `eth_callBundle`.

use super::revert::revert_reason;
use crate::{
    api::{Api, StateView},
    args::{Args, invalid},
    backend::BundleRequest,
    block_id::BlockSelector,
    error::RpcError,
    json::{Answer, Json},
    message::Params,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use futures_util::{FutureExt, future::BoxFuture};
use serde::{Deserialize, Serialize};
use std::{future::ready, ops::RangeInclusive, sync::Arc};
use weir_evm::{
    BlockAttributes, Completion, OpenBlock, SealedHeader, TransactionOutcome, decode_transaction,
    recover_sender,
};
use weir_primitives::{StateProvider, Transaction};

/// Transactions that one simulation may have (as a bundle).
const TRANSACTIONS_MAX: usize = 100;

/// The argument of `eth_sendBundle`. Other builders have other names for the same.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireBundle {
    txs: Vec<Bytes>,
    #[serde(alias = "minBlockNumber")]
    block_number: Option<U256>,
    max_block_number: Option<U256>,
    min_timestamp: Option<U256>,
    max_timestamp: Option<U256>,
    #[serde(default)]
    reverting_tx_hashes: Vec<B256>,
    #[serde(default)]
    dropping_tx_hashes: Vec<B256>,
    #[serde(alias = "uuid")]
    replacement_uuid: Option<String>,
}

impl WireBundle {
    fn read(self) -> Result<BundleRequest, RpcError> {
        let narrow = |name: &str, value: Option<U256>| {
            let narrow = value.map(u64::try_from).transpose();
            narrow.map_err(|_| invalid(0, format!("{name} > 64 bits")))
        };
        let from = narrow("minTimestamp", self.min_timestamp)?.unwrap_or(0);
        // Flashbots' clients send zero for "no bound".
        let until = narrow("maxTimestamp", self.max_timestamp)?.filter(|until| *until > 0);
        if self.replacement_uuid.as_ref().is_some_and(String::is_empty) {
            return Err(invalid(0, "replacementUuid is empty"));
        }
        Ok(BundleRequest {
            transactions: self.txs,
            first_block: narrow("blockNumber", self.block_number)?,
            last_block: narrow("maxBlockNumber", self.max_block_number)?,
            timestamps: RangeInclusive::new(from, until.unwrap_or(u64::MAX)),
            may_revert: self.reverting_tx_hashes,
            may_drop: self.dropping_tx_hashes,
            replacement: self.replacement_uuid,
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    bundle_hash: B256,
}

/// `eth_sendBundle`: answers once the bundle is durable.
pub(crate) fn send_bundle(api: Arc<Api>, params: Params) -> BoxFuture<'static, Answer> {
    let read = || Args::read(&params, 1)?.value::<WireBundle>(0)?.read();
    let bundle = match read() {
        Ok(bundle) => bundle,
        Err(error) => return Box::pin(ready(Err(error))),
    };
    let accepted = api.chain().submit_bundle(bundle);
    Box::pin(accepted.map(|outcome| Json::of(&Accepted { bundle_hash: outcome? })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Cancellation {
    #[serde(alias = "uuid")]
    replacement_uuid: String,
}

/// `eth_cancelBundle`: answers whether the bundle was taken back, durably.
pub(crate) fn cancel_bundle(api: Arc<Api>, params: Params) -> BoxFuture<'static, Answer> {
    let read = || Args::read(&params, 1)?.value::<Cancellation>(0);
    let name = match read() {
        Ok(cancellation) => cancellation.replacement_uuid,
        Err(error) => return Box::pin(ready(Err(error))),
    };
    let cancelled = api.chain().cancel_bundle(name);
    Box::pin(cancelled.map(|outcome| Json::of(&outcome?)))
}

/// The argument of `eth_callBundle`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireCallBundle {
    txs: Vec<Bytes>,
    block_number: Option<U256>,
    state_block_number: Option<serde_json::Value>,
    timestamp: Option<U256>,
    coinbase: Option<Address>,
    gas_limit: Option<U256>,
}

/// What simulating a bundle gave. Amounts of wei are decimal strings, as Flashbots has them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BundleView {
    bundle_hash: B256,
    bundle_gas_price: String,
    coinbase_diff: String,
    eth_sent_to_coinbase: String,
    gas_fees: String,
    results: Vec<TransactionView>,
    state_block_number: u64,
    total_gas_used: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TransactionView {
    tx_hash: B256,
    from_address: Address,
    to_address: Option<Address>,
    gas_used: u64,
    gas_price: String,
    gas_fees: String,
    coinbase_diff: String,
    eth_sent_to_coinbase: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revert: Option<String>,
}

/// Wei that the beneficiary gained, and gas.
#[derive(Default, Clone, Copy)]
struct Gain {
    gas_used: u64,
    fees: U256,
    total: U256,
}

impl Gain {
    fn price(&self) -> String {
        self.total.checked_div(U256::from(self.gas_used)).unwrap_or_default().to_string()
    }

    fn sent(&self) -> String {
        self.total.saturating_sub(self.fees).to_string()
    }

    fn add(&mut self, other: Self) {
        self.gas_used += other.gas_used;
        self.fees = self.fees.saturating_add(other.fees);
        self.total = self.total.saturating_add(other.total);
    }
}

/// `eth_callBundle`: what the transactions would do at the top of the block after `stateBlockNumber`, and what that earns its
/// beneficiary. A transaction that reverts says so; one that cannot be executed is an error.
pub(crate) fn call_bundle(api: &Api, args: &Args<'_>) -> Answer {
    let wire: WireCallBundle = args.value(0)?;
    if wire.txs.is_empty() || wire.txs.len() > TRANSACTIONS_MAX {
        let count = wire.txs.len();
        return Err(invalid(0, format!("txs: count={count} limit={TRANSACTIONS_MAX}")));
    }
    let on = wire.state_block_number.as_ref().map_or(Ok(BlockSelector::Latest), |text| {
        BlockSelector::parse_number(&text.to_string()).map_err(|why| invalid(0, why))
    })?;
    let StateView { header, state } = api.state(on)?;
    let parent = SealedHeader::new(header);
    if wire.block_number.is_some_and(|number| number != U256::from(parent.number + 1)) {
        return Err(invalid(0, format!("blockNumber is not {}", parent.number + 1)));
    }
    let attributes = attributes(&wire, &parent)?;
    let spec = Arc::clone(api.chain().spec());
    let mut block = OpenBlock::begin(spec, &parent, attributes, state)
        .map_err(|error| RpcError::server(error.to_string()))?;
    let (mut results, mut hashes, mut all) = (Vec::new(), Vec::new(), Gain::default());
    for (index, raw) in wire.txs.iter().enumerate() {
        let wrong = |why: &dyn std::fmt::Display| invalid(0, format!("txs[{index}]: {why}"));
        let transaction = Arc::new(decode_transaction(raw).map_err(|error| wrong(&error))?);
        let sender = recover_sender(&transaction).map_err(|error| wrong(&error))?;
        let (outcome, gain) = execute(&mut block, &transaction, sender, index)?;
        all.add(gain);
        hashes.extend_from_slice(transaction.tx_hash().as_slice());
        results.push(TransactionView::new(&transaction, sender, outcome, gain));
    }
    Json::of(&BundleView {
        bundle_hash: keccak256(hashes),
        bundle_gas_price: all.price(),
        coinbase_diff: all.total.to_string(),
        eth_sent_to_coinbase: all.sent(),
        gas_fees: all.fees.to_string(),
        results,
        state_block_number: parent.number,
        total_gas_used: all.gas_used,
    })
}

fn attributes(wire: &WireCallBundle, parent: &SealedHeader) -> Result<BlockAttributes, RpcError> {
    let narrow = |name: &str, value: Option<U256>, otherwise: u64| {
        let narrow = value.map_or(Ok(otherwise), u64::try_from);
        narrow.map_err(|_| invalid(0, format!("{name} > 64 bits")))
    };
    Ok(BlockAttributes {
        timestamp: narrow("timestamp", wire.timestamp, parent.timestamp + 1)?,
        beneficiary: wire.coinbase.unwrap_or(parent.beneficiary),
        prev_randao: parent.mix_hash,
        gas_limit: narrow("gasLimit", wire.gas_limit, parent.gas_limit)?,
        extra_data: Bytes::new(),
        parent_beacon_block_root: Some(B256::ZERO),
        withdrawals: None,
    })
}

fn execute(
    block: &mut OpenBlock,
    transaction: &Arc<Transaction>,
    sender: Address,
    index: usize,
) -> Result<(TransactionOutcome, Gain), RpcError> {
    let beneficiary = block.header().beneficiary;
    let balance = |block: &OpenBlock| -> Result<U256, RpcError> {
        Ok(block.peek().account(&beneficiary)?.unwrap_or_default().balance)
    };
    let before = balance(block)?;
    let tip = block.effective_tip(transaction).unwrap_or_default();
    let outcome = block
        .execute(Arc::clone(transaction), sender)
        .map_err(|error| RpcError::server(format!("txs[{index}]: {error}")))?;
    let gain = Gain {
        gas_used: outcome.gas_used,
        fees: U256::from(outcome.gas_used).saturating_mul(U256::from(tip)),
        total: balance(block)?.saturating_sub(before),
    };
    Ok((outcome, gain))
}

impl TransactionView {
    fn new(
        transaction: &Transaction,
        sender: Address,
        outcome: TransactionOutcome,
        gain: Gain,
    ) -> Self {
        let is_success = outcome.is_success();
        let error = match outcome.status {
            Completion::Succeeded => None,
            Completion::Reverted => Some("execution reverted".to_owned()),
            Completion::Halted => Some("execution halted".to_owned()),
        };
        let revert = (!is_success).then(|| revert_reason(&outcome.output)).flatten();
        Self {
            tx_hash: *transaction.tx_hash(),
            from_address: sender,
            to_address: transaction.to(),
            gas_used: outcome.gas_used,
            gas_price: gain.price(),
            gas_fees: gain.fees.to_string(),
            coinbase_diff: gain.total.to_string(),
            eth_sent_to_coinbase: gain.sent(),
            value: is_success.then_some(outcome.output),
            error,
            revert,
        }
    }
}
