#!/usr/bin/env python3
"""What stands on the line between neighbours that speak sotto/1. Two nodes and a program of its own (link_peer.c) that is a neighbour of one of them; the
packets of the loopback device are captured while 500 messages go from person to person and 5 MB of records as the ledger will have them cross the
link. The program hands out its RLPx keys, so that its frames can be told apart and looked into: every CELL has one of two sizes. Nothing that names a
message or its envelope stands in what was captured, neither outside nor, where the keys are known, inside of RLPx.

Without relay.plain: the links alone carry everything. Capturing needs root."""
import collections
import ctypes
import ctypes.util
import json
import os
import socket
import struct
import subprocess
import threading

import harness
from harness import Network, Scenario

PEER = os.path.join(harness.BUILD, "link_peer")
MESSAGES = 500
RECORD_BYTES = 5_000_000
SMALL, LARGE = 320, 1216                 # bytes of RLPx frames: head 32, data 260 or 1157 filled up to blocks of 16, MAC 16
STATUS_CODE, CELL_CODE = 0x90, 0x91      # shh/6 takes 0x10..0x8f
ETH_P_ALL, PACKET_OUTGOING, SO_RCVBUFFORCE = 3, 4, 33


class Capture:
    """Every TCP segment that leaves by the loopback device, once; in order by sequence number, as streams."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        self.socket.bind(("lo", 0))
        self.socket.settimeout(0.2)
        self.segments, self.packets, self.going = collections.defaultdict(list), 0, True
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while self.going:
            try:
                packet, source = self.socket.recvfrom(1 << 17)
            except socket.timeout:
                continue
            if source[2] != PACKET_OUTGOING or packet[12:14] != b"\x08\x00" or packet[23] != 6:
                continue
            ip = packet[14:14 + int.from_bytes(packet[16:18], "big")]
            tcp = ip[(ip[0] & 15) * 4:]
            ports, seq, payload = struct.unpack(">HH", tcp[:4]), int.from_bytes(tcp[4:8], "big"), tcp[(tcp[12] >> 4) * 4:]
            if tcp[13] & 2:
                self.segments[ports].append((seq, None))
            elif payload:
                self.segments[ports].append((seq, payload))
                self.packets += 1

    def stop(self):
        self.going = False
        self.thread.join()
        self.socket.close()

    def streams(self, ports):
        """{(from port, to port): bytes} of connections with one of these ports; a hole in a stream is a fault of the capture."""
        out = {}
        for key, segments in self.segments.items():
            if not ports & set(key):
                continue
            first = next((seq for seq, payload in segments if payload is None), None)
            assert first is not None, "a connection was there before the capture"
            data = bytearray()
            for at, payload in sorted((((seq - first - 1) & 0xffffffff, payload) for seq, payload in segments if payload is not None), key=lambda s: s[0]):
                assert at <= len(data), f"the capture lost {at - len(data)} bytes of {key}"
                data[at:at + len(payload)] = payload
            out[key] = bytes(data)
        return out


def aes_ctr(key):
    """AES-256-CTR from zero, as RLPx has it; one after the other."""
    lib = ctypes.CDLL(ctypes.util.find_library("crypto"))
    lib.EVP_CIPHER_CTX_new.restype = lib.EVP_aes_256_ctr.restype = ctypes.c_void_p
    ctx = ctypes.c_void_p(lib.EVP_CIPHER_CTX_new())
    assert lib.EVP_EncryptInit_ex(ctx, ctypes.c_void_p(lib.EVP_aes_256_ctr()), None, key, bytes(16)) == 1

    def step(data):
        out, size = ctypes.create_string_buffer(len(data) + 16), ctypes.c_int()
        assert lib.EVP_EncryptUpdate(ctx, out, ctypes.byref(size), data, len(data)) == 1 and size.value == len(data)
        return out.raw[:size.value]

    return step


def frames(stream, key):
    """(code, size on the line, plain bytes) of each whole frame behind the handshake's packet."""
    at, step = 2 + int.from_bytes(stream[:2], "big"), aes_ctr(key)
    while at + 32 <= len(stream):
        size = int.from_bytes(step(stream[at:at + 16])[:3], "big")
        body = (size + 15) // 16 * 16
        if at + 32 + body + 16 > len(stream):
            return
        plain = step(stream[at + 32:at + 32 + body])[:size]
        yield (plain[1] if plain[0] == 0x81 else 0 if plain[0] == 0x80 else plain[0]), 32 + body + 16, plain
        at += 32 + body + 16


class Links(Scenario):
    def test_two_sizes_and_nothing_to_read(self):
        if os.geteuid() != 0:
            self.skipTest("capturing packets needs root")
        capture = Capture()
        try:
            self.story(capture)
        finally:
            if capture.going:
                capture.stop()

    def story(self, capture):
        with Network(2, flags={"relay.plain": None, "relay.flush": "100ms"}) as net:
            alice, bob = net.alice, net.bob
            net.meet()
            keys, bodies = os.path.join(net.folder, "keys"), os.path.join(net.folder, "bodies")
            peer = subprocess.Popen([PEER, alice.ready["peer"], keys, bodies, str(MESSAGES), str(RECORD_BYTES), str(harness.dice.randrange(1, 2**62))],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            try:
                texts = [f"Kettle {i} sings at {harness.dice.randrange(10**12)}" for i in range(MESSAGES)]
                for text in texts:
                    alice.call("message send", chat="bob", text=text)
                bob.until(lambda: len(bob.messages("alice")) == MESSAGES, 200, "all messages")
                self.assertEqual([m["text"] for m in bob.messages("alice")], texts)
                link = next(p for p in alice.call("network peers")["items"] if p["link"] and "ledger" in p["link"]["roles"])
                said, _ = peer.communicate(timeout=240 * harness.SLOW)
            finally:
                harness.end_process(peer)
                peer.stdout.close()
            print("  peer:", said.strip(), flush=True)
            self.assertEqual(peer.returncode, 0)
            told = json.loads(said)
            self.look(alice, bob, link, told)
            ports = {int(n.ready["peer"].split("?")[0].rsplit(":", 1)[1]) for n in (alice, bob)}
            names = [bytes.fromhex(n.account.removeprefix("0x")) for n in (alice, bob)]
            capture.stop()
            with open(keys, encoding="ascii") as f:
                key = bytes.fromhex(f.read().strip())
            with open(bodies, "rb") as f:
                self.read(capture, ports, key, f.read(), [t.encode() for t in texts], names, told)

    def look(self, alice, bob, link, told):
        """What the nodes say of their links."""
        self.assertTrue(told["up"])
        self.assertEqual(told["recordBytes"], RECORD_BYTES)
        self.assertEqual(link["capabilities"], ["shh/6", "sotto/1"])
        for node in (alice, bob):
            other = [p for p in node.call("network peers")["items"] if p["link"] and "ledger" not in p["link"]["roles"] and p["state"] == "up"]
            self.assertEqual(len(other), 1)
            o = other[0]["link"]
            self.assertEqual((o["state"], o["roles"], [c["channel"] for c in o["channels"]]), ("up", ["flood"], ["control", "relay", "sync", "media"]))
            self.assertGreater(o["roundTripMs"], 0)
            self.assertGreater(o["large"]["bytesOut"] + o["large"]["bytesIn"], MESSAGES * 1052)
            self.assertEqual(other[0]["score"], 0)
            self.assertIn("links of sotto/1", node.call("node status")["parts"]["relay"]["text"])
        self.assertEqual(alice.call("relay stats")["envelopes"]["duplicate"], 0)

    def read(self, capture, ports, key, bodies, texts, names, told):
        streams = capture.streams(ports)
        plain, sizes, status = [], collections.Counter(), collections.Counter()
        walked = 0
        for (source, to), stream in streams.items():
            try:
                got = list(frames(stream, key))
            except (AssertionError, IndexError):
                continue
            if not any(code == CELL_CODE for code, _, _ in got[:20]):
                continue                                # another key's
            walked += 1
            plain += [body for _, _, body in got]
            for code, size, _ in got:
                if code == CELL_CODE:
                    sizes[size] += 1
                elif code == STATUS_CODE:
                    status[size] += 1
        self.assertEqual(walked, 2, "both directions of the connection whose keys we have")
        self.assertEqual(set(sizes), {SMALL, LARGE})
        self.assertEqual(sum(status.values()), 2)
        self.assertEqual(len(status), 1)
        self.assertGreaterEqual(sum(sizes.values()), sum(told["cellsOut"]) + sum(told["cellsIn"]))
        self.assertGreater(sizes[LARGE] * 1136, RECORD_BYTES)
        # what would tell an envelope or a message: its 16-byte name, its topic before its data, the beginning of its data, the text, the people
        marks, at = [], 0
        while at < len(bodies):
            rlp = bodies[at:at + 1052]
            start = rlp.index(b"\xb9\x04\x00")
            marks += [rlp[start - 5:start + 3], rlp[start + 3:start + 19]]
            at += len(rlp)
        self.assertGreaterEqual(len(marks), 2 * MESSAGES)
        everything = b"".join(streams.values())
        for mark in marks + texts + names:
            self.assertNotIn(mark, everything)
        inside = b"".join(plain)
        for mark in marks + texts + names:
            self.assertNotIn(mark, inside)
        self.assertIn(b"sotto/1", inside, "the control: Hello is read, so the keys are the right ones")
        self.assertIn(marks[0], bodies)
        print(f"  captured: {capture.packets} segments, {len(everything)} bytes on {len(streams)} streams; frames of the link: {sizes[SMALL]} of {SMALL} bytes, "
              f"{sizes[LARGE]} of {LARGE}, 2 STATUS of {next(iter(status))}; {len(marks)} marks of {len(marks) // 2} envelopes, {len(texts)} texts, {len(names)} people: none found; "
              f"{told['records']} records, {told['recordBytes']} bytes", flush=True)


if __name__ == "__main__":
    harness.main()
