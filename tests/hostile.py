# SPDX-License-Identifier: Apache-2.0
"""Hostile conditions: a row for each, which is a real run that shows that the program does not suffer.

    hostile.py            the short ones (make check-hostile)
    hostile.py --long     those that take minutes (make check-long)
    hostile.py WORD...    those whose row has one of these words
    hostile.py --list     names only

The short ones of a group are a test of `make check`: hostile/GROUP.py.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "hostile"))
import table  # noqa: E402
import attached  # noqa: E402,F401
import ends  # noqa: E402,F401
import escapes  # noqa: E402,F401
import programs  # noqa: E402,F401
import scale  # noqa: E402,F401
import searches  # noqa: E402,F401
import security  # noqa: E402,F401
import surroundings  # noqa: E402,F401

if "--list" in sys.argv:
    for r in table.rows:
        print(f"{r.group}: {r.name}" + (" (long)" if r.long else ""))
    sys.exit(0)
sys.exit(table.run_all("--long" in sys.argv, [a for a in sys.argv[1:] if not a.startswith("--")]))
