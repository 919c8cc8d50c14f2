#!/bin/sh
# make check: everything CI runs and the long ones. Linters with clang-tidy, then all tests (also every one under the thread sanitizer and
# every system test under the address sanitizer) and each fuzz target for a minute (FUZZ_SECONDS). The long tests wait most of the time: one
# fuzz target after the other runs beside them; those that are left then run on all processors.
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
long=$log/long-tests-run
: >"$long"
tools/fuzz.py --seconds "${FUZZ_SECONDS:-60}" --jobs "$(getconf _NPROCESSORS_ONLN || echo 2)" --beside "$long" >"$log/fuzz-beside.txt" 2>&1 &
beside=$!
trap 'rm -f "$long"; kill "$beside" 2>/dev/null || true' EXIT
tools/test.py --long || tests=$?
rm -f "$long"
wait "$beside" || fuzz=$?
trap - EXIT
cat "$log/fuzz-beside.txt"
[ "$tests" -eq 0 ] || exit "$tests"
exit "$fuzz"
