#!/usr/bin/env python3
"""Sender or receiver stopped in the middle, by SIGTERM and by SIGKILL, and started again: nothing acknowledged is lost, nothing comes
twice, order stays."""
import signal

import harness
from harness import Network, Scenario

COUNT = 40


class Interrupted(Scenario):
    def story(self, who, how):
        with Network(7) as net:
            net.meet()
            node = {"sender": net.alice, "receiver": net.bob}[who]
            texts = [f"line {i:02d} {harness.dice.randrange(10**6)}" for i in range(COUNT)]
            got = lambda: [m["text"] for m in net.bob.messages("alice") if not m["own"] and m["kind"] == "text"]
            first = harness.dice.randrange(COUNT // 4, COUNT // 2)
            for text in texts[:first]:
                net.alice.call("message send", chat="bob", text=text)
            net.bob.until(lambda: len(got()) >= 1, what="the first message")   # some have arrived, some are on their way
            (node.kill if how == signal.SIGKILL else node.stop)()
            if who == "receiver":
                for text in texts[first:]:
                    net.alice.call("message send", chat="bob", text=text)
            node.start()
            # An account with an empty passphrase opens by itself; until then it says so.
            node.until(lambda: not node.call("account show")["locked"], what="account open")
            if who == "sender":
                for text in texts[first:]:
                    net.alice.call("message send", chat="bob", text=text)
            net.bob.until(lambda: len(got()) >= COUNT, 180, "all messages")
            self.assertEqual(got(), texts)
            # The other direction still works, and what was sent is acknowledged.
            net.bob.call("message send", chat="alice", text="all here")
            net.alice.until(lambda: "all here" in [m["text"] for m in net.alice.messages("bob")], what="the answer")
            net.alice.until(lambda: all(m["state"] in ("delivered", "read") for m in net.alice.messages("bob") if m["own"] and m["kind"] == "text"),
                            120, "everything delivered")
            self.assertEqual(got(), texts)
            self.assertEqual([m["text"] for m in net.alice.messages("bob") if m["own"] and m["kind"] == "text"], texts)

    def test_sender_sigterm(self):
        self.story("sender", signal.SIGTERM)

    def test_receiver_sigterm(self):
        self.story("receiver", signal.SIGTERM)

    def test_sender_sigkill(self):
        self.story("sender", signal.SIGKILL)

    def test_receiver_sigkill(self):
        self.story("receiver", signal.SIGKILL)


if __name__ == "__main__":
    harness.main()
