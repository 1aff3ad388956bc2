#!/usr/bin/env bash
# run.sh CANDOR TOOLS [SEED]: candor against llama.cpp. TOOLS is the folder with peer_models, peer_texts and peer_compare. Prints TAP; exit 77:
# skipped, 1: they disagree. See README.md beside this file.
#
# llama.cpp is the npm package that package.json pins, found by scripts/peers.sh. PEERS_KEEP=DIR keeps all files there.
set -u -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
bin="$(realpath "$1")" tools="$(realpath "$2")" seed="${3:-1}"
data="${CANDOR_TEST_DATA:-}"

skip() { echo "ok 1 - peers # SKIP $*"; echo "skipped: $*" >&2; exit 77; }

command -v node >/dev/null || skip "no node"
packages="$("$root/scripts/peers.sh" 2>&1)" || skip "$packages"

if [ -n "${PEERS_KEEP:-}" ]; then
    work="$PEERS_KEEP"
    mkdir -p "$work"
else
    work="$(mktemp -d)"
    trap 'rm -rf "$work"' EXIT
fi

rm -f "$work"/{logits,ids}.tap "$work"/*.{ids,logits,error,npy,json} # of an earlier run

# ---- logits and greedy continuations ----

ours() { # INDEX FILE KV PRECISION KEY PROMPT
    local ids="$work/$5.ids"
    [ -e "$ids" ] || return
    "$bin" logits -m "$2" --ids "$(cat "$ids")" --kv "$3" --precision "$4" -t 2 -q -o "$work/$1.npy" 2>"$work/$1.error" || return
    [[ $5 == *.rank ]] || "$bin" run -m "$2" --ids "$6" --kv "$3" --precision "$4" -t 2 -q --temp 0 --ignore-eos -n 12 --json >"$work/$1.json" 2>>"$work/$1.error"
}

# Files made by `candor convert` and `candor quantize`: a folder as GGUF, a GGUF through a folder and back, and that in eight bits.
made() {
    local from="$data/models/stories260K"
    if [ -n "$data" ] && [ -d "$from" ]; then
        "$bin" convert "$from/hf-f32" "$work/converted-stories260K.gguf" --tokenizer "$from/stories260K-f32.gguf" -q || return 1
    fi
    rm -rf "$work/folder"
    "$bin" convert "$root/models/r1.gguf" "$work/folder" -q && "$bin" convert "$work/folder" "$work/converted-r1.gguf" -q &&
        "$bin" quantize "$work/converted-r1.gguf" "$work/converted-r1-q8_0.gguf" --type Q8_0 -q
}

logits() {
    local files=() i=0 file kv precision key prompt f
    made || return 1
    for f in "$root"/models/*.gguf ${data:+"$data"/models/stories260K/*.gguf} "$work"/converted-*.gguf; do
        if [ -e "$f" ]; then files+=("$f"); fi
    done
    "$tools/peer_models" "$work" "$seed" "${files[@]}" || return 1
    node "$here/oracle.mjs" "$packages" logits "$work" || return 1
    while IFS=$'\t' read -r _ _ file kv precision _ _ _ key _ _ prompt; do
        ours "$i" "$file" "$kv" "$precision" "$key" "$prompt"
        i=$((i + 1))
    done <"$work/manifest"
    "$tools/peer_compare" "$work" >"$work/logits.tap"
    local status=$?
    cat "$work/logits.tap"
    return $status
}

# ---- ids of texts ----

# Vocabularies: the made-up ones, the shipped model's, those of the reference data, and one under each pattern we know; one a line.
vocabularies() {
    local f
    for f in "$work/llama-F32.gguf" "$work/gpt2-F32.gguf" "$work/qwen2-F32.gguf" "$root/models/r1.gguf" \
        ${data:+"$data"/tokenizers/llama.cpp/*.gguf "$data/models/stories260K/stories260K-f32.gguf"} "$work/qwen2-vocabulary.gguf" "$work"/pre-*.gguf; do
        if [ -e "$f" ]; then echo "$f"; fi
    done
}

tokens() {
    local n="$1" list=() files f name verdict bad=0
    "$tools/peer_texts" "$seed" ${data:+"$data"/tokenizers/llama.cpp/*.inp} >"$work/texts.jsonl" || return 1
    if [ -n "$data" ] && [ -d "$data/tokenizers/qwen2" ]; then
        "$tools/peer_models" --qwen2 "$data/tokenizers/qwen2" "$work/qwen2-vocabulary.gguf" || return 1
    fi
    f="$data/tokenizers/llama.cpp/ggml-vocab-gpt-2.gguf"
    [ -e "$f" ] || f="$work/gpt2-F32.gguf"
    "$tools/peer_models" --patterns "$f" "$work" || return 1
    mapfile -t files < <(vocabularies)
    for f in "${files[@]}"; do list+=("$f" "$work/texts.jsonl" "$work/$(basename "$f").peer.jsonl"); done
    node "$here/oracle.mjs" "$packages" tokens "${list[@]}" || return 1
    for f in "${files[@]}"; do
        n=$((n + 1)) name="$(basename "$f")"
        "$bin" tokenize -m "$f" --jsonl "$work/texts.jsonl" --no-special >"$work/$name.plain.jsonl" 2>"$work/$name.error" &&
            "$bin" tokenize -m "$f" --jsonl "$work/texts.jsonl" >"$work/$name.special.jsonl" 2>>"$work/$name.error"
        verdict="ok"
        "$tools/peer_texts" --compare "$work/texts.jsonl" "$work/$name".{peer,plain,special}.jsonl >"$work/$name.verdict" || verdict="not ok" bad=1
        sed 's/^/# /' "$work/$name.verdict" "$work/$name.error"
        echo "$verdict $n - ids: $name"
    done
    echo "1..$n"
    return $bad
}

bad=0
logits || bad=1
rows="$(grep -cE '^(not )?ok' "$work/logits.tap" 2>/dev/null || true)"
if [ "${rows:-0}" = 0 ]; then
    echo "not ok 1 - logits: no rows"
    rows=1 bad=1
fi
tokens "$rows" >"$work/ids.tap" || bad=1
cat "$work/ids.tap"
grep -hE '^not ok|FAILED' "$work/logits.tap" "$work/ids.tap" >&2
exit $bad
