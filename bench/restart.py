#!/usr/bin/env python3
"""Time from the start of a node until it serves, with so many transactions in its journal, against an empty one. Standard library only.

Sealing is halted while the transactions come in, so that all of them wait; then the node is killed.
usage: bench/restart.py [--weir target/release/weir] [--transactions 100000]
"""
import argparse, json, pathlib, shutil, subprocess, tempfile, time
from nodes import ROOT, start_weir


def call(url, method, params):
    import urllib.request
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request))["result"]


def timed_start(weir, folder):
    started = time.monotonic()
    node, ready = start_weir(weir, folder)
    return node, ready, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weir", default=str(ROOT / "target/release/weir"))
    parser.add_argument("--transactions", type=int, default=100_000)
    arguments = parser.parse_args()
    weir, folder = arguments.weir, tempfile.mkdtemp(prefix="weir-bench-")
    jwt = str(pathlib.Path(folder) / "admin.jwt")
    try:
        node, ready = start_weir(weir, folder, "--admin-port", "0", "--durability", "none", "--pool-max-transactions", str(2 * arguments.transactions))
        url = ready["http"]
        # The load funds its accounts first, in blocks; it is stopped once enough transactions wait.
        load = subprocess.Popen([weir, "load", "--rpc", url, "--scenario", "transfers", "--accounts", "200", "--rate", "max",
                                 "--duration", "10m", "--pending-max", str(2 * arguments.transactions), "--json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(5)
        admin = [weir, "admin", "--url", ready["admin"], "--jwt", jwt, "halt", "sealing", "--reason", "benchmark"]
        subprocess.run(admin, check=True, stdout=subprocess.DEVNULL)
        waiting = 0
        while waiting < arguments.transactions and load.poll() is None:
            time.sleep(0.2)
            waiting = int(call(url, "txpool_status", [])["pending"], 16)
        load.kill()
        node.kill()
        node.wait()
        node, ready, full = timed_start(weir, folder)
        restored = call(ready["http"], "txpool_status", [])
        node.kill()
        node.wait()
        shutil.rmtree(folder)
        node, ready, empty = timed_start(weir, folder)
        print(json.dumps({"waiting": waiting, "restored": {key: int(value, 16) for key, value in restored.items()},
                          "start_s": round(full, 3), "empty_start_s": round(empty, 3), "ratio": round(full / empty, 1)}))
    finally:
        node.kill()
        node.wait()
        shutil.rmtree(folder, ignore_errors=True)


main()
