# SPDX-License-Identifier: Apache-2.0
# Manual pages.

dist_man_MANS += \
	man/memprof-compare.1 \
	man/memprof-diff.1 \
	man/memprof-json.5 \
	man/memprof-list.1 \
	man/memprof-merge.1 \
	man/memprof-profile.5 \
	man/memprof-run.1 \
	man/memprof-snapshot.1 \
	man/memprof-stat.1 \
	man/memprof-symbolize.1 \
	man/memprof-top.1 \
	man/memprof-where.1 \
	man/memprof.1
