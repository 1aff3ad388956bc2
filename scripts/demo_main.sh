#!/usr/bin/env bash
# demo_main.sh CANDOR: what ./demo shows once the program is built. Needs nothing but the shipped models.
set -u
candor="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
[ -x "$candor" ] || { echo "no program at $candor" >&2; exit 1; }
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '$ candor %s\n' "$*"; "$candor" "$@"; }

say "The models that are shipped"
found=0
for m in models/*.gguf; do
    [ -e "$m" ] || continue
    found=1
    printf '  %-24s %9d bytes\n' "$m" "$(stat -c %s "$m")"
done
[ "$found" = 1 ] || { echo "  none yet"; exit 0; }
[ ! -e models/r1.gguf ] || show inspect models/r1.gguf || exit 1

if [ -e models/r1.gguf ] && [ -e models/rm1.gguf ]; then
    say "Questions that the models never saw"
    show gym chain --split test --n 40 -o "$work/q.jsonl" || exit 1
    head -n 2 "$work/q.jsonl"
    say "The same budget spent in different ways: plain sampling, voting, best of N, gradient on the logits"
    show reason -m models/r1.gguf --rm models/rm1.gguf --data "$work/q.jsonl" \
        --method greedy,sc,bon,nabla --budget 8 || exit 1
fi
