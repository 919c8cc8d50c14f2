# Steps shared by ./run, tools/build.sh, tools/test.sh and .ci/run. POSIX sh, sourced from the top of the tree.
# Each step prints one line and is silent about what went well; what a tool said goes to build/log/STEP.log.
# shellcheck shell=sh

LOG=build/log
PRESET=${PRESET:-release}
JOBS=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

now_ms() { date +%s%3N; }
took() {                                       # took START_MS: "0.4 s" or "1 min 20 s"
    took_ms=$(($(now_ms) - $1))
    if [ "$took_ms" -lt 60000 ]; then
        printf '%d.%d s' $((took_ms / 1000)) $((took_ms % 1000 / 100))
    else
        printf '%d min %02d s' $((took_ms / 60000)) $((took_ms % 60000 / 1000))
    fi
}
line() { printf '[%s] %-11s %s\n' "$1" "$2" "$3"; }
more() { printf '                  %s\n' "$1"; }
fail() {                                       # fail LOGFILE STATUS: the end of the log, where it lies, and out
    tail -n 25 "$1" >&2
    echo "The whole log: $1" >&2
    exit "$2"
}

packages_of() {                                # packages_of SECTION...: the lines of those sections
    awk -v want=" $* " '/^#/ || !NF { next } /^\[/ { on = index(want, " " substr($1, 2, length($1) - 2) " "); next } on' tools/packages.txt
}
missing_debian() {                             # reads package lines, prints the packages that are not installed
    while read -r name _; do
        case $(dpkg-query -W -f='${db:Status-Abbrev}' "$name" 2>/dev/null) in
        ii*) ;;
        *) if ! provided "$name"; then echo "$name"; fi ;;
        esac
    done
}
provided() {                                   # a program that is here without its package (another node, another npm) serves as well
    case $1 in
    gcc) command -v gcc >/dev/null ;;
    cmake | shellcheck | cppcheck | clang | clang-tidy | git | npm | python3) command -v "$1" >/dev/null ;;
    ninja-build) command -v ninja >/dev/null ;;
    nodejs) command -v node >/dev/null ;;
    golang-go) command -v go >/dev/null ;;
    pkg-config) command -v pkg-config >/dev/null ;;
    *) return 1 ;;
    esac
}
missing_elsewhere() {                          # other systems: what pkg-config and the path lack
    while read -r name module program; do
        if [ "$module" != - ]; then
            pkg-config --exists "$module" 2>/dev/null || echo "$module"
        elif [ -n "$program" ]; then
            command -v "$program" >/dev/null || echo "$program"
        fi
        : "$name"
    done
}

step_packages() {                              # step_packages LABEL SECTION...
    label=$1
    shift
    wanted=$(packages_of "$@")
    total=$(printf '%s\n' "$wanted" | wc -l)
    if ! command -v dpkg-query >/dev/null; then
        missing=$(printf '%s\n' "$wanted" | missing_elsewhere)
        if [ -z "$missing" ]; then
            line "$label" packages "nothing to do"
            return 0
        fi
        line "$label" packages "not Debian; missing here: $(echo "$missing" | tr '\n' ' ')"
        more "Install them in your system's own way (tools/packages.txt has Debian's names), then start again."
        exit 2
    fi
    missing=$(printf '%s\n' "$wanted" | missing_debian)
    if [ -z "$missing" ]; then
        line "$label" packages "nothing to do"
        return 0
    fi
    count=$(printf '%s\n' "$missing" | wc -l)
    names=$(echo "$missing" | tr '\n' ' ')
    names=${names% }
    if [ "$(id -u)" -eq 0 ]; then
        root='' with="by apt"
    elif command -v sudo >/dev/null; then
        root=sudo with="by apt, needs sudo"
    else
        line "$label" packages "$count of $total to be added, and there is no sudo here. As root:"
        more "apt-get update && apt-get install -y --no-install-recommends $names"
        exit 2
    fi
    line "$label" packages "$count of $total to be added: $names  ($with)"
    if [ "${YES:-}" != 1 ]; then
        printf '                  Continue? [Y/n] '
        read -r answer || { echo; more "Nobody is here to answer: YES=1 make run answers."; exit 2; }
        case $answer in
        '' | y | Y | yes) ;;
        *) more "Nothing was installed."; exit 2 ;;
        esac
    fi
    start=$(now_ms)
    # shellcheck disable=SC2086 # names and root are lists of plain words
    {
        $root env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
            $root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $names
    } >"$LOG/packages.log" 2>&1 </dev/null || fail "$LOG/packages.log" 2
    more "$count added, $(took "$start")"
}

step_configure() {                             # step_configure LABEL TEXT
    if [ -f "build/$PRESET/build.ninja" ]; then
        line "$1" configure "nothing to do"        # ninja itself configures again when a CMake file changed
        return 0
    fi
    start=$(now_ms)
    cmake --preset "$PRESET" >"$LOG/configure-$PRESET.log" 2>&1 || fail "$LOG/configure-$PRESET.log" 1
    line "$1" configure "$2  $(took "$start")"
}

step_build() {                                 # step_build LABEL TARGET...: no target = everything
    label=$1
    shift
    if ninja -C "build/$PRESET" -n "$@" 2>/dev/null | grep -q 'no work to do'; then
        line "$label" build "nothing to do"
        return 0
    fi
    start=$(now_ms)
    # shellcheck disable=SC2094 # the log is read while it is written: that is the progress bar
    ninja -C "build/$PRESET" -j "$JOBS" "$@" >"$LOG/build-$PRESET.log" 2>&1 &
    ninja_pid=$!
    trap 'kill "$ninja_pid" 2>/dev/null; exit 130' INT TERM
    if [ -t 1 ]; then
        while kill -0 "$ninja_pid" 2>/dev/null; do
            printf '\r[%s] %-11s %s ' "$label" build "$(progress)"
            sleep 0.5
        done
        printf '\r'
    fi
    wait "$ninja_pid" || fail "$LOG/build-$PRESET.log" 1
    trap - INT TERM
    line "$label" build "$(progress)                              $(took "$start")"
}
progress() { sed -n 's/^\[\([0-9]*\)\/\([0-9]*\)\].*/\1 of \2/p' "$LOG/build-$PRESET.log" | tail -n 1; }

step_check() {                                 # step_check LABEL: the vectors, again only when a program or a vector changed
    stamp=$(xargs cat <"build/$PRESET/vectors.list" | cat - tests/vectors/*.json tests/vectors/public/* 2>/dev/null | sha256sum)
    if [ "$stamp" = "$(cat "build/$PRESET/.checked" 2>/dev/null)" ]; then
        line "$1" check "nothing to do"
        return 0
    fi
    start=$(now_ms)
    # Without the test of the tests: a changed value is noticed (42 s), make test runs that.
    ctest --test-dir "build/$PRESET" -L vectors -E _mutation --no-tests=error -V >"$LOG/check.log" 2>&1 || fail "$LOG/check.log" 1
    # A program says how many rows or cases it ran; one that does not counts by its tests.
    cases=$(awk '
        { program = $1 }
        / rows ran,/ { for (i = 2; i <= NF; i++) if ($i == "rows") rows[program] += $(i - 1) }
        / cases of / { for (i = 2; i <= NF; i++) if ($i == "cases") rows[program] += $(i - 1) }
        /\[  PASSED  \]/ { tests[program] += $5 }
        END { for (p in tests) if (!(p in rows)) n += tests[p]; for (p in rows) n += rows[p]; print n + 0 }' "$LOG/check.log")
    line "$1" check "$cases vectors of cryptography and formats pass        $(took "$start")"
    echo "$stamp" >"build/$PRESET/.checked"
}
