#!/usr/bin/env python3
"""Runs of the simulator as tests.

    sim.py few          a handful of seeds of every world (under sanitizers too)
    sim.py many         1,000 seeds of the mixed worlds, and 60 of damaged disks, on two processes
    sim.py again        the same seeds give the same report in another process, on three processes, and with every product computed anew
                        by the libraries; other seeds give another one
    sim.py regressions  the seeds of sim/regressions
    sim.py strangers    three worlds of a thousand strangers, one of them a seed that broke the rule once; without the rules of groups it is broken
    sim.py links [N]    1,000 seeds (or N) of links of sotto/1 with hostile peers; the same seeds give the same report in another process

sim/open names the seeds among those 1,000 that still break a rule: each must break that one and no other, the rest none."""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LAB = os.path.join(os.environ.get("SOTTO_BUILD", os.path.join(ROOT, "build", "release")), "sotto-lab")
FEW = 20
AGAIN = 6


def sim(world, seed, count, *options):
    """The report of a run; ends the test with what it printed when a rule is broken."""
    run = subprocess.run([LAB, "sim", "--world", world, "--seed", str(seed), "--count", str(count), *options], capture_output=True, text=True)
    if run.returncode != 0:
        print(run.stdout, run.stderr, sep="")
        sys.exit(1)
    return json.loads(run.stdout.strip().split("\n")[-1])


def seeds_of(name):
    """[(world, seed, what stands behind them)]"""
    with open(os.path.join(ROOT, "sim", name), encoding="utf-8") as f:
        lines = [line.split(maxsplit=2) for line in f if line.strip() and line[0] != "#"]
    return [(world, int(seed), rest) for world, seed, rest in lines]


def still_open(world, seed, rule):
    run = subprocess.run([LAB, "sim", "--world", world, "--seed", str(seed), "--count", "1"], capture_output=True, text=True)
    broken = next((line.split()[1] for line in run.stdout.split("\n") if line.startswith("broken ")), None)
    if broken != rule:
        print(run.stdout, f"{world} {seed} is said to break the rule {rule} and broke {broken}: mend sim/open, or move it to sim/regressions", sep="")
        sys.exit(1)


def many(count):
    """The seeds from 1 on, around those that are open."""
    at, sum_of = 1, {"delivered": 0, "crashesInStep": 0}
    for world, seed, rest in sorted((s for s in seeds_of("open") if s[1] <= count), key=lambda s: s[1]) + [(None, count + 1, "")]:
        if at < seed:
            report = sim("all", at, seed - at, "--jobs", "2")
            print(json.dumps(report))
            sum_of = {key: value + report[key] for key, value in sum_of.items()}
        if world:
            still_open(world, seed, rest.split()[0])
        at = seed + 1
    return sum_of


def strangers():
    def run(seed, count, *options):
        lab = subprocess.run([LAB, "strangers", "--seed", str(seed), "--count", str(count), *options], capture_output=True, text=True)
        print(lab.stdout, lab.stderr, sep="", end="")
        return lab.returncode, json.loads(lab.stdout.strip().split("\n")[-1])
    status, report = run(30, 3)                        # 31: one node's table held the hostile only, and so did every answer that it asked for
    without, control = run(31, 1, "--no-groups")
    held = status == 0 and report["eclipsed"] == 0 and report["alone"] == 0 and report["outboundHostile"] < 2
    return 0 if held and without == 1 and control["eclipsed"] > 100 else 1


def links(count):
    def run(seed, count):
        lab = subprocess.run([LAB, "links", "--seed", str(seed), "--count", str(count)], capture_output=True, text=True)
        print(lab.stdout, lab.stderr, sep="", end="")
        report = json.loads(lab.stdout.strip().split("\n")[-1])
        report.pop("seconds")
        return lab.returncode, report
    strategies = len(subprocess.run([LAB, "links", "--list"], capture_output=True, text=True, check=True).stdout.split("\n")) - 1
    status, report = run(1, count)
    if status != 0:
        return 1
    if report["strategies"] != strategies or not all(report[name] for name in ("lost", "refused", "shed", "slots", "rekeys", "updates", "stalls")):
        print(f"a strategy of {strategies} was not tried, or something did not happen at all: this is no test")
        return 1
    first, again, other = run(1, 12)[1], run(1, 12)[1], run(2, 12)[1]
    return 0 if first == again and first["digest"] != other["digest"] else 1


def main():
    what = sys.argv[1]
    if what in ("few", "many"):
        report = many(1000) if what == "many" else sim("all", 1, FEW)
        print(json.dumps(report))
        if report["delivered"] == 0 or report["crashesInStep"] == 0:
            print("nothing was delivered, or nothing crashed: this is no test")
            return 1
        rot = sim("rot", 1, 60, "--jobs", "2") if what == "many" else sim("rot", 1, 3)
        print(json.dumps(rot))
        if rot["bitsFlipped"] == 0 or rot["delivered"] == 0 or (what == "many" and rot["damageNamed"] == 0):
            print("no bit was turned over, nothing was delivered, or no damage was named: this is no test")
            return 1
    elif what == "again":
        reports = [sim("all", seed, AGAIN, *options) for seed, options in ((41, ()), (41, ()), (41, ("--jobs", "3")), (41, ("--plain",)), (42, ()))]
        for report in reports:
            print(report.pop("seconds"), report["traceHash"])
        return 0 if all(report == reports[0] for report in reports[:4]) and reports[4]["traceHash"] != reports[0]["traceHash"] else 1
    elif what == "regressions":
        seeds = seeds_of("regressions")
        for world, seed, _ in seeds:
            sim(world, seed, 1)
        print(f"{len(seeds)} seeds")
        return 0 if seeds else 1
    elif what == "strangers":
        return strangers()
    elif what == "links":
        return links(int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
    return 0


if __name__ == "__main__":
    sys.exit(main())
