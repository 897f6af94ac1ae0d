# memprof.m4: `make check-memprof` for projects that use Automake.     -*- Autoconf -*-
# SPDX-License-Identifier: Apache-2.0
#
#   configure.ac    MEMPROF_CHECK
#   Makefile.am     @MEMPROF_CHECK_RULES@
#
# `make check-memprof` runs `make check` with every test that is a program under
# `memprof check`: a test that passes and leaks fails, one that fails fails as before, one
# that is skipped is skipped.  Programs of libtool run as themselves.  Variables of make
# and configure:
#
#   MEMPROF         memprof; found in PATH otherwise
#   MEMPROF_FLAGS   options of memprof check, such as
#                   --baseline $(top_srcdir)/known-leaks.json

AC_DEFUN([MEMPROF_CHECK], [
AC_ARG_VAR([MEMPROF], [memprof, for make check-memprof])
AC_ARG_VAR([MEMPROF_FLAGS], [options of memprof check, for make check-memprof])
AC_PATH_PROG([MEMPROF], [memprof])
MEMPROF_CHECK_RULES='
.PHONY: check-memprof
check-memprof:
	@test -n "$(MEMPROF)" || { echo "make check-memprof needs memprof; install it, then run configure again" >&2; exit 1; }
	@if test -n "$(LIBTOOL)"; then run="$(LIBTOOL) --mode=execute"; else run=; fi; \
	$(MAKE) $(AM_MAKEFLAGS) check LOG_COMPILER="$$run $(MEMPROF) check $(MEMPROF_FLAGS) --"
'
AC_SUBST([MEMPROF_CHECK_RULES])
m4_ifdef([_AM_SUBST_NOTMAKE], [_AM_SUBST_NOTMAKE([MEMPROF_CHECK_RULES])])
])
