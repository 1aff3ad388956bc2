#!/usr/bin/env bash
# peers.sh: prints the folder whose node_modules holds node-llama-cpp (tests/peers/package.json pins it), or says how to get it and fails.
#
# Looked for in CANDOR_PEERS, CANDOR_PEERS/llamacpp, tests/peers and build/peers/llamacpp, in this order.
set -u
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
for dir in ${CANDOR_PEERS:+"$CANDOR_PEERS" "$CANDOR_PEERS/llamacpp"} "$root/tests/peers" "$root/build/peers/llamacpp"; do
    if [ -e "$dir/node_modules/node-llama-cpp/dist/index.js" ]; then
        (cd "$dir" && pwd)
        exit 0
    fi
done
echo "no node-llama-cpp: npm install --ignore-scripts --no-package-lock --prefix tests/peers, or set CANDOR_PEERS" >&2
exit 1
