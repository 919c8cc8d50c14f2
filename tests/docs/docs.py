#!/usr/bin/env python3
"""The documents say what is so.   --links: every link of a .md file points to something, and every make target and script that a
command block names is there.   --commands: the ```sh blocks of docs/ are pasted into a shell, in order, and each command must succeed.

A block of make commands is not run from here (it would run this test again); first_run.py, demo and CTest itself run those."""
import os
import re
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("SOTTO_BUILD", os.path.join(ROOT, "build", "release")))
TOP = ["README.md", "ARCHITECTURE.md", "HACKING.md", "SECURITY.md", "CONTRIBUTING.md"]


def documents():
    return TOP + sorted(os.path.join("docs", n) for n in os.listdir(os.path.join(ROOT, "docs")) if n.endswith(".md"))


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        return f.read()


def blocks(text):
    return re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)


def check_links():
    faults = []
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.M))
    presets = set(re.findall(r'"name": "(\w+)"', read("CMakePresets.json")))
    for name in documents():
        text = read(name)
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            if not re.match(r"[a-z]+://", link) and not os.path.exists(os.path.join(ROOT, os.path.dirname(name), link)):
                faults.append(f"{name}: link to {link}, which is not there")
        for target in re.findall(r"`(?:[A-Z]+=\S+ )*make ([a-z]+)`", text) + [t for b in blocks(text) for t in re.findall(r"^(?:[A-Z_]+=\S+ )*make ([a-z]+)", b, re.M)]:
            if target not in targets:
                faults.append(f"{name}: make {target}: no such target")
        for preset in re.findall(r"--preset (\w+)", text):
            if preset not in presets:
                faults.append(f"{name}: preset {preset}: no such preset")
        for path in re.findall(r"`((?:src|tests|tools|docs|bench|api|apps)/[\w./-]+)`", text):
            if not path.startswith("bench/out") and "NAME" not in path and not os.path.exists(os.path.join(ROOT, path)):
                faults.append(f"{name}: {path} is not there")
    for fault in faults:
        print(fault)
    print(f"docs: {len(documents())} documents, {len(faults)} faults")
    return 1 if faults else 0


def run_commands():
    failed = 0
    for name in documents():
        script = [b for b in blocks(read(name)) if not re.match(r"(\./run|make|cmake|ctest)\b", b)]
        if not script:
            continue
        text = "".join(script).replace("build/release", os.path.relpath(BUILD, ROOT))
        with tempfile.TemporaryDirectory(prefix="sotto-docs-") as folder:
            # The shell and the nodes it starts are one session of their own; whatever is left of it afterwards is ended here.
            shell = subprocess.Popen(["sh", "-eu", "-c", text], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     text=True, start_new_session=True, env={**os.environ, "TMPDIR": folder, "HOME": folder})
            try:
                said, _ = shell.communicate(timeout=150)
            except subprocess.TimeoutExpired:
                os.killpg(shell.pid, signal.SIGKILL)
                said, _ = shell.communicate()
            finally:
                try:
                    os.killpg(shell.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        want = {"docs/by-hand.md": ['"Is the kettle on?"', '"phraseShown"', '"topic"']}.get(name, [])
        missing = [w for w in want if w not in said]
        if shell.returncode != 0 or missing:
            failed += 1
            print(f"{name}: status {shell.returncode}, missing in what was printed: {missing}\n{said[-4000:]}")
        else:
            print(f"{name}: {sum(b.count(chr(10)) for b in script)} lines pasted, all went well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(check_links() if "--links" in sys.argv[1:] else run_commands())
