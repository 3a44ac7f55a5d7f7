//! Events as JSON for people and scripts. Numbers beyond 64 bits are decimal strings.

use crate::{FeedEvent, FeedPool, FeedSnapshot, FeedStep, GapReason, Gate, SnapshotTick};
use alloy_primitives::hex;
use serde_json::{Map, Value, json};
use weir_arena::{EventRecord, PoolEvent, PoolStatus};
use weir_primitives::BlockRef;

/// One JSON object for an event, as `weir feed tail --json` prints it.
pub fn event_to_json(event: &FeedEvent) -> Value {
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
        FeedEvent::Gate(gate) => gate_to_json(gate),
        FeedEvent::Snapshot(snapshot) => snapshot_to_json(snapshot),
        FeedEvent::Step(step) => step_to_json(step),
        FeedEvent::StepRetracted(retracted) => json!({
            "type": "stepRetracted",
            "epoch": retracted.epoch,
            "seq": retracted.seq,
            "number": retracted.number,
            "parentHash": retracted.parent_hash,
            "steps": retracted.steps,
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
        FeedEvent::Gate(gate) => {
            let pool = gate.pool.map_or_else(|| "all".to_owned(), |pool| pool.to_string());
            let (code, reason) = (gate.state.code.name(), gate.state.reason.name());
            format!("gate   {pool} {code} {reason} {}", gate.state.value)
        }
        FeedEvent::Snapshot(snapshot) => {
            let (BlockRef { number, hash, .. }, pools) = (snapshot.block, snapshot.pools.len());
            format!("states {number} {hash} pools={pools} next_seq={}", snapshot.next_seq)
        }
        FeedEvent::Step(step) => {
            let (number, index, updates) = (step.number, step.index, step.events.len());
            format!("step   {number} index={index} first_tx={} updates={updates}", step.first_tx)
        }
        FeedEvent::StepRetracted(retracted) => {
            format!("undone {} steps={}", retracted.number, retracted.steps)
        }
    }
}

fn gate_to_json(gate: &Gate) -> Value {
    json!({
        "type": "gate",
        "chainId": gate.chain_id,
        "epoch": gate.epoch,
        "nextSeq": gate.next_seq,
        "pool": gate.pool.map(|pool| pool.to_string()),
        "gate": gate.state.code.name(),
        "reason": gate.state.reason.name(),
        "value": gate.state.value,
    })
}

fn snapshot_to_json(snapshot: &FeedSnapshot) -> Value {
    json!({
        "type": "snapshot",
        "chainId": snapshot.chain_id,
        "epoch": snapshot.epoch,
        "nextSeq": snapshot.next_seq,
        "block": block_to_json(&snapshot.block),
        "pools": snapshot.pools.iter().map(pool_to_json).collect::<Vec<_>>(),
    })
}

fn step_to_json(step: &FeedStep) -> Value {
    json!({
        "type": "step",
        "chainId": step.chain_id,
        "epoch": step.epoch,
        "seq": step.seq,
        "number": step.number,
        "parentHash": step.parent_hash,
        "index": step.index,
        "firstTx": step.first_tx,
        "updates": step.events.iter().map(record_to_json).collect::<Vec<_>>(),
    })
}

fn pool_to_json(pool: &FeedPool) -> Value {
    let FeedPool { pool, ticks } = pool;
    let tick =
        |tick: &SnapshotTick| json!([tick.tick, tick.gross.to_string(), tick.net.to_string()]);
    json!({
        "pool": pool.pool.to_string(),
        "protocol": pool.protocol.name(),
        "status": status_name(pool.status),
        "fallsShort": [pool.falls_short.0, pool.falls_short.1],
        "token0": pool.token0,
        "token1": pool.token1,
        "factory": pool.factory,
        "hooks": pool.hooks,
        "feePips": pool.fee_pips,
        "tickSpacing": pool.tick_spacing,
        "decimals": pool.decimals,
        "state": hex::encode_prefixed(pool.state.0),
        "lpFee": pool.fees.lp,
        "lpSource": pool.fees.lp_source as u8,
        "protocolFee0": pool.fees.protocol0,
        "protocolFee1": pool.fees.protocol1,
        "ticks": ticks.iter().map(tick).collect::<Vec<_>>(),
    })
}

const fn status_name(status: PoolStatus) -> &'static str {
    match status {
        PoolStatus::Unsynced => "unsynced",
        PoolStatus::Uninitialized => "uninitialized",
        PoolStatus::Live => "live",
        PoolStatus::Halted => "halted",
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
        PoolEvent::V2Created { .. }
        | PoolEvent::V2Sync { .. }
        | PoolEvent::V2Swap { .. }
        | PoolEvent::V2Mint { .. }
        | PoolEvent::V2Burn { .. } => v2_event_to_json(event),
        PoolEvent::V3Created { .. }
        | PoolEvent::V3Initialize { .. }
        | PoolEvent::V3Swap { .. }
        | PoolEvent::V3Mint { .. }
        | PoolEvent::V3Burn { .. }
        | PoolEvent::V3SetFeeProtocol { .. } => v3_event_to_json(event),
        PoolEvent::V4Initialize { .. }
        | PoolEvent::V4Swap { .. }
        | PoolEvent::V4ModifyLiquidity { .. }
        | PoolEvent::V4ProtocolFeeUpdated { .. } => v4_event_to_json(event),
        PoolEvent::PancakeV3Swap { .. } | PoolEvent::PancakeV3SetFeeProtocol { .. } => {
            pancake_event_to_json(event)
        }
        PoolEvent::TransferShortfall { token, sent, arrived } => json!({
            "event": "transferShortfall",
            "token": token,
            "sent": sent.to_string(),
            "arrived": arrived.to_string(),
        }),
    }
}

fn v2_event_to_json(event: &PoolEvent) -> Value {
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
        _ => Value::Null,
    }
}

fn v3_event_to_json(event: &PoolEvent) -> Value {
    match event {
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
        _ => Value::Null,
    }
}

fn pancake_event_to_json(event: &PoolEvent) -> Value {
    match event {
        PoolEvent::PancakeV3Swap {
            amount0,
            amount1,
            sqrt_price,
            liquidity,
            tick,
            protocol_fee0,
            protocol_fee1,
        } => json!({
            "event": "pancakeV3Swap",
            "amount0": amount0.to_string(),
            "amount1": amount1.to_string(),
            "sqrtPriceX96": sqrt_price.to_string(),
            "liquidity": liquidity.to_string(),
            "tick": tick,
            "protocolFee0": protocol_fee0.to_string(),
            "protocolFee1": protocol_fee1.to_string(),
        }),
        PoolEvent::PancakeV3SetFeeProtocol { fee_protocol0, fee_protocol1 } => json!({
            "event": "pancakeV3SetFeeProtocol",
            "feeProtocol0": fee_protocol0,
            "feeProtocol1": fee_protocol1,
        }),
        _ => Value::Null,
    }
}

fn v4_event_to_json(event: &PoolEvent) -> Value {
    match event {
        PoolEvent::V4Initialize {
            manager,
            token0,
            token1,
            fee_pips,
            tick_spacing,
            hooks,
            sqrt_price,
            tick,
        } => json!({
            "event": "v4Initialize",
            "manager": manager,
            "token0": token0,
            "token1": token1,
            "feePips": fee_pips,
            "tickSpacing": tick_spacing,
            "hooks": hooks,
            "sqrtPriceX96": sqrt_price.to_string(),
            "tick": tick,
        }),
        PoolEvent::V4Swap { amount0, amount1, sqrt_price, liquidity, tick, fee_pips } => json!({
            "event": "v4Swap",
            "amount0": amount0.to_string(),
            "amount1": amount1.to_string(),
            "sqrtPriceX96": sqrt_price.to_string(),
            "liquidity": liquidity.to_string(),
            "tick": tick,
            "feePips": fee_pips,
        }),
        PoolEvent::V4ModifyLiquidity { lower, upper, delta } => json!({
            "event": "v4ModifyLiquidity",
            "lower": lower,
            "upper": upper,
            "delta": delta.to_string(),
        }),
        PoolEvent::V4ProtocolFeeUpdated { zero_for_one, one_for_zero } => json!({
            "event": "v4ProtocolFeeUpdated",
            "zeroForOne": zero_for_one,
            "oneForZero": one_for_zero,
        }),
        _ => Value::Null,
    }
}
