"""A node that knows only the method table: it checks that parameters exist, notes every request, and answers what a test told it."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def camel(name):
    return RPC[name]


def methods():
    out = subprocess.check_output([sys.executable, os.path.join(ROOT, "tools", "gen_api.py"), "--api", os.path.join(ROOT, "api"), "--list"])
    return json.loads(out)


METHODS = methods()
RPC = {m["name"]: m["rpc"] for m in METHODS}
TABLE = {camel(m["name"]): m for m in METHODS}
with open(os.path.join(ROOT, "api", "errors.json"), encoding="utf-8") as f:
    ERRORS = json.load(f)["errors"]


class Refuse(Exception):
    def __init__(self, code, **data):
        super().__init__(code)
        self.code = code
        self.data = data

    def object(self):
        e = next(x for x in ERRORS if x["code"] == self.code)
        return {"code": self.code, "message": "what", "data": dict({"name": e["name"], "what": "what", "why": "why", "todo": "todo"}, **self.data)}


class FakeNode:
    """answers: method -> value, or a function of the parameters. seen: (method, params)."""

    def __init__(self, answers=None):
        self.folder = tempfile.TemporaryDirectory(prefix="sotto-cli-")
        self.path = os.path.join(self.folder.name, "sotto.sock")
        self.answers = answers or {}
        self.seen = []
        self.events = []
        self.arrived = threading.Condition()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.conns = []
        self.acceptor = threading.Thread(target=self.accept, daemon=True)
        self.acceptor.start()

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:                     # the test is over
                return
            self.conns.append(conn)
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        with conn.makefile("rb") as lines:
            for line in lines:
                try:
                    request = json.loads(line)
                except ValueError:
                    return
                threading.Thread(target=self.answer, args=(conn, request), daemon=True).start()

    def answer(self, conn, request):
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        params = request.get("params", {})
        method = request["method"]
        try:
            m = TABLE.get(method)
            if m is None:
                raise Refuse(-32601)
            for name in params:
                if name not in [p["name"] for p in m["params"]] and not (name == "requestKey" and m["write"]):
                    raise Refuse(-32602, field=name)
            with self.arrived:
                self.seen.append((method, params))
                self.arrived.notify_all()
            reply["result"] = self.result(method, params)
        except Refuse as e:
            reply["error"] = e.object()
        except Exception as e:                  # a mistake of the test itself: do not let it wait for a reply
            reply["error"] = {"code": -1, "message": repr(e)}
        try:
            conn.sendall((json.dumps(reply, separators=(",", ":"), ensure_ascii=False) + "\n").encode())
        except OSError:
            pass

    def result(self, method, params):
        if method in self.answers:
            value = self.answers[method]
            return value(params) if callable(value) else value
        if method == "sotto_eventNow":
            return {"cursor": "e%d" % len(self.events)}
        if method == "sotto_eventList":
            return self.event_list(params)
        if method == "sotto_contactList" or method == "sotto_chatList" or method == "sotto_accountList":
            return {"items": []}
        return True

    def push(self, kind, data):
        with self.arrived:
            self.events.append({"seq": len(self.events) + 1, "cursor": "e%d" % (len(self.events) + 1), "ms": 1700000000000, "account": None,
                                "kind": kind, "data": data})
            self.arrived.notify_all()

    def event_list(self, params):
        cursor = params.get("cursor", "e0")[1:]
        after = int(cursor) if cursor.isdigit() else 0
        with self.arrived:
            self.arrived.wait_for(lambda: len(self.events) > after, params.get("waitMs", 0) / 1000)
            events = [e for e in self.events[after:] if not params.get("kinds") or e["kind"] in params["kinds"]]
            return {"events": events, "cursor": "e%d" % len(self.events), "oldest": "e0"}

    def wait_for(self, method, count=1, seconds=20):
        with self.arrived:
            got = self.arrived.wait_for(lambda: sum(m == method for m, _ in self.seen) >= count, seconds)
        assert got, "%s did not come; seen %s" % (method, self.seen)
        return [p for m, p in self.seen if m == method]

    def params_of(self, method):
        return [p for m, p in self.seen if m == method]

    def drop_connections(self):
        for conn in self.conns:
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)    # wakes accept; only then may the number of the descriptor be used again
        self.acceptor.join(10)
        self.listener.close()
        self.drop_connections()
        for conn in self.conns:
            conn.close()
        self.folder.cleanup()
