#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The allocator's core with several threads, under ThreadSanitizer.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo 'int main(void) { return 0; }' >"$work/empty.c"
if ! $CC -fsanitize=thread -o "$work/empty" "$work/empty.c" 2>"$work/errors" || ! "$work/empty"; then
    echo "skipped: $CC has no ThreadSanitizer that runs here"
    exit 77
fi
cd "$top_srcdir"
for geometry in MODERN CLASSIC; do
    $CC -std=gnu17 -D_GNU_SOURCE= -I. -g -O1 -fsanitize=thread -DPOOL_GEOMETRY=$geometry \
        -o "$work/race" tests/unit/test-pool-threads.c src/shared/arena.c src/shared/block.c \
        src/shared/census.c src/shared/owner.c src/shared/pool.c src/shared/poolcheck.c \
        src/shared/radix.c src/shared/sysmem.c -lcmocka -pthread
    TSAN_OPTIONS='halt_on_error=1 die_after_fork=0 report_thread_leaks=0' "$work/race"
done
