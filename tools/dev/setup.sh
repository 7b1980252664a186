# shellcheck shell=bash disable=SC2034
# Sourced by tools/demo and tools/test: finds what is missing, installs it on Debian, builds into build/.
# usage: . tools/dev/setup.sh; need PACKAGE...; build_into DIR [meson options]

say() {
    printf '%s\n' "$*" >&2
}

# What the build and any run need; one OpenCL driver that works on every CPU is among it.
build_packages='gcc libc6-dev meson ninja-build pkg-config python3 ocl-icd-opencl-dev opencl-c-headers pocl-opencl-icd
    libclblast-dev libjpeg62-turbo-dev libpng-dev zlib1g-dev nettle-dev libstb-dev
    liblinear-dev'
# What only the tests need: other OpenCL devices and the checkers; the last three compile kernels for real GPUs.
test_packages='clang clang-format mesa-opencl-icd oclgrind g++ python3-onnx clang-15 libclc-15 intel-opencl-icd'

have_package() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs the Debian packages that are missing; touches nothing, and no network, when all are there.
need() {
    local missing=() package as_root=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "This is no Debian system: make sure that the equivalents of these packages are installed: $*"
        return 0
    fi
    for package in "$@"; do
        have_package "$package" || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return 0
    say "Missing Debian packages: ${missing[*]}"
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then
            say "Install them as root: apt-get install ${missing[*]}"
            return 1
        fi
        as_root=(sudo)
        say "Installing them asks for root, through sudo."
    fi
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update -qq >&2 || say "apt-get update failed; trying with the lists at hand"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >&2
}

# Configures (once) and builds DIR with the meson options given.
build_into() {
    local dir=$1
    shift
    if [ -f "$dir/build.ninja" ]; then
        meson configure "$dir" "$@" >/dev/null
    else
        rm -rf "$dir"
        meson setup "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; rm -f "$dir.log"; return 1; }
        rm -f "$dir.log"
    fi
    ninja -C "$dir" >"$dir/build.log" 2>&1 || { tail -n 60 "$dir/build.log" >&2; return 1; }
}
