#!/usr/bin/env bash
# run_tests.sh BUILD [LABEL]: run the tests of a build tree through ctest and count them one by one.
#
# ctest runs programs; a Criterion program holds many tests, which its TAP file lists. A program without a TAP file is one test.
# A program that failed although no test of its did (it crashed, or ran out of time) counts as one failure more.
# Leaves in BUILD/results: *.tap, ctest.xml, counts ("passed failed skipped"), skipped (names, one a line).
set -u
build="$1"
label="${2:-}"
results="$(cd "$build" && pwd)/results"
mkdir -p "$results"
rm -f "$results"/*.tap "$results"/ctest.xml "$results"/counts "$results"/skipped "$results"/log

export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1}"
(cd "$build" && ctest -j 2 ${label:+-L "$label"} --output-on-failure --output-junit "$results/ctest.xml") >"$results/log" 2>&1

passed=0 failed=0 skipped=0
: >"$results/skipped"

count_tap() { # NAME STATUS
    local tap="$results/$1.tap" ok not skip
    # Criterion writes "ok - suite::test  # SKIP reason"
    skip=$(grep -c '^ok.*# SKIP' "$tap")
    ok=$(($(grep -c '^ok' "$tap") - skip))
    not=$(grep -c '^not ok' "$tap")
    grep '^ok.*# SKIP' "$tap" | sed -E "s/^ok *-? */$1: /" >>"$results/skipped"
    if [ "$2" = fail ] && [ "$not" = 0 ]; then not=1; fi
    passed=$((passed + ok)) failed=$((failed + not)) skipped=$((skipped + skip))
    echo "  $1: $ok passed, $not failed, $skip skipped"
}

count_program() { # NAME STATUS
    case "$2" in
    run) passed=$((passed + 1)) ;;
    notrun | disabled) skipped=$((skipped + 1)); echo "$1" >>"$results/skipped" ;;
    *) failed=$((failed + 1)) ;;
    esac
    echo "  $1: $2"
}

while read -r name status; do
    if [ -s "$results/$name.tap" ]; then count_tap "$name" "$status"; else count_program "$name" "$status"; fi
done < <(sed -nE 's/.*<testcase name="([^"]*)".* status="([a-z]*)".*/\1 \2/p' "$results/ctest.xml" 2>/dev/null)

if [ "$failed" -gt 0 ] || [ $((passed + skipped)) = 0 ]; then
    tail -n 200 "$results/log"
fi
if [ $((passed + failed + skipped)) = 0 ]; then failed=1; fi
echo "$passed $failed $skipped" >"$results/counts"
[ "$failed" = 0 ]
