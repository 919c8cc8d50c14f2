#!/usr/bin/env python3
"""Nodes that know one address find each other by discovery v4 alone, over IPv4 and over IPv6, and keep their record number."""
import socket
import unittest

from harness import Network, Node, Scenario, dice, free_port, main

ON = {"network.discovery": "true"}


def six():
    """Has this machine a loopback of IPv6?"""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def up(node):
    return {p["enode"].split("@")[0] for p in node.call("network peers")["items"] if p["state"] == "up"}


def key(node):
    return node.ready["peer"].split("@")[0]


class Discovery(Scenario):
    COUNT = 5

    def crowd(self, net, flags):
        """The first one knows nobody, the others know the first one."""
        first = net.nodes[0]
        for number in range(2, self.COUNT + 1):
            known = first.ready["peer"] if number % 2 else first.call("network self")["enr"]
            for attempt in range(4):
                node = Node(net.folder, f"n{number}", {**net.flags, **flags, "network.bootstrap": known}, free_port())
                try:
                    node.start()
                except AssertionError:             # another process took the port in between
                    node.end()
                    if attempt == 3 or "2003" not in node.log():
                        raise
                    continue
                net.nodes.append(node)
                break
        self.meet(net)

    def meet(self, net):
        everybody = {key(node) for node in net.nodes}
        for node in net.nodes:
            node.until(lambda n=node: up(n) == everybody - {key(n)}, 90, "all others are neighbours")

    def test_from_one_address(self):
        with Network(1, flags=ON, people=False) as net:
            self.crowd(net, {})
            first = net.nodes[0]
            me = first.call("network self")
            self.assertTrue(me["discovery"] and me["enr"].startswith("enr:"))
            self.assertGreaterEqual(me["nodes"], self.COUNT - 1)
            self.assertEqual(me["enrSeq"], 1)

            # A node comes back at the same place: its record has a higher number, and the others let it in again.
            one = dice.choice(net.nodes[1:])
            one.stop()
            one.start()
            self.assertEqual(one.call("network self")["enrSeq"], 2)
            self.meet(net)

            # Rubbish from a stranger is answered by nothing, and does no harm.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(0.2)
                for size in (0, 1, 97, 98, 200, 1280, 1281, 4000):
                    s.sendto(dice.randbytes(size), ("127.0.0.1", first.port))
                with self.assertRaises(TimeoutError):
                    s.recvfrom(2000)
            self.assertTrue(first.call("node health")["ok"])

    def test_over_ipv6(self):
        if not six():
            raise unittest.SkipTest("no IPv6 on this machine")
        with Network(1, flags={**ON, "network.listen": "::1"}, people=False) as net:
            self.crowd(net, {})
            self.assertIn("@[::1]:", net.nodes[-1].call("network self")["enode"])

    def test_port_is_taken(self):
        """UDP on the port is somebody else's: said in words, with the code for it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, Network(1, people=False) as net:
            s.bind(("127.0.0.1", 0))
            node = Node(net.folder, "late", {**net.flags, **ON}, s.getsockname()[1])
            with self.assertRaises(AssertionError):
                node.start()
            node.end()
            self.assertIn("2003", node.log())


if __name__ == "__main__":
    main()
