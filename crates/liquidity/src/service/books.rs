//! Order books as the server shows them, kept until a pool of the pair changes.

use super::{
    events::is_changed,
    paths::{graph, refused},
    pools::with_cause,
};
use crate::{LiquidityView, PathsView, gate_check};
use std::sync::Arc;
use weir_arena::PoolSnapshot;
use weir_route::{BookLevel, BookSide, OrderBook, OrderBookOptions, OrderBooks};
use weir_rpc::{BackendError, DepthView, LevelView, OrderBookRequest, OrderBookView};

/// The books of one chain, and the snapshot that they are of.
#[derive(Debug, Default)]
pub(super) struct Books {
    held: OrderBooks,
    snapshot: Option<Arc<PoolSnapshot>>,
}

impl Books {
    /// The book of a pair; it is made again only after one of the pair's pools has changed.
    pub(super) fn show(
        &mut self,
        view: &LiquidityView,
        paths: Option<&PathsView>,
        request: &OrderBookRequest,
    ) -> Result<OrderBookView, BackendError> {
        gate_check(view, []).map_err(|refusal| refused(&refusal))?;
        self.follow(&view.head);
        let defaults = OrderBookOptions::default();
        let options = OrderBookOptions {
            levels_max: request.levels.unwrap_or(defaults.levels_max),
            depth_bps: request.depth_bps.unwrap_or(defaults.depth_bps),
        };
        let (pair, graph) = ((request.base, request.quote), graph(view, paths));
        let book = self.held.get(&view.head, &graph, pair, options);
        let book = book.map_err(|error| BackendError::refused(with_cause(&error)))?;
        let block = view.head.tip().unwrap_or_default();
        Ok(OrderBookView {
            block_number: block.number,
            block_hash: block.hash,
            ..book_view(view.head.chain_id(), &book)
        })
    }

    /// Forgets the books of pools that differ from the snapshot before.
    fn follow(&mut self, head: &Arc<PoolSnapshot>) {
        if let Some(old) = self.snapshot.replace(Arc::clone(head)) {
            let changed = head.pools().filter(|(idx, pool)| is_changed(&old, *idx, pool));
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
        block_hash: Default::default(),
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
