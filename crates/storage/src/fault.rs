//! What can go wrong on a disk, for tests of what is written there.

use proptest::prelude::*;

/// What goes wrong at one operation of the disk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// A part of the bytes is written, in 256ths, and then there is no room.
    Full(u8),
    /// The operation fails and does nothing; a sync may have written all the same.
    Broken,
}

pub(crate) fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::None),
        2 => any::<u8>().prop_map(Fault::Full),
        1 => Just(Fault::Broken),
    ]
}
