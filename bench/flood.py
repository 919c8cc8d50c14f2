"""Part of bench.py: envelopes through one node and through three, over real connections, beside geth v1.9.20's node in the same run. Both
ends are one process of tests/interop/geth (flood.go) for all nodes under test. Limits are lifted by configuration; the defaults are a row of
their own, since they are meant to be slow. The ends take more than half of two processors: what the node itself takes for an envelope is a row as well."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "interop", "geth"))
import gethnode                                                                 # noqa: E402
from gethnode import CallError, Geth                                            # noqa: E402
import harness                                                                  # noqa: E402

ROUNDS = 5
SOURCES, EACH = 4, 15000                 # a link may fill a quarter of the pool, no more
FILTERS, EACH_TRIED = 1000, 500          # without a topic every filter tries every envelope: fewer of them
TEXTS = 40                               # one after the other
# What lifts the limits: no work to check for, no rate, a pool that holds the whole flood. None of these envelopes is native: they go on as they
# come (relay.gather), whatever relay.flush is.
LIFTED = {**harness.COMMON, "relay.work": "0", "limits.envelopes": "1000000", "relay.pool": "1GiB"}
DEFAULT = {**harness.COMMON, "relay.work": "0"}


def processor(process):
    """Seconds of processor that a process has taken."""
    with open(f"/proc/{process.pid}/stat", encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Chain(harness.Network):
    DIALS = {number: [number - 1] for number in range(2, 10)}


def through_geth(folder, ends, sources, ask, count=1, prepare=None):
    """ask(address of the last of count nodes, its process) with the sources at the first, after prepare(the first)."""
    nodes = [Geth(folder, f"geth-{number}") for number in range(count)]
    try:
        for node in nodes:
            node.start(minPow=0)
        for before, node in zip(nodes, nodes[1:]):
            node.call("addPeer", enode=before.enode)
            node.peer_up()
        if prepare:
            prepare(nodes[0])
        for _ in range(sources):
            nodes[0].call("addPeer", enode=ends.call("source")["enode"])
        return ask(nodes[-1].enode, nodes[-1].process)
    finally:
        for node in nodes:
            node.end()


def through_sotto(_folder, ends, sources, ask, count=1, flags=LIFTED, prepare=None):
    with Chain(count, flags=flags, fast=False, people=False) as net:
        for before, node in zip(net.nodes, net.nodes[1:]):
            node.until(lambda n=node: any(p["state"] == "up" for p in n.call("network peers")["items"]), what="its neighbour")
        if prepare:
            prepare(net.nodes[0])
        for _ in range(sources):
            net.nodes[0].call("peer add", address=ends.call("source")["enode"])
        return ask(net.nodes[-1].ready["peer"], net.nodes[-1].process)


def flood(bench, folder, ends, payload, each, goal, filters=0, by_topic=False):
    def pour(address, process):
        before = processor(process)
        done = ends.finish(ends.begin("flood", enode=address, count=each, payload=payload, seconds=300), 400)
        if done["twice"]:
            raise AssertionError(f"{done['twice']} envelopes came twice")
        return done["arrived"] / done["seconds"], 1e6 * (processor(process) - before) / done["arrived"]

    def shh(node, method, *params):
        answer = node.rpc.ask({"jsonrpc": "2.0", "id": 1, "method": "shh_" + method, "params": list(params)})
        if "error" in answer:
            raise AssertionError(f"shh_{method}: {answer['error']}")
        return answer["result"]

    def watched(node):
        for _ in range(filters):
            topics = {"topics": ["0x" + os.urandom(4).hex()]} if by_topic else {}
            shh(node, "newMessageFilter", {"symKeyID": shh(node, "newSymKey"), **topics})
    theirs, ours, lost = [], [], 0
    while len(ours) < ROUNDS:                          # by turns: what else the machine does falls on both
        ours.append(through_sotto(folder, ends, SOURCES, pour, prepare=watched))
        while len(theirs) < len(ours):
            try:
                theirs.append(through_geth(folder, ends, SOURCES, pour, prepare=lambda node: node.call("filters", count=filters, byTopic=by_topic)))
            except CallError as err:                   # it writes all its news as one packet, and ends a line on which one grows too large
                print(f"    geth lost some ({err}); again", flush=True)
                lost += 1
                if lost > ROUNDS:
                    raise
    kind = "no filter" if not filters else f"{filters:,} filters {'by' if by_topic else 'without'} topic"
    theirs, their_cost = (list(x) for x in zip(*theirs))
    ours, our_cost = (list(x) for x in zip(*ours))
    for name, values in ((" geth", theirs), ("", ours), (" processor geth", their_cost), (" processor", our_cost)):
        bench.keep(f"flood {payload} {kind}{name}", values)
    bench.row(f"flood through one node, {SOURCES} sources of {each:,} envelopes, payload {payload:,}, {kind}", bench.median(ours), "/s", goal=goal, better="higher",
              peer="geth v1.9.20" + (f" ({lost} more rounds lost envelopes)" if lost else ""), peer_value=bench.median(theirs), ratio=bench.median(ours) / bench.median(theirs))
    bench.row(f"    the node's processor for each of them, payload {payload:,}, {kind}", bench.median(our_cost), "us", better="lower",
              peer="geth v1.9.20", peer_value=bench.median(their_cost), ratio=bench.median(our_cost) / bench.median(their_cost))


def texts(bench, folder, ends, count, goal_ms):
    def times(address, _process):
        return [1000 * s for s in ends.finish(ends.begin("latency", enode=address, count=TEXTS, payload=256), 300)]
    nodes = "one node" if count == 1 else f"{count} nodes"
    theirs = bench.keep(f"text {count} geth", through_geth(folder, ends, 1, times, count))
    ours = bench.keep(f"text {count}", through_sotto(folder, ends, 1, times, count))
    bench.row(f"one envelope through {nodes}, wire to wire, limits lifted", bench.median(ours), "ms", p95=bench.p95(ours), goal=goal_ms, better="lower",
              peer="geth v1.9.20", peer_value=bench.median(theirs))
    slow = bench.keep(f"text {count} default", through_sotto(folder, ends, 1, times, count, DEFAULT))
    bench.row(f"one envelope through {nodes}, wire to wire, limits as by default", bench.median(slow), "ms", p95=bench.p95(slow))


def run(bench, folder):
    missing = gethnode.build()
    if missing:
        bench.rows.append({"name": "flood through one node, beside geth v1.9.20", "skipped": missing})
        return
    with Geth(folder, "ends") as ends:
        for payload in (256, 1024):
            flood(bench, folder, ends, payload, EACH, 3)
            flood(bench, folder, ends, payload, EACH, 3, FILTERS, True)
            flood(bench, folder, ends, payload, EACH_TRIED, 4, FILTERS, False)
        texts(bench, folder, ends, 1, 25)
        texts(bench, folder, ends, 3, 60)
