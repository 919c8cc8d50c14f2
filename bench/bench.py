#!/usr/bin/env python3
"""make bench: what exists so far, measured in one run on this machine and shown in one table, each figure beside its peer of the same
run (or its limit) and its goal. Figures are medians of their runs; anchors let two machines be compared. Raw data: bench/out/.

    bench.py [--no-build] [--only WORD]      --only: just the parts whose name holds WORD (start, sending, idle, or a program's name)

PROGRAMS below are bench programs in C: each is called without arguments but those listed, and prints one JSON object a line:

    {"name": "work tries, AVX2", "value": 1.2e7, "unit": "/s", "peer": "nettle's permutation", "peer_value": 3.4e6, "ratio": 3.53,
     "goal": 3.3, "better": "higher", "runs": [1.19e7, 1.2e7, 1.21e7]}

name, value and unit are a must. value and peer_value are medians of at least five runs in the same unit; runs (the single values) only
goes into the raw data. ratio is made by the program, the way its goal asks for it. goal is held against ratio where there is one, else
against value; better says which side of the goal is kept. No goal: an anchor or a figure for the reader. A line with "skipped": "why"
instead of a value is a row that says so. A program that fails fails the run."""
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
sys.dont_write_bytecode = True
import harness  # noqa: E402
import flood  # noqa: E402

RUNS = max(20, int(os.environ.get("BENCH_RUNS", "30")))
IDLE_SECONDS = 60.0                      # how long the idle node is watched: its wake-ups are counted by the minute
BUILD = os.path.join(ROOT, "build", "release")
PROGRAMS = ["bench_net", "bench_talk", "bench_link", "bench_wire", "bench_script", "bench_ledger"]   # targets of bench/CMakeLists.txt, called in this order
raw = {}
rows = []


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


def row(name, value, unit, **more):
    """One line of the table; the keys are those of a program's JSON line."""
    rows.append({"name": name, "value": value, "unit": unit, **more})
    print(f"  {name}: {number(value)} {unit}", file=sys.stderr, flush=True)


def show(text, values, unit, goal=None):
    row(text, median(values), unit, p95=p95(values), **({"goal": goal, "better": "lower"} if goal else {}))


def number(value):
    """Three figures that count, in a form that people read."""
    if value is None:
        return ""
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / {'G': 1e9, 'M': 1e6, 'k': 1e3}[suffix]:.3g}{suffix}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def verdict(r):
    """"kept", "MISSED" or "" for a figure without a goal."""
    if r.get("goal") is None:
        return ""
    measured = r["ratio"] if r.get("ratio") is not None else r["value"]
    kept = measured <= r["goal"] if r["better"] == "lower" else measured >= r["goal"]
    return "kept" if kept else "MISSED"


def table():
    lines = [("measure", "median", "p95", "peer of the same run", "ratio", "goal", "")]
    for r in rows:
        if "skipped" in r:
            lines.append((r["name"], "skipped:", "", r["skipped"], "", "", ""))
            continue
        peer = f"{r['peer']}: {number(r.get('peer_value'))} {r['unit']}" if r.get("peer") else ""
        sign = {"lower": "<=", "higher": ">="}.get(r.get("better"), "")
        of_value = f" {r['unit']}" if r.get("ratio") is None else ""
        goal = f"{sign} {r['goal']:g}{of_value}" if r.get("goal") is not None else ""
        lines.append((r["name"], f"{number(r['value'])} {r['unit']}", number(r.get("p95")), peer,
                      f"{r['ratio']:.2f}" if r.get("ratio") is not None else "", goal, verdict(r)))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.rjust(w) if i in (1, 2, 4) else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths))).rstrip())


def geth_intake():
    """What geth v1.9.20 takes for a new envelope, measured now by bench/geth where Go and its modules are to be had; None: they are not."""
    go, source = shutil.which("go"), os.path.join(ROOT, "bench", "geth")
    if not go:
        print("  no Go here: geth is not measured beside ours", file=sys.stderr)
        return None
    program = os.path.join(ROOT, "build", "bench_geth")
    # An old dependency reaches into the runtime, which newer linkers refuse unless told otherwise; older ones do not know the flag.
    for flags in (["-ldflags=-checklinkname=0"], []):
        built = subprocess.run([go, "build", *flags, "-o", program, "."], cwd=source, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, timeout=600)
        if built.returncode == 0:
            break
    else:
        print(f"  geth is not measured: {built.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    took = json.loads(subprocess.run([program], stdout=subprocess.PIPE, check=True).stdout)
    show("anchor: geth v1.9.20, a new envelope of 1 KiB, in process", keep("geth new us", took["new_us"]), "us")
    show("anchor: geth v1.9.20, a duplicate", keep("geth duplicate us", took["duplicate_us"]), "us")
    return median(took["new_us"])


def net(_):
    """The kernels and the intake, beside geth if it is to be had."""
    geth = geth_intake()
    run_program("bench_net", *(["--geth-new", f"{geth:.3f}"] if geth else []))


def run_program(name, *arguments):
    """A bench program's lines become rows. Its place in the build folder is that of bench/CMakeLists.txt."""
    done = subprocess.run([os.path.join(BUILD, "bench", name), *arguments], stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        r = json.loads(line)
        keep(r["name"], r.pop("runs", [r["value"]] if "value" in r else []))
        rows.append(r)
        print(f"  {r['name']}: {r.get('skipped') or number(r['value']) + ' ' + r['unit']}", file=sys.stderr, flush=True)


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

        def wake_ups():
            """How often its threads gave the processor up of their own will and were woken again."""
            folder, total = f"/proc/{node.process.pid}/task", 0
            for thread in os.listdir(folder):
                with open(f"{folder}/{thread}/status", encoding="ascii") as f:
                    total += next(int(line.split()[1]) for line in f if line.startswith("voluntary_ctxt_switches:"))
            return total

        def resident():
            with open(f"/proc/{node.process.pid}/status", encoding="ascii") as f:
                return next(int(row.split()[1]) for row in f if row.startswith("VmRSS:")) / 1024
        node.call("event list", cursor=node.call("event now")["cursor"], waitMs=2000)        # the start is over
        memory, shares, woken, begun = [], [], wake_ups(), time.monotonic()
        for _ in range(20):
            before, start = processor(), time.monotonic()
            time.sleep(IDLE_SECONDS / 20)
            shares.append(100 * (processor() - before) / (time.monotonic() - start))
            memory.append(resident())
        show("idle node, resident memory with its libraries", keep("idle MiB", memory), "MiB", 16)
        keep("idle cpu %", shares)
        row(f"idle node, processor, mean of {IDLE_SECONDS:g} s", sum(shares) / len(shares), "%", p95=p95(shares), goal=0.5, better="lower")
        a_minute = (wake_ups() - woken) * 60 / (time.monotonic() - begun)
        row(f"idle node, wake-ups of all threads, {IDLE_SECONDS:g} s", a_minute, "/min", goal=60, better="lower")
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
    words = sys.argv[1:]
    only = words[words.index("--only") + 1] if "--only" in words else ""
    parts = {name: function for name, function in {
        "anchors": anchors, "start": start_to_rpc, "one-shot": one_shot, "sending": lambda _: sending(), "idle": idle,
        "flood": lambda folder: flood.run(sys.modules[__name__], folder),
        **{name: lambda _, name=name: run_program(name) for name in PROGRAMS}, "bench_net": net}.items() if only in name}
    if "--no-build" not in words:
        targets = ["sottod", "sotto", *(name for name in PROGRAMS if name in parts)]
        if subprocess.run(["sh", os.path.join(ROOT, "tools", "build.sh"), "release", *targets], stdout=subprocess.DEVNULL).returncode != 0:
            return 1
    with tempfile.TemporaryDirectory(prefix="sotto-bench-", dir=os.path.join(ROOT, "build")) as folder:
        os.chmod(folder, 0o700)
        for part in parts.values():
            part(folder)
    print(f"{os.cpu_count()} processors, Linux {platform.release()}; goals are held against the ratio to the peer where there is one")
    table()
    out = os.path.join(ROOT, "bench", "out")
    os.makedirs(out, exist_ok=True)
    path = os.path.join(out, time.strftime("%Y%m%d-%H%M%S.json"))
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"runs": RUNS, "processors": os.cpu_count(), "system": platform.platform(), "rows": rows, "single": raw}, f, indent=1)
    print(f"raw data: {os.path.relpath(path, ROOT)}")
    missed = [r["name"] for r in rows if "value" in r and verdict(r) == "MISSED"]
    if missed:
        print(f"missed: {'; '.join(missed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
