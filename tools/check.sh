#!/bin/sh
# make check: everything CI runs and the long ones. Linters, then all tests (also every one under the thread sanitizer and every
# system test under the address sanitizer), then each fuzz target for a minute (FUZZ_SECONDS).
set -eu
cd "$(dirname "$0")/.."
tools/lint.sh
tools/test.py --long
if command -v clang >/dev/null; then
    tools/build.sh fuzz >/dev/null
    for target in $(find build/fuzz -type f -perm -u+x -name 'fuzz_*' | sort); do
        name=${target##*/fuzz_}
        mkdir -p "build/fuzz/corpus/$name"
        [ ! -d "tests/fuzz/corpus/$name" ] || cp -n "tests/fuzz/corpus/$name/"* "build/fuzz/corpus/$name/"
        printf 'fuzz       %-20s ' "$name"
        if "$target" -max_total_time="${FUZZ_SECONDS:-60}" -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" \
            >"build/log/fuzz-$name.log" 2>&1; then
            sed -n 's/^Done \([0-9]* runs\).*/\1/p' "build/log/fuzz-$name.log"
        else
            echo FAILED
            tail -n 20 "build/log/fuzz-$name.log"
            exit 1
        fi
    done
else
    echo "fuzz       skipped: needs clang"
    [ "${STRICT:-}" != 1 ] || exit 1
fi
