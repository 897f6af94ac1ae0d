# SPDX-License-Identifier: Apache-2.0
# The end-to-end tests: the built memprof over the target programs.  One script a concern.

EXTRA_DIST += tests/e2e/harness.py
