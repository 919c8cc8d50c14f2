#!/usr/bin/env python3
"""A node of ours under the checks for discovery v4 of geth v1.9.20's devp2p tool, compiled from its module (testdata/discv4.go). tests/system/discv4.py has the same
list, and more, by a tester of our own."""
import json
import os
import shutil
import subprocess
import sys

import gethnode
import harness
from harness import Network, Scenario

SKIPPED = 77
FOLDER = os.path.join(harness.ROOT, "build", "discv4check")     # one for all builds of sottod
PROGRAM = os.path.join(FOLDER, "discv4check")
MODULE = "github.com/ethereum/go-ethereum"


def build():
    """None: PROGRAM is there and current. Else why it cannot be had here. Go lets nobody put a file into a module it has fetched, but into the folder that a module
    is replaced by: so the module is replaced by itself, under another name."""
    go = shutil.which("go")
    if not go:
        return "no go"
    fetched = subprocess.run([go, "mod", "download"], cwd=gethnode.HERE, capture_output=True, text=True, timeout=600)
    if fetched.returncode:
        return "go could not fetch its modules: " + (fetched.stderr.strip().splitlines() or ["no reason given"])[-1]
    source = subprocess.run([go, "list", "-m", "-f", "{{.Dir}}", MODULE], cwd=gethnode.HERE, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    os.makedirs(FOLDER, exist_ok=True)
    link, mod = os.path.join(FOLDER, "go-ethereum"), os.path.join(FOLDER, "tool.mod")
    if os.path.islink(link):
        os.remove(link)
    os.symlink(source, link)
    with open(os.path.join(gethnode.HERE, "go.mod"), encoding="utf-8") as f:
        text = f.read().replace("=> ./", f"=> {gethnode.HERE}/")
    with open(mod, "w", encoding="utf-8") as f:
        f.write(f"{text}\nreplace {MODULE} => {link}\n")
    shutil.copy(os.path.join(gethnode.HERE, "go.sum"), os.path.join(FOLDER, "tool.sum"))
    overlay = os.path.join(FOLDER, "overlay.json")
    with open(overlay, "w", encoding="utf-8") as f:
        json.dump({"Replace": {os.path.join(link, "cmd", "devp2p", "check", "main.go"): os.path.join(gethnode.HERE, "testdata", "discv4.go")}}, f)
    subprocess.run([go, "build", "-buildvcs=false", f"-modfile={mod}", f"-overlay={overlay}", "-o", PROGRAM, f"{MODULE}/cmd/devp2p/check"], cwd=gethnode.HERE, check=True,
                   timeout=900)
    return None


class Discv4(Scenario):
    def test_the_list(self):
        with Network(1, flags={"network.discovery": "true"}, people=False) as net:
            node = net.nodes[0]
            done = subprocess.run([PROGRAM, node.ready["peer"]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60 * harness.SLOW)
            print("\n" + "".join(f"    {line}\n" for line in done.stdout.splitlines()), end="", flush=True)
            self.assertEqual(done.returncode, 0, done.stdout[-3000:])
            self.assertEqual(done.stdout.count("-- OK "), 14)
            self.assertTrue(node.call("node health")["ok"])


if __name__ == "__main__":
    missing = build()
    if missing:
        print(f"skipped: {missing}")
        sys.exit(SKIPPED)
    harness.main()
