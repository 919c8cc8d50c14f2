#!/usr/bin/env python3
"""Strangers on the peer port: garbage, cut handshakes, oversized sizes, silence, two hundred connections. The node stays up, its peers
stay connected, its memory stays bounded, and messages still arrive."""
import select
import socket
import time

import harness
from harness import Network, Scenario


def connect(node):
    s = socket.create_connection(("127.0.0.1", node.port), timeout=20 * harness.SLOW)
    return s


def drained(s, seconds):
    """Reads until the other side closes; returns the bytes it said, or None if it did not close in time."""
    deadline, said = time.monotonic() + seconds * harness.SLOW, b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([s], [], [], left)[0]:
            return None
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return said
        if not more:
            return said
        said += more


def resident(node):
    with open(f"/proc/{node.process.pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * 4096


class BadPeers(Scenario):
    def test_strangers(self):
        with Network(3) as net:
            net.meet()
            victim = net.nodes[0]                          # the one that the other two dial
            dice = harness.dice
            before = resident(victim)
            shapes = {
                "nothing at all": b"",
                "one byte": b"\x01",
                "zeros": bytes(400),
                "random, size of an old auth": dice.randbytes(307),
                "random, size prefix fits": (300).to_bytes(2, "big") + dice.randbytes(300),
                "size prefix of zero": b"\x00\x00" + dice.randbytes(300),
                "largest size prefix, then silence": b"\xff\xff" + dice.randbytes(500),
                "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20,
                "text lines": b'{"jsonrpc":"2.0","id":1,"method":"sotto_nodeStop"}\n' * 20,
                "much": dice.randbytes(1 << 20),
            }
            for name, data in shapes.items():
                with self.subTest(name), connect(victim) as s:
                    try:
                        s.sendall(data)
                    except (BrokenPipeError, ConnectionResetError):
                        pass
                    said = drained(s, 25)                  # 5 s for keys and Hello, then it closes
                    self.assertIsNotNone(said, "the connection is ended")
                    self.assertEqual(said, b"", "without a word")
            # Two hundred at once, most of them silent, some of them gone again at once.
            crowd = []
            for n in range(200):
                try:
                    s = connect(victim)
                except OSError:
                    continue
                crowd.append(s)
                if n % 4 == 0:
                    s.sendall(dice.randbytes(dice.randrange(1, 600)))
                if n % 7 == 0:
                    s.close()
            net.alice.call("message send", chat="bob", text="through the crowd")
            net.bob.until(lambda: "through the crowd" in [m["text"] for m in net.bob.messages("alice")], 90, "a message in spite of the crowd")
            for s in crowd:
                if s.fileno() >= 0:
                    self.assertIsNotNone(drained(s, 25), "every silent connection is ended")
                    s.close()
            self.assertTrue(victim.call("node health")["ok"])
            up = [p for p in victim.call("network peers")["items"] if p["state"] == "up"]
            self.assertEqual(len(up), 2)
            self.assertLess(resident(victim) - before, 32 << 20)
            self.assertIsNone(victim.process.poll())

    def test_peer_verbs(self):
        with Network(2, people=False) as net:
            one, two = net.nodes
            one.until(lambda: any(p["state"] == "up" for p in one.call("network peers")["items"]))
            key = two.ready["peer"][len("enode://"):][:128]
            for bad in ("", "enode://", "enode://00@127.0.0.1:1", two.ready["peer"].replace("127.0.0.1", "example.org"),
                        "enode://" + "0" * 128 + "@127.0.0.1:3000", two.ready["peer"][:-6] + ":99999"):
                with self.assertRaises(harness.RpcError) as caught:
                    one.call("peer add", address=bad)
                self.assertIn(caught.exception.code, (2008, -32602, 1001), bad)
            mark = len(one.events)
            one.call("peer ban", peer=two.ready["peer"], ms=3600000)
            one.until(lambda: not any(p["state"] == "up" for p in one.call("network peers")["items"]), what="the banned peer is gone")
            one.call("peer ban", peer=two.ready["peer"], ms=0)
            one.call("peer add", address=two.ready["peer"])
            one.until(lambda: any(p["state"] == "up" and key in p["enode"] for p in one.call("network peers")["items"]), 90, "back again")
            one.call("peer remove", peer=two.ready["peer"])
            self.assertGreaterEqual(len(one.events), mark)


if __name__ == "__main__":
    harness.main()
