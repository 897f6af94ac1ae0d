#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A few seconds of fuzzing the profile reader from fresh seeds; `make fuzz` goes
# on for longer.  FUZZ_SECONDS says how long.
set -eu

fuzzer=$top_builddir/tests/fuzz/fuzz-snapshot
[ -x "$fuzzer" ] || { echo "no clang with libFuzzer"; exit 77; }
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
"$top_builddir/tests/fuzz/make-seeds" "$corpus"
"$fuzzer" -max_total_time="${FUZZ_SECONDS:-5}" -max_len=20000 -rss_limit_mb=1024 -timeout=10 \
    -artifact_prefix="$top_builddir/tests/fuzz/" -print_final_stats=1 "$corpus"
