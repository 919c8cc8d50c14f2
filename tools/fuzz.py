#!/usr/bin/env python3
"""make fuzz: runs fuzz targets, one after the other, each from its corpus in the tree and from what earlier runs found.

    make fuzz TARGET=link SECONDS=60      one target, its summary
    make fuzz SECONDS=60                  every target, a table at the end (also in build/log/fuzz.txt)
    make fuzz TARGET=link RUNS=1000000    by number of inputs
    make fuzz TARGET=link ENGINE=afl      AFL++ instead of libFuzzer
    tools/fuzz.py --total                 what all runs on this machine add up to
    tools/fuzz.py --coverage              which lines of src/ the corpora reach (clang's source coverage)
    tools/fuzz.py --keep --target link    puts the useful part of the working corpus into the tree

A finding prints its file and the command that repeats it, and makes the exit status 1.
Working corpora: build/fuzz/corpus/NAME. Findings: build/fuzz/findings. Logs: build/log/fuzz-NAME.log.
Dictionaries: tests/fuzz/dict/NAME.dict, used by themselves.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TREE = os.path.join(ROOT, "tests", "fuzz", "corpus")
DICTS = os.path.join(ROOT, "tests", "fuzz", "dict")
LOGS = os.path.join(ROOT, "build", "log")
HISTORY = os.path.join(LOGS, "fuzz-runs.jsonl")
INPUT_SECONDS = 25                      # an input that takes longer is a finding
INTERRUPTED = 72                        # libFuzzer's exit status after Ctrl+C
MEMORY_MIB = 2048                       # as is one that needs more
LONGEST = 4096                          # bytes, where sotto_fuzz names no MAX_LEN; who names one is driven by a sequence of steps
LENGTH_CONTROL = 20                     # libFuzzer lengthens inputs faster than by default (100); those sequences are long from the start (0)
KEEP_FILES, KEEP_BYTES = 100, 300 << 10  # of one corpus in the tree


def build(engine, folder):
    """The folder with the programs, built. A folder given by hand is built as it was configured."""
    preset = "afl" if engine == "afl" else "fuzz"
    if folder is None:
        folder = os.path.join(ROOT, "build", preset)
        command = ["sh", "tools/build.sh", preset, "fuzz_targets"]
    else:
        command = ["ninja", "-C", folder, "fuzz_targets"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=dict(os.environ, AFL_QUIET="1"))
    if done.returncode != 0:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return os.path.abspath(folder)


def targets_of(folder):
    """{name: longest input}"""
    with open(os.path.join(folder, "fuzz", "targets"), encoding="utf-8") as f:
        return {line.split()[0]: int(line.split()[2]) for line in f if line.strip()}


def dictionary(name):
    path = os.path.join(DICTS, name + ".dict")
    return path if os.path.exists(path) else None


def working_corpus(folder, name):
    path = os.path.join(folder, "fuzz", "corpus", name)
    os.makedirs(path, exist_ok=True)
    return path


def tree_corpus(name):
    path = os.path.join(TREE, name)
    return path if os.path.isdir(path) else None


def shown(path):
    return os.path.relpath(path, ROOT) if path.startswith(ROOT) else path


def run_libfuzzer(folder, name, longest, limit, log):
    program = os.path.join(folder, "fuzz", "fuzz_" + name)
    findings = os.path.join(folder, "fuzz", "findings")
    os.makedirs(findings, exist_ok=True)
    command = [program, f"-max_len={longest}", f"-timeout={INPUT_SECONDS}", f"-rss_limit_mb={MEMORY_MIB}", "-print_final_stats=1",
               f"-artifact_prefix={findings}/{name}-", f"-len_control={LENGTH_CONTROL if longest == LONGEST else 0}", *limit]
    if dictionary(name):
        command.append("-dict=" + dictionary(name))
    command += [working_corpus(folder, name)] + ([tree_corpus(name)] if tree_corpus(name) else [])
    start = time.monotonic()
    with open(log, "w", encoding="utf-8") as f:
        status = subprocess.run(command, cwd=ROOT, stdout=f, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).returncode
    seconds = time.monotonic() - start
    with open(log, encoding="utf-8", errors="replace") as f:
        text = f.read()
    runs = re.findall(r"^stat::number_of_executed_units:\s*(\d+)", text, re.M) or re.findall(r"^#(\d+)\t", text, re.M)
    edges, features = (re.findall(r"cov: (\d+) ft: (\d+)", text) or [("0", "0")])[-1]
    found = re.findall(r"Test unit written to (\S+)", text)
    return {"runs": int(runs[-1]) if runs else 0, "seconds": seconds, "edges": int(edges), "features": int(features),
            "corpus": len(os.listdir(working_corpus(folder, name))), "findings": found or (["(no input was kept)"] if status not in (0, INTERRUPTED) else [])}


def run_afl(folder, name, longest, limit, log):
    program = os.path.join(folder, "fuzz", "fuzz_" + name)
    out = os.path.join(folder, "fuzz", "afl", name)
    seeds = os.path.join(folder, "fuzz", "seeds", name)
    shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(seeds, ignore_errors=True)
    os.makedirs(seeds)
    os.makedirs(out)
    for source in (tree_corpus(name), working_corpus(folder, name)):
        for path in glob.glob(os.path.join(source, "*")) if source else []:
            if 0 < os.path.getsize(path) <= longest:
                shutil.copy(path, seeds)
    if not os.listdir(seeds):
        with open(os.path.join(seeds, "zero"), "wb") as f:
            f.write(bytes(16))
    seconds = next((x.split("=")[1] for x in limit if x.startswith("-max_total_time")), None)
    runs = next((x.split("=")[1] for x in limit if x.startswith("-runs")), None)
    command = ["afl-fuzz", "-i", seeds, "-o", out, "-m", "none", "-t", str(1000 * INPUT_SECONDS), "-G", str(longest),
               *(["-V", seconds] if seconds else []), *(["-E", runs] if runs else [])]
    if dictionary(name):
        command += ["-x", dictionary(name)]
    environ = dict(os.environ, AFL_NO_UI="1", AFL_SKIP_CPUFREQ="1", AFL_NO_AFFINITY="1", AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES="1",
                   AFL_FAST_CAL="1")
    start = time.monotonic()
    with open(log, "w", encoding="utf-8") as f:
        status = subprocess.run([*command, "--", program], cwd=ROOT, stdout=f, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environ).returncode
    seconds = time.monotonic() - start
    try:
        with open(os.path.join(out, "default", "fuzzer_stats"), encoding="utf-8") as f:
            stats = dict(re.split(r"\s*:\s*", line.strip(), maxsplit=1) for line in f if ":" in line)
    except OSError:
        with open(log, encoding="utf-8", errors="replace") as f:
            sys.exit(f"{name}: afl-fuzz did not start (status {status}):\n{f.read()[-2000:]}")
    found = glob.glob(os.path.join(out, "default", "crashes", "id*")) + glob.glob(os.path.join(out, "default", "hangs", "id*"))
    for path in glob.glob(os.path.join(out, "default", "queue", "id*")):
        shutil.copy(path, working_corpus(folder, name))
    return {"runs": int(stats["execs_done"]), "seconds": seconds, "edges": int(stats["edges_found"]), "features": 0,
            "corpus": int(stats["corpus_count"]), "findings": found}


HEAD = f"{'target':<16}{'runs':>11}{'runs/s':>9}{'edges':>8}{'features':>10}{'corpus':>8}  findings"


def row(name, r):
    return (f"{name:<16}{r['runs']:>11}{r['runs'] / max(r['seconds'], 0.001):>9.0f}{r['edges']:>8}{r['features'] or '-':>10}{r['corpus']:>8}"
            f"  {len(r['findings'])}")


def report(folder, name, r, log):
    """A finding, and how to see it again."""
    program = shown(os.path.join(folder, "fuzz", "fuzz_" + name))
    for path in r["findings"]:
        print(f"FINDING in {name}: {shown(path)}\n    again: {program} {shown(path)}\n    log:   {shown(log)}", flush=True)


def record(name, engine, r):
    os.makedirs(LOGS, exist_ok=True)
    with open(HISTORY, "a", encoding="utf-8") as f:
        f.write(json.dumps({"target": name, "engine": engine, "at": int(time.time()), **{k: v for k, v in r.items() if k != "findings"},
                            "findings": len(r["findings"])}) + "\n")


def fuzz(args):
    folder = os.path.abspath(args.build) if args.build and args.as_is else build(args.engine, args.build)
    known = targets_of(folder)
    names = args.target or sorted(known)
    for name in names:
        if name not in known:
            sys.exit(f"There is no fuzz target {name}. There are: {' '.join(sorted(known))}")
    limit = [f"-runs={args.runs}"] if args.runs else [f"-max_total_time={args.seconds}"]
    os.makedirs(LOGS, exist_ok=True)
    run = run_afl if args.engine == "afl" else run_libfuzzer
    results = {}

    def one(name):
        log = os.path.join(LOGS, f"fuzz-{name}{'-afl' if args.engine == 'afl' else ''}.log")
        r = run(folder, name, known[name], limit, log)
        record(name, args.engine, r)
        results[name] = r
        print(row(name, r), flush=True)
        report(folder, name, r, log)

    if args.beside:
        os.nice(10)                     # the tests have clocks that run
    waiting = queue.SimpleQueue()
    for name in names:
        waiting.put(name)

    def worker(_):
        while True:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            one(name)

    print(HEAD, flush=True)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(worker, range(args.jobs)))
    count = sum(r["runs"] for r in results.values())
    found = sum(len(r["findings"]) for r in results.values())
    last = f"{len(names)} targets, {count} runs, {found} findings"
    if len(names) > 1:
        print(last)
        with open(os.path.join(LOGS, "fuzz.txt"), "w", encoding="utf-8") as f:
            f.write("\n".join([HEAD, *(row(name, results[name]) for name in names), last]) + "\n")
    return 1 if found else 0


def total(_):
    sums = {}
    try:
        with open(HISTORY, encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
    except OSError:
        lines = []
    for line in lines:
        s = sums.setdefault(line["target"], {"runs": 0, "seconds": 0.0, "edges": 0, "features": 0, "corpus": 0, "findings": []})
        s["runs"] += line["runs"]
        s["seconds"] += line["seconds"]
        s["findings"] += ["?"] * line["findings"]
        if line["engine"] != "afl":
            for key in ("edges", "features", "corpus"):
                s[key] = line[key]
    print(HEAD)
    for name in sorted(sums):
        print(row(name, sums[name]))
    print(f"{len(sums)} targets, {sum(s['runs'] for s in sums.values())} runs in {sum(s['seconds'] for s in sums.values()) / 3600:.1f} h of processor time")
    return 0


def keep(args):
    """Adds to the corpus of the tree what reaches something new, the most useful and smallest first, within its bounds."""
    folder = os.path.abspath(args.build) if args.build and args.as_is else build("libfuzzer", args.build)
    known = targets_of(folder)
    for name in args.target or sorted(known):
        place = os.path.join(TREE, name)
        os.makedirs(place, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            control = os.path.join(scratch, "control")
            subprocess.run([os.path.join(folder, "fuzz", "fuzz_" + name), "-merge=1", f"-merge_control_file={control}", f"-max_len={known[name]}",
                            os.path.join(scratch), place, working_corpus(folder, name)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            paths, features = read_control(control)
        have, size, count = set(), 0, 0
        sizes = {i: os.path.getsize(path) for i, path in enumerate(paths) if os.path.exists(path)}      # a run beside us may tidy up
        for i, path in enumerate(paths):
            if os.path.dirname(path) == place:
                have |= features.get(i, set())
                size += sizes[i]
                count += 1
        rest = {i: f for i, f in features.items() if os.path.dirname(paths[i]) != place and i in sizes}
        added = 0
        while rest and count < KEEP_FILES:
            # most new features for its share of both bounds
            best = max(rest, key=lambda i: len(rest[i] - have) / (sizes[i] / KEEP_BYTES + 1 / KEEP_FILES))
            new = rest.pop(best) - have
            if not new:
                break
            if size + sizes[best] > KEEP_BYTES:
                continue
            have |= new
            size += sizes[best]
            count += 1
            added += 1
            shutil.copyfile(paths[best], os.path.join(place, os.path.basename(paths[best])[:12]))
        print(f"{name:<16} {added} files added: {count} files, {size >> 10} KiB, {len(have)} features", flush=True)
    return 0


def read_control(path):
    """libFuzzer's merge control file: the inputs, and the features of each."""
    with open(path, encoding="utf-8", errors="replace") as f:
        lines = f.read().split("\n")
    count = int(lines[0])
    paths = lines[2:2 + count]
    features = {}
    for line in lines[2 + count:]:
        words = line.split()
        if words and words[0] == "FT":
            features[int(words[1])] = set(words[2:])
    return paths, features


def coverage(args):
    """Every corpus once through programs that count lines."""
    folder = os.path.abspath(args.build or os.path.join(ROOT, "build", "fuzz-coverage"))
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        flags = "-O1 -g1 -fprofile-instr-generate -fcoverage-mapping"
        subprocess.run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_COMPILER=clang", "-DSOTTO_FUZZ=ON",
                        f"-DCMAKE_C_FLAGS={flags}"], check=True, stdout=subprocess.DEVNULL)
    if not args.as_is:
        build("libfuzzer", folder)
    names = args.target or sorted(targets_of(folder))
    profiles, objects = [], []
    for name in names:
        program = os.path.join(folder, "fuzz", "fuzz_" + name)
        profile = program + ".profraw"
        corpora = [c for c in (tree_corpus(name), *(os.path.join(d, name) for d in args.corpora)) if c and os.path.isdir(c)]
        files = [p for c in corpora for p in glob.glob(os.path.join(c, "*"))]
        for i in range(0, len(files) or 1, 500):
            subprocess.run([program, *files[i:i + 500]], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           env=dict(os.environ, LLVM_PROFILE_FILE=f"{profile}.{i}"))
        profiles += glob.glob(profile + ".*")
        objects += ["-object", program]
    merged = os.path.join(folder, "fuzz", "all.profdata")
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", merged, *profiles], check=True)
    for path in profiles:
        os.remove(path)
    subprocess.run(["llvm-cov", "report" if not args.lines else "show", *objects[1:], f"-instr-profile={merged}", "-ignore-filename-regex=/test/|/tests/|generated",
                    *([] if not args.lines else ["-show-line-counts-or-regions=false", *args.lines])], check=True)
    return 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--target", action="append", help="may be repeated; none: all")
    p.add_argument("--seconds", type=int, default=60)
    p.add_argument("--runs", type=int, help="instead of a time")
    p.add_argument("--engine", choices=["libfuzzer", "afl"], default="libfuzzer")
    p.add_argument("--jobs", type=int, default=1, help="targets at the same time")
    p.add_argument("--beside", action="store_true", help="the tests run beside: they go first")
    p.add_argument("--build", help="another build folder than build/fuzz or build/afl")
    p.add_argument("--as-is", action="store_true", help="with --build: run what lies there, do not build")
    p.add_argument("--total", action="store_true")
    p.add_argument("--keep", action="store_true")
    p.add_argument("--coverage", action="store_true")
    p.add_argument("--corpora", action="append", default=[], help="with --coverage: also the working corpora in this folder")
    p.add_argument("--lines", action="append", help="with --coverage: show this file line by line")
    args = p.parse_args()
    return total(args) if args.total else keep(args) if args.keep else coverage(args) if args.coverage else fuzz(args)


if __name__ == "__main__":
    raise SystemExit(main())
