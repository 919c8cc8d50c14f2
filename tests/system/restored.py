#!/usr/bin/env python3
"""A node is lost. Its account comes back from the 24 words, or from a backup, on a fresh node, and the same contact talks again."""
import os
import shutil

import harness
from harness import Network, Scenario


def texts(node, chat):
    return [m["text"] for m in node.messages(chat) if not m["own"] and m["kind"] == "text"]


class Restored(Scenario):
    def lose(self, node):
        """The disk is gone: same place in the network, nothing of the data."""
        node.kill()
        shutil.rmtree(node.data)
        node.events, node.cursor = [], None
        node.start()
        self.assertEqual(node.call("account list")["items"], [])

    def test_from_the_words(self):
        with Network(7) as net:
            net.meet()
            net.alice.call("message send", chat="bob", text="before")
            net.bob.until(lambda: texts(net.bob, "alice") == ["before"])
            words = net.alice.call("account phrase", passphrase="")
            words = words["words"] if isinstance(words, dict) else words
            self.assertEqual(len(words), 24)
            self.lose(net.alice)

            wrong = list(words)
            wrong[6] = "zzzz"
            error = self.refused(1202, net.alice.job, "account restore", phrase=" ".join(wrong), passphrase="")
            self.assertIn('Word 7 "zzzz"', error.data["why"])              # the wrong word is pointed at, no other is repeated
            said = error.message + " " + error.data["why"].split("nearest")[0] + error.data["todo"]
            self.assertEqual([w for w in words if f'"{w}"' in said], [])
            self.assertEqual(net.alice.call("account list")["items"], [])

            back = net.alice.job("account restore", phrase=" ".join(words), passphrase="", name="Alice")
            self.assertEqual(back["account"], net.alice.account)
            # The words bring the identity, not the contacts: Bob is added again by his link and answers by himself or is asked.
            net.alice.call("contact add", link=net.bob.link, alias="bob", note="It is Alice, on a new disk")
            net.bob.until(lambda: self.accept_if_asked(net.bob, net.alice), 90, "the request, or the session renewed")
            net.mutual()
            net.alice.call("message send", chat="bob", text="after")
            net.bob.until(lambda: texts(net.bob, "alice") == ["before", "after"])
            net.bob.call("message send", chat="alice", text="welcome back")
            net.alice.until(lambda: texts(net.alice, "bob") == ["welcome back"])

    @staticmethod
    def accept_if_asked(bob, alice):
        contact = bob.call("contact get", contact=alice.account)
        if contact["state"] == "incoming":
            bob.call("contact accept", contact=alice.account)
        return alice.call("contact get", contact=bob.account)["state"] == "mutual"

    def test_from_a_backup(self):
        with Network(7) as net:
            net.meet()
            net.alice.call("message send", chat="bob", text="before")
            net.bob.until(lambda: texts(net.bob, "alice") == ["before"])
            path = os.path.join(net.folder, "alice.backup")
            made = net.alice.job("backup create", path=path, passphrase="correct horse")
            self.assertEqual(made["bytes"], os.path.getsize(path))
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            with open(path, "rb") as f:
                good = f.read()
            for planted in (b"before", b"bob", net.bob.account[2:].encode(), bytes.fromhex(net.bob.account[2:])):
                self.assertNotIn(planted, good)
            self.assertEqual(net.alice.job("backup verify", path=path, passphrase="correct horse")["hash"], made["hash"])
            self.refused(1106, net.alice.job, "backup verify", path=path, passphrase="wrong horse")
            self.lose(net.alice)

            # Damaged: a byte changed, cut short, empty. Each is a clear refusal and no account appears.
            broken = os.path.join(net.folder, "broken.backup")
            middle = len(good) // 2
            for bad in (good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1:], good[:-1], good[:10], b""):
                with open(broken, "wb") as f:
                    f.write(bad)
                self.refused(1203, net.alice.job, "account restore", backup=broken, passphrase="correct horse")
                self.assertEqual(net.alice.call("account list")["items"], [])
            self.refused(1106, net.alice.job, "account restore", backup=path, passphrase="wrong horse")

            back = net.alice.job("account restore", backup=path, passphrase="correct horse")
            self.assertEqual((back["account"], back["contacts"]), (net.alice.account, 1))
            self.assertEqual([m["text"] for m in net.alice.messages("bob") if m["kind"] == "text"], ["before"])
            net.mutual()                                   # the session is renewed by itself: no person is asked
            net.alice.call("message send", chat="bob", text="after")
            net.bob.until(lambda: texts(net.bob, "alice") == ["before", "after"])
            net.bob.call("message send", chat="alice", text="welcome back")
            net.alice.until(lambda: texts(net.alice, "bob") == ["welcome back"])


if __name__ == "__main__":
    harness.main()
