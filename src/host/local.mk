# SPDX-License-Identifier: Apache-2.0
# The host library: everything memprof can do, without a word printed.

noinst_LTLIBRARIES += libmemprof-host.la

libmemprof_host_la_SOURCES = \
	src/host/buffer.c \
	src/host/buffer.h \
	src/host/checksum.c \
	src/host/checksum.h \
	src/host/columns.c \
	src/host/columns.h \
	src/host/error.c \
	src/host/error.h \
	src/host/profile-check.c \
	src/host/profile-check.h \
	src/host/profile.c \
	src/host/profile.h \
	src/host/run.h \
	src/host/snapshot-format.h \
	src/host/snapshot-read.c \
	src/host/snapshot-tables.c \
	src/host/snapshot-tables.h \
	src/host/snapshot-write.c \
	src/host/snapshot.h \
	src/host/strings.c \
	src/host/strings.h \
	src/host/symbolize.h
