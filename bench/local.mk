# SPDX-License-Identifier: Apache-2.0
# Benchmarks: built and run by `make bench` only.
#   a program  bench_programs += bench/NAME   (linked with the host library)

bench_programs = bench/stacks bench/drain bench/leakgraph bench/open
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)

# Compiled as a stranger's program would be: see tests/targets/local.mk.
bench_files = bench/heap bench/pairs bench/pairs-lsan bench/rss-preload.so bench/small bench/pool-preload.so \
	bench/pool-classic-preload.so
if HAVE_LIBUNWIND
bench_files += bench/unwind-preload.so
endif
bench_make = $(MKDIR_P) $(@D) && $(CC) -std=gnu17 -O2 -g -fno-builtin -Wall -Wextra

bench/heap: $(top_srcdir)/bench/heap.c
	$(AM_V_CC)$(bench_make) -o $@ $(top_srcdir)/bench/heap.c

bench/pairs: $(top_srcdir)/bench/pairs.c
	$(AM_V_CC)$(bench_make) -pthread -o $@ $(top_srcdir)/bench/pairs.c

bench/pairs-lsan: $(top_srcdir)/bench/pairs.c
	$(AM_V_CC)$(bench_make) -fno-omit-frame-pointer -fsanitize=leak -pthread -o $@ \
		$(top_srcdir)/bench/pairs.c || echo 'no LeakSanitizer here: $@ is left out'

bench/rss-preload.so: $(top_srcdir)/bench/rss-preload.c
	$(AM_V_CC)$(bench_make) -fPIC -shared -o $@ $(top_srcdir)/bench/rss-preload.c

bench/small: $(top_srcdir)/bench/small.c
	$(AM_V_CC)$(bench_make) -pthread -o $@ $(top_srcdir)/bench/small.c

# The core by itself, with each of its geometries.
bench_pool_sources = $(top_srcdir)/bench/pool-preload.c \
	$(top_srcdir)/src/shared/arena.c $(top_srcdir)/src/shared/block.c \
	$(top_srcdir)/src/shared/owner.c $(top_srcdir)/src/shared/pool.c \
	$(top_srcdir)/src/shared/radix.c $(top_srcdir)/src/shared/sysmem.c
bench_pool_make = $(bench_make) -D_GNU_SOURCE= -I$(top_srcdir) -fPIC -shared -fvisibility=hidden -o $@

bench/pool-preload.so: $(bench_pool_sources)
	$(AM_V_CC)$(bench_pool_make) -DPOOL_GEOMETRY=MODERN $(bench_pool_sources)

bench/pool-classic-preload.so: $(bench_pool_sources)
	$(AM_V_CC)$(bench_pool_make) -DPOOL_GEOMETRY=CLASSIC $(bench_pool_sources)

bench/unwind-preload.so: $(top_srcdir)/bench/unwind-preload.c
	$(AM_V_CC)$(bench_make) $(LIBUNWIND_CFLAGS) -fPIC -shared -o $@ \
		$(top_srcdir)/bench/unwind-preload.c $(LIBUNWIND_LIBS)

.PHONY: bench
bench: all $(bench_files) $(bench_programs)
	$(PYTHON3) $(top_srcdir)/bench/run $(BENCH_FLAGS)

CLEANFILES += $(bench_files)
EXTRA_DIST += bench/README.md bench/attach bench/run bench/search bench/snapshots bench/heap.c bench/workloads.py bench/pairs.c bench/rss-preload.c \
	bench/allocators.py bench/pool-preload.c bench/small.c \
	bench/unwind-preload.c
clean-local:
	rm -rf bench/results
