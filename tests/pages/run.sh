#!/usr/bin/env bash
# run.sh PAGE_SAMPLE CACHE [KEEP]: report pages in headless Chromium. Writes the sample pages, opens them through pages.mjs and prints its
# TAP; exit 77: skipped, 1: something failed. See README.md beside this file.
#
# The driver is the npm package that package-lock.json pins, kept in CACHE; the browser is the system's. KEEP: a folder that then holds
# the pages.
set -u
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
sample="$(realpath "$1")" cache="$2"

skip() { echo "ok 1 - pages # SKIP $*"; echo "skipped: $*" >&2; exit 77; }

browser="${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}"
[ -n "$browser" ] || skip "no Chromium (Debian: chromium)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

for direction in ltr rtl study; do
    "$sample" "$work/$direction.html" "$direction" || { [ $? = 77 ] && skip "this build has no report pages"; echo "not ok 1 - sample"; exit 1; }
done
"$sample" "$work/again.html" ltr
if [ -n "${3:-}" ]; then cp "$work/ltr.html" "$3/page-sample.html"; cp "$work/rtl.html" "$3/page-sample-rtl.html"; cp "$work/study.html" "$3/page-study.html"; fi

mkdir -p "$cache"
modules="$(flock "$cache/lock" "$here/../../scripts/npm_folder.sh" "$here" "$cache")" || skip "no driver of the browser: $modules"
timeout 300 node "$here/pages.mjs" "$modules" "$browser" "$work"
