#!/usr/bin/env bash
# install_test.sh BUILD: install the build into a fresh prefix and build every examples/*.c against it as a stranger would: with
# pkg-config and with CMake's find_package, shared and static. Programs are compiled and linked, not run (they want a model).
# Without examples a one-line program that includes the umbrella header stands in; without that header an empty one.
# Exit status 77: nothing to install.
set -eu
build="$(cd "$1" && pwd)"
source="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
prefix="$tmp/prefix"

[ -e "$build/libcandor.a" ] || { echo "$build has no library yet"; exit 77; }
cmake --install "$build" --prefix "$prefix" >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
pc="$(dirname "$(find "$prefix" -name candor.pc)")"
export PKG_CONFIG_PATH="$pc"
for want in include/candor share/candor/studies/lang; do
    [ -d "$prefix/$want" ] || { echo "not installed: $want"; exit 1; }
done
pkg-config --exists candor || { echo "pkg-config does not find candor"; exit 1; }
[ "$(pkg-config --modversion candor)" != "" ]
[ ! -x "$build/candor" ] || [ -x "$prefix/bin/candor" ] || { echo "not installed: bin/candor"; exit 1; }

examples=("$source"/examples/*.c)
if [ ! -e "${examples[0]}" ]; then
    echo "no examples yet"
    if [ -e "$prefix/include/candor/candor.h" ]; then
        printf '#include <candor/candor.h>\nint main(void) { return 0; }\n' >"$tmp/smoke.c"
    else
        printf 'int main(void) { return 0; }\n' >"$tmp/smoke.c"
    fi
    examples=("$tmp/smoke.c")
fi

cc="${CC:-cc}"
libdir="$(pkg-config --variable=libdir candor)"
for c in "${examples[@]}"; do
    name="$(basename "$c" .c)"
    # shellcheck disable=SC2046  # flags are words
    $cc -std=c17 -Wall -Wextra -Werror $(pkg-config --cflags candor) "$c" -o "$tmp/$name-shared" $(pkg-config --libs candor)
    ldd "$tmp/$name-shared" >/dev/null
    # only candor itself statically: a fully static program would need static libraries of everything
    # shellcheck disable=SC2046
    $cc -std=c17 $(pkg-config --cflags candor) "$c" -o "$tmp/$name-static" "$libdir/libcandor.a" \
        $(pkg-config --libs --static candor | sed 's/-lcandor//')
    echo "pkg-config: $name"
done

mkdir "$tmp/consumer"
{
    echo 'cmake_minimum_required(VERSION 3.21)'
    echo 'project(consumer LANGUAGES C)'
    echo 'find_package(candor 0.1 REQUIRED)'
    for c in "${examples[@]}"; do
        name="$(basename "$c" .c)"
        echo "add_executable($name $c)"
        echo "target_link_libraries($name PRIVATE candor::candor)"
        echo "add_executable(${name}_static $c)"
        echo "target_link_libraries(${name}_static PRIVATE candor::candor_static)"
    done
} >"$tmp/consumer/CMakeLists.txt"
cmake -S "$tmp/consumer" -B "$tmp/consumer/build" -DCMAKE_PREFIX_PATH="$prefix" >"$tmp/log" 2>&1 &&
    cmake --build "$tmp/consumer/build" >>"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
echo "find_package: ${#examples[@]} programs, shared and static"

if [ -e "$source/examples/CMakeLists.txt" ]; then
    cmake -S "$source/examples" -B "$tmp/examples" -DCMAKE_PREFIX_PATH="$prefix" >"$tmp/log" 2>&1 &&
        cmake --build "$tmp/examples" >>"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
    echo "examples/CMakeLists.txt builds"
fi
