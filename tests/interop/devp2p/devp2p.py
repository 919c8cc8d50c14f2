#!/usr/bin/env python3
"""A node and an independent peer (@ethereumjs/devp2p), in both directions: RLPx, and discovery v4 that leads to it. The peer is fetched by its lock file into the build
folder, with install scripts off; without node, npm or the packages the test says so and is skipped."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "system"))
import harness                                                                  # noqa: E402
from harness import Network, Scenario, free_port                                # noqa: E402

SKIPPED = 77
FOLDER = os.path.join(harness.BUILD, "interop", "devp2p")


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def prepare():
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            skip(f"{tool} is not installed")
    os.makedirs(FOLDER, exist_ok=True)
    lock = os.path.join(HERE, "package-lock.json")
    for name in ("package.json", "package-lock.json", "devp2p.mjs"):
        if name != "package-lock.json":
            shutil.copy(os.path.join(HERE, name), FOLDER)
    have = os.path.join(FOLDER, "package-lock.json")
    with open(lock, encoding="utf-8") as f:
        wanted = f.read()
    if os.path.exists(have) and os.path.isdir(os.path.join(FOLDER, "node_modules")):
        with open(have, encoding="utf-8") as f:
            if f.read() == wanted:
                return
    shutil.copy(lock, have)
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER, capture_output=True, text=True, timeout=300)
    if done.returncode:
        shutil.rmtree(os.path.join(FOLDER, "node_modules"), ignore_errors=True)
        skip("npm could not fetch @ethereumjs/devp2p: " + (done.stderr.strip().splitlines() or ["no reason given"])[-1])


class Devp2p(Scenario):
    def test_both_ways(self):
        with Network(1, flags={"network.discovery": "true", "whisper.bridge": "true"}, people=False) as net:
            node = net.nodes[0]
            enr = node.call("network self")["enr"]
            peer = subprocess.Popen(["node", "devp2p.mjs", node.ready["peer"], str(free_port()), str(int(60 * harness.SLOW)), enr, str(free_port())],
                                    cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            said = []
            try:
                for line in peer.stdout:
                    said.append(line)
                    print("    " + line, end="", flush=True)
                    if line.startswith("# enode "):
                        node.call("peer add", address=line.split()[2])
                status = peer.wait(60 * harness.SLOW)
            finally:
                harness.end_process(peer)
                peer.stdout.close()
            self.assertEqual(status, 0, "".join(said))
            self.assertIn("# all well\n", said)
            self.assertTrue(node.call("node health")["ok"])


if __name__ == "__main__":
    prepare()
    harness.main()
