# SPDX-License-Identifier: Apache-2.0
# The command: the only code that prints, words errors and chooses exit codes.

# Once cli/memprof.c is there:
#   bin_PROGRAMS += memprof
#   memprof_SOURCES = cli/memprof.c ...
#   memprof_LDADD = $(host_libs)
