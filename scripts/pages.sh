#!/usr/bin/env bash
# pages.sh OUT CACHE [off]: the script and the style of report pages, made from src/lab/web, as OUT/bundle.c, which embeds OUT/page.js and
# OUT/page.css. Called by the build (cmake/pages.cmake).
#
# Without Node.js 18, npm, or a network on the first time, or with "off", OUT/bundle.c says so instead, and the program is built without
# report pages: this never fails. CACHE is shared by build folders: packages lie there by the hash of package-lock.json, bundles by the
# hash of all sources, so that nothing is fetched or bundled twice, and a bundle once made needs neither Node.js nor a network.
set -u
web="$(cd "$(dirname "${BASH_SOURCE[0]}")/../src/lab/web" && pwd)"
mkdir -p "$1" "$2" || exit 1
out="$(cd "$1" && pwd)" cache="$(cd "$2" && pwd)"

hash_of() { cat "$@" | sha256sum | cut -c1-16; }

missing() { # WHY: the bundle of a program without pages
    echo "report pages: $1; the program is built without them" >&2
    : >"$out/page.js"
    : >"$out/page.css"
    cat >"$out/bundle.c" <<EOF
/* Made by scripts/pages.sh: there are no report pages in this program. */
#include "lab/page_int.h"

const struct page_bundle page_bundle = {.missing = "$1"};
EOF
    exit 0
}

embed() { # FOLDER: the bundle in it
    cp "$1/page.js" "$1/page.css" "$out/" || missing "the made pages could not be copied"
    cat >"$out/bundle.c" <<EOF
/* Made by scripts/pages.sh: the bytes of page.js and page.css (style: $(hash_of "$1/page.css")). */
#include "lab/page_int.h"

__asm__(".pushsection .rodata\n"
        ".global candor_page_js\n.hidden candor_page_js\ncandor_page_js: .incbin \"$out/page.js\"\n"
        ".global candor_page_css\n.hidden candor_page_css\ncandor_page_css: .incbin \"$out/page.css\"\n"
        ".byte 0\n.popsection\n");
extern const char candor_page_js[], candor_page_css[];
const struct page_bundle page_bundle = {.js = candor_page_js,
                                        .css = candor_page_css,
                                        .js_len = $(stat -c %s "$1/page.js"),
                                        .css_len = $(stat -c %s "$1/page.css"),
                                        .js_hash = "$(cat "$1/page.hash")"};
EOF
}

make_bundle() { # FOLDER: into it, whole or not at all
    local modules work="$cache/tmp-$$"
    modules="$("$(dirname "${BASH_SOURCE[0]}")/npm_folder.sh" "$web" "$cache")" || missing "$modules"
    rm -rf "$work"
    mkdir -p "$work"
    if ! node "$web/build.mjs" "$modules" "$work" </dev/null; then
        rm -rf "$work"
        missing "the pages could not be bundled"
    fi
    mv "$work" "$1"
}

[ "${3:-}" != off ] || missing "it was configured with CANDOR_PAGES=OFF"
bundle="$cache/bundle-$(hash_of "$web"/package-lock.json "$web"/*.{mjs,js,css} "$web"/charts/*.js)"
exec 9>"$cache/lock"
flock 9 2>/dev/null # two build folders at once
[ -d "$bundle" ] || make_bundle "$bundle"
embed "$bundle"
