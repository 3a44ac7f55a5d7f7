//! A bounded queue that serves clients in turn.

use alloy_primitives::map::HashMap;
use std::{collections::VecDeque, hash::Hash};

/// Items by client. Each client gets its turn, however much another one has put in; when the queue is full, the client
/// with the most items makes room.
#[derive(Debug)]
pub(super) struct FairQueue<K, T> {
    waiting: HashMap<K, VecDeque<T>>,
    /// The clients that have items, each once.
    turns: VecDeque<K>,
    len: usize,
    capacity: usize,
}

impl<K: Eq + Hash + Copy, T> FairQueue<K, T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { waiting: HashMap::default(), turns: VecDeque::new(), len: 0, capacity }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Puts an item behind those of the same client. Answers the item that had to go for it, if one had to.
    ///
    /// # Errors
    /// The item itself if the queue is full and no other client has more in it.
    pub(super) fn push(&mut self, key: K, item: T) -> Result<Option<T>, T> {
        let mut evicted = None;
        if self.len >= self.capacity {
            let own = self.waiting.get(&key).map_or(0, VecDeque::len);
            let longest = self.waiting.values_mut().max_by_key(|items| items.len());
            match longest {
                Some(longest) if longest.len() > own + 1 => evicted = longest.pop_back(),
                _ => return Err(item),
            }
            self.len -= 1;
        }
        let items = self.waiting.entry(key).or_default();
        if items.is_empty() {
            self.turns.push_back(key);
        }
        items.push_back(item);
        self.len += 1;
        Ok(evicted)
    }

    /// The oldest item of the client whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let key = self.turns.pop_front()?;
        let items = self.waiting.get_mut(&key)?;
        let item = items.pop_front();
        if items.is_empty() {
            self.waiting.remove(&key);
        } else {
            self.turns.push_back(key);
        }
        self.len -= usize::from(item.is_some());
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_client_with_few_items_does_not_wait_for_one_with_many() {
        let mut queue = FairQueue::new(10);
        for item in 0..10 {
            assert_eq!(queue.push('a', ('a', item)), Ok(None));
        }
        assert_eq!(queue.push('a', ('a', 10)), Err(('a', 10)));
        assert_eq!(queue.push('b', ('b', 0)), Ok(Some(('a', 9))));
        assert_eq!(queue.pop(), Some(('a', 0)));
        assert_eq!(queue.pop(), Some(('b', 0)));
        assert_eq!(queue.pop(), Some(('a', 1)));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_each_client_keeps_its_order(
            steps in proptest::collection::vec(proptest::option::weighted(0.7, 0_u8..4), 0..300),
            capacity in 1_usize..8,
        ) {
            let mut queue = FairQueue::new(capacity);
            let (mut put, mut gone, mut last) = (0_usize, 0_usize, [None; 4]);
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Some(client) => {
                        put += 1;
                        match queue.push(client, (client, number)) {
                            Ok(evicted) => gone += usize::from(evicted.is_some()),
                            Err(_) => gone += 1,
                        }
                    }
                    None => {
                        if let Some((client, number)) = queue.pop() {
                            gone += 1;
                            let last = &mut last[usize::from(client)];
                            prop_assert!(last.is_none_or(|last| last < number));
                            *last = Some(number);
                        }
                    }
                }
                prop_assert!(queue.len() <= capacity);
                prop_assert_eq!(put - gone, queue.len());
            }
            while queue.pop().is_some() {
                gone += 1;
            }
            prop_assert_eq!(put, gone);
            prop_assert_eq!(queue.len(), 0);
        }
    }
}
