#!/usr/bin/env python3
"""Time to inclusion of transfers at a fixed rate, alone and with thousands of eth_getLogs in flight, interleaved in one run.

The reads come in batches over many connections, each sent again once it is answered. Standard library only.
usage: bench/reads_in_flight.py [--weir target/release/weir] [--rounds 3] [--duration 8s] [--rate 500] [--reads 10000]
"""
import argparse, asyncio, json, multiprocessing, statistics
from nodes import ROOT, load, weir_node

CONNECTIONS = 100


async def read(host, port, batch, answered):
    query = {"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [{"fromBlock": "earliest", "toBlock": "latest"}]}
    body = json.dumps([query] * batch).encode()
    head = f"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    reader, writer = await asyncio.open_connection(host, port)
    while True:
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(length)
        with answered.get_lock():
            answered.value += batch


def keep_reading(url, reads, answered):
    host, port = url.removeprefix("http://").split(":")

    async def all_connections():
        batch = max(1, reads // CONNECTIONS)
        await asyncio.gather(*(read(host, int(port), batch, answered) for _ in range(CONNECTIONS)))

    asyncio.run(all_connections())


def run(arguments, reads):
    with weir_node(arguments.weir) as (_, url, _):
        answered = multiprocessing.Value("q", 0)
        readers = multiprocessing.Process(target=keep_reading, args=(url, reads, answered), daemon=True)
        if reads:
            readers.start()
        try:
            report = load(arguments.weir, url, "transfers", arguments.rate, arguments.duration)
        finally:
            if reads:
                readers.terminate()
        report["reads"] = answered.value
        return report


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weir", default=str(ROOT / "target/release/weir"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duration", default="8s")
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--reads", type=int, default=10_000)
    arguments = parser.parse_args()
    runs = {0: [], arguments.reads: []}
    for _ in range(arguments.rounds):
        for reads in runs:
            report = run(arguments, reads)
            runs[reads].append(report)
            print(json.dumps({"in_flight": reads, **{key: report[key] for key in ("included", "rejected", "reads",
                  "submit_latency_us", "inclusion_latency_us")}}), flush=True)
    for label in ("submit_latency_us", "inclusion_latency_us"):
        p99 = [statistics.median(report[label]["p99"] for report in runs[reads]) / 1000 for reads in runs]
        print(f"{label.split('_')[0]:10} p99 alone {p99[0]:8.1f} ms  with reads {p99[1]:8.1f} ms  ratio {p99[1] / p99[0]:.3f}")


main()
