//! Order books as the server shows them, kept until a pool of the pair changes.

use super::{
    events::is_changed,
    paths::{graph, refused},
    pools::{at, hash_of, with_cause},
};
use crate::{LiquidityView, PathsView, gate_check};
use std::sync::Arc;
use weir_arena::PoolSnapshot;
use weir_route::{BookLevel, BookSide, OrderBook, OrderBookOptions, OrderBooks};
use weir_rpc::{BackendError, DepthView, LevelView, OrderBookRequest, OrderBookView, PoolBlock};

/// The books of one chain, and the snapshot that they are of.
#[derive(Debug, Default)]
pub(super) struct Books {
    held: OrderBooks,
    snapshot: Option<Arc<PoolSnapshot>>,
}

impl Books {
    /// The book of a pair after a block; it is made again only if a pool of the pair is not as it was when last asked for.
    pub(super) fn show(
        &mut self,
        view: &LiquidityView,
        paths: Option<&PathsView>,
        request: &OrderBookRequest,
        block: PoolBlock,
    ) -> Result<OrderBookView, BackendError> {
        gate_check(view, []).map_err(|refusal| refused(&refusal))?;
        let pools = at(view, block)?;
        self.follow(pools);
        let defaults = OrderBookOptions::default();
        let options = OrderBookOptions {
            levels_max: request.levels.unwrap_or(defaults.levels_max),
            depth_bps: request.depth_bps.unwrap_or(defaults.depth_bps),
        };
        let (pair, graph) = ((request.base, request.quote), graph(pools, paths));
        let book = self.held.get(pools, &graph, pair, options);
        let book = book.map_err(|error| BackendError::refused(with_cause(&error)))?;
        let block = pools.tip().unwrap_or_default();
        Ok(OrderBookView {
            block_number: block.number,
            block_hash: hash_of(&block),
            ..book_view(view.head.chain_id(), &book)
        })
    }

    /// Forgets the books of pools that differ from the snapshot before.
    fn follow(&mut self, pools: &Arc<PoolSnapshot>) {
        if let Some(old) = self.snapshot.replace(Arc::clone(pools)) {
            let changed = pools.pools().filter(|(idx, pool)| is_changed(&old, *idx, pool));
            let dirty: Vec<_> = changed.map(|(idx, _)| idx).collect();
            self.held.invalidate(&dirty);
        }
    }
}

/// The book without its block: it holds until a pool of it changes.
fn book_view(chain_id: u64, book: &OrderBook) -> OrderBookView {
    OrderBookView {
        chain_id,
        block_number: 0,
        block_hash: None,
        base: book.base,
        quote: book.quote,
        mid: book.mid,
        spread_bps: book.spread_bps,
        bid_depth: depth_view(&book.bids),
        ask_depth: depth_view(&book.asks),
        pools: book.pools as u64,
        pools_left_out: book.pools_left_out as u64,
        bids: book.bids.levels.iter().map(level_view).collect(),
        asks: book.asks.levels.iter().map(level_view).collect(),
    }
}

const fn level_view(level: &BookLevel) -> LevelView {
    LevelView { price: level.price, base: level.base, quote: level.quote }
}

fn depth_view(side: &BookSide) -> DepthView {
    DepthView {
        amount_in: side.depth.amount_in.to_string(),
        amount_out: side.depth.amount_out.to_string(),
    }
}
