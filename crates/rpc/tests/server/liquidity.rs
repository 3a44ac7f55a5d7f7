//! Pools and batches with fixed answers.

use alloy_primitives::{Address, B256, U256};
use weir_rpc::{
    BackendError, BatchState, BatchView, BatchesBackend, ListPools, PathHop, PoolView,
    PoolsBackend, QuoteView,
};

pub(crate) struct Pools;

fn pool() -> PoolView {
    PoolView {
        id: Address::repeat_byte(0xaa).to_string(),
        protocol: "v2".to_owned(),
        token0: Address::repeat_byte(1),
        token1: Address::repeat_byte(2),
        fee: 3_000,
        status: "live".to_owned(),
        block_number: 7,
        block_hash: B256::repeat_byte(7),
        reserve0: Some("1000".to_owned()),
        reserve1: Some("2000".to_owned()),
        sqrt_price_x96: None,
        tick: None,
        tick_spacing: None,
        liquidity: None,
        ticks: None,
    }
}

impl PoolsBackend for Pools {
    fn list_pools(&self, request: &ListPools) -> Result<Vec<PoolView>, BackendError> {
        assert!(request.limit.is_some(), "the server sets a limit");
        Ok(vec![pool()])
    }

    fn get_pool(&self, id: &str, block: Option<u64>) -> Result<Option<PoolView>, BackendError> {
        if block.is_some_and(|block| block > 0) {
            return Err(BackendError::refused(
                "block is outside the window: block=1 oldest=0 newest=0",
            ));
        }
        Ok((id == pool().id).then(pool))
    }

    fn quote(&self, path: &[PathHop], amount_in: U256) -> Result<QuoteView, BackendError> {
        assert_eq!(path.len(), 1);
        Ok(QuoteView {
            amount_in: amount_in.to_string(),
            amount_out: (amount_in * U256::from(2)).to_string(),
            block_number: 7,
            block_hash: B256::repeat_byte(7),
            generation: 9,
            hops: Vec::new(),
        })
    }
}

pub(crate) struct Batches;

impl BatchesBackend for Batches {
    fn batches(&self, first: Option<u64>, limit: usize) -> Result<Vec<BatchView>, BackendError> {
        let index = first.unwrap_or(3);
        let batch = BatchView {
            index,
            first_block: 1,
            last_block: 9,
            posted_bytes: 100,
            raw_bytes: 1_000,
            state: BatchState::Sent,
            l1_transaction: Some(B256::repeat_byte(1)),
            l1_block: None,
            attempts: 1,
            last_error: None,
        };
        Ok(vec![batch; limit.min(1)])
    }
}
