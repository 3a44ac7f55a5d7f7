//! Following: a real node that reorgs, connections that are cut, and a node that lies.

mod cut;
mod lies;
mod model;
mod nasty;
mod random;
mod reorgs;
mod start;
