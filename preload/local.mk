# SPDX-License-Identifier: Apache-2.0
# The library that is loaded into the target.  It needs libc and nothing else,
# takes the flags that make it safe to run anywhere in a foreign program, and is
# never built with sanitizers.

pkglib_LTLIBRARIES += libmemprof-preload.la

libmemprof_preload_la_SOURCES = $(shared_sources)

libmemprof_preload_la_CPPFLAGS = $(base_cppflags)
libmemprof_preload_la_CFLAGS = $(base_cflags) -O2 -fvisibility=hidden -ftls-model=initial-exec \
	-fno-omit-frame-pointer -fasynchronous-unwind-tables $(LIBUNWIND_CFLAGS)
libmemprof_preload_la_LDFLAGS = -module -avoid-version -shared -no-undefined \
	-Wl,-z,now -Wl,--no-undefined -Wl,--as-needed
libmemprof_preload_la_LIBADD =
libmemprof_preload_la_DEPENDENCIES =
