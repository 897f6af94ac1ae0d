# SPDX-License-Identifier: Apache-2.0
# Tests.
#   a unit test       unit_tests += tests/unit/test-NAME   (source: tests/unit/test-NAME.c)
#   a target program  see tests/targets/local.mk
#   a script          script_tests += tests/e2e/NAME.py or NAME.sh (exits 77 to skip)

TEST_EXTENSIONS = .sh .py
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	MEMPROF='$(abs_top_builddir)/memprof'; export MEMPROF; \
	CC='$(CC)'; export CC; \
	PYTHON3='$(PYTHON3)'; export PYTHON3; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	HOST_LIBS='$(external_libs)'; export HOST_LIBS; \
	LSAN_OPTIONS='suppressions=$(abs_top_srcdir)/tests/lsan.supp print_suppressions=0'; \
	export LSAN_OPTIONS;
EXTRA_DIST += tests/lsan.supp tests/unit/segment-maker.h
PY_LOG_COMPILER = $(PYTHON3)

target_cflags = -g -O1 -fno-builtin -Wall -Wextra
check_DATA =
LDADD = $(host_libs) $(CMOCKA_LIBS)

unit_tests = \
	tests/unit/test-align \
	tests/unit/test-alive \
	tests/unit/test-assembly \
	tests/unit/test-attaching-check \
	tests/unit/test-diff \
	tests/unit/test-growth \
	tests/unit/test-leak-memory \
	tests/unit/test-leakreport \
	tests/unit/test-leaksearch \
	tests/unit/test-leaks \
	tests/unit/test-merge \
	tests/unit/test-operand \
	tests/unit/test-pathmap \
	tests/unit/test-baseline \
	tests/unit/test-report-diff \
	tests/unit/test-binaries \
	tests/unit/test-births \
	tests/unit/test-blockfind \
	tests/unit/test-answer \
	tests/unit/test-buffer \
	tests/unit/test-cficopy \
	tests/unit/test-changes \
	tests/unit/test-capture \
	tests/unit/test-checksum \
	tests/unit/test-closedpages \
	tests/unit/test-collector \
	tests/unit/test-columns \
	tests/unit/test-compressor \
	tests/unit/test-copyroom \
	tests/unit/test-courses \
	tests/unit/test-control \
	tests/unit/test-demangle \
	tests/unit/test-diescan \
	tests/unit/test-domains \
	tests/unit/test-duplicates \
	tests/unit/test-dynamic \
	tests/unit/test-elfsymbols \
	tests/unit/test-elfsymtab \
	tests/unit/test-error \
	tests/unit/test-escape \
	tests/unit/test-filter \
	tests/unit/test-wordguess \
	tests/unit/test-heldmemory \
	tests/unit/test-keptwords \
	tests/unit/test-leakgraph \
	tests/unit/test-leaklive \
	tests/unit/test-leakstacks \
	tests/unit/test-linetexts \
	tests/unit/test-heapimage \
	tests/unit/test-heapcopy \
	tests/unit/test-inject \
	tests/unit/test-journal \
	tests/unit/test-jsontext \
	tests/unit/test-findings \
	tests/unit/test-findings-memory \
	tests/unit/test-forks \
	tests/unit/test-earlynames \
	tests/unit/test-framenames \
	tests/unit/test-guarded \
	tests/unit/test-leakroots \
	tests/unit/test-livetable \
	tests/unit/test-loaderlocks \
	tests/unit/test-locate \
	tests/unit/test-lookup \
	tests/unit/test-mappings \
	tests/unit/test-marks \
	tests/unit/test-model \
	tests/unit/test-model-reference \
	tests/unit/test-modfile \
	tests/unit/test-moments \
	tests/unit/test-outfile \
	tests/unit/test-ownmemory \
	tests/unit/test-perfmap \
	tests/unit/test-pidfd \
	tests/unit/test-plot \
	tests/unit/test-objects \
	tests/unit/test-ownrange \
	tests/unit/test-pointersort \
	tests/unit/test-pool \
	tests/unit/test-pool-classic \
	tests/unit/test-pool-threads \
	tests/unit/test-pools \
	tests/unit/test-poolstate \
	tests/unit/test-preflight \
	tests/unit/test-procinfo \
	tests/unit/test-profile \
	tests/unit/test-profile-append \
	tests/unit/test-profile-build \
	tests/unit/test-profile-memory \
	tests/unit/test-profilename \
	tests/unit/test-quote \
	tests/unit/test-rangemap \
	tests/unit/test-remote \
	tests/unit/test-report-csv \
	tests/unit/test-report-folded \
	tests/unit/test-report-faults \
	tests/unit/test-report-json \
	tests/unit/test-report-stat \
	tests/unit/test-report-text \
	tests/unit/test-requests \
	tests/unit/test-retained \
	tests/unit/test-rootrank \
	tests/unit/test-rules \
	tests/unit/test-run \
	tests/unit/test-safepoint \
	tests/unit/test-segmentmemory \
	tests/unit/test-series \
	tests/unit/test-server \
	tests/unit/test-shorten \
	tests/unit/test-signalname \
	tests/unit/test-sites \
	tests/unit/test-sizeclass \
	tests/unit/test-skiplist \
	tests/unit/test-snapshot \
	tests/unit/test-snapshot-draft \
	tests/unit/test-stacklines \
	tests/unit/test-stacknumbers \
	tests/unit/test-stacktrie \
	tests/unit/test-stragglers \
	tests/unit/test-strings \
	tests/unit/test-suppress \
	tests/unit/test-symbolize \
	tests/unit/test-texts \
	tests/unit/test-threadnames \
	tests/unit/test-threads \
	tests/unit/test-timeline \
	tests/unit/test-tree \
	tests/unit/test-stop \
	tests/unit/test-trend \
	tests/unit/test-units \
	tests/unit/test-view \
	tests/unit/test-why \
	tests/unit/test-writable \
	tests/unit/test-writer
tests_unit_test_courses_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-courses.c
tests_unit_test_heapcopy_SOURCES = \
	tests/unit/fixture.c \
	tests/unit/fixture.h \
	tests/unit/test-heapcopy.c
tests_unit_test_findings_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-findings.c
tests_unit_test_findings_memory_SOURCES = \
	tests/unit/failing-memory.c \
	tests/unit/failing-memory.h \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-findings-memory.c
tests_unit_test_findings_memory_LDFLAGS = $(failing_memory_ldflags)
tests_unit_test_domains_SOURCES = tests/unit/test-domains.c preload/domains.c
tests_unit_test_domains_LDFLAGS = -pthread
tests_unit_test_domains_LDADD = $(CMOCKA_LIBS)
tests_unit_test_duplicates_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-duplicates.c
tests_unit_test_elfsymbols_SOURCES = \
	tests/unit/fixture.c \
	tests/unit/fixture.h \
	tests/unit/test-elfsymbols.c
tests_unit_test_filter_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-filter.c
tests_unit_test_heapimage_SOURCES = \
	tests/unit/random-graph.c \
	tests/unit/random-graph.h \
	tests/unit/test-heapimage.c
# Allocations that can be made to fail.
failing_memory_ldflags = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray
tests_unit_test_leak_memory_SOURCES = \
	tests/unit/failing-memory.c \
	tests/unit/failing-memory.h \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/sample-leaks.c \
	tests/unit/sample-leaks.h \
	tests/unit/sample-profile.c \
	tests/unit/sample-profile.h \
	tests/unit/test-leak-memory.c
tests_unit_test_leak_memory_LDFLAGS = $(failing_memory_ldflags)
tests_unit_test_leakstacks_SOURCES = \
	tests/unit/failing-memory.c \
	tests/unit/failing-memory.h \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-leakstacks.c
tests_unit_test_leakstacks_LDFLAGS = $(failing_memory_ldflags)
tests_unit_test_linetexts_SOURCES = \
	tests/unit/failing-memory.c \
	tests/unit/failing-memory.h \
	tests/unit/test-linetexts.c
tests_unit_test_linetexts_LDFLAGS = $(failing_memory_ldflags)
tests_unit_test_keptwords_SOURCES = \
	tests/unit/failing-memory.c \
	tests/unit/failing-memory.h \
	tests/unit/test-keptwords.c
tests_unit_test_keptwords_LDFLAGS = $(failing_memory_ldflags) -Wl,--wrap=availmem_bytes
tests_unit_test_heldmemory_SOURCES = tests/unit/test-heldmemory.c
tests_unit_test_heldmemory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=process_vm_readv
tests_unit_test_leakgraph_SOURCES = \
	tests/unit/random-graph.c \
	tests/unit/random-graph.h \
	tests/unit/test-leakgraph.c
tests_unit_test_leaks_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-leaks.c
tests_unit_test_leakreport_SOURCES = \
	tests/unit/sample-leaks.c \
	tests/unit/sample-leaks.h \
	tests/unit/test-leakreport.c
tests_unit_test_modfile_SOURCES = \
	tests/unit/fixture.c \
	tests/unit/fixture.h \
	tests/unit/test-modfile.c
tests_unit_test_perfmap_SOURCES = \
	tests/unit/fixture.c \
	tests/unit/fixture.h \
	tests/unit/test-perfmap.c
tests_unit_test_binaries_SOURCES = \
	tests/unit/fixture.c \
	tests/unit/fixture.h \
	tests/unit/test-binaries.c
tests_unit_test_tree_SOURCES = \
	tests/unit/fixture.c \
	tests/unit/fixture.h \
	tests/unit/test-tree.c
tests_unit_test_symbolize_SOURCES = \
	tests/unit/fixture.c \
	tests/unit/fixture.h \
	tests/unit/test-symbolize.c
# The allocator's core, once for each geometry, with mappings that can be made to fail.
pool_sources = \
	src/shared/arena.c \
	src/shared/block.c \
	src/shared/census.c \
	src/shared/owner.c \
	src/shared/pool.c \
	src/shared/poolcheck.c \
	src/shared/radix.c \
	src/shared/sysmem.c
pool_test_ldflags = $(AM_LDFLAGS) \
	-Wl,--wrap=sysmem_map,--wrap=sysmem_map_aligned,--wrap=sysmem_map_wiped_on_fork
tests_unit_test_pool_SOURCES = $(pool_sources) \
	tests/unit/failing-sysmem.c \
	tests/unit/failing-sysmem.h \
	tests/unit/test-pool.c
tests_unit_test_pool_CPPFLAGS = $(AM_CPPFLAGS) -DPOOL_GEOMETRY=MODERN
tests_unit_test_pool_LDFLAGS = $(pool_test_ldflags)
tests_unit_test_pool_LDADD = $(CMOCKA_LIBS)
tests_unit_test_objects_SOURCES = \
	src/shared/bump.c \
	src/shared/objects.c \
	src/shared/sysmem.c \
	tests/unit/failing-sysmem.c \
	tests/unit/failing-sysmem.h \
	tests/unit/test-objects.c
tests_unit_test_objects_CPPFLAGS = $(AM_CPPFLAGS)
tests_unit_test_objects_LDFLAGS = $(pool_test_ldflags)
tests_unit_test_objects_LDADD = $(CMOCKA_LIBS)
tests_unit_test_pool_classic_SOURCES = $(tests_unit_test_pool_SOURCES)
tests_unit_test_pool_classic_CPPFLAGS = $(AM_CPPFLAGS) -DPOOL_GEOMETRY=CLASSIC
tests_unit_test_pool_classic_LDFLAGS = $(pool_test_ldflags)
tests_unit_test_pool_classic_LDADD = $(CMOCKA_LIBS)
tests_unit_test_snapshot_SOURCES = \
	tests/unit/sample-profile.c \
	tests/unit/sample-profile.h \
	tests/unit/test-snapshot.c
tests_unit_test_snapshot_draft_SOURCES = \
	tests/unit/sample-profile.c \
	tests/unit/sample-profile.h \
	tests/unit/test-snapshot-draft.c
tests_unit_test_journal_SOURCES = \
	tests/unit/sample-journal.c \
	tests/unit/sample-journal.h \
	tests/unit/test-journal.c
tests_unit_test_moments_SOURCES = \
	tests/unit/sample-journal.c \
	tests/unit/sample-journal.h \
	tests/unit/test-moments.c
tests_unit_test_profile_memory_SOURCES = \
	tests/unit/failing-memory.c \
	tests/unit/failing-memory.h \
	tests/unit/sample-journal.c \
	tests/unit/sample-journal.h \
	tests/unit/test-profile-memory.c
tests_unit_test_profile_memory_LDFLAGS = $(failing_memory_ldflags)
tests_unit_test_profile_append_SOURCES = \
	tests/unit/sample-journal.c \
	tests/unit/sample-journal.h \
	tests/unit/test-profile-append.c
tests_unit_test_diff_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-diff.c
tests_unit_test_baseline_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-baseline.c
tests_unit_test_report_diff_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-report-diff.c
tests_unit_test_merge_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-merge.c
tests_unit_test_report_json_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-report-json.c
tests_unit_test_report_text_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-report-text.c
tests_unit_test_why_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-why.c
tests_unit_test_retained_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-retained.c
tests_unit_test_view_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-view.c
tests_unit_test_stacklines_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-stacklines.c
tests_unit_test_report_csv_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-report-csv.c
tests_unit_test_report_folded_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-report-folded.c
tests_unit_test_plot_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-plot.c
tests_unit_test_writer_SOURCES = \
	tests/unit/sample-journal.c \
	tests/unit/sample-journal.h \
	tests/unit/test-writer.c
tests_unit_test_report_stat_SOURCES = \
	tests/unit/profile-maker.c \
	tests/unit/profile-maker.h \
	tests/unit/test-report-stat.c
# What takes longest is started first, so that nothing is left over at the end.
script_tests = \
	tests/e2e/real-programs.py \
	$(own_builds) \
	tests/e2e/allocator.py \
	tests/e2e/stacks.py \
	tests/formats.py \
	tests/recipes.py \
	tests/cfi-rows.sh \
	tests/cli.sh \
	tests/e2e/addr2line.py \
	tests/suppressions.py \
	tests/manual.sh \
	tests/options.sh
# They compile what they test themselves, in the same way whatever the sanitizers of the rest.
own_build_scripts = \
	tests/pool-race.sh \
	tests/record-race.sh \
	tests/fuzz/cfi.sh \
	tests/fuzz/control.sh \
	tests/fuzz/perfmap.sh \
	tests/fuzz/records.sh \
	tests/fuzz/segment.sh \
	tests/fuzz/snapshot.sh \
	tests/fuzz/suppress.sh
EXTRA_DIST += $(own_build_scripts)
if SANITIZERS
own_builds =
else
own_builds = $(own_build_scripts)
endif

# What cfi-rows.sh runs.
check_PROGRAMS += tests/tools/cfi-rows
tests_tools_cfi_rows_SOURCES = tests/tools/cfi-rows.c preload/cfi.c preload/rules.c
tests_unit_test_cficopy_SOURCES = \
	preload/cfi.c \
	preload/cficopy.c \
	preload/filecopy.c \
	tests/unit/test-cficopy.c
tests_unit_test_cficopy_LDFLAGS = -pthread
tests_unit_test_dynamic_SOURCES = tests/unit/test-dynamic.c preload/dynamic.c
tests_unit_test_rules_SOURCES = tests/unit/test-rules.c preload/cfi.c preload/rules.c
# What addr2line.py asks.
check_PROGRAMS += tests/tools/symbolize-file
# What file.py and bench/open read.
check_PROGRAMS += tests/tools/make-series

# What formats.py validates and suppressions.py hands on, and the formats' schemas.
check_PROGRAMS += tests/tools/leak-report tests/tools/suppress-stack
tests_tools_leak_report_SOURCES = \
	tests/tools/leak-report.c \
	tests/unit/sample-leaks.c \
	tests/unit/sample-leaks.h
EXTRA_DIST += \
	tests/data/README.md \
	tests/data/gitlab-codequality.schema.json \
	tests/data/jenkins-junit.xsd \
	tests/data/leaks.schema.json \
	tests/data/sarif-2.1.0.json
# Hostile conditions: a table with a row for each.  The short ones of a group are a test;
# under the sanitizers, which change what is measured, those of security.
hostile_groups = tests/hostile/security.py
if !SANITIZERS
hostile_groups += tests/hostile/attached.py tests/hostile/ends.py tests/hostile/escapes.py tests/hostile/programs.py \
	tests/hostile/scale.py tests/hostile/searches.py tests/hostile/surroundings.py
endif
script_tests += $(hostile_groups)
hostile_python = $(AM_TESTS_ENVIRONMENT) $(PYTHON3) $(top_srcdir)/tests/hostile.py
.PHONY: check-hostile check-long
check-hostile: all targets
	$(hostile_python) $(ROWS)
check-long: all targets
	$(hostile_python) --long
EXTRA_DIST += tests/hostile.py tests/hostile/attached.py tests/hostile/ends.py tests/hostile/escapes.py tests/hostile/programs.py tests/hostile/scale.py \
	tests/hostile/searches.py tests/hostile/security.py tests/hostile/surroundings.py tests/hostile/table.py

TESTS += $(script_tests)
EXTRA_DIST += $(script_tests)

if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
else
check-local:
	@echo 'make check needs cmocka; on Debian and Ubuntu: apt-get install libcmocka-dev' >&2
	@exit 1
endif

include $(top_srcdir)/tests/targets/local.mk
include $(top_srcdir)/tests/e2e/local.mk
include $(top_srcdir)/tests/fuzz/local.mk
include $(top_srcdir)/tests/boundary/local.mk
