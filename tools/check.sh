#!/bin/sh
# make check: everything CI runs and the long ones. Linters with clang-tidy, then all tests (also every one under the thread sanitizer and
# every system test under the address sanitizer) and each fuzz target for a minute (FUZZ_SECONDS). The long tests wait most of the time: one
# fuzz target after the other runs beside them, two thirds of all; the others follow on all processors.
set -eu
cd "$(dirname "$0")/.."
log=build/log
tools/lint.sh --deep
if ! command -v clang >/dev/null; then
    tools/test.py --long
    echo "fuzz       skipped: needs clang"
    [ "${STRICT:-}" != 1 ] || exit 1
    exit 0
fi
mkdir -p "$log"
fuzz=0
tests=0
tools/fuzz.py --seconds "${FUZZ_SECONDS:-60}" --part 1-2/3 >"$log/fuzz-beside.txt" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null || true' EXIT
tools/test.py --long || tests=$?
wait "$beside" || fuzz=$?
trap - EXIT
cat "$log/fuzz-beside.txt"
tools/fuzz.py --seconds "${FUZZ_SECONDS:-60}" --part 3/3 --jobs "$(getconf _NPROCESSORS_ONLN || echo 2)" || fuzz=$?
[ "$tests" -eq 0 ] || exit "$tests"
exit "$fuzz"
