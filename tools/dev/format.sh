#!/bin/bash
# Formats every C file with the tree's .clang-format (clang-format 14, Debian 12's). Kernels are left alone: their
# signatures have one argument a line (cl/README.md), which it would join.
# usage: tools/dev/format.sh           formats in place
#        tools/dev/format.sh --check   changes nothing; 1 when a file differs, 77 (a skip) without clang-format 14
cd "$(dirname "$0")/../.." || exit 2
tool=$(command -v clang-format-14 || command -v clang-format) || tool=
if [ -z "$tool" ] || ! "$tool" --version | grep -q 'version 14\.'; then
    echo "clang-format 14 is not installed"
    exit 77
fi
mode=(-i)
[ "${1-}" = --check ] && mode=(--dry-run -Werror)
git ls-files -z -- '*.c' '*.h' | xargs -0 -r "$tool" "${mode[@]}" || exit 1
