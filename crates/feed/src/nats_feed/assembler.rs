//! From messages to events: the consumer's checks, without any input or output.

use super::{NatsFeedHead, NatsMessageError};
use crate::{
    CODEC_FIXED, FeedAssembler, FeedEvent, Gap, GapReason, PROTOCOL_VERSION, Position, Welcome,
    decode_all,
};

/// Most bytes of one update in all its parts.
pub const NATS_UPDATE_BYTES_MAX: usize = 1 << 27;

/// Parts of an update of which not all have come.
#[derive(Debug)]
struct Parts {
    head: NatsFeedHead,
    bytes: Vec<u8>,
    next: u32,
}

/// Turns messages into [`FeedEvent`]s. What was lost on the way becomes a [`FeedEvent::Gap`].
#[derive(Debug)]
pub struct NatsFeedAssembler {
    chain_id: u64,
    assembler: Option<FeedAssembler>,
    parts: Option<Parts>,
}

impl NatsFeedAssembler {
    /// Begins with the first message that comes whole.
    pub const fn new(chain_id: u64) -> Self {
        Self { chain_id, assembler: None, parts: None }
    }

    /// What is wanted next; `None` before the first message.
    pub fn position(&self) -> Option<Position> {
        self.assembler.as_ref().map(FeedAssembler::position)
    }

    /// Takes the next message and appends what it completes to `events`.
    ///
    /// # Errors
    /// If it is not a part of the feed. It is left out then, and what that loses is found by the next message.
    pub fn push(
        &mut self,
        head: NatsFeedHead,
        payload: &[u8],
        events: &mut Vec<FeedEvent>,
    ) -> Result<(), NatsMessageError> {
        if head.chunks == 1 {
            self.parts = None;
            return self.update(head, payload, events);
        }
        let Some(whole) = self.collect(head, payload)? else { return Ok(()) };
        self.update(head, &whole, events)
    }

    /// Parts come in order; a hole drops what there is, and the next update shows what is missing.
    fn collect(
        &mut self,
        head: NatsFeedHead,
        payload: &[u8],
    ) -> Result<Option<Vec<u8>>, NatsMessageError> {
        let mut parts = match self.parts.take() {
            _ if head.chunk == 0 => Parts { head, bytes: Vec::new(), next: 0 },
            Some(parts)
                if NatsFeedHead { chunk: 0, ..head } == parts.head && head.chunk == parts.next =>
            {
                parts
            }
            _ => return Ok(None),
        };
        if parts.bytes.len() + payload.len() > NATS_UPDATE_BYTES_MAX {
            return Err(NatsMessageError::TooLarge { seq: head.seq });
        }
        parts.bytes.extend_from_slice(payload);
        parts.next += 1;
        if parts.next == head.chunks {
            return Ok(Some(parts.bytes));
        }
        self.parts = Some(parts);
        Ok(None)
    }

    fn update(
        &mut self,
        head: NatsFeedHead,
        payload: &[u8],
        events: &mut Vec<FeedEvent>,
    ) -> Result<(), NatsMessageError> {
        let NatsFeedHead { epoch, seq, .. } = head;
        let messages = decode_all(payload);
        let messages = messages.map_err(|source| NatsMessageError::Records { seq, source })?;
        let welcome = Welcome {
            version: PROTOCOL_VERSION,
            codec: CODEC_FIXED,
            chain_id: self.chain_id,
            epoch,
            first_seq: seq,
            oldest_seq: seq,
            next_seq: seq,
        };
        let wanted = self.position();
        if let Some(reason) = wanted.and_then(|wanted| lost(wanted, head)) {
            let wanted_seq = wanted.map_or(0, |wanted| wanted.next_seq);
            events.push(FeedEvent::Gap(Gap { epoch, reason, wanted_seq, next_seq: seq }));
            self.assembler = None;
        }
        let assembler = self.assembler.get_or_insert_with(|| FeedAssembler::new(&welcome));
        for message in messages {
            match assembler.push(message) {
                Ok(event) => events.extend(event),
                Err(source) => {
                    assembler.drop_open();
                    return Err(NatsMessageError::NotSynced { seq, source });
                }
            }
        }
        // An update is whole events.
        assembler.drop_open();
        Ok(())
    }
}

/// Why what comes is not what is due, if it is not.
const fn lost(wanted: Position, head: NatsFeedHead) -> Option<GapReason> {
    if head.epoch != wanted.epoch {
        Some(GapReason::Epoch)
    } else if head.seq > wanted.next_seq {
        Some(GapReason::Expired)
    } else {
        None
    }
}
