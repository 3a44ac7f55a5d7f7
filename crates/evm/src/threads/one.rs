//! Rayon's names where there is one thread.

/// Does one thing, then the other.
pub(crate) fn join<A, B>(left: impl FnOnce() -> A, right: impl FnOnce() -> B) -> (A, B) {
    (left(), right())
}

/// Iterators that take one item after the other.
pub(crate) mod prelude {
    use core::slice;

    pub(crate) trait Each<T> {
        fn par_iter(&self) -> slice::Iter<'_, T>;
    }

    impl<T> Each<T> for [T] {
        fn par_iter(&self) -> slice::Iter<'_, T> {
            self.iter()
        }
    }

    pub(crate) trait MinLen: Sized {
        fn with_min_len(self, _len: usize) -> Self {
            self
        }
    }

    impl<I: Iterator> MinLen for I {}
}
