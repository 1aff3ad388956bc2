# Sourced by ./check and ./demo: install_deps makes sure that the Debian packages candor needs are there. What is installed is
# asked first, so that a second call is quick and needs no network.

candor_packages=(gcc cmake ninja-build pkg-config git libc6-dev libjansson-dev libicu-dev libpcre2-dev libcurl4-openssl-dev
    libcsv-dev libyaml-dev libzstd-dev nettle-dev r-mathlib libnlopt-dev libcriterion-dev)

# For `candor bench` alone: without oneDNN it gives no share of a ceiling. Neither ./check nor ./demo needs it.
# shellcheck disable=SC2034
candor_bench_packages=(libdnnl-dev)

# For report pages alone: without Node.js and npm candor is built without them, without Chromium they are not tested.
# shellcheck disable=SC2034
candor_pages_packages=(nodejs npm)
# shellcheck disable=SC2034
candor_pages_test_packages=(chromium)

package_missing() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" != installed ]
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt_install() {
    echo "installing $*" >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# install_optional PACKAGES: those whose program is not there yet. Nothing is asked of the user, and a failure is a remark.
install_optional() {
    local missing=() p program
    for p in "$@"; do
        program="$p"
        if [ "$p" = nodejs ]; then program=node; fi
        if ! command -v "$program" >/dev/null; then missing+=("$p"); fi
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v dpkg-query >/dev/null || { [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; } || ! apt_install "${missing[@]}"; then
        echo "not installed: ${missing[*]}; going on without" >&2
    fi
}

install_deps() {
    local missing=() p
    if ! command -v dpkg-query >/dev/null; then
        echo "no dpkg here: expecting these packages' contents to be present: ${candor_packages[*]}" >&2
        return 0
    fi
    for p in "${candor_packages[@]}"; do
        # pkgconf provides pkg-config on newer systems
        if [ "$p" = pkg-config ] && command -v pkg-config >/dev/null; then continue; fi
        if package_missing "$p"; then missing+=("$p"); fi
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    apt_install "${missing[@]}"
}
