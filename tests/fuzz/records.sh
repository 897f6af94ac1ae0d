#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzzes the reading of records and the model that they feed.
name=records
. "$top_srcdir/tests/fuzz/with-corpus.sh"
