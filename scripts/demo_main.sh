#!/usr/bin/env bash
# demo_main.sh CANDOR: what ./demo shows once the program is built. Needs nothing but the shipped models; everything it prints is computed now.
set -eu
candor="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '$ candor %s\n' "$*"; "$candor" "$@"; }

say "The models that are shipped"
show models

say "Held-out questions (test split; the models were trained on others)"
for family in chain:50 arith:50 recall:20; do
    "$candor" gym "${family%:*}" --split test --seed 5 -n "${family#*:}" -o "$work/part.jsonl"
    cat "$work/part.jsonl" >>"$work/q.jsonl"
done
printf '%s questions, the first: ' "$(wc -l <"$work/q.jsonl")"
head -n 1 "$work/q.jsonl"

say "One of them, thought through by the reasoner"
"$candor" gym chain --split test --seed 5 -n 20 -o "$work/chain.jsonl"
grep -v -m 1 '"choices"' "$work/chain.jsonl" >"$work/one.jsonl" # one without options: its stem is all of it
question="$(sed -E 's/.*"question": ?"([^"]*)".*/\1/' "$work/one.jsonl")"
"$candor" run -m r4 -p "<|q|>$question
<|a|>" -n 200

say "The same 120 questions, greedily, by best of 4, by vote, and by gradient descent on the logits through the reward model"
show reason -m r4 --rm rm1 --data "$work/q.jsonl" --method greedy,sc,bon,nabla --budget 4 --temp 1 --show -o "$work/rows.jsonl"

say "Every candidate is a row; this one changed a token by gradient"
grep -m 1 '"row":"change"' "$work/rows.jsonl" || echo "no draw was changed by the gradient in this run"

say "When does it know its answer? A probe on every layer, forced answers, a monitor of the text; and what stopping early saves"
for family in recall-first chain; do
    "$candor" gym "$family" --split test --seed 6 -n 1000 -o "$work/part.jsonl"
    cat "$work/part.jsonl" >>"$work/thoughts.jsonl"
done
show theater collect -m r4 --data "$work/thoughts.jsonl" --max-new 200 -o "$work/traces"
show theater train "$work/traces" -o "$work/probe.gguf"
show theater evaluate "$work/traces" --probe "$work/probe.gguf" --reps 200 --live 50
show theater show "$work/traces" 0 --probe "$work/probe.gguf"

say "Ten agents, a hidden fact, private notes and public words (a test bed with planted behaviour): 12 runs by a model of 3.5 M parameters"
show study run council-small --backend local -m c4 -o "$work/council.study"
show study council --check "$work/council.study"

say "Identities of the theory, each with its bound and what was reached"
show selftest
