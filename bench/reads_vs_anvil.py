#!/usr/bin/env python3
"""Reads a second of `weir dev` against anvil, interleaved in one run, with nothing else to do. Needs `wrk` (Debian: apt-get install wrk).

usage: bench/reads_vs_anvil.py [--weir target/release/weir] [--rounds 3] [--duration 5s] [--connections 64]
"""
import argparse, json, re, statistics, subprocess, tempfile
from nodes import ROOT, anvil_node, weir_node

ACCOUNT = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
CALLS = {
    "eth_getBalance": ["eth_getBalance", [ACCOUNT, "latest"]],
    "eth_blockNumber": ["eth_blockNumber", []],
    "eth_getBlockByNumber": ["eth_getBlockByNumber", ["latest", False]],
    "eth_call": ["eth_call", [{"from": ACCOUNT, "to": ACCOUNT, "value": "0x1"}, "latest"]],
}


def requests_per_second(url, call, duration, connections):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": call[0], "params": call[1]})
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = '{body}'\n")
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{duration}", "-s", script.name, url]
        output = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    if "Non-2xx" in output:
        raise SystemExit(output)
    return float(re.search(r"Requests/sec:\s+([0-9.]+)", output).group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weir", default=str(ROOT / "target/release/weir"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duration", default="5s")
    parser.add_argument("--connections", type=int, default=64)
    arguments = parser.parse_args()
    runs = {}
    for _ in range(arguments.rounds):
        for name in ("weir", "anvil"):
            with weir_node(arguments.weir) if name == "weir" else anvil_node() as (_, url, _):
                for call in CALLS:
                    found = requests_per_second(url, CALLS[call], arguments.duration, arguments.connections)
                    runs.setdefault(call, {}).setdefault(name, []).append(found)
    for call, sides in runs.items():
        ours, theirs = (statistics.median(sides[name]) for name in ("weir", "anvil"))
        print(f"{call:24} weir {ours:9.0f}  anvil {theirs:9.0f}  ratio {ours / theirs:.2f}")


main()
