#!/usr/bin/env python3
"""First inputs of the fuzz targets, taken from tests/vectors/messaging.json: tests/fuzz/corpus/NAME/VECTOR. Run again after the
vectors changed; files that a fuzz run added are left alone."""
import json
import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORPUS = os.path.join(ROOT, "tests", "fuzz", "corpus")


def put(target, name, data):
    folder = os.path.join(CORPUS, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def network():
    """What travels on a link: STATUS; a code and its body; plain texts of cells behind the byte that says how they are taken."""
    with open(os.path.join(ROOT, "tests", "vectors", "network.json"), encoding="utf-8") as f:
        vectors = json.load(f)["vectors"]
    for v in vectors:
        if v["group"] == "status":
            put("link_status", v["id"], bytes.fromhex(v["in"].get("payload") or v["out"]["payload"]))
        elif v["group"] == "record" and len(v["in"].get("body", "0" * 9999)) < 1300:
            put("link_record", v["id"], bytes([v["in"]["code"]]) + bytes.fromhex(v["in"]["body"]))
        elif v["group"] == "receive":
            cells = [bytes.fromhex(c["plain"]).rstrip(b"\0")[:1135] for c in v["in"]["cells"][1:]]
            cells = [(len(c) > 240, c[:-1] if c.endswith(b"\xff") else c) for c in cells]
            text = b"".join(bytes([large]) + (len(c).to_bytes(2, "big") if large else bytes([len(c)])) + c + b"\0" for large, c in cells)
            if len(text) < 3000:
                put("link_record", v["id"], b"\x00\x08" + text)


def main():
    with open(os.path.join(ROOT, "tests", "vectors", "messaging.json"), encoding="utf-8") as f:
        vectors = {v["id"]: {**v["in"], **{"out_" + k: x for k, x in v["out"].items()}} for v in json.load(f)["vectors"]}
    for name, v in vectors.items():
        for target, fields in (("cert", ("cert", "out_cert")), ("first_contact", ("M1", "M2", "out_M1", "out_M2")), ("box", ("sealed", "plain", "out_sealed")),
                               ("content", ("body", "out_body")), ("cell", ("out_sealed",)), ("envelope", ("out_rlp",)), ("rlp", ("out_rlp",)),
                               ("vault", ("out_file",))):
            group = name.rsplit("-", 1)[0]
            wanted = {"cert": ("cert", "link"), "first_contact": ("hello",), "box": ("box",), "content": ("content", "record"), "cell": ("cell",),
                      "envelope": ("envelope",), "rlp": ("envelope",), "vault": ("vault",)}[target]
            for field in fields:
                if group in wanted and isinstance(v.get(field), str) and v[field]:
                    put(target, f"{name}-{field.replace('out_', '')}", bytes.fromhex(v[field]))
        if "out_link" in v and str(v["out_link"]).startswith("sotto:"):
            put("link", name, v["out_link"].encode())
        elif "out_link" in v:
            put("filelink", name, bytes.fromhex(v["out_link"]))
    network()
    # Small shapes that no vector has.
    for number, shape in enumerate((b"\xc0", b"\x80", b"\x83abc", b"\xc8\x83abc\x83def", b"\xf8\x38" + b"\xb8\x36" + bytes(54), b"\x82\x04\x00", b"\xc3\xc2\xc1\xc0")):
        put("rlp", f"shape-{number}", shape)
    for number, shape in enumerate((b"\x00", b"\x05\x10hello", b"\x14\x00a\x46\x01\x00", b"\x40\xf0\x3f" + bytes(64))):
        put("snappy", f"shape-{number}", shape)
    # Heads at the HTTP door: how, then path, Host, Origin, token, type, each behind its size (255: not there); and an empty table of tokens.
    cookie = b"Bearer 07" + b"0" * 62
    here = b"127.0.0.1:7377"
    for number, (how, *fields) in enumerate((
            (0x08, b"/rpc", here, None, cookie, b"application/json"), (0x04, b"/ws", b"localhost:7377", b"http://[::1]:7377", cookie, None),
            (0x00, b"/metrics", b"front.example:443", None, cookie, None), (0x08, b"/k/07" + b"0" * 62 + b"/", here, None, None, b"application/json"),
            (0x0a, b"/", None, b"null", None, b"text/plain"), (0x10, b"/rpc", here, b"http://evil.example", None, None))):
        put("gate", f"head-{number}", bytes([how]) + b"".join(b"\xff" if f is None else bytes([len(f)]) + f for f in fields))
    put("gate", "rows", b"\x01\x01" + bytes(7) + b"\x02" + b"\x00\x01" + bytes(7) + b"\x01" + b"\x01" + bytes(56) + b"\x01a")
    # A client at the door: how it behaves, then what it writes.
    body = b'{"jsonrpc":"2.0","id":1,"method":"sotto_nodeStatus"}'
    posts = [b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (path, len(body), body) for path in (b"/rpc", b"/", b"/else")]
    for number, text in enumerate((*posts, posts[0] + posts[0], b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"PUT /rpc HTTP/1.1\r\n\r\n",
                                   posts[0].replace(b"application/json", b"text/plain"), posts[0].replace(b"Content-Length: 52", b"Content-Length: 999"),
                                   posts[0].replace(b"Content-Length: 52", b"Transfer-Encoding: chunked"), posts[0].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
                                   body + b"\n" + body + b"\r\n\n  \n" + body)):
        for how in (0, 1, 4):
            put("door", f"client-{number}-{how}", bytes([how]) + text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
