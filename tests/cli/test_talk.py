#!/usr/bin/env python3
"""With a person: prompts on a terminal, and the line chat on a terminal and under a pipe. test_talk.py PROGRAM [unittest arguments]"""
import os
import pty
import select
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_case import ID, PROGRAM, SECRET, Case, main  # noqa: E402
from fake_node import Refuse  # noqa: E402


class Terminal(Case):
    """With a person at a terminal: a pty, and what it showed."""

    def spawn(self, *words, **env):
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(PROGRAM, [PROGRAM, "--socket", self.node.path, *words], self.env(TERM="xterm", **env))
        self.pid, self.fd, self.screen = pid, fd, b""

    def expect(self, text, seconds=20):
        end = time.monotonic() + seconds
        at = text.encode()
        while at not in self.screen:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            try:
                data = os.read(self.fd, 65536) if ready else b""
            except OSError:
                data = b""
            if not data:
                self.fail("%r is not in %r" % (text, self.screen))
            self.screen += data
        self.screen = self.screen[self.screen.index(at) + len(at):]

    def type(self, text):
        os.write(self.fd, text.encode())

    def ends(self, status, seconds=20):
        end = time.monotonic() + seconds
        shown = self.screen
        while time.monotonic() < end:
            ready, _, _ = select.select([self.fd], [], [], 0.1)
            if ready:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    data = b""
                if not data:
                    break
                shown += data
        _, got = os.waitpid(self.pid, 0)
        os.close(self.fd)
        self.assertEqual(os.waitstatus_to_exitcode(got), status, shown)
        return shown.decode()

    def test_prompts(self):
        self.node.answers["sotto_accountCreate"] = {"account": ID, "phraseShown": False}
        self.spawn("account", "create", "--json")
        self.expect("Name (only contacts see it): ")
        self.type("Alice\n")
        self.expect("read your messages): ")
        with open("/proc/%d/cmdline" % self.pid, "rb") as f:
            self.assertNotIn(SECRET.encode(), f.read())
        self.type(SECRET + "\n")
        self.expect("once more: ")
        self.type("another\n")
        self.expect("They differ. Again.")
        self.expect("read your messages): ")
        self.type(SECRET + "\n")
        self.expect("once more: ")
        self.type(SECRET + "\n")
        shown = self.ends(0)
        self.assertNotIn("horse", shown + self.screen.decode())
        self.assertEqual(self.node.params_of("sotto_accountCreate"), [{"name": "Alice", "passphrase": SECRET}])

    def test_order_of_secrets(self):
        self.spawn("account", "passphrase", "--json")
        self.expect("Passphrase: ")
        self.type("old\n")
        self.expect("New passphrase: ")
        self.type("new\n")
        self.expect("once more: ")
        self.type("new\n")
        self.ends(0)
        self.assertEqual(self.node.params_of("sotto_accountPassphrase"), [{"passphrase": "old", "new": "new"}])

    def test_no_input_never_asks(self):
        self.spawn("--no-input", "vault", "unlock")
        self.assertIn("--passphrase-file", self.ends(2))
        self.assertEqual(self.node.seen, [])

    def test_ctrl_c_restores_echo(self):
        self.spawn("vault", "unlock")
        self.expect("Passphrase: ")
        self.type("half\x03")
        self.ends(130)
        self.assertEqual(self.node.seen, [])

    def test_confirm(self):
        self.spawn("chat", "clear", "bob")
        self.expect("This will go: All messages")
        self.expect("Type CLEAR to go on: ")
        self.type("clear\n")
        self.assertIn("Nothing was changed.", self.ends(2))
        self.assertEqual(self.node.seen, [])
        self.spawn("chat", "clear", "bob", "--json")
        self.expect("Type CLEAR to go on: ")
        self.type("CLEAR\n")
        self.ends(0)
        self.assertEqual(self.node.params_of("sotto_chatClear"), [{"chat": "bob"}])

    def test_progress(self):
        states = [{"job": "j7", "state": "running", "step": "sealing", "done": 1, "total": 2}, {"job": "j7", "state": "done", "result": {"bytes": 5}}]
        self.node.answers["sotto_backupCreate"] = {"job": "j7"}
        self.node.answers["sotto_jobWait"] = lambda params: states.pop(0)
        self.spawn("backup", "create", "/x", "--passphrase-file", self.file("p"))
        self.expect("sealing  1 / 2")
        self.expect("Ctrl+C leaves it running")
        self.assertIn("bytes  5", self.ends(0))

    def test_chat(self):
        """The first minute, on a terminal: create, then leave."""
        accounts = []

        def create(params):
            accounts.append({"id": ID, "name": params["name"], "locked": False})
            return {"account": ID, "phraseShown": False}

        def show(params):
            if not accounts:
                raise Refuse(1201)
            return accounts[0]
        self.node.answers.update({"sotto_accountCreate": create, "sotto_accountShow": show, "sotto_accountPhrase": ["word%d" % i for i in range(1, 25)]})
        self.spawn()
        self.expect("1 create one   2 restore")
        self.expect("2 = restore): ")
        self.type("Alice\n")
        self.expect("read your messages): ")
        self.type("\n")
        self.expect("Show them now? [y/N] ")
        self.type("y\n")
        self.expect("24 word24")
        self.expect("No contacts yet. /add LINK adds one")
        self.type("/quit\n")
        self.ends(0)
        self.assertEqual(self.node.params_of("sotto_accountPhrase"), [{"passphrase": ""}])

    def test_chat_locked(self):
        def unlock(params):
            if params["passphrase"] != SECRET:
                raise Refuse(1106)
            return {"unlockedMs": 1}
        self.node.answers.update({"sotto_accountShow": {"id": ID, "name": "Alice", "locked": True}, "sotto_vaultUnlock": unlock})
        self.spawn()
        self.expect("The account is locked. Passphrase: ")
        self.type("wrong\n")
        self.expect("(1106)")
        self.expect("Passphrase: ")
        self.type(SECRET + "\n")
        self.expect("/help shows")
        self.type("\x04")
        self.ends(0)


class Pipe(Case):
    """The line chat under a pipe."""

    def setUp(self):
        super().setUp()
        self.node.answers.update({
            "sotto_accountShow": {"id": ID, "name": "Alice", "locked": False},
            "sotto_contactList": {"items": [{"id": "0xb0b", "alias": "bob", "state": "mutual"}, {"id": "0xca401", "alias": "", "state": "incoming", "note": "It is Carol"}]},
            "sotto_contactGet": lambda p: {"id": {"bob": "0xb0b"}.get(p["contact"], p["contact"]), "alias": "bob", "state": "mutual"},
            "sotto_messageSend": lambda p: {"message": "m9", "chat": p["chat"], "own": True, "ms": 1700000000000, "text": p["text"], "state": "queued", "states": [],
                                            "kind": "text"},
        })

    def start(self, *words):
        self.p = subprocess.Popen([PROGRAM, "--socket", self.node.path, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  env=self.env(), start_new_session=True)
        self.shown = b""

    def expect(self, text, seconds=20):
        end = time.monotonic() + seconds
        while text.encode() not in self.shown:
            ready, _, _ = select.select([self.p.stdout], [], [], max(0, end - time.monotonic()))
            data = os.read(self.p.stdout.fileno(), 65536) if ready else b""
            if not data:
                self.fail("%r is not in %s" % (text, self.shown.decode()))
            self.shown += data

    def type(self, text):
        self.p.stdin.write(text.encode())
        self.p.stdin.flush()

    def end(self, status=0):
        self.p.stdin.close()
        self.shown += self.p.stdout.read()
        self.p.stdout.close()
        self.assertEqual(self.p.wait(20), status, self.shown.decode())
        return self.shown.decode()

    def test_talk(self):
        self.start("--plain")
        self.expect("0xca401  asks to be your contact")
        self.expect('"It is Carol"')
        self.type("to nobody\n")
        self.expect("To whom?")
        self.type("@bob Is the kettle on?\n")
        self.expect("me to bob  Is the kettle on?   [waiting for network]")
        self.type("and plain\n//slash\n")
        self.node.wait_for("sotto_messageSend", 3)
        self.assertEqual([p for p in self.node.params_of("sotto_messageSend")],
                         [{"chat": "0xb0b", "text": t} for t in ("Is the kettle on?", "and plain", "/slash")])
        message = {"message": "m20", "chat": "0xb0b", "from": "0xb0b", "own": False, "ms": 1700000000000, "kind": "text", "text": "Two \u001b[31msugars\u202e?\nyes",
                   "number": 3, "state": "received", "states": []}
        self.node.push("message.new", message)
        self.expect("bob  Two [31msugars<U+202E>? / yes")
        self.node.wait_for("sotto_chatRead")
        self.node.push("message.state", {"message": "m9", "chat": "0xb0b", "own": True, "text": "Is the kettle on?", "state": "delivered",
                                         "states": [{"state": "delivered", "ms": 1700000060000}]})
        self.expect("bob: \u2713\u2713 on their device 14 Nov 2023 22:14  (/slash)")
        self.node.push("message.gap", {"chat": "0xb0b", "number": 58})
        self.expect("message 58 of bob has not arrived yet; asked for again")
        self.node.push("contact.request", {"contact": {"id": "0xda3e", "alias": "", "state": "incoming", "note": "hello"}})
        self.expect("/accept 0xda3e")
        self.node.push("contact.state", {"contact": {"id": "0xb0b", "alias": "bob", "state": "mutual"}, "before": "accepted", "after": "mutual"})
        self.expect("bob  is your contact")
        self.node.push("contact.state", {"contact": {"id": "0xb0b", "alias": "bob", "state": "mutual"}, "before": "accepted", "after": "mutual"})
        self.node.push("message.gap", {"chat": "0xb0b", "number": 59})
        self.expect("message 59")
        self.assertEqual(self.shown.decode().count("bob  is your contact"), 1)       # the same news is told once
        self.type("/quit\n")
        self.end()

    def test_commands(self):
        self.node.answers.update({"sotto_contactAdd": {"id": "0x1", "alias": "", "state": "requested"}, "sotto_accountLink": {"link": "sotto:0x1"},
                                  "sotto_contactAccept": {"id": "0xca401", "alias": "carol", "state": "accepted"},
                                  "sotto_contactDecline": {"id": "0xca401", "alias": "", "state": "declined"},
                                  "sotto_contactSafety": {"words": ["one", "two"], "digits": "123", "sentence": "No record.", "height": None},
                                  "sotto_contactVerify": {"id": "0xb0b", "alias": "bob", "state": "mutual", "verified": True}})
        self.start()
        self.type("/add sotto:0x1?c=x It is Alice\n/accept 0xca401 carol\n/decline 0xca401\n/verify bob\n/verify bob one two\n/link\n/contacts\n/chat bob\n/heлp\n/hlp\n"
                  "/add\n/help\n   \n/read bob\n")
        self.expect("/quit")
        out = self.end()
        self.assertEqual(self.node.params_of("sotto_contactAdd"), [{"link": "sotto:0x1?c=x", "note": "It is Alice"}])
        self.assertEqual(self.node.params_of("sotto_contactAccept"), [{"contact": "0xca401", "alias": "carol"}])
        self.assertEqual(self.node.params_of("sotto_contactDecline"), [{"contact": "0xca401"}])
        self.assertEqual(self.node.params_of("sotto_contactVerify"), [{"contact": "bob", "code": "one two"}])
        self.assertIn("one two\n", out)
        self.assertIn("\u2714 compared", out)
        self.assertIn("did you mean /help", out)
        self.assertIn("/add LINK [NOTE]", out)
        self.assertIn("sotto:0x1\n", out)

    def test_brief_ids(self):
        """A request is answered by the Id as the chat writes it, when exactly one contact fits."""
        ids = [ID, "0x5290" + "1" * 36, "0x8617E340B3D01FA5F11F306F4090FD50E238070D"]
        self.node.answers["sotto_contactList"] = {"items": [{"id": i, "alias": "", "state": "incoming"} for i in ids]}

        def accept(params):
            if params["contact"] not in ids:
                raise Refuse(1002)
            return {"id": params["contact"], "alias": params.get("alias", ""), "state": "accepted"}
        self.node.answers["sotto_contactAccept"] = accept
        self.start()
        self.expect("/accept 0x5290..9EE7 NAME  /decline 0x5290..9EE7")
        self.type("/accept 0x8617 eve\n")
        self.expect("eve  accepted")
        self.type("/accept 0x5290..9ee7 bob\n")
        self.expect("bob  accepted")
        self.type("/accept 0x5290 who\n/accept 0x12 who\n/search the kettle\n")
        self.type("/quit\n")
        out = self.end()
        self.assertEqual([p["contact"] for p in self.node.params_of("sotto_contactAccept")], [ids[2], ids[0], "0x5290", "0x12"])
        self.assertEqual(out.count("(1002)"), 2)          # said once each
        self.assertEqual(self.node.params_of("sotto_messageSearch"), [{"query": "the kettle"}])

    def test_no_input(self):
        def none(params):
            raise Refuse(1201)
        self.node.answers["sotto_accountShow"] = none
        code, out, err = self.sotto("--no-input", stdin="Alice\n")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("sotto account create --name NAME", err)
        self.node.answers["sotto_accountShow"] = {"id": ID, "name": "Alice", "locked": True}
        code, out, err = self.sotto("--no-input")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("sotto vault unlock --passphrase-file FILE", err)

    def test_first_run(self):
        accounts = []

        def create(params):
            accounts.append({"id": ID, "name": params["name"], "locked": False})
            return {"job": "j1"}

        def show(params):
            if not accounts:
                raise Refuse(1201)
            return accounts[0]
        self.node.answers.update({"sotto_accountCreate": create, "sotto_accountShow": show, "sotto_contactList": {"items": []},
                                  "sotto_jobWait": {"job": "j1", "state": "done", "result": {"account": ID, "phraseShown": False}}})
        self.start()
        self.type("1\nAlice\n%s\nn\n/quit\n" % SECRET)
        out = self.end()
        self.assertEqual(self.node.params_of("sotto_accountCreate"), [{"name": "Alice", "passphrase": SECRET}])
        self.assertIn("No contacts yet", out)
        self.assertNotIn("horse", out)

    def test_restore(self):
        accounts = []

        def restore(params):
            accounts.append({"id": ID, "name": "Alice", "locked": False})
            return {"account": ID, "contacts": 0, "chats": 0}

        def show(params):
            if not accounts:
                raise Refuse(1201)
            return accounts[0]
        self.node.answers.update({"sotto_accountRestore": restore, "sotto_accountShow": show})
        self.start()
        self.type("2\nword word word\nAlice\n\n/quit\n")
        self.end()
        self.assertEqual(self.node.params_of("sotto_accountRestore"), [{"phrase": "word word word", "name": "Alice", "passphrase": ""}])

    def test_lock_and_gone(self):
        self.start()
        self.expect("/help shows")
        self.type("/lock\n")
        self.end()
        self.assertEqual(self.node.params_of("sotto_vaultLock"), [{}])
        self.start()
        self.expect("/help shows")
        self.node.wait_for("sotto_eventList", 1)
        self.node.drop_connections()
        self.expect("(2001)")
        self.end(3)

    def test_long_line(self):
        self.start()
        self.type("/chat bob\n" + "x" * 200000 + "\nshort\n")
        out = self.end()
        self.assertIn("too long", out)
        self.assertEqual([p["text"] for p in self.node.params_of("sotto_messageSend")], ["short"])


if __name__ == "__main__":
    main()
