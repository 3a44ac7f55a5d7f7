//! What one consumer was told of the gates.

use crate::{CODEC_GATES, FeedGates, FeedProducer, Gate, Heartbeat, Message, codec::encode};
use std::sync::Arc;
use tokio::sync::watch;

/// Follows a producer's gates for a consumer that asked for them.
#[derive(Debug)]
pub(crate) struct GateTail {
    gates: Option<watch::Receiver<Arc<FeedGates>>>,
    told: Option<Arc<FeedGates>>,
}

impl GateTail {
    pub(crate) fn new(producer: &FeedProducer, codec: u16) -> Self {
        let gates = (codec == CODEC_GATES).then(|| producer.gates());
        Self { gates, told: None }
    }

    /// The frames of all gates that are other than the consumer knows; `head` is what was sent to it.
    pub(crate) fn changes(&mut self, chain_id: u64, head: &Heartbeat) -> Vec<u8> {
        let Some(gates) = &mut self.gates else { return Vec::new() };
        let now = Arc::clone(&gates.borrow_and_update());
        let mut frames = Vec::new();
        for (pool, state) in now.changes(self.told.as_deref()) {
            let (epoch, next_seq) = (head.epoch, head.next_seq);
            encode(&Message::Gate(Gate { chain_id, epoch, next_seq, pool, state }), &mut frames);
        }
        self.told = Some(now);
        frames
    }

    /// Waits until the producer says something new. Cancel-safe.
    pub(crate) async fn changed(&mut self) {
        let is_news = match &mut self.gates {
            Some(gates) => gates.changed().await.is_ok(),
            None => false,
        };
        if !is_news {
            // Nobody asked, or the producer is gone, which the log tells.
            std::future::pending::<()>().await;
        }
    }
}
