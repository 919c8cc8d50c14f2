"""What the tests of the command line share: a fake node for each test, and the program run against it."""
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake_node import FakeNode  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
SECRET = "correct horse \u00e9 battery"
ID = "0x52908400098527886E0F7030069857D2E4169EE7"


def kebab(name):
    return re.sub("([A-Z])", lambda m: "-" + m.group(1).lower(), name)


def flag_of(p):
    if "flag" in p:
        return p["flag"]
    if p["name"] == "waitMs":
        return "for"
    return kebab(p["name"][:-2] if p["type"] == "ms" and p["name"].endswith("Ms") else p["name"])


class Case(unittest.TestCase):
    def setUp(self):
        self.node = FakeNode()
        self.dir = self.node.folder.name

    def tearDown(self):
        self.node.close()

    def env(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("SOTTO_", "XDG_"))}
        env.update({"LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": self.dir}, **more)
        return env

    def sotto(self, *words, stdin="", timeout=20, **env):
        done = subprocess.run([PROGRAM, "--socket", self.node.path, *words], input=stdin.encode(), capture_output=True, timeout=timeout,
                              env=self.env(**env), start_new_session=True)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def ok(self, *words, **more):
        code, out, err = self.sotto(*words, **more)
        self.assertEqual(code, 0, (words, out, err))
        self.assertEqual(err, "", words)
        return out

    def file(self, text, name="secret"):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(text.encode())
        return path


def main():
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:])
