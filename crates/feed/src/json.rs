//! Events as JSON for people and scripts. Numbers beyond 64 bits are decimal strings.

use crate::{FeedEvent, GapReason};
use serde_json::{Map, Value, json};
use weir_arena::{EventRecord, PoolEvent};
use weir_primitives::BlockRef;

/// One JSON object for an event.
pub(crate) fn event_to_json(event: &FeedEvent) -> Value {
    match event {
        FeedEvent::Block(block) => {
            let envelope = &block.envelope;
            let updates: Vec<Value> = envelope.events().iter().map(record_to_json).collect();
            json!({
                "type": "block",
                "chainId": envelope.chain_id(),
                "epoch": block.epoch,
                "seq": block.seq,
                "block": block_to_json(&envelope.block()),
                "baseFee": envelope.base_fee(),
                "completeness": block.completeness.name(),
                "digest": envelope.digest(),
                "updates": updates,
            })
        }
        FeedEvent::ReorgStart(start) => json!({
            "type": "reorgStart",
            "chainId": start.chain_id,
            "epoch": start.epoch,
            "seq": start.seq,
            "ancestorNumber": start.ancestor_number,
            "ancestorHash": start.ancestor_hash,
            "reverted": start.reverted,
            "applied": start.applied,
        }),
        FeedEvent::Reverted(reverted) => json!({
            "type": "reverted",
            "seq": reverted.seq,
            "block": block_to_json(&reverted.block),
        }),
        FeedEvent::ReorgEnd(end) => json!({
            "type": "reorgEnd",
            "seq": end.seq,
            "tipNumber": end.tip_number,
            "tipHash": end.tip_hash,
        }),
        FeedEvent::Heartbeat(heartbeat) => json!({
            "type": "heartbeat",
            "epoch": heartbeat.epoch,
            "nextSeq": heartbeat.next_seq,
            "headNumber": heartbeat.head_number,
            "headHash": heartbeat.head_hash,
        }),
        FeedEvent::Gap(gap) => json!({
            "type": "gap",
            "epoch": gap.epoch,
            "reason": reason_name(gap.reason),
            "wantedSeq": gap.wanted_seq,
            "nextSeq": gap.next_seq,
        }),
    }
}

/// One line for people.
pub(crate) fn event_to_line(event: &FeedEvent) -> String {
    match event {
        FeedEvent::Block(block) => {
            let envelope = &block.envelope;
            let (reference, updates) = (envelope.block(), envelope.events().len());
            let (number, hash, seq) = (reference.number, reference.hash, block.seq);
            format!("block {number} {hash} seq={seq} updates={updates} {}", block.completeness)
        }
        FeedEvent::ReorgStart(start) => format!(
            "reorg  ancestor={} reverted={} applied={} seq={}",
            start.ancestor_number, start.reverted, start.applied, start.seq
        ),
        FeedEvent::Reverted(reverted) => {
            let BlockRef { number, hash, .. } = reverted.block;
            format!("revert {number} {hash} seq={}", reverted.seq)
        }
        FeedEvent::ReorgEnd(end) => {
            format!("reorg  done tip={} {} seq={}", end.tip_number, end.tip_hash, end.seq)
        }
        FeedEvent::Heartbeat(heartbeat) => {
            format!("alive  head={} next_seq={}", heartbeat.head_number, heartbeat.next_seq)
        }
        FeedEvent::Gap(gap) => {
            let reason = reason_name(gap.reason);
            format!("gap    {reason} wanted={} next={}", gap.wanted_seq, gap.next_seq)
        }
    }
}

const fn reason_name(reason: GapReason) -> &'static str {
    match reason {
        GapReason::SlowConsumer => "slow_consumer",
        GapReason::Expired => "expired",
        GapReason::Epoch => "epoch",
        GapReason::Ahead => "ahead",
    }
}

fn block_to_json(block: &BlockRef) -> Value {
    json!({
        "number": block.number,
        "hash": block.hash,
        "parentHash": block.parent_hash,
        "timestamp": block.timestamp,
    })
}

fn record_to_json(record: &EventRecord) -> Value {
    let mut object = Map::new();
    object.insert("pool".to_owned(), record.pool.id.to_string().into());
    object.insert("txIndex".to_owned(), record.tx_index.into());
    object.insert("logIndex".to_owned(), record.log_index.into());
    object.insert("txHash".to_owned(), record.tx_hash.to_string().into());
    if let Value::Object(event) = pool_event_to_json(&record.event) {
        object.extend(event);
    }
    Value::Object(object)
}

fn pool_event_to_json(event: &PoolEvent) -> Value {
    match event {
        PoolEvent::V2Created { factory, token0, token1 } => json!({
            "event": "v2Created", "factory": factory, "token0": token0, "token1": token1,
        }),
        PoolEvent::V2Sync { reserve0, reserve1 } => json!({
            "event": "v2Sync",
            "reserve0": reserve0.to_string(),
            "reserve1": reserve1.to_string(),
        }),
        PoolEvent::V2Swap { amount0_in, amount1_in, amount0_out, amount1_out } => json!({
            "event": "v2Swap",
            "amount0In": amount0_in.to_string(),
            "amount1In": amount1_in.to_string(),
            "amount0Out": amount0_out.to_string(),
            "amount1Out": amount1_out.to_string(),
        }),
        PoolEvent::V2Mint { amount0, amount1 } => json!({
            "event": "v2Mint", "amount0": amount0.to_string(), "amount1": amount1.to_string(),
        }),
        PoolEvent::V2Burn { amount0, amount1 } => json!({
            "event": "v2Burn", "amount0": amount0.to_string(), "amount1": amount1.to_string(),
        }),
        PoolEvent::V3Created { factory, token0, token1, fee_pips, tick_spacing } => json!({
            "event": "v3Created",
            "factory": factory,
            "token0": token0,
            "token1": token1,
            "feePips": fee_pips,
            "tickSpacing": tick_spacing,
        }),
        PoolEvent::V3Initialize { sqrt_price, tick } => json!({
            "event": "v3Initialize", "sqrtPriceX96": sqrt_price.to_string(), "tick": tick,
        }),
        PoolEvent::V3Swap { amount0, amount1, sqrt_price, liquidity, tick } => json!({
            "event": "v3Swap",
            "amount0": amount0.to_string(),
            "amount1": amount1.to_string(),
            "sqrtPriceX96": sqrt_price.to_string(),
            "liquidity": liquidity.to_string(),
            "tick": tick,
        }),
        PoolEvent::V3Mint { lower, upper, amount, amount0, amount1 } => json!({
            "event": "v3Mint",
            "lower": lower,
            "upper": upper,
            "amount": amount.to_string(),
            "amount0": amount0.to_string(),
            "amount1": amount1.to_string(),
        }),
        PoolEvent::V3Burn { lower, upper, amount, amount0, amount1 } => json!({
            "event": "v3Burn",
            "lower": lower,
            "upper": upper,
            "amount": amount.to_string(),
            "amount0": amount0.to_string(),
            "amount1": amount1.to_string(),
        }),
        PoolEvent::V3SetFeeProtocol { fee_protocol0, fee_protocol1 } => json!({
            "event": "v3SetFeeProtocol",
            "feeProtocol0": fee_protocol0,
            "feeProtocol1": fee_protocol1,
        }),
    }
}
