#!/usr/bin/env python3
"""Discovery v4 as the devp2p tool checks it: the cases of its list by name, and more, by a tester of our own (discv4_peer.c) on real sockets.
SOTTO_DEVP2P names the tool itself, of any version: then its own list is run as well."""
import os
import re
import subprocess

import harness
from harness import Network, Scenario, main

ON = {"network.discovery": "true"}
TESTER = os.path.join(harness.BUILD, "discv4_peer")


class Discv4(Scenario):
    def test_our_list(self):
        with Network(1, flags=ON, people=False) as net:
            node = net.nodes[0]
            key = re.match(r"enode://([0-9a-f]{128})@", node.ready["peer"]).group(1)
            done = subprocess.run([TESTER, key, str(node.port), str(harness.SLOW)], stdout=subprocess.PIPE, text=True, timeout=60 * harness.SLOW)
            print("\n" + "".join(f"    {line}\n" for line in done.stdout.splitlines()), end="", flush=True)
            self.assertTrue(node.call("node health")["ok"])
            self.assertEqual(done.returncode, 0, [line for line in done.stdout.splitlines() if line.startswith("FAIL")])
            self.assertRegex(done.stdout, r"(?m)^(3[8-9]|[4-9]\d) of \1 passed$")      # none was forgotten

    def test_the_tool(self):
        tool = os.environ.get("SOTTO_DEVP2P")
        if not tool:
            self.skipTest("SOTTO_DEVP2P not set")
        with Network(1, flags=ON, people=False) as net:
            node = net.nodes[0]
            enr = node.call("network self")["enr"]

            def run(*words):
                done = subprocess.run([tool, "discv4", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60 * harness.SLOW)
                print("\n" + "".join(f"    {line}\n" for line in done.stdout.splitlines()), end="", flush=True)
                return done
            self.assertEqual(run("ping", node.ready["peer"]).returncode, 0)
            asked = run("requestenr", node.ready["peer"])
            self.assertEqual((asked.returncode, enr in asked.stdout), (0, True))
            for words in (("test", "--remote", node.ready["peer"], "--listen1", "127.0.0.1", "--listen2", "127.0.0.2"),):
                done = run(*words)
                self.assertEqual(done.returncode, 0, done.stdout[-2000:])
                self.assertNotIn("FAIL", done.stdout)
            self.assertTrue(node.call("node health")["ok"])


if __name__ == "__main__":
    main()
