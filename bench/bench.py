#!/usr/bin/env python3
"""make bench: what exists so far, measured in one run on this machine and shown against its goal. Each figure is the median (and the
95th percentile) of its runs; anchors of the same run stand beside them, so that two machines can be compared. Raw data: bench/out/."""
import json
import os
import platform
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
sys.dont_write_bytecode = True
import harness  # noqa: E402

RUNS = max(20, int(os.environ.get("BENCH_RUNS", "30")))
IDLE_SECONDS = 20.0                      # how long the idle node is watched
raw = {}


def timed(name, function, runs=RUNS):
    """Milliseconds of each run; one run before them is not counted (cold caches are their own story)."""
    function()
    took = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        took.append((time.perf_counter() - start) * 1000)
    return keep(name, took)


def keep(name, values):
    raw[name] = values
    return values


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def p95(values):
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


def show(text, values, unit, goal=None):
    value = median(values)
    ratio = f"goal {goal:g} {unit}   ratio {value / goal:5.2f}" if goal else "anchor"
    print(f"{text:<64} {value:8.2f} {unit:<4} p95 {p95(values):8.2f}   {ratio}", flush=True)


def quiet(*command):
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def anchors(folder):
    show("anchor: exec of `true`", timed("exec true", lambda: quiet("/bin/true")), "ms")
    path = os.path.join(folder, "anchor")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)

    def synced():
        os.pwrite(fd, os.urandom(4096), 0)
        os.fsync(fd)
    show("anchor: 4 KiB written and fsynced on the same disk", timed("fsync", synced), "ms")
    os.close(fd)
    show("anchor: start of python3 without site", timed("python start", lambda: quiet(sys.executable, "-S", "-E", "-c", "")), "ms")


def start_to_rpc(folder):
    """From exec to the first answer over the socket, with an account that stays locked."""
    took = []
    node = harness.Node(folder, "start", {**harness.COMMON}, harness.free_port())
    node.start()
    node.job("account create", name="Bench", passphrase="a passphrase that nobody gives again")
    node.stop()
    for run in range(RUNS + 1):
        start = time.perf_counter()
        node.start()
        status = node.call("node status")
        took.append((time.perf_counter() - start) * 1000)
        if not status["peer"] or not node.call("account list")["items"][0]["locked"]:
            raise AssertionError("the vault is not locked")
        if run < RUNS:
            node.stop()
    show("exec to answering RPC, vault locked", keep("start to rpc", took[1:]), "ms", 60)
    node.stop()


def idle(folder):
    """A user's node: an open account, a peer, an empty pool. Resident memory and processor time, from /proc."""
    peer = harness.Node(folder, "peer", {**harness.COMMON}, harness.free_port()).start()
    node = harness.Node(folder, "idle", {**harness.COMMON, "network.static": [peer.ready["peer"]]}, harness.free_port()).start()
    try:
        node.job("account create", name="Bench", passphrase="")
        node.until(lambda: any(p["state"] == "up" for p in node.call("network peers")["items"]), what="a peer")

        def processor():
            """Seconds of all its threads, counted by the scheduler in ns."""
            folder, total = f"/proc/{node.process.pid}/task", 0
            for thread in os.listdir(folder):
                with open(f"{folder}/{thread}/schedstat", encoding="ascii") as f:
                    total += int(f.read().split()[0])
            return total / 1e9

        def resident():
            with open(f"/proc/{node.process.pid}/status", encoding="ascii") as f:
                return next(int(row.split()[1]) for row in f if row.startswith("VmRSS:")) / 1024
        node.call("event list", cursor=node.call("event now")["cursor"], waitMs=2000)        # the start is over
        memory, shares = [], []
        for _ in range(20):
            before, start = processor(), time.monotonic()
            time.sleep(IDLE_SECONDS / 20)
            shares.append(100 * (processor() - before) / (time.monotonic() - start))
            memory.append(resident())
        show("idle node, resident memory with its libraries", keep("idle MiB", memory), "MiB", 16)
        keep("idle cpu %", shares)
        whole = sum(shares) / len(shares)
        print(f"{'idle node, processor, mean of ' + format(IDLE_SECONDS, 'g') + ' s':<64} {whole:8.2f} %    p95 {p95(shares):8.2f}   "
              f"goal 1 %   ratio {whole / 1:5.2f}", flush=True)
    finally:
        node.end()
        peer.end()


def one_shot(folder):
    node = harness.Node(folder, "shot", {**harness.COMMON}, harness.free_port()).start()
    try:
        show("`sotto status`, one shot", timed("sotto status", lambda: quiet(harness.SOTTO, "--data", node.data, "status")), "ms", 30)
    finally:
        node.end()


def sending():
    """message send: its answer says that the message is durable and queued."""
    with harness.Network(3) as net:
        net.meet()
        count = iter(range(10**6))
        show("message send until durable and queued", timed("send", lambda: net.alice.call("message send", chat="bob", text=f"bench {next(count)}")), "ms", 5)
        show("anchor: the smallest call (node health) on the same connection", timed("node health", lambda: net.alice.call("node health")), "ms")


def main():
    if "--no-build" not in sys.argv[1:]:
        if subprocess.run(["sh", os.path.join(ROOT, "tools", "build.sh"), "release", "sottod", "sotto"], stdout=subprocess.DEVNULL).returncode != 0:
            return 1
    print(f"{os.cpu_count()} processors, Linux {platform.release()}, {RUNS} runs of each; ratio = measured / goal, at most 1.00 is kept")
    with tempfile.TemporaryDirectory(prefix="sotto-bench-", dir=os.path.join(ROOT, "build")) as folder:
        os.chmod(folder, 0o700)
        anchors(folder)
        start_to_rpc(folder)
        one_shot(folder)
        sending()
        idle(folder)
    out = os.path.join(ROOT, "bench", "out")
    os.makedirs(out, exist_ok=True)
    path = os.path.join(out, time.strftime("%Y%m%d-%H%M%S.json"))
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"runs": RUNS, "processors": os.cpu_count(), "system": platform.platform(), "ms": raw}, f, indent=1)
    print(f"raw data: {os.path.relpath(path, ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
