#!/usr/bin/env bash
# ttft.sh FILE.gguf [PROMPT]: time from the start of a process to the first token, candor and llama.cpp (the npm package) in turn on the same file, with
# the file in the page cache and without. Rows of a Markdown table. See README.md beside this file.
#
# CANDOR (build/release/candor), TTFT (build/release/ttft: ninja -C build/release ttft), REPEATS (9), THREADS (physical cores), CANDOR_PEERS
# (where the package is, see scripts/peers.sh), CANDOR_FLAGS (further options of candor run).
set -eu
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CANDOR="${CANDOR:-$root/build/release/candor}"
TTFT="${TTFT:-$root/build/release/ttft}"
REPEATS="${REPEATS:-9}"
THREADS="${THREADS:-$(lscpu -p=core,socket | grep -v '^#' | sort -u | wc -l)}"
[ $# -ge 1 ] || { sed -n '2,/^set/p' "${BASH_SOURCE[0]}" | sed -n 's/^# \{0,1\}//p' >&2; exit 2; }
file="$(realpath "$1")"
prompt="${2:-Once upon a time there was a machine that told the truth.}"
for program in "$CANDOR" "$TTFT"; do
    [ -x "$program" ] || { echo "expected the program $program (build it, or set CANDOR and TTFT)" >&2; exit 1; }
done
packages="$("$root/scripts/peers.sh")"
# A module finds its packages beside itself.
here="$(mktemp -d)"
trap 'rm -rf "$here"' EXIT
cp "$root/bench/peers/llamacpp/ttft.mjs" "$here/"
ln -s "$packages/node_modules" "$here/node_modules"
quoted() { # words as sh reads them
    local word
    for word in "$@"; do printf "'%s' " "${word//\'/\'\\\'\'}"; done
}
# shellcheck disable=SC2086 # flags are words
"$TTFT" "$file" "$REPEATS" \
    "exec $(quoted "$CANDOR" run -m "$file" -p "$prompt" -n 1 -t "$THREADS" -q) ${CANDOR_FLAGS:-}" \
    "exec $(quoted node "$here/ttft.mjs" "$file" "$THREADS" "$prompt")"
