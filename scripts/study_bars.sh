#!/usr/bin/env bash
# study_bars.sh CANDOR [FOLDER]: the four backfire studies (1,610 planted runs) through the whole pipeline, and what each command takes.
#
# plan, register, run, score, stats, report, verify of studies/backfire-1 … 4, in the repository's root; GNU time measures. A row is a
# command: seconds, those of all cores at work in it, peak resident memory in MB, exit status. It ends with 1 if a command fails, if all take more than 300 s (the sum of the
# rows), or if one takes more than 500 MB. Files go to FOLDER (default: a temporary one, removed at the end).
set -u
bin="$(realpath "$1")"
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
out="${2:-}"
if [ -z "$out" ]; then
    out="$(mktemp -d)"
    trap 'rm -rf "$out"' EXIT
fi
mkdir -p "$out"
time=/usr/bin/time
[ -x "$time" ] || { echo "study_bars.sh: expected GNU time at $time, found none" >&2; exit 2; }
bad=0
: >"$out/rows"

row() { # STUDY COMMAND ARGUMENTS…
    local study="$1" what="$2" status seconds user system kb
    shift 2
    "$time" -q -o "$out/time" -f '%e %U %S %M' "$bin" study "$what" "$@" >"$out/$study.$what.out" 2>"$out/$study.$what.err"
    status=$?
    read -r seconds user system kb <"$out/time"
    awk -v a="$study" -v b="$what" -v s="$seconds" -v u="$user" -v k="$system" -v m="$kb" -v r="$status" \
        'BEGIN { printf "%-12s %-9s %8.2f %8.2f %8.1f %s\n", a, b, s, u + k, m / 1024, r }' | tee -a "$out/rows"
    if [ "$status" != 0 ]; then
        bad=1
        cat "$out/$study.$what.err" >&2
    fi
}

printf '%-12s %-9s %8s %8s %8s %s\n' study command seconds "of cores" MB exit
for i in 1 2 3 4; do
    s="backfire-$i" f="studies/backfire-$i.yaml" a="$out/backfire-$i.study"
    rm -f "$a" "$a".*
    row "$s" plan "$f" --json
    row "$s" register "$f" -o "$out/$s.registration"
    row "$s" run "$f" --backend planted --registration "$out/$s.registration" -o "$a" --json
    row "$s" score "$a" --json
    row "$s" stats "$a" --json
    row "$s" report "$a" -o "$out/$s.html"
    row "$s" verify "$a" --registration "$out/$s.registration" --json
done
awk -v bad="$bad" '
    { sum += $3; cores += $4; if ($5 > most) most = $5 }
    END {
        printf "all: %.1f s of 300 (%.1f s of cores), at most %.1f MB of 500\n", sum, cores, most
        exit bad || sum > 300 || most > 500
    }' "$out/rows"
