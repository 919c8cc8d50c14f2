"""Real sottod processes in temporary folders, spoken to over their unix sockets. Only the standard library.

    with Network(7) as net:                      seven nodes: Alice on node 6, Bob on node 7 (net.alice, net.bob)
        net.meet()
        net.alice.call("message send", chat="bob", text="Is the kettle on?")
        net.bob.wait("message.new", lambda e: ...)

Nothing here sleeps to let something happen: waiting is a long poll of `event list`, or a read that ends when the other side
speaks. Every process started here is ended here, by its own handle, whatever the test did.

SOTTO_BUILD names the build folder (build/release otherwise), SOTTO_SEED repeats the random choices of a run, SOTTO_KEEP=1 keeps
the data folders of a failed run, SOTTO_SLOW stretches every deadline (2 under the address sanitizer, 4 under the thread one)."""
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("SOTTO_BUILD", os.path.join(ROOT, "build", "release")))
SOTTOD = os.path.join(BUILD, "sottod")
SOTTO = os.path.join(BUILD, "sotto")
SLOW = float(os.environ.get("SOTTO_SLOW", "1"))

SEED = int(os.environ.get("SOTTO_SEED") or random.SystemRandom().randrange(1, 2**63))
dice = random.Random(SEED)

# What experience.md 5.1 starts a test network with; no chain, no door but the socket (tests/system/doors.py opens the other one).
COMMON = {"network.name": "test-1", "network.local": "true", "ledger.backend": "none", "relay.profile": "off", "relay.receipt": "1s",
          "relay.plain": "true", "http.listen": "", "vault.memory": "64MiB", "vault.passes": "2"}
FAST = {"relay.work": "8"}              # many messages: work that a test need not pay


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(f"{error.get('code')} {error.get('message')}")
        self.code, self.message, self.data = error.get("code"), error.get("message"), error.get("data") or {}


def method_name(words):
    """"contact add" -> "sotto_contactAdd", "net version" -> "net_version"; a name that is already one stays."""
    first, *rest = words.split()
    if rest and first in ("admin", "net", "rpc", "web3"):
        return "rpc.discover" if rest == ["discover"] else f"{first}_{rest[0]}"
    return first if not rest else "sotto_" + first + "".join(w[0].upper() + w[1:] for w in rest)


def flag(name):
    """Was the test started with that flag? It is taken away, unittest reads the rest."""
    if name not in sys.argv:
        return False
    sys.argv.remove(name)
    return True


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def end_process(process, first=signal.SIGTERM, seconds=10):
    """Ends one process of ours and returns its status; asks once, then takes it away."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return "killed"
    return process.returncode


class Rpc:
    """One connection to a socket: one JSON value a line."""

    def __init__(self, path, seconds=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)            # blocking: a full queue of the door makes a client wait, not fail
        self.socket.settimeout(seconds * SLOW)
        self.buffer = b""
        self.next_id = 0
        self.pushed = []                 # notifications that came between answers

    def close(self):
        self.socket.close()

    def send_raw(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line, or None at the end of the connection."""
        while b"\n" not in self.buffer:
            more = self.socket.recv(1 << 16)
            if not more:
                return None
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def ask(self, request):
        """Any JSON value out, one value back (notifications are put aside)."""
        self.send_raw(json.dumps(request).encode() + b"\n")
        while True:
            line = self.line()
            if line is None:
                raise ConnectionError("the node closed the connection")
            answer = json.loads(line)
            if isinstance(answer, dict) and "method" in answer and "id" not in answer:
                self.pushed.append(answer)
                continue
            return answer

    def call(self, method, **params):
        self.next_id += 1
        answer = self.ask({"jsonrpc": "2.0", "id": self.next_id, "method": method_name(method), "params": params})
        if answer.get("id") != self.next_id:
            raise AssertionError(f"answer to {self.next_id} has id {answer.get('id')}: {answer}")
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]


class Node:
    def __init__(self, folder, name, flags, port=None):
        self.folder, self.name = folder, name
        self.data = os.path.join(folder, name)
        self.log_path = os.path.join(folder, name + ".log")
        self.flags = dict(flags)
        self.port = port
        self.process = self.ready = self.rpc = None
        self.events, self.cursor = [], None
        self.stdout_rest = b""
        self.prefix = []                 # a command that starts the program in another setting

    def arguments(self):
        flags = dict(self.flags)
        if self.port:
            flags["network.port"] = str(self.port)
        out = [*self.prefix, SOTTOD, "--data", self.data, "--json"]
        for key, value in flags.items():
            if value is None:                          # a flag of all nodes that this one does without
                continue
            for one in value if isinstance(value, list) else [value]:
                out += ["--" + key, one]
        return out

    def launch(self):
        """Starts the process without waiting for it."""
        self.close_rpc()
        if self.process:
            self.process.stdout.close()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        return self

    def wait_ready(self, seconds=30):
        """Reads the ready line. The reading ends when the line is there or when the process has ended."""
        data, deadline = b"", time.monotonic() + seconds * SLOW
        while not data.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"{self.name}: no ready line within {seconds * SLOW:g} s\n{self.log()[-2000:]}")
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                raise AssertionError(f"{self.name}: ended with {self.process.wait()} before it was ready\n{self.log()[-2000:]}")
            data += more
        line, _, self.stdout_rest = data.partition(b"\n")
        self.ready = json.loads(line)
        self.rpc = Rpc(self.ready["socket"])
        return self

    def start(self):
        return self.launch().wait_ready()

    def call(self, method, **params):
        return self.rpc.call(method, **params)

    def job(self, method, **params):
        """A call whose work goes on as a job: returns the result at its end."""
        answer = self.call(method, **params)
        if not (isinstance(answer, dict) and set(answer) == {"job"}):
            return answer
        job = self.call("job wait", job=answer["job"], waitMs=int(60000 * SLOW))
        if job["state"] == "failed":
            raise RpcError(job["error"])
        if job["state"] != "done":
            raise AssertionError(f"{method}: {job}")
        return job.get("result")

    def poll(self, wait_ms=0):
        """Takes new events into self.events; the cursor is kept over restarts of the process."""
        params = {"waitMs": wait_ms, "limit": 200}
        if self.cursor:
            params["cursor"] = self.cursor
        try:
            got = self.call("event list", **params)
        except RpcError as error:
            if error.code != 1105:
                raise
            # The account is still locked and its events with it: wait on a kind that no account has.
            now = self.call("event now")["cursor"]
            self.call("event list", cursor=now, kinds=["node.part"], waitMs=min(wait_ms, 200))
            return 0
        self.cursor = got["cursor"]
        self.events += got["events"]
        return len(got["events"])

    def wait(self, kind, test=lambda event: True, seconds=60, what=None, since=0):
        """The first event of that kind, ever since the node was made (or since index `since`), that passes the test."""
        deadline, at = time.monotonic() + seconds * SLOW, since
        while True:
            while at < len(self.events):
                event = self.events[at]
                at += 1
                if event["kind"] == kind and test(event):
                    return event
            left = deadline - time.monotonic()
            if left <= 0:
                seen = [f"{e['kind']} {json.dumps(e['data'])[:160]}" for e in self.events[-12:]]
                raise AssertionError(f"{self.name}: no {what or kind} within {seconds * SLOW:g} s; last events:\n  " + "\n  ".join(seen)
                                     + f"\nlog:\n{self.log()[-3000:]}")
            self.poll(int(min(left, 25) * 1000))

    def until(self, question, seconds=60, what=None):
        """Asks again after each event (or a second, at the latest) until question() is true, and returns its answer."""
        deadline = time.monotonic() + seconds * SLOW
        while True:
            answer = question()
            if answer:
                return answer
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name}: not within {seconds * SLOW:g} s: {what or question}; last answer {answer!r}\n"
                                     f"log:\n{self.log()[-3000:]}")
            self.poll(1000)

    def messages(self, chat):
        """The whole conversation, oldest first."""
        out, before = [], {}
        while True:
            page = self.call("message list", chat=chat, limit=200, **before)["items"]
            if not page:
                return out
            out = page + out
            before = {"before": page[0]["message"]}

    def log(self):
        with open(self.log_path, errors="replace", encoding="utf-8") as f:
            return f.read()

    def memory(self):
        """Every readable page of the process, as chunks of bytes; None if it may not be looked at. sottod forbids its own user to look
        (keys live there), so that only root can."""
        try:
            open(f"/proc/{self.process.pid}/mem", "rb").close()
        except PermissionError:
            return None
        return self.pages()

    def pages(self):
        with open(f"/proc/{self.process.pid}/maps", encoding="ascii") as maps, open(f"/proc/{self.process.pid}/mem", "rb", 0) as mem:
            for row in maps:
                area, rights, *_rest = row.split()
                if "r" not in rights or "[v" in row:
                    continue
                first, last = (int(x, 16) for x in area.split("-"))
                if last - first > 1 << 30:
                    continue                           # shadow of a sanitizer
                try:
                    mem.seek(first)
                    yield mem.read(last - first)
                except (OSError, ValueError, OverflowError):
                    continue

    def close_rpc(self):
        if self.rpc:
            self.rpc.close()
            self.rpc = None

    def stop(self, first=signal.SIGTERM):
        """SIGTERM: status 0 within 10 s, or the test fails."""
        self.close_rpc()
        status = end_process(self.process, first)
        self.process.stdout.close()
        if status != 0:
            raise AssertionError(f"{self.name}: ended with {status} after signal {first}\n{self.log()[-3000:]}")
        return self

    def kill(self):
        self.close_rpc()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        return self

    def faults(self):
        """What a sanitizer or a broken rule left in the log: a story that went well must not hide it."""
        if not os.path.exists(self.log_path):
            return []
        log = self.log()
        marks = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:", "broken rule:")
        at = min((log.find(mark) for mark in marks if mark in log), default=-1)
        return [log[at:at + 3000]] if at >= 0 else []

    def end(self):
        """Whatever happened before: the process is gone afterwards."""
        self.close_rpc()
        if self.process:
            end_process(self.process)
            if self.process.stdout:
                self.process.stdout.close()


class Cli:
    """The command line as a person or a script types it."""

    def __init__(self, status, stdout, stderr):
        self.status, self.stdout, self.stderr = status, stdout, stderr

    def json(self):
        if self.status != 0:
            raise AssertionError(f"sotto ended with {self.status}: {self.stderr}")
        return json.loads(self.stdout)


def sotto(*arguments, cwd=None, stdin="", seconds=90, env=None):
    done = subprocess.run([SOTTO, *map(str, arguments)], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=seconds * SLOW,
                          env={**os.environ, **(env or {})})
    return Cli(done.returncode, done.stdout, done.stderr)


class Network:
    """Nodes 1..n on loopback, each dialling two earlier ones: who dials nobody has no first hop, so people live on the last two. With seven, Alice lives on node 6 (dials 4 and 5) and Bob on node 7
    (dials 1 and 2), so that what they write crosses nodes of neither."""

    DIALS = {2: [1], 3: [1, 2], 4: [2, 3], 5: [3, 4], 6: [4, 5], 7: [1, 2]}

    def __init__(self, count=7, flags=None, fast=True, people=True):
        self.folder = tempfile.mkdtemp(prefix="sotto-")
        self.nodes, self.failed = [], False
        self.flags = {**COMMON, **(FAST if fast else {}), **(flags or {})}
        self.people = people
        try:
            for number in range(1, count + 1):
                self.add(number)
            self.alice, self.bob = (self.nodes[-2:] if count > 1 else [*self.nodes, None, None][:2])
            if count == 2:                             # each is the other's neighbour: who dials nobody has no first hop
                self.alice.call("peer add", address=self.bob.ready["peer"])
            if people:
                self.people_move_in()
        except BaseException:
            self.failed = True
            self.close()
            raise

    def add(self, number):
        for attempt in range(4):
            flags = dict(self.flags)
            dials = [self.nodes[i - 1].ready["peer"] for i in self.DIALS.get(number, [number - 1, number - 2]) if 0 < i < number]
            if dials:
                flags["network.static"] = dials
            node = Node(self.folder, f"n{number}", flags, free_port())
            try:
                node.start()
            except AssertionError:                     # another process took the port in between
                node.end()
                if attempt == 3 or "2003" not in node.log():
                    raise
                continue
            self.nodes.append(node)
            return node

    def people_move_in(self):
        for node, name in ((self.alice, "Alice"), (self.bob, "Bob")):
            if node:
                node.account = node.job("account create", name=name, passphrase="")["account"]
                node.link = node.call("account link")["link"]

    def meet(self, note="It is Alice"):
        """Alice asks with Bob's link, Bob accepts, both are mutual."""
        self.alice.call("contact add", link=self.bob.link, alias="bob", note=note)
        self.bob.wait("contact.request")
        self.bob.call("contact accept", contact=self.alice.account, alias="alice")
        self.mutual()

    def mutual(self, seconds=90):
        for node, other in ((self.alice, self.bob), (self.bob, self.alice)):
            node.until(lambda n=node, o=other: n.call("contact get", contact=o.account)["state"] == "mutual", seconds, "contact mutual")

    def relays(self):
        return [n for n in self.nodes if n not in (self.alice, self.bob)]

    def close(self):
        for node in self.nodes:                        # all are asked first, so that they end side by side
            node.close_rpc()
            if node.process and node.process.poll() is None:
                node.process.terminate()
        for node in self.nodes:
            node.end()
        found = [f"{node.name}: {fault}" for node in self.nodes for fault in node.faults()]
        if self.failed and os.environ.get("SOTTO_KEEP") == "1":
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        if found and not self.failed:
            raise AssertionError("\n".join(found))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.failed = self.failed or kind is not None
        self.close()


class Scenario(unittest.TestCase):
    """Base of the system tests; each method is one story."""
    maxDiff = None

    def refused(self, code, function, /, *arguments, **params):
        with self.assertRaises(RpcError) as caught:
            function(*arguments, **params)
        self.assertEqual(caught.exception.code, code, caught.exception)
        return caught.exception


def main():
    print(f"seed {SEED}  (repeat: SOTTO_SEED={SEED})", flush=True)
    for program in (SOTTOD, SOTTO):
        if not os.access(program, os.X_OK):
            sys.exit(f"{program} is not there: build first (make build)")
    unittest.main(verbosity=2)
