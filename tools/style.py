#!/usr/bin/env python3
"""The shape of the text: no tabs in C, no space at the end of a line, one newline at the end of a file, lines and files of a
readable length. style.py checks every file of the project; style.py --fix mends what can be mended without thinking."""
import os
import subprocess
import sys

LINE_COLUMNS_MAX = 200      # code and prose stay near 130; a table of constants or a prototype may need more
FILE_LINES_MAX = 800        # a file longer than this is about more than one thing
TEXT = (".c", ".h", ".py", ".sh", ".txt", ".cmake", ".json", ".md", ".js", ".svg", "Makefile", "run", "LICENSE", ".gitignore")
DATA = ("tests/vectors/", "tests/fuzz/corpus/", "package-lock.json", "LICENSE", "src/crypto/words", ".svg", "docs/api.md")


def project_files(root):
    """What is or would be committed: the tree without what .gitignore names."""
    try:
        out = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, check=True)
        names = out.stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):       # an unpacked archive without git
        names = []
        for folder, folders, files in os.walk(root):
            folders[:] = [f for f in folders if f not in ("build", ".git", "node_modules", "__pycache__", "out")]
            names += [os.path.relpath(os.path.join(folder, f), root) for f in files]
    return sorted(n for n in set(names) if n and n.endswith(TEXT) and os.path.isfile(os.path.join(root, n)))


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    fix = "--fix" in sys.argv[1:]
    faults = 0
    for name in project_files(root):
        path = os.path.join(root, name)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        data = any(part in name for part in DATA)
        good = text if data else "".join(line.rstrip() + "\n" for line in text.rstrip().split("\n")) if text.strip() else text
        if name.endswith((".c", ".h")) and not data:
            good = good.replace("\t", "    ")
        if good != text:
            if fix:
                with open(path, "w", encoding="utf-8") as f:
                    f.write(good)
                print(f"{name}: mended")
            else:
                number = next((i for i, (a, b) in enumerate(zip(text.split("\n"), good.split("\n")), 1) if a != b), text.count("\n"))
                print(f"{name}:{number}: tab, space at the end, or newline at the end of the file (make fmt mends it)")
                faults += 1
        if data or not name.endswith((".c", ".h", ".py", ".sh", ".cmake", "run")):
            continue
        lines = good.split("\n")
        for number, line in enumerate(lines, 1):
            if len(line) > LINE_COLUMNS_MAX:
                print(f"{name}:{number}: {len(line)} columns, at most {LINE_COLUMNS_MAX}")
                faults += 1
        if len(lines) > FILE_LINES_MAX:
            print(f"{name}: {len(lines)} lines, at most {FILE_LINES_MAX}: is it about one thing?")
            faults += 1
    print(f"style: {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
