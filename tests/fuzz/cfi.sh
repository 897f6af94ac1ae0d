#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzzes the target's decoder of call-frame information.
name=cfi
. "$top_srcdir/tests/fuzz/with-corpus.sh"
