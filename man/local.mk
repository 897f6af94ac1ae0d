# SPDX-License-Identifier: Apache-2.0
# Manual pages.

dist_man_MANS += \
	man/memprof-attach.1 \
	man/memprof-check.1 \
	man/memprof-compare.1 \
	man/memprof-detach.1 \
	man/memprof-diff.1 \
	man/memprof-duplicates.1 \
	man/memprof-findings.1 \
	man/memprof-growth.1 \
	man/memprof-json.5 \
	man/memprof-leaks.1 \
	man/memprof-list.1 \
	man/memprof-memcheck.1 \
	man/memprof-merge.1 \
	man/memprof-pools.1 \
	man/memprof-profile.5 \
	man/memprof-referents.1 \
	man/memprof-referrers.1 \
	man/memprof-run.1 \
	man/memprof-snapshot.1 \
	man/memprof-stat.1 \
	man/memprof-suppressions.5 \
	man/memprof-symbolize.1 \
	man/memprof-top.1 \
	man/memprof-tree.1 \
	man/memprof-where.1 \
	man/memprof-why.1 \
	man/memprof.1 \
	man/memprof.h.3 \
	man/memprof_alloc.3 \
	man/memprof_clear_traces.3 \
	man/memprof_domain.3 \
	man/memprof_free.3 \
	man/memprof_get_overhead.3 \
	man/memprof_get_traced_memory.3 \
	man/memprof_ignore.3 \
	man/memprof_is_tracing.3 \
	man/memprof_leak_check.3 \
	man/memprof_mark.3 \
	man/memprof_realloc.3 \
	man/memprof_reset_peak.3 \
	man/memprof_root_region.3 \
	man/memprof_root_region_remove.3 \
	man/memprof_snapshot.3 \
	man/memprof_start.3 \
	man/memprof_stop.3 \
	man/memprof_weak_region.3 \
	man/memprof_weak_region_remove.3
