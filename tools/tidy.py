#!/usr/bin/env python3
"""clang-tidy (.clang-tidy) over src, apps and sim without their tests, with the compile commands of build/release, on all cores.

    tools/tidy.py                 what changed since it was last found clean (tools/lint.sh --deep, make check)
    tools/tidy.py src/io sim      only files whose path begins so
    tools/tidy.py --all           also what did not change

A clean file leaves a stamp in build/tidy: the hash of everything its result comes from, but for the headers of the system.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build", "release")
STAMPS = os.path.join(ROOT, "build", "tidy")
ROOMS = ("src", "apps", "sim")
FILE_SECONDS_MAX = 120


def commands():
    """{path in the tree: its compile commands}; a kernel is compiled more than once."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as f:
        entries = json.load(f)
    out = {}
    for entry in entries:
        name = os.path.relpath(os.path.join(entry["directory"], entry["file"]), ROOT)
        if name.split(os.sep)[0] in ROOMS and "test" not in name.split(os.sep):
            out.setdefault(name, []).append(entry["command"])
    return out


def content(path):
    with open(path, "rb") as f:
        return f.read()


def ground():
    """What every result depends on: the tool, its configuration, all headers, what is generated."""
    hashed = hashlib.sha256(subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout)
    hashed.update(content(os.path.join(ROOT, ".clang-tidy")))
    for top, ends in [(os.path.join(ROOT, room), (".h", ".def")) for room in ROOMS] + [(os.path.join(BUILD, "generated"), (".h", ".c"))]:
        for folder, folders, files in os.walk(top):
            folders.sort()
            for name in sorted(n for n in files if n.endswith(ends)):
                path = os.path.join(folder, name)
                hashed.update(path.encode() + b"\0" + content(path))
    return hashed.digest()


def look(name):
    """What clang-tidy says of one file, or None when it has nothing to say."""
    try:
        done = subprocess.run(["clang-tidy", "-p", BUILD, "--quiet", name], cwd=ROOT, capture_output=True, text=True, timeout=FILE_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return f"{name}: clang-tidy took longer than {FILE_SECONDS_MAX} s\n"
    return None if done.returncode == 0 else done.stdout or done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("begins", nargs="*")
    args = parser.parse_args()
    built = subprocess.run(["sh", "tools/build.sh", "release"], cwd=ROOT, check=False)      # the commands as they are now, and what is generated
    if built.returncode != 0:
        return 1
    base, pending, total = ground(), {}, 0
    for name, lines in sorted(commands().items()):
        if args.begins and not name.startswith(tuple(args.begins)):
            continue
        total += 1
        want = hashlib.sha256(base + "\0".join(sorted(lines)).encode() + b"\0" + content(os.path.join(ROOT, name))).hexdigest()
        stamp = os.path.join(STAMPS, name + ".clean")
        if args.all or not os.path.exists(stamp) or content(stamp).decode() != want:
            pending[name] = (stamp, want)
    faulty = 0
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2)
    try:
        running = {pool.submit(look, name): name for name in pending}
        for done in concurrent.futures.as_completed(running):
            said, (stamp, want) = done.result(), pending[running[done]]
            if said:
                print(said, end="", flush=True)
                faulty += 1
                continue
            os.makedirs(os.path.dirname(stamp), exist_ok=True)
            with open(stamp, "w", encoding="utf-8") as f:
                f.write(want)
    finally:
        pool.shutdown(cancel_futures=True)
    print(f"clang-tidy: {total} files, {len(pending)} looked at, {faulty} with findings")
    return 1 if faulty or not total else 0


if __name__ == "__main__":
    sys.exit(main())
