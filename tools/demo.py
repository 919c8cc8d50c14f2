#!/usr/bin/env python3
"""make demo: two people meet and talk over seven nodes on this machine, and one relay dies in the middle.

Real processes on real sockets, temporary data. Each line is printed when it has happened, with the time it took. Afterwards the
network stays up for you to go on by hand; Ctrl+C ends it and removes every file. --exit (or DEMO_EXIT=1) ends after the story,
status 0. Another status means that a line did not come true."""
import os
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
sys.dont_write_bytecode = True
import harness  # noqa: E402

TICK = "✓✓"


def line(word, text, start=None):
    taken = f"{time.monotonic() - start:6.1f} s" if start else ""
    print(f"{word:<10} {text:<96}{taken}".rstrip(), flush=True)


def say(writer, reader, chat, back, name, other, text):
    """One message, and the moment the writer knows that it is on the other's device."""
    start = time.monotonic()
    sent = writer.call("message send", chat=chat, text=text)
    reader.until(lambda: any(m["text"] == text and not m["own"] for m in reader.messages(back)), 120, f"{text!r} at {other}")
    writer.until(lambda: writer.call("message get", message=sent["message"])["state"] in ("delivered", "read"), 120, "delivered")
    return f"{name:<6} {text:<32} {TICK} on {other}'s device", start


def story(net, start):
    alice, bob = net.alice, net.bob
    print("Sotto demo: 7 nodes on this machine: 5 relays, Alice on node 6, Bob on node 7.", flush=True)
    line("ready", "real work (19 zero bits) on each envelope; receipts after 1 s, not 2 min; vaults of 64 MiB", start)
    start = time.monotonic()
    net.people_move_in()
    line("accounts", "Alice and Bob: 24 words each, sealed on their own disks", start)

    start = time.monotonic()
    alice.call("contact add", link=bob.link, alias="bob", note="It is Alice")
    bob.wait("contact.request", seconds=120)
    bob.call("contact accept", contact=alice.account, alias="alice")
    net.mutual(180)
    same = alice.call("contact safety", contact="bob")["words"] == bob.call("contact safety", contact="alice")["words"]
    if not same:
        raise AssertionError("the safety words differ")
    line("contact", "Alice opens Bob's link · Bob accepts · both see the same 8 safety words", start)

    line("chat", *say(alice, bob, "bob", "alice", "Alice", "Bob", "Is the kettle on?"))
    line("", *say(bob, alice, "alice", "bob", "Bob", "Alice", "Two sugars?"))

    start = time.monotonic()
    sent = alice.call("message send", chat="bob", text="One. Is somebody at the door?")
    net.nodes[0].kill()
    bob.until(lambda: any(m["text"].startswith("One.") for m in bob.messages("alice")), 180, "the message in spite of the dead relay")
    alice.until(lambda: alice.call("message get", message=sent["message"])["state"] in ("delivered", "read"), 180, "delivered")
    line("relay", f"node 1, where Bob dials in, killed while Alice writes · {TICK} on Bob's device", start)
    line("", *say(bob, alice, "alice", "bob", "Bob", "Alice", "Only the cat."))

    texts = [m["text"].encode() for m in alice.messages("bob") if m["kind"] == "text"]
    for relay in net.relays()[1:]:
        stats = relay.call("relay stats")
        pool, page = [], {}
        while True:
            got = relay.call("envelope list", limit=200, **page)
            pool += got["items"]
            if not got.get("next"):
                break
            page = {"after": got["next"]}
        topics = len({e["topic"] for e in pool})
        memory = relay.memory()                            # only root may look into it; the files anyone of this user
        places = list(memory) if memory is not None else []
        for path in [relay.log_path] + [os.path.join(f, n) for f, _, names in os.walk(relay.data) for n in names]:
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    places.append(f.read())
        found = sum(any(text in place for place in places) for text in texts)
        if found or topics != len(pool):
            raise AssertionError(f"{relay.name}: {found} texts found, {topics} topics of {len(pool)} envelopes")
        line("envelopes" if relay is net.relays()[1] else "",
             f"node {relay.name[1:]}: {stats['envelopes']['accepted']} accepted, {stats['forwarded']} forwarded, {len(pool)} kept, "
             f"{topics} topics; none of the {len(texts)} texts in its {'memory, ' if memory is not None else ''}files or log")


def main():
    # Signals become an exception, so that the network is taken down the same way whatever ends the demo.
    def leave(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, leave)
    if "--no-build" not in sys.argv[1:]:
        if subprocess.run(["sh", os.path.join(ROOT, "tools", "build.sh"), "release", "sottod", "sotto"], stdout=subprocess.DEVNULL).returncode != 0:
            return 1
    by_itself = "--exit" in sys.argv[1:] or os.environ.get("DEMO_EXIT") == "1"
    start = time.monotonic()
    try:
        with harness.Network(7, fast=False, people=False) as net:
            story(net, start)
            if by_itself:
                return 0
            sotto = os.path.relpath(harness.SOTTO)
            print(f"\nGo on by hand:   {sotto} --data {net.alice.data}        (Alice; Bob is on .../n7)\n"
                  f"                 {sotto} --data {net.bob.data} send alice \"Milk?\"\n"
                  f"                 {sotto} --data {net.nodes[3].data} relay stats\n"
                  "Ctrl+C ends it and removes its files.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print()
        return 130 if by_itself else 0
    except (AssertionError, harness.RpcError, OSError) as error:
        print(f"The demo stopped: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
