#!/usr/bin/env bash
# check_support.sh CANDOR [--write]: the support tables of docs/models.md are what `candor models --support` prints, and every test they
# name as proof exists. --write puts the program's text into the page.
set -u
bin="$(realpath "$1")"
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
page=docs/models.md begin='<!-- candor models --support: begin -->' end='<!-- candor models --support: end -->'
said="$("$bin" models --support)" || exit 1

if [ "${2:-}" = --write ]; then
    awk -v b="$begin" -v e="$end" -v text="$said" '$0 == e { skip = 0 } !skip { print } $0 == b { print text; skip = 1 }' $page >$page.new &&
        mv $page.new $page
fi

bad=0
written="$(awk -v b="$begin" -v e="$end" '$0 == e { on = 0 } on { print } $0 == b { on = 1 }' $page)"
if [ "$written" != "$said" ]; then
    echo "$page: the support tables are not what the program says (scripts/check_support.sh $1 --write):"
    diff <(echo "$written") <(echo "$said") | head -n 20
    bad=1
fi
for test in $(grep -oE '`[a-z0-9_]+::[a-z0-9_]+`' <<<"$said" | tr -d '`' | sort -u); do
    grep -qE "^Test\(${test%%::*}, ${test##*::}[,)]" tests/test_*.c || { echo "no test is called $test"; bad=1; }
done
exit $bad
