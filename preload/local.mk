# SPDX-License-Identifier: Apache-2.0
# The library that is loaded into the target.  It needs libc and nothing else,
# takes the flags that make it safe to run anywhere in a foreign program, and is
# never built with sanitizers.

pkglib_LTLIBRARIES += libmemprof-preload.la

libmemprof_preload_la_SOURCES = $(shared_sources) \
	include/memprof.h \
	preload/api.c \
	preload/api.h \
	preload/asker.c \
	preload/asker.h \
	preload/attach.c \
	preload/banned.h \
	preload/bootstrap.c \
	preload/bootstrap.h \
	preload/carry.c \
	preload/carry.h \
	preload/cfi.c \
	preload/cfi.h \
	preload/cficopy.c \
	preload/cficopy.h \
	preload/confinement.c \
	preload/confinement.h \
	preload/connect.c \
	preload/connect.h \
	preload/disposition.c \
	preload/disposition.h \
	preload/domains.c \
	preload/domains.h \
	preload/dynamic.c \
	preload/dynamic.h \
	preload/ending.c \
	preload/ending.h \
	preload/entry.c \
	preload/entry.h \
	preload/environment.c \
	preload/environment.h \
	preload/fatal-signal.c \
	preload/fatal-signal.h \
	preload/filecopy.c \
	preload/filecopy.h \
	preload/forked.c \
	preload/forked.h \
	preload/imports.c \
	preload/imports.h \
	preload/interpose.c \
	preload/libunwind.c \
	preload/lsan.c \
	preload/mappings.c \
	preload/memo.c \
	preload/memo.h \
	preload/modules.c \
	preload/modules.h \
	preload/nextsymbol.c \
	preload/nextsymbol.h \
	preload/operators.c \
	preload/operators.h \
	preload/overhead.c \
	preload/overhead.h \
	preload/own.c \
	preload/own.h \
	preload/pool-debug.c \
	preload/pool-debug.h \
	preload/pool-publish.c \
	preload/pool-publish.h \
	preload/pooled.c \
	preload/pooled.h \
	preload/process.c \
	preload/real.c \
	preload/real.h \
	preload/rules.c \
	preload/rules.h \
	preload/search.c \
	preload/search.h \
	preload/session.c \
	preload/session.h \
	preload/snapshot-signal.c \
	preload/snapshot-signal.h \
	preload/spawn.c \
	preload/stackcache.h \
	preload/stop-signal.c \
	preload/stop-signal.h \
	preload/suffix.c \
	preload/suffix.h \
	preload/thread.c \
	preload/thread.h \
	preload/unwind.c \
	preload/unwind.h \
	preload/verify.c \
	preload/verify.h \
	preload/walk.c \
	preload/walk.h

libmemprof_preload_la_CPPFLAGS = $(base_cppflags)
libmemprof_preload_la_CFLAGS = $(base_cflags) -O2 -fno-builtin -include $(top_srcdir)/preload/banned.h -fvisibility=hidden -ftls-model=initial-exec \
	-fno-omit-frame-pointer -fasynchronous-unwind-tables $(LIBUNWIND_CFLAGS)
libmemprof_preload_la_LDFLAGS = -module -avoid-version -shared -no-undefined \
	-Wl,-z,now -Wl,-Bsymbolic-functions -Wl,--no-undefined -Wl,--as-needed \
	-Wl,--version-script=$(top_srcdir)/preload/preload.map
libmemprof_preload_la_LIBADD =
libmemprof_preload_la_DEPENDENCIES = preload/preload.map

EXTRA_DIST += preload/preload.map
