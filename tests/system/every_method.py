#!/usr/bin/env python3
"""Every method of api/methods.json is called on real nodes, with a good and mostly also with a bad value; one without a call fails."""
import json
import os

import harness
from harness import Network, RpcError, Scenario

WORDS_OF_WIPE = {"level": "keys", "confirm": "WIPE"}


class EveryMethod(Scenario):
    def setUp(self):
        self.called = set()

    def ok(self, node, method, /, **params):
        self.called.add(method)
        return node.call(method, **params)

    def no(self, error, node, method, /, **params):
        self.called.add(method)
        return self.refused(error, node.call, method, **params)

    def done(self, node, method, **params):
        job = self.ok(node, "job wait", job=self.ok(node, method, **params)["job"], waitMs=60000)
        self.assertEqual(job["state"], "done", job)
        return job["result"]

    def failed(self, code, node, method, **params):
        job = self.ok(node, "job wait", job=self.ok(node, method, **params)["job"], waitMs=60000)
        self.assertEqual((job["state"], job["error"]["code"]), ("failed", code), job)

    def opens(self, node, method, passphrase, **params):
        """After a wrong passphrase the next try waits: the node says 1106 until then."""
        def attempt():
            try:
                return [node.call(method, passphrase=passphrase, **params)]
            except RpcError as error:
                self.assertEqual(error.code, 1106)
                return None
        self.called.add(method)
        return node.until(attempt, what=method)[0]

    def test_every_method(self):
        with Network(2) as net:
            net.meet()
            a, b = net.alice, net.bob
            self.messages(a, b)
            self.contacts(a)
            self.account(a)
            self.settings(a)
            self.network(a)
            self.foreign(a)
            self.events(a)
            self.ends(a, b)
        with open(os.path.join(harness.ROOT, "api", "methods.json"), encoding="utf-8") as f:
            table = {method["name"] for method in json.load(f)["methods"]}
        self.called |= {"contact add", "contact accept", "account create"}      # the meeting at the start
        self.assertEqual(sorted(table - self.called), [])
        self.assertEqual(sorted(self.called - table), [])

    def messages(self, a, b):
        first = self.ok(a, "message send", chat="bob", text="hello there")["message"]
        self.no(1501, a, "message send", chat="bob", text="x" * 13505)
        self.ok(a, "message send", chat="bob", text="y" * 13504)
        self.ok(a, "message send", chat="bob", text="body", kind="mail", subject="Subject")
        self.no(1001, a, "message send", chat="bob", text="t", subject="only mail has one")
        self.no(1002, a, "message send", chat="nobody", text="t")
        b.until(lambda: len(b.messages("alice")) == 3)
        got = self.ok(b, "message list", chat="alice")["items"]
        self.assertEqual([(m["number"], m["kind"], m.get("subject"), len(m["text"])) for m in got],
                         [(2, "text", None, 11), (3, "text", None, 13504), (4, "mail", "Subject", 4)])
        last = got[-1]["message"]
        self.assertEqual(self.ok(b, "chat get", chat="alice")["unread"], 3)
        self.assertEqual(self.ok(b, "chat read", chat="alice", upTo=last)["unread"], 0)
        self.assertEqual(len(self.ok(b, "message search", query="HELLO")["items"]), 1)
        self.assertEqual(self.ok(b, "message search", query="nowhere")["items"], [])
        self.assertEqual(self.ok(b, "message get", message=last), got[-1])
        self.no(1002, b, "message get", message="m00000000000000ff")
        self.assertEqual(self.ok(b, "message trace", message=last)["bytes"], 1052)
        self.assertEqual(self.ok(b, "chat set", chat="alice", draft="not yet", keepMs=86400000, archived=True)["draft"], "not yet")
        self.assertEqual(self.ok(b, "chat list")["items"], [])
        self.assertEqual(len(self.ok(b, "chat list", archived=True)["items"]), 1)
        self.assertEqual(self.done(b, "chat export", chat="alice", format="json")["messages"], 3)
        a.until(lambda: a.call("message get", message=first)["state"] == "delivered")
        self.no(1009, a, "message resend", message=first)
        self.no(1009, a, "message cancel", message=first)
        self.ok(a, "message remove", message=first)
        self.no(1002, a, "message get", message=first)

    def contacts(self, a):
        safety = self.ok(a, "contact safety", contact="bob")
        self.assertEqual(len(safety["words"]), 8)
        self.assertIs(self.ok(a, "contact verify", contact="bob", code=" ".join(safety["words"]).upper())["verified"], True)
        self.assertIs(self.ok(a, "contact unverify", contact="bob")["verified"], False)
        self.assertIs(self.ok(a, "contact verify", contact="bob", code=safety["digits"])["verified"], True)
        self.no(1407, a, "contact verify", contact="bob", code="wrong words")
        self.ok(a, "contact set", contact="bob", alias="Bobby", timerMs=3600000, receipts=True, muted=True)
        contact = self.ok(a, "contact get", contact="Bobby")
        self.assertEqual((contact["timerMs"], contact["receipts"], contact["muted"]), (3600000, True, True))
        self.ok(a, "contact set", contact="Bobby", alias="bob")
        self.assertEqual(len(self.ok(a, "contact list", query="BO")["items"]), 1)

    def account(self, a):
        mine = self.ok(a, "account show")
        self.assertEqual(self.ok(a, "account list")["items"], [mine])
        self.assertEqual(self.ok(a, "account rename", name="Alice B")["name"], "Alice B")
        self.assertTrue(self.ok(a, "account link")["link"].startswith("sotto:" + mine["id"]))
        self.assertEqual(len(self.ok(a, "account phrase", passphrase="")), 24)
        self.no(1106, a, "account phrase", passphrase="wrong")
        self.opens(a, "account passphrase", "", new="secret")
        self.ok(a, "vault lock")
        self.no(1105, a, "contact list")
        self.no(1106, a, "vault unlock", passphrase="bad")
        self.opens(a, "vault unlock", "secret")
        self.assertEqual(len(self.ok(a, "contact list")["items"]), 1)
        path = os.path.join(a.folder, "backup")
        made = self.done(a, "backup create", path=path, passphrase="other")
        self.assertEqual(self.done(a, "backup verify", path=path, passphrase="other"), made)
        self.failed(1106, a, "backup verify", path=path, passphrase="wrong")
        self.failed(1606, a, "backup create", path="/nonexistent/folder/backup", passphrase="x")
        with open(path, "r+b") as f:
            f.seek(-100, os.SEEK_END)
            f.write(b"damage")
        self.failed(1203, a, "backup verify", path=path, passphrase="other")
        self.assertTrue(self.ok(a, "job list")["items"])
        self.no(1002, a, "job get", job="j1")
        job = self.ok(a, "job list")["items"][0]["job"]
        self.assertEqual(self.ok(a, "job get", job=job)["job"], job)
        self.no(1009, a, "job cancel", job=job)

    def settings(self, a):
        self.assertIn("G-12", {item["seedRow"] for item in self.ok(a, "config dump", withSource=True)})
        self.no(2105, a, "config get", key="relay.reciept")
        self.no(2105, a, "config set", key="relay.pool", value="lots")
        self.assertEqual(self.ok(a, "config set", key="relay.pool", value="32MiB")["source"], "config set")
        self.assertEqual(self.ok(a, "config get", key="relay.pool")["value"], "32MiB")
        self.assertEqual(self.ok(a, "config unset", key="relay.pool")["source"], "default")
        self.assertEqual(self.ok(a, "config check", text='[network]\nport = "x"\n')[0]["line"], 2)
        self.assertEqual(self.ok(a, "config check"), [])
        self.ok(a, "node reload")
        self.assertNotIn("fail", {check["result"] for check in self.ok(a, "node doctor")})
        self.no(1002, a, "node doctor", only="nothing")
        self.assertIs(self.ok(a, "node health")["ok"], True)
        self.assertEqual(self.ok(a, "node status")["network"], "test-1")

        made = self.ok(a, "token create", name="bot", scopes="rc", expiresMs=86400000)
        self.assertRegex(made.pop("secret"), "^[0-9a-f]{64}$")
        self.assertEqual(self.ok(a, "token list")["items"], [made])
        self.no(1001, a, "token create", name="bot", scopes="x")
        self.no(-32602, a, "token create", name="other", scopes="rs")
        self.assertEqual(self.ok(a, "token revoke", token=made["token"]), made)
        self.no(1002, a, "token revoke", token="bot")

        said = self.ok(a, "log level", area="rpc", level="debug")
        self.assertEqual((said["all"], said["rpc"]), ("info", "debug"))
        self.assertEqual(a.call("log level", area="all", level="info"), {"all": "info"})
        self.assertIn("p2p", self.no(1001, a, "log level", area="p3p", level="debug").message)
        lines = self.ok(a, "log tail", limit=1000)
        self.assertIn(("node", "ready"), [(line["area"], line["event"]) for line in lines])
        self.assertEqual(lines, sorted(lines, key=lambda line: line["ms"]))
        self.assertEqual(self.ok(a, "log tail", area="node", limit=1), [line for line in lines if line["area"] == "node"][-1:])
        self.no(1001, a, "log tail", area="all")
        self.assertEqual(self.ok(a, "metric list")[0], {"name": "sotto_up", "type": "gauge", "help": "1 while the node answers.", "samples": [{"value": 1}]})

    def foreign(self, a):
        """The names that geth has."""
        document = self.ok(a, "rpc discover")
        self.assertEqual((document["openrpc"], document["methods"][0]["name"]), ("1.2.6", "sotto_nodeStatus"))
        self.assertEqual(self.ok(a, "rpc modules")["net"], "1.0")
        self.assertEqual(self.ok(a, "net version"), "0")
        self.assertIs(self.ok(a, "net listening"), True)
        self.assertEqual(self.ok(a, "net peerCount"), "0x1")
        self.assertRegex(self.ok(a, "web3 clientVersion"), "^Sotto/v")
        info = self.ok(a, "admin nodeInfo")
        self.assertEqual((info["enode"], info["ports"]["listener"], info["protocols"]["shh"]["version"]), (a.ready["peer"], a.port, "6.0"))
        peer, = self.ok(a, "admin peers")
        self.assertEqual((len(peer["id"]), peer["caps"]), (64, ["shh/6"]))
        self.no(2008, a, "admin addPeer", address="enode://00@127.0.0.1:5")
        self.assertIs(self.ok(a, "admin addPeer", address=peer["enode"]), True)
        self.no(1002, a, "admin removePeer", address="p999")

    def network(self, a):
        self.assertEqual(len(self.ok(a, "network peers")["items"]), 1)
        me = self.ok(a, "network self")
        self.assertEqual((me["enode"], me["discovery"], me["nodes"]), (a.ready["peer"], False, 0))
        self.no(2008, a, "peer add", address="enode://00@127.0.0.1:5")
        self.no(2004, a, "peer add", address=a.ready["peer"])
        self.no(1002, a, "peer ban", peer="p999", ms=1000)
        self.no(1002, a, "peer remove", peer="p999")
        envelopes = self.ok(a, "envelope list", limit=1)
        self.assertEqual(self.ok(a, "envelope get", hash=envelopes["items"][0]["hash"]), envelopes["items"][0])
        self.assertNotEqual(self.ok(a, "envelope list", limit=1, after=envelopes["next"])["items"], envelopes["items"])
        self.no(1002, a, "envelope get", hash="0x" + "00" * 32)
        self.assertGreater(self.ok(a, "relay stats")["emitted"], 0)

    def events(self, a):
        now = self.ok(a, "event now")["cursor"]
        self.assertEqual(self.ok(a, "event list", cursor=now)["events"], [])
        self.no(-32602, a, "event list", cursor="e999999")
        name = self.ok(a, "event subscribe", kinds=["message.new"])
        self.assertIs(self.ok(a, "event unsubscribe", subscription=name), True)
        self.no(1002, a, "event unsubscribe", subscription=name)

    def ends(self, a, b):
        self.ok(a, "chat clear", chat="bob")
        self.assertEqual(self.ok(a, "message list", chat="bob")["items"], [])
        self.assertEqual(self.ok(a, "chat end", chat="bob")["state"], "ended")
        self.no(1505, a, "message send", chat="bob", text="after the end")
        self.assertIs(self.ok(a, "contact block", contact="bob")["blocked"], True)
        self.no(1405, a, "message send", chat="bob", text="blocked")
        self.assertIs(self.ok(a, "contact unblock", contact="bob")["blocked"], False)
        self.no(1009, a, "contact decline", contact="bob")
        self.ok(a, "contact remove", contact="bob", forget=True)
        self.assertEqual(a.call("contact list")["items"], [])
        first = a.call("account show")["id"]
        second = self.done(a, "account create", name="Second", passphrase="")["account"]
        self.assertEqual(self.ok(a, "account use", account=first)["id"], first)
        self.no(1108, a, "account remove", account=second, passphrase="", confirm="no")
        self.ok(a, "account remove", account=second, passphrase="", confirm="REMOVE")
        self.no(1202, a, "account restore", phrase="three short words")
        self.no(-32602, a, "account restore")
        self.ok(a, "vault wipe", **WORDS_OF_WIPE)
        self.assertEqual(a.call("account list")["items"], [])
        self.ok(a, "node stop", now=True)
        self.assertEqual(a.process.wait(10 * harness.SLOW), 0)
        self.ok(b, "vault wipe", level="all", confirm="WIPE")
        self.assertEqual(b.process.wait(10 * harness.SLOW), 0)
        self.assertEqual(os.listdir(b.data), [])


if __name__ == "__main__":
    harness.main()
