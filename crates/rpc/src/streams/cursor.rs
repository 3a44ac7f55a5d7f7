//! A place in a stream.

use std::{fmt, num::ParseIntError, str::FromStr};

/// The last thing a client got: after it, the stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamCursor {
    /// Which run of which node numbered the events.
    pub(crate) epoch: u32,
    /// Number of the event in its stream.
    pub(crate) sequence: u64,
    /// Which of the notifications that the event gave to this client.
    pub(crate) part: u32,
}

impl fmt::Display for StreamCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:x}-{:x}", self.epoch, self.sequence, self.part)
    }
}

impl FromStr for StreamCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('-');
        let mut next = || parts.next().filter(|part| part.bytes().all(|b| b.is_ascii_hexdigit()));
        let (epoch, sequence, part) = (next(), next(), next());
        let ignored = |_: ParseIntError| ();
        let cursor = Self {
            epoch: u32::from_str_radix(epoch.ok_or(())?, 16).map_err(ignored)?,
            sequence: u64::from_str_radix(sequence.ok_or(())?, 16).map_err(ignored)?,
            part: u32::from_str_radix(part.ok_or(())?, 16).map_err(ignored)?,
        };
        if parts.next().is_some() { Err(()) } else { Ok(cursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cursors_are_read_back(epoch: u32, sequence: u64, part: u32) {
            let cursor = StreamCursor { epoch, sequence, part };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn other_text_is_refused(text in "[0-9a-f+-]{0,12}") {
            if let Ok(cursor) = text.parse::<StreamCursor>() {
                prop_assert_eq!(text.split('-').count(), 3, "{}", cursor);
            }
        }
    }
}
