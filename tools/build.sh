#!/bin/sh
# Builds one preset: tools/build.sh [release|asan|tsan|fuzz|afl|coverage [target...]]; no target = everything in it
set -eu
cd "$(dirname "$0")/.."
PRESET=${1:-release}
[ $# -eq 0 ] || shift
. tools/steps.sh
mkdir -p "$LOG"
step_configure "$PRESET" "$PRESET"
step_build "$PRESET" "$@"
