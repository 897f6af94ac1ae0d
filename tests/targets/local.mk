# SPDX-License-Identifier: Apache-2.0
# The target programs: compiled as a stranger's program would be, by rules of
# their own and not as Automake programs, so that neither the project's flags
# nor the user's CFLAGS change what they do.  A new one is a name in this list.

targets_c = close-all confined crossing cxx-later deep early ends entry-points exec-self fibers fork frames jump left-handlers lines maps \
	no-cfi own-malloc plain resize signals steady surroundings swap temporary thread-cancel \
	thread-churn thread-crowd thread-names thread-pairs thread-peak thread-queue \
	thread-small-stack thread-tsd
targets_cxx = cxx-new cxx-throw
targets_other = tests/targets/plain-static tests/targets/deep-gaps tests/targets/swap-plugin-1.so \
	tests/targets/swap-plugin-2.so tests/targets/early-plugin.so tests/targets/cells-plugin.so \
	tests/tools/count-preload.so

targets_c_files = $(targets_c:%=tests/targets/%)
targets_cxx_files = $(targets_cxx:%=tests/targets/%) tests/targets/cxx-plugin.so
target_files = $(targets_c_files) $(targets_other)
if HAVE_CXX
target_files += $(targets_cxx_files)
endif

target_headers = $(top_srcdir)/tests/targets/tally.h $(top_srcdir)/tests/targets/threads.h
target_make = $(MKDIR_P) $(@D) && $(CC) -std=gnu17 $(target_cflags)
target_module = $(target_make) -fPIC -shared -o $@

$(targets_c_files): tests/targets/%: $(top_srcdir)/tests/targets/%.c $(target_headers)
	$(AM_V_CC)$(target_make) -pthread -o $@ $<

$(targets_cxx:%=tests/targets/%): tests/targets/%: $(top_srcdir)/tests/targets/%.cc $(target_headers)
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CXX) -std=gnu++17 $(target_cflags) -o $@ $<

tests/targets/cxx-plugin.so: $(top_srcdir)/tests/targets/cxx-plugin.cc
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CXX) -std=gnu++17 $(target_cflags) -fPIC -shared -pthread -o $@ $<

# Nothing is mapped between its segments.
tests/targets/deep-gaps: $(top_srcdir)/tests/targets/deep.c $(target_headers)
	$(AM_V_CC)$(target_make) -no-pie -Wl,-z,max-page-size=0x200000 -pthread -o $@ $<

# Where there is no static libc there is no static target, and its test is skipped.
tests/targets/plain-static: $(top_srcdir)/tests/targets/plain.c $(target_headers)
	$(AM_V_CC)$(target_make) -static -o $@ $< || echo 'no static libc: $@ is left out'

tests/targets/swap-plugin-1.so: $(top_srcdir)/tests/targets/swap-plugin.c
	$(AM_V_CC)$(target_module) -DSWAP_PLUGIN=1 $(top_srcdir)/tests/targets/swap-plugin.c

tests/targets/swap-plugin-2.so: $(top_srcdir)/tests/targets/swap-plugin.c
	$(AM_V_CC)$(target_module) -DSWAP_PLUGIN=2 $(top_srcdir)/tests/targets/swap-plugin.c

tests/targets/cells-plugin.so: $(top_srcdir)/tests/targets/cells-plugin.c
	$(AM_V_CC)$(target_module) -fno-builtin $<

tests/targets/early-plugin.so: $(top_srcdir)/tests/targets/early-plugin.c
	$(AM_V_CC)$(target_module) $<

tests/tools/count-preload.so: $(top_srcdir)/tests/tools/count-preload.c
	$(AM_V_CC)$(target_module) -O2 $< -ldl

# `make targets` builds them without running a test.
.PHONY: targets
targets: $(target_files)

check_DATA += $(target_files)
CLEANFILES += $(target_files)
EXTRA_DIST += $(targets_c:%=tests/targets/%.c) $(targets_cxx:%=tests/targets/%.cc) \
	tests/targets/swap-plugin.c tests/targets/early-plugin.c tests/targets/cells-plugin.c tests/targets/cxx-plugin.cc tests/targets/tally.h \
	tests/targets/threads.h tests/tools/count-preload.c
