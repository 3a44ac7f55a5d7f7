//! Records to bytes and back. The layout is documented byte by byte in `docs/spec/feed.md`.

use crate::{
    BeginBlock, CodecError, Completeness, EndBlock, FeedEvent, Gap, GapReason, Heartbeat, Message,
    PoolUpdate, ReorgEnd, ReorgStart, Reverted, SequencedBlock, SnapshotEnd,
    event_codec::{read_event, read_pool, write_event, write_pool},
    gate::{read_gate, write_gate},
    handshake::{
        read_hello, read_refused, read_welcome, write_hello, write_refused, write_welcome,
    },
    snapshot_codec::{
        encode_snapshot, read_snapshot_begin, read_snapshot_pool, read_snapshot_tick,
        write_snapshot_begin, write_snapshot_pool, write_snapshot_tick,
    },
    step_codec::{encode_step, read_retracted, read_step, write_retracted, write_step},
    wire::{FieldReader, FrameWriter},
};

/// Largest frame in bytes without its length field. The longest record of this version has 235.
pub const FRAME_BYTES_MAX: u32 = 1_024;

const HELLO: u8 = 0x01;
const WELCOME: u8 = 0x02;
const REFUSED: u8 = 0x03;
const BEGIN_BLOCK: u8 = 0x10;
const POOL_UPDATE: u8 = 0x11;
const END_BLOCK: u8 = 0x12;
const STEP: u8 = 0x18;
const STEP_RETRACTED: u8 = 0x19;
const REORG_START: u8 = 0x20;
const REVERTED: u8 = 0x21;
const REORG_END: u8 = 0x22;
const HEARTBEAT: u8 = 0x30;
const GAP: u8 = 0x31;
const GATE: u8 = 0x32;
const SNAPSHOT_BEGIN: u8 = 0x40;
const SNAPSHOT_POOL: u8 = 0x41;
const SNAPSHOT_TICK: u8 = 0x42;
const SNAPSHOT_END: u8 = 0x43;
/// For what else a snapshot may have to say one day.
const SNAPSHOT_RESERVED_FIRST: u8 = 0x44;
const SNAPSHOT_RESERVED_LAST: u8 = 0x4f;

/// Appends the frame of `message` to `out`.
pub fn encode(message: &Message, out: &mut Vec<u8>) {
    let mut frame = FrameWriter::new(out, type_of(message));
    match message {
        Message::Hello(hello) => write_hello(hello, &mut frame),
        Message::Welcome(welcome) => write_welcome(welcome, &mut frame),
        Message::Refused(refused) => write_refused(refused, &mut frame),
        Message::BeginBlock(begin) => {
            frame.u64(begin.chain_id).u64(begin.epoch).u64(begin.seq);
            frame.block(&begin.block).u64(begin.base_fee);
        }
        Message::PoolUpdate(update) => {
            frame.u64(update.seq).u32(update.index);
            frame.u32(update.tx_index).u32(update.log_index).bytes(update.tx_hash.as_slice());
            write_pool(&update.pool, &mut frame);
            write_event(&update.event, &mut frame);
        }
        Message::EndBlock(end) => {
            frame.u64(end.seq).u64(end.number).u32(end.num_updates);
            frame.bytes(end.digest.as_slice()).u8(end.completeness as u8);
        }
        Message::ReorgStart(start) => {
            frame.u64(start.chain_id).u64(start.epoch).u64(start.seq);
            frame.u64(start.ancestor_number).bytes(start.ancestor_hash.as_slice());
            frame.u32(start.reverted).u32(start.applied);
        }
        Message::Reverted(reverted) => {
            frame.u64(reverted.seq).block(&reverted.block);
        }
        Message::ReorgEnd(end) => {
            frame.u64(end.seq).u64(end.tip_number).bytes(end.tip_hash.as_slice());
        }
        Message::Heartbeat(heartbeat) => {
            frame.u64(heartbeat.epoch).u64(heartbeat.next_seq);
            frame.u64(heartbeat.head_number).bytes(heartbeat.head_hash.as_slice());
        }
        Message::Gap(gap) => {
            frame.u64(gap.epoch).u8(gap.reason as u8).u64(gap.wanted_seq).u64(gap.next_seq);
        }
        Message::Gate(gate) => write_gate(gate, &mut frame),
        Message::Step(step) => write_step(step, &mut frame),
        Message::StepRetracted(retracted) => write_retracted(retracted, &mut frame),
        Message::SnapshotBegin(begin) => write_snapshot_begin(begin, &mut frame),
        Message::SnapshotPool(pool) => write_snapshot_pool(pool, &mut frame),
        Message::SnapshotTick(tick) => write_snapshot_tick(tick, &mut frame),
        Message::SnapshotEnd(end) => {
            frame.u32(end.pools).bytes(end.digest.as_slice());
        }
    }
    frame.finish();
}

/// Decodes one frame: the bytes after the length field, exactly.
///
/// # Errors
/// If the bytes are not a record of version 1, to the byte.
pub fn decode_frame(frame: &[u8]) -> Result<Message, CodecError> {
    let (&record, body) =
        frame.split_first().ok_or(CodecError::FrameLength { length: 0, max: FRAME_BYTES_MAX })?;
    let mut fields = FieldReader::new(record, body);
    let message = match record {
        HELLO => Message::Hello(read_hello(&mut fields)?),
        WELCOME => Message::Welcome(read_welcome(&mut fields)?),
        REFUSED => Message::Refused(read_refused(&mut fields)?),
        BEGIN_BLOCK => Message::BeginBlock(read_begin(&mut fields)?),
        POOL_UPDATE => Message::PoolUpdate(read_update(&mut fields)?),
        END_BLOCK => Message::EndBlock(read_end(&mut fields)?),
        REORG_START => Message::ReorgStart(read_reorg_start(&mut fields)?),
        REVERTED => Message::Reverted(Reverted { seq: fields.u64()?, block: fields.block()? }),
        REORG_END => Message::ReorgEnd(ReorgEnd {
            seq: fields.u64()?,
            tip_number: fields.u64()?,
            tip_hash: fields.hash()?,
        }),
        HEARTBEAT => Message::Heartbeat(Heartbeat {
            epoch: fields.u64()?,
            next_seq: fields.u64()?,
            head_number: fields.u64()?,
            head_hash: fields.hash()?,
        }),
        GAP => Message::Gap(Gap {
            epoch: fields.u64()?,
            reason: GapReason::from_wire(fields.u8()?)?,
            wanted_seq: fields.u64()?,
            next_seq: fields.u64()?,
        }),
        GATE => Message::Gate(read_gate(&mut fields)?),
        STEP => Message::Step(read_step(&mut fields)?),
        STEP_RETRACTED => Message::StepRetracted(read_retracted(&mut fields)?),
        SNAPSHOT_BEGIN => Message::SnapshotBegin(read_snapshot_begin(&mut fields)?),
        SNAPSHOT_POOL => Message::SnapshotPool(read_snapshot_pool(&mut fields)?),
        SNAPSHOT_TICK => Message::SnapshotTick(read_snapshot_tick(&mut fields)?),
        SNAPSHOT_END => {
            Message::SnapshotEnd(SnapshotEnd { pools: fields.u32()?, digest: fields.hash()? })
        }
        SNAPSHOT_RESERVED_FIRST..=SNAPSHOT_RESERVED_LAST => {
            return Err(CodecError::ReservedType { record });
        }
        _ => return Err(CodecError::UnknownType { record }),
    };
    fields.finish()?;
    Ok(message)
}

/// Decodes a run of whole frames, each with its length field.
///
/// # Errors
/// If a frame is cut short, or is not a record.
pub fn decode_all(mut bytes: &[u8]) -> Result<Vec<Message>, CodecError> {
    let mut messages = Vec::new();
    while let Some((&record, _)) = bytes.split_first() {
        let (head, rest) = bytes.split_first_chunk::<4>().ok_or(CodecError::Short { record })?;
        let length = frame_length(*head)?;
        let frame = rest.get(..length).ok_or_else(|| CodecError::Short {
            record: rest.first().copied().unwrap_or_default(),
        })?;
        messages.push(decode_frame(frame)?);
        bytes = &rest[length..];
    }
    Ok(messages)
}

/// The length of a frame, from its length field.
pub(crate) fn frame_length(head: [u8; 4]) -> Result<usize, CodecError> {
    let length = u32::from_le_bytes(head);
    if length == 0 || length > FRAME_BYTES_MAX {
        return Err(CodecError::FrameLength { length, max: FRAME_BYTES_MAX });
    }
    Ok(length as usize)
}

/// Appends all frames of an event: two or more for a block or a snapshot, one or more for a step, one for anything else.
pub fn encode_event(event: &FeedEvent, out: &mut Vec<u8>) {
    match event {
        FeedEvent::Block(block) => encode_block(block, out),
        FeedEvent::ReorgStart(start) => encode(&Message::ReorgStart(*start), out),
        FeedEvent::Reverted(reverted) => encode(&Message::Reverted(*reverted), out),
        FeedEvent::ReorgEnd(end) => encode(&Message::ReorgEnd(*end), out),
        FeedEvent::Heartbeat(heartbeat) => encode(&Message::Heartbeat(*heartbeat), out),
        FeedEvent::Gap(gap) => encode(&Message::Gap(*gap), out),
        FeedEvent::Gate(gate) => encode(&Message::Gate(*gate), out),
        FeedEvent::Snapshot(snapshot) => encode_snapshot(snapshot, out),
        FeedEvent::Step(step) => encode_step(step, out),
        FeedEvent::StepRetracted(retracted) => encode(&Message::StepRetracted(*retracted), out),
    }
}

fn encode_block(block: &SequencedBlock, out: &mut Vec<u8>) {
    let (envelope, seq) = (&block.envelope, block.seq);
    let begin = BeginBlock {
        chain_id: envelope.chain_id(),
        epoch: block.epoch,
        seq,
        block: envelope.block(),
        base_fee: envelope.base_fee(),
    };
    encode(&Message::BeginBlock(begin), out);
    let mut num_updates = 0;
    for record in envelope.events() {
        encode(&Message::PoolUpdate(PoolUpdate::new(seq, num_updates, record)), out);
        num_updates += 1;
    }
    let (number, digest) = (envelope.block().number, envelope.digest());
    let completeness = block.completeness;
    encode(&Message::EndBlock(EndBlock { seq, number, num_updates, digest, completeness }), out);
}

const fn type_of(message: &Message) -> u8 {
    match message {
        Message::Hello(_) => HELLO,
        Message::Welcome(_) => WELCOME,
        Message::Refused(_) => REFUSED,
        Message::BeginBlock(_) => BEGIN_BLOCK,
        Message::PoolUpdate(_) => POOL_UPDATE,
        Message::EndBlock(_) => END_BLOCK,
        Message::ReorgStart(_) => REORG_START,
        Message::Reverted(_) => REVERTED,
        Message::ReorgEnd(_) => REORG_END,
        Message::Heartbeat(_) => HEARTBEAT,
        Message::Gap(_) => GAP,
        Message::Gate(_) => GATE,
        Message::Step(_) => STEP,
        Message::StepRetracted(_) => STEP_RETRACTED,
        Message::SnapshotBegin(_) => SNAPSHOT_BEGIN,
        Message::SnapshotPool(_) => SNAPSHOT_POOL,
        Message::SnapshotTick(_) => SNAPSHOT_TICK,
        Message::SnapshotEnd(_) => SNAPSHOT_END,
    }
}

fn read_begin(fields: &mut FieldReader<'_>) -> Result<BeginBlock, CodecError> {
    Ok(BeginBlock {
        chain_id: fields.u64()?,
        epoch: fields.u64()?,
        seq: fields.u64()?,
        block: fields.block()?,
        base_fee: fields.u64()?,
    })
}

fn read_update(fields: &mut FieldReader<'_>) -> Result<PoolUpdate, CodecError> {
    Ok(PoolUpdate {
        seq: fields.u64()?,
        index: fields.u32()?,
        tx_index: fields.u32()?,
        log_index: fields.u32()?,
        tx_hash: fields.hash()?,
        pool: read_pool(fields)?,
        event: read_event(fields)?,
    })
}

fn read_end(fields: &mut FieldReader<'_>) -> Result<EndBlock, CodecError> {
    Ok(EndBlock {
        seq: fields.u64()?,
        number: fields.u64()?,
        num_updates: fields.u32()?,
        digest: fields.hash()?,
        completeness: Completeness::from_wire(fields.u8()?)?,
    })
}

fn read_reorg_start(fields: &mut FieldReader<'_>) -> Result<ReorgStart, CodecError> {
    Ok(ReorgStart {
        chain_id: fields.u64()?,
        epoch: fields.u64()?,
        seq: fields.u64()?,
        ancestor_number: fields.u64()?,
        ancestor_hash: fields.hash()?,
        reverted: fields.u32()?,
        applied: fields.u32()?,
    })
}
