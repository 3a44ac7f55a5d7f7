#!/usr/bin/env python3
"""Reads a Weir feed (docs/spec/feed.md) and prints its events as JSON, one a line. Standard library only.

python3 weir_feed.py SOCKET [--chain ID] [--start live|oldest|snapshot] [--count N] [--gates]
"""
import argparse
import hashlib
import json
import socket
import struct
import sys
import time

MAGIC, VERSION, CODEC, CODEC_GATES, FRAME_MAX, UPDATES_MAX = b"WEIRFEED", 1, 1, 2, 1024, 1 << 17
# Fields: name/bytes a number (s signed), h: hash, a: address, p: pool, r: block reference, x: swap state of 52 bytes,
# m magic bytes, e a pool event.
RECORDS = {
    0x01: ("hello", "m version/2 codec/2 chainId/8 start/1 epoch/8 nextSeq/8"),
    0x02: ("welcome", "m version/2 codec/2 chainId/8 epoch/8 firstSeq/8 oldestSeq/8 nextSeq/8"),
    0x03: ("refused", "m version/2 codec/2 chainId/8 reason/1"),
    0x10: ("beginBlock", "chainId/8 epoch/8 seq/8 r:block baseFee/8"),
    0x11: ("poolUpdate", "seq/8 index/4 txIndex/4 logIndex/4 h:txHash p:pool e"),
    0x12: ("endBlock", "seq/8 number/8 numUpdates/4 h:digest completeness/1"),
    0x18: ("step", "chainId/8 epoch/8 seq/8 number/8 h:parentHash index/4 firstTx/4 numUpdates/4 h:digest"),
    0x19: ("stepRetracted", "epoch/8 seq/8 number/8 h:parentHash steps/4"),
    0x20: ("reorgStart", "chainId/8 epoch/8 seq/8 ancestorNumber/8 h:ancestorHash reverted/4 applied/4"),
    0x21: ("reverted", "seq/8 r:block"),
    0x22: ("reorgEnd", "seq/8 tipNumber/8 h:tipHash"),
    0x30: ("heartbeat", "epoch/8 nextSeq/8 headNumber/8 h:headHash"),
    0x31: ("gap", "epoch/8 reason/1 wantedSeq/8 nextSeq/8"),
    0x32: ("gate", "chainId/8 epoch/8 nextSeq/8 scope/1 p:pool gate/1 reason/1 value/8"),
    0x40: ("snapshotBegin", "chainId/8 epoch/8 nextSeq/8 r:block pools/4"),
    0x41: ("snapshotPool", "index/4 p:pool protocol/1 status/1 a:token0 a:token1 a:factory a:hooks feePips/4 tickSpacing/4s "
           "hasDecimals/1 decimals0/1 decimals1/1 x:state lpFee/3 lpSource/1 protocolFee0/4 protocolFee1/4 ticks/4"),
    0x42: ("snapshotTick", "pool/4 index/4 tick/4s gross/16 net/16s"),
    0x43: ("snapshotEnd", "pools/4 h:digest"),
}
EVENTS = {
    1: ("v2Created", "a:factory a:token0 a:token1"),
    2: ("v2Sync", "reserve0/16 reserve1/16"),
    3: ("v2Swap", "amount0In/32 amount1In/32 amount0Out/32 amount1Out/32"),
    4: ("v2Mint", "amount0/32 amount1/32"),
    5: ("v2Burn", "amount0/32 amount1/32"),
    6: ("v3Created", "a:factory a:token0 a:token1 feePips/4 tickSpacing/4s"),
    7: ("v3Initialize", "sqrtPriceX96/32 tick/4s"),
    8: ("v3Swap", "amount0/32s amount1/32s sqrtPriceX96/32 liquidity/16 tick/4s"),
    9: ("v3Mint", "lower/4s upper/4s amount/16 amount0/32 amount1/32"),
    10: ("v3Burn", "lower/4s upper/4s amount/16 amount0/32 amount1/32"),
    11: ("v3SetFeeProtocol", "feeProtocol0/1 feeProtocol1/1"),
    12: ("v4Initialize", "a:manager a:token0 a:token1 feePips/4 tickSpacing/4s a:hooks sqrtPriceX96/32 tick/4s"),
    13: ("v4Swap", "amount0/16s amount1/16s sqrtPriceX96/32 liquidity/16 tick/4s feePips/4"),
    14: ("v4ModifyLiquidity", "lower/4s upper/4s delta/16s"),
    15: ("v4ProtocolFeeUpdated", "zeroForOne/2 oneForZero/2"),
    16: ("pancakeV3Swap", "amount0/32s amount1/32s sqrtPriceX96/32 liquidity/16 tick/4s protocolFee0/16 protocolFee1/16"),
    17: ("pancakeV3SetFeeProtocol", "feeProtocol0/2 feeProtocol1/2"),
    18: ("transferShortfall", "a:token sent/32 arrived/32"),
}
NAMES = {
    "completeness": ["executed_in_node", "receipts_root_verified", "block_access_list_verified", "block_hash_pinned_logs",
                     "bloom_excluded", "unproven"],
    "gate": ["live", "uninitialized", "unsynced", "reorging", "resyncing", "degraded", "halted"],
    "gap": ["slow_consumer", "expired", "epoch", "ahead"],
    "refused": ["version", "codec", "chain", "full", "snapshot"],
    "protocol": ["uniswap_v2", "uniswap_v3", "pancake_v3", "uniswap_v4", "uniswap_v3"],
    "status": ["unsynced", "uninitialized", "live", "halted"],
}


GATE_REASONS = {0: "none", 1: "pools_halted", 2: "undecodable_logs", 3: "pools_resyncing", 4: "source_disconnected",
                5: "source_lagging", 6: "feed_gap", 7: "unproven", 8: "whitelist_stale", 16: "store", 17: "chain", 18: "source",
                32: "event", 33: "check"}


class NotSynced(Exception):
    """Records are missing or wrong: reconnect and resume."""


def require(condition, what):
    if not condition:
        raise NotSynced(what)


class Fields:
    """Takes fields off the front of a record."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        require(self.at + size <= len(self.data), "record is too short")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size, signed=False):
        return int.from_bytes(self.take(size), "little", signed=signed)

    def read(self, layout, out):
        for field in layout.split():
            kind, _, name = field.partition(":")
            if kind == "m":
                require(self.take(8) == MAGIC, "magic bytes are wrong")
            elif kind == "e":
                name, event = EVENTS.get(self.number(1), (None, ""))
                require(name, "event kind is unknown")
                out["event"] = name
                self.read(event, out)
            elif kind == "p":
                is_id, pool = self.number(1), self.take(32)
                require(is_id in (0, 1) and (is_id or not any(pool[20:])), "pool is not valid")
                out[name] = "0x" + (pool if is_id else pool[:20]).hex()
            elif kind == "r":
                out[name] = {}
                self.read("number/8 h:hash h:parentHash timestamp/8", out[name])
            elif name:
                out[name] = "0x" + self.take({"h": 32, "a": 20, "x": 52}[kind]).hex()
            else:
                name, _, width = kind.partition("/")
                size = int(width.rstrip("s"))
                value = self.number(size, width.endswith("s"))
                # What may not fit 64 bits is text, as in the feed's own JSON.
                out[name] = str(value) if size > 8 else value
        return out


def gate(record):
    """Names what the numbers of a gate mean; the pool of the whole chain's is null."""
    scope, reason = record.pop("scope"), GATE_REASONS.get(record["reason"])
    require(scope in (0, 1) and reason and 1 <= record["gate"] <= len(NAMES["gate"]), "gate is unknown")
    require(scope or int(record["pool"], 16) == 0, "pool is not valid")
    return {**record, "pool": record["pool"] if scope else None, "gate": NAMES["gate"][record["gate"] - 1], "reason": reason}


def decode(frame):
    """One record: the bytes after the length field."""
    require(frame, "frame is empty")
    name, layout = RECORDS.get(frame[0], (None, ""))
    require(name, f"record type is unknown: {frame[:1].hex()}")
    fields = Fields(frame[1:])
    record = fields.read(layout, {"type": name})
    require(fields.at == len(fields.data), "record is too long")
    if name == "gate":
        return gate(record)
    if name == "snapshotPool":
        record["fallsShort"], record["status"] = [bool(record["status"] & bit) for bit in (0x40, 0x80)], record["status"] & 0x3f
    for field, names, first in (("completeness", "completeness", 1), ("reason", name, 1), ("protocol", "protocol", 1),
                                ("status", "status", 0)):
        if field in record:
            require(first <= record[field] < first + len(NAMES[names]), f"{field} is unknown")
            record[field] = NAMES[names][record[field] - first]
    if "hasDecimals" in record:
        decimals = [record.pop("decimals0"), record.pop("decimals1")]
        record["decimals"] = decimals if record.pop("hasDecimals") else None
    return record


class Assembler:
    """Turns records into whole events and checks them: sequence, links, counts, digests."""

    def __init__(self, welcome):
        self.chain, self.epoch, self.next = welcome["chainId"], welcome["epoch"], welcome["firstSeq"]
        self.tip = self.open = self.bracket = self.pending = None
        self.steps = 0

    def resume(self, welcome):
        lost = welcome["epoch"] != self.epoch or welcome["firstSeq"] > self.next or welcome["chainId"] != self.chain
        # What is lost for good is announced by a gap, and the position stays until it has come.
        self.open, self.steps, self.pending = None, 0, welcome if lost else None

    def push(self, frame):
        record = decode(frame)
        kind, seq = record["type"], record.get("seq")
        require(kind == "gap" or not self.pending, "records are missing and the gap is not announced")
        require(record.get("chainId", self.chain) == self.chain, "chain differs")
        require(record.get("epoch", self.epoch) == self.epoch or kind == "gap", "epoch differs")
        if kind == "gap":
            if self.pending:
                self.__init__(self.pending)
            self.tip = self.open = self.bracket = None
            self.steps = 0
            return record
        if kind in ("heartbeat", "gate"):
            require(record["nextSeq"] == self.next and self.open is None, "records were lost")
            return record
        if kind.startswith("snapshot"):
            return self.snapshot(kind, record, frame)
        if seq < self.next:
            return None
        require(seq == self.next, f"sequence has a hole: expected={self.next} found={seq}")
        return getattr(self, kind)(record, frame)

    def link(self, number, parent):
        require(self.tip in (None, (number - 1, parent)), "block does not link to the tip")

    def beginBlock(self, record, frame):
        bracket = self.bracket
        require(self.open is None, "block is not closed")
        require(not bracket or (bracket["reverted"] == 0 and bracket["applied"] > 0), "reorg bracket is broken")
        self.link(record["block"]["number"], record["block"]["parentHash"])
        self.steps, self.open = 0, {**record, "type": "block", "updates": [], "raw": [frame[1:9] + frame[25:]]}

    def step(self, record, frame):
        require(self.open is None and self.bracket is None and record["index"] == self.steps, "step is not the one due")
        self.link(record["number"], record["parentHash"])
        head = struct.pack("<I", len(frame)) + frame[:-32]
        self.open = {**record, "updates": [], "raw": [head]}
        return self.step_done()

    def step_done(self):
        step = self.open
        if len(step["updates"]) < step["numUpdates"]:
            return None
        require("0x" + hashlib.sha256(b"".join(step.pop("raw"))).hexdigest() == step.pop("digest"), "digest differs")
        del step["numUpdates"]
        self.open, self.steps = None, self.steps + 1
        return step

    def stepRetracted(self, record, frame):
        require(self.open is None, "block is not closed")
        known, self.steps = self.steps, 0
        return record if known else None

    def poolUpdate(self, record, frame):
        require(self.open is not None, "update belongs to no open block")
        updates = self.open["updates"]
        require(record["index"] == len(updates) < UPDATES_MAX, "update is missing")
        last = updates[-1] if updates else {"txIndex": -1, "logIndex": -1}
        places = [(update["txIndex"], update["logIndex"]) for update in (last, record)]
        require(places[0] < places[1], "updates are not in block order")
        updates.append({key: value for key, value in record.items() if key not in ("type", "seq", "index")})
        if self.open["type"] == "step":
            self.open["raw"].append(struct.pack("<I", len(frame)) + frame)
            return self.step_done()
        # The digest takes an address without its padding.
        address = frame[53] == 0
        self.open["raw"].append(frame[13:54] + (frame[54:74] if address else frame[54:86]) + frame[86:])
        return None

    def endBlock(self, record, frame):
        block, self.open = self.open, None
        require(block and block["type"] == "block" and block["block"]["number"] == record["number"], "no such block is open")
        raw, count = block.pop("raw"), record["numUpdates"]
        require(count == len(block["updates"]), "update count differs")
        digest = hashlib.sha256(b"weirenv1" + raw[0] + struct.pack("<I", count) + b"".join(raw[1:])).hexdigest()
        require("0x" + digest == record["digest"], "digest differs")
        self.next, self.tip = self.next + 1, (record["number"], block["block"]["hash"])
        if self.bracket:
            self.bracket["applied"] -= 1
        return {**block, "digest": record["digest"], "completeness": record["completeness"]}

    def reorgStart(self, record, frame):
        require(self.open is None and self.bracket is None and record["reverted"] > 0, "reorg bracket is broken")
        self.next, self.bracket, self.steps = self.next + 1, dict(record), 0
        return record

    def reverted(self, record, frame):
        block, bracket = record["block"], self.bracket
        require(self.open is None and bracket and bracket["reverted"] > 0, "reorg bracket is broken")
        require(self.tip is None or self.tip[1] == block["hash"], "reverted block is not the tip")
        self.next, self.tip = self.next + 1, (block["number"] - 1, block["parentHash"])
        bracket["reverted"] -= 1
        ancestor = (bracket["ancestorNumber"], bracket["ancestorHash"])
        require(bracket["reverted"] > 0 or self.tip == ancestor, "reorg bracket is broken")
        return record

    def reorgEnd(self, record, frame):
        bracket, self.bracket = self.bracket, None
        require(self.open is None and bracket and bracket["reverted"] == 0 == bracket["applied"], "reorg bracket is broken")
        require(self.tip == (record["tipNumber"], record["tipHash"]), "reorg bracket is broken")
        self.next += 1
        return record

    def snapshot(self, kind, record, frame):
        if kind == "snapshotBegin":
            require(self.open is None and record["nextSeq"] == self.next, "snapshot is broken")
            self.open = {**record, "type": "snapshot", "pools": [], "count": record["pools"], "hash": hashlib.sha256()}
        snapshot = self.open
        require(snapshot and snapshot["type"] == "snapshot", "snapshot is broken")
        pools = snapshot["pools"]
        due = pools[-1]["due"] if pools else 0
        if kind == "snapshotTick":
            ticks = pools[-1]["ticks"] if pools else []
            require(due and (record["pool"], record["index"]) == (len(pools) - 1, len(ticks)), "snapshot is broken")
            pools[-1]["due"] -= 1
            ticks.append([record["tick"], record["gross"], record["net"]])
        elif kind == "snapshotPool":
            require(due == 0 and record["index"] == len(pools) < snapshot["count"], "snapshot is broken")
            pools.append({**record, "due": record["ticks"], "ticks": []})
        elif kind == "snapshotEnd":
            require(due == 0 and record["pools"] == len(pools) == snapshot.pop("count"), "snapshot is broken")
            require("0x" + snapshot.pop("hash").hexdigest() == record["digest"], "digest differs")
            for pool in pools:
                for key in ("type", "index", "due"):
                    del pool[key]
            self.open, self.tip = None, (snapshot["block"]["number"], snapshot["block"]["hash"])
            return snapshot
        snapshot["hash"].update(struct.pack("<I", len(frame)) + frame)
        return None


class Feed:
    """A connection that resumes where it broke."""

    def __init__(self, path, chain=0, start="live", codec=CODEC):
        self.codec, self.path, self.chain, self.assembler, self.awaits_snapshot = codec, path, chain, None, start == "snapshot"
        self.connect({"live": 0, "oldest": 1, "snapshot": 3}[start], 0, 0)

    def connect(self, start, epoch, next_seq):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(self.path)
        hello = b"\x01" + MAGIC + struct.pack("<HHQBQQ", VERSION, self.codec, self.chain, start, epoch, next_seq)
        self.socket.sendall(struct.pack("<I", len(hello)) + hello)
        self.stream = self.socket.makefile("rb")
        welcome = decode(self.frame())
        if welcome["type"] != "welcome":
            raise SystemExit(f"producer refused: {welcome}")
        if self.assembler and not self.awaits_snapshot:
            self.assembler.resume(welcome)
        else:
            self.assembler = Assembler(welcome)

    def frame(self):
        head = self.stream.read(4)
        require(len(head) == 4, "producer closed the connection")
        size = struct.unpack("<I", head)[0]
        require(0 < size <= FRAME_MAX, "frame length is out of bounds")
        frame = self.stream.read(size)
        require(len(frame) == size, "producer closed the connection")
        return frame

    def events(self):
        while True:
            try:
                event = self.assembler.push(self.frame())
                if event:
                    self.awaits_snapshot = self.awaits_snapshot and event["type"] != "snapshot"
                    yield event
            except (NotSynced, OSError) as fault:
                print(f"not synced: {fault}", file=sys.stderr)
                self.reconnect()

    def reconnect(self):
        while True:
            self.socket.close()
            time.sleep(0.1)
            try:
                if self.awaits_snapshot:
                    return self.connect(3, 0, 0)
                return self.connect(2, self.assembler.epoch, self.assembler.next)
            except (NotSynced, OSError):
                continue


def check(path):
    """Decodes a file of golden vectors and prints its records."""
    for line in open(path):
        if not line.startswith("#"):
            name, _, frame = line.strip().partition(" = ")
            data = bytes.fromhex(frame)
            require(struct.unpack("<I", data[:4])[0] == len(data) - 4, name)
            print(json.dumps({"name": name, **decode(data[4:])}))


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("socket", help="the producer's socket, or with --vectors a file of golden vectors")
    options.add_argument("--chain", type=int, default=0, help="the chain wanted, if the producer has several")
    options.add_argument("--start", choices=["live", "oldest", "snapshot"], default="live")
    options.add_argument("--count", type=int, help="end after so many events that are not heartbeats")
    options.add_argument("--gates", action="store_true", help="also print what may be traded on")
    options.add_argument("--vectors", action="store_true")
    options = options.parse_args()
    if options.vectors:
        return check(options.socket)
    seen = 0
    for event in Feed(options.socket, options.chain, options.start, CODEC_GATES if options.gates else CODEC).events():
        print(json.dumps(event), flush=True)
        seen += event["type"] != "heartbeat"
        if options.count is not None and seen >= options.count:
            return None


if __name__ == "__main__":
    main()
