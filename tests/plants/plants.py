#!/usr/bin/env python3
"""Planted bugs: does each test find what it is there for?

The build "plants" holds every bug of src/base/plants.def asleep; SOTTO_PLANT=NAME wakes one. Each must be caught by its detector, for
the reason that plants.def gives, and the same detectors must find nothing while all sleep. The table tells how many seeds or runs each took;
it goes to build/log/plants.txt too.

    plants.py [--build DIR] [--only REGEX] [--long]        --long: from five different first seeds each, median and worst
"""
import argparse
import concurrent.futures
import os
import re
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIST = os.path.join(ROOT, "src", "base", "plants.def")
sys.path.insert(0, os.path.join(ROOT, "tests", "house"))
import house  # noqa: E402

SEEDED = ("fuzz", "property", "sim")
PLANTS_MIN, HARD_MIN = 24, 20              # of them so many by vectors or seeds: a unit test finds what somebody thought of
PROPERTY_SEEDS = 6                         # tried one after the other
FUZZ_INPUTS = 400                          # behind the corpus
SIM_SEEDS = 80
FIRST_SEEDS_LONG = (1, 1001, 2001, 3001, 4001)
TIMEOUT_S = 150                            # of one program


def plants():
    """[(name, what is wrong, kind of detector, which, pattern)]"""
    with open(LIST, encoding="utf-8") as f:
        text = f.read()
    entries = re.findall(r'^SOTTO_PLANT\((\w+),\s*"((?:[^"\\]|\\.)*)",\s*"(\w+)\s*([\w ]*)",\s*"((?:[^"\\]|\\.)*)"\)$', text, re.M)
    if len(entries) != len(re.findall(r"^SOTTO_PLANT\(", text, re.M)):
        sys.exit(f"{LIST}: a line is not SOTTO_PLANT(NAME, \"what\", \"detector\", \"pattern\")")
    return [(name, what, kind, which, pattern.replace("\\\\", "\\")) for name, what, kind, which, pattern in entries]


def uses():
    """Which plants stand where in the product."""
    found = {}
    for top in ("src", "apps"):
        for folder, _, files in os.walk(os.path.join(ROOT, top)):
            for name in files:
                if not name.endswith((".c", ".h")) or name == "plant.h":
                    continue
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    for plant in re.findall(r"SOTTO_PLANTED\((\w+)\)", f.read()):
                        found.setdefault(plant, set()).add(os.path.relpath(os.path.join(folder, name), ROOT))
    return found


def detector_of(plant):
    """(kind, which, the one test of it)"""
    _, _, kind, which, pattern = plant
    program, _, test = which.partition(" ")
    return kind, program, pattern if kind == "unit" else test


class Detectors:
    def __init__(self, build):
        self.build = build
        self.programs = {}
        for folder, _, files in os.walk(build):
            for name in files:
                if name.startswith(("test_", "smoke_")) or name == "sotto-lab":
                    self.programs[name] = os.path.join(folder, name)

    def program(self, name):
        if name not in self.programs:
            sys.exit(f"{self.build} has no {name}: tools/build.sh plants plant_detectors")
        return self.programs[name]

    def command(self, kind, which, seed, count):
        if kind == "vectors":
            return [self.program("test_messaging")]
        if kind == "fuzz":
            return [self.program(f"smoke_{which}"), os.path.join(ROOT, "tests", "fuzz", "corpus", which), str(FUZZ_INPUTS if count else 0)]
        if kind == "sim" and which == "links":
            return [self.program("sotto-lab"), "links", "--seed", str(seed), "--count", str(5 * count)]        # a world of it takes a thirtieth of a second
        if kind == "sim":
            return [self.program("sotto-lab"), "sim", "--world", which, "--seed", str(seed), "--count", str(count)]
        return [self.program(f"test_{which}")]

    def run(self, detector, seed, count, plant=""):
        """(exit status, everything it said, seconds)"""
        kind, which, test = detector
        environment = {**os.environ, "SOTTO_PLANT": plant, "SOTTO_SEED": str(seed), "SOTTO_TEST": test}
        start = time.monotonic()
        try:
            done = subprocess.run(self.command(kind, which, seed, count), cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=TIMEOUT_S, check=False)
            status, said = done.returncode, done.stdout
        except subprocess.TimeoutExpired as late:
            status, said = "timeout", late.stdout or b""
        return status, said.decode(errors="replace"), time.monotonic() - start

    def rounds(self, kind, first):
        """What is tried one after the other: (seed, count)."""
        if kind == "property":
            return [(first + i, 1) for i in range(PROPERTY_SEEDS)]
        return [(first, SIM_SEEDS if kind == "sim" else 1)]

    def catch(self, plant, first=1):
        """(caught, how many runs in words, the number to compare, seconds, what to show when it was not caught)"""
        name, _, kind, which, pattern = plant
        seconds = 0
        for tried, (seed, count) in enumerate(self.rounds(kind, first)):
            status, said, took = self.run(detector_of(plant), seed, count, name)
            seconds += took
            if status == 0:
                continue
            if kind == "unit":
                pattern = rf"\[  FAILED  \] {pattern}"
            reached, reason = f"planted: {name}" in said, re.search(pattern, said, re.M)
            if status == "timeout" or not reached or not reason:
                why = "it never ran" if not reached else f"/{pattern}/ was not said" if not reason else "no end"
                return False, f"failed for another reason: {why}", 0, seconds, said
            return True, *needed(kind, said, tried, first), seconds, ""
        return False, "not caught", 0, seconds, said


def needed(kind, said, tried, first):
    if kind == "sim":
        seed = re.search(r"^seed +(\d+)", said, re.M)
        count = int(seed.group(1)) - first + 1 if seed else 1
        return (f"{count} seed{'s' if count > 1 else ''}", count)
    if kind == "fuzz":
        file, run = re.search(r"died in file (\d+) of the corpus", said), re.search(r"died in input (\d+)", said)
        if file:
            return f"corpus file {file.group(1)}", int(file.group(1))
        return (f"input {int(run.group(1)) + 1}", int(run.group(1)) + 1) if run else ("1 run", 1)
    if kind == "property":
        run = re.search(r", run (\d+)", said)
        words = f"run {run.group(1)}" if run else "1 run"
        return (f"seed {tried + 1}, {words}" if tried else words), tried * 1000000 + (int(run.group(1)) if run else 1)
    return "1 run", 1


def base_line(detectors, wanted, pool):
    """All of them pass while every plant sleeps. Returns what failed."""
    jobs = {}
    for detector in sorted({detector_of(plant) for plant in wanted}):
        for seed, count in detectors.rounds(detector[0], 1)[:2]:
            jobs[pool.submit(detectors.run, detector, seed, count)] = f"{' '.join(detector).strip()}, seed {seed}"
    failed, start = [], time.monotonic()
    for job in concurrent.futures.as_completed(jobs):
        status, said, _ = job.result()
        if status != 0 or "planted:" in said:
            failed.append((f"base line: {jobs[job]}: {status}", said))
    print(f"base line  {len(jobs) - len(failed)} of {len(jobs)} pass while every plant sleeps, {time.monotonic() - start:.0f} s", flush=True)
    return failed


def row(columns):
    return "{:<24} {:<66} {:<31} {:<19} {:>6}".format(*columns).rstrip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("SOTTO_BUILD", os.path.join(ROOT, "build", "plants")))
    parser.add_argument("--only", default="")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    args = parser.parse_args()
    everything, detectors, failures = plants(), Detectors(args.build), []
    wanted = [p for p in everything if re.search(args.only, p[0])]
    places = uses()
    for name in sorted({p[0] for p in everything} ^ set(places)):
        failures.append((f"{name} stands in plants.def only, or in the product only", ""))
    hard = sum(kind in SEEDED or kind == "vectors" for _, _, kind, _, _ in everything)
    if len(everything) < PLANTS_MIN or hard < HARD_MIN or len({p[0] for p in everything}) != len(everything):
        failures.append((f"{len(everything)} plants, {hard} of them caught by vectors or seeds: too few, or one twice", ""))
    if not list(house.plant_faults(args.build)):             # what tests/house says of the other builds it must say of this one
        failures.append((f"tests/house finds no plant in {args.build}", ""))
    lines = [row(("plant", "what is wrong", "caught by", "needed", "s"))]
    print(lines[0], flush=True)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        firsts = FIRST_SEEDS_LONG if args.long else (1,)
        jobs = [[pool.submit(detectors.catch, p, first) for first in (firsts if p[2] in SEEDED else (1,))] for p in wanted]
        for plant, tries in zip(wanted, jobs):
            name, what, kind, which, _ = plant
            results = [job.result() for job in tries]
            words = results[0][1]
            if len(results) > 1 and all(r[0] for r in results) and kind == "sim":
                words = f"{statistics.median_low(r[2] for r in results)}, at most {max(r[2] for r in results)} seeds"
            elif len(results) > 1 and all(r[0] for r in results):
                words = f"{results[0][1]} ({max((r[2], r[1]) for r in results)[1]})"
            lines.append(row((name, what, f"{kind} {which.partition(' ')[0]}", words, f"{sum(r[3] for r in results):.1f}")))
            print(lines[-1], flush=True)
            failures += [(f"{name}: {r[1]}, first seed {first}", r[4]) for r, first in zip(results, firsts) if not r[0]]
        failures += base_line(detectors, wanted, pool)
    lines.append(f"{len(wanted)} plants; {sum(k in SEEDED or k == 'vectors' for _, _, k, _, _ in wanted)} caught by vectors or seeds; {len(failures)} failures")
    print(lines[-1])
    os.makedirs(os.path.join(ROOT, "build", "log"), exist_ok=True)
    with open(os.path.join(ROOT, "build", "log", "plants.txt"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    for what, said in failures:
        print(f"\nFAILED     {what}")
        print("\n".join("           " + line for line in said.rstrip().split("\n")[-12:] if line))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
