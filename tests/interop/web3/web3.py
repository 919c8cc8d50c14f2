#!/usr/bin/env python3
"""Two nodes and web3-shh 1.10.4 (npm), unmodified: one over WebSocket, one over HTTP, by nothing but an address; then both over their unix sockets;
the second is then geth's. And the description of our methods against OpenRPC's own schema. The packages are fetched by their lock file into the build
folder, with install scripts off; without node, npm or the packages the test says so and is skipped."""
import copy
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "system"), os.path.join(HERE, "..", "geth")]
try:
    import jsonschema
except ImportError:
    jsonschema = None
    if os.path.exists("/usr/bin/python3") and os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", "-B", *sys.argv])   # a python3 that stands before it in the path lacks Debian's modules
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
    if os.path.exists(have) and all(os.path.isdir(os.path.join(FOLDER, "node_modules", *name.split("/"))) for name in ("web3-shh", "@open-rpc/meta-schema")):
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

    def test_over_sockets(self):
        """geth's IPC: the library ends a value by its last bracket alone."""
        with Network(2, flags=FLAGS, people=False) as net:
            a, b = net.nodes
            for node in net.nodes:
                node.until(lambda node=node: any(p["state"] == "up" for p in node.call("network peers")["items"]), what="a neighbour")
            self.talk(a.ready["socket"], a.ready["peer"], b.ready["socket"], b.ready["peer"])

    def test_openrpc(self):
        if not jsonschema:
            self.skipTest("needs python3-jsonschema")
        said = subprocess.run(["node", "-p", "JSON.stringify(require('@open-rpc/meta-schema').default)"], cwd=FOLDER, capture_output=True, text=True,
                              timeout=60 * harness.SLOW, check=True)
        meta = json.loads(said.stdout)
        with Network(1, people=False) as net:
            document = net.nodes[0].call("rpc discover")
        draft = jsonschema.Draft7Validator.META_SCHEMA         # what the schema means by its address
        resolver = jsonschema.RefResolver.from_schema(meta, store={address: draft for address in ("https://meta.json-schema.tools", "https://meta.json-schema.tools/")})
        judge = jsonschema.Draft7Validator(meta, resolver=resolver)
        self.assertEqual([(list(fault.absolute_path), fault.message) for fault in judge.iter_errors(document)], [])
        for path, value in ((("openrpc",), "0.9"), (("methods", 0, "name"), 1), (("methods", 0, "params"), {}), (("methods", 0, "paramStructure"), "both"),
                            (("methods", 3, "params", 0, "schema"), 1), (("info", "version"), None)):
            broken = copy.deepcopy(document)
            at = broken
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = value
            self.assertFalse(judge.is_valid(broken), path)     # and it does judge

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
