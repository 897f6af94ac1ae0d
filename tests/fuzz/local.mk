# SPDX-License-Identifier: Apache-2.0
# Fuzzing the readers of files and of what comes from the target.  The fuzzers are
# built by clang from the sources, whatever the compiler of the rest, and run for a few
# seconds in `make check`; `make fuzz FUZZ_SECONDS=3600` goes on.

fuzz_tests = \
	tests/fuzz/cfi.sh \
	tests/fuzz/perfmap.sh \
	tests/fuzz/records.sh \
	tests/fuzz/segment.sh \
	tests/fuzz/snapshot.sh \
	tests/fuzz/suppress.sh

fuzz_segment_sources = \
	src/host/answer.c \
	src/host/availmem.c \
	src/host/binary.c \
	src/host/births.c \
	src/host/blockfind.c \
	src/host/buffer.c \
	src/host/buildid.c \
	src/host/capture.c \
	src/host/changes.c \
	src/host/checkpoint.c \
	src/host/checksum.c \
	src/host/collector.c \
	src/host/columns.c \
	src/host/copyroom.c \
	src/host/cuindex.c \
	src/host/debugfile.c \
	src/host/debuginfod.c \
	src/host/demangle.c \
	src/host/diescan.c \
	src/host/dwarfunit.c \
	src/host/elfobjects.c \
	src/host/elfsymbols.c \
	src/host/elfsymtab.c \
	src/host/error.c \
	src/host/faults.c \
	src/host/framenames.c \
	src/host/heapcopy-fill.c \
	src/host/heapcopy-list.c \
	src/host/heapcopy.c \
	src/host/heaplook.c \
	src/host/intern.c \
	src/host/journal-read.c \
	src/host/journal.c \
	src/host/leakgraph-dominators.c \
	src/host/leakgraph-find.c \
	src/host/leakgraph-lost.c \
	src/host/leakgraph-mark.c \
	src/host/leakgraph-paths.c \
	src/host/leakgraph-scan.c \
	src/host/leakgraph.c \
	src/host/leaklive.c \
	src/host/leakroots-memory.c \
	src/host/leakroots-modules.c \
	src/host/leakroots-threads.c \
	src/host/leakroots.c \
	src/host/leaksearch-bytes.c \
	src/host/leaksearch-keep.c \
	src/host/leaksearch-rows.c \
	src/host/leaksearch.c \
	src/host/liveness.c \
	src/host/livetable.c \
	src/host/lsan.c \
	src/host/mappings.c \
	src/host/marks.c \
	src/host/model.c \
	src/host/modfile.c \
	src/host/modmap.c \
	src/host/outfile.c \
	src/host/pages.c \
	src/host/perfmap.c \
	src/host/pointersort.c \
	src/host/poolstate.c \
	src/host/presentpages.c \
	src/host/procinfo.c \
	src/host/profile-append.c \
	src/host/profile-build.c \
	src/host/profile-check.c \
	src/host/profile.c \
	src/host/rangemap.c \
	src/host/regions.c \
	src/host/requests.c \
	src/host/rootnames.c \
	src/host/search-check.c \
	src/host/searchanswer.c \
	src/host/series.c \
	src/host/sites.c \
	src/host/snapshot-contents.c \
	src/host/snapshot-draft.c \
	src/host/snapshot-read.c \
	src/host/snapshot-section.c \
	src/host/snapshot-tables.c \
	src/host/snapshot-write.c \
	src/host/stacknumbers.c \
	src/host/stop-registers.c \
	src/host/stop-signal.c \
	src/host/stop-trace.c \
	src/host/stop.c \
	src/host/strbuf.c \
	src/host/stream.c \
	src/host/strings.c \
	src/host/symbolize.c \
	src/host/texts.c \
	src/host/threadlayout.c \
	src/host/threads.c \
	src/host/timeline.c \
	src/host/utf8.c \
	src/host/writer.c \
	src/shared/arena.c \
	src/shared/bump.c \
	src/shared/census.c \
	src/shared/objects.c \
	src/shared/owner.c \
	src/shared/ownrange.c \
	src/shared/pool.c \
	src/shared/radix.c \
	src/shared/ring.c \
	src/shared/segment.c \
	src/shared/stacktrie.c \
	src/shared/sysmem.c \
	tests/fuzz/fuzz-segment.c

fuzz_snapshot_sources = \
	src/host/buffer.c \
	src/host/changes.c \
	src/host/checksum.c \
	src/host/columns.c \
	src/host/error.c \
	src/host/heapimage.c \
	src/host/journal-read.c \
	src/host/leakgraph-dominators.c \
	src/host/leakgraph-find.c \
	src/host/leakgraph-lost.c \
	src/host/leakgraph-mark.c \
	src/host/leakgraph-paths.c \
	src/host/leakgraph-scan.c \
	src/host/leakgraph.c \
	src/host/moments.c \
	src/host/outfile.c \
	src/host/profile-append.c \
	src/host/profile-check.c \
	src/host/profile.c \
	src/host/search-check.c \
	src/host/snapshot-contents.c \
	src/host/snapshot-draft.c \
	src/host/snapshot-read.c \
	src/host/snapshot-section.c \
	src/host/snapshot-tables.c \
	src/host/snapshot-write.c \
	src/host/strbuf.c \
	src/host/strings.c \
	src/host/why.c \
	tests/fuzz/fuzz-snapshot.c \
	tests/fuzz/reseal.c

fuzz_suppress_sources = \
	src/host/cxxname.c \
	src/host/demangle.c \
	src/host/error.c \
	src/host/leakkind.c \
	src/host/strbuf.c \
	src/host/strings.c \
	src/host/suppress.c \
	src/host/suppress-generate.c \
	src/host/suppress-lsan.c \
	src/host/suppress-mangled.c \
	src/host/suppress-pattern.c \
	src/host/suppress-valgrind.c \
	src/shared/bump.c \
	src/shared/sysmem.c \
	tests/fuzz/fuzz-suppress.c

fuzz_cfi_sources = \
	preload/cfi.c \
	preload/rules.c \
	src/shared/bump.c \
	src/shared/sysmem.c \
	tests/fuzz/fuzz-cfi.c

fuzz_perfmap_sources = \
	src/host/perfmap.c \
	src/host/rangemap.c \
	tests/fuzz/fuzz-perfmap.c

fuzz_records_sources = \
	src/host/blockfind.c \
	src/host/collector.c \
	src/host/error.c \
	src/host/faults.c \
	src/host/livetable.c \
	src/host/mappings.c \
	src/host/marks.c \
	src/host/model.c \
	src/host/pages.c \
	src/host/procinfo.c \
	src/host/regions.c \
	src/host/requests.c \
	src/host/sites.c \
	src/host/sizeclass.c \
	src/host/stream.c \
	src/host/strings.c \
	src/host/texts.c \
	src/host/threads.c \
	src/host/timeline.c \
	src/host/utf8.c \
	src/shared/bump.c \
	src/shared/objects.c \
	src/shared/ring.c \
	src/shared/segment.c \
	src/shared/sysmem.c \
	tests/fuzz/fuzz-records.c

EXTRA_DIST += tests/fuzz/corpus tests/fuzz/with-corpus.sh \
	tests/fuzz/fuzz-cfi.c tests/fuzz/fuzz-perfmap.c tests/fuzz/fuzz-records.c
EXTRA_DIST += tests/fuzz/fuzz-segment.c tests/fuzz/fuzz-snapshot.c tests/fuzz/fuzz-suppress.c \
	tests/fuzz/segment-seeds.py

if HAVE_FUZZER
check_PROGRAMS += tests/fuzz/make-seeds
tests_fuzz_make_seeds_SOURCES = \
	tests/fuzz/make-seeds.c \
	tests/fuzz/reseal.c \
	tests/fuzz/reseal.h \
	tests/unit/sample-journal.c \
	tests/unit/sample-journal.h \
	tests/unit/sample-profile.c \
	tests/unit/sample-profile.h

tests/fuzz/fuzz-segment: $(fuzz_segment_sources) src/shared/record.h
	$(AM_V_GEN)$(MKDIR_P) tests/fuzz && $(CLANG) $(AM_CPPFLAGS) -I. $(base_cflags) -g -O1 \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		$(fuzz_segment_sources:%=$(srcdir)/%) $(ZSTD_CFLAGS) $(LIBDW_CFLAGS) \
		$(LIBDW_LIBS) $(ZSTD_LIBS) $(IBERTY_LIBS) -lm -lpthread -o $@

tests/fuzz/fuzz-snapshot: $(fuzz_snapshot_sources) src/host/snapshot-format.h
	$(AM_V_GEN)$(MKDIR_P) tests/fuzz && $(CLANG) $(base_cppflags) -I. $(base_cflags) -g -O1 \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		$(fuzz_snapshot_sources:%=$(srcdir)/%) $(ZSTD_CFLAGS) $(ZSTD_LIBS) -o $@

tests/fuzz/fuzz-suppress: $(fuzz_suppress_sources) src/host/suppress.h
	$(AM_V_GEN)$(MKDIR_P) tests/fuzz && $(CLANG) $(base_cppflags) -I. $(base_cflags) -g -O1 \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		$(fuzz_suppress_sources:%=$(srcdir)/%) $(IBERTY_LIBS) -o $@

fuzz_compile = $(MKDIR_P) tests/fuzz && $(CLANG) $(base_cppflags) -I. $(base_cflags) -g -O1 \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined

tests/fuzz/fuzz-cfi: $(fuzz_cfi_sources) preload/cfi.h preload/rules.h
	$(AM_V_GEN)$(fuzz_compile) $(fuzz_cfi_sources:%=$(srcdir)/%) -o $@

tests/fuzz/fuzz-perfmap: $(fuzz_perfmap_sources) src/host/perfmap.h src/host/rangemap.h
	$(AM_V_GEN)$(fuzz_compile) $(fuzz_perfmap_sources:%=$(srcdir)/%) -o $@

tests/fuzz/fuzz-records: $(fuzz_records_sources) src/host/stream.h src/host/model.h
	$(AM_V_GEN)$(fuzz_compile) $(fuzz_records_sources:%=$(srcdir)/%) -lpthread -o $@

CLEANFILES += tests/fuzz/fuzz-cfi tests/fuzz/fuzz-perfmap tests/fuzz/fuzz-records
tests/fuzz/cfi.log: tests/fuzz/fuzz-cfi
tests/fuzz/perfmap.log: tests/fuzz/fuzz-perfmap
tests/fuzz/records.log: tests/fuzz/fuzz-records
CLEANFILES += tests/fuzz/fuzz-segment tests/fuzz/fuzz-snapshot tests/fuzz/fuzz-suppress
tests/fuzz/segment.log: tests/fuzz/fuzz-segment
tests/fuzz/suppress.log: tests/fuzz/fuzz-suppress
tests/fuzz/snapshot.log: tests/fuzz/fuzz-snapshot tests/fuzz/make-seeds
else
EXTRA_DIST += tests/fuzz/make-seeds.c tests/fuzz/reseal.c tests/fuzz/reseal.h
endif

.PHONY: fuzz
fuzz:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(fuzz_tests)' FUZZ_SECONDS=$${FUZZ_SECONDS:-600}
