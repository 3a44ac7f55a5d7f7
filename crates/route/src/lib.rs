#![doc = include_str!("../README.md")]

mod error;
pub use error::RouteError;

mod path;
pub use path::{HOPS_MAX, Hop, Path};

mod quote;
pub use quote::{HopQuote, Quote, quote};

mod float;

mod gas;
pub use gas::{GasSchedule, GasTerms, TokenPrice};

mod graph;
pub use graph::TokenGraph;

mod cycles;
pub use cycles::{
    CYCLE_HOPS_MAX, CycleOptions, CycleSet, CyclesTruncated, DEFAULT_CYCLES_MAX, TruncationCause,
};

mod curve_cache;
mod sizing;

mod simulate;

mod opportunity;
pub use opportunity::{
    Gone, Opportunity, OpportunityDelta, OpportunityHop, OpportunityHops, OpportunityId,
    PathCoverage,
};

mod evaluation;
mod held;
mod universe;

mod engine;
pub use engine::{BaseToken, PathEngine, PathOptions};

mod search;
mod split;

mod planner;
mod route;
pub use route::{
    Conversion, ROUTE_HOPS_MAX, ROUTE_SPLITS_MAX, Route, RouteGas, RouteLeg, RouteOptions,
    best_route, cheapest_route,
};

mod order_book;
pub use order_book::{
    BookDepth, BookLevel, BookSide, DEPTH_BPS_MAX, LEVELS_MAX, OrderBook, OrderBookOptions,
    order_book,
};

mod order_books;
pub use order_books::{DEFAULT_BOOKS_MAX, OrderBooks};
