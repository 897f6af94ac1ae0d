#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The target's decoder of call-frame information against libdw's, on every row of
# the libraries that programs are most often in.  CFI_ROWS=all takes in the largest
# programs and libraries of the system, too: on Debian 12 with LLVM 4 million rows,
# 10 s of processor time.
set -eu

[ "$(uname -m)" = x86_64 ] || { echo "skipped: the decoder is for x86-64"; exit 77; }

all=
[ "${CFI_ROWS:-}" != all ] || all=yes
files() {
    echo "$top_builddir/.libs/libmemprof-preload.so"
    for name in libc.so.6 ld-linux-x86-64.so.2 libm.so.6 libstdc++.so.6 libgcc_s.so.1 \
        'libpython3*.so.1.0' libsqlite3.so.0 libcrypto.so.3 libssl.so.3 'libclang-cpp.so.*' \
        ${all:+'libLLVM-*.so.1' 'libclang-*.so.*'}; do
        ls /usr/lib/x86_64-linux-gnu/$name /usr/lib64/$name 2>/dev/null || :
    done
    [ -z "$all" ] || gcc -print-prog-name=cc1
    for program in ${all:+clang openssl python3 sqlite3 redis-server git perl bash}; do
        ls /usr/bin/$program 2>/dev/null || :
    done
}
# shellcheck disable=SC2046
"$top_builddir/tests/tools/cfi-rows" $(files | xargs -n1 readlink -f | sort -u)
