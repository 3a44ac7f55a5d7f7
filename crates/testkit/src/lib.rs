#![doc = include_str!("../README.md")]

mod child;
pub use child::Child;

mod fixtures;
pub use fixtures::{Archive, fixtures};

mod peers;
pub use peers::Peers;
