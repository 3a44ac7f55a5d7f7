//! Numbers and times of the blocks, with empty blocks where numbers are left out.

use super::{BlockCalls, BlockSimulationError};
use crate::simulate::{BlockOverrides, CallRequest, StateOverrides};
use weir_primitives::Header;

/// Blocks that are simulated at once, those that fill gaps included (geth's limit).
const BLOCKS_MAX: u64 = 256;
/// Calls that are simulated at once. Gas bounds most; calls that fail early cost little.
const CALLS_MAX: usize = 10_000;
/// Seconds from a block to the next unless told otherwise (geth's value, Ethereum's slot).
const BLOCK_SECONDS: u64 = 12;

/// A block whose number and time are known.
#[derive(Debug)]
pub(super) struct PlannedBlock {
    pub(super) number: u64,
    pub(super) timestamp: u64,
    pub(super) overrides: BlockOverrides,
    pub(super) state: StateOverrides,
    pub(super) calls: Vec<CallRequest>,
}

/// Puts blocks in order on top of `base`.
pub(super) fn plan(
    blocks: Vec<BlockCalls>,
    base: &Header,
) -> Result<Vec<PlannedBlock>, BlockSimulationError> {
    if CALLS_MAX < blocks.iter().map(|block| block.calls.len()).sum() {
        return Err(BlockSimulationError::TooManyCalls { limit: CALLS_MAX });
    }
    let mut planned = Vec::with_capacity(blocks.len());
    let (mut last, mut time) = (base.number, base.timestamp);
    for BlockCalls { block, state, calls } in blocks {
        let number = block.number.unwrap_or_else(|| last.saturating_add(1));
        if number <= last {
            return Err(BlockSimulationError::NumberOrder { number, previous: last });
        }
        if BLOCKS_MAX < number - base.number {
            return Err(BlockSimulationError::TooManyBlocks { limit: BLOCKS_MAX });
        }
        for filler in last + 1..number {
            time = time.saturating_add(BLOCK_SECONDS);
            planned.push(PlannedBlock {
                number: filler,
                timestamp: time,
                overrides: BlockOverrides::default(),
                state: StateOverrides::default(),
                calls: Vec::new(),
            });
        }
        let timestamp = block.timestamp.unwrap_or_else(|| time.saturating_add(BLOCK_SECONDS));
        if timestamp <= time {
            return Err(BlockSimulationError::TimestampOrder { timestamp, previous: time });
        }
        (last, time) = (number, timestamp);
        planned.push(PlannedBlock { number, timestamp, overrides: block, state, calls });
    }
    Ok(planned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: Option<u64>, timestamp: Option<u64>) -> BlockCalls {
        let block = BlockOverrides { number, timestamp, ..BlockOverrides::default() };
        BlockCalls { block, ..BlockCalls::default() }
    }

    #[test]
    fn gaps_are_filled_and_order_is_kept() {
        let base = Header { number: 10, timestamp: 100, ..Header::default() };
        let blocks =
            vec![numbered(None, None), numbered(Some(14), None), numbered(None, Some(200))];
        let planned = plan(blocks, &base).unwrap();
        let places: Vec<_> = planned.iter().map(|block| (block.number, block.timestamp)).collect();
        assert_eq!(places, [(11, 112), (12, 124), (13, 136), (14, 148), (15, 200)]);

        let error = plan(vec![numbered(Some(10), None)], &base).unwrap_err();
        assert_eq!(error.to_string(), "block numbers must be in order: 10 <= 10");
        let error = plan(vec![numbered(Some(12), Some(112))], &base).unwrap_err();
        assert_eq!(error.to_string(), "block timestamps must be in order: 112 <= 112");
        assert!(plan(vec![numbered(Some(266), None)], &base).is_ok());
        let error = plan(vec![numbered(Some(267), None)], &base).unwrap_err();
        assert!(matches!(error, BlockSimulationError::TooManyBlocks { limit: 256 }));
    }
}
