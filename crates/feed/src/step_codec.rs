//! Steps to bytes and back.

use crate::{
    CodecError, FeedStep, Message, PoolUpdate, Step, StepRetracted,
    codec::encode,
    wire::{FieldReader, FrameWriter},
};
use alloy_primitives::B256;
use sha2::{Digest, Sha256};

/// Bytes of the digest, which ends the record.
const DIGEST_BYTES: usize = 32;

pub(crate) fn write_step(step: &Step, out: &mut FrameWriter<'_>) {
    out.u64(step.chain_id).u64(step.epoch).u64(step.seq).u64(step.number);
    out.bytes(step.parent_hash.as_slice()).u32(step.index).u32(step.first_tx);
    out.u32(step.num_updates).bytes(step.digest.as_slice());
}

pub(crate) fn read_step(fields: &mut FieldReader<'_>) -> Result<Step, CodecError> {
    Ok(Step {
        chain_id: fields.u64()?,
        epoch: fields.u64()?,
        seq: fields.u64()?,
        number: fields.u64()?,
        parent_hash: fields.hash()?,
        index: fields.u32()?,
        first_tx: fields.u32()?,
        num_updates: fields.u32()?,
        digest: fields.hash()?,
    })
}

pub(crate) fn write_retracted(retracted: &StepRetracted, out: &mut FrameWriter<'_>) {
    out.u64(retracted.epoch).u64(retracted.seq).u64(retracted.number);
    out.bytes(retracted.parent_hash.as_slice()).u32(retracted.steps);
}

pub(crate) fn read_retracted(fields: &mut FieldReader<'_>) -> Result<StepRetracted, CodecError> {
    Ok(StepRetracted {
        epoch: fields.u64()?,
        seq: fields.u64()?,
        number: fields.u64()?,
        parent_hash: fields.hash()?,
        steps: fields.u32()?,
    })
}

/// All frames of a step.
pub(crate) fn encode_step(step: &FeedStep, out: &mut Vec<u8>) {
    let start = out.len();
    let num_updates = u32::try_from(step.events.len()).unwrap_or(u32::MAX);
    let record = |digest| {
        Message::Step(Step {
            chain_id: step.chain_id,
            epoch: step.epoch,
            seq: step.seq,
            number: step.number,
            parent_hash: step.parent_hash,
            index: step.index,
            first_tx: step.first_tx,
            num_updates,
            digest,
        })
    };
    encode(&record(B256::ZERO), out);
    let end = out.len();
    for (index, record) in (0..num_updates).zip(step.events.iter()) {
        encode(&Message::PoolUpdate(PoolUpdate::new(step.seq, index, record)), out);
    }
    let digest = digest(&out[start..end - DIGEST_BYTES], &out[end..]);
    out[end - DIGEST_BYTES..end].copy_from_slice(digest.as_slice());
}

fn digest(step: &[u8], updates: &[u8]) -> B256 {
    let mut hasher = Sha256::new();
    hasher.update(step);
    hasher.update(updates);
    B256::new(hasher.finalize().into())
}

/// The digest that the frames of a step have.
pub(crate) fn step_digest(step: &FeedStep) -> B256 {
    let mut frames = Vec::new();
    encode_step(step, &mut frames);
    let record =
        4 + frames.first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length)) as usize;
    B256::from_slice(&frames[record - DIGEST_BYTES..record])
}
