#!/usr/bin/env python3
"""The HTTP door of one sottod on 127.0.0.1, knocked at as programs and as hostile pages and neighbours on the machine would
(experience.md 2.5, walk-through 15): who passes, who is refused with which code, that a refusal changes nothing, and that the owner
still gets in. The WebSocket client is Debian's python3-websockets, someone else's reading of RFC 6455."""
import asyncio
import base64
import json
import os
import socket
import stat
import sys

import harness
from harness import Network, RpcError, Scenario, sotto

DEBIAN = "/usr/bin/python3"                     # a python3 that stands before it in the path does not have Debian's modules

try:
    import websockets
    import websockets.exceptions
except ImportError:
    websockets = None
    if os.path.exists(DEBIAN) and os.path.realpath(sys.executable) != os.path.realpath(DEBIAN):
        os.execv(DEBIAN, [DEBIAN, "-B", *sys.argv])

try:
    import prometheus_client.parser
except ImportError:
    prometheus_client = None

try:
    import jsonschema
except ImportError:
    jsonschema = None

HTTP = {"http.listen": "127.0.0.1", "http.port": "0"}


class Door:
    """Raw HTTP/1.1 to one address: every byte of a request is the test's."""

    def __init__(self, node):
        host, port = node.ready["http"].rsplit(":", 1)
        self.address, self.name = (host, int(port)), node.ready["http"]
        with open(os.path.join(node.data, "auth", "cookie"), encoding="ascii") as f:
            self.cookie = f.read()

    def dial(self, seconds=20):
        s = socket.create_connection(self.address, seconds * harness.SLOW)
        s.settimeout(seconds * harness.SLOW)
        return s

    def head(self, method, path, host=None, token="cookie", **fields):
        """token: "cookie", None, or the text of the field. A field None is left out."""
        rows = {"Host": host or self.name, **{k.replace("_", "-"): v for k, v in fields.items()}}
        if token:
            rows["Authorization"] = f"Bearer {self.cookie}" if token == "cookie" else token
        return (f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in rows.items() if v is not None) + "\r\n").encode()

    def ask(self, method, path, body=None, on=None, **fields):
        """(status, fields, body); status 0: the connection ended without an answer."""
        if body is not None:
            fields.setdefault("Content_Type", "application/json")
            fields.setdefault("Content_Length", str(len(body)))
        s = on or self.dial()
        try:
            try:
                s.sendall(self.head(method, path, **fields) + (body or b""))
            except (BrokenPipeError, ConnectionResetError):
                pass                                       # refused by the head alone: the answer is there
            return self.answer(s)
        finally:
            if not on:
                s.close()

    @staticmethod
    def answer(s):
        data = b""
        try:
            while b"\r\n\r\n" not in data:
                more = s.recv(65536)
                if not more:
                    return 0, {}, data
                data += more
            head, body = data.split(b"\r\n\r\n", 1)
            first, *rows = head.decode().split("\r\n")
            fields = {k.lower(): v.strip() for k, v in (row.split(":", 1) for row in rows)}
            while len(body) < int(fields.get("content-length", 0)):
                more = s.recv(65536)
                if not more:
                    break
                body += more
            return int(first.split()[1]), fields, body
        except ConnectionResetError:
            return 0, {}, data

    def call(self, method, token="cookie", at="/rpc", **params):
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": harness.method_name(method), "params": params}).encode()
        status, _, body = self.ask("POST", at, request, token=token)
        if status != 200:
            raise AssertionError(f"{method}: status {status} {body[:300]}")
        answer = json.loads(body)
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def ws(self, path="/ws", token="cookie", **more):
        fields = {"Authorization": f"Bearer {self.cookie}" if token == "cookie" else token} if token else {}
        return websockets.connect(f"ws://{self.name}{path}", extra_headers=fields, max_size=None, compression=None, open_timeout=20 * harness.SLOW, **more)


def request(method, number=1, **params):
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": harness.method_name(method), "params": params})


class Doors(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.net = Network(1, flags=HTTP)
        cls.node = cls.net.nodes[0]
        cls.door = Door(cls.node)

    @classmethod
    def tearDownClass(cls):
        cls.net.close()

    def state(self):
        """What a refused call must not have changed: everything a person or an operator could see."""
        node = self.node
        return [node.call(m) for m in ("account list", "contact list", "chat list", "job list", "config dump", "event now", "network peers")]

    def setUp(self):
        self.before = self.state()

    def tearDown(self):
        self.assertEqual(self.state(), self.before)
        self.assertEqual(self.door.call("node status")["version"], self.node.ready["version"])        # and the owner gets in

    def refuse(self, status, code, method, path, body=None, **fields):
        got, rows, text = self.door.ask(method, path, body, **fields)
        self.assertEqual(got, status, (method, path, fields, text[:200]))
        self.assertFalse([k for k in rows if k.startswith("access-control")], rows)
        if code:
            error = json.loads(text)["error"]
            self.assertEqual(error["code"], code, error)
            return error
        return text

    def test_ready_line_cookie_and_calls(self):
        self.assertRegex(self.node.ready["http"], r"^127\.0\.0\.1:\d+$")
        self.assertEqual(self.node.call("node status")["doors"]["http"], self.node.ready["http"])
        path = os.path.join(self.node.data, "auth", "cookie")
        self.assertRegex(self.door.cookie, "^[0-9a-f]{64}$")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700)
        one = request("node status", 8194821630590380).encode()
        status, rows, body = self.door.ask("POST", "/", one)
        self.assertEqual((status, rows["content-type"], json.loads(body)["id"]), (200, "application/json", 8194821630590380))
        for name in (f"localhost:{self.door.address[1]}", f"LOCALHOST:{self.door.address[1]}", f"[::1]:{self.door.address[1]}"):
            self.assertEqual(self.door.ask("POST", "/rpc", one, host=name, Origin=f"http://{name}")[0], 200, name)
        for kind in ("application/json-rpc", "application/jsonrequest", "Application/JSON; charset=utf-8"):
            self.assertEqual(self.door.ask("POST", "/rpc", one, Content_Type=kind)[0], 200, kind)
        batch = f"[{one.decode()},{request('event now', 2)},{request('no such', 3)}]".encode()
        answers = json.loads(self.door.ask("POST", "/rpc", batch)[2])
        self.assertEqual([a["id"] for a in answers], [8194821630590380, 2, 3])
        self.assertEqual(answers[2]["error"]["code"], -32601)
        with self.door.dial() as s:                        # keep-alive
            for _ in range(20):
                self.assertEqual(self.door.ask("POST", "/rpc", one, on=s)[0], 200)
        status, _, body = self.door.ask("GET", "/healthz")
        self.assertEqual((status, json.loads(body)["ok"]), (200, True))
        self.assertEqual(self.door.ask("GET", "/healthz", token=None)[0], 401)
        # what asks for the passphrase in the call is for the socket alone
        self.assertEqual(self.refused(1102, self.door.call, "account phrase", passphrase="").code, 1102)
        self.assertEqual(self.refused(-32601, self.door.call, "event subscribe").data["name"], "METHOD_NOT_FOUND")

    def test_tokens(self):
        body = request("node stop").encode()
        error = self.refuse(401, 1101, "POST", "/rpc", body, token=None)
        self.assertEqual(error["data"]["name"], "NO_TOKEN")
        for token in ("Bearer", "Bearer ", "Basic " + base64.b64encode(b"a:" + self.door.cookie.encode()).decode(), self.door.cookie):
            self.refuse(401, 1101, "POST", "/rpc", body, token=token)
        wrong = [self.door.cookie[:-1], self.door.cookie + "0", self.door.cookie.upper() + " ", "0" * 64, self.door.cookie[::-1]]
        codes = []
        for token in wrong * 2:
            got, rows, text = self.door.ask("POST", "/rpc", body, token="Bearer " + token)
            self.assertIn((got, json.loads(text)["error"]["code"]), ((401, 1101), (429, 1003)))
            self.assertEqual("www-authenticate" in rows, got == 401)
            codes.append(got)
        self.assertIn(429, codes)                          # the sixth in a minute at the latest
        self.assertLess(codes.count(401), 6)
        self.assertEqual(self.door.ask("POST", f"/rpc?token={self.door.cookie}", body, token=None)[0], 401)
        self.assertIn(self.door.ask("POST", f"/k/{self.door.cookie}/", body, token=None)[0], (401, 403))         # whisper's tokens only
        self.assertNotIn(self.door.cookie, self.node.log())
        with open(f"/proc/{self.node.process.pid}/cmdline", encoding="utf-8") as f:
            self.assertNotIn(self.door.cookie, f.read())

    def test_names_and_pages(self):
        body, port = request("node stop").encode(), self.door.address[1]
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.2:{port}", f"localhost.:{port}", f"127.0.0.1:{port}@evil",
                     f"0x7f000001:{port}", f"[::]:{port}", f"localhost:{port}, evil.example"):
            error = self.refuse(403, 1103, "POST", "/rpc", body, host=host)
            self.assertEqual(error["message"], "invalid host specified")
        # no Host at all, and two of them
        for rows in (b"", f"Host: {self.door.name}\r\nHost: evil.example\r\n".encode()):
            with self.door.dial() as s:
                s.sendall(b"POST /rpc HTTP/1.1\r\n" + rows + f"Authorization: Bearer {self.door.cookie}\r\nContent-Type: application/json\r\n"
                          f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
                self.assertIn(self.door.answer(s)[0], (0, 400, 403))
        for origin in ("http://evil.example", "null", "https://127.0.0.1", f"https://{self.door.name}", f"http://{self.door.name}.evil.example",
                       "file://", f"http://{self.door.name}/", "http://localhost"):
            self.refuse(403, 1104, "POST", "/rpc", body, Origin=origin)
        self.refuse(403, 1104, "OPTIONS", "/rpc", token=None, Origin=f"http://{self.door.name}", Access_Control_Request_Method="POST")
        # what a form of another page can send without asking first; browsers that name no Origin are caught by the type
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None):
            for fields in ({"Origin": "http://evil.example"}, {}):
                got = self.door.ask("POST", "/rpc", body, Content_Type=kind, **fields)
                self.assertEqual(got[0], 403 if fields else 415, (kind, fields))
        self.assertEqual(self.refuse(415, 0, "POST", "/rpc", body, Content_Type="text/plain"), b"invalid content type, only application/json is supported")
        for method, path, status in (("GET", "/rpc", 405), ("PUT", "/rpc", 405), ("DELETE", "/", 405), ("GET", "/none", 404), ("GET", "/../auth/cookie", 404),
                                     ("GET", "/ws", 426), ("POST", "/healthz", 405), ("GET", "/k/", 404), ("GET", "/k/a/b", 404)):
            self.refuse(status, 0, method, path)

    def test_too_much(self):
        ok, many = request("node status").encode(), 1000
        self.assertEqual(self.refuse(413, 0, "POST", "/rpc", Content_Type="application/json", Content_Length="5242881"),
                         b"content length too large (5242881>5242880)")
        self.refuse(411, 0, "POST", "/rpc", Content_Type="application/json")
        self.refuse(411, 0, "POST", "/rpc", Content_Type="application/json", Transfer_Encoding="chunked")
        self.refuse(400, 0, "POST", "/rpc", Content_Type="application/json", Content_Length="-1")
        self.assertIn(self.door.ask("POST", "/rpc", ok, X_Long="a" * 9000)[0], (0, 400, 431))
        padded = ok[:-1] + b" " * (5242880 - len(ok)) + b"}"
        self.assertEqual(self.door.ask("POST", "/rpc", padded)[0], 200)
        for text, code in ((b"[" * 33 + b"]" * 33, -32600), (b"[" + b",".join([ok] * 101) + b"]", -32600), (b"[]", -32600), (b"null", -32600),
                           (b"[null]", -32600), (b"{", -32700), (b'{"a":' * 100000, -32600)):
            status, _, body = self.door.ask("POST", "/rpc", text)
            answer = json.loads(body)
            answer = answer[0] if isinstance(answer, list) else answer
            self.assertEqual((status, answer["error"]["code"], answer["id"]), (200, code, None), text[:40])
        self.assertEqual(len(json.loads(self.door.ask("POST", "/rpc", b"[" + b",".join([ok] * 100) + b"]")[2])), 100)
        # slow and half-open ones beside a crowd: the owner is not kept waiting, neither here nor at the socket
        slow = [self.door.dial() for _ in range(10)]
        for i, s in enumerate(slow):
            s.sendall(self.door.head("POST", "/rpc", Content_Type="application/json", Content_Length="1000")[:40 * i + 1])
        crowd = []
        for i in range(many):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(self.door.address)
            crowd.append(s)
            if i % 100 == 99:
                self.assertEqual(self.door.call("node status")["version"], self.node.ready["version"])
                self.node.call("node status")
        for s in crowd + slow:
            s.close()

    def test_websocket(self):
        if not websockets:
            self.skipTest("needs python3-websockets")
        asyncio.run(asyncio.wait_for(self.websocket(), 60 * harness.SLOW))

    async def ws_refused(self, status, **more):
        with self.assertRaises(websockets.exceptions.InvalidStatusCode) as caught:
            async with self.door.ws(**more):
                pass
        self.assertEqual(caught.exception.status_code, status, more)

    async def websocket(self):
        await self.ws_refused(401, token=None)
        await self.ws_refused(404, path="/none")
        await self.ws_refused(405, path="/rpc")
        await self.ws_refused(403, origin="http://evil.example")
        await self.ws_refused(403, origin="null")
        async with self.door.ws(origin=f"http://{self.door.name}") as ws:
            await ws.send(request("node status", "1.50"))
            self.assertEqual(json.loads(await ws.recv())["id"], "1.50")
            await ws.send(b'{"jsonrpc":"2.0","id":1.50,"method":"sotto_eventNow"}')                 # a binary frame
            self.assertIn('"id":1.50,', await ws.recv())
            await ws.send(iter([request("event now")[:20], request("event now")[20:]]))             # in fragments
            self.assertIn("cursor", json.loads(await ws.recv())["result"])
            await ws.send("[" + ",".join([request("event now", i) for i in range(100)]) + "]")
            self.assertEqual([a["id"] for a in json.loads(await ws.recv())], list(range(100)))
            await ws.send("nonsense")
            self.assertEqual(json.loads(await ws.recv())["error"]["code"], -32700)
            for i in range(500):                           # without waiting for one answer
                await ws.send(request("event now", i))
            self.assertEqual(sorted([json.loads(await ws.recv())["id"] for _ in range(500)]), list(range(500)))
            await (await ws.ping())
            padded = request("event now", 7)
            await ws.send(padded[:-1] + " " * (5242880 - len(padded)) + "}")
            self.assertEqual(json.loads(await ws.recv())["id"], 7)
        async with self.door.ws() as ws:                   # one byte too many
            with self.assertRaises(websockets.exceptions.ConnectionClosedError) as caught:
                await ws.send(" " * 5242881)
                await ws.recv()
            self.assertEqual(caught.exception.code, 1009)
        async with self.door.ws() as ws, self.door.ws() as other:        # what is pushed reaches who asked, and nobody else
            await ws.send(request("event subscribe", kinds=["job.done"]))
            number = json.loads(await ws.recv())["result"]
            self.node.job("backup create", path=os.path.join(self.net.folder, "ws.bak"), passphrase="p")
            pushed = json.loads(await ws.recv())
            self.assertEqual((pushed["method"], pushed["params"]["subscription"], pushed["params"]["result"]["kind"]), ("sotto_event", number, "job.done"))
            self.assertNotIn("id", pushed)
            await other.send(request("event unsubscribe", subscription=number))
            self.assertEqual(json.loads(await other.recv())["error"]["code"], 1002)
            await ws.send(request("event unsubscribe", subscription=number))
            self.assertIs(json.loads(await ws.recv())["result"], True)
        self.before = self.state()                         # that job was ours

    def test_made_tokens(self):
        """Each passes as far as its scopes, until its end; what is stored does not give it away, and it outlives the process."""
        node, door = self.node, self.door
        reader = node.call("token create", name="graphs", scopes="r")
        admin = node.call("token create", name="ops", scopes="a", expiresMs=3600000)
        web3 = node.call("token create", name="web3", scopes="x")
        short = node.call("token create", name="short", scopes="r", expiresMs=1000)
        for made in (reader, admin, web3, short):
            made["field"] = "Bearer " + made.pop("secret")
        listed = node.call("token list")["items"]
        self.assertEqual([(t["name"], t["scopes"], t["usedMs"]) for t in listed], [("graphs", "r", None), ("ops", "a", None), ("web3", "x", None), ("short", "r", None)])
        self.assertEqual(door.call("node status", token=reader["field"])["version"], node.ready["version"])
        self.assertEqual(door.ask("GET", "/healthz", token=reader["field"])[0], 200)
        self.refused(1102, door.call, "account use", token=reader["field"], account=node.account)
        self.refused(1102, door.call, "config dump", token=reader["field"])
        self.refused(1102, door.call, "node status", token=admin["field"])
        self.refused(1102, door.call, "token create", token=admin["field"], name="more", scopes="ac")    # more than it has
        self.assertEqual(json.loads(door.ask("GET", "/healthz", token=web3["field"])[2])["error"]["code"], 1102)
        path = f"/k/{web3['field'].split()[1]}/"
        self.refused(1102, door.call, "node status", token=None, at=path)                 # known, and without that right
        self.assertEqual(door.ask("POST", path, b"{}", token=None, host="evil.example")[0], 403)
        self.assertEqual(door.ask("POST", f"/k/{reader['field'].split()[1]}/", b"{}", token=None)[0], 403)       # more than x in an address
        # a file is named by its path over the socket only; what destroys everything is for persons
        self.refused(1006, door.call, "backup create", path="/tmp/x", passphrase="p")
        self.refused(1102, door.call, "vault wipe", level="keys", confirm="WIPE")
        self.assertIsNotNone(node.call("token list")["items"][0]["usedMs"])
        # its end comes by itself; asked until then
        with self.assertRaisesRegex(AssertionError, "status 401"):
            node.until(lambda: not door.call("node status", token=short["field"]), 30)
        self.revoked(reader)
        for made in (reader, web3):
            self.assertNotIn(made["field"].split()[1], node.log())
            for name in os.listdir(node.data):
                if name.startswith("messages.db"):
                    with open(os.path.join(node.data, name), "rb") as f:
                        stored = f.read()
                    self.assertNotIn(made["field"].split()[1].encode(), stored)
                    self.assertNotIn(bytes.fromhex(made["field"].split()[1]), stored)
        old = door.cookie
        node.stop()
        node.start()
        node.until(lambda: not node.call("account list")["items"][0]["locked"], what="the vault is open")
        type(self).door = self.door = door = Door(node)
        self.assertNotEqual(old, door.cookie)
        self.assertEqual(door.ask("POST", "/rpc", b"{}", token="Bearer " + old)[0], 401)
        self.assertEqual(door.call("token list", token=admin["field"])["items"][0]["name"], "ops")
        for made in (admin, web3, short):
            node.call("token revoke", token=made["token"])
        self.assertEqual(node.call("token list")["items"], [])
        self.before = self.state()

    def test_whisper_tokens(self):
        """A token for a library that speaks Whisper uses the node; what holds for everybody on it, only who runs it may set."""
        made = {scopes: self.node.call("token create", name="w" + scopes, scopes=scopes) for scopes in ("x", "a", "rcw", "xa")}
        setters = (("shh_setMinPoW", [0.2]), ("shh_setMaxMessageSize", [1048576]), ("shh_setBloomFilter", ["0x" + "00" * 64]), ("shh_makeLightClient", []),
                   ("shh_cancelLightClient", []))

        def code(scopes, method, params, at="/rpc"):
            token = None if at != "/rpc" else "Bearer " + made[scopes]["secret"]
            status, _, body = self.door.ask("POST", at, json.dumps({"id": 1, "method": method, "params": params}).encode(), token=token)
            self.assertEqual(status, 200)
            return json.loads(body).get("error", {}).get("code")
        before = self.node.call("relay stats"), code("x", "shh_info", [])
        for method, params in setters:
            self.assertEqual(code("x", method, params), 1102, method)
            self.assertEqual(code("x", method, params, f"/k/{made['x']['secret']}/"), 1102, method)
            self.assertEqual(code("rcw", method, params), 1102, method)
        self.assertEqual((self.node.call("relay stats"), code("x", "shh_info", [])), before)
        for method, params in setters[:2] + setters[3:]:
            self.assertIsNone(code("a", method, params), method)
            self.assertIsNone(code("xa", method, params), method)
        for method, params in (("shh_newSymKey", []), ("shh_info", []), ("shh_post", [{}]), ("shh_newMessageFilter", [{}])):
            self.assertEqual(code("a", method, params), 1102, method)
            self.assertNotEqual(code("x", method, params), 1102, method)
            self.assertNotEqual(code("xa", method, params), 1102, method)
        for token in made.values():
            self.node.call("token revoke", token=token["token"])

    def revoked(self, made):
        """Its WebSocket ends with it."""
        async def story():
            async with self.door.ws(token=made["field"]) as ws:
                await ws.send(request("event now"))
                self.assertIn("cursor", json.loads(await ws.recv())["result"])
                self.node.call("token revoke", token="graphs")
                with self.assertRaises(websockets.exceptions.ConnectionClosed):
                    await ws.recv()
        if websockets:
            asyncio.run(asyncio.wait_for(story(), 60 * harness.SLOW))
        else:
            self.node.call("token revoke", token="graphs")
        self.assertIn(self.door.ask("POST", "/rpc", b"{}", token=made["field"])[0], (401, 429))

    def test_documents(self):
        """The table for programs, and the numbers for graphs."""
        status, fields, body = self.door.ask("GET", "/openrpc.json", token=None)
        self.assertEqual((status, fields["content-type"]), (200, "application/json"))
        document = json.loads(body)
        with open(os.path.join(harness.ROOT, "api", "methods.json"), encoding="utf-8") as f:
            api = json.load(f)
        table = api["methods"] + api["foreign"]
        self.assertEqual(document["openrpc"], "1.2.6")
        self.assertEqual([m["name"] for m in document["methods"]], [harness.method_name(m["name"]) for m in table])
        self.assertEqual([m["x-permission"] for m in document["methods"]], [m["perm"] for m in table])
        if jsonschema:
            for method in document["methods"]:
                for schema in [p["schema"] for p in method["params"]] + [method["result"]["schema"]]:
                    jsonschema.Draft7Validator.check_schema(schema)
        self.assertEqual(self.door.call("rpc discover"), document)
        self.refuse(405, 0, "POST", "/openrpc.json", b"{}")
        described = {m["name"]: m for m in document["methods"]}
        self.assertEqual({name.split("_")[0] for name in described if not name.startswith(("sotto_", "rpc."))}, {"rpc", "net", "web3", "admin", "shh"})
        for entry in table:
            name = harness.method_name(entry["name"])
            self.assertEqual([p["name"] for p in described[name]["params"]][:len(entry["params"])], [p["name"] for p in entry["params"]], name)
            if name.startswith("shh_"):
                self.positions(described[name])
            elif not name.startswith("sotto_"):
                self.members(described[name])

    def positions(self, method):
        """What the node says of parameters by position: as many as the document has, of the kinds that it tells, in its order."""
        good = {"string": "0x", "integer": 1, "number": 1.5, "object": {}}
        name, params = method["name"], [good[p["schema"]["type"]] for p in method["params"]]
        if name == "shh_subscribe":
            params[0] = "messages"
        self.assertEqual((method["paramStructure"], [p["required"] for p in method["params"]]), ("by-position", [True] * len(params)))
        if params:
            error = self.foreign(name, params + [1])
            self.assertEqual((error["code"], error["message"]), (-32602, f"too many arguments, want at most {len(params)}"))
        for i, p in enumerate(method["params"]):
            error = self.foreign(name, params[:i])
            self.assertEqual((name, error["code"]), (name, -32602))
            if name != "shh_subscribe":
                self.assertEqual(error["message"], f"missing value for required argument {i}")
                if p["schema"]["type"] != "object":
                    error = self.foreign(name, params[:i] + [["a list is none of them"]] + params[i + 1:])
                    self.assertEqual((error["code"], error["message"].split(":")[0]), (-32602, f"invalid argument {i}"), name)

    def members(self, method):
        """The names of geth that stand in our own table: by name or by position, and nothing beside."""
        required = {p["name"]: "x" for p in method["params"] if p["required"]}
        error = self.foreign(method["name"], {**required, "noSuchThing": 1})
        self.assertEqual((error["code"], error["data"]["field"]), (-32602, "noSuchThing"), method["name"])
        error = self.foreign(method["name"], list(required.values()) + ["more"])
        self.assertEqual(error["code"], -32602, method["name"])
        if required:
            self.assertEqual(self.foreign(method["name"], [])["data"]["field"], next(iter(required)))

    def foreign(self, name, params):
        """Over the socket, where subscriptions are possible."""
        rpc = harness.Rpc(self.node.ready["socket"])
        rpc.send_raw(json.dumps({"jsonrpc": "2.0", "id": 1, "method": name, "params": params}).encode())
        answer = json.loads(rpc.line())
        rpc.close()
        return answer["error"]

    def scraped(self):
        """What Prometheus' own client library reads at /metrics: {family: (type, {labels or suffix: value})}."""
        status, fields, body = self.door.ask("GET", "/metrics")
        self.assertEqual((status, fields["content-type"]), (200, "text/plain; version=0.0.4"))
        for secret in (self.node.account.lower(), self.node.account, "Alice", self.door.cookie):
            self.assertNotIn(secret, body.decode())
        out = {}
        for family in prometheus_client.parser.text_string_to_metric_families(body.decode()):
            self.assertTrue(family.documentation and family.name not in out, family.name)
            rows = {}
            for sample in family.samples:
                key = (sample.name, *sorted(sample.labels.items()))
                self.assertNotIn(key, rows)
                rows[key] = sample.value
            out[family.name] = (family.type, rows)
        return out

    def listed(self):
        """The same from `metric list`, brought into that form."""
        out = {}
        for family in self.node.call("metric list"):
            rows, name = {}, family["name"]
            for sample in family["samples"]:
                labels = sorted(sample.get("labels", {}).items())
                if family["type"] == "histogram":
                    for bucket in sample["buckets"]:
                        rows[(name + "_bucket", *sorted(labels + [("le", bucket["le"])]))] = bucket["count"]
                    rows[(name + "_sum", *labels)], rows[(name + "_count", *labels)] = sample["sum"], sample["count"]
                else:
                    rows[(name, *labels)] = sample["value"]
            out[name.removesuffix("_total") if family["type"] == "counter" else name] = (family["type"], rows)
        return out

    def test_metrics(self):
        self.refuse(401, 1101, "GET", "/metrics", token=None)
        self.door.ask("GET", "/metrics", host="evil.example")
        if not prometheus_client:
            self.skipTest("needs python3-prometheus-client")
        self.refused(-32601, self.node.call, "sotto_noSuchThing")
        self.node.call("message search", query="when was I here")
        page, listed = self.scraped(), self.listed()
        self.assertEqual({name: kind for name, (kind, _) in page.items()}, {name: kind for name, (kind, _) in listed.items()})
        moving = ("sotto_uptime", "sotto_rss", "sotto_wakeups", "sotto_rpc_seconds", "sotto_backup_age")
        for name, (_, rows) in page.items():
            self.assertEqual(set(rows) - {key for key in rows if "sotto_metricList" in str(key)}, {key for key in listed[name][1] if "sotto_metricList" not in str(key)}, name)
            if not name.startswith(moving):
                self.assertEqual(rows, listed[name][1], name)
        one = {key[0]: value for _, rows in page.values() for key, value in rows.items() if len(key) == 1}
        self.assertEqual(one["sotto_up"], 1)
        self.assertEqual(one["sotto_outbound_diversity"], 0)
        self.assertGreater(one["sotto_rss_bytes"], 1 << 20)
        self.assertGreater(one["sotto_wakeups_total"], 0)
        self.assertGreaterEqual(page["sotto_auth_refused"][1][("sotto_auth_refused_total", ("reason", "host"))], 1)
        self.assertGreaterEqual(page["sotto_rpc_errors"][1][("sotto_rpc_errors_total", ("code", "-32601"))], 1)
        self.assertEqual(page["sotto_peers"][1][("sotto_peers", ("cap", "shh"), ("direction", "out"))], 0)
        self.assertEqual(page["sotto_bytes"][0], "counter")
        for name, (kind, rows) in page.items():
            if kind != "histogram":
                continue
            by_labels = {}
            for key, value in rows.items():
                if key[0].endswith("_bucket"):
                    labels = dict(key[1:])
                    by_labels.setdefault(tuple(sorted((k, v) for k, v in labels.items() if k != "le")), []).append((float(labels["le"]), value))
            for labels, buckets in by_labels.items():
                buckets.sort()
                self.assertEqual([count for _, count in buckets], sorted(count for _, count in buckets))
                self.assertEqual(buckets[-1], (float("inf"), rows[(name + "_count", *labels)]))
        # a diary of what people do is kept only where they want one
        methods = {dict(key[1:])["method"] for key in page["sotto_rpc_seconds"][1]}
        self.assertIn("sotto_configDump", methods)
        self.assertNotIn("sotto_messageSearch", methods)
        self.assertFalse(methods & {"sotto_eventNow", "sotto_accountList", "sotto_chatList"})
        private = {"sotto_work_seconds", "sotto_door_clients", "sotto_rpc_pending"}
        self.assertFalse(private & set(page))
        self.node.call("config set", key="metrics.private", value="true")
        page = self.scraped()
        self.node.call("config unset", key="metrics.private")
        self.assertLessEqual(private, set(page))
        self.assertIn("sotto_messageSearch", {dict(key[1:])["method"] for key in page["sotto_rpc_seconds"][1]})
        self.assertGreater(page["sotto_fsync_seconds"][1][("sotto_fsync_seconds_count",)], 0)      # that account was made here
        self.assertFalse(private & set(self.scraped()))

    def test_unsafe_address(self):
        done = harness.subprocess.run([harness.SOTTOD, "--data", os.path.join(self.net.folder, "x"), "--network.local", "true", "--http.listen", "0.0.0.0"],
                                      capture_output=True, text=True, timeout=30 * harness.SLOW)
        self.assertEqual(done.returncode, 1)
        self.assertIn("2006 UNSAFE_LISTEN", done.stderr)
        done = harness.subprocess.run([harness.SOTTOD, "--data", os.path.join(self.net.folder, "y"), "--network.local", "true",
                                       "--http.port", str(self.door.address[1])], capture_output=True, text=True, timeout=30 * harness.SLOW)
        self.assertEqual(done.returncode, 1)
        self.assertIn("2003 PORT_USED", done.stderr)


if __name__ == "__main__":
    harness.main()
