#!/usr/bin/env python3
"""A node with its limits as they are by default, one neighbour that floods it with envelopes that are all good, as fast as the line takes them,
and twenty that bring a few now and then (hostile_peer.c "press", fair_peers.c). The flooder gets its burst and its rate and waits for the
rest; of what the others bring, nothing is lost."""
import json
import os
import signal
import subprocess
import time

import harness
from harness import Network, Scenario
from hostile_peers import TOOL

FAIR = os.path.join(harness.BUILD, "fair_peers")
SOURCES, EACH, EVERY_MS = 20, 40, 600    # 5 a packet: eight packets in four seconds
RATE, BURST_S = 20, 20                   # limits.envelopes, and how many seconds' worth may come at once (src/whisper/shh.h)
BURST = RATE * BURST_S
PATIENCE_S = int(40 * harness.SLOW)      # after the last was sent


def accepted(node):
    return node.call("relay stats")["envelopes"]["accepted"]


def tool(name, node, *arguments):
    return subprocess.Popen([name, node.ready["peer"], *map(str, arguments), str(harness.dice.randrange(1, 2**62))], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True)


class Flooded(Scenario):
    def test_honest_neighbours_beside_a_flood(self):
        with Network(1, people=False) as net:
            node = net.nodes[0]
            began = time.monotonic()
            flooder = tool(TOOL, node, "press", 600, 0)
            try:
                node.until(lambda: accepted(node) >= BURST, what="the flooder's burst")
                fair = tool(FAIR, node, SOURCES, EACH, EVERY_MS, PATIENCE_S)
                try:
                    said, _ = fair.communicate(timeout=PATIENCE_S + 120 * harness.SLOW)
                finally:
                    harness.end_process(fair)
                    fair.stdout.close()
                self.assertIsNone(flooder.poll(), "the flood goes on all the while")
                got, stats = accepted(node), node.call("relay stats")
                seconds = time.monotonic() - began
                flooder.send_signal(signal.SIGTERM)
                deed = json.loads(flooder.communicate(timeout=30 * harness.SLOW)[0])
            finally:
                harness.end_process(flooder)
                flooder.stdout.close()
            honest = json.loads(said)
            through = got - honest["sent"]
            print(f"  flooder: {deed['envelopes']} envelopes made ({deed['envelopes'] / deed['seconds']:.0f}/s), {deed['bytes'] >> 10} KiB taken by the line, "
                  f"{through} accepted in {seconds:.1f} s: a burst of {BURST}, then {(through - BURST) / seconds:.1f}/s of {RATE}/s; {deed['handshakes']} connections", flush=True)
            print(f"  honest:  {SOURCES} neighbours, {honest['sent']} envelopes, {honest['sent'] - honest['arrived']} lost, {honest['twice']} twice, "
                  f"{honest['cutOff']} cut off; through the node in {honest['medianMs']:.0f} ms (median), {honest['p95Ms']:.0f} (95 %), {honest['maxMs']:.0f} at most; "
                  f"turned away {stats['envelopes']['quota']}", flush=True)
            self.assertEqual((honest["sent"], honest["arrived"], honest["twice"], honest["cutOff"]), (SOURCES * EACH, SOURCES * EACH, 0, 0))
            self.assertGreater(deed["envelopes"], through, "it had more to bring than was taken")
            self.assertGreaterEqual(through, BURST)
            self.assertLessEqual(through, deed["handshakes"] * BURST + RATE * seconds + 1)      # + 1: the seconds begin before its connection
            node.stop()
            self.assertFalse(node.faults())


if __name__ == "__main__":
    harness.main()
