//! The search for the transaction that spoils a block.

use std::ops::Range;

/// The place of the transaction that spoils the block, found by building parts of it; `None` if the whole block is not
/// spoilt when it is built again, or is without any transaction.
///
/// `is_bad` builds a block of a part of what was tried, candidates that were rejected among it, and says whether its
/// witness fails to prove it. First the shortest bad beginning is sought, then its shortest bad end: what that starts
/// with is the transaction without which the rest is good. Takes twice the logarithm of `count` in blocks.
pub(crate) fn find_offender<E>(
    count: usize,
    mut is_bad: impl FnMut(Range<usize>) -> Result<bool, E>,
) -> Result<Option<usize>, E> {
    if !is_bad(0..count)? {
        return Ok(None);
    }
    let (mut good, mut end) = (0, count);
    while good < end {
        let middle = good + (end - good) / 2;
        if is_bad(0..middle)? {
            end = middle;
        } else {
            good = middle + 1;
        }
    }
    let Some(last) = end.checked_sub(1) else { return Ok(None) };
    let (mut start, mut highest) = (0, last);
    while start < highest {
        let middle = start + (highest - start).div_ceil(2);
        if is_bad(middle..end)? {
            start = middle;
        } else {
            highest = middle - 1;
        }
    }
    Ok(Some(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    proptest! {
        /// A transaction spoils any block in which it stands before its victim.
        #[test]
        fn the_cause_is_found_not_the_victim(
            count in 1usize..200,
            cause in any::<prop::sample::Index>(),
            distance in 0usize..5,
        ) {
            let cause = cause.index(count);
            let victim = (cause + distance).min(count - 1);
            let mut built = 0;
            let found = find_offender(count, |part| {
                built += 1;
                Ok::<_, Infallible>(part.contains(&cause) && part.contains(&victim))
            });
            prop_assert_eq!(found, Ok(Some(cause)));
            prop_assert!(built <= 2 * (count.ilog2() + 2), "{} blocks", built);
        }
    }

    #[test]
    fn what_cannot_be_repeated_or_is_always_there_has_no_offender() {
        assert_eq!(find_offender(9, |_| Ok::<_, Infallible>(false)), Ok(None));
        assert_eq!(find_offender(9, |_| Ok::<_, Infallible>(true)), Ok(None));
        assert_eq!(find_offender(0, |_| Ok::<_, Infallible>(true)), Ok(None));
        assert_eq!(find_offender(2, |_| Err::<bool, _>("disk")), Err("disk"));
    }
}
