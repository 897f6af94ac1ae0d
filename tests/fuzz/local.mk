# SPDX-License-Identifier: Apache-2.0
# Fuzzing the readers of files.  The fuzzer is built by clang from the sources,
# whatever the compiler of the rest, and runs for a few seconds in `make check`;
# `make fuzz FUZZ_SECONDS=3600` goes on.

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

EXTRA_DIST += tests/fuzz/fuzz-snapshot.c tests/fuzz/fuzz-suppress.c

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

tests/fuzz/fuzz-snapshot: $(fuzz_snapshot_sources) src/host/snapshot-format.h
	$(AM_V_GEN)$(MKDIR_P) tests/fuzz && $(CLANG) $(base_cppflags) -I. $(base_cflags) -g -O1 \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		$(fuzz_snapshot_sources:%=$(srcdir)/%) $(ZSTD_CFLAGS) $(ZSTD_LIBS) -o $@

tests/fuzz/fuzz-suppress: $(fuzz_suppress_sources) src/host/suppress.h
	$(AM_V_GEN)$(MKDIR_P) tests/fuzz && $(CLANG) $(base_cppflags) -I. $(base_cflags) -g -O1 \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		$(fuzz_suppress_sources:%=$(srcdir)/%) $(IBERTY_LIBS) -o $@

CLEANFILES += tests/fuzz/fuzz-snapshot tests/fuzz/fuzz-suppress
tests/fuzz/suppress.log: tests/fuzz/fuzz-suppress
tests/fuzz/snapshot.log: tests/fuzz/fuzz-snapshot tests/fuzz/make-seeds
else
EXTRA_DIST += tests/fuzz/make-seeds.c tests/fuzz/reseal.c tests/fuzz/reseal.h
endif

.PHONY: fuzz
fuzz:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='tests/fuzz/snapshot.sh tests/fuzz/suppress.sh' FUZZ_SECONDS=$${FUZZ_SECONDS:-600}
