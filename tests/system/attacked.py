#!/usr/bin/env python3
"""Damaged data directories, every method on an account that is not open, texts that want to look like something else, and clients that
leave in the middle: always a clear reason, never a crash, and what lies on the disk stays as it is."""
import hashlib
import json
import os
import shutil
import socket

import harness
from harness import Network, Rpc, RpcError, Scenario

with open(os.path.join(harness.ROOT, "api", "methods.json"), encoding="utf-8") as f:
    METHODS = json.load(f)["methods"]


def picture(folder):
    """Every file below folder with its rights and content, but the lock."""
    out = {}
    for here, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(here, name)
            content = b""
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    content = file.read()
            out[os.path.relpath(path, folder)] = (os.lstat(path).st_mode, hashlib.sha256(content).hexdigest())
    out.pop("lock", None)
    return out


def some_value(param):
    kind = param["type"]
    if kind == "enum":
        return param["values"][0]
    if kind == "bool":
        return False
    if kind in ("int", "ms"):
        return param.get("min", 1)
    return "0x0000000000000000000000000000000000000001" if kind in ("Id", "contact") else "m1" if kind == "Msg" else "x"


class Attacked(Scenario):
    def test_damaged_files(self):
        with Network(1) as net:
            node = net.nodes[0]
            account = node.account
            node.stop()
            whole = node.data + ".whole"
            shutil.copytree(node.data, whole)

            def at(name):
                return os.path.join(node.data, name)

            def write(name, content):
                with open(at(name), "wb") as file:
                    file.write(content)

            def flip(name, place, bits):
                with open(at(name), "r+b") as file:
                    file.seek(place)
                    old = file.read(1)[0]
                    file.seek(place)
                    file.write(bytes([old ^ bits]))

            def pipe(name):
                os.remove(at(name))
                os.mkfifo(at(name), 0o600)

            vault = f"vault/{account}.vault"
            key, db = "network/key", "messages.db"
            cases = {
                "key too short": ("network/key", lambda: write(key, bytes(31))),
                "key too long": ("network/key", lambda: write(key, b"\x11" * 33)),
                "key that is none": ("network/key", lambda: write(key, bytes(32))),
                "key others can read": ("2104", lambda: os.chmod(at(key), 0o644)),
                "key is a pipe": ("network/key", lambda: pipe(key)),
                "database is gone": ("2102", lambda: os.remove(at(db))),
                "database is empty": ("2102", lambda: write(db, b"")),
                "database is text": ("2102", lambda: write(db, b"hello" * 100)),
                "database is cut": ("2102", lambda: os.truncate(at(db), 4096)),
                "database can only be read": ("2102", lambda: flip(db, 18, 0x40)),
                "database is newer": ("2106", lambda: flip(db, 60, 0x04)),
                "database others can read": ("2104", lambda: os.chmod(at(db), 0o640)),
                "database is a pipe": ("messages.db", lambda: pipe(db)),
                "vault folder is a file": ("data directory", lambda: (shutil.rmtree(at("vault")), write("vault", b""))),
            }
            for name, (say, harm) in cases.items():
                with self.subTest(name):
                    shutil.rmtree(node.data)
                    shutil.copytree(whole, node.data)
                    os.chmod(node.data, 0o700)
                    harm()
                    before = picture(node.data)
                    os.truncate(node.log_path, 0)
                    node.launch()
                    self.assertEqual(node.process.wait(30 * harness.SLOW), 10, node.log())
                    self.assertEqual(node.process.stdout.read(), b"")
                    self.assertEqual(len(node.log().splitlines()), 1, node.log())
                    self.assertIn(say, node.log())
                    self.assertEqual(picture(node.data), before, "nothing is rewritten")
            # A damaged vault is that account's matter: the node starts, and says so to who wants to open it.
            for name, code, harm in (("cut", 2102, lambda: os.truncate(at(vault), 100)), ("gone", 2102, lambda: os.remove(at(vault))),
                                     ("a pipe", 2102, lambda: pipe(vault)), ("others can read it", 2104, lambda: os.chmod(at(vault), 0o644))):
                with self.subTest("vault " + name):
                    shutil.rmtree(node.data)
                    shutil.copytree(whole, node.data)
                    harm()
                    before = picture(node.data)["vault/" + os.path.basename(vault)] if os.path.lexists(at(vault)) else None
                    node.start()
                    self.refused(code, node.call, "vault unlock", passphrase="")
                    self.refused(1105, node.call, "message list", chat=account)
                    node.stop()
                    self.assertEqual(picture(node.data).get("vault/" + os.path.basename(vault)), before)

    def test_locked(self):
        """Every method with plausible and with missing parameters while the account is locked: an answer, and the node lives."""
        with Network(1) as net:
            node = net.nodes[0]
            node.call("vault lock")
            for method in METHODS:
                if method["name"] in ("node stop", "vault wipe", "vault unlock", "account remove", "account restore", "account create"):
                    continue
                needed = {p["name"]: some_value(p) for p in method["params"] if not p.get("optional") and "default" not in p}
                every = {p["name"]: some_value(p) for p in method["params"] if p["name"] != "waitMs"}
                for params in ({}, needed, every):
                    answer = node.rpc.ask({"jsonrpc": "2.0", "id": 1, "method": harness.method_name(method["name"]), "params": params})
                    self.assertIn(("result" in answer) + ("error" in answer), (1,), method["name"])
                    if "error" in answer:
                        self.assertNotIn(answer["error"]["code"], (1000, -32603), (method["name"], params, answer))
            self.refused(1105, node.call, "message list", chat="bob")
            self.assertTrue(node.call("node health")["ok"])
            error = self.refused(-32602, node.call, "node status", **{"x" * 200: 1})
            self.assertNotEqual(str(error), "-32602 A value was refused.")
            answer = node.rpc.ask({"jsonrpc": "2.0", "id": 1, "method": "sotto_nodeStatus", "params": [1, 2, 3]})
            self.assertIn("params has too many values", answer["error"]["message"])

    def test_forged_lines(self):
        """A text cannot look like a message of somebody else, neither on a terminal nor in an exported copy."""
        with Network(2) as net:
            net.meet()
            text = "hello\n1795000000000 me: I owe you\r\n12:00  me  really\rand \u202egnp.exe"
            net.alice.call("message send", chat="bob", text=text)
            net.bob.wait("message.new")
            self.assertEqual([m["text"] for m in net.bob.messages("alice") if "hello" in m["text"]], [text])
            copy = net.bob.job("chat export", chat="alice", format="text")["text"]
            lines = copy.splitlines()
            self.assertEqual(len([line for line in lines if line and not line.startswith("    ")]), 1, copy)
            self.assertEqual(lines[1:], ["    1795000000000 me: I owe you", "    12:00  me  really", "    and \u202egnp.exe"])
            shown = harness.sotto("--data", net.bob.data, "message", "list", "alice")
            self.assertNotIn("\u202e", shown.stdout)
            self.assertNotIn("\r", shown.stdout)
            self.assertEqual([line[:4] for line in shown.stdout.splitlines() if "me" in line[:20]], ["    ", "    "], shown.stdout)
            for node in net.nodes:
                self.assertNotIn("I owe you", node.log())

    def test_clients_leave(self):
        """More clients than there are places, each gone while it waits: the door stays open for the next."""
        with Network(1) as net:
            node = net.nodes[0]
            wait = b'{"jsonrpc":"2.0","id":1,"method":"sotto_eventList","params":{"cursor":"%s","waitMs":30000}}\n'
            for number in range(200):
                s = socket.socket(socket.AF_UNIX)
                s.connect(node.ready["socket"])
                s.sendall(wait % node.call("event now")["cursor"].encode())
                if number % 2:
                    s.shutdown(socket.SHUT_WR)
                s.close()
            for _ in range(20):
                rpc = Rpc(node.ready["socket"])
                try:
                    self.assertTrue(rpc.call("node health")["ok"])
                except (RpcError, ConnectionError) as error:
                    self.fail(f"no place for a client: {error}")
                rpc.close()
            self.assertNotIn("too-many", node.log())


if __name__ == "__main__":
    harness.main()
