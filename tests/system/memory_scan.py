#!/usr/bin/env python3
"""Secrets in a live process and on its disk: what a person gave (passphrase, words, texts) and what was derived of it is looked for in
every page of sottod and in every file of its data folder, in several forms, while an account is in use, after a message was opened or
removed, after the vault was locked, and after the account is gone. tests/secrets/secret_scan.c does the looking; it knows the keys
because it opens the vault with the passphrase, as the person would."""
import hashlib
import http.client
import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys

import harness
from harness import Network, Scenario

TOOL = os.path.join(harness.BUILD, "secret_scan")
PASSPHRASE = "planted passphrase 93b1 by the harbour"
TEXTS = {"text-out": "planted text one: the kettle is on", "text-in": "planted text two: milk and no sugar",
         "text-http": "planted text three: by way of http", "text-gone": "planted text four: forget this one",
         "text-draft": "planted text five: not sent yet", "subject": "planted text six: a subject", "name": "planted name seven: a name"}
KEYS = ("vk", "sub-messages", "role-identity", "role-exchange", "session-p")        # these do not change: found while in use, or the scan is blind


def tool(*arguments, text=""):
    done = subprocess.run([TOOL, *arguments], input=text, capture_output=True, text=True, timeout=60 * harness.SLOW)
    if done.returncode != 0:
        raise AssertionError(f"secret_scan {arguments[0]}: {done.returncode} {done.stderr}")
    return done.stdout.splitlines()


def lines(secrets):
    return "".join(f"{name} {value}\n" for name, value in secrets.items())


def in_process(node, secrets):
    """["NAME FORM locked|open ADDRESS REGION"]"""
    return tool("process", str(node.process.pid), text=lines(secrets))


def in_files(node, secrets):
    return tool("files", node.data, text=lines(secrets))


def hexed(texts):
    return {name: text.encode().hex() for name, text in texts.items()}


class Copy:
    """The account's database as it is on the disk now: the node has its own open and locked."""

    def __init__(self, node):
        self.folder = os.path.join(node.folder, "copy")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder, 0o700)
        for name in ("messages.db", "messages.db-wal"):
            if os.path.exists(os.path.join(node.data, name)):
                shutil.copy(os.path.join(node.data, name), self.folder)
        self.path = os.path.join(self.folder, "messages.db")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)


def account_secrets(node, account):
    """{name: hex}: keys of the vault, role keys, and what the rows hold."""
    with Copy(node) as copy:
        out = tool("account", os.path.join(node.data, "vault", account + ".vault"), copy.path, text=PASSPHRASE + "\n")
    return dict(line.split(" ") for line in out)


def sealed_rows(node, sql):
    """{name: hex} of the nonces that sealed values begin with: 24 random bytes that are found where the value is."""
    with Copy(node) as copy:
        db = sqlite3.connect(copy.path)
        found = {f"row.{number}": value[:24].hex() for number, (value,) in enumerate(db.execute(sql)) if len(value) >= 24}
        db.close()
    return found


ALL_ROWS = "SELECT value FROM row UNION ALL SELECT value FROM message UNION ALL SELECT value FROM event WHERE account<>0"


class UnixHttp(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60 * harness.SLOW)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def by_http(node, method, **params):
    connection = UnixHttp(node.ready["socket"])
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": harness.method_name(method), "params": params})
    connection.request("POST", "/rpc", body, {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer["result"]


def unlocked(node):
    try:
        return node.call("vault unlock", passphrase=PASSPHRASE)
    except harness.RpcError as error:                  # 1106: the wait after a wrong one
        if error.code != 1106:
            raise
        return None


class MemoryScan(Scenario):
    def clean(self, found, where):
        self.assertEqual(found, [], f"{where}: {len(found)} places")

    def talk(self, alice, bob, text, count):
        """So many messages each way, all opened."""
        for number in range(count):
            alice.call("message send", chat="bob", text=f"{text} there {number}")
            bob.call("message send", chat="alice", text=f"{text} back {number}")
        for number in range(count):
            bob.wait("message.new", lambda e, n=number: e["data"].get("text") == f"{text} there {n}")
            alice.wait("message.new", lambda e, n=number: e["data"].get("text") == f"{text} back {n}")

    def test_live(self):
        with Network(2, people=False) as net:
            alice, bob = net.nodes
            account = {node: node.job("account create", name=TEXTS["name"], passphrase=PASSPHRASE)["account"] for node in (alice, bob)}
            words = by_http(alice, "account phrase", passphrase=PASSPHRASE)
            self.assertEqual(alice.call("account phrase", passphrase=PASSPHRASE), words)
            alice.call("contact add", link=bob.call("account link")["link"], alias="bob")
            asked = {name: value for name, value in account_secrets(alice, account[alice]).items() if name.startswith("hello-")}
            self.assertIn("hello-share", {name.split(".")[0] for name in asked})
            bob.wait("contact.request")
            bob.call("contact accept", contact=account[alice], alias="alice")
            for node, other in ((alice, bob), (bob, alice)):
                node.until(lambda n=node, o=account[other]: n.call("contact get", contact=o)["state"] == "mutual", 90, "contact mutual")

            # What a person does in a day, by every door there is.
            alice.call("message send", chat="bob", text=TEXTS["text-out"])
            alice.call("message send", chat="bob", kind="mail", subject=TEXTS["subject"], text="a letter")
            alice.call("message send", chat="bob", text=TEXTS["text-gone"])
            by_http(alice, "message send", chat="bob", text=TEXTS["text-http"])
            bob.call("message send", chat="alice", text=TEXTS["text-in"])
            alice.call("chat set", chat="bob", draft=TEXTS["text-draft"])
            alice.wait("message.new", lambda e: e["data"].get("text") == TEXTS["text-in"])
            bob.wait("message.new", lambda e: e["data"].get("text") == TEXTS["text-http"])
            alice.until(lambda: all(m["state"] == "delivered" for m in alice.messages("bob") if m["own"]), what="all delivered")
            alice.job("chat export", chat="bob", format="text")
            alice.call("message search", query="planted")
            self.assertEqual(harness.sotto("--data", alice.data, "message", "list", "bob").status, 0)

            secrets = {**account_secrets(alice, account[alice]), **hexed(TEXTS), "passphrase": PASSPHRASE.encode().hex()}
            for number in range(len(words) - 2):
                secrets[f"words-listed.{number}"] = '","'.join(words[number:number + 3]).encode().hex()
            self.assertEqual(bytes.fromhex(secrets["words.0"]).decode(), " ".join(words)[:24], "the tool reads the same account")

            with self.subTest("in use"):
                found = in_process(alice, secrets)
                places = {(line.split(".")[0], line.split(" ")[2]) for line in found}
                for key in KEYS:
                    self.assertIn((key, "locked"), places, "the scan finds what must be there")
                keys = [line for line in found if " open " in line and not line.startswith(("text-", "subject", "name"))]
                self.clean(keys, "keys outside locked memory")
                typed = [line for line in found if line.startswith(("passphrase", "words", "entropy", "seed"))]
                self.clean(typed, "what opens the account, after it was opened")
                self.clean(in_process(alice, asked), "share and one-time scalar of the first contact, after the answer to it")
                self.clean(in_files(alice, secrets), "the data folder")

            with self.subTest("the scan of files is not blind"):
                with open(os.path.join(alice.data, "planted"), "w", encoding="utf-8") as f:
                    f.write("x" * 5000 + bytes.fromhex(secrets["vk.0"]).hex())
                self.assertTrue(in_files(alice, secrets))
                os.remove(os.path.join(alice.data, "planted"))

            with self.subTest("one-time keys are gone after their message"):
                def once():
                    found = account_secrets(alice, account[alice])
                    return {name: value for name, value in found.items() if name.startswith("once-")}
                self.talk(alice, bob, "first", 3)
                before = alice.until(lambda: {name: value for name, value in once().items() if name.startswith(("once-send", "once-recv"))}, what="chains")
                self.assertTrue(any(name.startswith("once-recv-mk") for name in before), before.keys())
                # Header secrets of the last used addresses stay in locked memory, never on the disk (docs/secrets.md); a lock ends them too.
                headers = {name: value for name, value in before.items() if name.startswith("once-recv-hs")}
                self.talk(alice, bob, "second", 3)
                alice.until(lambda: not set(before.values()) & set(once().values()), what="the chains have moved on")
                kept = in_process(alice, headers)
                self.assertTrue(all(" locked " in line for line in kept), kept)
                self.clean(in_process(alice, {name: value for name, value in before.items() if name not in headers}), "keys of messages that were sent or opened")
                self.clean(in_files(alice, before), "the data folder")

            with self.subTest("a removed message"):
                number = next(m["message"] for m in alice.messages("bob") if m["text"] == TEXTS["text-gone"])
                row = sealed_rows(alice, f"SELECT value FROM message WHERE id={int(number[1:])}")
                self.assertEqual(len(row), 1)
                self.assertTrue(in_files(alice, row), "the sealed row is on the disk before")
                alice.call("message remove", message=number)
                self.clean([line for line in in_process(alice, secrets) if line.startswith("text-gone")], "memory")

            with self.subTest("locked"):
                secrets = {**secrets, **account_secrets(alice, account[alice]), **headers}
                alice.call("vault lock")
                self.clean(in_process(alice, secrets), "memory")
                self.clean(in_files(alice, secrets), "the data folder")
                self.clean(in_files(alice, row), "the sealed row of the removed message")

            with self.subTest("a wrong passphrase, an interrupted line"):
                self.refused(1106, alice.call, "vault unlock", passphrase=PASSPHRASE + "x")
                half = harness.Rpc(alice.ready["socket"])
                half.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"sotto_vaultUnlock","params":{"passphrase":"' + PASSPHRASE.encode())
                alice.call("node status")
                half.close()
                broken = harness.Rpc(alice.ready["socket"])
                broken.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"sotto_vaultUnlock","params":{"passphrase":"' + PASSPHRASE.encode() + b'"}]\n')
                self.assertIn(b"error", broken.line())
                broken.close()
                alice.until(lambda: not in_process(alice, {"passphrase": secrets["passphrase"]}), 10, "the passphrase is gone")

            with self.subTest("account removed"):
                alice.until(lambda: unlocked(alice), what="the wait after a wrong passphrase")
                rows = sealed_rows(alice, ALL_ROWS)
                with open(os.path.join(alice.data, "vault", account[alice] + ".vault"), "rb") as f:
                    rows["vault-file"] = f.read()[19:].hex()
                self.assertGreater(len(in_files(alice, rows)), len(rows) // 2, "they are on the disk before")
                alice.call("account remove", account=account[alice], passphrase=PASSPHRASE, confirm="REMOVE")
                self.clean(in_process(alice, secrets), "memory")
                self.clean(in_files(alice, {**secrets, **rows}), "the data folder")

            with self.subTest("everything wiped"):
                rows = sealed_rows(bob, ALL_ROWS)
                secrets = {**account_secrets(bob, account[bob]), **hexed(TEXTS)}
                self.assertTrue(in_files(bob, rows))
                bob.call("vault wipe", level="keys", confirm="WIPE")
                self.clean(in_process(bob, secrets), "memory")
                self.clean(in_files(bob, {**secrets, **rows}), "the data folder")

    def test_shh(self):
        """What callers of shh_* give: a password and the key of it, a private key. In locked memory while they are used, and nowhere afterwards."""
        password, scalar = "planted password eight: under the mat", hashlib.sha256(b"planted scalar nine").digest()
        stretched = hashlib.pbkdf2_hmac("sha256", password.encode(), b"", 65356, 32)
        typed = {"password": password.encode().hex(), "hex": scalar.hex().encode().hex()}
        keys = {"sym": stretched.hex(), "private": scalar.hex()}
        with Network(1, people=False) as net:
            node = net.nodes[0]

            def shh(method, *params):
                connection = harness.Rpc(node.ready["socket"])
                connection.send_raw(json.dumps({"id": 1, "method": "shh_" + method, "params": params}).encode() + b"\n")
                answer = json.loads(connection.line())
                connection.close()
                return answer["result"]
            sym, pair = shh("generateSymKeyFromPassword", password), shh("addPrivateKey", "0x" + scalar.hex())
            found = in_process(node, keys)
            self.assertEqual({tuple(line.split(" ")[:3:2]) for line in found}, {("sym", "locked"), ("private", "locked")}, found)
            self.clean(in_process(node, typed), "what was typed, once it is a key")
            self.assertIs(shh("deleteSymKey", sym), True)
            self.clean([line for line in in_process(node, keys) if line.startswith("sym")], "a symmetric key that was deleted")
            self.assertIs(shh("deleteKeyPair", pair), True)
            self.clean(in_process(node, {**keys, **typed}), "all of it")
            shh("addSymKey", "0x" + stretched.hex())
            node.stop()
            self.clean(in_files(node, {**keys, **typed}), "the data folder after the end")
            self.assertNotIn(password, node.log())

    def test_limits(self):
        """No core dumps, no look from another process of the same user, and a word to the operator when memory cannot be locked."""
        without_rights = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]       # root in name only: what an ordinary user may do
        look = [*without_rights, sys.executable, "-c", "import sys; open(f'/proc/{sys.argv[1]}/mem', 'rb')"]
        with Network(1, people=False) as net:
            node = net.nodes[0]
            enough = min(64 << 20, hard if (hard := resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]) >= 0 else 64 << 20)
            for limit, warned in ((enough, False), (0, True)):
                node.stop()
                node.prefix = ["prlimit", f"--memlock={limit}", *without_rights]
                os.truncate(node.log_path, 0)
                node.start()
                pid = node.process.pid
                with open(f"/proc/{pid}/limits", encoding="ascii") as f:
                    self.assertIn(["Max", "core", "file", "size", "0", "0", "bytes"], [line.split() for line in f])
                looked = subprocess.run([*look, str(pid)], capture_output=True, text=True)
                self.assertIn("PermissionError", looked.stderr)
                if warned:
                    node.call("vault unlock", passphrase="")
                else:
                    node.job("account create", name="Ann", passphrase="")
                doctor = {check["id"]: check for check in node.call("node doctor")}
                self.assertEqual("memory-not-locked" in node.log(), warned, node.log())
                self.assertEqual("LimitMEMLOCK" in node.log(), warned)
                self.assertEqual(doctor["memlock"]["result"], "warn" if warned else "ok")
                self.assertEqual("LimitMEMLOCK" in doctor["memlock"]["todo"], warned)
            other = subprocess.Popen([*without_rights, "sleep", "60"])               # the look itself is not blind
            try:
                while os.readlink(f"/proc/{other.pid}/exe").rsplit("/", 1)[-1] != "sleep":
                    pass
                self.assertEqual(subprocess.run([*look, str(other.pid)], capture_output=True, text=True).returncode, 0)
            finally:
                other.kill()
                other.wait()


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: needs root, who alone may read the memory of sottod")
        sys.exit(77)
    harness.main()
