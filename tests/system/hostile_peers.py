#!/usr/bin/env python3
"""Attackers on the peer port that speak the protocol (hostile_peer.c), and unruly clients at the door of a node. Meanwhile two people talk
over the attacked nodes: every message arrives, memory and descriptors stay inside their bounds, and each node ends cleanly.

Some seconds for each attack; with --long a minute, 10,000 connections opened and closed, and 2,000 messages past peers that never
read."""
import json
import os
import signal
import socket
import subprocess
import time

import harness
from harness import Network, Rpc, RpcError, Scenario

LONG = harness.flag("--long")
TOOL = os.path.join(harness.BUILD, "hostile_peer")
SECONDS = 60 if LONG else 4              # of each attack
PATIENCE = 6                             # times SECONDS: hostile_peer.c
HANDSHAKES = 20                          # that rubbish gets through, at each of two nodes
EACH_WAY = 25                            # messages past each attack
LATENCY_S = 30                           # after the attack, at the latest; most arrive during it
SANITIZED = harness.SLOW > 1             # the shadow of a sanitizer is no measure of ours
# A node at rest takes 12 MiB. What strangers could make it hold: 32 MiB of frames larger than 64 KiB, 32 MiB of envelopes that wait to be
# paid, 64 MiB of pool (10 % for each who dials), and for each of 36 peers 64 KiB of buffer and up to 2 MiB to send. These attacks come
# nowhere near; who opens an account needs 64 MiB more for the moment (Argon2id), which is set aside where the kernel lets us.
PEAK_KIB = (128 if LONG else 80) << 10
PASSPHRASE_KIB = 64 << 10
DESCRIPTORS = 64 + 256 + 64              # clients at the door, accepted peers, the rest


class Chain(Network):
    DIALS = {2: [1], 3: [1]}


def status(node):
    """VmRSS and VmHWM in KiB, processor time in seconds, descriptors (None unless we are root: sottod forbids its user to look)."""
    pid = node.ready["pid"]
    out = {}
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith(("VmRSS:", "VmHWM:")):
                out[line[2:5]] = int(line.split()[1])
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    out["cpu"] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    try:
        out["fds"] = len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        out["fds"] = None
    return out


def forget_peak(node):
    """Starts the measure of the most memory anew; false if we may not (root only)."""
    try:
        with open(f"/proc/{node.ready['pid']}/clear_refs", "w", encoding="ascii") as f:
            f.write("5")
    except PermissionError:
        return False
    return True


class Attackers:
    """hostile_peer processes, ended with the block."""

    def __init__(self, seconds, *attacks):
        """attacks: (node, action, count)"""
        self.seconds = seconds
        self.processes = [subprocess.Popen([TOOL, node.ready["peer"], action, str(seconds), str(count), str(harness.dice.randrange(1, 2**62))],
                                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) for node, action, count in attacks]

    def __enter__(self):
        return self

    def running(self):
        return any(p.poll() is None for p in self.processes)

    def done(self):
        """What each of them managed to do."""
        out = []
        for process in self.processes:
            said, _ = process.communicate(timeout=PATIENCE * self.seconds + 30 * harness.SLOW)
            if process.returncode != 0:
                raise AssertionError(f"an attacker ended with {process.returncode}")
            out.append(json.loads(said))
        return out

    def __exit__(self, *_):
        for process in self.processes:
            harness.end_process(process)
            process.stdout.close()


def texts(node, chat):
    return [m["text"] for m in node.messages(chat) if not m["own"] and m["kind"] == "text"]


class HostilePeers(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.net = Chain(3)
        cls.net.meet()
        cls.sent = {"alice": [], "bob": []}
        cls.relay = cls.net.nodes[0]

    @classmethod
    def tearDownClass(cls):
        try:
            for node in cls.net.nodes:
                node.stop()                            # status 0 within 10 s
                if node.faults():
                    raise AssertionError(node.faults())
        finally:
            cls.net.close()

    def say(self, who):
        node, other = (self.net.alice, "bob") if who == "alice" else (self.net.bob, "alice")
        text = f"{who} {len(self.sent[who])} in spite of it"
        node.call("message send", chat=other, text=text)
        self.sent[who].append(text)

    def story(self, name, *attacks, seconds=SECONDS, each_way=EACH_WAY):
        """Two people talk while the attacks run; the figures are printed."""
        nodes = self.net.nodes
        fresh = all(forget_peak(n) for n in nodes)
        before = [status(n) for n in nodes]
        most = [0] * len(nodes)
        began = time.monotonic()
        with Attackers(seconds, *attacks) as attackers:
            for i in range(each_way):
                self.say("alice")
                self.say("bob")
                while time.monotonic() - began < seconds * (i + 1) / each_way:      # the pace: an event, or the rest of this share
                    self.net.bob.poll(int(max(seconds * (i + 1) / each_way - (time.monotonic() - began), 0.001) * 1000) + 1)
                most = [max(m, status(n)["fds"] or 0) for m, n in zip(most, nodes)]
            deeds = attackers.done()
        ended = time.monotonic()
        for node, chat, who in ((self.net.bob, "alice", "alice"), (self.net.alice, "bob", "bob")):
            node.until(lambda n=node, c=chat, w=who: len(texts(n, c)) >= len(self.sent[w]), LATENCY_S, f"{who}'s messages past {name}")
            self.assertEqual(texts(node, chat), self.sent[who])
        late = time.monotonic() - ended
        after = [status(n) for n in nodes]
        for node, b, a, fds in zip(nodes, before, after, most):
            print(f"  {name:<10} {node.name}: resident {b['RSS'] >> 10} -> {a['RSS'] >> 10} MiB, peak {a['HWM'] >> 10} MiB, descriptors up to {fds}, "
                  f"processor {a['cpu'] - b['cpu']:.1f} s of {ended - began:.0f} s", flush=True)
            if not SANITIZED:
                self.assertLess(a["HWM"], PEAK_KIB + (0 if fresh else PASSPHRASE_KIB), f"memory of {node.name}")
            self.assertLess(fds, DESCRIPTORS)
            self.assertIsNone(node.process.poll())
            self.assertTrue(node.call("node health")["ok"])
        print(f"  {name:<10} all {2 * each_way} messages {late:.1f} s after its end; {json.dumps(deeds)}", flush=True)
        return deeds

    def test_1_rubbish_and_churn(self):
        """Every stage of a connection filled with rubbish; connections opened and closed at every stage."""
        count = 10000 if LONG else 500
        deeds = self.story("rubbish", (self.relay, "rubbish", HANDSHAKES), (self.net.bob, "rubbish", HANDSHAKES), (self.relay, "churn", count), seconds=4 * SECONDS if LONG else SECONDS)
        for deed in deeds[:2]:
            self.assertGreaterEqual(deed["handshakes"], HANDSHAKES, "they were let in")
        self.assertGreaterEqual(deeds[2]["rounds"], count)

    def test_2_who_never_reads(self):
        """Before the floods: what they leave in the pools takes a node minutes to bring on, at 20 envelopes a second, and half of that goes to them."""
        self.story("mute", (self.relay, "mute", 20), (self.net.alice, "mute", 20), each_way=1000 if LONG else EACH_WAY,
                   seconds=4 * SECONDS if LONG else SECONDS)

    def test_3_floods(self):
        """Good envelopes and expired ones, as fast as the line takes them."""
        deeds = self.story("flood", *[(node, action, 0) for node in (self.relay, self.net.bob) for action in ("flood", "expired")])
        self.assertTrue(all(d["envelopes"] > 400 for d in deeds), deeds)
        stats = self.relay.call("relay stats")["envelopes"]
        self.assertGreater(stats["expired"], 100)

    def test_4_crowds(self):
        """Two hundred at once who fall silent at some stage, and a hundred who send one byte a second."""
        deeds = self.story("crowd", (self.relay, "crowd", 200), (self.net.bob, "crowd", 200), (self.relay, "loris", 100))
        self.assertTrue(all(d["connections"] >= 100 for d in deeds), deeds)

    def test_5_door(self):
        """Clients of the door: a thousand that come and go, more than there are places, and one that subscribes and never reads."""
        node, rounds = self.net.bob, 10000 if LONG else 1000
        fresh = forget_peak(node)
        before = status(node)
        path = node.ready["socket"]
        for i in range(rounds):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)                        # blocking: a full queue of the door makes a client wait, not fail
                s.settimeout(20 * harness.SLOW)
                if i % 4:
                    s.sendall((b"", b"{", b'{"jsonrpc":"2.0","id":1,"method":"sotto_nodeStatus"}\n', b"GET /healthz HTTP/1.1\r\n\r\n")[i % 4])
        deaf = []
        for _ in range(8):
            s = socket.socket(socket.AF_UNIX)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(path)
            s.settimeout(20 * harness.SLOW)
            s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"sotto_eventSubscribe","params":{"cursor":"e0"}}\n')
            deaf.append(s)
        greedy = socket.socket(socket.AF_UNIX)             # asks and asks, reads nothing
        greedy.connect(path)
        greedy.settimeout(2)
        line = b'{"jsonrpc":"2.0","id":1,"method":"sotto_messageList","params":{"chat":"alice","limit":200}}\n'
        asked = 0
        try:
            while asked < 4000:
                greedy.sendall(line)
                asked += 1
        except OSError:
            pass
        crowd = []
        for _ in range(200):
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(path)
                s.settimeout(20 * harness.SLOW)
                s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"sotto_nodeStatus"}\n')
            except OSError:
                s.close()
                continue
            crowd.append(s)
        answered = 0
        for s in crowd:
            try:
                answered += bool(s.recv(1))
            except OSError:
                pass
        most = status(node)["fds"] or 0
        self.assertGreater(answered, 30)
        for s in [*crowd, *deaf, greedy]:
            s.close()
        for _ in range(EACH_WAY):
            self.say("alice")
            self.say("bob")
        for one, chat, who in ((self.net.bob, "alice", "alice"), (self.net.alice, "bob", "bob")):
            one.until(lambda n=one, c=chat, w=who: len(texts(n, c)) >= len(self.sent[w]), LATENCY_S, f"{who}'s messages")
        node.until(lambda: (status(node)["fds"] or 0) <= (before["fds"] or 0) + 8, 60, "the places are given back")
        rpc = Rpc(path)
        self.assertTrue(rpc.call("node health")["ok"])
        rpc.close()
        after = status(node)
        print(f"  door: {rounds} opened and closed, {asked} asked unread, {answered} of 200 answered; resident {before['RSS'] >> 10} -> {after['RSS'] >> 10} MiB, "
              f"peak {after['HWM'] >> 10} MiB, descriptors up to {most}, processor {after['cpu'] - before['cpu']:.1f} s", flush=True)
        if not SANITIZED:
            self.assertLess(after["HWM"], PEAK_KIB + (0 if fresh else PASSPHRASE_KIB))
        self.assertLess(most, DESCRIPTORS)


if __name__ == "__main__":
    harness.main()
