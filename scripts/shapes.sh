#!/usr/bin/env bash
# shapes.sh CANDOR [FOLDER]: what a user does first with a Q4_K_M file of an instruct model, on four public shapes with random weights, one
# after the other: memory told, a chat, logits, activations, a gradient, nabla with a reward model over the same vocabulary. Files are
# made in FOLDER (default: a temporary one; 1.5 GB at a time) and removed. One line a step; exit status 1 if any failed.
#
# CANDOR_TEST_DATA: with it the Qwen shapes get Qwen's vocabulary and the published chat templates; else made-up words and a plain template.
set -u
candor="$(realpath "$1")"
work="${2:-$(mktemp -d)}"
mkdir -p "$work" && cd "$work" || exit 2
data="${CANDOR_TEST_DATA:-}"
bad=0

cat >plain.jinja <<'JINJA'
{%- for m in messages %}<{{ m.role }}> {{ m.content }}
{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}
JINJA
printf '%s\n' '{"id":"1","question":"What is 12 + 30?","answer":"42","kind":"arith"}' >q.jsonl

step() { # WHAT COMMAND…
    local what="$1" t0 t1
    shift
    t0=$(date +%s%N)
    if "$@" >out.txt 2>err.txt; then
        t1=$(date +%s%N)
        printf '  %-28s ok   %6d ms   %s\n' "$what" $(((t1 - t0) / 1000000)) "$(tail -n 1 out.txt | tr -d '\r' | cut -c1-70)"
    else
        printf '  %-28s FAILED: %s\n' "$what" "$(head -n 1 err.txt)"
        bad=1
    fi
}

shape() { # SHAPE REWARD_SHAPE TEMPLATE
    local words=() chat=plain.jinja
    if [ -n "$data" ] && [ "$3" != - ]; then words=(--tokenizer "$data/tokenizers/qwen2") chat="$data/chat-templates/$3"; fi
    echo "$1"
    step "random, Q4_K_M" "$candor" random --shape "$1" --type q4_k_m "${words[@]}" --chat-template "$chat" -o m.gguf
    step "random reward model" "$candor" random --shape "$2" --type q4_k_m --reward --seed 1 "${words[@]}" -o rm.gguf
    step "mem" "$candor" mem -m m.gguf -c 4096 --grad 64
    step "run --chat" "$candor" run -m m.gguf --chat -p "What is 12 + 30?" -n 16
    step "logits" "$candor" logits -m m.gguf -p "What is 12 + 30?" -o z.npy
    step "hidden, all layers" "$candor" hidden -m m.gguf -p "What is 12 + 30?" --tap resid_out --layer all -o h.npy
    step "grad, with a reward" "$candor" grad -m m.gguf --ids 11,12,13,14,15,16,17,18 --from 2 --onehot --rm rm.gguf -o g.npy --json
    step "reason --method nabla" "$candor" reason -m m.gguf --rm rm.gguf --data q.jsonl --method nabla --budget 2 --max-new 12 --steps 5 \
        --eps-ent 0 --eps-grad 0 # every position: the gates would let most of a random model pass
    rm -f m.gguf rm.gguf z.npy h.npy g.npy
}

shape r1-1.5b qwen3-0.6b deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja
shape 1.5b qwen3-0.6b Qwen-Qwen2.5-7B-Instruct.jinja
shape llama-1b llama-1b -
shape qwen3-0.6b qwen3-0.6b Qwen-Qwen3-0.6B.jinja
rm -f plain.jinja q.jsonl out.txt err.txt
[ $# -gt 1 ] || rmdir "$work"
exit $bad
