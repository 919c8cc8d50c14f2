#!/usr/bin/env python3
"""Every operation on a secret under valgrind: no branch and no address may depend on it (ct.h tells how).

    tests/secrets/constant_time.py                 the object code of build/release (SOTTO_BUILD names another build folder)
    tests/secrets/constant_time.py --compilers     builds the program with gcc -O2, clang -O2 and clang -O3 too, in build/secrets-*, and
                                                   looks at each: optimisers make branches of their own

Fails if an operation has an error, if one of the deliberately leaky control operations has none, if a suppression of
valgrind.supp was not used, or if a function of declassify.c never had a secret to declassify."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SUPPRESSIONS = os.path.join(HERE, "valgrind.supp")
VARIANTS = [("gcc", "-O2"), ("clang", "-O2"), ("clang", "-O3")]
DEADLINE_S = 300


def suppressions():
    with open(SUPPRESSIONS, encoding="utf-8") as f:
        return re.findall(r"^\{\n\s+(.*)\n", f.read(), re.M)


def check(program):
    """The faults found in one program, each a text."""
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with tempfile.TemporaryDirectory(prefix="sotto-ct-") as folder:
        log_path = os.path.join(folder, "log")
        done = subprocess.run(["valgrind", "-v", "--num-callers=16", "--error-limit=no", "--suppressions=" + SUPPRESSIONS,
                               "--log-file=" + log_path, program],
                              capture_output=True, text=True, timeout=DEADLINE_S, env={**os.environ, "LC_ALL": "C"})
        with open(log_path, encoding="utf-8", errors="replace") as f:
            log = re.sub(r"(?m)^(==|--|\*\*)\d+\1 ?", "", f.read())
    errors = {kind: {} for kind in ("operation", "control")}
    for kind, name, count in re.findall(r"(?m)^(operation|control) (\S+) +(\d+)$", done.stdout):
        errors[kind][name] = int(count)
    if done.returncode != 0 or set(errors["operation"]) != set(names) or len(errors["control"]) != 3:
        return [f"it ended with {done.returncode}:\n{done.stdout[-1500:]}\n{log[-3000:]}"]

    faults = []
    for name, count in errors["operation"].items():
        if count:
            part = re.search(rf"(?ms)^operation {name}$(.*?)^(operation|controls)", log)
            faults.append(f"{name}: {count} branches or addresses depend on a secret\n{part.group(1)[:2500] if part else ''}")
    faults += [f"the control \"{name}\" was not noticed: nothing above means anything" for name, count in errors["control"].items() if not count]
    for name, calls, secret in re.findall(r"(?m)^declassified (\S+) +(\d+) +(\d+)$", done.stdout):
        if secret == "0":
            faults.append(f"declassify.c: {name} was called {calls} times and never had anything to declassify")
    used = set(re.findall(r"(?m)^used_suppression: +\d+ (.*) \S+valgrind\.supp:\d+", log))
    faults += [f"valgrind.supp: \"{name}\" is not used" for name in suppressions() if name not in used]
    print(f"{os.path.relpath(program, ROOT)}: {len(names)} operations, {len(used)} suppressions, {len(faults)} faults", flush=True)
    return faults


def build(compiler, level):
    folder = os.path.join(ROOT, "build", f"secrets-{compiler}{level}")
    for command in (["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_COMPILER=" + compiler,
                     f"-DCMAKE_C_FLAGS_RELEASE={level} -DNDEBUG"],
                    ["cmake", "--build", folder, "--target", "constant_time"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return os.path.join(folder, "constant_time")


def main():
    if not shutil.which("valgrind"):
        print("skipped: needs valgrind")
        return 77
    faults = []
    if sys.argv[1:] == ["--compilers"]:
        missing = {compiler for compiler, _ in VARIANTS if not shutil.which(compiler)}
        if missing:
            print(f"skipped: needs {' and '.join(sorted(missing))}")
            return 77
        for compiler, level in VARIANTS:
            faults += [f"{compiler} {level}: {fault}" for fault in check(build(compiler, level))]
    else:
        program = os.path.join(os.path.abspath(os.environ.get("SOTTO_BUILD", os.path.join(ROOT, "build", "release"))), "constant_time")
        if not os.path.exists(program):
            print("skipped: it was built without the headers of valgrind")
            return 77
        faults = check(program)
    for fault in faults:
        print("\n" + fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
