#!/usr/bin/env bash
# check_rooms.sh [rooms|headers|banned|public]: what the compiler does not check about the source (docs: architecture, rooms).
#
#   rooms    a room includes headers of rooms above it in the list, never below; and the extra walls between neighbours
#   headers  every header compiles alone
#   banned   no strcpy, strcat, sprintf, gets, strtok
#   public   include/candor includes itself and the C library's basic headers only
# Without an argument all of them. Prints file:line for each finding; exit status 1 if there was one.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

rooms=(base stats kern weights text model run task remote probe decode study lab serve cli)
# room:forbidden, beyond the order: arithmetic knows no names; ids only below task; libcandor needs no network; the high rooms see the
# engine through run
walls=(kern:stats model:text run:text probe:remote decode:remote study:kern study:weights study:model serve:kern serve:weights serve:model)
findings=0

finding() {
    echo "$*"
    findings=$((findings + 1))
}

room_rank() {
    local i
    for i in "${!rooms[@]}"; do
        if [ "${rooms[$i]}" = "$1" ]; then echo "$i"; return; fi
    done
    echo -1
}

room_include() { # FILE LINE ROOM INCLUDED
    local file="$1" line="$2" room="$3" seen="$4" mine theirs wall
    mine=$(room_rank "$room")
    theirs=$(room_rank "$seen")
    if [ "$theirs" -lt 0 ]; then
        finding "$file:$line: includes \"$seen/…\", which is no room"
    elif [ "$theirs" -gt "$mine" ]; then
        finding "$file:$line: $room includes $seen, which is below it"
    fi
    for wall in "${walls[@]}"; do
        if [ "$wall" = "$room:$seen" ]; then finding "$file:$line: $room must not include $seen"; fi
    done
}

check_rooms() {
    local dir room file line path
    for dir in src/*/; do
        room=$(basename "$dir")
        if [ "$(room_rank "$room")" -lt 0 ]; then finding "src/$room is not in the list of rooms"; fi
    done
    while IFS=: read -r file line path; do
        room=${file#src/}
        case "$path" in
        candor/*) continue ;;
        */*) room_include "$file" "$line" "${room%%/*}" "${path%%/*}" ;;
        *) finding "$file:$line: includes \"$path\"; expected \"room/file\"" ;;
        esac
    done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' src --include='*.[ch]' --include='*.inc' |
        sed -E 's/^([^:]*:[0-9]+):[^"]*"([^"]*)".*/\1:\2/')
}

check_headers() {
    local h flags isa
    flags="-std=c17 -D_GNU_SOURCE -Isrc -Iinclude -Wall -Wextra -Werror -fsyntax-only $(pkg-config --cflags jansson libpcre2-8 icu-uc icu-i18n libcurl yaml-0.1 nettle 2>/dev/null)"
    while read -r h; do
        isa=
        case "$h:$(uname -m)" in
        src/kern/x86/*:x86_64) isa="-march=x86-64-v4" ;;
        src/kern/x86/*) continue ;;
        esac
        # a header is included as users do; twice, so that a missing guard shows
        if ! printf '#include "%s"\n#include "%s"\ntypedef int unit;\n' "${h#*/}" "${h#*/}" |
            ${CC:-cc} $flags $isa -x c -; then
            finding "$h: does not compile alone"
        fi
    done < <(find src include -name '*.h' | sort)
}

check_banned() {
    local hit
    while read -r hit; do
        finding "$hit"
    done < <(grep -rnE '(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|gets|strtok)[[:space:]]*\(' src include tests bench examples \
        --include='*.[ch]' --include='*.inc' 2>/dev/null)
}

check_public() {
    local hit
    while read -r hit; do
        finding "$hit: not for a public header"
    done < <(grep -nE '^[[:space:]]*#[[:space:]]*include' -r include --include='*.h' |
        grep -vE 'include[[:space:]]*(<(stddef|stdint|stdio|stdbool)\.h>|["<]candor/[a-z0-9_]+\.h[">])')
}

case "${1:-all}" in
rooms | headers | banned | public) "check_$1" ;;
all) check_rooms; check_headers; check_banned; check_public ;;
*) echo "usage: check_rooms.sh [rooms|headers|banned|public]" >&2; exit 2 ;;
esac
[ "$findings" = 0 ]
