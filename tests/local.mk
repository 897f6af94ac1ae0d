# SPDX-License-Identifier: Apache-2.0
# Tests.
#   a unit test       unit_tests += tests/unit/test-NAME   (source: tests/unit/test-NAME.c)
#   a target program  target_programs += tests/targets/NAME, then, in place of the host's flags,
#                     tests_targets_NAME_CPPFLAGS = $(target_cppflags)
#                     tests_targets_NAME_CFLAGS = $(target_cflags)
#                     tests_targets_NAME_LDFLAGS =
#                     tests_targets_NAME_LDADD =
#   a script          script_tests += tests/e2e/NAME.sh    (executable, exits 77 to skip)

TEST_EXTENSIONS = .sh .py
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	MEMPROF='$(abs_top_builddir)/memprof'; export MEMPROF; \
	CC='$(CC)'; export CC; \
	PYTHON3='$(PYTHON3)'; export PYTHON3;
PY_LOG_COMPILER = $(PYTHON3)

target_cppflags = -I$(top_srcdir)
target_cflags = -g -O1 -fno-builtin -Wall -Wextra
LDADD = $(host_libs) $(CMOCKA_LIBS)

unit_tests = \
	tests/unit/test-error \
	tests/unit/test-profile \
	tests/unit/test-strings
target_programs =
script_tests =

check_PROGRAMS += $(target_programs)
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
