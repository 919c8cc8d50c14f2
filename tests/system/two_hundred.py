#!/usr/bin/env python3
"""Two people, seven processes: 200 messages each way, each once and in order. Meanwhile no topic repeats, and the relays learn nothing:
neither text nor name nor ID is in their data, their logs or their memory."""
import os
import threading

import harness
from harness import Network, Scenario

COUNT = int(os.environ.get("SOTTO_MESSAGES", "200"))


def incoming(node, chat):
    return [m for m in node.messages(chat) if not m["own"] and m["kind"] == "text"]


class TwoHundred(Scenario):
    def test_each_once_and_in_order_and_relays_learn_nothing(self):
        with Network(7) as net:
            net.meet(note="planted-note-7d1f")
            topics, stop = {n.name: set() for n in net.relays()}, threading.Event()
            doubles = []

            def watch(relay):
                """Reads the pool of one relay again and again: an envelope is known by its hash, its topic must be its own."""
                rpc = harness.Rpc(relay.ready["socket"])
                seen = {}
                while True:
                    last = stop.is_set()                   # one more full look after the end
                    page = {}
                    while True:
                        got = rpc.call("envelope list", limit=200, **page)
                        for envelope in got["items"]:
                            if seen.setdefault(envelope["topic"], envelope["hash"]) != envelope["hash"]:
                                doubles.append((relay.name, envelope))
                        if not got.get("next"):
                            break
                        page = {"after": got["next"]}
                    topics[relay.name] = set(seen)
                    if last:
                        break
                    relay_cursor = rpc.call("event now")["cursor"]
                    rpc.call("event list", cursor=relay_cursor, waitMs=500)
                rpc.close()

            watchers = [threading.Thread(target=watch, args=(relay,)) for relay in net.relays()[:2]]
            for thread in watchers:
                thread.start()
            try:
                texts = {n: [f"planted-text-{n}-{i:03d}-{harness.dice.randrange(16**8):08x}" for i in range(COUNT)] for n in ("alice", "bob")}
                for i in range(COUNT):                     # both write at once, interleaved
                    net.alice.call("message send", chat="bob", text=texts["alice"][i])
                    net.bob.call("message send", chat="alice", text=texts["bob"][i])
                for node, chat, name in ((net.bob, "alice", "alice"), (net.alice, "bob", "bob")):
                    node.until(lambda n=node, c=chat: len(incoming(n, c)) >= COUNT, 240, "all messages")
                    self.assertEqual([m["text"] for m in incoming(node, chat)], texts[name])
                    numbers = [m["number"] for m in incoming(node, chat)]
                    self.assertEqual(numbers, sorted(set(numbers)))
                for node, chat in ((net.alice, "bob"), (net.bob, "alice")):
                    node.until(lambda n=node, c=chat: all(m["state"] in ("delivered", "read") for m in n.messages(c) if m["own"] and m["kind"] == "text"),
                               120, "every message delivered")
            finally:
                stop.set()
                for thread in watchers:
                    thread.join()
            self.assertEqual(doubles, [])
            for relay in net.relays()[:2]:
                self.assertGreaterEqual(len(topics[relay.name]), 2 * COUNT, "topics seen on a relay")

            secrets = [b"planted-text-", b"planted-note-7d1f"]
            secrets += [net.alice.account[2:].encode(), net.bob.account[2:].encode(), net.alice.account[2:].lower().encode(), net.bob.account[2:].lower().encode()]
            secrets += [bytes.fromhex(net.alice.account[2:]), bytes.fromhex(net.bob.account[2:])]
            visible = net.bob.memory() is not None         # root only
            if visible:
                # texts are wiped when a call is answered; who the open account is, its node knows all the time
                self.assertTrue(any(secrets[-1] in chunk for chunk in net.bob.memory()), "the scan itself finds a name where it must be")
            for relay in net.relays():
                for chunk in relay.memory() or []:
                    for secret in secrets:
                        self.assertNotIn(secret, chunk, f"memory of {relay.name}")
                for path in [relay.log_path] + [os.path.join(f, name) for f, _, names in os.walk(relay.data) for name in names]:
                    if os.path.isfile(path):
                        with open(path, "rb") as f:
                            data = f.read()
                        for secret in secrets:
                            self.assertNotIn(secret, data, path)
            for person in (net.alice, net.bob):            # and at the ends: sealed on disk, silent in the log
                person.stop()
                for path in [person.log_path] + [os.path.join(f, name) for f, _, names in os.walk(person.data) for name in names]:
                    with open(path, "rb") as f:
                        data = f.read()
                    for secret in secrets[:2] + ([] if "vault" in path else secrets[2:4]):
                        self.assertNotIn(secret, data, path)


if __name__ == "__main__":
    harness.main()
