#!/usr/bin/env python3
"""Random scripts over Bitcoin's common opcodes: does the ledger's machine say of each what python-bitcoinlib says?

    bitcoinlib.py [COUNT]      20,000 scripts, or COUNT; SOTTO_SEED=n repeats a run

The package is taken from PyPI into the build folder, by its hash; without it the test is skipped. Only the verdict is compared: it has no names for errors.
In three places its own comments call what it leaves for false "incorrect": a zero byte in place of an empty element; those are mended before it is asked."""
import os
import random
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.path.join(ROOT, os.environ.get("SOTTO_BUILD", "build/release"))
VENV = os.path.join(ROOT, "build", "bitcoinlib")                # one for all builds
PACKAGE = "python-bitcoinlib==0.12.2 --hash=sha256:2f29a9f475f21c12169b3a6cc8820f34f11362d7ff1200a5703dce3e4e903a44"
SKIPPED = 77

SMALL = [0x00, 0x4f] + list(range(0x51, 0x61))
STACK = list(range(0x6b, 0x7e)) + [0x82]
FLOW = [0x61, 0x63, 0x64, 0x67, 0x68, 0x69, 0xb0, 0xb3, 0xb9]
NUMBERS = [0x8b, 0x8c, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94] + list(range(0x9a, 0xa6))
BYTES = [0x87, 0x88] + list(range(0xa6, 0xab))
SIGNATURES = [0xab, 0xac, 0xad, 0xae, 0xaf]
RARE = [0x50, 0x62, 0x65, 0x6a, 0x7e, 0x84, 0x89, 0x8d, 0x95, 0xba, 0xff]
NEED = {0x63: 1, 0x64: 1, 0x69: 1, 0x6b: 1, 0x6d: 2, 0x6e: 2, 0x6f: 3, 0x70: 4, 0x71: 6, 0x72: 4, 0x73: 1, 0x75: 1, 0x76: 1, 0x77: 2, 0x78: 2, 0x79: 2, 0x7a: 2, 0x7b: 3, 0x7c: 2,
        0x7d: 2, 0x82: 1, 0x87: 2, 0x88: 2, 0xa5: 3, 0xac: 2, 0xad: 2, **{op: 1 for op in (0x8b, 0x8c, 0x8f, 0x90, 0x91, 0x92, *range(0xa6, 0xab))},
        **{op: 2 for op in (0x93, 0x94, *range(0x9a, 0xa5))}}


def push(data):
    head = bytes([len(data)]) if len(data) < 0x4c else bytes([0x4c, len(data)]) if len(data) < 0x100 else bytes([0x4d]) + len(data).to_bytes(2, "little")
    return head + data


def element(rng):
    kind = rng.random()
    if kind < 0.6:
        return bytes([rng.choice(SMALL)])
    if kind < 0.8:
        return push(rng.choice([b"\x00", b"\x80", b"\x01\x00", b"\x00\x80", b"\xff\x7f", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80\x00", b"\x11", b"\x81"]))
    if kind < 0.9:
        return push(rng.choice([b"\x02" + b"\x11" * 32, b"\x04" + b"\x22" * 64, b"\x30\x06\x02\x01\x01\x02\x01\x01\x01", b""]))
    return push(rng.randbytes(rng.choice([1, 2, 3, 4, 5, 20, 32, 75, 76, 255, 256])))


def output_script(rng):
    """Words that mostly find their operands: pushes are added until they do, so that a script often runs to its end."""
    out, depth, ifs = bytearray(), 0, 0
    for _ in range(rng.randrange(1, 24)):
        op = rng.choice(rng.choices([STACK, NUMBERS, BYTES, FLOW, SIGNATURES, SMALL, RARE], [30, 30, 14, 14, 5, 14, 1])[0])
        if op in (0x67, 0x68) and not ifs and rng.random() < 0.95:
            continue
        while depth < NEED.get(op, 0) and rng.random() < 0.97:
            out += element(rng)
            depth += 1
        if op in (0xae, 0xaf):                                   # dummy, signatures, how many, keys, how many
            keys = rng.randrange(0, 4)
            sigs = rng.randrange(0, keys + 1)
            for _ in range(1 + sigs):
                out += element(rng)
            out += bytes([0x50 + sigs if sigs else 0])
            for _ in range(keys):
                out += element(rng)
            out += bytes([0x50 + keys if keys else 0])
        ifs += (op in (0x63, 0x64)) - (op == 0x68)
        depth = max(0, depth + {0x6d: -2, 0x6e: 2, 0x6f: 3, 0x70: 2, 0x74: 1, 0x75: -1, 0x76: 1, 0x77: -1, 0x78: 1, 0x7d: 1, 0x82: 1, 0x6b: -1, 0x69: -1, 0x63: -1, 0x64: -1,
                                0x87: -1, 0x88: -2, 0x9d: -2, 0xa5: -2, 0xac: -1, 0xad: -2, 0xae: 1}.get(op, -1 if op in NUMBERS and NEED.get(op) == 2 else 1 if op in SMALL else 0))
        out.append(op)
    out += b"\x68" * ifs if rng.random() < 0.9 else b""
    if rng.random() < 0.5:
        out += b"\x74\x74"                                       # the depth: often true
    return bytes(out)


def row(rng, p2sh):
    unlock, output, flags = b"".join(element(rng) for _ in range(rng.randrange(0, 6))), output_script(rng), rng.choice(["-", "P2SH", "P2SH,NULLDUMMY", "NULLDUMMY"])
    if rng.random() < 0.1 and len(output) <= 520:
        unlock, output = unlock + push(output), b"\xa9\x14" + p2sh(output) + b"\x87"
    elif rng.random() < 0.05:
        unlock += output_script(rng)                             # an unlocking script that does more than push
    if rng.random() < 0.02:
        output = output[:-rng.randrange(1, 4)]
    return flags, unlock, output


def their_module():
    import bitcoin.core.scripteval as module                     # pylint: disable=import-error
    with open(module.__file__, encoding="utf-8") as f:
        text = f.read()
    wrong = 'stack.append(b"\\x00")'
    if text.count(wrong) != 3:
        sys.exit("python-bitcoinlib is not the one this test knows")
    exec(compile(text.replace(wrong, 'stack.append(b"")'), module.__file__, "exec"), module.__dict__)      # pylint: disable=exec-used
    return module


def compare(count, seed):
    import bitcoin.core as core                                  # pylint: disable=import-error
    import bitcoin.core.script as script                         # pylint: disable=import-error
    module, rng = their_module(), random.Random(seed)
    print(f"seed {seed}  (repeat: SOTTO_SEED={seed})", flush=True)

    def p2sh(inner):
        return script.CScript(inner).to_p2sh_scriptPubKey()[2:22]

    def theirs(flags, unlock, output):
        credit = core.CTransaction([core.CTxIn(core.COutPoint(), script.CScript(b"\0\0"))], [core.CTxOut(0, script.CScript(output))], nVersion=1)
        spend = core.CTransaction([core.CTxIn(core.COutPoint(credit.GetTxid(), 0), script.CScript(unlock))], [core.CTxOut(0, script.CScript())], nVersion=1)
        names = () if flags == "-" else flags.split(",")
        try:
            module.VerifyScript(script.CScript(unlock), script.CScript(output), spend, 0, {module.SCRIPT_VERIFY_FLAGS_BY_NAME[name] for name in names})
        except core.ValidationError:
            return False
        return True

    start, good, wrong = time.monotonic(), 0, 0
    for first in range(0, count, 20000):
        rows = [row(rng, p2sh) for _ in range(min(20000, count - first))]
        lines = "".join(f"{flags} {unlock.hex() or '-'} {output.hex() or '-'}\n" for flags, unlock, output in rows)
        ours = subprocess.run([os.path.join(BUILD, "script_batch")], input=lines, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
        assert len(ours) == len(rows)
        for (flags, unlock, output), word in zip(rows, ours):
            verdict = theirs(flags, unlock, output)
            good += verdict
            if verdict != (word == "OK"):
                wrong += 1
                print(f"{flags} {unlock.hex() or '-'} {output.hex() or '-'}: ours {word}, theirs {'OK' if verdict else 'refused'}", flush=True)
    print(f"{count} scripts, {good} of them good, {wrong} verdicts differ, {time.monotonic() - start:.0f} s")
    return 1 if wrong or good < count // 20 else 0


def main():
    try:
        import bitcoin.core                                      # noqa: F401  pylint: disable=import-error,unused-import
    except ImportError:
        python = os.path.join(VENV, "bin", "python3")
        if sys.prefix == VENV:
            sys.exit("the package is there and cannot be read")
        if not os.path.exists(os.path.join(VENV, "ready")):
            made = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False)
            if made.returncode == 0:
                with open(os.path.join(VENV, "wanted.txt"), "w", encoding="utf-8") as f:
                    f.write(PACKAGE + "\n")
                made = subprocess.run([python, "-m", "pip", "-q", "install", "--no-deps", "-r", os.path.join(VENV, "wanted.txt")], capture_output=True, text=True, timeout=300, check=False)
            if made.returncode != 0:
                print("skipped: python-bitcoinlib cannot be had here: " + ((made.stderr or made.stdout).strip().splitlines() or ["no reason given"])[-1])
                return SKIPPED
            with open(os.path.join(VENV, "ready"), "w", encoding="utf-8"):
                pass
        os.execv(python, [python, "-B", *sys.argv])
    return compare(int(sys.argv[1]) if len(sys.argv) > 1 else 20000, int(os.environ.get("SOTTO_SEED") or random.SystemRandom().randrange(1, 1 << 32)))


if __name__ == "__main__":
    sys.exit(main())
