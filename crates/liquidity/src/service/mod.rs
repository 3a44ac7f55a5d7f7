//! What the JSON-RPC server asks of the engines of all chains.

mod books;
mod events;
mod gate;
mod paths;
mod pools;

use crate::{
    LiquidityError, LiquidityHandle, LiquiditySet, LiquidityView, PathsHandle, SetError,
    service::{books::Books, events::Publisher},
};
use alloy_primitives::U256;
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::broadcast;
use weir_arena::PoolKey;
use weir_rpc::{
    BackendError, BestRouteRequest, BestRouteView, GateView, ListOpportunities, ListPools,
    LocatedPrice, OpportunitiesView, OpportunityChangesView, OrderBookRequest, OrderBookView,
    PathHop, PoolBlock, PoolUnusable, PoolUpdatesView, PoolView, PoolsBackend, PoolsReceiver,
    QuoteView, Readiness,
};
use weir_runtime::{Scope, Shutdown};

/// Events that a subscriber may be behind before it is cut with a notice.
const EVENTS_QUEUE: usize = 1_024;

/// The pools, paths and events of all chains that one process follows.
#[derive(Debug)]
pub struct LiquidityService {
    pools: LiquiditySet,
    paths: BTreeMap<u64, PathsHandle>,
    books: BTreeMap<u64, parking_lot::Mutex<Books>>,
    updates: broadcast::Sender<Arc<PoolUpdatesView>>,
    changes: broadcast::Sender<Arc<OpportunityChangesView>>,
    gates: broadcast::Sender<Arc<GateView>>,
}

impl LiquidityService {
    /// A service for the chains of these engines, each with its paths.
    ///
    /// # Errors
    /// If two are of the same chain.
    pub fn new(
        chains: impl IntoIterator<Item = (LiquidityHandle, PathsHandle)>,
    ) -> Result<Arc<Self>, SetError> {
        let mut service = Self::empty();
        for (handle, paths) in chains {
            service.paths.insert(handle.chain_id(), paths);
            service.join(handle)?;
        }
        Ok(Arc::new(service))
    }

    /// A service of one chain's pools, without a search for paths.
    pub fn pools_only(handle: LiquidityHandle) -> Arc<Self> {
        let mut service = Self::empty();
        service.join(handle).expect("an empty set has room for any chain");
        Arc::new(service)
    }

    fn empty() -> Self {
        Self {
            pools: LiquiditySet::new(),
            paths: BTreeMap::new(),
            books: BTreeMap::new(),
            updates: broadcast::Sender::new(EVENTS_QUEUE),
            changes: broadcast::Sender::new(EVENTS_QUEUE),
            gates: broadcast::Sender::new(EVENTS_QUEUE),
        }
    }

    fn join(&mut self, handle: LiquidityHandle) -> Result<(), SetError> {
        self.books.insert(handle.chain_id(), parking_lot::Mutex::default());
        self.pools.insert(handle)
    }

    /// The engines.
    pub const fn pools(&self) -> &LiquiditySet {
        &self.pools
    }

    /// Hands what the engines publish to subscribers until shutdown.
    ///
    /// # Errors
    /// Never; the result is what a task set wants.
    pub async fn publish(self: Arc<Self>, shutdown: Shutdown) -> Result<(), LiquidityError> {
        let mut tasks = tokio::task::JoinSet::new();
        for (chain_id, handle) in self.pools.iter() {
            let publisher = Publisher::new(Arc::clone(&self), handle.clone());
            tasks.spawn(publisher.run(shutdown.clone()));
            if let Some(paths) = self.paths.get(&chain_id) {
                tasks.spawn(events::forward_paths(
                    Arc::clone(&self),
                    paths.clone(),
                    shutdown.clone(),
                ));
            }
        }
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(|_| LiquidityError::Panicked)?;
        }
        Ok(())
    }

    /// The engine of a chain, or of the only one.
    fn handle(&self, chain_id: Option<u64>) -> Result<&LiquidityHandle, BackendError> {
        let unknown =
            |chain_id| BackendError::refused(format!("chain is not followed: chain={chain_id}"));
        if let Some(chain_id) = chain_id {
            return self.pools.get(chain_id).ok_or_else(|| unknown(chain_id));
        }
        let mut all = self.pools.iter();
        match (all.next(), all.next()) {
            (Some((_, handle)), None) => Ok(handle),
            (None, _) => Err(BackendError::refused("no chain is followed")),
            (Some(_), Some(_)) => {
                Err(BackendError::refused("several chains are followed: name one by chainId"))
            }
        }
    }

    fn view(&self, chain_id: Option<u64>) -> Result<Arc<LiquidityView>, BackendError> {
        Ok(self.handle(chain_id)?.view())
    }
}

impl PoolsBackend for LiquidityService {
    fn chains(&self) -> Vec<u64> {
        self.pools.iter().map(|(chain_id, _)| chain_id).collect()
    }

    fn list_pools(&self, request: &ListPools) -> Result<Vec<PoolView>, BackendError> {
        let views: Vec<_> = match request.chain_id {
            Some(chain_id) => vec![self.view(Some(chain_id))?],
            None => self.pools.iter().map(|(_, handle)| handle.view()).collect(),
        };
        let mut listed = Vec::new();
        for view in views {
            listed.extend(pools::list(&view, request)?);
        }
        let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let (offset, limit) =
            (request.offset.map_or(0, whole), request.limit.map_or(usize::MAX, whole));
        Ok(listed.into_iter().skip(offset).take(limit).collect())
    }

    fn get_pool(&self, id: &str, block: PoolBlock) -> Result<Option<PoolView>, BackendError> {
        let (chain_id, id) = pools::parse_id(id)?;
        let handle = self.handle(chain_id)?;
        let key = PoolKey { chain_id: handle.chain_id(), id };
        pools::get(&handle.view(), handle.spill().map(|spill| &**spill), &key, block)
    }

    fn quote(
        &self,
        path: &[PathHop],
        amount_in: U256,
        block: PoolBlock,
    ) -> Result<QuoteView, BackendError> {
        let mut chain_id = None;
        for hop in path {
            match pools::parse_id(&hop.pool)?.0 {
                Some(named) if chain_id.is_some_and(|chain_id| chain_id != named) => {
                    return Err(BackendError::refused("hops are of different chains"));
                }
                Some(named) => chain_id = Some(named),
                None => {}
            }
        }
        pools::quote_path(&*self.view(chain_id)?, path, amount_in, block)
    }

    fn price_of(&self, id: &str) -> Result<LocatedPrice, PoolUnusable> {
        let misnamed = |error: BackendError| PoolUnusable::Misnamed { reason: error.to_string() };
        let (chain_id, pool) = pools::parse_id(id).map_err(misnamed)?;
        let view =
            self.view(chain_id).map_err(|_| PoolUnusable::Unknown { pool: id.to_owned() })?;
        pools::price_of(&view, pool, id)
    }

    fn best_route(
        &self,
        request: &BestRouteRequest,
        block: PoolBlock,
    ) -> Result<BestRouteView, BackendError> {
        let view = self.view(request.chain_id)?;
        let paths = self.paths.get(&view.head.chain_id()).map(PathsHandle::view);
        paths::best_route(&view, paths.as_deref(), request, block)
    }

    fn order_book(
        &self,
        request: &OrderBookRequest,
        block: PoolBlock,
    ) -> Result<OrderBookView, BackendError> {
        let view = self.view(request.chain_id)?;
        let books = self.books.get(&view.head.chain_id());
        let books = books.ok_or_else(|| BackendError::refused("chain is not followed"))?;
        let paths = self.paths.get(&view.head.chain_id()).map(PathsHandle::view);
        books.lock().show(&view, paths.as_deref(), request, block)
    }

    fn opportunities(
        &self,
        request: &ListOpportunities,
    ) -> Result<OpportunitiesView, BackendError> {
        let view = self.view(request.chain_id)?;
        let paths = self.paths.get(&view.head.chain_id());
        if let Some(halt) = paths.and_then(PathsHandle::halt) {
            let scope = Scope::Searching.name();
            return Err(BackendError::Halted { scope, reason: halt.reason });
        }
        let paths = paths.map(PathsHandle::view);
        paths::opportunities(&view, paths.as_deref(), request)
    }

    fn gate(&self, chain_id: Option<u64>, pools_max: usize) -> Result<GateView, BackendError> {
        Ok(gate::gate_view(&*self.view(chain_id)?, pools_max))
    }

    fn readiness(&self) -> Readiness {
        gate::readiness(&self.pools)
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
