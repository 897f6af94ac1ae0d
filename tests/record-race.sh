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
# The files that the test needs are those that the linker takes from the libraries for it.
libraries="$top_builddir/.libs/libmemprof-host.a $top_builddir/.libs/libmemprof-shared.a"
test=$top_builddir/tests/unit/test-collector
for file in $libraries "$test.o"; do
    [ -e "$file" ] || { echo "$file is not built"; exit 1; }
done
# shellcheck disable=SC2086
$CC -o "$work/test" "$test.o" $libraries $HOST_LIBS -lcmocka -pthread -Wl,-Map="$work/map"
objects=$(sed -n 's|^[^ ]*libmemprof-\([a-z]*\)\.a(\(.*\)\.o)$|\1/\2.c|p' "$work/map" | sed "s|/libmemprof_[a-z]*_la-|/|")
# an archive's members do not say in which folder their source lies; their names are unique
sources=$(for object in $objects; do
    (cd "$top_srcdir" && find "src/${object%%/*}" -name "${object#*/}")
done)
case $sources in
*src/host/model/collector.c*src/shared/ring.c*) ;;
*)
    echo "the linker's map does not say what it took:"
    head "$work/map"
    exit 1
    ;;
esac
cd "$top_srcdir"
# shellcheck disable=SC2086
$CC -std=gnu17 -include "$top_builddir/config.h" -D_GNU_SOURCE= -I. -g -O1 -fsanitize=thread \
    -DSTEPS=20000u -o "$work/race" tests/unit/test-collector.c $sources $HOST_LIBS -lcmocka -pthread
TSAN_OPTIONS='halt_on_error=1 report_thread_leaks=0' "$work/race"
