#!/usr/bin/env python3
"""Two nodes and web3-shh 1.10.4 (npm), unmodified: one over WebSocket, one over HTTP, by nothing but an address; the second is then geth's. The
library is fetched by its lock file into the build folder, with install scripts off; without node, npm or the packages the test says so and
is skipped."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "system"), os.path.join(HERE, "..", "geth")]
import gethnode                                                                 # noqa: E402
import harness                                                                  # noqa: E402
from harness import Network, Scenario                                           # noqa: E402

SKIPPED = 77
FLAGS = {"whisper.export_keys": "true", "http.listen": "127.0.0.1", "http.port": "0"}
FOLDER = os.path.join(harness.BUILD, "interop", "web3")


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def prepare():
    if not shutil.which("node") or not shutil.which("npm"):
        skip("no node")
    os.makedirs(FOLDER, exist_ok=True)
    shutil.copy(os.path.join(HERE, "web3.js"), FOLDER)
    have = os.path.join(FOLDER, "package-lock.json")
    with open(os.path.join(HERE, "package-lock.json"), encoding="utf-8") as f:
        wanted = f.read()
    if os.path.exists(have) and os.path.isdir(os.path.join(FOLDER, "node_modules", "web3-shh")):
        with open(have, encoding="utf-8") as f:
            if f.read() == wanted:
                return
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, name), FOLDER)
    try:
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER, capture_output=True, text=True, timeout=300)
        why = "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    except subprocess.TimeoutExpired:
        why = "too slow"
    if why:
        shutil.rmtree(os.path.join(FOLDER, "node_modules"), ignore_errors=True)
        skip("npm ci not run: " + why)


def address(node, scheme):
    """With the token in its path, the one thing that such a library takes."""
    token = node.call("token create", name="web3", scopes="x")["secret"]
    return f"{scheme}://{node.ready['http']}/k/{token}/"


class Web3(Scenario):
    def talk(self, *addresses):
        done = subprocess.run(["node", "web3.js", *addresses, str(int(60 * harness.SLOW))], cwd=FOLDER, capture_output=True, text=True, timeout=90 * harness.SLOW)
        print(done.stdout, end="")
        self.assertEqual((done.returncode, done.stdout.split()), (0, ["keys", "keys", "messages"]), done.stderr)

    def test_both_on_ours(self):
        with Network(2, flags=FLAGS, people=False) as net:
            a, b = net.nodes
            for node in net.nodes:
                node.until(lambda node=node: any(p["state"] == "up" for p in node.call("network peers")["items"]), what="a neighbour")
            self.talk(address(a, "ws"), a.ready["peer"], address(b, "http"), b.ready["peer"])

    def test_one_on_geth(self):
        why = gethnode.build()
        if why:
            self.skipTest(why)
        with Network(1, flags=FLAGS, people=False) as net, gethnode.Geth(net.folder) as geth:
            node = net.nodes[0]
            geth.start(http=True)
            node.call("peer add", address=geth.enode)
            geth.peer_up()
            self.talk(address(node, "ws"), node.ready["peer"], geth.http, geth.enode)


if __name__ == "__main__":
    prepare()
    harness.main()
