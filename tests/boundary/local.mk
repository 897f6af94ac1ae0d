# SPDX-License-Identifier: Apache-2.0
# Tests that the parts keep to their sides, and the target's part to its limits.

script_tests += tests/boundary/banned.sh tests/boundary/includes.sh tests/boundary/library.sh

tests/boundary/library.log: libmemprof-preload.la
