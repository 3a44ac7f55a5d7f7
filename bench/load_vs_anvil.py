#!/usr/bin/env python3
"""Throughput and submit latency of `weir dev` (on disk, roots on, every block checked) against anvil, interleaved in one run.

Prints one JSON object per run and a table of medians with the ratio to anvil. With --half each side then runs at half of what it
included, and the latencies are of that. With --bound, the program of bench/examples/bound.rs, the bound for transfers is measured in each round:
its time for a transaction is that of a server that answers a constant, client included, plus recovering and executing it on the same cores.
Standard library only.
usage: bench/load_vs_anvil.py [--weir target/release/weir] [--rounds 3] [--duration 8s] [--options "--durability none"]...
                              [--half] [--bound target/release/examples/bound] [SCENARIO ...]
"""
import argparse, json, os, pathlib, statistics
from nodes import ROOT, anvil_node, constant_node, load, peak_kib, weir_node

SHOWN = ("who", "scenario", "included", "included_per_second", "gas_per_second", "submit_latency_us", "rejected", "peak_resident_kib", "disk_bytes")


def run(weir, options, scenario, rate, duration, accounts):
    node_of = anvil_node() if options is None else weir_node(weir, *options.split())
    with node_of as (node, url, folder):
        report = load(weir, url, scenario, rate, duration, accounts)
        report["peak_resident_kib"] = peak_kib(node.pid)
        report["disk_bytes"] = sum(f.stat().st_blocks * 512 for f in pathlib.Path(folder).rglob("*") if f.is_file()) if folder else 0
        return report


def bound(weir, program, duration, accounts):
    """Transfers a second that the cores could do at best."""
    with constant_node(program) as constant:
        report = load(weir, constant["http"], "transfers", "max", duration, accounts, "--pending-max", "100000000", "--drain", "0s")
    answer_us = report["sending_ms"] * 1000 / report["accepted"]
    cores = len(os.sched_getaffinity(0))
    bound = 1e6 / (answer_us + constant["recover_us"] + constant["execute_us"] / cores)
    print(json.dumps({"who": "bound", "answers_per_second": round(1e6 / answer_us), "recover_us": round(constant["recover_us"], 2),
                      "execute_us": round(constant["execute_us"], 2), "bound_per_second": round(bound)}), flush=True)
    return bound


def half_load(arguments, sides, scenario, included):
    """Submit latency of each side at half of what it includes."""
    runs = {name: [] for name in sides}
    for _ in range(arguments.rounds):
        for name, options in sides.items():
            report = run(arguments.weir, options, scenario, round(included[name] / 2), arguments.duration, arguments.accounts)
            report["who"] = name
            runs[name].append(report)
            print(json.dumps({key: report[key] for key in SHOWN}), flush=True)
    print(f"\n{scenario}: at half load")
    for percentile in ("p50", "p99"):
        show(f"submit {percentile} us", runs, lambda report: report["submit_latency_us"][percentile])


def show(label, runs, of):
    medians = {name: statistics.median(of(report) for report in reports) for name, reports in runs.items()}
    for name, median in medians.items():
        print(f"  {label:18} {name:32} {median:10.0f}  ratio {median / medians['anvil']:.2f}")
    return medians


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weir", default=str(ROOT / "target/release/weir"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duration", default="8s")
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--options", action="append", default=[], help="also run weir with these options")
    parser.add_argument("--half", action="store_true", help="also run each side at half of what it included")
    parser.add_argument("--bound", help="the program of bench/examples/bound.rs")
    parser.add_argument("scenarios", nargs="*", default=["transfers", "v2-swaps"])
    arguments = parser.parse_args()
    sides = {"weir": "", **{f"weir {options}": options for options in arguments.options}, "anvil": None}
    for scenario in arguments.scenarios:
        runs, bounds = {name: [] for name in sides}, []
        for _ in range(arguments.rounds):
            for name, options in sides.items():
                report = run(arguments.weir, options, scenario, "max", arguments.duration, arguments.accounts)
                report["who"] = name
                runs[name].append(report)
                print(json.dumps({key: report[key] for key in SHOWN}), flush=True)
            if arguments.bound and scenario == "transfers":
                bounds.append(bound(arguments.weir, arguments.bound, arguments.duration, arguments.accounts))
        print(f"\n{scenario}: medians of {arguments.rounds} runs, interleaved")
        included = show("included/s", runs, lambda r: r["included_per_second"])
        show("submit p50 us", runs, lambda r: r["submit_latency_us"]["p50"])
        show("submit p99 us", runs, lambda r: r["submit_latency_us"]["p99"])
        show("peak resident MiB", runs, lambda r: r["peak_resident_kib"] / 1024)
        if bounds:
            at_best = statistics.median(bounds)
            shares = ", ".join(f"{name} {median / at_best:.2f}" for name, median in included.items())
            print(f"  bound/s {at_best:.0f}, of which {shares}")
        if arguments.half:
            half_load(arguments, sides, scenario, included)
        print(flush=True)


main()
