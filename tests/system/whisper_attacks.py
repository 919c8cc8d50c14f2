#!/usr/bin/env python3
"""The attacks of `sotto-lab whisper` on real processes: attackers that keep to every rule (hostile_peer.c) fill the pool of a relay of the
smallest size that can be configured (relay.pool), while two people write through it. What the attacker paid, what the messages lost.

The product has no switch that takes a defence away; what stands in its configuration is the price of work on a test network: 19 bits as
everywhere, and with --before none: there messages get lost, which is told and not asserted."""
import json
import os
import resource
import time
import unittest

import harness
from harness import Scenario
from hostile_peers import Attackers, Chain

BEFORE = harness.flag("--before")
SECONDS = 3                              # of each attack
EACH_WAY = 10                            # messages past each attack
GIVEN_UP = 15 * harness.SLOW             # seconds after an attack at no work
POOL = 1 << 20
ATTACKS = (("longest", 2), ("small", 2), ("large", 2), ("native", 12))        # how, by how many identities


def child_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class WhisperAttacks(Scenario):
    def under(self, net, name, identities, work):
        """One attack on the relay; a row of the table."""
        relay = net.nodes[0]
        sent = [f"{name} {work} {i}" for i in range(EACH_WAY)]

        def came():
            return [m["text"] for m in net.bob.messages("alice") if m["text"] in sent]

        cpu, began = child_seconds(), time.monotonic()
        with Attackers(SECONDS, *[(relay, name, work)] * identities) as attackers:
            for i, text in enumerate(sent):
                net.alice.call("message send", chat="bob", text=text)
                share = SECONDS * (i + 1) / EACH_WAY
                while time.monotonic() - began < share:
                    net.bob.poll(int(max(share - (time.monotonic() - began), 0.001) * 1000) + 1)
            deeds = attackers.done()
        cpu = child_seconds() - cpu
        at_end = came()
        if work:
            try:
                net.bob.until(lambda: len(came()) == EACH_WAY, 60, f"all messages past {name}")
            except AssertionError:
                for node in net.nodes:
                    print(node.name, node.call("relay stats"), [(p["inbound"], p["state"], p["bytesIn"], p["bytesOut"]) for p in node.call("network peers")["items"]])
                print([(m["text"], m["state"]) for m in net.alice.messages("bob") if m["text"] in sent], came(), deeds, flush=True)
                raise
            self.assertEqual(came(), sent)
        else:
            while len(came()) < EACH_WAY and time.monotonic() < began + SECONDS + GIVEN_UP:
                net.bob.poll(1000)
        late = time.monotonic() - began - SECONDS
        stats = relay.call("relay stats")
        self.assertLessEqual(stats["poolBytes"], POOL)
        self.assertIsNone(relay.process.poll())
        made = sum(d["envelopes"] for d in deeds)
        print(f"  relay.work {work} {name:<8} {identities:2} identities: {made:5} envelopes, {sum(d['bytes'] for d in deeds) / 1024:7.0f} KiB, "
              f"{cpu:5.2f} s of a core; pool {stats['poolBytes'] / POOL:4.0%} full, {stats['envelopes']['evicted']} evicted so far; "
              f"{len(at_end)} of {EACH_WAY} messages by its end, {len(came())} when waited {max(late, 0):.1f} s more", flush=True)
        return {"work": work, "attack": name, "envelopes": made, "cpu": cpu, "cut": sum(d["cutOff"] - (d["connections"] - d["handshakes"]) for d in deeds)}      # of those let in

    def attacks(self, work):
        rows = []
        with Chain(3, flags={"relay.pool": str(POOL), "relay.work": str(work)}) as net:
            net.meet()
            for name, identities in ATTACKS:       # the pool keeps what the one before has left
                rows.append(self.under(net, name, identities, work))
        return {row["attack"]: row for row in rows}

    def test_attacks(self):
        rows = self.attacks(19)
        self.assertEqual([row["cut"] for row in rows.values()], [0] * len(rows), "who keeps to the rules is not cut off")
        self.assertGreater(rows["small"]["envelopes"], 0)
        self.assertLess(rows["longest"]["envelopes"], rows["small"]["envelopes"], "2,048 times the work for each")

    @unittest.skipUnless(BEFORE, "only with --before")
    def test_before(self):
        print(json.dumps(list(self.attacks(0).values())))


if __name__ == "__main__":
    harness.main()
