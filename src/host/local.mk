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
	src/host/cxxname.c \
	src/host/cxxname.h \
	src/host/error.c \
	src/host/error.h \
	src/host/escape.c \
	src/host/escape.h \
	src/host/linechoice.c \
	src/host/linechoice.h \
	src/host/locate.c \
	src/host/locate.h \
	src/host/location.c \
	src/host/location.h \
	src/host/lookup.c \
	src/host/lookup.h \
	src/host/profile-check.c \
	src/host/profile-check.h \
	src/host/profile.c \
	src/host/profile.h \
	src/host/report-json.c \
	src/host/report-json.h \
	src/host/report-text.c \
	src/host/report-text.h \
	src/host/run.h \
	src/host/shorten.c \
	src/host/shorten.h \
	src/host/signalname.c \
	src/host/signalname.h \
	src/host/skiplist.c \
	src/host/skiplist.h \
	src/host/snapshot-format.h \
	src/host/snapshot-read.c \
	src/host/snapshot-tables.c \
	src/host/snapshot-tables.h \
	src/host/snapshot-write.c \
	src/host/snapshot.h \
	src/host/sourceline.c \
	src/host/sourceline.h \
	src/host/strbuf.c \
	src/host/strbuf.h \
	src/host/strings.c \
	src/host/strings.h \
	src/host/symbolize.h \
	src/host/units.c \
	src/host/units.h \
	src/host/utf8.c \
	src/host/utf8.h \
	src/host/view.c \
	src/host/view.h \
	src/host/writable.c \
	src/host/writable.h
