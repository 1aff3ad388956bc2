#!/usr/bin/env bash
# npm_folder.sh SOURCE CACHE: prints a folder below CACHE whose node_modules holds what SOURCE/package-lock.json pins, to the byte (the lock
# has hashes), and fetches it from the npm registry if it is not there yet. Nothing of it is run while it is installed.
# On failure the reason is one line on stdout, and the exit status 1.
set -u
source="$1" cache="$2"
folder="$cache/modules-$(sha256sum <"$source/package-lock.json" | cut -c1-16)"

if [ ! -d "$folder" ]; then
    command -v node >/dev/null || { echo "there was no Node.js"; exit 1; }
    node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' || { echo "Node.js was older than 18"; exit 1; }
    command -v npm >/dev/null || { echo "there was no npm"; exit 1; }
    work="$cache/fetch-$$"
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work" && cp "$source/package.json" "$source/package-lock.json" "$work/"
    if ! timeout 300 npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=1 \
        --fetch-timeout=30000 </dev/null >"$cache/npm.log" 2>&1; then
        echo "npm could not fetch what the pages need"
        exit 1
    fi
    mv -T "$work" "$folder" 2>/dev/null || [ -d "$folder" ] || { echo "what npm fetched could not be kept"; exit 1; }
fi
echo "$folder"
