#!/usr/bin/env bash
# theater_report.sh MODEL_DIR OUT_DIR [QUESTIONS]: the whole of `candor theater` as a user runs it, into OUT_DIR/report.html and OUT_DIR/eval.json.
# MODEL_DIR holds r4.gguf, r1.gguf and r0.gguf (models/ of this repository). QUESTIONS (1000) of each family of the gym, twice as many chains,
# half of which have options:
#   questions → traces of r4, r1, r0 and of r4 quantised to Q8_0 and Q4_0 → r1 and r0 reading what r4 wrote → probes of each store, variants
#   of the probe of r4 → one evaluation of everything: exits replayed and live, variants, transfer, sizes.
# Each command is printed before it runs. What is finished is skipped when the script is run again, by the command that made it: another number of
# questions needs an OUT_DIR of its own. OTHERS=N (QUESTIONS): questions of each family for the other stores than that of r4; the split into
# training and test goes by question, so they may be fewer. CANDOR=PROGRAM (build/release/candor, else the one in PATH), LIVE=N (200) questions of each
# family for the live exits, REPS=N (1000) resamples, EPOCHS=N (12), FAMILIES="recall-first recall-plain chain:2" (a number multiplies QUESTIONS).
set -euo pipefail
export LC_ALL=C
if [ $# -lt 2 ]; then echo "usage: theater_report.sh MODEL_DIR OUT_DIR [QUESTIONS]" >&2 && exit 2; fi
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
models="$(cd "$1" && pwd)"
mkdir -p "$2/done"
out="$(cd "$2" && pwd)"
questions="${3:-1000}"
others="${OTHERS:-$questions}"
candor="${CANDOR:-$here/build/release/candor}"
[ -x "$candor" ] || candor="$(command -v candor)" || { echo "no candor: build it, or say CANDOR=PROGRAM" >&2 && exit 1; }
candor="$(realpath "$candor")"
cd "$out"

# ---- steps ----

# step NAME OUTPUT COMMAND…: runs it unless the same command has made OUTPUT before. TO=FILE: stdout goes there, all or nothing.
step() {
    local name="$1" made="$2" line
    shift 2
    line="candor $*${TO:+ >$TO}"
    if [ -e "$made" ] && [ "$(cat "done/$name" 2>/dev/null)" = "$line" ]; then return 0; fi
    printf '\n$ %s\n' "$line"
    local start=$SECONDS
    if [ -n "${TO:-}" ]; then
        "$candor" "$@" >"$TO.part"
        mv "$TO.part" "$TO"
    else
        "$candor" "$@"
    fi
    printf '%s\n' "$line" >"done/$name"
    printf '(%d s)\n' $((SECONDS - start))
}

# ---- questions ----

parts=() few=()
for family in ${FAMILIES:-recall-first recall-plain chain:2}; do
    times=1
    case "$family" in *:*) times="${family#*:}" ;; esac
    kind="${family%:*}"
    step "questions-$kind" "$kind.jsonl" gym "$kind" --split test --seed 21 -n $((times * questions)) -o "$kind.jsonl"
    head -n $((times * others)) "$kind.jsonl" >"few-$kind.jsonl"
    parts+=("$kind.jsonl") few+=("few-$kind.jsonl")
done
cat "${parts[@]}" >q.jsonl
cat "${few[@]}" >few.jsonl

# ---- models and their traces ----

for type in Q8_0 Q4_0; do
    step "quantize-$type" "r4-$type.gguf" quantize "$models/r4.gguf" "r4-$type.gguf" --type "$type"
done
collect() { step "collect-$1" "$1/traces.jsonl" theater collect "${@:2}" -o "$1" -q; } # STORE OPTIONS
collect r4 -m "$models/r4.gguf" --data q.jsonl
collect r4-Q8_0 -m r4-Q8_0.gguf --data few.jsonl
collect r4-Q4_0 -m r4-Q4_0.gguf --data few.jsonl
for small in r1 r0; do
    collect "$small" -m "$models/$small.gguf" --data few.jsonl
    collect "$small-reads-r4" -m "$models/$small.gguf" --from r4
done

# ---- probes ----

train() { step "train-$1" "$1.gguf" theater train "$2" -o "$1.gguf" --epochs "${EPOCHS:-12}" "${@:3}" -q; } # PROBE STORE OPTIONS
stores=(r4 r4-Q8_0 r4-Q4_0 r1 r0 r1-reads-r4 r0-reads-r4)
layer_of() { sed -n 's/.*"best_layer":\([-0-9]*\).*/\1/p' "probe-$1.json"; }
for store in r4 r1 r0; do TO="probe-$store.json" train "probe-$store" "$store" --json; done
best="$(layer_of r4)" # the same model in another format and the variants stand on the layer of its probe
for store in r4-Q8_0 r4-Q4_0; do train "probe-$store" "$store" --layer "$best"; done
for small in r1 r0; do train "probe-$small-reads-r4" "$small-reads-r4" --layer "$(layer_of "$small")"; done
variants=()
variant() { # NAME OPTIONS
    train "variant-$1" r4 --layer "$best" "${@:2}"
    variants+=(--variant "$1:variant-$1.gguf")
}
variant random-labels --shuffle-labels
variant last-token --pool last
variant mean-pool --pool mean
variant four-heads --heads 4
variant random-cut --cut
variant letters-only --rank 0
variant letters-last --rank 0 --pool last

# ---- everything, in one report ----

with=()
for store in "${stores[@]:1}"; do with+=(--with "$store:probe-$store.gguf"); done
TO=eval.json step evaluate eval.json theater evaluate r4 --probe probe-r4.gguf "${variants[@]}" "${with[@]}" --reps "${REPS:-1000}" \
    --live "${LIVE:-200}" -o report.html --json -q
printf '\n%s/report.html\n%s/eval.json\n' "$out" "$out"
