//! The newest events of a stream.

use super::StreamCursor;
use crate::error::{PRUNED_HISTORY, RpcError};
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::broadcast;

/// What a follower of a stream is told.
#[derive(Debug, Clone)]
pub(crate) enum Told<L> {
    /// An event and its number.
    Event(u64, L),
    /// The server itself missed so many events: nobody can go on over them.
    Gap(u64),
}

/// A client's way through a stream: first what it missed, then what comes.
pub(crate) struct Following<L, K> {
    /// Events by number, as they are kept.
    pub(crate) missed: Vec<(u64, K)>,
    /// Those after them.
    pub(crate) live: broadcast::Receiver<Told<L>>,
}

/// A stream of events `L`, the newest of which are kept as `K`.
#[derive(Debug)]
pub(crate) struct Ring<L, K> {
    epoch: u32,
    capacity: usize,
    weigh: fn(&K) -> usize,
    kept: Mutex<Kept<K>>,
    live: broadcast::Sender<Told<L>>,
}

#[derive(Debug)]
struct Kept<K> {
    /// The number of the next event.
    next: u64,
    /// Those before it, oldest first, without a hole.
    events: VecDeque<K>,
    /// What they weigh together.
    weight: usize,
}

impl<K> Kept<K> {
    fn oldest(&self) -> u64 {
        self.next - self.events.len() as u64
    }
}

impl<L: Clone, K: Clone> Ring<L, K> {
    /// An empty stream that keeps `capacity` events, of which a live follower may be `live` behind.
    pub(crate) fn new(epoch: u32, capacity: usize, live: usize) -> Self {
        Self::weighed(epoch, capacity, live, |_| 1)
    }

    /// An empty stream that keeps events which together weigh at most `capacity`, and the newest whatever it weighs.
    pub(crate) fn weighed(
        epoch: u32,
        capacity: usize,
        live: usize,
        weigh: fn(&K) -> usize,
    ) -> Self {
        let kept = Mutex::new(Kept { next: 0, events: VecDeque::new(), weight: 0 });
        Self { epoch, capacity, weigh, kept, live: broadcast::Sender::new(live) }
    }

    pub(crate) const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Adds an event.
    pub(crate) fn append(&self, event: L, kept: K) {
        let mut state = self.kept.lock();
        state.weight += (self.weigh)(&kept);
        state.events.push_back(kept);
        while state.weight > self.capacity && state.events.len() > 1 {
            self.forget_oldest(&mut state);
        }
        let number = state.next;
        state.next += 1;
        // Under the lock, so that who begins to follow gets each event once. It fails if nobody listens.
        let _ = self.live.send(Told::Event(number, event));
    }

    /// Leaves out events that the server missed.
    pub(crate) fn skip(&self, missed: u64) {
        let mut state = self.kept.lock();
        state.events.clear();
        state.weight = 0;
        state.next += missed;
        // As above.
        let _ = self.live.send(Told::Gap(missed));
    }

    /// Forgets the kept events before the newest `count`.
    pub(crate) fn keep_newest(&self, count: usize) {
        let mut state = self.kept.lock();
        while state.events.len() > count {
            self.forget_oldest(&mut state);
        }
    }

    fn forget_oldest(&self, state: &mut Kept<K>) {
        if let Some(forgotten) = state.events.pop_front() {
            state.weight -= (self.weigh)(&forgotten);
        }
    }

    /// Begins to follow: from now on, or from the event of `cursor` on (of which the client may have some parts).
    ///
    /// # Errors
    /// 4444 if the event of the cursor is no longer kept, -32602 if there was none.
    pub(crate) fn follow(
        &self,
        cursor: Option<&StreamCursor>,
    ) -> Result<Following<L, K>, RpcError> {
        let state = self.kept.lock();
        let live = self.live.subscribe();
        let Some(cursor) = cursor else { return Ok(Following { missed: Vec::new(), live }) };
        let oldest = state.oldest();
        if cursor.epoch != self.epoch {
            return Err(too_old("it is of another run of the node"));
        }
        if cursor.sequence >= state.next {
            return Err(RpcError::invalid_params(format!(
                "cursor is ahead of the stream: sequence={} next={}",
                cursor.sequence, state.next
            )));
        }
        if cursor.sequence < oldest {
            return Err(too_old(&format!("sequence={} oldest={oldest}", cursor.sequence)));
        }
        let missed = (oldest..).zip(state.events.iter().cloned());
        let missed = missed.skip_while(|(number, _)| *number < cursor.sequence).collect();
        Ok(Following { missed, live })
    }
}

/// 4444, as for any history that is gone: the client reads the chain anew and subscribes without a cursor.
pub(crate) fn too_old(why: &str) -> RpcError {
    RpcError::new(PRUNED_HISTORY, format!("cursor is too old: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cursor(sequence: u64) -> StreamCursor {
        StreamCursor { epoch: 7, sequence, part: 0 }
    }

    #[test]
    fn what_cannot_be_resumed_says_why() {
        let ring = Ring::new(7, 2, 8);
        for event in 0..4 {
            ring.append(event, event);
        }
        let code = |cursor| ring.follow(Some(&cursor)).map(|_| 0).unwrap_or_else(|e| e.code);
        assert_eq!(code(cursor(1)), PRUNED_HISTORY);
        assert_eq!(code(cursor(2)), 0);
        assert_eq!(code(cursor(4)), -32602);
        assert_eq!(code(StreamCursor { epoch: 8, ..cursor(3) }), PRUNED_HISTORY);
        let mut live = ring.follow(Some(&cursor(3))).unwrap().live;
        ring.skip(5);
        assert_eq!(code(cursor(3)), PRUNED_HISTORY);
        assert!(matches!(live.try_recv(), Ok(Told::Gap(5))));
        ring.append(9, 9);
        assert!(matches!(live.try_recv(), Ok(Told::Event(9, 9))));
    }

    #[test]
    fn heavy_events_are_kept_in_smaller_numbers() {
        let ring = Ring::weighed(7, 10, 8, |event: &u64| *event as usize);
        [4, 4, 4, 50].into_iter().for_each(|event| ring.append(event, event));
        let code =
            |sequence| ring.follow(Some(&cursor(sequence))).map(|_| 0).unwrap_or_else(|e| e.code);
        assert_eq!([code(2), code(3)], [PRUNED_HISTORY, 0], "the newest is kept alone");
        [4, 4, 4].into_iter().for_each(|event| ring.append(event, event));
        assert_eq!([code(4), code(5)], [PRUNED_HISTORY, 0]);
    }

    proptest! {
        #[test]
        fn a_follower_gets_every_event_once_from_its_cursor_on(
            before in 1_u64..20, after in 0_u64..10, from in 0_u64..20, capacity in 1_usize..20,
        ) {
            let ring = Ring::new(7, capacity, 16);
            (0..before).for_each(|event| ring.append(event, event));
            let Ok(Following { missed, mut live }) = ring.follow(Some(&cursor(from))) else {
                prop_assert!(from >= before || before - from > capacity as u64);
                return Ok(());
            };
            (before..before + after).for_each(|event| ring.append(event, event));
            let mut got: Vec<u64> = missed.into_iter().map(|(number, event)| {
                assert_eq!(number, event);
                event
            }).collect();
            while let Ok(Told::Event(number, event)) = live.try_recv() {
                prop_assert_eq!(number, event);
                got.push(event);
            }
            prop_assert_eq!(got, (from..before + after).collect::<Vec<_>>());
        }
    }
}
