//! The EVM that a thread used last and may use again. Without `std`, threads keep nothing.

#[cfg(feature = "std")]
mod kept {
    use crate::machine::Machine;
    use std::cell::Cell;

    thread_local! {
        /// Buffers and instruction table. No state: its journal is empty and its overlay vacant. Boxed: it is large, and
        /// taken and put back for each transaction.
        static IDLE: Cell<Option<Box<Machine>>> = const { Cell::new(None) };
    }

    pub(crate) fn take() -> Option<Box<Machine>> {
        IDLE.take()
    }

    pub(crate) fn keep(machine: Box<Machine>) {
        IDLE.set(Some(machine));
    }
}

#[cfg(not(feature = "std"))]
mod kept {
    use crate::machine::Machine;
    use alloc::boxed::Box;

    pub(crate) const fn take() -> Option<Box<Machine>> {
        None
    }

    pub(crate) fn keep(_machine: Box<Machine>) {}
}

pub(super) use kept::{keep, take};
