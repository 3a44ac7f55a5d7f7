//! Work on the threads that are free: rayon's iterators.
//!
//! Without `std` there is one thread, and rayon's names stand for iterators that take one item after the other.

pub(crate) mod prelude {
    #[cfg(feature = "std")]
    pub(crate) use rayon::prelude::*;

    #[cfg(not(feature = "std"))]
    pub(crate) use super::one::{Chunks, Each, EachMut, FlatMapIter};
}

#[cfg(not(feature = "std"))]
mod one {
    use core::{iter, slice};

    pub(crate) trait Each: IntoIterator + Sized {
        fn into_par_iter(self) -> Self::IntoIter {
            self.into_iter()
        }
    }

    impl<I: IntoIterator> Each for I {}

    pub(crate) trait EachMut<'a> {
        type Iter: Iterator;

        fn par_iter_mut(&'a mut self) -> Self::Iter;
    }

    impl<'a, C: ?Sized + 'a> EachMut<'a> for C
    where
        &'a mut C: IntoIterator,
    {
        type Iter = <&'a mut C as IntoIterator>::IntoIter;

        fn par_iter_mut(&'a mut self) -> Self::Iter {
            self.into_iter()
        }
    }

    pub(crate) trait Chunks<T> {
        fn par_chunks(&self, len: usize) -> slice::Chunks<'_, T>;
    }

    impl<T> Chunks<T> for [T] {
        fn par_chunks(&self, len: usize) -> slice::Chunks<'_, T> {
            self.chunks(len)
        }
    }

    pub(crate) trait FlatMapIter: Iterator + Sized {
        fn flat_map_iter<I: IntoIterator, F: FnMut(Self::Item) -> I>(
            self,
            each: F,
        ) -> iter::FlatMap<Self, I, F> {
            self.flat_map(each)
        }
    }

    impl<I: Iterator> FlatMapIter for I {}
}
