#!/usr/bin/env bash
# model_figures.sh CANDOR [N]: the figures of models/README.md, computed afresh: each family on N (500) held-out questions.
# One JSON object a line, as `candor reason --json` prints it, with family and mode in front.
set -eu
candor="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
n="${2:-500}"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

run() { # FAMILY MODE METHODS BUDGET [gym option]
    "$candor" gym "$1" --split test --seed 11 -n "$n" ${5:-} -o "$work/q.jsonl"
    "$candor" reason -q -m r1 --rm rm1 --data "$work/q.jsonl" --method "$3" --budget "$4" --temp 1 --precision full --json | sed "s/^{/{\"family\": \"$1\", \"mode\": \"$2\", /"
}

for family in recall chain arith; do
    run "$family" thinking greedy 1
    run "$family" at-once greedy 1 --at-once
    run "$family" thinking sample,sc,bon 8
done
