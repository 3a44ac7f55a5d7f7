//! Threads, and what they share.
//!
//! Without `std` there is one thread: what could be done at once is done one after the other, and locks spin, which
//! nobody ever waits for.

#[cfg(not(feature = "std"))]
mod one;

#[cfg(feature = "std")]
pub(crate) use {
    parking_lot::{Mutex, RwLock},
    rayon::{join, prelude},
    std::sync::LazyLock,
};

#[cfg(not(feature = "std"))]
pub(crate) use {
    one::{join, prelude},
    spin::{LazyLock, Mutex, RwLock},
};
