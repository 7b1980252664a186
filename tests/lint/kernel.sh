#!/bin/bash
# usage: kernel.sh CLANG FOLDER FILE.cl [OPTION]...   Checks one kernel file with the warnings on; 77 (skip) without clang. Unused
# parameters are fine: kernels of one family share their argument list.
if [ -z "$1" ]; then
    echo "clang is not installed (Debian package clang)"
    exit 77
fi
exec "$1" -x cl -cl-std=CL1.2 -target spir64 -Xclang -finclude-default-header -Wall -Wextra -Wno-unused-parameter -Werror -fsyntax-only -I"$2" "${@:4}" "$3"
