#!/bin/sh
# All linters: shape of the text, the house, shell scripts, C. Each prints its faults; exit 1 if any had one.
# A linter that is not installed is named as skipped; STRICT=1 turns that into a failure.
# tools/lint.sh --deep runs clang-tidy as well: minutes the first time, then only over what changed.
# shellcheck disable=SC2317 # the checks below are called through run()
set -u
cd "$(dirname "$0")/.." || exit 1
status=0
run() {                                        # run NAME COMMAND...
    name=$1
    shift
    if output=$("$@" 2>&1); then
        printf 'lint       %-12s ok\n' "$name"
    else
        printf '%s\n' "$output"
        printf 'lint       %-12s FAILED\n' "$name"
        status=1
    fi
}
skip() {
    printf 'lint       %-12s skipped: %s\n' "$1" "$2"
    if [ "${STRICT:-}" = 1 ]; then status=1; fi
}
files() {                                      # files GLOB...: what is or would be committed
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do [ ! -f "$f" ] || echo "$f"; done
    else
        for glob in "$@"; do find . -path ./build -prune -o -path '*/node_modules' -prune -o -type f -name "${glob##*/}" -print; done
    fi
}
machine_paths() {                              # nothing of one machine in the tree: home folders, build folders, package hosts
    ! files '*' | grep -vE '(\.sum|^tests/vectors/.*|^tools/lint\.sh)$' | tr '\n' '\0' |
        xargs -0 grep -nIE '/(work|farm|root|home)/[a-z]|deb\.debian\.org|registry\.npmjs\.org|proxy\.golang\.org|pypi\.org|crates\.io'
}
unfinished() {
    ! files '*.c' '*.h' '*.py' '*.sh' '*.js' | grep -v '^tools/lint\.sh$' | tr '\n' '\0' | xargs -0 grep -nIE '\b(TODO|FIXME|XXX|not implemented)\b'
}
shell_scripts() { files '*.sh' 'run' '.ci/run' | tr '\n' '\0' | xargs -0 shellcheck -x; }
c_check() {
    # Off: what cppcheck misreads here (a pointer kept in a compound literal "leaks", TAILQ_FOREACH "dereferences"), NULL at the end of
    # a variadic call (a pointer on every system we build for), and uninitialised variables, which it cannot follow through "written
    # on success only". The compiler's warnings and the sanitizers look after those.
    files 'src/*.c' 'apps/*.c' | grep -v /test/ >build/cppcheck.files
    cppcheck --quiet --std=c11 --language=c --enable=warning,portability --inline-suppr --error-exitcode=1 -j 2 \
        --suppress=missingIncludeSystem --suppress=unknownMacro --suppress=normalCheckLevelMaxBranches \
        --suppress=varFuncNullUB --suppress=uninitvar --suppress=ctuuninitvar --suppress=legacyUninitvar --suppress=memleak --suppress=nullPointerRedundantCheck \
        --suppress=arrayIndexThenCheck \
        -D_GNU_SOURCE -I src --cppcheck-build-dir=build/cppcheck --file-list=build/cppcheck.files
}
python_files() { files '*.py' | tr '\n' '\0' | PYTHONDONTWRITEBYTECODE=1 xargs -0 -n 1 python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])'; }

mkdir -p build/cppcheck
run style python3 tools/style.py
run house python3 tests/house/house.py
run paths machine_paths
run unfinished unfinished
run python python_files
if command -v shellcheck >/dev/null; then run shell shell_scripts; else skip shell "needs shellcheck"; fi
if command -v cppcheck >/dev/null; then run cppcheck c_check; else skip cppcheck "needs cppcheck"; fi
if [ "${1:-}" = --deep ]; then
    if command -v clang-tidy >/dev/null; then run clang-tidy python3 tools/tidy.py; else skip clang-tidy "needs clang-tidy"; fi
fi
exit $status
