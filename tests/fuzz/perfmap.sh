#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzzes the reader of JIT compilers' maps.
name=perfmap
. "$top_srcdir/tests/fuzz/with-corpus.sh"
