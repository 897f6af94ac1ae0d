#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A few seconds of fuzzing the readers of suppressions; `make fuzz` goes on for
# longer.  FUZZ_SECONDS says how long.
set -eu

fuzzer=$top_builddir/tests/fuzz/fuzz-suppress
[ -x "$fuzzer" ] || { echo "no clang with libFuzzer"; exit 77; }
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT

stack='\377app::Pool<int>::grow(unsigned long)\n/usr/lib/libfoo.so.1\nsrc/pool.cc\nmain\n/bin/p\nmain.c\n'
printf "leak:^main\$\nleak:libfoo*so\n# comment\nrace:x\n$stack" >"$corpus/lsan"
printf "{\n  name\n  Memcheck:Leak\n  match-leak-kinds: definite,possible\n  fun:malloc\n  ...\n\
  fun:_ZN3app4PoolIiE4growEm\n  obj:*/libfoo.so*\n  src:main.c:7\n}\n$stack" >"$corpus/valgrind"
printf "{\n  other\n  Helgrind:Race\n  fun:?*a*?\n}\n{\n  n\n  A,Memcheck:Leak\n  fun:*4Pool*\n}\n$stack" \
    >"$corpus/kinds"
for file in /usr/lib/valgrind/*.supp; do
    [ ! -e "$file" ] || head -c 4000 "$file" >"$corpus/$(basename "$file")"
done

"$fuzzer" -max_total_time="${FUZZ_SECONDS:-5}" -max_len=4096 -rss_limit_mb=1024 -timeout=10 \
    -artifact_prefix="$top_builddir/tests/fuzz/" -print_final_stats=1 "$corpus"
