# SPDX-License-Identifier: Apache-2.0
# Fuzzing the readers of files and of what comes from the target.  The fuzzers are
# built by clang from the sources, whatever the compiler of the rest, and run for a few
# seconds in `make check`; `make fuzz FUZZ_SECONDS=3600` goes on.

fuzz_tests = \
	tests/fuzz/cfi.sh \
	tests/fuzz/control.sh \
	tests/fuzz/perfmap.sh \
	tests/fuzz/records.sh \
	tests/fuzz/segment.sh \
	tests/fuzz/snapshot.sh \
	tests/fuzz/suppress.sh

fuzz_programs = $(fuzz_tests:tests/fuzz/%.sh=tests/fuzz/fuzz-%)

EXTRA_DIST += tests/fuzz/corpus tests/fuzz/with-corpus.sh \
	tests/fuzz/fuzz-cfi.c tests/fuzz/fuzz-control.c tests/fuzz/fuzz-perfmap.c tests/fuzz/fuzz-records.c
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

# All of the host's library, whatever of it a fuzzer needs, compiled for fuzzing.
fuzz_flags = $(AM_CPPFLAGS) -I. $(base_cflags) -g -O1 $(LIBDW_CFLAGS) $(JANSSON_CFLAGS) \
	$(LIBXML2_CFLAGS) $(ZSTD_CFLAGS) \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
fuzz_library_sources = $(filter %.c, $(libmemprof_host_la_SOURCES) $(shared_sources))
fuzz_library_objects = $(fuzz_library_sources:%.c=tests/fuzz/objects/%.o)
fuzz_library = tests/fuzz/libfuzzed.a
fuzz_libs = $(fuzz_library) $(external_libs)
fuzz_link = $(AM_V_CCLD)$(CLANG) -fsanitize=fuzzer,address,undefined -o $@

tests/fuzz/objects/%.o: $(top_srcdir)/%.c config.h
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CLANG) $(fuzz_flags) -MMD -MP -c -o $@ $<
-include $(wildcard tests/fuzz/objects/*/*.d tests/fuzz/objects/*/*/*.d)

$(fuzz_library): $(fuzz_library_objects)
	$(AM_V_AR)rm -f $@
	$(AM_V_at)$(AR) cr $@ $(fuzz_library_objects)

fuzz_objects = tests/fuzz/objects/tests/fuzz
$(fuzz_programs): tests/fuzz/fuzz-%: tests/fuzz/objects/tests/fuzz/fuzz-%.o $(fuzz_library)
	$(fuzz_link) $(filter %.o, $^) $(fuzz_libs)
# What they need besides.
tests/fuzz/fuzz-snapshot: $(fuzz_objects)/reseal.o
tests/fuzz/fuzz-cfi: tests/fuzz/objects/preload/cfi.o tests/fuzz/objects/preload/rules.o

CLEANFILES += $(fuzz_programs) $(fuzz_library)
CLEANFILES += $(fuzz_library_objects) $(fuzz_library_objects:.o=.d) \
	tests/fuzz/objects/*/*.[do] tests/fuzz/objects/*/*/*.[do]
$(fuzz_tests:.sh=.log): tests/fuzz/%.log: tests/fuzz/fuzz-%
tests/fuzz/snapshot.log: tests/fuzz/make-seeds
else
EXTRA_DIST += tests/fuzz/make-seeds.c tests/fuzz/reseal.c tests/fuzz/reseal.h
endif

.PHONY: fuzz
fuzz:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(fuzz_tests)' FUZZ_SECONDS=$${FUZZ_SECONDS:-600}
