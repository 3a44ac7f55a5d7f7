"""What the load runs share: a node in a folder of its own, anvil, and `weir load` against either. Standard library only."""
import contextlib, json, pathlib, shutil, subprocess, sys, tempfile, threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
ANVIL = ROOT / "e2e/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"


def start_weir(weir, folder, *options):
    command = [weir, "dev", "--datadir", folder, "--http-port", "0", "--metrics-port", "0", "--print-ready", "--log-filter", "error", *options]
    node = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return node, json.loads(node.stdout.readline())


@contextlib.contextmanager
def weir_node(weir, *options):
    """A node on disk, and its addresses; both the node and its folder end with the block."""
    folder = tempfile.mkdtemp(prefix="weir-bench-")
    node, ready = start_weir(weir, folder, *options)
    try:
        yield node, ready["http"], folder
    finally:
        node.kill()
        node.wait()
        shutil.rmtree(folder)


@contextlib.contextmanager
def anvil_node():
    command = [ANVIL, "--port", "0", "--block-time", "1", "--gas-limit", "1000000000", "--hardfork", "osaka"]
    node = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for line in node.stdout:
            if line.startswith("Listening on "):
                # It prints a line a request; a full pipe would stop it.
                threading.Thread(target=lambda: [None for _ in node.stdout], daemon=True).start()
                yield node, "http://" + line.split()[-1], None
                return
        sys.exit("anvil ended before it listened")
    finally:
        node.kill()
        node.wait()


@contextlib.contextmanager
def constant_node(program):
    """The server of `bench/examples/bound.rs`, and what it measured before it listened."""
    node = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
    try:
        yield json.loads(node.stdout.readline())
    finally:
        node.kill()
        node.wait()


def load(weir, url, scenario, rate, duration, accounts=200, *options):
    command = [weir, "load", "--rpc", url, "--scenario", scenario, "--accounts", str(accounts), "--rate", str(rate),
               "--duration", duration, "--artifacts", str(ROOT / "e2e"), "--json", *options]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def peak_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
