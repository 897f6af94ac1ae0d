# SPDX-License-Identifier: Apache-2.0
# Benchmarks: built and run by `make bench` only.
#   a program  bench_programs += bench/NAME   (with the flags set as for a target program)

bench_programs =
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)
