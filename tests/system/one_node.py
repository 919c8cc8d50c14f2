#!/usr/bin/env python3
"""One sottod as a program: ready line, doors while locked, signals, one process a data directory, configuration faults, file modes,
request keys, cursors over restarts, secrets in no log, argument list or error."""
import json
import os
import signal
import socket
import stat
import subprocess
import time

import harness
from harness import Network, Node, Rpc, Scenario, sotto

PASSPHRASE = "planted-passphrase-93b1"


def sottod(*arguments, env=None):
    return subprocess.run([harness.SOTTOD, *arguments], capture_output=True, text=True, timeout=30 * harness.SLOW, stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})})


def http(path, request):
    """One HTTP exchange over the unix socket: (status, headers, body)."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30 * harness.SLOW)
        s.connect(path)
        s.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            more = s.recv(65536)
            if not more:
                return None
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        first, *rows = head.decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (row.split(":", 1) for row in rows)}
        while len(body) < int(headers.get("content-length", 0)):
            body += s.recv(65536)
        return int(first.split()[1]), headers, body


def post(path, body, target="/rpc", kind="application/json"):
    return http(path, f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


class OneNode(Scenario):
    def test_ready_line_and_doors_and_modes(self):
        with Network(1, people=False) as net:
            node = net.nodes[0]
            ready = node.ready
            self.assertIs(ready["ready"], True)
            self.assertEqual(ready["pid"], node.process.pid)
            self.assertEqual(ready["socket"], os.path.join(node.data, "sotto.sock"))
            self.assertRegex(ready["peer"], rf"^enode://[0-9a-f]{{128}}@127\.0\.0\.1:{node.port}(\?.*)?$")
            self.assertEqual(ready["network"], "test-1")
            self.assertNotIn("http", ready)                # what is off is absent
            self.assertTrue(set(ready) <= {"ready", "pid", "version", "socket", "peer", "network", "networkId"}, ready)
            status = node.call("node status")
            self.assertEqual((status["peer"], status["network"], status["version"]), (ready["peer"], "test-1", ready["version"]))
            self.assertEqual(sotto("--data", node.data, "status", "--json").json()["peer"], ready["peer"])
            self.assertIn(ready["version"], sottod("--version").stdout)
            self.assertEqual(stat.S_IMODE(os.stat(node.data).st_mode), 0o700)
            self.assertEqual(stat.S_IMODE(os.stat(ready["socket"]).st_mode), 0o600)
            for folder, folders, files in os.walk(node.data):
                for name in folders + files:
                    mode = os.lstat(os.path.join(folder, name)).st_mode
                    if not stat.S_ISSOCK(mode):
                        self.assertEqual(stat.S_IMODE(mode) & 0o077, 0, os.path.join(folder, name))
            node.stop()
            self.assertEqual(node.stdout_rest, b"", "nothing but the ready line is written to stdout")

    def test_signals_and_stop(self):
        with Network(1, people=False) as net:
            node = net.nodes[0]
            for how in (signal.SIGTERM, signal.SIGINT):
                start = time.monotonic()
                node.stop(how)
                self.assertLess(time.monotonic() - start, 10 * harness.SLOW)
                self.assertFalse(os.path.exists(node.ready["socket"]), "the socket file is gone")
                node.start()
            self.assertEqual(sotto("--data", node.data, "node", "stop", "--now").status, 0)
            self.assertEqual(node.process.wait(10 * harness.SLOW), 0)
            asked = sotto("--data", node.data, "status", "--json")
            self.assertEqual(asked.status, 3)
            self.assertEqual(json.loads(asked.stderr)["code"], 2001)
            # A hangup of the terminal or a broken pipe of a reader does not end it; kill -9 leaves a socket file that the next start replaces.
            node.start()
            node.kill()
            node.start()
            self.assertTrue(node.call("node health")["ok"])

    def test_one_process_a_directory(self):
        with Network(1, people=False) as net:
            node = net.nodes[0]
            second = Node(net.folder, node.name, {**node.flags}, harness.free_port())
            second.log_path = os.path.join(net.folder, "second.log")
            second.launch()
            self.assertEqual(second.process.wait(30 * harness.SLOW), 10)
            self.assertEqual(second.process.stdout.read(), b"")
            second.process.stdout.close()
            self.assertIn("2103", second.log())
            self.assertIn(str(node.process.pid), second.log())
            self.assertTrue(node.call("node health")["ok"], "the first one goes on")
            third = Node(net.folder, "other", node.flags, node.port)     # another directory, the same port
            third.launch()
            self.assertEqual(third.process.wait(30 * harness.SLOW), 1)
            third.process.stdout.close()
            self.assertIn("2003", third.log())

    def test_configuration(self):
        folder = harness.tempfile.mkdtemp(prefix="sotto-")
        self.addCleanup(harness.shutil.rmtree, folder, True)
        data = os.path.join(folder, "d")
        path = os.path.join(folder, "sotto.conf")

        def checked(text, *flags):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            return sottod("--data", data, "--config", path, *flags, "--check", "--json")

        good = checked('[network]\nname = "test-conf"\nlocal = true\nport = 30555\n[relay]\nplain = true\nreceipt = "2s"\n')
        self.assertEqual((good.returncode, json.loads(good.stdout)), (0, []), good.stderr)
        for text, line, say in (("[network]\nprot = 30555\n", 2, "network.port"), ('[network]\nport = "x"\n', 2, ""), ("[network]\nport = 65536\n", 2, ""),
                                ("[network]\nport = 1\nport = 2\n", 3, ""), ("network\n", 1, ""), ('[relay]\nprofile = "loud"\n', 2, "off"),
                                ("[vault]\nmemory = 1MiB\n", 2, ""), ("[relay]\nwork = 3\n", 2, "test"), ('[network]\nname = "unterminated\n', 2, "")):
            bad = checked(text)
            self.assertEqual(bad.returncode, 10, text)
            problems = json.loads(bad.stdout)
            self.assertEqual([p.get("line") for p in problems][:1], [line], (text, problems))
            self.assertIn(say, json.dumps(problems), text)
            self.assertTrue(all(p["what"] and p["todo"] for p in problems), problems)
            started = sottod("--data", data, "--config", path)
            self.assertEqual(started.returncode, 10, text)
            self.assertIn("2105", started.stderr)
            self.assertEqual(started.stdout, "")
        # A flag that is no key, a value that is none, a flag without a value: usage or configuration, never a start.
        for flags in (["--network.prot", "1"], ["--network.port", "x"], ["--network.port"], ["--nonsense"], ["stray"]):
            done = sottod("--data", data, *flags)
            self.assertIn(done.returncode, (2, 10), flags)
            self.assertEqual(done.stdout, "")
            self.assertEqual("See: sottod --help" in done.stderr, done.returncode == 2, done.stderr)
        # Later wins: file, then environment, then flag. And a socket path that cannot be one.
        node = Node(folder, "d", {"network.port": "0"})
        node.flags = {**harness.COMMON, "config": path}
        checked('[network]\nname = "test-file"\n[log]\nlevel = "warn"\n')
        os.environ["SOTTO_LOG_LEVEL"] = "error"
        try:
            node.start()
        finally:
            del os.environ["SOTTO_LOG_LEVEL"]
        self.addCleanup(node.end)
        self.assertEqual(node.ready["network"], "test-1")
        item = node.call("config get", key="log.level")
        self.assertEqual(item["value"], "error", item)
        self.refused(2105, node.call, "config get", key="log.levle")
        self.refused(2105, node.call, "config set", key="relay.plain", value="perhaps")
        self.assertEqual(node.call("config get", key="relay.plain")["value"], "true")
        node.stop()
        long = sottod("--data", data, "--data.socket", "/tmp/" + "s" * 120)
        self.assertEqual(long.returncode, 10)
        self.assertIn("2105", long.stderr)

    def test_locked_doors_and_secrets(self):
        with Network(1, people=False) as net:
            node = net.nodes[0]
            secret = os.path.join(net.folder, "secret")
            with open(secret, "w", encoding="utf-8") as f:
                f.write(PASSPHRASE + "\n")
            os.chmod(secret, 0o600)
            made = sotto("--data", node.data, "account", "create", "--name", "Alice", "--passphrase-file", secret, "--no-input", "--json").json()
            words = node.call("account phrase", passphrase=PASSPHRASE)
            words = words["words"] if isinstance(words, dict) else words
            node.stop().start()                            # doors answer although nobody gave the passphrase
            account = node.call("account show", account=made["account"])
            self.assertIs(account["locked"], True)
            self.assertIs(node.call("account list")["items"][0]["locked"], True)
            for method, params in (("contact list", {}), ("message send", {"chat": made["account"], "text": "planted-text"}), ("chat list", {})):
                error = self.refused(1105, node.call, method, **params)
                self.assertIn("vault unlock", json.dumps(error.data) + error.message)
            self.assertTrue(node.call("node status")["peer"])
            wrong = self.refused(1106, node.call, "vault unlock", passphrase=PASSPHRASE + "x")
            self.assertNotIn(PASSPHRASE, json.dumps(wrong.data) + wrong.message)
            # After a wrong one the next try waits a little; the right one opens then.
            node.until(lambda: sotto("--data", node.data, "vault", "unlock", "--passphrase-file", secret, "--no-input").status == 0, 30, "unlocked")
            self.assertIs(node.call("account show")["locked"], False)
            node.call("vault lock")
            self.assertIs(node.call("account show")["locked"], True)
            # No flag takes a secret in plain, and a prompt without a terminal is a usage error.
            self.assertEqual(sotto("--data", node.data, "vault", "unlock", "--passphrase", PASSPHRASE, "--no-input").status, 2)
            self.assertEqual(sotto("--data", node.data, "vault", "unlock", "--no-input").status, 2)
            # A passphrase file opens the account at start; one that others can read does not.
            node.stop()
            node.flags["vault.passphrase_file"] = secret
            node.start()
            node.until(lambda: not node.call("account show")["locked"], what="opened from the passphrase file")
            with open(f"/proc/{node.process.pid}/cmdline", "rb") as f:
                self.assertNotIn(PASSPHRASE.encode(), f.read())
            try:
                with open(f"/proc/{node.process.pid}/environ", "rb") as f:
                    self.assertNotIn(PASSPHRASE.encode(), f.read())
            except PermissionError:
                pass                                       # sottod lets no process of its own user look: better still
            node.stop()
            os.chmod(secret, 0o644)
            node.launch()
            self.assertEqual(node.process.wait(30 * harness.SLOW), 10)
            node.process.stdout.close()
            self.assertIn("2104", node.log())
            self.assertIn("chmod 600", node.log())
            log = node.log()
            self.assertNotIn(PASSPHRASE, log)
            self.assertNotIn(made["account"][2:].lower(), log.lower())
            self.assertNotIn(" ".join(words[:3]), log)
            for folder, _, files in os.walk(node.data):
                for name in files:
                    with open(os.path.join(folder, name), "rb") as f:
                        data = f.read()
                    self.assertNotIn(PASSPHRASE.encode(), data, name)
                    self.assertNotIn(" ".join(words[:3]).encode(), data, name)

    def test_http_on_the_socket(self):
        with Network(1, people=False) as net:
            path = net.nodes[0].ready["socket"]
            for target in ("/rpc", "/"):
                status, headers, body = post(path, b'{"jsonrpc":"2.0","id":"a\\u0041","method":"sotto_nodeHealth"}', target)
                self.assertEqual(status, 200)
                self.assertIn("application/json", headers["content-type"])
                self.assertIn(b'"id":"a\\u0041"', body.replace(b": ", b":"))       # byte for byte
                self.assertIs(json.loads(body)["result"]["ok"], True)
            status, _, body = http(path, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual((status, json.loads(body)["ok"]), (200, True))
            self.assertEqual(json.loads(post(path, b"{")[2])["error"]["code"], -32700)
            self.assertIn(http(path, b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")[0], (403, 404))
            self.assertIn(post(path, b"{}", kind="text/plain")[0], (403, 415))
            self.assertIn(http(path, b"DELETE /rpc HTTP/1.1\r\nHost: localhost\r\n\r\n")[0], (403, 404, 405, 501))
            huge = http(path, b"POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n")
            self.assertTrue(huge is None or huge[0] == 413, huge)

    def test_json_rpc_manners(self):
        with Network(1, people=False) as net:
            node = net.nodes[0]
            path = node.ready["socket"]
            rpc = Rpc(path)

            def code(value):
                rpc.send_raw((value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n")
                return json.loads(rpc.line())["error"]["code"]
            self.assertEqual(code(b"{nonsense"), -32700)
            self.assertEqual(code(b"\xff\xfe"), -32700)
            self.assertEqual(code([]), -32600)
            self.assertEqual(code(7), -32600)
            self.assertEqual(code({"jsonrpc": "2.0", "id": 1}), -32600)
            self.assertEqual(code({"jsonrpc": "1.0", "id": 1, "method": "sotto_nodeStatus"}), -32600)
            self.assertEqual(code({"jsonrpc": "2.0", "id": 1, "method": "sotto_nodeStatsu"}), -32601)
            self.assertEqual(code({"jsonrpc": "2.0", "id": 1, "method": "sotto_nodeStatus", "params": {"x": 1}}), -32602)
            self.assertEqual(code({"jsonrpc": "2.0", "id": 1, "method": "sotto_messageSend", "params": {"chat": "x"}}), -32602)
            self.assertEqual(code({"jsonrpc": "2.0", "id": 1, "method": "sotto_eventList", "params": {"limit": 1.5}}), -32602)
            self.assertEqual(code({"jsonrpc": "2.0", "id": 1, "method": "sotto_eventList", "params": {"limit": 201}}), -32602)
            self.assertIn(code(b'{"jsonrpc":"2.0","id":1,"id":2,"method":"sotto_nodeStatus"}'), (-32700, -32600))
            self.assertIn(code(b'{"jsonrpc":"2.0","id":1,"method":"sotto_nodeStatus","params":' + b"[" * 100 + b"]" * 100 + b"}"), (-32700, -32600, -32602))
            self.assertEqual(code([{"jsonrpc": "2.0", "id": n, "method": "sotto_nodeHealth"} for n in range(101)]), -32600)
            answers = rpc.ask([{"jsonrpc": "2.0", "id": "a", "method": "sotto_nodeHealth"}, {"jsonrpc": "2.0", "method": "sotto_nodeHealth"}, 1])
            self.assertEqual(sorted((str(a["id"]), "result" in a) for a in answers), [("None", False), ("a", True)])
            rpc.send_raw(b'{"jsonrpc":"2.0","id":"x\\u0079" ,"method":"sotto_nodeHealth"}\n')
            self.assertIn(b'"x\\u0079"', rpc.line())
            # By position, in the order written.
            self.assertIn("value", rpc.ask({"jsonrpc": "2.0", "id": 1, "method": "sotto_configGet", "params": ["network.name"]})["result"])
            # Bytes one by one; a line that never ends; a connection that leaves in the middle; many at once.
            for byte in b'{"jsonrpc":"2.0","id":5,"method":"sotto_nodeHealth"}\n':
                rpc.send_raw(bytes([byte]))
            self.assertEqual(json.loads(rpc.line())["id"], 5)
            rpc.close()
            flood = Rpc(path)
            try:
                for _ in range(100):
                    flood.send_raw(b"[" * 65536)
                answer = flood.line()
            except (BrokenPipeError, ConnectionResetError):
                answer = None
            self.assertTrue(answer is None or b"error" in answer)
            flood.close()
            for _ in range(100):
                half = Rpc(path)
                half.send_raw(b'{"jsonrpc":"2.0","id":5,"me')
                half.close()
            self.assertTrue(node.call("node health")["ok"])

    def test_request_keys_and_cursors(self):
        with Network(3) as net:
            net.meet()
            alice = net.alice
            key = "0123456789abcdef"
            first = alice.call("message send", chat="bob", text="only once", requestKey=key)
            again = alice.call("message send", chat="bob", text="only once", requestKey=key)
            self.assertEqual(first["message"], again["message"])
            self.refused(1007, alice.call, "message send", chat="bob", text="something else", requestKey=key)
            for bad in ("short", "x" * 65, 7):
                self.refused(-32602, alice.call, "message send", chat="bob", text="t", requestKey=bad)
            alice.until(lambda: alice.call("message get", message=first["message"])["state"] == "delivered", what="delivered")
            alice.poll()
            seen, cursor = [e["seq"] for e in alice.events], alice.cursor
            alice.kill().start()
            alice.until(lambda: not alice.call("account show")["locked"])
            third = alice.call("message send", chat="bob", text="only once", requestKey=key)      # the key outlives the process
            self.assertEqual(third["message"], first["message"])
            self.assertEqual([m["text"] for m in alice.messages("bob") if m["own"] and m["kind"] == "text"], ["only once"])
            # The cursor too: what comes now follows what was read before, nothing is missing and nothing comes twice.
            net.bob.call("message send", chat="alice", text="hello again")
            alice.wait("message.new", lambda e: "hello again" in json.dumps(e["data"]))
            alice.poll()
            numbers = [e["seq"] for e in alice.events]
            self.assertEqual(numbers, sorted(set(numbers)))
            self.assertEqual(numbers[:len(seen)], seen)
            everything, at = [], None
            while True:
                got = alice.call("event list", limit=7, **({"cursor": at} if at else {}))
                everything += [e["seq"] for e in got["events"]]
                at = got["cursor"]
                if not got["events"]:
                    break
            self.assertEqual(everything[:len(numbers)], numbers)
            self.assertEqual(alice.call("event list", cursor=cursor, limit=200)["events"][0]["seq"], numbers[len(seen)])
            for bad in ("x", "", "99999999999999999999", "0x1"):
                with self.assertRaises(harness.RpcError) as caught:
                    alice.call("event list", cursor=bad)
                self.assertIn(caught.exception.code, (1001, 1008, -32602))

    def test_subscription_pushes(self):
        with Network(3) as net:
            net.meet()
            reader = Rpc(net.bob.ready["socket"])
            subscription = reader.call("event subscribe", kinds=["message.new"])
            net.alice.call("message send", chat="bob", text="pushed")
            pushed = json.loads(reader.line())
            self.assertEqual(pushed["method"], "sotto_event")
            self.assertEqual(pushed["params"]["subscription"], subscription)
            self.assertEqual(pushed["params"]["result"]["kind"], "message.new")
            self.assertIn("pushed", json.dumps(pushed["params"]["result"]["data"]))
            self.assertIs(reader.call("event unsubscribe", subscription=subscription), True)
            reader.close()

    def test_many_configuration_problems(self):
        """More problems, with longer texts, than the last line of a refused start holds: cut, its code still there."""
        folder = harness.tempfile.mkdtemp(prefix="sotto-")
        self.addCleanup(harness.shutil.rmtree, folder, True)
        deep = os.path.join(folder, *["d" * 60] * 4)
        os.makedirs(deep)
        path = os.path.join(deep, "sotto.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write("[network]\n" + "".join(f"{'x' * 60}{i} = {i}\n" for i in range(6)))
        refused = sottod("--data", os.path.join(folder, "d"), "--config", path)
        self.assertEqual(refused.returncode, 10, refused.stderr)
        self.assertIn("2105 CONFIG", refused.stderr)

    def test_workers_and_what_comes_meanwhile(self):
        """While a worker opens a vault: a lock, a removal and a wipe win over it."""
        with Network(1, people=False) as net:
            node = net.nodes[0]
            account = node.job("account create", name="Alice", passphrase=PASSPHRASE)["account"]
            node.call("vault lock")

            def at_once(*calls):
                """All written before the first is answered; answers by position."""
                rpc = Rpc(node.ready["socket"])
                for number, (method, params) in enumerate(calls):
                    rpc.send_raw(json.dumps({"jsonrpc": "2.0", "id": number, "method": harness.method_name(method), "params": params}).encode() + b"\n")
                answers = [json.loads(rpc.line()) for _ in calls]
                rpc.close()
                return [a.get("result", a.get("error")) for a in sorted(answers, key=lambda a: a["id"])]

            unlock = ("vault unlock", {"passphrase": PASSPHRASE})
            opened, locked = at_once(unlock, ("vault lock", {}))
            self.assertIs(locked, True)
            self.assertEqual(opened["code"], 1105)
            self.assertIs(node.call("account show")["locked"], True)
            # Both vaults opened at the same time; the second finds it open.
            for opened in at_once(unlock, unlock):
                self.assertIn("unlockedMs", opened)
            remove = ("account remove", {"account": account, "passphrase": PASSPHRASE, "confirm": "REMOVE"})
            removed, opened, words, changed = at_once(remove, unlock, ("account phrase", {"passphrase": PASSPHRASE}),
                                                      ("account passphrase", {"passphrase": PASSPHRASE, "new": "another"}))
            self.assertIs(removed, True)
            self.assertEqual([opened["code"], words["code"], changed["code"]], [1002] * 3)
            self.assertEqual(node.call("account list")["items"], [])
            self.assertEqual(os.listdir(os.path.join(node.data, "vault")), [])
            account = node.job("account create", name="Alice", passphrase=PASSPHRASE)["account"]
            # A client that goes away while it waits leaves nothing behind.
            for _ in range(5):
                gone = Rpc(node.ready["socket"])
                gone.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"sotto_eventList","params":{"waitMs":30000}}\n' * 3)
                gone.send_raw((json.dumps({"jsonrpc": "2.0", "id": 2, "method": "sotto_vaultUnlock", "params": unlock[1]}) + "\n").encode())
                gone.close()
            node.until(lambda: node.call("node health") is not None)
            # After wrong guesses: one at a time.
            wrong = ("vault unlock", {"passphrase": "wrong"})
            codes = {a["code"] for a in at_once(wrong)}
            self.assertEqual(codes, {1106})
            node.until(lambda: "unlockedMs" in at_once(unlock)[0], what="opened after the waiting time")
            opened, wiped = at_once(unlock, ("vault wipe", {"level": "keys", "confirm": "WIPE"}))
            self.assertIs(wiped, True)
            self.assertEqual(opened["code"], 1002)
            self.assertEqual(node.call("account list")["items"], [])
            self.assertEqual(os.listdir(os.path.join(node.data, "vault")), [])

    def test_subscription_from_an_old_cursor(self):
        """More events than one page wait behind the cursor: all are pushed, without another one having to come."""
        with Network(1, people=False) as net:
            node = net.nodes[0]
            start = node.call("event now")["cursor"]
            node.job("account create", name="Bob", passphrase="")
            link = node.call("account link")["link"]
            node.job("account create", name="Alice", passphrase="")
            node.call("contact add", link=link, alias="bob")
            for i in range(450):
                node.call("chat set", chat="bob", draft=f"draft {i}")
            reader = Rpc(node.ready["socket"])
            reader.call("event subscribe", cursor=start, kinds=["chat.changed"])
            seqs = []
            while len(seqs) < 450:
                pushed = reader.pushed.pop(0) if reader.pushed else json.loads(reader.line())
                seqs.append(pushed["params"]["result"]["seq"])
            self.assertEqual(seqs, sorted(set(seqs)))
            reader.close()


if __name__ == "__main__":
    harness.main()
