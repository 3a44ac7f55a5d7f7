//! Pools and batches with fixed answers.

use alloy_primitives::{Address, B256, U256};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::sync::broadcast;
use weir_rpc::{
    BackendError, BatchState, BatchView, BatchesBackend, BestRouteRequest, BestRouteView, GateView,
    ListOpportunities, ListPools, LocatedPrice, OpportunitiesView, OpportunityChangesView,
    OrderBookRequest, OrderBookView, PathHop, PoolBlock, PoolUnusable, PoolUpdatesView, PoolView,
    PoolsBackend, PoolsReceiver, QuoteView, Readiness,
};

/// Updates a receiver may fall behind.
const UPDATES: usize = 4;

pub(crate) struct Pools {
    pub(crate) updates: broadcast::Sender<Arc<PoolUpdatesView>>,
    pub(crate) changes: broadcast::Sender<Arc<OpportunityChangesView>>,
    pub(crate) gates: broadcast::Sender<Arc<GateView>>,
    pub(crate) ready: Mutex<Readiness>,
    /// What is answered about the price of a pool.
    pub(crate) prices: Mutex<BTreeMap<String, Result<LocatedPrice, PoolUnusable>>>,
}

impl Default for Pools {
    fn default() -> Self {
        Self {
            updates: broadcast::Sender::new(UPDATES),
            changes: broadcast::Sender::new(UPDATES),
            gates: broadcast::Sender::new(UPDATES),
            ready: Mutex::new(Readiness::Ready),
            prices: Mutex::default(),
        }
    }
}

pub(crate) fn gate() -> GateView {
    GateView {
        chain_id: 1,
        state: "live".to_owned(),
        reason: "live".to_owned(),
        block_number: Some(7),
        block_hash: Some(B256::repeat_byte(7)),
        live_pools: 1,
        pools: Vec::new(),
    }
}

pub(crate) fn pool() -> PoolView {
    PoolView {
        chain_id: 1,
        accuracy: "A".to_owned(),
        accuracy_reason: None,
        manager: None,
        hooks: None,
        fees: None,
        id: Address::repeat_byte(0xaa).to_string(),
        protocol: "v2".to_owned(),
        token0: Address::repeat_byte(1),
        token1: Address::repeat_byte(2),
        fee: 3_000,
        status: "live".to_owned(),
        block_number: 7,
        block_hash: Some(B256::repeat_byte(7)),
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

    fn get_pool(&self, id: &str, block: PoolBlock) -> Result<Option<PoolView>, BackendError> {
        if matches!(block, PoolBlock::Number(1..)) {
            return Err(BackendError::refused(
                "block is outside the window: block=1 oldest=0 newest=0",
            ));
        }
        let open = PoolView { block_number: 8, block_hash: None, ..pool() };
        let held = if block == PoolBlock::Pending { open } else { pool() };
        Ok((id == pool().id).then_some(held))
    }

    fn quote(
        &self,
        path: &[PathHop],
        amount_in: U256,
        block: PoolBlock,
    ) -> Result<QuoteView, BackendError> {
        assert_eq!(path.len(), 1);
        Ok(QuoteView {
            amount_in: amount_in.to_string(),
            amount_out: (amount_in * U256::from(2)).to_string(),
            block_number: 7,
            block_hash: (block != PoolBlock::Pending).then_some(B256::repeat_byte(7)),
            generation: 9,
            hops: Vec::new(),
        })
    }

    fn price_of(&self, id: &str) -> Result<LocatedPrice, PoolUnusable> {
        let prices = self.prices.lock().unwrap();
        let unknown = || PoolUnusable::Unknown { pool: id.to_owned() };
        prices.get(id).cloned().unwrap_or_else(|| Err(unknown()))
    }

    fn chains(&self) -> Vec<u64> {
        vec![1, 10]
    }

    fn best_route(
        &self,
        request: &BestRouteRequest,
        block: PoolBlock,
    ) -> Result<BestRouteView, BackendError> {
        assert!(request.max_hops.is_none_or(|hops| hops <= 4));
        Ok(BestRouteView {
            chain_id: 1,
            block_number: 7,
            block_hash: (block != PoolBlock::Pending).then_some(B256::repeat_byte(7)),
            generation: 9,
            amount_in: request.amount_in.to_string(),
            amount_out: "5".to_owned(),
            gas: 100_000,
            bound: None,
            is_exhaustive: true,
            legs: Vec::new(),
        })
    }

    fn order_book(
        &self,
        request: &OrderBookRequest,
        block: PoolBlock,
    ) -> Result<OrderBookView, BackendError> {
        let base = request.base;
        let reason = format!("no live pool trades the pair: base={base} block={block:?}");
        Err(BackendError::refused(reason))
    }

    fn opportunities(
        &self,
        request: &ListOpportunities,
    ) -> Result<OpportunitiesView, BackendError> {
        assert!(request.limit.is_some(), "the server sets a limit");
        Ok(OpportunitiesView {
            chain_id: 1,
            block_number: 7,
            block_hash: Some(B256::repeat_byte(7)),
            steps: None,
            cycles: 3,
            is_truncated: false,
            bases: Vec::new(),
            opportunities: Vec::new(),
        })
    }

    fn gate(&self, chain_id: Option<u64>, _pools_max: usize) -> Result<GateView, BackendError> {
        match chain_id {
            None | Some(1) => Ok(gate()),
            Some(other) => Err(BackendError::refused(format!("chain is not followed: {other}"))),
        }
    }

    fn readiness(&self) -> Readiness {
        self.ready.lock().unwrap().clone()
    }

    fn subscribe_pools(&self) -> PoolsReceiver<PoolUpdatesView> {
        self.updates.subscribe()
    }

    fn subscribe_opportunities(&self) -> PoolsReceiver<OpportunityChangesView> {
        self.changes.subscribe()
    }

    fn subscribe_gate(&self) -> PoolsReceiver<GateView> {
        self.gates.subscribe()
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
