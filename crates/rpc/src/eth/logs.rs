//! `eth_getLogs`, and the logs of a chain update.

use super::{LogCriteria, criteria::LogScope};
use crate::{
    api::Api,
    args::Args,
    block_id::BlockSelector,
    error::{INVALID_PARAMS, PRUNED_HISTORY, RpcError},
    json::{Answer, Json},
    wire::{LogPlace, WireLog},
};
use std::collections::BTreeSet;
use weir_primitives::{ChainUpdate, ExecutedBlock};

/// `eth_getLogs`.
pub(crate) fn logs(api: &Api, args: &Args<'_>) -> Answer {
    Json::of(&find_logs(api, &criteria(args)?)?)
}

/// The filter object, which may be missing (everything at the head).
pub(crate) fn criteria(args: &Args<'_>) -> Result<LogCriteria, RpcError> {
    LogCriteria::parse(0, args.raw(0).unwrap_or("{}"))
}

/// Every matching log of the scope, in order.
pub(crate) fn find_logs(api: &Api, criteria: &LogCriteria) -> Result<Vec<WireLog>, RpcError> {
    let mut found = Vec::new();
    match criteria.scope {
        LogScope::Block(hash) => {
            let block = api.chain().block_by_hash(&hash)?;
            let block = block.ok_or_else(|| RpcError::server("unknown block"))?;
            collect(&block, criteria, false, &mut found);
        }
        LogScope::Range { from, to } => {
            let Some((first, last)) = range(api, from, to)? else { return Ok(found) };
            match indexed(api, criteria, first, last)? {
                Some(numbers) => search(api, criteria, first, numbers, &mut found)?,
                None => search(api, criteria, first, first..=last, &mut found)?,
            }
        }
    }
    Ok(found)
}

/// Alternatives at one place up to which asking the index is quicker than looking at the blooms of the headers.
const INDEXED_VALUES_MAX: usize = 32;

/// The blocks that the index leaves to look at; `None` if it does not narrow the search.
fn indexed(
    api: &Api,
    criteria: &LogCriteria,
    first: u64,
    last: u64,
) -> Result<Option<Vec<u64>>, RpcError> {
    let mut left: Option<BTreeSet<u64>> = None;
    for values in criteria.places().filter(|values| values.len() <= INDEXED_VALUES_MAX) {
        let mut named = BTreeSet::new();
        for value in &values {
            let Some(blocks) = api.chain().log_blocks(value, first, last)? else { return Ok(None) };
            named.extend(blocks);
        }
        let both = match left {
            Some(left) => left.intersection(&named).copied().collect(),
            None => named,
        };
        if both.is_empty() {
            return Ok(Some(Vec::new()));
        }
        left = Some(both);
    }
    Ok(left.map(|left| left.into_iter().collect()))
}

/// Looks through blocks in order, until they hold too many logs.
fn search(
    api: &Api,
    criteria: &LogCriteria,
    first: u64,
    numbers: impl IntoIterator<Item = u64>,
    found: &mut Vec<WireLog>,
) -> Result<(), RpcError> {
    let limit = api.config.logs_results_max;
    for number in numbers {
        let before = found.len();
        scan(api, number, criteria, found)?;
        // One block is always answered, because there is no smaller range.
        if found.len() > limit.max(before) && before > 0 {
            let message = format!(
                "query returns too many logs: limit={limit}, {}",
                working_range(first, number - 1)
            );
            return Err(RpcError::limit(message).with_data(shown_range(first, number - 1)));
        }
    }
    Ok(())
}

/// What a caller can ask for instead.
fn working_range(first: u64, last: u64) -> String {
    format!("this block range should work: [{first:#x}, {last:#x}]")
}

/// The same for programs.
fn shown_range(first: u64, last: u64) -> String {
    format!("{first:#x},{last:#x}")
}

/// Reads the block only if its header's bloom allows a match.
fn scan(
    api: &Api,
    number: u64,
    criteria: &LogCriteria,
    found: &mut Vec<WireLog>,
) -> Result<(), RpcError> {
    let pruned = || RpcError::new(PRUNED_HISTORY, format!("block is pruned: block={number}"));
    let header = api.chain().header_by_number(number)?.ok_or_else(pruned)?;
    if criteria.may_match(&header.logs_bloom) {
        let block = api.chain().block_by_number(number)?.ok_or_else(pruned)?;
        collect(&block, criteria, false, found);
    }
    Ok(())
}

/// The blocks to scan; `None` if the range is empty.
fn range(
    api: &Api,
    from: Option<BlockSelector>,
    to: Option<BlockSelector>,
) -> Result<Option<(u64, u64)>, RpcError> {
    let refuse = |why: &'static str| RpcError::new(INVALID_PARAMS, why);
    let head = api.chain().heads().unsafe_head().number;
    if let (Some(BlockSelector::Number(from)), Some(BlockSelector::Number(to))) = (from, to)
        && from > to
    {
        return Err(refuse("invalid block range params"));
    }
    let resolve = |end: Option<BlockSelector>| match end.unwrap_or(BlockSelector::Latest) {
        BlockSelector::Number(number) => number,
        BlockSelector::Earliest => 0,
        BlockSelector::Safe => api.chain().heads().safe_head().number,
        BlockSelector::Finalized => api.chain().heads().finalized_head().number,
        BlockSelector::Latest | BlockSelector::Pending | BlockSelector::Hash { .. } => head,
    };
    let (first, last) = (resolve(from), resolve(to));
    if last > head {
        return Err(refuse("block range extends beyond current head block"));
    }
    if first > last {
        return Ok(None);
    }
    let (blocks, limit) = (last - first + 1, api.config.logs_blocks_max);
    if blocks > limit {
        let works = first + limit.saturating_sub(1);
        let message = format!(
            "block range too large: blocks={blocks} limit={limit}, {}",
            working_range(first, works)
        );
        return Err(RpcError::new(INVALID_PARAMS, message).with_data(shown_range(first, works)));
    }
    Ok(Some((first, last)))
}

/// Adds the matching logs of one block.
pub(super) fn collect(
    block: &ExecutedBlock,
    criteria: &LogCriteria,
    removed: bool,
    found: &mut Vec<WireLog>,
) {
    let header = block.block.header();
    let transactions = block.block.transactions().iter().zip(block.receipts.iter());
    let mut log_index = 0;
    for (transaction_index, (transaction, receipt)) in transactions.enumerate() {
        for log in &receipt.logs {
            if criteria.matches(log) {
                let place = LogPlace {
                    block_number: header.number,
                    block_hash: Some(block.block.hash()),
                    block_timestamp: header.timestamp,
                    transaction_hash: *transaction.tx_hash(),
                    transaction_index: transaction_index as u64,
                    log_index,
                    removed,
                };
                found.push(WireLog::new(log, place));
            }
            log_index += 1;
        }
    }
}

/// The matching logs that an update takes back, newest block first, and then those it adds.
pub(crate) fn update_logs(update: &ChainUpdate, criteria: &LogCriteria) -> Vec<WireLog> {
    let mut found = Vec::new();
    let removed = update.old().into_iter().flat_map(|segment| segment.blocks().rev());
    for block in removed.filter(|block| criteria.may_match(&block.block.header().logs_bloom)) {
        collect(block, criteria, true, &mut found);
    }
    let added = update.new().into_iter().flat_map(|segment| segment.blocks());
    for block in added.filter(|block| criteria.may_match(&block.block.header().logs_bloom)) {
        collect(block, criteria, false, &mut found);
    }
    found
}
