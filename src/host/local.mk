# SPDX-License-Identifier: Apache-2.0
# The host library: everything memprof can do, without a word printed.

noinst_LTLIBRARIES += libmemprof-host.la

libmemprof_host_la_SOURCES = \
	src/host/error.c \
	src/host/error.h \
	src/host/profile.c \
	src/host/profile.h \
	src/host/run.h \
	src/host/snapshot.h \
	src/host/strings.c \
	src/host/strings.h \
	src/host/symbolize.h
