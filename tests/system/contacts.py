#!/usr/bin/env python3
"""Contacts on seven processes: declined, undone, blocked, removed, simultaneous, and links that are none."""
import harness
from harness import Network, Scenario


def texts(node, chat):
    return [m["text"] for m in node.messages(chat) if not m["own"] and m["kind"] == "text"]


class Contacts(Scenario):
    def test_declined_undone_blocked_removed(self):
        with Network(7) as net:
            alice, bob = net.alice, net.bob
            alice.call("contact add", link=bob.link, alias="bob", note="It is Alice")
            request = bob.wait("contact.request")
            self.assertIn(alice.account, harness.json.dumps(request["data"]))

            # Declined: nothing leaves, so the other side learns nothing. Undone: accept after decline.
            self.assertEqual(bob.call("contact decline", contact=alice.account)["state"], "declined")
            self.assertEqual([c["id"] for c in bob.call("contact list", state="declined")["items"]], [alice.account])
            self.assertEqual(alice.call("contact get", contact="bob")["state"], "requested")
            self.assertEqual(bob.call("contact accept", contact=alice.account, alias="alice")["state"], "accepted")
            net.mutual()
            alice.call("message send", chat="bob", text="one")
            bob.until(lambda: texts(bob, "alice") == ["one"])

            # Blocked: what is written meanwhile never comes; the other side sees no refusal. Unblocked: it goes on.
            self.assertIs(bob.call("contact block", contact="alice")["blocked"], True)
            self.refused(1405, bob.call, "message send", chat="alice", text="not while blocked")
            alice.call("message send", chat="bob", text="into the wall")
            alice.wait("message.state", lambda e: '"sent"' in harness.json.dumps(e["data"]) and "into the wall" in harness.json.dumps(e["data"]))
            self.assertEqual(texts(bob, "alice"), ["one"])
            self.assertIs(bob.call("contact unblock", contact="alice")["blocked"], False)
            bob.call("message send", chat="alice", text="two")
            alice.until(lambda: "two" in texts(alice, "bob"))

            # The same link twice.
            self.refused(1403, alice.call, "contact add", link=bob.link)
            # Removed: the other side is told that the session ended; the contact and the chat are gone here.
            bob.call("contact remove", contact="alice", forget=True)
            self.refused(1002, bob.call, "contact get", contact=alice.account)
            alice.until(lambda: alice.call("contact get", contact="bob")["state"] == "ended", 60, "told of the end")
            # And met again from nothing.
            alice.call("contact remove", contact="bob", forget=True)
            mark = len(alice.events)
            bob.call("contact add", link=alice.link, alias="alice", note="once more")
            alice.wait("contact.request", since=mark)
            alice.call("contact accept", contact=bob.account, alias="bob")
            net.mutual()
            alice.call("message send", chat="bob", text="three")
            bob.until(lambda: texts(bob, "alice") == ["three"])

    def test_both_ask_at_once(self):
        with Network(4) as net:
            net.alice.call("contact add", link=net.bob.link, alias="bob")
            net.bob.call("contact add", link=net.alice.link, alias="alice")
            net.mutual()
            net.alice.call("message send", chat="bob", text="from Alice")
            net.bob.call("message send", chat="alice", text="from Bob")
            net.bob.until(lambda: texts(net.bob, "alice") == ["from Alice"])
            net.alice.until(lambda: texts(net.alice, "bob") == ["from Bob"])

    def test_links_that_are_none(self):
        with Network(3) as net:
            alice, bob = net.alice, net.bob
            before = alice.call("contact list")
            for link in ("x", "sotto:", "sotto:0x12", bob.link[:-1], bob.link + "A", bob.link + "&c=AAAA", bob.link.replace("?c=", "?c=!"),
                         "sotto:" + alice.account + bob.link[len("sotto:") + 42:], "http://example.org/"):
                with self.subTest(link[:30]), self.assertRaises(harness.RpcError) as caught:
                    alice.call("contact add", link=link)
                self.assertIn(caught.exception.code, (1401, 1307), caught.exception)      # 1307: well written, but the signature is wrong
            self.refused(1301, alice.call, "contact add", link="sotto:" + bob.account)    # bare: a ledger would have to know the keys
            self.refused(1402, alice.call, "contact add", link="sotto:net?n=" + "A" * 43)
            self.refused(1404, alice.call, "contact add", link=alice.link)
            self.refused(1002, alice.call, "contact accept", contact="nobody")
            self.refused(1002, alice.call, "message send", chat=bob.account, text="we never met")
            self.assertEqual(alice.call("contact list"), before)

    def test_links_need_no_relay_plain(self):
        """Who only has neighbours that speak sotto/1 sends, and says who may know it; who has none waits."""
        with Network(3, flags={"relay.plain": None}) as net:
            alone = net.nodes[0]                           # dials nobody; others dial it
            alone.until(lambda: len(alone.call("network peers")["items"]) == 2, what="two neighbours that dialled it")
            alone.job("account create", name="Carol", passphrase="")
            alone.call("contact add", link=net.bob.link, alias="bob", note="waiting")
            alone.until(lambda: alone.call("relay stats")["waiting"] == 1, what="a cell that waits for a first hop")
            self.assertEqual(alone.call("node status")["parts"]["relay"]["state"], "down")
            net.meet()
            relay = net.alice.call("node status")["parts"]["relay"]
            self.assertEqual((relay["state"], "may know that it is yours" in relay["text"]), ("up", True))
            self.assertEqual(alone.call("relay stats")["emitted"], 0)
            alone.call("peer add", address=net.bob.ready["peer"])         # the connection is there; now it is one of ours
            net.bob.until(lambda: len([c for c in net.bob.call("contact list")["items"] if c["state"] != "mutual"]) == 1, what="the request of who waited")
            alone.until(lambda: alone.call("relay stats")["emitted"] == 1, what="it has left")


if __name__ == "__main__":
    harness.main()
