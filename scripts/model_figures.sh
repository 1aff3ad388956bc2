#!/usr/bin/env bash
# model_figures.sh [--markdown] CANDOR [N] [MODEL...]: the figures of models/README.md, computed afresh: each model (those of r0, r1, r4 that
# are there) on N (1000) held-out questions of each family, and what each reward model (those of JUDGES, "rm1 v1", that are there) says of its
# answers. Prints JSON lines, as `candor reason --json` does, with model, family and mode (thinking, at-once, or the judge) in front; with
# --markdown the tables of models/README.md instead. JOBS=K: processes (all cores); each runs on one thread, since models this small leave
# a second one idle. No figure depends on it.
set -euo pipefail
export LC_ALL=C
markdown=""
if [ "${1:-}" = --markdown ]; then markdown=1 && shift; fi
candor="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
n="${2:-1000}"
models=("${@:3}")
read -r -a judges <<<"${JUDGES-rm1 v1}"
jobs="${JOBS:-$(nproc)}"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work="$(mktemp -d)"
stop() { # also the jobs of a run that was cut short
    local pids
    mapfile -t pids < <(jobs -p)
    kill "${pids[@]}" 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 1' INT TERM

shipped="$("$candor" models --json)"
has_model() { [ -e "$1" ] || [[ $shipped == *"\"name\":\"$1\""* ]]; }
if [ ${#models[@]} = 0 ]; then
    for m in r0 r1 r4; do if has_model "$m"; then models+=("$m"); fi; done
fi
there=()
for j in "${judges[@]}"; do if has_model "$j"; then there+=("$j"); fi; done
judges=("${there[@]}")
known="$("$candor" gym --list)"
families=()
for f in recall-first recall-plain chain arith multihop countdown; do
    if grep -q "^$f " <<<"$known"; then families+=("$f"); fi
done

# ---- one model on one family ----

run() { # MODEL FAMILY MODE [options of reason]
    "$candor" reason -q -t 1 -m "$1" --temp 1 --max-new 400 --precision full --json "${@:4}" |
        while read -r line; do printf '{"model":"%s","family":"%s","mode":"%s",%s\n' "$1" "$2" "$3" "${line#\{}"; done
}

one() { # MODEL FAMILY FOLDER
    local judge
    "$candor" gym "$2" --split test --seed 11 -n "$n" --traces -o "$3/think.jsonl"
    "$candor" gym "$2" --split test --seed 11 -n "$n" --at-once -o "$3/once.jsonl"
    run "$1" "$2" thinking --data "$3/think.jsonl" --method greedy --budget 1 --by level
    run "$1" "$2" at-once --data "$3/once.jsonl" --method greedy --budget 1
    run "$1" "$2" thinking --data "$3/think.jsonl" --method sample,sc --budget 8
    for judge in "${judges[@]}"; do
        run "$1" "$2" "$judge" --data "$3/think.jsonl" --method bon --budget 8 --rm "$judge" --step-scores
    done
}

# Jobs end in any order; their lines come out in the order they were started.
shown=0
show() {
    while [ -e "$work/$shown/done" ]; do
        if [ -z "$markdown" ]; then cat "$work/$shown/figures"; else cat "$work/$shown/figures" >>"$work/all"; fi
        shown=$((shown + 1))
    done
}
started=0
for m in "${models[@]}"; do
    for f in "${families[@]}"; do
        if [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; then wait -n; fi
        show
        mkdir "$work/$started"
        (
            set -e
            one "$m" "$f" "$work/$started" >"$work/$started/figures"
            touch "$work/$started/done"
        ) &
        started=$((started + 1))
    done
done
while [ "$shown" -lt "$started" ]; do
    wait -n
    show
done
if [ -z "$markdown" ]; then exit 0; fi

# ---- tables ----

field() { if [[ $1 =~ \"$2\":(\[[^]]*\]|[^,}]*) ]]; then echo "${BASH_REMATCH[1]}"; else echo null; fi; } # JSON NAME
line() { grep -F "\"model\":\"$1\",\"family\":\"$2\",\"mode\":\"$3\",\"method\":\"$4\"" "$work/all" || true; } # MODEL FAMILY MODE METHOD
percent() { # 0.9 -> 90.0
    case "$1" in
    null) echo - ;;
    *e-*) echo 0.0 ;;
    *) printf '%.1f' "${1}e2" ;;
    esac
}
number() { if [ "$2" = null ]; then echo -; else printf '%.*f' "$1" "$2"; fi; } # DIGITS X
interval() { # FUNCTION X [LO,HI] -> x [lo, hi]
    local lo hi
    if [ "$2" = null ]; then echo - && return; fi
    lo="${3#[}" hi="${3%]}"
    echo "$($1 "$2") [$($1 "${lo%,*}"), $($1 "${hi#*,}")]"
}
rate() { interval percent "$(field "$1" "$2")" "$(field "$1" "$3")"; } # JSON NAME NAME-OF-INTERVAL
two() { number 2 "$1"; }
share() { interval two "$(field "$1" "$2")" "$(field "$1" "$3")"; }

row() { # MODEL FAMILY
    local greedy once sample sc bons="" judge
    greedy="$(line "$1" "$2" thinking greedy)" once="$(line "$1" "$2" at-once greedy)" sample="$(line "$1" "$2" thinking sample)"
    sc="$(line "$1" "$2" thinking sc)"
    for judge in "${judges[@]}"; do bons+=" $(rate "$(line "$1" "$2" "$judge" bon)" accuracy ci95) |"; done
    echo "| $2 | $(rate "$greedy" accuracy ci95) | $(rate "$once" accuracy ci95) | $(rate "$sample" accuracy ci95) |" \
        "$(rate "$sc" accuracy ci95) |$bons $(rate "$sc" pass pass_ci95) | $(number 0 "$(field "$greedy" tokens)") |"
}

judged() { # MODEL FAMILY JUDGE
    local x
    x="$(line "$1" "$2" "$3" bon)"
    echo "| $3 | $2 | $(share "$x" auc auc_ci95) | $(share "$x" auc_within auc_within_ci95) | $(two "$(field "$x" ece)") |" \
        "$(two "$(field "$x" brier)") | $(share "$x" step_auc step_auc_ci95) | $(share "$x" step_auc_within step_auc_within_ci95) |" \
        "$(two "$(field "$x" step_ece)") |"
}

levels() { # MODEL FAMILY: "LEVEL<tab>RATE" a line
    local rest
    rest="$(line "$1" "$2" thinking greedy)"
    rest="${rest#*\"by\":}"
    while [[ $rest =~ \{\"group\":([^,]*),([^}]*)\}(.*) ]]; do
        rest="${BASH_REMATCH[3]}"
        printf '%s\t%s\n' "${BASH_REMATCH[1]//\"/}" "$(rate "${BASH_REMATCH[2]}" accuracy ci95)"
    done
}

by_level() { # FAMILY
    local m head rule
    head="$(levels "${models[0]}" "$1" | while IFS=$'\t' read -r level _; do printf ' %s |' "$level"; done)"
    rule="${head//[^|]/}"
    printf '\n%s, greedy, by difficulty:\n\n| model |%s\n|---|%s\n' "$1" "$head" "${rule//|/---|}"
    for m in "${models[@]}"; do
        printf '| %s |%s\n' "$m" "$(levels "$m" "$1" | while IFS=$'\t' read -r _ x; do printf ' %s |' "$x"; done)"
    done
}

for m in "${models[@]}"; do
    printf '\n%s:\n\n' "$m"
    head="" rule=""
    for judge in "${judges[@]}"; do head+=" bon of 8, $judge |" rule+="---|"; done
    echo "| family | greedy | answered at once | one sample | sc, 8 |$head pass@8 | tokens |"
    echo "|---|---|---|---|---|$rule---|---|"
    for f in "${families[@]}"; do row "$m" "$f"; done
    if [ ${#judges[@]} = 0 ]; then continue; fi
    printf '\nThe reward models on the answers of %s:\n\n' "$m"
    echo "| judge | family | AUC | AUC within a question | ECE | Brier | steps: AUC | within a question | ECE |"
    echo "|---|---|---|---|---|---|---|---|---|"
    for judge in "${judges[@]}"; do for f in "${families[@]}"; do judged "$m" "$f" "$judge"; done; done
done
for f in chain arith multihop countdown; do
    if [[ " ${families[*]} " == *" $f "* ]]; then by_level "$f"; fi
done
