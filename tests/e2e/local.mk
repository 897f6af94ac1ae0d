# SPDX-License-Identifier: Apache-2.0
# The end-to-end tests: the built memprof over the target programs.  One script a concern.

e2e_tests = tests/e2e/api.py tests/e2e/attach.py tests/e2e/attach-killed.py tests/e2e/attach-refused.py tests/e2e/own-malloc.py tests/e2e/compare.py tests/e2e/diff.py tests/e2e/memcheck.py tests/e2e/merge.py tests/e2e/backpressure.py tests/e2e/check.py tests/e2e/cxx.py tests/e2e/domains.py tests/e2e/early.py \
	tests/e2e/endings.py tests/e2e/exact.py tests/e2e/findings.py tests/e2e/gdb.py tests/e2e/growth.py tests/e2e/host-death.py \
	tests/e2e/leaks.py tests/e2e/lines.py tests/e2e/modules.py tests/e2e/processes.py \
	tests/e2e/refusals.py tests/e2e/report.py tests/e2e/resident.py tests/e2e/threads.py \
	tests/e2e/transparency.py \
	tests/e2e/trees.py \
	tests/e2e/file.py \
	tests/e2e/forbidden.py \
	tests/e2e/leak-asked.py \
	tests/e2e/leaksearch.py \
	tests/e2e/leaks-busy.py \
	tests/e2e/leak-kinds.py \
	tests/e2e/live-redis.py \
	tests/e2e/adverse.py \
	tests/e2e/not-started.py \
	tests/e2e/overhead.py \
	tests/e2e/pager.py \
	tests/e2e/pools.py \
	tests/e2e/snapshot.py \
	tests/e2e/stat.py \
	tests/e2e/tracemalloc.py \
	tests/e2e/valgrind.py \
	tests/e2e/views.py \
	tests/e2e/ways-out.py \
	tests/e2e/why.py

script_tests += $(e2e_tests)
EXTRA_DIST += tests/e2e/attaching.py tests/e2e/harness.py tests/e2e/imports.py
