#!/usr/bin/env bash
# compare.sh ROW: candor against a peer on the same work, interleaved, as rows of a Markdown table. See README.md beside this file.
#
#   compare.sh infer SHAPE DTYPE [DEPTH]        prefill 512 and decode 64, against llama.cpp on the same file
#   compare.sh sessions SHAPE DTYPE N DEPTH     N sessions at once over one prefix, against llama.cpp
#   compare.sh grad SHAPE f32|bf16 [ROWS]       gradient steps, against PyTorch
#   compare.sh train SHAPE [ROWS [PRECISION]]   training step (f32 weights; full or bf16 products), against PyTorch in f32
#   compare.sh all                              every row, with a heading; takes an hour
#
# CANDOR (build/release/candor), PEERS (build/peers: where npm installs and files are kept), REPEATS (5), THREADS (physical cores),
# CANDOR_FLAGS (further options of candor bench, as "--precision int8"), PEER_FLAGS (further arguments of the peer, as "--flash off"), PYTHON (/usr/bin/python3, with Debian's python3-torch).
set -eu -o pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CANDOR="${CANDOR:-$root/build/release/candor}"
PEERS="${PEERS:-$root/build/peers}"
REPEATS="${REPEATS:-5}"
THREADS="${THREADS:-$(lscpu -p=core,socket | grep -v '^#' | sort -u | wc -l)}"
PEER_FLAGS="${PEER_FLAGS:-}"
CANDOR_FLAGS="${CANDOR_FLAGS:-}"
PYTHON="${PYTHON:-/usr/bin/python3}"

usage() { sed -n '2,/^set/p' "${BASH_SOURCE[0]}" | sed -n 's/^# \{0,1\}//p' >&2; exit 2; }

# llama.cpp as npm ships it: what is installed anywhere scripts/peers.sh looks, else installed here, once.
llamacpp() {
    local found
    mkdir -p "$PEERS/llamacpp"
    cp "$root/tests/peers/package.json" "$root/bench/peers/llamacpp/"*.mjs "$PEERS/llamacpp/"
    if [ -d "$PEERS/llamacpp/node_modules/node-llama-cpp" ]; then return; fi
    if found="$("$root/scripts/peers.sh" 2>/dev/null)"; then
        ln -sfn "$found/node_modules" "$PEERS/llamacpp/node_modules"
    else
        (cd "$PEERS/llamacpp" && npm install --no-audit --no-fund >&2)
    fi
}

# The OpenMP build of OpenBLAS, where it is installed beside the other, is three times as fast under PyTorch.
pytorch() {
    "$PYTHON" -c 'import torch' 2>/dev/null || { echo "expected PyTorch for $PYTHON (Debian: python3-torch libopenblas0-openmp)" >&2; exit 1; }
    local omp
    for omp in /usr/lib/*/openblas-openmp; do
        if [ -d "$omp" ]; then export LD_LIBRARY_PATH="$omp${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"; fi
    done
}

# bench LABEL PEER ARGUMENTS...: one run, one row for each work that both did.
bench() {
    local label="$1" peer="$2"
    shift 2
    # shellcheck disable=SC2086 # flags are words
    "$CANDOR" bench "$@" $CANDOR_FLAGS -t "$THREADS" -r "$REPEATS" --vs "exec $peer $PEER_FLAGS" --json | python3 "$root/bench/row.py" "$label"
}

infer() { # SHAPE DTYPE [DEPTH]
    local file="$PEERS/$1-$2.gguf" depth="${3:-0}"
    llamacpp
    bench "$1 $2, depth $depth, llama.cpp" "node '$PEERS/llamacpp/peer.mjs' '$file' -t $THREADS --depth $depth" \
        --shape "$1" --dtype "$2" --save "$file" --depth "$depth" --only prefill,decode
    rm -f "$file"
}

sessions() { # SHAPE DTYPE N DEPTH
    local file="$PEERS/$1-$2.gguf"
    llamacpp
    bench "$1 $2, $3 sessions at $4, llama.cpp" "node '$PEERS/llamacpp/peer.mjs' '$file' -t $THREADS --depth $4 --sessions $3" \
        --shape "$1" --dtype "$2" --save "$file" --depth "$4" --sessions "$3" --only sessions
    rm -f "$file"
}

grad() { # SHAPE f32|bf16 [ROWS]
    local rows="${3:-256}"
    pytorch
    bench "$1 $2, $rows rows, PyTorch" "'$PYTHON' '$root/bench/peers/pytorch/peer.py' --shape $1 --dtype $2 --step-rows $rows -t $THREADS" \
        --shape "$1" --dtype "$2" --step-rows "$rows" --only grad,grad-logits
}

train() { # SHAPE [ROWS [PRECISION]]
    local rows="${2:-256}" precision="${3:-full}"
    pytorch
    bench "$1 training, $rows rows, $precision products, PyTorch f32" "'$PYTHON' '$root/bench/peers/pytorch/peer.py' --shape $1 --step-rows $rows -t $THREADS" \
        --shape "$1" --dtype f32 --precision "$precision" --step-rows "$rows" --only train
}

heading() {
    echo "| model and peer | work | candor: median (min..max) | peer | our speed to theirs | our share of the machine's |"
    echo "|---|---|---|---|---|---|"
}

all() {
    local shape dtype
    heading
    for shape in 15m 135m 0.5b; do
        for dtype in f32 bf16 f16 q8_0 q4_0 q4_k; do infer $shape $dtype; done
    done
    for dtype in bf16 q8_0 q4_0 q4_k; do REPEATS=3 infer 1.5b $dtype; done
    infer 135m q8_0 1000
    infer 0.5b q8_0 1000
    sessions 15m q8_0 10 1000
    sessions 135m q8_0 10 1000
    for shape in 15m 135m 0.5b; do
        for dtype in f32 bf16; do grad $shape $dtype 64; grad $shape $dtype 256; done
    done
    for dtype in full bf16; do train 4m 256 $dtype; train 15m 256 $dtype; done
}

[ $# -ge 1 ] || usage
[ -x "$CANDOR" ] || { echo "expected the program at $CANDOR (build it, or set CANDOR)" >&2; exit 1; }
mkdir -p "$PEERS"
case "$1:$#" in
infer:[34] | sessions:5 | grad:[34] | train:[234] | all:1) "$@" ;;
*) usage ;;
esac
