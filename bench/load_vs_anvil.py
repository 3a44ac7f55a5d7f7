#!/usr/bin/env python3
"""Throughput and submit latency of `weir dev` (on disk, roots on, every block checked) against anvil, interleaved in one run.

Prints one JSON object per run and a table of medians with the ratio to anvil. Standard library only.
usage: bench/load_vs_anvil.py [--weir target/release/weir] [--rounds 3] [--duration 8s] [--options "--durability none"]... [SCENARIO ...]
"""
import argparse, json, pathlib, statistics
from nodes import ROOT, anvil_node, load, peak_kib, weir_node

SHOWN = ("who", "scenario", "included", "included_per_second", "gas_per_second", "submit_latency_us", "rejected", "peak_resident_kib", "disk_bytes")


def run(weir, options, scenario, duration, accounts):
    node_of = anvil_node() if options is None else weir_node(weir, *options.split())
    with node_of as (node, url, folder):
        report = load(weir, url, scenario, "max", duration, accounts)
        report["peak_resident_kib"] = peak_kib(node.pid)
        report["disk_bytes"] = sum(f.stat().st_blocks * 512 for f in pathlib.Path(folder).rglob("*") if f.is_file()) if folder else 0
        return report


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weir", default=str(ROOT / "target/release/weir"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duration", default="8s")
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--options", action="append", default=[], help="also run weir with these options")
    parser.add_argument("scenarios", nargs="*", default=["transfers", "v2-swaps"])
    arguments = parser.parse_args()
    sides = {"weir": "", **{f"weir {options}": options for options in arguments.options}, "anvil": None}
    for scenario in arguments.scenarios:
        runs = {name: [] for name in sides}
        for _ in range(arguments.rounds):
            for name, options in sides.items():
                report = run(arguments.weir, options, scenario, arguments.duration, arguments.accounts)
                report["who"] = name
                runs[name].append(report)
                print(json.dumps({key: report[key] for key in SHOWN}), flush=True)
        print(f"\n{scenario}: medians of {arguments.rounds} runs, interleaved")
        for label, of in (("included/s", lambda r: r["included_per_second"]),
                          ("submit p50 us", lambda r: r["submit_latency_us"]["p50"]),
                          ("submit p99 us", lambda r: r["submit_latency_us"]["p99"]),
                          ("peak resident MiB", lambda r: r["peak_resident_kib"] / 1024)):
            medians = {name: statistics.median(of(report) for report in runs[name]) for name in sides}
            for name, median in medians.items():
                print(f"  {label:18} {name:32} {median:10.0f}  ratio {median / medians['anvil']:.2f}")
        print(flush=True)


main()
