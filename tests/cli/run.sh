#!/usr/bin/env bash
# run.sh CANDOR [CASES...]: the command line, case by case (default: every *.cases beside this script). Prints TAP.
#
# A case is a block of lines, blocks apart by empty lines, lines that begin with # ignored:
#   name   what it shows (begins the block)
#   needs  data | model:NAME   skipped without the reference data (CANDOR_TEST_DATA) or that shipped model
#   env NAME=VALUE             set for all commands of the case
#   $ …    the arguments, as the shell reads them; several such lines run one after the other, the last one is judged
#   exit N                     expected status (0)
#   out= …  / out~ … / out! …  stdout is, contains, does not contain (printf %b escapes; = adds the final newline)
#   err~ …                     stderr contains
#   none FILE                  FILE must not exist
#   npy FILE (a, b)            FILE is a float32 array of that shape
# Whatever exits with 1 or 2 must say why in exactly one line, `candor: error: …`.
# In arguments: $TMP is an empty folder of the case, $DATA the reference data, $M its small GGUF model, $H the same as a folder;
# $(few STUDY) is a copy of a shipped study with two replicates.
set -u
bin="$(realpath "$1")"
shift
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
if [ $# = 0 ]; then set -- "$here"/*.cases; fi
DATA="${CANDOR_TEST_DATA:-}"
M="$DATA/models/stories260K/stories260K-f32.gguf"
H="$DATA/models/stories260K/hf-f32"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
count=0 bad=0

few() {
    sed 's/^replicates: .*/replicates: 2/' "$here/../../studies/$1.yaml" >"$TMP/few-$1.yaml" && echo "$TMP/few-$1.yaml"
}

why() { printf '# %s\n' "$*"; ok=0; }

judge() { # LINE
    local word="${1%% *}" rest="${1#* }" want
    want="$(printf '%b.' "$rest")" want="${want%.}"
    case "$word" in
    exit) [ "$status" = "$rest" ] || why "expected exit status $rest, found $status" ;;
    out=) [ "$(cat "$work/out"; echo .)" = "$want"$'\n.' ] || why "expected stdout: $rest" ;;
    out~) grep -qF -- "$want" "$work/out" || why "expected in stdout: $rest" ;;
    out!) ! grep -qF -- "$want" "$work/out" || why "not expected in stdout: $rest" ;;
    err~) grep -qF -- "$want" "$work/err" || why "expected in stderr: $rest" ;;
    none) [ ! -e "$(eval echo "$rest")" ] || why "$rest was left behind" ;;
    npy)
        want="$(eval echo "${rest%% *}")"
        head -c 128 "$want" 2>/dev/null | grep -qaF "'<f4'" || why "$want is not a float32 array"
        head -c 128 "$want" 2>/dev/null | grep -qaF "'shape': ${rest#* }" || why "$want: expected shape ${rest#* }: $(head -c 128 "$want" | tr -d '\000-\037' | tail -c 120)"
        ;;
    *) why "unknown line: $1" ;;
    esac
}

skip_reason() { # NEEDS
    case "$1" in
    pages) "$bin" study verify x --report x --page x 2>&1 | grep -q 'without report pages' && echo "built without report pages (Node.js, npm)" ;;
    data) [ -e "$M" ] || echo "no reference data (CANDOR_TEST_DATA)" ;;
    model:*) "$bin" models --json 2>/dev/null | grep -qF "\"name\":\"${1#model:}\"" || echo "no shipped model ${1#model:}" ;;
    esac
}

# The lines of one case are in the array `lines`.
run_case() {
    local name="" reason="" environment="" line status=0 ok=1 seen_exit=0
    TMP="$work/tmp"
    rm -rf "$TMP" && mkdir "$TMP"
    for line in "${lines[@]}"; do
        case "$line" in
        "name "*) name="${line#name }" ;;
        "needs "*) reason="$(skip_reason "${line#needs }")" ;;
        "env "*) environment+=" ${line#env }" ;;
        esac
    done
    count=$((count + 1))
    if [ -n "$reason" ]; then echo "ok $count - $name # SKIP $reason"; return; fi
    for line in "${lines[@]}"; do
        case "$line" in
        "\$ "*) (cd "$TMP" && eval "env$environment timeout 600 \"\$bin\" ${line#\$ }") >"$work/out" 2>"$work/err" </dev/null; status=$? ;;
        esac
    done
    for line in "${lines[@]}"; do
        case "$line" in
        "name "* | "needs "* | "env "* | "\$ "*) ;;
        *) [[ "$line" == "exit "* ]] && seen_exit=1; judge "$line" ;;
        esac
    done
    if [ $seen_exit = 0 ]; then judge "exit 0"; fi
    if [ "$status" = 1 ] || [ "$status" = 2 ]; then
        if [ "$(wc -l <"$work/err")" != 1 ] || ! grep -q '^candor: error: ' "$work/err"; then why "expected one line, candor: error: …"; fi
    fi
    if [ $ok = 1 ]; then echo "ok $count - $name"; return; fi
    bad=$((bad + 1))
    head -c 600 "$work/out" | sed 's/^/# out: /'
    head -c 600 "$work/err" | sed 's/^/# err: /'
    echo "not ok $count - $name"
}

lines=()
while IFS= read -r line; do
    case "$line" in
    "#"*) ;;
    "") if [ ${#lines[@]} -gt 0 ]; then run_case; lines=(); fi ;;
    *) lines+=("$line") ;;
    esac
done < <(for f in "$@"; do cat "$f"; echo; done)
echo "1..$count"
[ $bad = 0 ] && [ $count -gt 0 ]
