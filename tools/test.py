#!/usr/bin/env python3
"""make test: builds release, asan, tsan and plants, and runs every test where it belongs, as one CTest run.

    unit, property, vectors, fuzz-smoke, lint   on asan (address and undefined behaviour)
    tsan                                        the unit tests of the rooms with threads, and the short system tests. The other rooms are pure
                                                (tests/house): where there is one thread, nothing can race
    system                                      on release
    secrets                                     on release: constant time under valgrind
    system-asan                                 the short system tests again
    plants                                      each planted bug against its detector (tests/plants)

--long adds what make check runs: the long tests, every system test on asan and on tsan, secrets by other compilers.   --only REGEX picks tests by name.
--again runs what fails a second time (CI: one story in hundreds meets a machine that stands still); what passes then is named, with the log of its failure.
STRICT=1: a test that was skipped because a helper is absent counts as failed.   Exit status: CTest's.
"""
import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(ROOT, "build", "test")
LOGS = os.path.join(ROOT, "build", "log", "tests")
ON_ASAN = ["lint", "unit", "property", "vectors", "fuzz-smoke"]
KINDS = [*ON_ASAN, "system", "secrets"]
THREADED_ROOMS = ("io", "node", "rpc", "whisper", "work")       # rooms whose code runs beside a worker thread
THREADED_TESTS = ("crypto_secret",)                             # and tests that start threads themselves


def duration(seconds):
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def build(preset, *targets):
    start = time.monotonic()
    if subprocess.run(["sh", "tools/build.sh", preset, *targets], cwd=ROOT, stdout=subprocess.DEVNULL).returncode != 0:
        sys.exit(1)
    print(f"build      {preset}  {duration(time.monotonic() - start)}", flush=True)


def tests_of(preset):
    """What that build folder offers: [(name, labels, command, properties)]."""
    folder = os.path.join(ROOT, "build", preset)
    shown = subprocess.run(["ctest", "--test-dir", folder, "--show-only=json-v1"], capture_output=True, text=True, check=True)
    for test in json.loads(shown.stdout)["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        if "command" in test:
            labels = properties.get("LABELS", ["unit"])        # CTest sorts them: the kind comes first here
            kind = next((label for label in labels if label in KINDS), "unit")
            yield test["name"], [kind, *labels], test["command"], properties


def chosen(long):
    """[(label shown, preset, name, command, properties)]"""
    for name, labels, command, properties in tests_of("asan"):
        if labels[0] in ON_ASAN:
            yield labels[0], "asan", name, command, properties
        elif labels[0] == "system" and ("short" in labels or long) and "long" not in labels:
            yield "system-asan", "asan", name, command, properties
    for name, labels, command, properties in tests_of("tsan"):
        threaded = name.split("_")[0] in THREADED_ROOMS or name in THREADED_TESTS
        if (labels[0] == "unit" or (long and labels[0] in ("property", "vectors"))) and threaded:
            yield "tsan", "tsan", name, command, properties
        elif labels[0] == "system" and ("short" in labels or long) and "long" not in labels:
            yield "tsan", "tsan", name, command, properties
    for name, labels, command, properties in tests_of("release"):
        if labels[0] in ("system", "secrets") and ("long" not in labels or long):
            yield labels[0], "release", name, command, properties
    for name, labels, command, properties in tests_of("plants"):
        if name == "planted_bugs":
            yield "plants", "plants", name, [*command, "--long"] if long else command, properties


def quoted(text):
    return "[==[" + str(text) + "]==]"


def write_suite(tests):
    """One CTest file over all build folders, so that one run has one summary."""
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, "CTestTestfile.cmake"), "w", encoding="utf-8") as f:
        for label, preset, name, command, properties in tests:
            f.write(f"add_test({quoted(preset + '.' + name)} {' '.join(quoted(c) for c in command)})\n")
            f.write(f"set_tests_properties({quoted(preset + '.' + name)} PROPERTIES LABELS {label} SKIP_RETURN_CODE 77")
            timeout = float(properties.get("TIMEOUT", 120)) * {"release": 1, "asan": 2, "tsan": 3, "plants": 1}[preset]
            f.write(f" TIMEOUT {timeout:g} WORKING_DIRECTORY {quoted(properties.get('WORKING_DIRECTORY', ROOT))}")
            for key in ("PROCESSORS", "COST"):
                if key in properties:
                    f.write(f" {key} {properties[key]:g}")
            for key in ("RUN_SERIAL", "WILL_FAIL"):
                if properties.get(key):
                    f.write(f" {key} TRUE")
            for key in ("PASS_REGULAR_EXPRESSION", "FAIL_REGULAR_EXPRESSION"):
                if properties.get(key):
                    f.write(f" {key} {quoted(';'.join(properties[key]))}")
            if properties.get("ENVIRONMENT"):
                f.write(f" ENVIRONMENT {quoted(';'.join(properties['ENVIRONMENT']))}")
            f.write(")\n")


def run_suite(jobs, again):
    """CTest's lines are kept; each finished test leaves one dot's worth of progress on a terminal. Returns status, summary, log."""
    report = os.path.join(OUT, "report.xml")
    command = ["ctest", "--test-dir", OUT, "-j", str(jobs), "--no-tests=error", "--output-junit", report,
               "--test-output-size-passed", "20000", "--test-output-size-failed", "1000000"] + (["--repeat", "until-pass:2"] if again else [])
    summary, lines = [], []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            lines.append(line)
            if summary or re.match(r"\d+% tests passed", line):
                summary.append(line)
            elif sys.stdout.isatty() and (m := re.match(r"\s*(\d+/\d+) Test\s+#\d+: (\S+)", line)):
                print(f"\r\x1b[K{m.group(1)} {m.group(2)}", end="", flush=True)
    if sys.stdout.isatty():
        print("\r\x1b[K", end="")
    with open(os.path.join(OUT, "ctest.log"), "w", encoding="utf-8") as f:
        f.writelines(lines)
    return process.returncode, summary or lines[-20:], xml.parse(report).getroot() if os.path.exists(report) else None


def tell(tests, report):
    """One line a label, the reasons of skips, and for each failure what a person needs to repeat it. Returns skips, failures."""
    label_of = {f"{preset}.{name}": (label, command) for label, preset, name, command, _ in tests}
    groups, skips, failures = {}, [], []
    for case in report.iter("testcase"):
        name, status = case.get("name"), case.get("status")
        label, command = label_of[name]
        group = groups.setdefault(label, [0, 0, 0.0, []])
        group[1] += 1
        group[2] += float(case.get("time") or 0)
        output = case.findtext("system-out") or ""
        if status == "run":
            group[0] += 1
            continue
        log = os.path.join(LOGS, name.replace("/", "_") + ".log")
        with open(log, "w", encoding="utf-8") as f:
            f.write(output)
        skipped = case.find("skipped")
        if status in ("notrun", "disabled") and skipped is not None and "SKIP_RETURN_CODE" in (skipped.get("message") or ""):
            why = re.search(r"skipped: (.*)", output)
            group[3].append((name, why.group(1) if why else "no reason given"))
            skips.append(name)
        else:
            failures.append((name, command, output, log))
    for label in [*ON_ASAN, "tsan", "system-asan", "system", "secrets", "plants"]:
        if label in groups:
            passed, total, seconds, skipped = groups[label]
            print(f"{label:<12} {passed} of {total - len(skipped)} · {duration(seconds)}")
            for name, why in skipped:
                print(f"{label:<12} skipped {name}: {why}")
    for name, command, output, log in failures:
        seed = re.search(r"seed (\d+)", output)
        environment = f"SOTTO_SEED={seed.group(1)} " if seed else ""
        print(f"\nFAILED     {name}" + (f"   seed {seed.group(1)}" if seed else ""))
        print("\n".join("           " + line for line in output.rstrip().split("\n")[-12:]))
        print(f"repeat     {environment}{' '.join(shlex.quote(c) for c in command)}")
        print(f"log        {os.path.relpath(log, ROOT)}")
    return skips, failures


def tell_again(report):
    """What failed once and then passed: named, and its first output kept. Known only to CTest's own log."""
    passed = {case.get("name") for case in report.iter("testcase") if case.get("status") == "run"}
    with open(os.path.join(OUT, "Testing", "Temporary", "LastTest.log"), encoding="utf-8", errors="replace") as f:
        runs = re.findall(r"^\d+/\d+ Testing: (\S+)\n(.*?)^Test (Passed|Failed)", f.read(), re.M | re.S)
    for name, output, verdict in runs:
        if verdict != "Passed" and name in passed:
            log = os.path.join(LOGS, name.replace("/", "_") + ".first.log")
            with open(log, "w", encoding="utf-8") as f:
                f.write(output)
            print(f"again        {name} failed once and passed when repeated: {os.path.relpath(log, ROOT)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--no-build", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--jobs", type=int, default=max(2, os.cpu_count() or 2))
    args = parser.parse_args()
    for preset, targets in (("release", []), ("asan", []), ("tsan", []), ("plants", ["plant_detectors"])):
        if not args.no_build:
            build(preset, *targets)
    os.makedirs(LOGS, exist_ok=True)
    tests = [t for t in chosen(args.long) if re.search(args.only, f"{t[1]}.{t[2]}")]
    write_suite(tests)
    # Stories over real nodes wait most of their time: one more beside them keeps the processors busy.
    status, summary, report = run_suite(args.jobs + 1, args.again)
    skips = []
    if report is not None:
        skips, _ = tell(tests, report)
        tell_again(report)
    if skips and os.environ.get("STRICT") == "1":
        print(f"\nSTRICT=1: {len(skips)} skipped tests count as failed")
        status = status or 8
    print()
    sys.stdout.writelines(summary)
    sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
