# SPDX-License-Identifier: Apache-2.0
# Code of both processes.  Compiled twice: here with the host's flags, and in
# preload/local.mk with the target's.  No heap, no stdio, no errors printed.

noinst_LTLIBRARIES += libmemprof-shared.la

shared_sources = \
	src/shared/addressset.c \
	src/shared/addressset.h \
	src/shared/arena.c \
	src/shared/arena.h \
	src/shared/attachment.h \
	src/shared/block.c \
	src/shared/block.h \
	src/shared/bump.c \
	src/shared/bump.h \
	src/shared/census.c \
	src/shared/census.h \
	src/shared/clock.h \
	src/shared/geometry.h \
	src/shared/guarded-check.c \
	src/shared/guarded-head.h \
	src/shared/guarded.c \
	src/shared/guarded.h \
	src/shared/objects.c \
	src/shared/objects.h \
	src/shared/ownrange.c \
	src/shared/ownrange.h \
	src/shared/owner.c \
	src/shared/owner.h \
	src/shared/pool.c \
	src/shared/pool.h \
	src/shared/poolcheck.c \
	src/shared/poolcheck.h \
	src/shared/quarantine.h \
	src/shared/radix.c \
	src/shared/radix.h \
	src/shared/rawcall.h \
	src/shared/record.h \
	src/shared/ring.c \
	src/shared/ring.h \
	src/shared/segment.c \
	src/shared/segment.h \
	src/shared/stamp.h \
	src/shared/stacktrie.c \
	src/shared/stacktrie.h \
	src/shared/sysmem.c \
	src/shared/sysmem.h

libmemprof_shared_la_SOURCES = $(shared_sources)
libmemprof_shared_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
