//! Reorgs of the own chain: in memory and on disk, stepped by hand, and through the server.

mod node;

mod bundles;
mod conditional;
mod depths;
mod faults;
mod options;
mod promised;
mod random;
mod self_check;
mod served;
mod statuses;
