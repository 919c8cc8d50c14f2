#!/usr/bin/env python3
"""The command line against a fake node: what it sends, what it prints, how it ends. test_cli.py PROGRAM [unittest arguments]"""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_case import ID, PROGRAM, SECRET, Case, flag_of, main  # noqa: E402
from fake_node import ERRORS, METHODS, Refuse, camel  # noqa: E402


class Table(Case):
    """Every method of the table by its verb, with every parameter: exactly these parameters arrive."""

    def value(self, p):
        """(words for the flag, value in JSON)"""
        kind = p["type"]
        flag = "--" + flag_of(p)
        if kind == "secret":
            return [flag + "-file", self.file(SECRET + "\n", p["name"])], SECRET
        if kind == "bool":
            return ([flag], True) if "default" in p else ([flag, "no"], False)
        if kind == "ms":
            return [flag, "20s"] if p["min"] <= 20000 else [flag, "2min"], 20000 if p["min"] <= 20000 else 120000
        if kind == "int":
            return [flag, str(p["max"])], p["max"]
        if kind == "enum":
            return [flag, p["values"][-1]], p["values"][-1]
        if kind == "kinds":
            return [flag, "message.new,contact.state"], ["message.new", "contact.state"]
        if kind == "confirm":
            return ["--confirm", p["word"]], p["word"]
        if kind == "path":
            return [flag, "/tmp/x"], "/tmp/x"
        if kind == "Id":
            return [flag, ID], ID
        if kind == "Hash":
            return [flag, "0x" + "ab" * 32], "0x" + "ab" * 32
        return [flag, "w\u00f6rd"], "w\u00f6rd"

    def test_every_verb(self):
        self.node.answers["sotto_eventList"] = {"events": [], "cursor": "e0", "oldest": "e0"}
        for m in METHODS:
            if m["name"] == "node doctor":
                self.node.answers[camel(m["name"])] = []
            words = m["name"].split(" ")
            want = {}
            taken = m.get("oneOf", [])[1:]
            for p in m["params"]:
                if p["name"] in taken:
                    continue
                flags, want[p["name"]] = self.value(p)
                words += flags
            if m.get("word") and "--confirm" not in words:
                words += ["--confirm", m["word"]]
            if m["write"]:
                words += ["--request-key", "0123456789abcdef"]
                want["requestKey"] = "0123456789abcdef"
            with self.subTest(m["name"]):
                code, out, err = self.sotto("--no-input", "--json", *words)
                self.assertEqual((code, err), (0, ""))
                self.assertEqual(self.node.params_of(camel(m["name"]))[-1], want)
                json.loads(out)

    def test_positional(self):
        self.node.answers["sotto_eventList"] = {"events": [], "cursor": "e0", "oldest": "e0"}
        for m in METHODS:
            if not m["positional"]:
                continue
            words = m["name"].split(" ")
            want = {}
            for p in m["params"]:
                flags, value = self.value(p)
                if p["name"] in m["positional"]:
                    words.append(flags[1])
                elif p["type"] == "secret" or not p["optional"] and "default" not in p and p["name"] not in m.get("oneOf", []):
                    words += flags
                else:
                    continue
                want[p["name"]] = value
            if m.get("word") and "--confirm" not in words:
                words += ["--confirm", m["word"]]
            with self.subTest(m["name"]):
                code, _, err = self.sotto("--no-input", "--json", *words)
                self.assertEqual((code, err), (0, ""))
                self.assertEqual(self.node.params_of(camel(m["name"]))[-1], want)

    def test_help_of_every_verb(self):
        for m in METHODS:
            out = self.ok("help", *m["name"].split(" "))
            self.assertIn(m["help"][1:], out)
            for p in m["params"]:
                self.assertIn("--" + flag_of(p), out)
            self.assertEqual(out, self.ok(*m["name"].split(" "), "--help"))
        self.assertEqual(self.node.seen, [])
        self.assertIn("sotto OBJECT VERB", self.ok("--help"))
        self.assertIn("message.new", self.ok("help", "watch"))
        self.assertRegex(self.ok("--version"), r"^sotto \d+\.\d+\.\d+\n$")


class Errors(Case):
    def test_every_code(self):
        for e in ERRORS:
            self.node.answers["sotto_nodeStatus"] = lambda params, c=e["code"]: (_ for _ in ()).throw(Refuse(c, retryMs=5))
            with self.subTest(e["name"]):
                code, out, err = self.sotto("status")
                self.assertEqual((code, out, err), (e["exit"], "", "what why todo (%d)\n" % e["code"]))
                code, out, err = self.sotto("status", "--json")
                self.assertEqual((code, out), (e["exit"], ""))
                self.assertEqual(err.count("\n"), 1)
                self.assertEqual(json.loads(err), Refuse(e["code"], retryMs=5).object())

    def test_exit_table(self):
        """The classes of the design, spot by spot."""
        table = {e["code"]: e["exit"] for e in ERRORS}
        for code, want in {1002: 5, 1301: 5, 1105: 4, 1106: 4, 1102: 4, 2001: 3, 1305: 9, 1307: 9, 1407: 9, 1406: 9, 2101: 10, 2105: 10, 1009: 6,
                           1403: 6, 1004: 7, 1502: 7, -32602: 2, 1000: 1}.items():
            self.assertEqual(table[code], want, code)

    def test_no_node(self):
        for words in (["--socket", self.dir + "/none"], ["--data", self.dir + "/nowhere"]):
            done = subprocess.run([PROGRAM, *words, "status"], capture_output=True, env=self.env())
            self.assertEqual((done.returncode, done.stdout), (3, b""))
            self.assertIn(b"(2001)", done.stderr)
            done = subprocess.run([PROGRAM, *words, "status", "--json"], capture_output=True, env=self.env())
            self.assertEqual(json.loads(done.stderr)["code"], 2001)
        done = subprocess.run([PROGRAM, "--socket", "/" + "x" * 120, "status"], capture_output=True, env=self.env())
        self.assertEqual(done.returncode, 10)

    def test_no_node_names_the_data(self):
        data = self.dir + "/nowhere"
        for words in (["status"], ["doctor"]):
            done = subprocess.run([PROGRAM, "--data", data, *words], capture_output=True, env=self.env())
            self.assertIn("Start it: sottod --data %s." % data, (done.stdout + done.stderr).decode())

    def test_result_that_did_not_arrive(self):
        for words in (["status"], ["status", "--json"], ["help"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([PROGRAM, "--socket", self.node.path, *words], stdout=full, stderr=subprocess.PIPE, env=self.env())
            self.assertEqual(done.returncode, 1, words)
            self.assertIn(b"1606", done.stderr)

    def test_missing_file_is_a_sentence(self):
        code, out, err = self.sotto("account", "create", "--name", "A", "--passphrase-file", self.dir + "/none", "--no-input")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("cannot be read or written. No such file or directory. Look at", err)

    def test_bounds_in_own_words(self):
        for words, says in ((["send", "bob", "x", "--life", "1s"], "--life is from 1 min to 30 d."), (["read", "bob", "--limit", "201"], "--limit is from 1 to 200.")):
            self.assertEqual(self.sotto(*words), (2, "", says + "\n"))
        self.assertIn("or --backup FILE", self.sotto("account", "restore", "--no-input")[2])
        self.assertEqual(self.node.seen, [])

    def test_data_and_places(self):
        for words, env in ((["--data", self.dir], {}), ([], {"XDG_RUNTIME_DIR": self.dir}), ([], {"SOTTO_DATA_DIR": self.dir}), ([], {"XDG_DATA_HOME": self.dir}),
                           ([], {"SOTTO_DATA_SOCKET": self.node.path})):
            if "XDG_RUNTIME_DIR" in env or "XDG_DATA_HOME" in env:
                os.makedirs(self.dir + "/sotto", exist_ok=True)
                if not os.path.islink(self.dir + "/sotto/sotto.sock"):
                    os.symlink(self.node.path, self.dir + "/sotto/sotto.sock")
            done = subprocess.run([PROGRAM, *words, "event", "now", "--json"], capture_output=True, env=self.env(**env))
            self.assertEqual((done.returncode, done.stdout), (0, b'{"cursor":"e0"}\n'), (words, env, done.stderr))

    def test_node_dies(self):
        def die(params):
            self.node.drop_connections()
            return True
        self.node.answers["sotto_nodeStatus"] = die
        code, out, err = self.sotto("status")
        self.assertEqual((code, out), (3, ""))
        self.assertIn("(2001)", err)

    def test_usage(self):
        wrong = [["statsu"], ["contact"], ["contact", "ad", "x"], ["contact", "add"], ["contact", "add", "a", "b"], ["contact", "add", "a", "--alais", "b"],
                 ["contact", "add", "a", "--alias"], ["contact", "add", "a", "--link", "b"], ["contact", "list", "--state", "friend"],
                 ["contact", "list", "--limit", "many"], ["job", "wait", "j", "--for", "30"], ["job", "wait", "j", "--for", "30 parsecs"],
                 ["job", "wait", "j", "--for", "99999999999999999999d"], ["event", "list", "--kinds", "message.old"], ["event", "list", "--kinds", ","],
                 ["contact", "set", "bob", "--receipts", "maybe"], ["contact", "set", "bob", "--receipts"], ["node", "stop", "--now=1"], ["--data"],
                 ["--bogus"], ["status", "--bogus"], ["status", "extra"], ["status", "--request-key", "0123456789abcdef"], ["status", "--confirm", "X"],
                 ["watch", "message.old"], ["account", "create", "--name", "A", "--passphrase", "secret"], ["contact", "add", b"\xff\xfe"],
                 ["help", "nothing"], ["--json"], ["vault", "wipe", "keys", "--confirm", "wipe"]]
        for words in wrong:
            with self.subTest(words):
                done = subprocess.run([PROGRAM, "--socket", self.node.path, "--no-input", *words], capture_output=True, env=self.env())
                self.assertEqual((done.returncode, done.stdout), (2, b""), done.stderr)
                self.assertEqual(done.stderr.count(b"\n"), 1)
        self.assertEqual([m for m, _ in self.node.seen], [])
        self.assertIn("did you mean --alias", self.sotto("contact", "add", "a", "--alais", "b")[2])
        self.assertIn("did you mean status", self.sotto("statsu")[2])
        self.assertIn("did you mean accept", self.sotto("contact", "acept")[2])


class Output(Case):
    def test_json_is_exact(self):
        result = {"items": [{"z": 1, "a": [None, True, 12345678901234567, "\u00e9\u202e\u0007 \"\\"], "e": {}}]}
        self.node.answers["sotto_contactList"] = result
        out = self.ok("contact", "list", "--json")
        self.assertEqual(out.count("\n"), 1)
        self.assertEqual(json.loads(out), result)
        self.assertLess(out.index('"z"'), out.index('"a"'))

    def test_large(self):
        self.node.answers["sotto_chatExport"] = {"text": "x" * (12 << 20)}
        self.assertEqual(len(json.loads(self.ok("chat", "export", "bob", "--format", "json", "--json"))["text"]), 12 << 20)

    def test_text_is_clean(self):
        evil = "\u001b[2Jred\u202eevil\r\nnext\u0085\u200b\t\u2066"
        self.node.answers["sotto_contactList"] = {"items": [{"id": ID, "alias": evil, "state": "incoming", "note": evil}]}
        self.node.answers["sotto_messageList"] = {"items": [{"message": "m1", "chat": ID, "from": ID, "own": False, "ms": 1700000000000, "kind": "text",
                                                             "text": evil, "number": 1, "state": "received", "states": []}]}
        for words in (["contact", "list"], ["message", "list", "bob"], ["message", "list", "bob", "--plain"]):
            out = self.ok(*words)
            for c in "\u001b\u202e\u0085\u200b\u2066\r\u0007":
                self.assertNotIn(c, out)
            self.assertIn("<U+202E>evil", out)
        self.assertEqual(self.ok("message", "list", "bob", "--plain").count("\n"), 1)

    def test_message_words(self):
        def message(state, **more):
            return {"message": "m1", "chat": ID, "from": "0x1", "own": True, "ms": 1700000000000, "kind": "text", "text": "eight", "number": 2,
                    "state": state, "states": [{"state": state, "ms": 1700000060000}], **more}
        want = {"queued": "waiting for network", "working": "preparing", "sent": "\u2713 a relay took it", "delivered": "\u2713\u2713 on their device 14 Nov 2023 22:14",
                "read": "\u2713\u2713 read", "expired": "nobody collected it", "failed": "! failed", "cancelled": "cancelled"}
        for state, words in want.items():
            self.node.answers["sotto_messageSend"] = message(state)
            self.assertIn(words, self.ok("send", "bob", "eight"))
        self.node.answers["sotto_messageSend"] = message("held", heldUntilMs=1700000000000)
        self.assertIn("held until 14 Nov 2023 22:13 by a mailbox", self.ok("send", "bob", "eight"))
        self.node.answers["sotto_messageList"] = {"items": [message("received", gapBefore=2, own=False)]}
        self.node.answers["sotto_contactList"] = {"items": [{"id": "0x1", "alias": "bob", "state": "mutual"}]}
        out = self.ok("read", "bob")
        self.assertIn("2 before this have not arrived yet", out)
        self.assertIn("bob  eight", out)
        self.assertEqual(self.node.params_of("sotto_chatRead"), [{"chat": "bob", "upTo": "m1"}])

    def test_peers(self):
        link = {"state": "up", "roles": ["flood"], "roundTripMs": 12.34, "small": {"bytesIn": 512, "bytesOut": 2048}, "large": {"bytesIn": 3 << 20, "bytesOut": 0}, "cellsOut": 9,
                "cellsAcked": 7, "channels": [{"channel": "control", "bytesIn": 100, "bytesOut": 90, "waiting": 0}, {"channel": "relay", "bytesIn": 5000, "bytesOut": 0, "waiting": 70},
                                              {"channel": "sync", "bytesIn": 0, "bytesOut": 0, "waiting": 0}]}
        peer = {"peer": "p1", "enode": "enode://x", "inbound": False, "static": True, "state": "up", "client": "sotto/1", "sinceMs": 0, "bytesIn": 1, "bytesOut": 1, "score": 0}
        self.node.answers["sotto_networkPeers"] = {"items": [{**peer, "capabilities": ["shh/6", "sotto/1"], "link": link}, {**peer, "peer": "p2", "capabilities": ["shh/6"], "link": None}]}
        head, first, second = self.ok("network", "peers").splitlines()
        self.assertIn("round trip", head)
        for part in ("shh/6 sotto/1", "12.3 ms", "512 B / 2 KiB", "3.0 MiB / 0 B", "control 100 B / 90 B \u00b7 relay 4 KiB / 0 B, waiting 70 B"):
            self.assertIn(part, first)
        self.assertNotIn("sync", first)
        self.assertIn("shh/6", second)
        self.assertNotIn(" ms", second)

    def test_sentences(self):
        self.node.answers["sotto_nodeStatus"] = {"version": "0.1", "network": "test-1", "peers": 1, "peer": "enode://x", "doors": {"socket": "/x"}, "height": None,
                                                 "parts": {"relay": {"state": "up", "since": 1, "text": "2 first hops"}}}
        out = self.ok("status")
        self.assertIn('network "test-1" \u00b7 1 peer\n', out)
        self.assertIn("relay     up        2 first hops", out)
        self.node.answers["sotto_contactAdd"] = {"id": ID, "alias": "bob", "state": "requested"}
        self.assertIn("bob  asked; waiting for their answer", self.ok("add", "sotto:0x1"))
        self.assertIn("sotto add LINK", self.ok("contact", "list"))
        self.node.answers["sotto_messageList"] = {"items": []}
        self.assertEqual(self.ok("message", "list", "bob"), "Nothing written yet.\n")
        self.node.answers["sotto_accountLink"] = {"link": "sotto:0x1?c=x"}
        self.assertEqual(self.ok("account", "link"), "sotto:0x1?c=x\n")
        self.node.answers["sotto_relayStats"] = {"envelopes": {"accepted": 9, "lowWork": 0}, "forwarded": 3}
        self.assertIn("accepted 9", self.ok("relay", "stats"))
        self.assertEqual(self.ok("node", "stop"), "done\n")
        self.assertEqual(self.ok("node", "stop", "--quiet"), "")

    def test_own_forms(self):
        """Results that a table of keys and values would make hard to read."""
        self.node.answers.update({
            "sotto_nodeHealth": {"ok": False, "parts": {"relay": {"state": "down", "since": 1, "text": "no first hop"}}},
            "sotto_vaultUnlock": {"unlockedMs": 1700000000000},
            "sotto_chatExport": {"messages": 2, "format": "text", "text": "one \x1b[2J\ntwo\n"},
            "sotto_chatGet": {"chat": ID, "title": "bob", "timerMs": 0, "unread": 0,
                              "last": {"message": "m1", "own": True, "ms": 1700000000000, "kind": "text", "text": "hi", "state": "queued", "states": []}},
            "sotto_contactSafety": {"words": ["one", "two"], "digits": "123", "sentence": "No record."},
            "sotto_configSet": {"key": "relay.receipt", "value": "1s", "source": "flag", "needsRestart": False},
            "sotto_configUnset": {"key": "network.port", "value": "0", "source": "default", "needsRestart": True},
        })
        self.assertEqual(self.sotto("node", "health"), (1, "Not every part works.\nrelay     down      no first hop\n", ""))
        self.assertEqual(self.ok("vault", "unlock", "--passphrase-file", self.file("p")), "The account is open.\n")
        self.assertEqual(self.ok("chat", "export", "bob", "--format", "text"), "one [2J\ntwo\n")
        out = self.ok("chat", "get", "bob")
        self.assertIn("timerMs  -\n", out)
        self.assertIn("  me  hi   [waiting for network]\n", out)
        self.assertTrue(self.ok("contact", "safety", "bob").startswith("one two\n123\n"))
        self.assertIn("Stored, but the value above stays in force: its source (flag)", self.ok("config", "set", "relay.receipt", "2s"))
        self.assertIn("It holds from the next start of the node.", self.ok("config", "unset", "network.port"))

    def test_whose_note(self):
        for state, says in (("requested", 'you wrote: "hi"'), ("incoming", '"hi"'), ("mutual", None)):
            self.node.answers["sotto_contactGet"] = {"id": ID, "alias": "bob", "state": state, "note": "hi"}
            out = self.ok("contact", "get", "bob")
            if says:
                self.assertIn("  %s\n" % says, out)
            else:
                self.assertNotIn("hi", out)

    def test_values(self):
        for text, ms in (("0", 0), ("500ms", 500), ("30s", 30000), ("5min", 300000), ("5m", 300000), ("12h", 43200000), ("14d", 1209600000), ("2w", 1209600000)):
            self.ok("contact", "set", "bob", "--timer", text, "--json")
            self.assertEqual(self.node.params_of("sotto_contactSet")[-1]["timerMs"], ms)
        self.ok("send", "bob", "--text-file", "-", "--json", stdin="one\ntwo\n")
        self.assertEqual(self.node.params_of("sotto_messageSend")[-1], {"chat": "bob", "text": "one\ntwo"})
        self.ok("send", "--json", "--", "bob", "--json is a flag")
        self.assertEqual(self.node.params_of("sotto_messageSend")[-1], {"chat": "bob", "text": "--json is a flag"})
        self.ok("send", "bob", "--text=--x", "--json")
        self.assertEqual(self.node.params_of("sotto_messageSend")[-1]["text"], "--x")
        self.node.answers["sotto_backupCreate"] = {"bytes": 1}
        done = subprocess.run([PROGRAM, "--socket", self.node.path, "backup", "create", "b.bak", "--passphrase-file", self.file("x"), "--json"], cwd=self.dir,
                              capture_output=True, env=self.env())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.node.params_of("sotto_backupCreate")[-1]["path"], os.path.realpath(self.dir) + "/b.bak")
        self.assertEqual(self.sotto("send", "bob", "--text-file", self.dir + "/none")[0], 1)

    def test_account_flag(self):
        self.node.answers["sotto_accountList"] = {"items": [{"id": ID, "name": "Alice"}]}
        self.node.answers["sotto_accountShow"] = {"id": ID, "name": "Alice"}
        self.ok("--account", "Alice", "account", "link", "--json")
        self.assertEqual(self.node.params_of("sotto_accountLink")[-1], {"account": ID})
        self.ok("--account", ID.lower(), "contact", "list", "--json")
        self.assertEqual(self.sotto("--account", "0x" + "1" * 40, "contact", "list")[0], 2)
        self.assertEqual(self.sotto("--account", "Carol", "contact", "list")[0], 5)
        self.assertEqual(len(self.node.params_of("sotto_contactList")), 1)

    def test_log(self):
        self.node.answers["sotto_logTail"] = [{"ms": 1763729417042, "level": "info", "area": "p2p", "event": "peer-up", "peers": 3, "client": "a\u202eb", "ok": True}]
        self.assertEqual(self.ok("log", "tail", "p2p", "--level", "warn", "--utc"), "12:50:17.042 info  p2p peer-up peers=3 client=a<U+202E>b ok=true\n")
        self.assertEqual(self.node.params_of("sotto_logTail")[-1], {"area": "p2p", "level": "warn"})
        self.node.answers["sotto_logTail"] = []
        self.assertEqual(self.ok("log", "tail"), "No such line is kept.\n")
        self.node.answers["sotto_logLevel"] = {"all": "info", "p2p": "debug"}
        self.assertEqual(self.ok("log", "level", "p2p", "debug"), "all  info\np2p  debug\n")
        self.assertEqual(self.sotto("log", "level", "p2p", "loud")[0], 2)

    def test_metrics(self):
        self.node.answers["sotto_metricList"] = [
            {"name": "sotto_up", "type": "gauge", "help": "h", "samples": [{"value": 1}]}, {"name": "sotto_none", "type": "gauge", "help": "h", "samples": []},
            {"name": "sotto_peers", "type": "gauge", "help": "h", "samples": [{"labels": {"direction": "in", "cap": "shh"}, "value": 3}, {"labels": {"cap": "x"}, "value": 0.5}]},
            {"name": "sotto_rpc_seconds", "type": "histogram", "help": "h", "samples": [{"labels": {"method": "m"}, "count": 4, "sum": 1.0, "buckets": [{"le": "+Inf", "count": 4}]}]}]
        self.assertEqual(self.ok("metric", "list"), "sotto_up 1\nsotto_peers{direction=in,cap=shh} 3\nsotto_peers{cap=x} 0.5\n"
                                                    "sotto_rpc_seconds{method=m} 4 times, mean 0.250000 s\n")

    def test_doctor(self):
        self.node.answers["sotto_nodeDoctor"] = [{"id": "disk", "result": "ok", "what": "Room."}]
        self.assertIn("ok    disk      Room.", self.ok("doctor"))
        self.node.answers["sotto_nodeDoctor"] = [{"id": "disk", "result": "warn", "what": "Little."}]
        self.assertEqual(self.sotto("doctor")[0], 1)
        self.node.answers["sotto_nodeDoctor"] = [{"id": "disk", "result": "fail", "what": "None."}]
        self.assertEqual(self.sotto("doctor", "--json")[0], 10)
        done = subprocess.run([PROGRAM, "--data", self.dir + "/none", "doctor", "--json"], capture_output=True, env=self.env())
        self.assertEqual(done.returncode, 10)
        self.assertEqual(json.loads(done.stdout)[0]["id"], "node")


class Secrets(Case):
    def test_forms(self):
        self.node.answers["sotto_accountCreate"] = {"account": ID, "phraseShown": False}
        for text, want in ((SECRET, SECRET), (SECRET + "\n", SECRET), (SECRET + "\n\n", SECRET + "\n"), ("", ""), ("a\r\n", "a")):
            self.ok("account", "create", "--name", "Alice", "--passphrase-file", self.file(text), "--no-input", "--json")
            self.assertEqual(self.node.params_of("sotto_accountCreate")[-1], {"name": "Alice", "passphrase": want})
        r, w = os.pipe()
        os.write(w, b"by fd\n")
        os.close(w)
        done = subprocess.run([PROGRAM, "--socket", self.node.path, "account", "create", "--name", "A", "--passphrase-fd", str(r), "--json"], pass_fds=[r],
                              capture_output=True, env=self.env())
        os.close(r)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.node.params_of("sotto_accountCreate")[-1]["passphrase"], "by fd")
        self.ok("account", "create", "--name", "A", "--passphrase-file", "-", "--json", stdin="by stdin\n")
        self.assertEqual(self.node.params_of("sotto_accountCreate")[-1]["passphrase"], "by stdin")

    def test_refused(self):
        count = len(self.node.seen)
        for words in (["--passphrase", "x"], ["--passphrase=x"], [], ["--passphrase-fd", "99"], ["--passphrase-fd", "x"], ["--passphrase-file", self.dir + "/none"],
                      ["--passphrase-file", self.file("a\0b")], ["--passphrase-file", self.file("x" * 2000)]):
            code, out, err = self.sotto("account", "create", "--name", "Alice", "--no-input", *words)
            self.assertIn(code, (1, 2), words)
            self.assertEqual(out, "")
        self.assertEqual(len(self.node.seen), count)
        code, _, err = self.sotto("account", "create", "--name", "Alice", "--passphrase", "hunter2", "--json")
        self.assertNotIn("hunter2", err)

    def test_restore(self):
        self.node.answers["sotto_accountRestore"] = {"account": ID}
        self.assertEqual(self.sotto("account", "restore", "--no-input")[0], 2)
        self.assertEqual(self.sotto("account", "restore", "--no-input", "--phrase-file", self.file("a b"))[0], 2)
        self.ok("account", "restore", "--no-input", "--phrase-file", self.file("a b\n", "p"), "--passphrase-file", self.file(""), "--name", "Alice", "--json")
        self.assertEqual(self.node.params_of("sotto_accountRestore")[-1], {"phrase": "a b", "passphrase": "", "name": "Alice"})


class Jobs(Case):
    def setUp(self):
        super().setUp()
        self.node.answers["sotto_backupCreate"] = {"job": "j7"}
        self.words = ["backup", "create", "/x", "--passphrase-file", self.file("p")]

    def test_waits(self):
        states = [{"job": "j7", "state": "running", "step": "sealing", "done": 1, "total": 2}, Refuse(1004, job="j7"),
                  {"job": "j7", "state": "done", "result": {"bytes": 5, "items": 2, "hash": "0x1"}}]

        def wait(params):
            value = states.pop(0)
            if isinstance(value, Refuse):
                raise value
            return value
        self.node.answers["sotto_jobWait"] = wait
        self.assertEqual(json.loads(self.ok(*self.words, "--json")), {"bytes": 5, "items": 2, "hash": "0x1"})
        self.assertEqual(self.node.params_of("sotto_jobWait")[0]["job"], "j7")

    def test_no_wait(self):
        self.assertEqual(json.loads(self.ok(*self.words, "--json", "--no-wait")), {"job": "j7"})
        self.assertEqual(self.node.params_of("sotto_jobWait"), [])

    def test_fails(self):
        self.node.answers["sotto_jobWait"] = {"job": "j7", "state": "failed", "error": Refuse(1203, job="j7").object()}
        code, out, err = self.sotto(*self.words, "--json")
        self.assertEqual((code, out), (10, ""))
        self.assertEqual(json.loads(err)["code"], 1203)
        self.node.answers["sotto_jobWait"] = {"job": "j7", "state": "cancelled"}
        self.assertEqual(self.sotto(*self.words)[0], 6)

    def test_interrupted(self):
        self.node.answers["sotto_jobWait"] = lambda params: time.sleep(15) or {"job": "j7", "state": "running"}
        p = subprocess.Popen([PROGRAM, "--socket", self.node.path, *self.words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env())
        self.node.wait_for("sotto_jobWait")
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=20)
        self.assertEqual((p.returncode, out), (130, b""))
        self.assertIn(b"job j7", err)


class Confirm(Case):
    def test_needs_the_word(self):
        self.node.answers["sotto_contactRemove"] = {"id": ID, "alias": "bob", "state": "ended"}
        for words in (["contact", "remove", "bob"], ["chat", "clear", "bob"], ["chat", "end", "bob"], ["message", "remove", "m1"], ["vault", "wipe", "all"]):
            code, out, err = self.sotto(*words)
            self.assertEqual((code, out), (2, ""))
            self.assertIn("--confirm", err)
            self.assertEqual(self.sotto(*words, "--confirm", "YES")[0], 2)
        self.assertEqual(self.node.seen, [])
        self.ok("contact", "remove", "bob", "--confirm", "REMOVE", "--json")
        self.assertEqual(self.node.params_of("sotto_contactRemove"), [{"contact": "bob"}])
        self.ok("vault", "wipe", "all", "--confirm", "WIPE", "--json")
        self.assertEqual(self.node.params_of("sotto_vaultWipe"), [{"level": "all", "confirm": "WIPE"}])


class Watch(Case):
    def test_watch(self):
        p = subprocess.Popen([PROGRAM, "--socket", self.node.path, "watch", "message.new", "--from", "e0"], stdout=subprocess.PIPE, env=self.env())
        self.node.push("message.new", {"text": "one"})
        self.node.push("node.peer", {"peer": "x"})
        self.node.push("message.new", {"text": "two"})
        lines = [json.loads(p.stdout.readline()) for _ in range(2)]
        self.assertEqual([x["data"]["text"] for x in lines], ["one", "two"])
        self.node.wait_for("sotto_eventList", 2)
        p.send_signal(signal.SIGINT)
        rest = p.stdout.read()
        p.stdout.close()
        self.assertEqual(p.wait(20), 130)
        self.assertEqual(json.loads(rest), {"cursor": "e3"})

    def test_for(self):
        self.node.push("message.new", {"text": "before"})
        out = self.ok("watch", "--for", "100ms")
        self.assertEqual(out, '{"cursor":"e1"}\n')
        out = self.ok("watch", "--from=e0", "--for", "100ms").splitlines()
        self.assertEqual(json.loads(out[0])["data"]["text"], "before")

    def test_refused_cursor(self):
        """What the node refused is not handed out as the place to go on from."""
        def gone(params):
            raise Refuse(1008)
        self.node.answers["sotto_eventList"] = gone
        code, out, err = self.sotto("watch", "--from", "e0")
        self.assertEqual((code, out), (7, ""))
        self.assertIn("(1008)", err)


class Speed(Case):
    def test_status(self):
        times = []
        for _ in range(21):
            before = time.monotonic()
            self.ok("status", "--json")
            times.append(time.monotonic() - before)
        times.sort()
        print("sotto status, with the fake node: median %.1f ms" % (times[10] * 1000), file=sys.stderr)
        self.assertLess(times[10], 0.5)


if __name__ == "__main__":
    main()
