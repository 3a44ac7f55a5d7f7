//! Prices: what a transaction needs to pay, and what transactions paid.

use crate::{
    api::Api,
    args::{Args, invalid, parse_u64},
    error::RpcError,
    json::{Answer, Json},
    wire::{Quantity, blob_gas_price},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::B256;
use parking_lot::Mutex;
use serde::Serialize;
use weir_primitives::{ExecutedBlock, Header};

/// Blocks that the suggested tip looks back on.
const TIP_BLOCKS: u64 = 20;
/// Tips taken from one block, the lowest first, so that one block does not decide alone.
const TIPS_PER_BLOCK: usize = 3;
/// The percentile of the sample that is suggested.
const TIP_PERCENTILE: usize = 60;
/// Blocks one `eth_feeHistory` covers at most.
const HISTORY_BLOCKS_MAX: u64 = 1_024;
/// Percentiles one `eth_feeHistory` may ask for.
const PERCENTILES_MAX: usize = 100;

/// The suggested tip, computed once a head.
#[derive(Debug, Default)]
pub(crate) struct TipOracle {
    last: Mutex<Option<(B256, u128)>>,
}

impl TipOracle {
    /// Priority fee per gas in wei that recent blocks included.
    fn suggest(&self, api: &Api) -> Result<u128, RpcError> {
        // Held while computing: others want the same answer, so they wait for it. Only blocking threads come here.
        let mut last = self.last.lock();
        let head = api.chain().heads().unsafe_head();
        if let Some((hash, tip)) = *last
            && hash == head.hash
        {
            return Ok(tip);
        }
        let mut sample = Vec::new();
        for number in head.number.saturating_sub(TIP_BLOCKS - 1)..=head.number {
            if let Some(block) = api.chain().block_by_number(number)? {
                sample.extend(tips(&block).into_iter().take(TIPS_PER_BLOCK).map(|(tip, _)| tip));
            }
        }
        sample.sort_unstable();
        let at = sample.len().saturating_sub(1) * TIP_PERCENTILE / 100;
        let tip = sample.get(at).copied().unwrap_or(0).max(api.chain().tip_floor());
        *last = Some((head.hash, tip));
        Ok(tip)
    }
}

/// Effective tip and gas used of each transaction, cheapest first.
fn tips(block: &ExecutedBlock) -> Vec<(u128, u64)> {
    let base_fee = block.block.header().base_fee_per_gas;
    let mut before = 0;
    let transactions = block.block.transactions().iter().zip(block.receipts.iter());
    let mut tips: Vec<(u128, u64)> = transactions
        .map(|(transaction, receipt)| {
            let gas = receipt.cumulative_gas_used.saturating_sub(before);
            before = receipt.cumulative_gas_used;
            let price = transaction.effective_gas_price(base_fee);
            (price.saturating_sub(base_fee.unwrap_or(0).into()), gas)
        })
        .collect();
    tips.sort_unstable();
    tips
}

fn head_header(api: &Api) -> Result<Header, RpcError> {
    let number = api.chain().heads().unsafe_head().number;
    let header = api.chain().header_by_number(number)?.ok_or_else(RpcError::header_not_found)?;
    Ok(header.into_inner())
}

/// `eth_maxPriorityFeePerGas`.
pub(crate) fn max_priority_fee(api: &Api, _: &Args<'_>) -> Answer {
    Ok(Json::quantity(api.tips.suggest(api)?))
}

/// `eth_gasPrice`: the head's base fee and the suggested tip.
pub(crate) fn gas_price(api: &Api, _: &Args<'_>) -> Answer {
    let base_fee = head_header(api)?.base_fee_per_gas.unwrap_or(0);
    Ok(Json::quantity(api.tips.suggest(api)?.saturating_add(base_fee.into())))
}

/// `eth_blobBaseFee`: what blob gas costs in the head's child.
pub(crate) fn blob_base_fee(api: &Api, _: &Args<'_>) -> Answer {
    let head = head_header(api)?;
    Ok(Json::quantity(next_blob_fee(api, &head).unwrap_or(0)))
}

fn next_blob_fee(api: &Api, parent: &Header) -> Option<u128> {
    let spec = api.spec();
    // The child's time is not known; its rules are taken to be those one second later.
    let timestamp = parent.timestamp + 1;
    let excess = spec.next_excess_blob_gas(parent, timestamp)?;
    Some(spec.blob_params_at(timestamp)?.calc_blob_fee(excess))
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct History {
    oldest_block: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    reward: Option<Vec<Vec<Quantity>>>,
    base_fee_per_gas: Vec<Quantity>,
    gas_used_ratio: Vec<f64>,
    base_fee_per_blob_gas: Vec<Quantity>,
    blob_gas_used_ratio: Vec<f64>,
}

/// `eth_feeHistory`.
pub(crate) fn fee_history(api: &Api, args: &Args<'_>) -> Answer {
    let count = count(args)?;
    let newest = api.header(args.block_number(1)?)?;
    let newest = newest.ok_or_else(|| {
        RpcError::server("request beyond head block: the newest block asked for does not exist")
    })?;
    let percentiles: Vec<f64> = args.optional(2)?.unwrap_or_default();
    check_percentiles(&percentiles)?;
    let count = count.min(HISTORY_BLOCKS_MAX).min(newest.number + 1);
    let oldest = newest.number + 1 - count;
    let mut history = History { oldest_block: oldest.into(), ..History::default() };
    if count == 0 {
        history.oldest_block = Quantity(0);
        return Json::of(&history);
    }
    let mut rewards = Vec::new();
    for number in oldest..=newest.number {
        if percentiles.is_empty() {
            let header = api.chain().header_by_number(number)?;
            history.add(api, &*header.ok_or_else(RpcError::header_not_found)?);
            continue;
        }
        let block = api.chain().block_by_number(number)?.ok_or_else(RpcError::header_not_found)?;
        history.add(api, block.block.header());
        rewards.push(reward(&block, &percentiles));
    }
    history.reward = (!percentiles.is_empty()).then_some(rewards);
    history.close(api, &newest);
    Json::of(&history)
}

impl History {
    fn add(&mut self, api: &Api, header: &Header) {
        self.base_fee_per_gas.push(header.base_fee_per_gas.unwrap_or(0).into());
        self.gas_used_ratio.push(ratio(header.gas_used, header.gas_limit));
        self.base_fee_per_blob_gas.push(Quantity(blob_gas_price(api.spec(), header).unwrap_or(0)));
        let blob_gas_max = api
            .spec()
            .blob_params_at(header.timestamp)
            .map_or(0, |params| params.max_blob_gas_per_block());
        self.blob_gas_used_ratio.push(ratio(header.blob_gas_used.unwrap_or(0), blob_gas_max));
    }

    /// The prices of the block after the newest, which are known already.
    fn close(&mut self, api: &Api, newest: &Header) {
        let base_fee = api.spec().next_base_fee(newest).unwrap_or(0);
        self.base_fee_per_gas.push(base_fee.into());
        self.base_fee_per_blob_gas.push(Quantity(next_blob_fee(api, newest).unwrap_or(0)));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for display")]
fn ratio(used: u64, limit: u64) -> f64 {
    if limit == 0 { 0.0 } else { used as f64 / limit as f64 }
}

/// A count as a quantity, a decimal string or an integer: clients use all three.
fn count(args: &Args<'_>) -> Result<u64, RpcError> {
    let text = args
        .raw(0)
        .ok_or_else(|| RpcError::invalid_params("missing value for required argument 0"))?;
    let word = text.trim_matches('"');
    if let Ok(count) = word.parse() {
        return Ok(count);
    }
    parse_u64(word).map_err(|why| invalid(0, why))
}

fn check_percentiles(percentiles: &[f64]) -> Result<(), RpcError> {
    if percentiles.len() > PERCENTILES_MAX {
        let message = format!("over the query limit {PERCENTILES_MAX} of reward percentiles");
        return Err(RpcError::server(message));
    }
    let mut last = 0.0;
    for (index, percentile) in percentiles.iter().enumerate() {
        if !(0.0..=100.0).contains(percentile) {
            return Err(RpcError::server(format!("invalid reward percentile: {percentile}")));
        }
        if *percentile < last {
            let message =
                format!("invalid reward percentile: #{index} {percentile} is below the one before");
            return Err(RpcError::server(message));
        }
        last = *percentile;
    }
    Ok(())
}

/// The tip at each percentile of the block's gas.
fn reward(block: &ExecutedBlock, percentiles: &[f64]) -> Vec<Quantity> {
    let tips = tips(block);
    let total = block.block.header().gas_used;
    let mut remaining = tips.iter();
    let mut current = remaining.next();
    let mut gas = current.map_or(0, |(_, gas)| *gas);
    let mut rewards = Vec::with_capacity(percentiles.len());
    for percentile in percentiles {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "gas of a block is far below 2^52, and the share is between zero and it"
        )]
        let threshold = (total as f64 * percentile / 100.0) as u64;
        while gas < threshold {
            let Some(next) = remaining.next() else { break };
            gas += next.1;
            current = Some(next);
        }
        rewards.push(Quantity(current.map_or(0, |(tip, _)| *tip)));
    }
    rewards
}
