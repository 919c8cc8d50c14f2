#!/usr/bin/env python3
"""`kill -9` at random moments while messages flow both ways: two people and the one relay between them, one of the three processes killed
and started again at once, up to three times in a row, then another. Each message arrives once, in order, with its bytes; each send that was acknowledged is there.

Ten kills and 150 messages; with --long 200 kills and 2,000 messages (SOTTO_KILLS, SOTTO_MESSAGES: other numbers).

One process at a time loses its memory: the next one is killed as soon as what was acknowledged before the last kill has arrived. An
envelope lives in the memory of those who hold it. Two holders killed before a third had it is not a crash to survive but a loss on the
network, which the receiver's question after ten minutes heals; that is for the simulator, where ten minutes cost nothing."""
import json
import os
import threading
import time

import harness
from harness import Network, Rpc, Scenario

LONG = harness.flag("--long")
KILLS = int(os.environ.get("SOTTO_KILLS", "200" if LONG else "10"))
MESSAGES = int(os.environ.get("SOTTO_MESSAGES", "2000" if LONG else "150"))
PIPELINE = 8                             # sends on one connection before the first answer is read
CELLS_MANY = 3000                        # bytes of a text that takes several cells
QUIET_S = 90                             # nothing arrives for so long: the test gives up


class Chain(Network):
    DIALS = {2: [1], 3: [1]}


class Person:
    """One end: a thread that sends its texts as they are released, and one that counts what arrives. Both live through restarts."""

    def __init__(self, node, chat, texts, story):
        self.node, self.chat, self.texts, self.story = node, chat, texts, story
        self.released = self.acked = self.arrived = self.repeats = self.generation = 0
        self.cursor = None
        self.threads = [threading.Thread(target=self.guarded, args=(work,)) for work in (self.send_all, self.count_all)]

    def guarded(self, work):
        try:
            work()
        except BaseException as error:                 # noqa: a thread's failure is the test's
            with self.story.turn:
                self.story.failures.append(error)
                self.story.turn.notify_all()

    def connect(self, seen):
        """A connection to the running process, its account open; None once the story is over. Waits for the start that follows a kill."""
        while True:
            with self.story.turn:
                while self.generation == seen and not self.story.over:
                    self.story.turn.wait()
                if self.story.over:
                    return None, seen
                seen, path = self.generation, self.node.ready["socket"]
            rpc = None
            try:
                rpc = Rpc(path)
                while rpc.call("account show")["locked"]:
                    now = rpc.call("event now")["cursor"]
                    rpc.call("event list", cursor=now, kinds=["node.part"], waitMs=100)
                return rpc, seen
            except (OSError, ConnectionError):
                if rpc:
                    rpc.close()

    def send_all(self):
        at, seen = 0, -1
        while at < len(self.texts):
            rpc, seen = self.connect(seen)
            if not rpc:
                return
            try:
                while at < len(self.texts):
                    with self.story.turn:
                        while self.released == at and self.generation == seen and not self.story.over:
                            self.story.turn.wait()
                        if self.generation != seen or self.story.over:
                            break
                        to = min(self.released, at + PIPELINE)
                    # requestKey: a send whose answer was lost with the process is repeated and happens once
                    rpc.send_raw(b"".join(json.dumps({"jsonrpc": "2.0", "id": i, "method": "sotto_messageSend", "params": {
                        "chat": self.chat, "text": self.texts[i], "requestKey": f"{self.chat}-{i:016d}"}}).encode() + b"\n" for i in range(at, to)))
                    for i in range(at, to):
                        line = rpc.line()
                        if line is None:
                            raise ConnectionError("the process is gone")
                        answer = json.loads(line)
                        if answer.get("id") != i or "result" not in answer:
                            raise AssertionError(f"send {i}: {line}")
                        with self.story.turn:
                            at = self.acked = i + 1
                            self.story.turn.notify_all()
            except (OSError, ConnectionError):
                with self.story.turn:
                    self.repeats += 1
            finally:
                rpc.close()

    def count_all(self):
        seen = -1
        while True:
            rpc, seen = self.connect(seen)
            if not rpc:
                return
            try:
                while not self.story.over:
                    params = {"cursor": self.cursor} if self.cursor else {}
                    got = rpc.call("event list", limit=200, kinds=["message.new"], waitMs=2000, **params)
                    self.cursor = got["cursor"]
                    fresh = sum(not e["data"].get("own") and e["data"].get("kind") == "text" for e in got["events"])
                    with self.story.turn:
                        self.arrived += fresh
                        self.story.turn.notify_all()
            except (OSError, ConnectionError):
                pass
            finally:
                rpc.close()


class Killed(Scenario):
    def setUp(self):
        self.turn, self.over, self.failures = threading.Condition(), False, []

    def wait_for(self, what, question):
        """Waits until question() is true; something must go on at least every QUIET_S seconds."""
        last, since = None, time.monotonic()
        with self.turn:
            while not question():
                if self.failures:
                    raise self.failures[0]
                state = [(p.acked, p.arrived) for p in self.people]
                if state != last:
                    last, since = state, time.monotonic()
                if time.monotonic() - since > QUIET_S * harness.SLOW:
                    raise AssertionError(f"{what}: nothing for {QUIET_S} s; acknowledged and arrived {state}")
                self.turn.wait(1)

    def release(self, count, seconds):
        """Lets both send up to that many, and lets them flow for a moment before the process dies."""
        with self.turn:
            for person in self.people:
                person.released = count
            self.turn.notify_all()
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                self.turn.wait(max(until - time.monotonic(), 0.001))

    def record(self, relay):
        """Every envelope at the relay: a topic is the head of a tag that is used once."""
        page = {}
        while True:
            got = relay.call("envelope list", limit=200, **page)
            for envelope in got["items"]:
                if self.topics.setdefault(envelope["topic"], envelope["hash"]) != envelope["hash"]:
                    self.doubles.add(envelope["topic"])
            if not got.get("next"):
                return
            page = {"after": got["next"]}

    def text(self, who, i):
        size = harness.dice.choice([0, 20, 200, 700] * 6 + [CELLS_MANY])
        return f"{who} {i:04d} " + "".join(harness.dice.choice("abcdefgh äöü√ 😀\n\"\\") for _ in range(size // 2)) + "."

    def test_each_once_while_processes_are_killed(self):
        dice, half = harness.dice, MESSAGES // 2
        began = time.monotonic()
        self.topics, self.doubles = {}, set()
        with Chain(3) as net:
            net.meet()
            relay = net.nodes[0]
            texts = {n: [self.text(n, i) for i in range(half)] for n in ("alice", "bob")}
            alice, bob = Person(net.alice, "bob", texts["alice"], self), Person(net.bob, "alice", texts["bob"], self)
            self.people = (alice, bob)
            threads = [t for p in self.people for t in p.threads]
            for thread in threads:
                thread.start()
            kills = {node.name: 0 for node in net.nodes}
            try:
                done = told = 0
                while done < KILLS:
                    victim = dice.choice(net.nodes)
                    if victim is relay or not done % 10:
                        self.record(relay)
                    for _ in range(min(dice.randrange(1, 4), KILLS - done)):
                        done += 1
                        self.release(half * done // KILLS, dice.random() * 0.5)
                        with self.turn:
                            before = (alice.acked, bob.acked)
                        victim.kill()
                        kills[victim.name] += 1
                        victim.start()
                        with self.turn:
                            for person in self.people:
                                person.generation += person.node is victim
                            self.turn.notify_all()
                    self.wait_for(f"after kill {done} ({victim.name})", lambda b=before: bob.arrived >= b[0] and alice.arrived >= b[1])
                    if done // 25 > told:
                        told = done // 25
                        print(f"  {done} kills, {bob.arrived + alice.arrived} arrived, {time.monotonic() - began:.0f} s", flush=True)
                self.wait_for("the rest", lambda: bob.arrived >= half and alice.arrived >= half)
            finally:
                with self.turn:
                    self.over = True
                    self.turn.notify_all()
                for thread in threads:
                    thread.join()
            self.record(relay)
            self.assertEqual((alice.acked, bob.acked), (half, half))
            for node, chat, mine, theirs in ((net.alice, "bob", "alice", "bob"), (net.bob, "alice", "bob", "alice")):
                node.until(lambda n=node, c=chat: all(m["state"] in ("delivered", "read") for m in n.messages(c) if m["own"] and m["kind"] == "text"),
                           120, "every message delivered")
                lines = [m for m in node.messages(chat) if m["kind"] == "text"]
                self.assertEqual([m["text"] for m in lines if not m["own"]], texts[theirs], f"what {mine} received")
                self.assertEqual([m["text"] for m in lines if m["own"]], texts[mine], f"what {mine} sent")
                numbers = [m["number"] for m in lines if not m["own"]]
                self.assertEqual(numbers, sorted(set(numbers)))
            self.assertGreaterEqual(len(self.topics), MESSAGES // 2)
            # four bytes of a tag: of some thousand, two may begin alike by chance once in 500 runs
            self.assertLessEqual(len(self.doubles), 1, self.doubles)
            print(f"{MESSAGES} messages, {KILLS} kills {kills} in {time.monotonic() - began:.0f} s; {alice.repeats + bob.repeats} connections cut while sending, "
                  f"{len(self.topics)} envelopes seen on the relay", flush=True)


if __name__ == "__main__":
    harness.main()
