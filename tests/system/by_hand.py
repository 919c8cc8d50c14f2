#!/usr/bin/env python3
"""Seven nodes, two people, no prompt: the list of commands a reader types from the manual, typed exactly, answers as written."""
import os
import shutil
import tempfile

import harness
from harness import Node, Scenario, sotto


class ByHand(Scenario):
    def test_list_of_commands(self):
        folder = tempfile.mkdtemp(prefix="sotto-")
        self.addCleanup(shutil.rmtree, folder, True)
        nodes = []
        self.addCleanup(lambda: [n.end() for n in nodes])
        flags = {"network.name": "test-1", "network.local": "true", "ledger.backend": "none", "relay.profile": "off",
                 "relay.receipt": "1s", "relay.plain": "true", "http.port": "0"}
        enode = {}
        for number in range(1, 8):
            dials = {"network.static": [enode[i] for i in harness.Network.DIALS[number]]} if number > 1 else {}
            node = Node(folder, f"n{number}", {**flags, **dials}, harness.free_port())
            nodes.append(node.start())
            enode[number] = node.ready["peer"]

        with open(os.path.join(folder, "empty"), "wb"):
            pass

        def typed(number, *words, **more):
            return sotto("--data", f"n{number}", *words, cwd=folder, **more)

        people = {}
        for number, name in ((6, "Alice"), (7, "Bob")):
            made = typed(number, "account", "create", "--name", name, "--passphrase-file", "empty", "--no-input", "--json").json()
            self.assertEqual(set(made), {"account", "phraseShown"})
            self.assertRegex(made["account"], "^0x[0-9a-fA-F]{40}$")
            self.assertIs(made["phraseShown"], False)
            people[name] = made["account"]
        link = typed(7, "account", "link", "--json").json()["link"]
        self.assertTrue(link.startswith(f"sotto:{people['Bob']}?c="), link)

        asked = typed(6, "contact", "add", link, "--alias", "bob", "--note", "It is Alice", "--no-input", "--json").json()
        self.assertEqual((asked["id"], asked["alias"], asked["state"]), (people["Bob"], "bob", "requested"))
        for _ in range(round(harness.SLOW)):               # half a minute is the most that one call waits
            if typed(7, "event", "list", "--kinds", "contact.request", "--for", "30s", "--json").json()["events"]:
                break
        incoming = typed(7, "contact", "list", "--state", "incoming", "--json").json()["items"]
        self.assertEqual([(c["id"], c["state"]) for c in incoming], [(people["Alice"], "incoming")])
        accepted = typed(7, "contact", "accept", people["Alice"], "--alias", "alice", "--json").json()
        self.assertEqual(accepted["state"], "accepted")
        for number in (6, 7):
            nodes[number - 1].wait("contact.state", lambda e: '"mutual"' in harness.json.dumps(e["data"]))

        cursor = typed(7, "event", "now", "--json").json()["cursor"]
        sent = typed(6, "send", "bob", "Is the kettle on?", "--json").json()
        self.assertEqual(sent["state"], "queued")
        news = typed(7, "event", "list", "--kinds", "message.new", "--cursor", cursor, "--for", "30s", "--json").json()
        self.assertEqual(set(news), {"events", "cursor", "oldest"})
        self.assertEqual([e["kind"] for e in news["events"]], ["message.new"])
        listed = typed(7, "message", "list", "alice", "--json").json()["items"]
        self.assertEqual([(m["text"], m["own"], m["number"]) for m in listed if m["kind"] == "text"], [("Is the kettle on?", False, 2)])
        nodes[5].wait("message.state", lambda e: '"delivered"' in harness.json.dumps(e["data"]))

        stats = typed(4, "relay", "stats", "--json").json()
        self.assertGreater(stats["envelopes"]["accepted"], 0)
        self.assertGreater(stats["forwarded"], 0)
        for number in (6, 4):
            self.assertIs(typed(number, "node", "stop", "--now", "--json").json(), True)
            self.assertEqual(nodes[number - 1].process.wait(10 * harness.SLOW), 0)
        gone = typed(6, "node", "status", "--json")
        self.assertEqual(gone.status, 3, gone.stderr)


if __name__ == "__main__":
    harness.main()
