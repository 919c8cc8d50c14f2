#!/usr/bin/env python3
"""Dictionaries of the fuzz targets that read text, and of some that read bytes: tests/fuzz/dict/NAME.dict, made from the tables that the readers follow.
Run again after api/methods.json, src/io/config_keys.h or the codes of src/relay/link_code.c changed; --check tells whether they are current."""
import json
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DICTS = os.path.join(ROOT, "tests", "fuzz", "dict")
HEX40 = "0x52908400098527886E0F7030069857D2E4169EE7"
# characters that readers of text treat in a way of their own: controls, direction marks, what hides, what is long, what is no character
ODD = ["\u0085", "\u00a0", "\u00ad", "\u061c", "\u200b", "\u200d", "\u200e", "\u2028", "\u202a", "\u202e", "\u2060", "\u2066", "\u2069", "\u3000", "\ufb01",
       "\ufeff", "\ufff9", "\u00e9", "e\u0301", "\u1e9b\u0323", "\uac00", "\U0001f468\u200d\U0001f469", "\U000e0041", "\ufdfa", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80",
       b"\xff", b"\x1b[2J", b"\x7f", b"\r\n", b"\t"]


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


def config_words():
    keys = re.findall(r'X\((\w+), "([a-z_.]+)", (\w+), "([^"]*)".*?"([^"]*)"\)', read("src", "io", "config_keys.h"))
    words = sorted({w for key in keys if key[2] == "WORD" for w in key[4].split("|")[-1].split()})
    return [k[1] for k in keys], sorted({k[3] for k in keys if k[3]}), words


def rlp(item):
    """RLP of a number, of bytes or of a list of such."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, bytes) and len(item) == 1 and item[0] < 0x80:
        return item
    low, body = (0xc0, b"".join(rlp(i) for i in item)) if isinstance(item, list) else (0x80, item)
    if len(body) < 56:
        return bytes([low + len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([low + 55 + len(size)]) + size + body


def link_options():
    """Options of STATUS, each as its pair: the least and the greatest values that are taken, one beyond, and padding (network.md 2)."""
    values = {1: [0, 3, 65535, 65536], 2: [bytes(32), bytes(31)], 3: [[1, 1, 1], [60, 1 << 18, (1 << 32) - 1], [0, 1, 1], [1, 1, 1 << 32], [1, 1]],
              4: [0, 0x3fc999999999999a, 0x7fefffffffffffff, 0x7ff0000000000000, 1 << 63], 5: [[0, 50], [1, 65535], [2, 0]], 6: [[0, 1], [1, 64], [1, 65], [1, 0]],
              7: [0, 65535], 8: [[1], [65535], [0], 1], 9: [b"later"], 0x7d: [b""], 0x7e: [b"", bytes(2)], 0x7f: [b"", bytes(64)], 0x80: [b""], 255: [b""]}
    return [rlp([option, value]) for option in values for value in values[option]]


def link_records():
    """Heads of records whole, first, next and last, of the first and last code of each run; whole small records; the end of a cell."""
    runs = [(int(a, 16), int(b, 16), int(c) if c.isdigit() else 3) for a, b, c in re.findall(r"\{ 0x(..), 0x(..), (\w+) \}", read("src", "relay", "link_code.c"))]
    heads = [bytes([code, flags | channel, 0]) for a, b, channel in runs for code in (a, b) for flags in (0x40, 0xc0, 0x80, 0)]
    bodies = {2: [3], 3: [1, 1 << 17], 4: [9], 5: [[[1, 7]]], 6: [2, 0], 9: [16], 0xb: [30401], 0xc: [1], 0xd: [bytes(8), 1], 0x16: [0x3fd999999999999a], 0x18: [1], 0x22: [1],
              0x50: [], 0x52: [1, 2, 3], 0x58: [1, 3, 9]}
    channels = {code: channel for a, b, channel in runs for code in range(a, b + 1)}
    whole = [bytes([code, 0x40 | channels[code], 0, len(rlp(body))]) + rlp(body) for code, body in bodies.items()]
    return heads + whole + [bytes([7, 0x40, 0, 8]) + b"nonce...", bytes([0x11, 0x41, 0, 16]) + bytes(16), b"\xff", b"\xff\0\0\0", b"\x15\x41\0\x01", b"\x80\x40\0\x01"]


def dictionaries():
    api = json.loads(read("api", "methods.json"))
    calls = [m.get("rpc") or "sotto_" + m["name"].split()[0] + "".join(w.capitalize() for w in m["name"].split()[1:]) for m in api["methods"]]
    names = sorted({p["name"] for m in api["methods"] for p in m["params"]})
    flags = sorted({"--" + re.sub("([A-Z])", lambda g: "-" + g.group(1).lower(), n) for n in names})
    events = [e[0] for e in api["events"]]
    keys, values, words = config_words()
    units = ["ms", "s", "min", "h", "d", "w", "B", "KiB", "MiB", "GiB", "KB", "MB", "GB", "18446744073709551615", "9223372036854775808", "1_000", "0"]
    enode = "enode://" + "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
    json_words = ['{"', '":', ',"', "[", "]", "}", "null", "true", "false", "1e3", "-0", "\\u0069d", "\\u0000", "\\ud800"]
    return {
        "rpc": json_words + ['"jsonrpc":"2.0"', '"id":1', '"method":"', '"params":{', '"requestKey":"0123456789abcdef"', HEX40] + ['"%s"' % c for c in calls] +
               ['"%s":' % n for n in names] + ['"%s"' % e for e in events],
        "config": ["[%s]\n" % s for s in sorted({k.split(".")[0] for k in keys})] + [k.split(".")[1] + " = " for k in keys] + [k + " = " for k in keys] + values + words + units +
                  ['"', "'", "[\"", "\", \"", "# ", "\\u0041", "true", "false", enode + "@10.0.0.1:30401"],
        "config_value": values + words + units + ["true", "false", ", ", "0.0.0.0", "::", "::1", enode, enode + "@10.0.0.1:30401"],
        "config_args": ["\0--%s\0" % k for k in keys] + ["--%s=" % k for k in keys] + ["\0SOTTO_%s=" % k.upper().replace(".", "_") for k in keys] +
                       values + words + units + ["\0--json\0", "\0--config\0", "\0--data\0", "true", "false", "test"],
        "cli_args": ["\0" + f + "\0" for f in flags] + [f + "=" for f in flags] + ["\0--account\0", "\0--json\0", "\0--confirm\0", "\0--request-key\0", "\0--\0", "-h", "--wait", "\0--no-input\0"] +
                    events + units + ["yes", "no", "on", "off", "true", HEX40, "12h", "14d", "0123456789abcdef"],
        "link": ["sotto:0x", HEX40, "sotto:", "?c=", "&c=", "&s=", "&i=", "&n=", "&b=", "?n=", "?b=", "&x=", "AAAA", "-_", "sotto:network", "sotto:cluster", " ", "%20", "="],
        "keystore": json_words + ['"crypto":', '"Crypto":', '"cipher":"aes-128-ctr"', '"cipherparams":{"iv":"', '"ciphertext":"', '"kdf":"scrypt"', '"kdf":"pbkdf2"', '"kdfparams":{',
                                  '"dklen":32', '"n":2', '"n":262144', '"r":8', '"p":1', '"c":1', '"c":262144', '"prf":"hmac-sha256"', '"salt":"', '"mac":"', '"id":"', '"version":3',
                                  "00112233445566778899aabbccddeeff"],
        "enode": [enode, "enode://", "@", "127.0.0.1:", "[::1]:", "[", "]:", "::", "::ffff:", "1.2.3.4", "?discport=", "30303", "65535", "65536", "ffff:"],
        "id": ["0x", HEX40, HEX40.lower(), HEX40.upper().replace("0X", "0x"), "abcdef", "ABCDEF"],
        "mnemonic": ["\0abandon ", "\0zoo ", " about", " art", "abandon " * 8, "zoo " * 8, " ", "\n", "\u3000", "\u00a0"] + ["satoshi ", "ability ", "zebra ", "legal ", "winner "],
        "normal": ODD, "text": ODD + ["AAAA", "-_8", "=="], "clean": ODD,
        "filelink": ODD + ["CON", "aux.txt", "..", "/", "\\", ":", "text/plain", "."],
        "link_status": [b"\xf9\x01\xfd\x01\xa1\x02", b"\xa1\x03", b"\xa0"] + link_options(), "link_record": link_records(),
        "rlp": [b"\x80", b"\x81\x80", b"\xb7", b"\xb8\x38", b"\xc0", b"\xf7", b"\xf8\x38", b"\xbf", b"\xff", b"\xf9\x01\x00"],
    }


def quoted(word):
    data = word if isinstance(word, bytes) else word.encode()
    return '"%s"' % "".join("\\" + chr(b) if b in b'"\\' else chr(b) if 32 <= b < 127 else f"\\x{b:02x}" for b in data)


def main():
    stale = []
    for name, words in dictionaries().items():
        text = "\n".join(["# made by tools/make_dicts.py", *(quoted(w) for w in dict.fromkeys(words) if 0 < len(w) <= 128)]) + "\n"
        path = os.path.join(DICTS, name + ".dict")
        old = read(path) if os.path.exists(path) else None
        if text != old:
            stale.append(name)
            if "--check" not in sys.argv:
                os.makedirs(DICTS, exist_ok=True)
                with open(path, "w", encoding="ascii") as f:
                    f.write(text)
    if stale and "--check" in sys.argv:
        print("not current, run tools/make_dicts.py:", " ".join(stale))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
