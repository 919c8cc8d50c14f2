#!/usr/bin/env python3
"""Nodes of one local network find each other by beacons alone, in namespaces on one bridge; a tap there sees every datagram, and a stranger plugs in:

    10.7.0.1 .. 10.7.0.5 nodes      10.7.0.9 stranger

The script starts itself again in a namespace of its own; without the right to make one it says so and is skipped. Beacons come once a minute: what
waits for the second one takes that long and runs with --long."""
import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time

import harness
from harness import Network, Node, RpcError, Scenario, flag, main
from netns import Lab, inside, run

GROUP, PORT, STRANGER = "239.255.83.84", 18384, "10.7.0.9"
BEACON, ANSWER = 64, 106
OPEN = {"network.local": None, "network.discovery": "false", "network.nat": "false", "network.listen": "0.0.0.0"}
ON = {**OPEN, "network.lan": "true"}
MINUTE = 80                              # one period of the beacon, and room
LONG = "--long" in sys.argv              # also what waits for the second beacon


def tap():
    """Every IPv4 datagram that comes in by a port of this bridge, a line each, until nobody reads any more."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as raw:
        print("ready", flush=True)
        while True:
            frame, (name, protocol, kind, *_) = raw.recvfrom(2048)
            if protocol != 0x0800 or kind == socket.PACKET_OUTGOING or not name.startswith("p"):
                continue
            ip = frame[14:]
            head = 4 * (ip[0] & 15)
            at = {"from": socket.inet_ntoa(ip[12:16]), "to": socket.inet_ntoa(ip[16:20]), "ttl": ip[8], "protocol": ip[9]}
            if ip[9] == 17:
                udp = ip[head:head + int.from_bytes(ip[2:4], "big") - head]
                at.update(source=int.from_bytes(udp[0:2], "big"), port=int.from_bytes(udp[2:4], "big"), data=udp[8:].hex())
            print(json.dumps(at), flush=True)


def stranger():
    """Sends what the lines of its input say: to whom, which port, the bytes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(STRANGER))
        for line in sys.stdin:
            to, port, data = line.split()
            out.sendto(bytes.fromhex(data), (to, int(port)))


class Bridge(Lab):
    def __init__(self):
        super().__init__()
        self.switch, self.ports, self.seen, self.news = self.namespace(), 0, [], queue.SimpleQueue()
        self.switch.batch("link add br0 type bridge mcast_snooping 0", "link set br0 up")
        process = self.start(self.switch, sys.executable, "-B", os.path.abspath(__file__), "--tap", stdout=subprocess.PIPE, text=True)
        if process.stdout.readline() != "ready\n":
            raise AssertionError("no tap")
        threading.Thread(target=self.listen, args=(process.stdout,), daemon=True).start()

    def listen(self, lines):
        for line in lines:
            self.news.put(json.loads(line))

    def plug(self, where, address, name="eth0"):
        self.ports += 1
        self.switch.batch(f"link add p{self.ports} type veth peer name {name} netns {where.holder.pid}", f"link set p{self.ports} master br0", f"link set p{self.ports} up")
        where.batch(f"addr add {address}/24 dev {name}", f"link set {name} up")

    def home(self, address):
        where = self.namespace()
        self.plug(where, address)
        return where

    def udp(self, size, source=None, to=None):
        """Datagrams of that size so far."""
        while not self.news.empty():
            self.seen.append(self.news.get())
        return [d for d in self.seen if len(d.get("data", "")) == 2 * size and source in (None, d["from"]) and to in (None, d["to"])]

    def wait(self, size, count, seconds=20, **which):
        deadline = time.monotonic() + seconds * harness.SLOW
        while len(found := self.udp(size, **which)) < count:
            try:
                self.seen.append(self.news.get(timeout=max(0.01, deadline - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"{len(found)} datagrams of {size} bytes {which}, {count} expected") from None
        return found

    def stranger(self):
        return self.start(self.home(STRANGER), sys.executable, "-B", os.path.abspath(__file__), "--stranger", stdin=subprocess.PIPE, text=True)


def start(net, where, name, **flags):
    node = Node(net.folder, name, {**net.flags, **ON, **{key.replace("__", "."): value for key, value in flags.items()}})
    node.prefix = where.prefix
    net.nodes.append(node)
    return node.start()


def peers(node):
    return node.call("network peers")["items"]


def key_of(node):
    return node.call("network self")["enode"][8:136]


def up(node, *others):
    """Waits until its neighbours are these and no others."""
    want = sorted(key_of(o) for o in others)
    node.until(lambda: sorted(p["enode"][8:136] for p in peers(node) if p["state"] == "up" and p["enode"]) == want, 30, f"{len(want)} neighbours")


def lan(node):
    return node.call("network self")["lan"]


class Local(Scenario):
    def secret(self, net, name, text, mode=0o600):
        path = os.path.join(net.folder, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def test_find_each_other(self):
        """Without a static peer and without a bootstrap node; not who has another secret; and who does not ask for it says nothing."""
        with Bridge() as lab, Network(0, people=False) as net:
            other = self.secret(net, "other", "0a" * 32 + "\n")
            mute = start(net, lab.home("10.7.0.4"), "mute", network__lan="false")
            a = start(net, lab.home("10.7.0.1"), "a")
            stray = start(net, lab.home("10.7.0.3"), "stray", network__lan_secret_file=other)
            lab.wait(BEACON, 1, source="10.7.0.3")
            b = start(net, lab.home("10.7.0.2"), "b")
            up(a, b)
            up(b, a)
            dialled = [p for p in peers(b) if p["lan"]]
            self.assertEqual([(p["inbound"], p["static"]) for p in dialled], [(False, False)])
            self.assertTrue(dialled[0]["enode"].endswith(f"@10.7.0.1:{a.call('network self')['enode'].rsplit(':', 1)[1]}"), dialled)
            self.assertEqual((lan(b)["state"], lan(b)["links"], lan(b)["known"]), ("on", 1, 1))
            self.assertEqual(lan(a)["answered"], 1)
            self.assertEqual(a.call("node doctor", only="lan")[0]["result"], "ok")
            # A third one of the same secret, whose beacon comes behind all that was said before.
            c = start(net, lab.home("10.7.0.5"), "c")
            up(c, a, b)
            self.assertEqual((peers(stray), peers(mute)), ([], []))
            self.assertEqual(lan(stray), {"state": "on", "links": 1, "known": 0, "answered": 0})
            self.assertEqual((lan(mute)["state"], lan(mute)["why"]), ("off", "network.lan is off"))
            self.assertEqual(mute.call("node doctor", only="lan")[0]["result"], "ok")
            beacons, answers = lab.udp(BEACON, to=GROUP), lab.udp(ANSWER)
            self.assertEqual({d["from"] for d in beacons}, {"10.7.0.1", "10.7.0.2", "10.7.0.3", "10.7.0.5"})
            self.assertEqual({(d["port"], d["ttl"]) for d in beacons}, {(PORT, 1)})
            self.assertEqual({d["ttl"] for d in answers}, {1})
            self.assertEqual(sorted((d["from"], d["to"]) for d in answers), [("10.7.0.1", "10.7.0.2"), ("10.7.0.1", "10.7.0.5"), ("10.7.0.2", "10.7.0.5")])
            self.assertEqual([d for d in lab.seen if d["from"] == "10.7.0.4"], [])                 # not one packet
            said = "".join(d.get("data", "") for d in lab.seen)
            for node in (a, b, c, stray):
                self.assertNotIn(key_of(node)[:32], said)                                          # that Sotto runs, not who
                self.assertNotIn("10.7.0.", node.log())

    def test_forged(self):
        """Whoever lacks the secret gets no answer, and no place, by whatever is sent: invented, cut, played back."""
        with Bridge() as lab, Network(0, people=False) as net:
            shared = self.secret(net, "shared", "5e" * 32)
            a = start(net, lab.home("10.7.0.1"), "a", network__lan_secret_file=shared)
            b = start(net, lab.home("10.7.0.2"), "b", network__lan_secret_file=shared)
            up(a, b)
            heard, answer = lab.wait(BEACON, 1, source="10.7.0.2")[0], lab.wait(ANSWER, 1)[0]
            salt = heard["data"][:32]
            out = lab.stranger()
            forged = [heard["data"], heard["data"][:96] + "2000" + heard["data"][100:], answer["data"], heard["data"][:-2], heard["data"] + "00", "00" * BEACON,
                      salt + os.urandom(32).hex() + "2000" + "00" * 14, os.urandom(BEACON).hex(), os.urandom(ANSWER).hex(), "00" * ANSWER, "ff", os.urandom(1400).hex()]
            before = [(lan(n)["known"], lan(n)["answered"]) for n in (a, b)]
            for data in forged * 20:
                for to, port in ((GROUP, PORT), ("10.7.0.1", lab.udp(BEACON, source="10.7.0.1")[0]["source"]), ("10.7.0.2", heard["source"])):
                    print(to, port, data, file=out.stdin)
            out.stdin.close()
            out.wait(30 * harness.SLOW)
            c = start(net, lab.home("10.7.0.3"), "c", network__lan_secret_file=shared)              # behind all of that
            up(c, a, b)
            self.assertEqual([(lan(n)["known"], lan(n)["answered"]) for n in (a, b)], [(known, answered + 1) for known, answered in before])
            self.assertEqual(lab.udp(ANSWER, to=STRANGER), [])
            self.assertEqual({d["to"] for d in lab.seen if d["from"] != STRANGER and "data" in d}, {GROUP, "10.7.0.2", "10.7.0.3"})
            for node in (a, b):
                self.assertTrue(node.call("node health")["ok"])
                self.assertEqual(len([p for p in peers(node) if p["state"] == "up"]), 2)

    def test_banned(self):
        """A neighbour that an operator banned stays away, whoever calls."""
        with Bridge() as lab, Network(0, people=False) as net:
            a = start(net, lab.home("10.7.0.1"), "a")
            b = start(net, lab.home("10.7.0.2"), "b")
            up(a, b)
            enode = b.call("network self")["enode"]
            a.call("peer ban", peer=enode, ms=3600000)
            up(a)
            up(b)
            # b dials again, in vain; and answers when a asks.
            b.until(lambda: [p for p in peers(b) if p["lan"] and p["state"] == "waiting"], 60, "refused")
            lab.wait(BEACON, 2, MINUTE, source="10.7.0.1")
            lab.wait(ANSWER, 1, source="10.7.0.2", to="10.7.0.1")
            self.assertEqual([p for p in peers(a) if p["state"] == "up" or p["lan"]], [])
            self.assertEqual(lan(a)["known"], 0)

    def test_links_come_and_go(self):
        with Bridge() as lab, Network(0, people=False) as net:
            alone = lab.namespace()
            a = start(net, alone, "a")
            self.assertEqual(a.until(lambda: lan(a), 10), {"state": "on", "links": 0, "known": 0, "answered": 0})
            self.assertEqual(a.call("node doctor", only="lan")[0]["result"], "warn")
            b = start(net, lab.home("10.7.0.2"), "b")
            lab.plug(alone, "10.7.0.1")
            a.until(lambda: lan(a)["links"] == 1, MINUTE, "a new link")
            up(a, b)
            alone.batch("link del eth0")
            lab.plug(alone, "10.7.0.8", "eth7")
            lab.wait(BEACON, 1, MINUTE, source="10.7.0.8")
            self.assertEqual(lan(a)["links"], 1)
            alone.batch("link del eth7")
            self.assertTrue(a.call("node health")["ok"])
            a.stop()

    def test_which_links(self):
        """Every link with a private address, or that of the address listened on; who listens nowhere asks and does not answer."""
        with Bridge() as lab, Network(0, people=False) as net:
            wide, narrow = lab.home("10.7.0.1"), lab.home("10.7.0.2")
            lab.plug(wide, "10.7.0.6", "eth1")
            lab.plug(wide, "45.67.89.1", "eth2")
            lab.plug(narrow, "10.7.0.7", "eth1")
            a = start(net, wide, "a")
            lab.wait(BEACON, 2)
            self.assertEqual(lan(a)["links"], 2)
            b = start(net, narrow, "b", network__listen="10.7.0.2")
            up(a, b)
            self.assertEqual((lan(b)["links"], lan(a)["answered"]), (1, 1))                        # heard on two links, answered once
            quiet = start(net, lab.home("10.7.0.3"), "quiet", network__listen="")
            up(quiet, a, b)
            lab.wait(ANSWER, 3)
            self.assertEqual({d["from"] for d in lab.udp(BEACON)}, {"10.7.0.1", "10.7.0.6", "10.7.0.2", "10.7.0.3"})
            self.assertEqual(lan(quiet)["answered"], 0)
            inner = start(net, lab.home("10.7.0.4"), "inner", network__listen="127.0.0.1")
            self.assertEqual((lan(inner)["state"], lan(inner)["why"]), ("off", "network.listen: this machine only"))

    def test_this_machine(self):
        """network.local: by loopback, and by nothing else."""
        with Network(0, people=False) as net:
            nodes = [Node(net.folder, f"l{i}", {**net.flags, "network.lan": "true"}) for i in range(3)]
            net.nodes += nodes
            nodes[0].start()
            up(nodes[0])
            nodes[1].start()
            up(nodes[0], nodes[1])
            nodes[2].start()
            up(nodes[2], *nodes[:2])

    def test_settings(self):
        with Network(0, people=False) as net:
            for text, mode, words in (("5e" * 32, 0o644, "2104 MODE"), ("5e" * 31, 0o600, "64 hexadecimal digits"), ("5e" * 40, 0o600, "64 hexadecimal digits"),
                                      ("zz" * 32, 0o600, "64 hexadecimal digits"), (None, 0, "cannot be read")):
                path = self.secret(net, "secret", text, mode) if text else os.path.join(net.folder, "nothing")
                node = Node(net.folder, "refused", {**net.flags, "network.lan": "true", "network.lan_secret_file": path})
                net.nodes.append(node)
                with self.assertRaises(AssertionError):
                    node.start()
                self.assertIn(words, node.log())
                self.assertEqual(node.process.returncode, 10)
                net.nodes.remove(node)
                node.end()
                os.remove(node.log_path)
            for flags, why in (({"network.proxy": "127.0.0.1:9", "network.proxy_only": "true"}, "network.proxy_only"), ({"network.proxy": "127.0.0.1:9"}, "network.proxy")):
                node = Node(net.folder, why.replace(".", ""), {**net.flags, **flags, "network.lan": "true"})
                net.nodes.append(node)
                node.start()
                self.assertEqual(lan(node)["state"], "off")
                self.assertTrue(lan(node)["why"].startswith(why + ":"), lan(node))
                idle = node.call("config check")
                self.assertEqual([p["key"] for p in idle], ["network.lan"])
                self.assertIn(why, idle[0]["what"])
                check = node.call("node doctor", only="lan")[0]
                self.assertEqual(check["result"], "warn")
                self.assertIn(why, check["what"])
                with self.assertRaises(RpcError):
                    node.call("config set", key="network.lan_secret_file", value="/x")


if not LONG:
    del Local.test_banned, Local.test_links_come_and_go

if __name__ == "__main__":
    if flag("--tap"):
        tap()
    elif flag("--stranger"):
        stranger()
    else:
        if not flag("--inside"):
            inside(__file__)
        run("ip", "link", "set", "lo", "up")
        flag("--long")
        main()
