//! Books kept until a pool of theirs changes.

use crate::{OrderBook, OrderBookOptions, RouteError, TokenGraph, order_book};
use alloy_primitives::{Address, map::HashMap};
use std::sync::Arc;
use weir_arena::{PoolIdx, PoolSnapshot};

/// Books kept at most; the one not asked for longest makes room.
pub const DEFAULT_BOOKS_MAX: usize = 1024;

/// A pair, base first, and what of its book is wanted.
type BookKey = (Address, Address, OrderBookOptions);

#[derive(Debug, Clone)]
struct Entry {
    book: Arc<OrderBook>,
    asked: u64,
}

/// A cache of [`order_book`]. A book is made again only after one of its pools has changed.
#[derive(Debug, Clone)]
pub struct OrderBooks {
    books: HashMap<BookKey, Entry>,
    by_pool: HashMap<PoolIdx, Vec<BookKey>>,
    topology: u64,
    books_max: usize,
    asked: u64,
}

impl Default for OrderBooks {
    fn default() -> Self {
        Self::new(DEFAULT_BOOKS_MAX)
    }
}

impl OrderBooks {
    /// A cache of so many books; at least one.
    pub fn new(books_max: usize) -> Self {
        Self {
            books: HashMap::default(),
            by_pool: HashMap::default(),
            topology: 0,
            books_max: books_max.max(1),
            asked: 0,
        }
    }

    /// Forgets the books of pools that changed, in state or in status.
    pub fn invalidate(&mut self, dirty: &[PoolIdx]) {
        for pool in dirty {
            for key in self.by_pool.remove(pool).unwrap_or_default() {
                self.books.remove(&key);
            }
        }
    }

    /// Number of books held.
    pub fn len(&self) -> usize {
        self.books.len()
    }

    /// Whether no book is held.
    pub fn is_empty(&self) -> bool {
        self.books.is_empty()
    }

    /// The pair's book, made if it is not held. Every change since the last call must have been told to
    /// [`Self::invalidate`]; another topology empties the cache by itself.
    pub fn get(
        &mut self,
        snapshot: &PoolSnapshot,
        graph: &TokenGraph,
        (base, quote): (Address, Address),
        options: OrderBookOptions,
    ) -> Result<Arc<OrderBook>, RouteError> {
        graph.require_of(snapshot)?;
        if self.topology != snapshot.topology() {
            self.books.clear();
            self.by_pool.clear();
            self.topology = snapshot.topology();
        }
        self.asked += 1;
        let key = (base, quote, options);
        if let Some(entry) = self.books.get_mut(&key) {
            entry.asked = self.asked;
            return Ok(Arc::clone(&entry.book));
        }
        let book = Arc::new(order_book(snapshot, graph, (base, quote), options)?);
        self.make_room();
        for pool in graph.pools_between(base, quote) {
            let keys = self.by_pool.entry(pool).or_default();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        self.books.insert(key, Entry { book: Arc::clone(&book), asked: self.asked });
        Ok(book)
    }

    fn make_room(&mut self) {
        if self.books.len() < self.books_max {
            return;
        }
        let oldest = self.books.iter().min_by_key(|(_, entry)| entry.asked).map(|(key, _)| *key);
        if let Some(oldest) = oldest {
            self.books.remove(&oldest);
            self.by_pool.retain(|_, keys| {
                keys.retain(|key| *key != oldest);
                !keys.is_empty()
            });
        }
    }
}
