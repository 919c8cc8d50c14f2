#!/usr/bin/env python3
"""Port mapping against a real router (miniupnpd: UPnP and NAT-PMP) and against ones that misbehave (router.py), in network namespaces:

    home 192.168.7.2 -- 192.168.7.1 router 45.67.89.10 -- 45.67.89.1 outside

The script starts itself again in a namespace of its own; without the right to make one, or without miniupnpd, it says so and is skipped."""
import os
import shutil
import subprocess
import sys
import threading
import time
import unittest

import harness
from harness import Network, Node, Scenario, flag, main
from netns import Lab, inside, run, wire

HERE = os.path.dirname(os.path.abspath(__file__))
PORTMAP = os.path.join(harness.BUILD, "sotto-portmap")
PORT = 31000
HOME, GATE, OUTSIDE, FAR = "192.168.7.2", "192.168.7.1", "45.67.89.10", "45.67.89.1"
# As the other stories, but on a network, not on this machine alone.
OPEN = {"network.local": None, "network.port": str(PORT), "network.discovery": "true"}


class Routers(Lab):
    def wrong_routers(self, modes):
        """One router, and a home for each of its manners: {mode: home}, and what the router says."""
        router, homes = self.namespace(), {}
        for n, mode in enumerate(modes):
            homes[mode] = self.namespace()
            homes[mode].batch(f"link add eth0 type veth peer name lan{n} netns {router.holder.pid}", f"addr add 192.168.{10 + n}.2/24 dev eth0", "link set eth0 up",
                              f"route add default via 192.168.{10 + n}.1")
        router.batch(*(line for n in range(len(modes)) for line in (f"addr add 192.168.{10 + n}.1/24 dev lan{n}", f"link set lan{n} up")))
        said = self.start(router, sys.executable, "-B", os.path.join(HERE, "router.py"), *modes, stdout=subprocess.PIPE, text=True).stdout
        if said.readline() != "ready\n":
            raise AssertionError("router.py ended")
        return homes, said


RULES = f"""
table inet filter {{
    chain forward {{ type filter hook forward priority 0; policy drop; jump miniupnpd; iifname "lan" accept; ct state established,related accept; }}
    chain miniupnpd {{ }}
    chain prerouting {{ type nat hook prerouting priority -100; policy accept; jump prerouting_miniupnpd; }}
    chain postrouting {{ type nat hook postrouting priority 100; policy accept; jump postrouting_miniupnpd; oifname "wan" masquerade; }}
    chain prerouting_miniupnpd {{ }}
    chain postrouting_miniupnpd {{ }}
}}
"""


class RealRouter(Lab):
    """home, outside, and miniupnpd between them."""

    def __init__(self, folder, upnp, natpmp):
        super().__init__()
        if not shutil.which("miniupnpd") or not shutil.which("nft"):
            raise unittest.SkipTest("miniupnpd or nft is not installed")
        try:
            self.home, self.router, self.outside = (self.namespace() for _ in range(3))
            wire(self.home, "eth0", HOME, self.router, "lan", GATE)
            self.home.batch(f"route add default via {GATE}")
            wire(self.router, "wan", OUTSIDE, self.outside, "eth0", FAR)
            try:
                self.router.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
                self.router.run("nft", "-f", "-", stdin=RULES)
            except AssertionError as error:
                raise unittest.SkipTest(f"this system lets no namespace be a router: {error}") from error
            conf = os.path.join(folder, "miniupnpd.conf")
            with open(conf, "w", encoding="ascii") as f:
                f.write(f"ext_ifname=wan\nlistening_ip=lan\nenable_upnp={upnp}\nenable_natpmp={natpmp}\nsecure_mode=yes\nport=0\n"
                        "upnp_table_name=filter\nupnp_nat_table_name=filter\nupnp_forward_chain=miniupnpd\nupnp_nat_chain=prerouting_miniupnpd\n"
                        "upnp_nat_postrouting_chain=postrouting_miniupnpd\nuuid=0a0b0c0d-0000-4000-8000-000000000001\nallow 1024-65535 192.168.7.0/24 1024-65535\n"
                        "deny 0-65535 0.0.0.0/0 0-65535\n")
            self.daemon = self.start(self.router, "miniupnpd", "-d", "-f", conf, "-P", os.path.join(folder, "miniupnpd.pid"), stderr=subprocess.PIPE, text=True)
            before, hears = "", "NAT-PMP" if natpmp == "yes" else "HTTP listening"
            while hears not in (line := self.daemon.stderr.readline()):
                if not line:
                    raise AssertionError(f"miniupnpd ended with {self.daemon.wait()}: {before}")
                before = line
            threading.Thread(target=self.daemon.stderr.read, daemon=True).start()         # what it says later is nobody's
        except BaseException:
            self.__exit__()
            raise

    def rules(self):
        return [line.strip() for line in self.router.run("nft", "list", "ruleset").splitlines() if "dnat" in line]


def start(net, where, name, flags):
    node = Node(net.folder, name, {**net.flags, **OPEN, **flags})
    node.prefix = where.prefix
    net.nodes.append(node)
    return node.start()


def mapped(node):
    return node.until(lambda: (lambda nat: nat if nat["state"] == "mapped" else None)(node.call("network self")["nat"]), 60, "a router leads a port here")


class Nat(Scenario):
    def test_upnp_to_the_end(self):
        """A node outside knows the address that the router gave, and gets in through it; at its end the node gives the port back."""
        with Network(0, people=False) as net, RealRouter(net.folder, "yes", "yes") as lab:
            home = start(net, lab.home, "home", {})
            nat = mapped(home)
            self.assertEqual((nat["method"], nat["address"]), ("upnp", f"{OUTSIDE}:{PORT}"))
            self.assertEqual(nat["tries"], [{"method": "upnp", "result": "mapped"}])
            self.assertTrue(1000 < nat["leaseMs"] <= 3600000)
            me = home.call("network self")
            self.assertTrue(me["enode"].endswith(f"@{OUTSIDE}:{PORT}"), me["enode"])
            self.assertTrue(len(lab.rules()) == 2 and all(f"{HOME}:{PORT}" in rule for rule in lab.rules()), lab.rules())      # TCP and UDP
            checks = {c["id"]: c for c in home.call("node doctor", only="nat")}
            self.assertEqual(checks["nat"]["result"], "ok")
            self.assertIn("UPnP", checks["nat"]["what"])

            # By the record alone: discovery over UDP, then a dial over TCP, both through the router.
            far = start(net, lab.outside, "far", {"network.bootstrap": me["enr"], "network.nat": "false"})
            self.assertEqual(far.call("network self")["nat"]["state"], "off")
            key = me["enode"].split("@")[0]
            far.until(lambda: [p for p in far.call("network peers")["items"] if p["enode"] and p["enode"].startswith(key) and p["state"] == "up"], 60, "it got in")
            peer = [p for p in home.call("network peers")["items"] if p["state"] == "up"]
            self.assertTrue(len(peer) == 1 and peer[0]["inbound"], peer)

            home.stop()
            self.assertEqual(lab.rules(), [])
            log = home.log()
            self.assertNotIn(OUTSIDE, log)                       # no address in a log

    def test_natpmp_and_back(self):
        with Network(0, people=False) as net, RealRouter(net.folder, "no", "yes") as lab:
            home = start(net, lab.home, "home", {})
            nat = mapped(home)
            self.assertEqual((nat["method"], nat["address"]), ("natpmp", f"{OUTSIDE}:{PORT}"))
            self.assertEqual(nat["tries"], [{"method": "upnp", "result": "silent"}, {"method": "natpmp", "result": "mapped"}])
            self.assertEqual(len(lab.rules()), 2, lab.rules())
            home.stop()
            self.assertEqual(lab.rules(), [])

    # What a router does wrong, and what is said of it, a line each. Nobody's silence may end late where the machine is busy.
    WRONG = {
        "closed": ("upnp silent", "natpmp silent|natpmp late"),
        "quiet": ("upnp silent", "natpmp silent|natpmp late"),
        "natpmp-rubbish": ("upnp silent", "natpmp rubbish"),
        "natpmp-other": ("upnp silent", "natpmp rubbish"),
        "natpmp-version": ("upnp silent", "natpmp rubbish"),
        "natpmp-refused": ("upnp silent", "natpmp refused"),
        "natpmp-private": ("upnp silent", "natpmp private"),
        "natpmp-ports": ("upnp silent", "natpmp ports"),
        "upnp-noise": ("upnp silent", "natpmp silent|natpmp late"),
        "upnp-television": ("upnp rubbish", "natpmp silent|natpmp late"),
        "upnp-away": ("upnp rubbish", "natpmp silent|natpmp late"),
        "upnp-lead-away": ("upnp rubbish", "natpmp silent|natpmp late"),
        "upnp-rubbish": ("upnp rubbish", "natpmp silent|natpmp late"),
        "upnp-drip": ("upnp late", "natpmp silent|natpmp late"),
        "upnp-flood": ("upnp late|upnp rubbish", "natpmp silent|natpmp late"),
        "upnp-private": ("upnp private", "natpmp silent|natpmp late"),
        "upnp-offline": ("upnp private", "natpmp silent|natpmp late"),
        "upnp-nonsense": ("upnp rubbish", "natpmp silent|natpmp late"),
        "upnp-refused": ("upnp refused", "natpmp silent|natpmp late"),
        "upnp-all-taken": ("upnp refused", "natpmp silent|natpmp late"),
        "upnp-permanent": (f"upnp mapped {OUTSIDE}:{PORT} 3600 http://",),
        "upnp-tcp-taken": (f"upnp mapped {OUTSIDE}:",),
        "upnp-udp-taken": (f"upnp mapped {OUTSIDE}:",),
    }
    BUDGET_MS = 7000

    def test_wrong_routers(self):
        """Each is named for what it does, and none takes more than its time."""
        with Routers() as lab:
            homes, _ = lab.wrong_routers(self.WRONG)
            budget = int(self.BUDGET_MS * harness.SLOW)
            begun = time.monotonic()
            asked = {mode: lab.start(home, PORTMAP, "ask", str(PORT), str(budget), stdout=subprocess.PIPE, text=True) for mode, home in homes.items()}
            faults = []
            for mode, process in asked.items():
                said = process.communicate()[0].splitlines()
                good = len(said) == len(self.WRONG[mode]) and all(any(line.startswith(w) for w in want.split("|")) for line, want in zip(said, self.WRONG[mode]))
                print(f"    {mode}: {'; '.join(said)}", flush=True)
                if not good:
                    faults.append(f"{mode}: {said}, expected {self.WRONG[mode]}")
                if mode.endswith("-taken") and mode != "upnp-all-taken" and f":{PORT} " in said[0]:
                    faults.append(f"{mode}: the port was not free: {said}")
            took = time.monotonic() - begun
            self.assertEqual(faults, [])
            self.assertLess(took, budget / 1000 + 10 * harness.SLOW)

    def test_never_in_the_way(self):
        """A router that drips: the node answers meanwhile, ends at once, and leaves nobody behind."""
        with Routers() as lab, Network(0, people=False) as net:
            homes, said = lab.wrong_routers(["upnp-drip"])
            node = start(net, homes["upnp-drip"], "home", {})
            self.assertEqual(node.call("network self")["nat"]["state"], "asking")
            self.assertTrue(node.call("node health")["ok"])
            self.assertEqual(node.call("node doctor", only="nat")[0]["result"], "ok")
            self.assertEqual(said.readline(), "asked\n")
            self.assertEqual(len(self.helpers(node)), 1)
            node.stop()
            self.assertEqual(self.helpers(node), [])

    @staticmethod
    def helpers(node):
        """Processes of sotto-portmap that this node started."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                    name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue
            if name == "sotto-portmap" and rest.split()[1] == str(node.process.pid):
                found.append(pid)
        return found

    def test_off(self):
        """network.local and a missing wish: nobody is asked, and the reason is told."""
        with Network(1, people=False) as net:
            nat = net.nodes[0].call("network self")["nat"]
            self.assertEqual((nat["state"], nat["tries"]), ("off", []))
            self.assertIn("network.local", nat["why"])
            self.assertEqual(net.nodes[0].call("node doctor", only="nat")[0]["result"], "ok")


if __name__ == "__main__":
    if not flag("--inside"):
        inside(__file__)
    run("ip", "link", "set", "lo", "up")
    main()
