#!/usr/bin/env python3
"""The laws of the house as a test (ARCHITECTURE.md): arrows go one way, cores touch no socket, file, clock, thread or random
source, primitives are wrapped in crypto/ only. Reads every #include and every call under src/ and apps/.

    house.py [--root DIR] [--libs BUILD_DIR]      exit 0 = the house stands; else one line a fault and exit 1
    house.py --self-test                          plants each kind of fault in a small copy and expects it to be found
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

# Rank of each room. An include may only point to a lower rank; inside `CORES` to an earlier room of the list.
CORES = ["p2p", "whisper", "relay", "ledger", "consensus", "identity", "negotiate", "conversation", "cluster", "call", "files",
         "guide"]
RANK = {"base": 0, "crypto": 1, "wire": 1, **{core: 2 for core in CORES}, "rpc": 3, "io": 3, "node": 4, "sim": 5, "apps": 6}
PURE = ["base", "crypto", "wire"] + CORES

# What a pure room may include from the system: types, memory, numbers, text. stdio.h and stdlib.h are in the list for
# snprintf and malloc; their dangerous functions are refused below.
PURE_SYSTEM = {"assert.h", "ctype.h", "endian.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h", "stdalign.h", "stdarg.h",
               "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "strings.h"}
PURE_LIBRARIES = {"sys/queue.h", "uthash.h", "utlist.h", "utarray.h", "bsd/sys/tree.h", "bsd/sys/queue.h", "utf8proc.h"}
ROOM_LIBRARIES = {
    "crypto": re.compile(r"(secp256k1.*|sodium|openssl/.*|nettle/.*|gmp)\.h$"),
    "wire": re.compile(r"snappy-c\.h$"),
}
BITCOIN = re.compile(r"ledger/\w*(btc|bitcoin)\w*\.[ch]$")     # a library of its own, which no program of ours links
PRIMITIVES = re.compile(r"(secp256k1.*|openssl/.*|nettle/.*|sodium.*)\.h$")
# Named exceptions, each with its reason. (room-relative file, header or call)
EXCEPTIONS = {
    ("base/err.c", "fprintf"): "the last words of a failed assertion",
    ("base/err.c", "abort"): "the end of a failed assertion",
    ("crypto/curve.c", "randombytes_buf"): "blinds the library's context against side channels; no result depends on it",
    ("crypto/keystore.c", "jansson.h"): "Web3 secret storage is a JSON text",
    ("whisper/envelope.h", "nettle/sha3.h"): "law 6: the search for work keeps a Keccak state of its own",
    ("whisper/envelope.h", "stdatomic.h"): "the flag that cancels a search on a worker",
    ("crypto/keccak_planes.c", "immintrin.h"): "law 6: rotations by another number in each lane have no words in C",
    ("ledger/genesis_json.c", "jansson.h"): "the genesis file is a JSON text",
    ("ledger/target.c", "gmp.h"): "numbers of 512 bits: targets, and the work they stand for",
    ("p2p/book.c", "sodium.h"): "SipHash places addresses in buckets; it protects no text",
    ("whisper/ids.c", "sodium.h"): "SipHash places envelope hashes in a table; it protects no text",
}
EXCEPTIONS.update({("crypto/rng.c", call): "the one place that seeds a generator from the system, called by the programs"
                   for call in ("getrandom", "getentropy", "randombytes_buf")})

GENERATED = {"api.h", "api.c", "errors_table.h", "cli_table.h", "openrpc_table.h", "rpc/test/fake_api.h"}     # made by the build from api/*.json, for rpc and above

FORBIDDEN_CALLS = """
    time clock gettimeofday clock_gettime nanosleep usleep sleep localtime localtime_r gmtime gmtime_r mktime strftime timer_create
    rand srand rand_r random srandom drand48 lrand48 arc4random arc4random_buf arc4random_uniform getrandom getentropy randombytes_buf randombytes_random
    RAND_bytes RAND_priv_bytes
    fopen fdopen freopen fclose fread fwrite fgets fputs fgetc fputc fscanf fprintf printf vprintf vfprintf puts putchar perror remove rename tmpfile
    open openat creat read write pread pwrite lseek close stat fstat lstat unlink mkdir rmdir fsync fdatasync ftruncate opendir readdir mmap munmap
    socket bind listen accept connect send sendto sendmsg recv recvfrom recvmsg poll select epoll_create1 epoll_wait getaddrinfo ioctl fcntl pipe
    pthread_create pthread_mutex_lock pthread_mutex_unlock pthread_join thrd_create mtx_lock call_once fork execve execvp system popen kill raise signal sigaction
    exit _exit quick_exit abort atexit getenv secure_getenv setenv setlocale syslog
""".split()
CALL = re.compile(r"(?<![\w.>])(" + "|".join(sorted(FORBIDDEN_CALLS, key=len, reverse=True)) + r")\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")', re.M)


def strip(text):
    """The text without comments and string contents, newlines kept, so that line numbers stay right."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda m: '""' if m.group()[0] == '"' else "0" if m.group()[0] == "'" else re.sub(r"[^\n]", " ", m.group()), text)


def room_of(path):
    parts = path.split("/")
    if parts[0] in ("apps", "sim"):                        # sim/ stands beside src/: another world for the same rooms
        return parts[0]
    return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def may_include(room, target):
    if room == target:
        return True
    if target not in RANK or room not in RANK:
        return False
    if RANK[room] == RANK[target] == 2:
        return CORES.index(target) < CORES.index(room)
    return RANK[target] < RANK[room]


def faults_of(root, path):
    room = room_of(path)
    with open(os.path.join(root, path), encoding="utf-8") as f:
        raw = f.read()
    is_test = "/test/" in path
    inside = path[len("src/"):] if path.startswith("src/") else path
    if room not in RANK:
        yield path, 1, f'"{room}" is not a room of the house (tests/house/house.py, ARCHITECTURE.md)'
        return
    # Comments are cut out before includes are read; the quoted names are still needed there, so only comments go.
    no_comments = re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group()), raw, flags=re.S)
    for m in INCLUDE.finditer(no_comments):
        line = no_comments.count("\n", 0, m.start() + len(m.group()) - len(m.group().lstrip())) + 1
        system, quoted = m.groups()
        name = system or quoted
        if quoted:
            target = quoted.split("/")[0] if "/" in quoted else None
            if target == "support" and is_test:
                continue
            if quoted in GENERATED and RANK[room] >= RANK["rpc"]:
                continue
            if target is None and (is_test or room == "apps") and os.path.exists(os.path.join(root, os.path.dirname(path), quoted)):
                continue                                   # a program's or a test's own header
            if BITCOIN.match(quoted) and not (is_test or BITCOIN.match(inside) or room == "sim" or path.startswith("apps/sotto-lab/")):
                yield path, line, f'#include "{quoted}": the forms of Bitcoin are for tests and the lab'
            elif target is None:
                yield path, line, f'#include "{quoted}": written from src/, as "room/file.h"'
            elif not may_include(room, target):
                yield path, line, f'#include "{quoted}": {room} may not use {target}, the arrows go the other way'
            elif not any(os.path.exists(os.path.join(root, base, quoted)) for base in ("src", "apps", "")):
                yield path, line, f'#include "{quoted}": there is no such file'
            continue
        if is_test:
            continue                                       # a test may read its vectors from a file
        if PRIMITIVES.match(name) and room in PURE and room != "crypto" and (inside, name) not in EXCEPTIONS:
            yield path, line, f"#include <{name}>: primitives are wrapped in crypto/ (law 6)"
        elif room in PURE and name not in PURE_SYSTEM and name not in PURE_LIBRARIES and (inside, name) not in EXCEPTIONS \
                and not (room in ROOM_LIBRARIES and ROOM_LIBRARIES[room].match(name)):
            yield path, line, f"#include <{name}>: {room} is pure: no sockets, files, clocks, threads (law 2)"
    if room in PURE and not is_test:
        text = strip(raw)
        for m in CALL.finditer(text):
            before = text[:m.start()].rstrip()
            if re.search(r"(struct|enum|\*|\bvoid|\bint|\bbool|_t|_err|unsigned|char)$", before) and not before.endswith("return"):
                continue                                   # a declaration or a member with that name, not a call
            if (inside, m.group(1)) in EXCEPTIONS:
                continue
            yield path, text.count("\n", 0, m.start()) + 1, f"{m.group(1)}(): {room} is pure: it gets time, randomness and bytes handed in (law 2)"


def library_faults(build):
    """The same question asked of the object code: what do the pure rooms' libraries want from the system?"""
    asked = set(FORBIDDEN_CALLS) - {"remove", "close", "accept", "connect", "send", "read", "write", "select"} | {"read", "write", "close", "connect", "accept"}
    for room in PURE:
        archive = os.path.join(build, "src", room, f"libsotto_{room}.a")
        if not os.path.exists(archive):
            continue
        member = "?"
        for row in subprocess.run(["nm", "-A", "--undefined-only", archive], capture_output=True, text=True, check=True).stdout.splitlines():
            m = re.match(r".*:([\w.-]+)\.o:\s+U (\S+)$", row)
            if not m:
                continue
            member, symbol = m.group(1), re.sub(r"^__|_chk$|@.*$|64$", "", re.sub(r"@.*$", "", m.group(2)))
            if symbol in asked and (f"{room}/{member}", symbol) not in EXCEPTIONS:
                yield archive, 0, f"{member} wants {symbol}() of the system: {room} is pure (law 2)"


PLANT_LIST = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "src", "base", "plants.def")


def plant_faults(build):
    """Planted bugs (src/base/plant.h) belong into one build only: no symbol and no text of them is in the libraries and programs of another."""
    with open(PLANT_LIST, encoding="utf-8") as f:
        texts = [b"sotto_plant", b"SOTTO_PLANT"] + [name.encode() for name in re.findall(r"^SOTTO_PLANT\((\w+)", f.read(), re.M)]
    for folder, _, files in sorted(os.walk(build)):
        for name in sorted(files):
            path = os.path.join(folder, name)
            if not (name.startswith("libsotto_") and name.endswith(".a")) and not (folder == build and os.access(path, os.X_OK)):
                continue
            with open(path, "rb") as f:
                content = f.read()
            yield from ((path, 0, f"{text.decode()} is in it: a planted bug in a build that has none") for text in texts if text in content)


AREAS_FILE = "src/node/api_log.c"


def area_faults(root):
    """`log level` must know every area that a line of the log names."""
    path = os.path.join(root, AREAS_FILE)
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as f:
        known = set(re.findall(r'"([^"]*)"', re.search(r"areas\[\] = \{([^}]*)\}", f.read()).group(1)))
    for folder, _, files in sorted(os.walk(os.path.join(root, "src"))):
        for name in sorted(files):
            if not name.endswith(".c") or folder.endswith("/test"):
                continue
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                text = f.read()
            for m in re.finditer(r'\bSOTTO_LOG_(?:ERROR|WARN|INFO|DEBUG), "([^"]*)", "', text):
                if m.group(1) not in known:
                    yield os.path.relpath(os.path.join(folder, name), root), text.count("\n", 0, m.start()) + 1, f'{AREAS_FILE} does not know the area "{m.group(1)}"'


def check(root, libs=None):
    faults = list(area_faults(root))
    for top in ("src", "apps", "sim"):
        for folder, _, files in sorted(os.walk(os.path.join(root, top))):
            for name in sorted(files):
                if name.endswith((".c", ".h")):
                    faults += faults_of(root, os.path.relpath(os.path.join(folder, name), root))
    if libs:
        faults += library_faults(libs)
        faults += plant_faults(libs)
    return faults


PLANTED = {   # path: (text, what the fault must say; None = no fault)
    "src/base/a.h": ("#include <stdint.h>\n", None),
    "src/crypto/a.h": ('#include "base/a.h"\n#include <sodium.h>\n', None),
    "src/p2p/a.h": ('#include "crypto/a.h"\n/* #include "io/a.h" */\n// time(0)\n', None),
    "src/io/a.h": ('#include <sys/socket.h>\n#include "p2p/a.h"\nint x(void) { return socket(1, 2, 3) + (int)time(0); }\n', None),
    "src/conversation/a.c": ('#include "identity/a.h"\nconst char *t = "fopen(";\nint f(struct s *p) { return p->time(1) + p->open; }\n', None),
    "src/identity/a.h": ("", None),
    "src/base/up.c": ('#include "crypto/a.h"\n', "base may not use crypto"),
    "src/identity/up.c": ('#include "conversation/b.h"\n', "identity may not use conversation"),
    "src/conversation/b.h": ("", None),
    "src/p2p/io.c": ('#include "io/a.h"\n', "p2p may not use io"),
    "src/crypto/side.c": ('#include "wire/a.h"\n', "crypto may not use wire"),
    "src/wire/a.h": ("", None),
    "src/io/rpc.c": ('#include "rpc/a.h"\n', "io may not use rpc"),
    "src/rpc/a.h": ("", None),
    "src/rpc/node.c": ('#include "node/a.h"\n', "rpc may not use node"),
    "src/node/a.h": ("", None),
    "src/whisper/sock.c": ("#include <sys/socket.h>\n", "whisper is pure"),
    "src/relay/clock.c": ("#include <time.h>\n", "relay is pure"),
    "src/files/thread.c": ("#  include   <pthread.h>\n", "files is pure"),
    "src/base/posix.c": ("#include <unistd.h>\n", "base is pure"),
    "src/identity/prim.c": ("#include <openssl/evp.h>\n", "primitives are wrapped"),
    "src/wire/now.c": ("long f(void) { return time(NULL); }\n", "time(): wire is pure"),
    "src/conversation/dice.c": ("int f(void) { return 1 + rand (); }\n", "rand(): conversation is pure"),
    "src/crypto/file.c": ('void *f(void) { return fopen("/etc/passwd", "r"); }\n', "fopen(): crypto is pure"),
    "sim/a.h": ('#include "node/a.h"\n#include "io/a.h"\n', None),
    "src/node/sim.c": ('#include "sim/a.h"\n', "node may not use sim"),
    "sim/apps.c": ('#include "apps/a.h"\n', "sim may not use apps"),
    AREAS_FILE: ('static const char *const areas[] = { "node", "p2p" };\n', None),
    "src/node/said.c": ('void f(void) { line(SOTTO_LOG_WARN, "p2p", "up"); line(SOTTO_LOG_INFO, "pool", "full"); }\n', 'does not know the area "pool"'),
    "src/garage/a.c": ("", "is not a room"),
    "src/relay/near.c": ('#include "near.h"\n', "written from src/"),
    "src/relay/gone.c": ('#include "base/gone.h"\n', "there is no such file"),
    "src/ledger/btc_tx.h": ("", None),
    "src/ledger/btc_tx.c": ('#include "ledger/btc_tx.h"\n', None),
    "src/ledger/tx.c": ('#include "ledger/btc_tx.h"\n', "for tests and the lab"),
    "apps/sotto-lab/forms.c": ('#include "ledger/btc_tx.h"\n', None),
    "apps/sottod/main.c": ('#include "node/a.h"\n#include <time.h>\n', None),
}


def self_test():
    wrong = []
    with tempfile.TemporaryDirectory() as root:
        for path, (text, _) in PLANTED.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
        found = check(root)
        for path, (_, expected) in PLANTED.items():
            here = [text for where, _, text in found if where == path]
            if expected is None and here:
                wrong.append(f"{path}: nothing is wrong, yet: {here}")
            if expected is not None and not (len(here) == 1 and expected in here[0]):
                wrong.append(f'{path}: "{expected}" expected once, found {here}')
        for name, body, expected in (("good", "#include <string.h>\nsize_t f(const char *s) { return strlen(s) + 1; }", 0),
                                     ("bad", "#include <time.h>\n#include <stdio.h>\nlong f(void) { return time(0) + (fopen(\"x\", \"r\") != 0); }", 2)):
            folder = os.path.join(root, name, "src", "wire")
            os.makedirs(folder)
            with open(os.path.join(folder, "a.c"), "w", encoding="utf-8") as f:
                f.write(body)
            subprocess.run(["cc", "-O2", "-c", "a.c", "-o", "a.c.o"], cwd=folder, check=True)
            subprocess.run(["ar", "rc", "libsotto_wire.a", "a.c.o"], cwd=folder, check=True)
            found = list(library_faults(os.path.join(root, name)))
            if len(found) != expected:
                wrong.append(f"objects, {name}: {expected} faults expected, found {found}")
        for name, body, expected in (("ordinary", "int f(void) { return 0; }", 0), ("symbol", "int sotto_plant_awake;", 1),
                                     ("text", 'const char *f(void) { return "INDEX_TWICE"; }', 1)):
            folder = os.path.join(root, f"plants_{name}")
            os.makedirs(folder)
            with open(os.path.join(folder, "a.c"), "w", encoding="utf-8") as f:
                f.write(body)
            subprocess.run(["cc", "-O2", "-c", "a.c", "-o", "a.c.o"], cwd=folder, check=True)
            subprocess.run(["ar", "rc", "libsotto_wire.a", "a.c.o"], cwd=folder, check=True)
            found = list(plant_faults(folder))
            if len(found) != expected:
                wrong.append(f"plants, {name}: {expected} faults expected, found {found}")
    for text in wrong:
        print(text)
    print(f"house self-test: {len(PLANTED)} planted files, {len(wrong)} wrong")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    parser.add_argument("--libs")
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    faults = check(args.root, args.libs)
    for path, line, text in faults:
        print(f"{path}:{line}: {text}")
    print(f"house: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
