#!/usr/bin/env bash
# study_local.sh CANDOR [FOLDER]: studies by a model of this machine and by an address, end to end; what study_bars.sh is for planted agents.
#
#   facility  the closed facility, 2 runs of 3 turns by ten agents, on a random-weight 0.5B Qwen2 Q4_K_M file with its own chat template
#   council   2 languages × 2 shares × 3 replicates of the council by c4, ten agents batched: at most 10 minutes
#   remote    microseconds of this program's processor time for a call (bench_study_remote beside CANDOR: ten agents, fifteen turns; medians
#             of rounds): at most 200 with connections kept, HTTP and all; at most 200 beside what libcurl alone takes where the server closes
#             each, since there the kernel does the server's part of connecting in our time
#
# Each archive is scored and verified. A row is a step: seconds, peak resident memory in MB, exit status. Ends with 1 if a step fails or a bar is
# missed. CANDOR_TEST_DATA: without it the facility is left out. Files go to FOLDER (default: a temporary one, removed at the end).
set -u
bin="$(realpath "$1")"
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
out="${2:-}"
if [ -z "$out" ]; then
    out="$(mktemp -d)"
    trap 'rm -rf "$out"' EXIT
fi
mkdir -p "$out"
data="${CANDOR_TEST_DATA:-}"
bad=0

row() { # WHAT COMMAND…
    local what="$1" status seconds kb
    shift
    /usr/bin/time -q -o "$out/time" -f '%e %M' "$@" >"$out/out" 2>"$out/err"
    status=$?
    read -r seconds kb <"$out/time"
    awk -v a="$what" -v s="$seconds" -v m="$kb" -v r="$status" 'BEGIN { printf "%-22s %8.1f s %8.1f MB  exit %s\n", a, s, m / 1024, r }'
    last="$seconds"
    [ "$status" = 0 ] || { bad=1; tail -n 2 "$out/err" >&2; }
}

archive() { # NAME STUDY MODEL
    rm -f "$out/$1.study" "$out/$1.study".*
    row "$1: run" "$bin" study run "$2" --backend local -m "$3" -o "$out/$1.study" --quiet
    run="$last"
    row "$1: score" "$bin" study score "$out/$1.study" --json
    row "$1: verify" "$bin" study verify "$out/$1.study"
}

if [ -n "$data" ]; then
    row "facility: model" "$bin" random --shape 0.5b --type q4_k_m --tokenizer "$data/tokenizers/qwen2" \
        --chat-template "$data/chat-templates/Qwen-Qwen2.5-7B-Instruct.jinja" -o "$out/qwen.gguf"
    cat >"$out/facility.yaml" <<'STUDY'
candor: study/1
id: facility
title: "The closed facility, two short runs"
seed: 1
languages: [en]
models: [{id: m, temperature: 0.9, max_tokens: 64}]
group: {agents: 10, turns: 3, order: fixed, context: all}
events: [1, 6, 15]
replicates: 1
arms: [{id: none}, {id: all, alignment: "100 %"}]
STUDY
    archive facility "$out/facility.yaml" "$out/qwen.gguf"
    rm -f "$out/qwen.gguf"
else
    echo "facility               left out: CANDOR_TEST_DATA is not set"
fi
archive council studies/council-small.yaml c4
awk -v s="$run" 'BEGIN { printf "council: %.0f s of 600\n", s; exit s > 600 }' || bad=1

bench="$(dirname "$bin")/bench_study_remote"
if [ -x "$bench" ]; then
    "$bench" | tee "$out/remote"
    awk '{ us[$1] = $2 } END { if (!us["kept"] || !us["bare-closed"]) exit 1
        own = us["closed"] - us["bare-closed"]
        printf "remote: %.1f us of 200 kept, %.1f of 200 beside libcurl closed\n", us["kept"], own
        exit us["kept"] > 200 || own > 200 }' "$out/remote" || bad=1
else
    echo "remote                 left out: expected $bench (target bench_study_remote), found none"
fi
exit $bad
