#!/bin/sh
# make check: everything CI runs and the long ones. Linters with clang-tidy, then all tests (those of the rooms with threads and every system
# test also under the thread sanitizer, every system test under the address sanitizer too) and each fuzz target for a minute (FUZZ_SECONDS).
# The long tests wait most of the time: the fuzz targets run beside them, with what the tests leave of the processors.
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
tools/fuzz.py --seconds "${FUZZ_SECONDS:-60}" --jobs "$(getconf _NPROCESSORS_ONLN || echo 2)" --beside >"$log/fuzz-beside.txt" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null || true' EXIT
tools/test.py --long || tests=$?
wait "$beside" || fuzz=$?
trap - EXIT
cat "$log/fuzz-beside.txt"
[ "$tests" -eq 0 ] || exit "$tests"
exit "$fuzz"
