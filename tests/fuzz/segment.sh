#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A few seconds of fuzzing what the host reads from the segment, from fresh seeds;
# `make fuzz` goes on for longer.  FUZZ_SECONDS says how long.
set -eu

fuzzer=$top_builddir/tests/fuzz/fuzz-segment
[ -x "$fuzzer" ] || { echo "no clang with libFuzzer"; exit 77; }
[ -x /bin/sleep ] || { echo "no /bin/sleep to be searched"; exit 77; }
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
/usr/bin/python3 "$top_srcdir/tests/fuzz/segment-seeds.py" "$corpus"
"$fuzzer" -max_total_time="${FUZZ_SECONDS:-5}" -max_len=1000 -rss_limit_mb=1024 -timeout=20 \
    -artifact_prefix="$top_builddir/tests/fuzz/" -print_final_stats=1 "$corpus"
