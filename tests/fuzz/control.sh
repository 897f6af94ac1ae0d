#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzzes the socket through which memprof is spoken with, from both its ends.
name=control
. "$top_srcdir/tests/fuzz/with-corpus.sh"
