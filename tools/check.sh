#!/bin/sh
# make check: everything CI runs and the long ones. Linters, then all tests (also every one under the thread sanitizer and every
# system test under the address sanitizer), then each fuzz target for a minute (FUZZ_SECONDS).
set -eu
cd "$(dirname "$0")/.."
tools/lint.sh --deep
tools/test.py --long
if command -v clang >/dev/null; then
    tools/fuzz.py --seconds "${FUZZ_SECONDS:-60}" --jobs "$(getconf _NPROCESSORS_ONLN || echo 2)"
else
    echo "fuzz       skipped: needs clang"
    [ "${STRICT:-}" != 1 ] || exit 1
fi
