# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts of the fuzzers whose seeds lie in tests/fuzz/corpus: run the
# fuzzer `name` for FUZZ_SECONDS, in `make check` a few, from a copy of its seeds.
set -eu

fuzzer=$top_builddir/tests/fuzz/fuzz-$name
[ -x "$fuzzer" ] || { echo "no clang with libFuzzer"; exit 77; }
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
"$fuzzer" -max_total_time="${FUZZ_SECONDS:-5}" -max_len=4096 -rss_limit_mb=1024 -timeout=10 \
    -artifact_prefix="$top_builddir/tests/fuzz/" -print_final_stats=1 \
    "$corpus" "$top_srcdir/tests/fuzz/corpus/$name"
