#!/usr/bin/env python3
"""Throughput and submit latency of `weir dev` (on disk, roots on) against anvil, interleaved in one run.

Prints one JSON object per run and a table of medians with the ratio. Standard library only.
usage: bench/load_vs_anvil.py [--weir target/release/weir] [--rounds 3] [--duration 8s] [SCENARIO ...]
"""
import argparse, json, os, pathlib, shutil, statistics, subprocess, sys, tempfile, threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
ANVIL = ROOT / "e2e/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"


def peak_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def start_weir(weir, folder):
    command = [weir, "dev", "--datadir", folder, "--http-port", "0", "--metrics-port", "0", "--print-ready", "--log-filter", "error"]
    node = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return node, json.loads(node.stdout.readline())["http"]


def start_anvil():
    command = [ANVIL, "--port", "0", "--block-time", "1", "--gas-limit", "1000000000", "--hardfork", "osaka"]
    node = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in node.stdout:
        if line.startswith("Listening on "):
            # It prints a line a request; a full pipe would stop it.
            threading.Thread(target=lambda: [None for _ in node.stdout], daemon=True).start()
            return node, "http://" + line.split()[-1]
    sys.exit("anvil ended before it listened")


def run(weir, name, scenario, duration, accounts):
    folder = tempfile.mkdtemp(prefix="weir-bench-")
    node, url = start_weir(weir, folder) if name == "weir" else start_anvil()
    try:
        load = [weir, "load", "--rpc", url, "--scenario", scenario, "--accounts", str(accounts), "--rate", "max",
                "--duration", duration, "--artifacts", str(ROOT / "e2e"), "--json"]
        report = json.loads(subprocess.run(load, stdout=subprocess.PIPE, check=True).stdout)
        report["peak_resident_kib"] = peak_kib(node.pid)
        report["disk_bytes"] = sum(f.stat().st_blocks * 512 for f in pathlib.Path(folder).rglob("*") if f.is_file())
        report["who"] = name
        return report
    finally:
        node.kill()
        node.wait()
        shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weir", default=str(ROOT / "target/release/weir"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duration", default="8s")
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("scenarios", nargs="*", default=["transfers", "v2-swaps"])
    arguments = parser.parse_args()
    for scenario in arguments.scenarios:
        runs = {"weir": [], "anvil": []}
        for _ in range(arguments.rounds):
            for name in runs:
                report = run(arguments.weir, name, scenario, arguments.duration, arguments.accounts)
                runs[name].append(report)
                print(json.dumps({key: report[key] for key in ("who", "scenario", "included", "included_per_second",
                      "gas_per_second", "submit_latency_us", "rejected", "peak_resident_kib", "disk_bytes")}), flush=True)
        median = lambda name, of: statistics.median(of(report) for report in runs[name])
        print(f"\n{scenario}: medians of {arguments.rounds} runs, interleaved")
        for label, of in (("included/s", lambda r: r["included_per_second"]),
                          ("submit p50 us", lambda r: r["submit_latency_us"]["p50"]),
                          ("submit p99 us", lambda r: r["submit_latency_us"]["p99"]),
                          ("peak resident MiB", lambda r: r["peak_resident_kib"] / 1024)):
            ours, theirs = median("weir", of), median("anvil", of)
            print(f"  {label:18} weir {ours:10.0f}  anvil {theirs:10.0f}  ratio {ours / theirs:.2f}")
        print(flush=True)


main()
