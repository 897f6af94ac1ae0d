#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a web server's log of so many lines, the same for the same number.

    make-log.py LINES >access.log
"""
import sys

METHODS = ("GET", "GET", "GET", "GET", "POST", "PUT")
STATUSES = (200, 200, 200, 200, 200, 304, 404, 500)


def numbers(seed=1):
    """A linear congruential generator: the log must not depend on Python's version."""
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield seed >> 33


def main():
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    random = numbers()
    for n in range(lines):
        client = f"10.{next(random) % 4}.{next(random) % 8}.{next(random) % 16}"
        page = f"/shop/item/{next(random) % 1000}?session={next(random):08x}&referer=newsletter"
        size = next(random) % 50_000
        print(f"{client} - - [{n:010d}] \"{METHODS[next(random) % len(METHODS)]} {page} HTTP/1.1\" "
              f"{STATUSES[next(random) % len(STATUSES)]} {size}")


main()
