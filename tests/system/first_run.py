#!/usr/bin/env python3
"""./run from a built tree: the doors it prints answer; a second run says "nothing to do" four times and starts within 3 s; SIGTERM ends it."""
import os
import re
import select
import shutil
import subprocess
import tempfile
import time

import harness
from harness import Rpc, Scenario


class FirstRun(Scenario):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sotto-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def start(self, seconds):
        """./run until its last line of doors; returns (process, lines, seconds taken)."""
        start = time.monotonic()
        process = subprocess.Popen([os.path.join(harness.ROOT, "run"), "--network.name", "test-run", "--network.local", "true", "--http.port", "0"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env={**os.environ, "DATA": os.path.join(self.folder, "data")})
        self.addCleanup(harness.end_process, process)
        self.addCleanup(process.stdout.close)
        said = b""
        while b"make demo" not in said:
            left = start + seconds - time.monotonic()
            self.assertTrue(left > 0 and select.select([process.stdout], [], [], left)[0], said.decode())
            more = os.read(process.stdout.fileno(), 65536)
            self.assertTrue(more, said.decode())
            said += more
        return process, said.decode(), time.monotonic() - start

    def test_twice(self):
        process, said, _ = self.start(200)
        socket = re.search(r"socket (\S+)", said).group(1)
        self.assertEqual(socket, os.path.join(self.folder, "data", "sotto.sock"))
        rpc = Rpc(socket)
        self.assertEqual(rpc.call("node status")["peer"], re.search(r"peer +(\S+)", said).group(1))
        rpc.close()
        for word in ("failed", "error", "not found"):
            self.assertNotIn(word, said.lower())
        self.assertEqual(harness.end_process(process), 0)
        process, said, took = self.start(60)
        self.assertEqual(said.count("nothing to do"), 4, said)
        self.assertLess(took, 3)
        # A second node on the same data is refused, in words, and the first one lives on.
        second = subprocess.run([os.path.join(harness.ROOT, "run")], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                                env={**os.environ, "DATA": os.path.join(self.folder, "data")})
        self.assertEqual(second.returncode, 10, second.stdout + second.stderr)
        self.assertIn("2103", second.stdout + second.stderr)
        rpc = Rpc(socket)
        self.assertTrue(rpc.call("node health")["ok"])
        rpc.close()
        self.assertEqual(harness.end_process(process), 0)
        self.assertFalse(os.path.exists(socket))


if __name__ == "__main__":
    if harness.BUILD != os.path.join(harness.ROOT, "build", "release"):
        print("skipped: ./run builds and starts build/release only")
        raise SystemExit(77)
    harness.main()
