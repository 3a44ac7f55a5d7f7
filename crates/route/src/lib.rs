#![doc = include_str!("../README.md")]

mod error;
pub use error::RouteError;

mod path;
pub use path::{HOPS_MAX, Hop, Path};

mod quote;
pub use quote::{HopQuote, Quote, quote};
