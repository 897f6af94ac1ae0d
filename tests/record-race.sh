#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The ring, the stack trie and the collector with several threads that record, under
# ThreadSanitizer.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo 'int main(void) { return 0; }' >"$work/empty.c"
if ! $CC -fsanitize=thread -o "$work/empty" "$work/empty.c" 2>"$work/errors" || ! "$work/empty"; then
    echo "skipped: $CC has no ThreadSanitizer that runs here"
    exit 77
fi
cd "$top_srcdir"
host='blockfind collector error faults livetable mappings marks model pages procinfo regions requests sites
    sizeclass stream strings texts threads timeline utf8'
shared='bump objects ring segment stacktrie sysmem'
# shellcheck disable=SC2046
$CC -std=gnu17 -include "$top_builddir/config.h" -D_GNU_SOURCE= -I. -g -O1 -fsanitize=thread \
    -DSTEPS=20000u -o "$work/race" tests/unit/test-collector.c \
    $(printf 'src/host/%s.c ' $host) $(printf 'src/shared/%s.c ' $shared) -lcmocka -pthread
TSAN_OPTIONS='halt_on_error=1 report_thread_leaks=0' "$work/race"
