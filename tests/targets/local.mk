# SPDX-License-Identifier: Apache-2.0
# The target programs: compiled as a stranger's program would be, by rules of
# their own and not as Automake programs, so that neither the project's flags
# nor the user's CFLAGS change what they do.  A new one is a name in this list.

targets_c = close-all commanded confined crossing cxx-later deep dispositions early ends entry-points exec-self family fibers findings forbidden fork frames growth held jump leak-gate leak-kinds leak-threads left-handlers lines maps misuse \
	no-cfi not-started own-malloc own-signals plain pool-mix pool-uses resize signals steady surroundings swap temporary thread-cancel \
	thread-churn thread-crowd thread-names thread-pairs thread-peak thread-queue \
	thread-small-stack thread-tsd ways-out
targets_c += busy chroot-later fork-loop namespaces next-malloc odd-names scale timer-storm vandal
targets_cxx = counted cxx-new cxx-throw cxx-uncaught findings-cxx leak-cxx misuse-cxx
# With memprof.h, as an installed one is found.
targets_api = tests/targets/api tests/targets/api-no-pie tests/targets/api-static \
	tests/targets/api-module.so tests/targets/api-linked tests/targets/tracemalloc \
	tests/targets/api-allocator tests/targets/closed-pages tests/targets/leak-asked tests/targets/overhead tests/targets/search-asked tests/targets/snapshot-threads
targets_other = tests/targets/plain-static tests/targets/deep-gaps tests/targets/swap-plugin-1.so \
	tests/targets/swap-plugin-2.so tests/targets/audit-plugin.so tests/targets/early-plugin.so tests/targets/cells-plugin.so \
	tests/targets/attached tests/targets/attached-static tests/targets/own-malloc-exported tests/targets/leak-plugin.so tests/targets/leak-gate-moved tests/tools/clock-preload.so tests/tools/count-preload.so tests/tools/crashing-preload.so tests/tools/kill-preload.so tests/tools/other-version.so tests/tools/smaps-preload.so $(targets_api)

targets_c_files = $(targets_c:%=tests/targets/%)
targets_cxx_files = $(targets_cxx:%=tests/targets/%) tests/targets/cxx-plugin.so
target_files = $(targets_c_files) $(targets_other)
if HAVE_CXX
target_files += $(targets_cxx_files) tests/targets/api-cxx tests/targets/leak-cxx-old tests/targets/leak-cxx-norelro tests/targets/leak-cxx-data
endif

target_headers = $(top_srcdir)/tests/targets/leaks.h $(top_srcdir)/tests/targets/tally.h $(top_srcdir)/tests/targets/threads.h
target_make = $(MKDIR_P) $(@D) && $(CC) -std=gnu17 $(target_cflags)
target_module = $(target_make) -fPIC -shared -o $@

$(targets_c_files): tests/targets/%: $(top_srcdir)/tests/targets/%.c $(target_headers)
	$(AM_V_CC)$(target_make) -pthread -o $@ $<

$(targets_cxx:%=tests/targets/%): tests/targets/%: $(top_srcdir)/tests/targets/%.cc $(target_headers)
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CXX) -std=gnu++17 $(target_cflags) -pthread -o $@ $<

tests/targets/cxx-plugin.so: $(top_srcdir)/tests/targets/cxx-plugin.cc
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CXX) -std=gnu++17 $(target_cflags) -fPIC -shared -pthread -o $@ $<

tests/targets/leak-gate-moved: $(top_srcdir)/tests/targets/leak-gate.c $(target_headers)
	$(AM_V_CC)$(target_make) -DMOVED -pthread -o $@ $<

# Nothing is mapped between its segments.
tests/targets/deep-gaps: $(top_srcdir)/tests/targets/deep.c $(target_headers)
	$(AM_V_CC)$(target_make) -no-pie -Wl,-z,max-page-size=0x200000 -pthread -o $@ $<

api_flags = -std=c99 -D_GNU_SOURCE -Wpedantic -Wconversion -Werror \
	-I$(top_srcdir) -I$(top_srcdir)/include
api_header = $(top_srcdir)/include/memprof.h
api_make = $(MKDIR_P) $(@D) && $(CC) $(target_cflags) $(api_flags) -pthread -o $@

tests/targets/api: $(top_srcdir)/tests/targets/api.c $(target_headers) $(api_header)
	$(AM_V_CC)$(api_make) -fPIE -pie $< -ldl

tests/targets/api-no-pie: $(top_srcdir)/tests/targets/api.c $(target_headers) $(api_header)
	$(AM_V_CC)$(api_make) -fno-pie -no-pie $< -ldl

tests/targets/tracemalloc: $(top_srcdir)/tests/targets/tracemalloc.c \
		$(top_srcdir)/tests/targets/tracemalloc-other.h $(target_headers) $(api_header)
	$(AM_V_CC)$(api_make) $< -ldl

tests/targets/overhead: $(top_srcdir)/tests/targets/overhead.c $(api_header)
	$(AM_V_CC)$(api_make) -std=gnu17 $< -ldl

tests/targets/search-asked: $(top_srcdir)/tests/targets/search-asked.c $(target_headers) $(api_header)
	$(AM_V_CC)$(api_make) -std=gnu17 -pthread $< -ldl

tests/targets/snapshot-threads: $(top_srcdir)/tests/targets/snapshot-threads.c $(target_headers) $(api_header)
	$(AM_V_CC)$(api_make) -std=c11 $< -ldl

tests/targets/closed-pages: $(top_srcdir)/tests/targets/closed-pages.c $(target_headers) $(api_header)
	$(AM_V_CC)$(api_make) -std=gnu17 $< -ldl

tests/targets/leak-asked: $(top_srcdir)/tests/targets/leak-asked.c $(target_headers) $(api_header)
	$(AM_V_CC)$(api_make) -std=gnu17 $< -ldl

tests/targets/api-allocator: $(top_srcdir)/tests/targets/api-allocator.c $(target_headers) $(api_header)
	$(AM_V_CC)$(api_make) -std=c11 -fno-builtin $<

tests/targets/api-static: $(top_srcdir)/tests/targets/api.c $(target_headers) $(api_header)
	$(AM_V_CC)$(api_make) -DAPI_STATIC -Wl,--fatal-warnings -static $< || \
		echo 'no static libc: $@ is left out'

tests/targets/api-module.so: $(top_srcdir)/tests/targets/api-module.c $(api_header)
	$(AM_V_CC)$(api_make) -fPIC -shared -Wl,-soname,api-module.so $<

tests/targets/api-linked: $(top_srcdir)/tests/targets/api.c tests/targets/api-module.so $(target_headers)
	$(AM_V_CC)$(api_make) -DAPI_LINKED $< tests/targets/api-module.so -Wl,-rpath,'$$ORIGIN' -ldl

tests/targets/api-cxx: $(top_srcdir)/tests/targets/api-cxx.cc $(target_headers) $(api_header)
	$(AM_V_at)$(CXX) -std=c++11 -Wall -Wextra -Wpedantic -Wold-style-cast -Wzero-as-null-pointer-constant -Werror \
		-fsyntax-only -Wno-unused-function \
		-x c++ $(api_header)
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CXX) -std=c++11 $(target_cflags) -Wpedantic -Wconversion -Werror \
		-I$(top_srcdir) -I$(top_srcdir)/include -o $@ $<

# Where there is no static libc there is no static target, and its test is skipped.
tests/targets/plain-static: $(top_srcdir)/tests/targets/plain.c $(target_headers)
	$(AM_V_CC)$(target_make) -static -o $@ $< || echo 'no static libc: $@ is left out'

tests/targets/swap-plugin-1.so: $(top_srcdir)/tests/targets/swap-plugin.c
	$(AM_V_CC)$(target_module) -DSWAP_PLUGIN=1 $(top_srcdir)/tests/targets/swap-plugin.c

tests/targets/swap-plugin-2.so: $(top_srcdir)/tests/targets/swap-plugin.c
	$(AM_V_CC)$(target_module) -DSWAP_PLUGIN=2 $(top_srcdir)/tests/targets/swap-plugin.c

# The std::string from before C++11.
tests/targets/leak-cxx-old: $(top_srcdir)/tests/targets/leak-cxx.cc $(target_headers)
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CXX) -std=gnu++17 $(target_cflags) -D_GLIBCXX_USE_CXX11_ABI=0 -o $@ $<

# Its vtables lie in data that may be written.
tests/targets/leak-cxx-norelro: $(top_srcdir)/tests/targets/leak-cxx.cc $(target_headers)
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CXX) -std=gnu++17 $(target_cflags) -Wl,-z,norelro -o $@ $<

# With 20 MiB of data besides.
tests/targets/leak-cxx-data: $(top_srcdir)/tests/targets/leak-cxx.cc $(target_headers)
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CXX) -std=gnu++17 $(target_cflags) -DMUCH_DATA -Wl,-z,norelro -o $@ $<

# Finds a library by its name alone.
tests/targets/attached: $(top_srcdir)/tests/targets/attached.c $(target_headers)
	$(AM_V_CC)$(target_make) -pthread -Wl,-rpath,'$$ORIGIN' -o $@ $(top_srcdir)/tests/targets/attached.c -ldl -lm

tests/targets/attached-static: $(top_srcdir)/tests/targets/attached.c $(target_headers)
	$(AM_V_CC)$(target_make) -static -pthread -o $@ $(top_srcdir)/tests/targets/attached.c -lm 2>/dev/null || echo 'no static libc: $@ is left out'

# Its libraries call its malloc.
tests/targets/own-malloc-exported: $(top_srcdir)/tests/targets/own-malloc-exported.c $(target_headers)
	$(AM_V_CC)$(target_make) -rdynamic -o $@ $(top_srcdir)/tests/targets/own-malloc-exported.c

tests/targets/leak-plugin.so: $(top_srcdir)/tests/targets/leak-plugin.c
	$(AM_V_CC)$(target_module) $(top_srcdir)/tests/targets/leak-plugin.c

tests/targets/cells-plugin.so: $(top_srcdir)/tests/targets/cells-plugin.c
	$(AM_V_CC)$(target_module) -fno-builtin $<

tests/targets/audit-plugin.so: $(top_srcdir)/tests/targets/audit-plugin.c
	$(AM_V_CC)$(target_module) $<

tests/targets/early-plugin.so: $(top_srcdir)/tests/targets/early-plugin.c
	$(AM_V_CC)$(target_module) $<

tests/tools/other-version.so: $(top_srcdir)/tests/tools/other-version.c $(top_srcdir)/src/shared/record.h
	$(AM_V_CC)$(target_module) -D_GNU_SOURCE -I$(top_srcdir) $<

tests/tools/clock-preload.so: $(top_srcdir)/tests/tools/clock-preload.c
	$(AM_V_CC)$(target_module) $<

tests/tools/smaps-preload.so: $(top_srcdir)/tests/tools/smaps-preload.c
	$(AM_V_CC)$(target_module) $<

tests/tools/crashing-preload.so: $(top_srcdir)/tests/tools/crashing-preload.c
	$(AM_V_CC)$(target_module) $<

tests/tools/kill-preload.so: $(top_srcdir)/tests/tools/kill-preload.c
	$(AM_V_CC)$(target_module) $<

tests/tools/count-preload.so: $(top_srcdir)/tests/tools/count-preload.c
	$(AM_V_CC)$(target_module) -O2 $< -ldl

# `make targets` builds them without running a test.
.PHONY: targets
targets: $(target_files)

check_DATA += $(target_files)
CLEANFILES += $(target_files)
EXTRA_DIST += $(targets_c:%=tests/targets/%.c) $(targets_cxx:%=tests/targets/%.cc) \
	tests/targets/audit-plugin.c tests/targets/swap-plugin.c tests/targets/attached.c tests/targets/own-malloc-exported.c tests/targets/early-plugin.c tests/targets/cells-plugin.c tests/targets/leak-plugin.c tests/targets/api.c tests/targets/api-module.c \
	tests/targets/api-allocator.c tests/targets/closed-pages.c tests/targets/leak-asked.c tests/targets/overhead.c tests/targets/search-asked.c \
	tests/targets/snapshot-threads.c \
	tests/targets/tracemalloc.c tests/targets/tracemalloc-other.h \
	tests/targets/steering.c tests/targets/api-cxx.cc tests/targets/cxx-plugin.cc tests/targets/leaks.h tests/targets/tally.h \
	tests/targets/threads.h tests/tools/clock-preload.c tests/tools/count-preload.c tests/tools/crashing-preload.c tests/tools/kill-preload.c tests/tools/other-version.c tests/tools/smaps-preload.c
