# SPDX-License-Identifier: Apache-2.0
"""Under memprof a test fails when more blocks are lost after it than before: blocks that nothing
in the process refers to any more, as C extensions lose them.

    PYTHONMALLOC=malloc memprof run -- python3 -m pytest

With Python's own allocator (no PYTHONMALLOC) only what extensions take from malloc is seen.
Without memprof the tests run as ever.
"""
import ctypes
import gc

import pytest

_CHECK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t))


class _Table(ctypes.Structure):
    """struct memprof_api_v1 of memprof.h as far as leak_check, its 15th function."""

    _fields_ = [("size", ctypes.c_size_t), ("others", ctypes.c_void_p * 14), ("leak_check", _CHECK)]


try:
    _memprof = _Table.in_dll(ctypes.CDLL(None), "memprof_api_v1")
except ValueError:
    _memprof = None


def lost():
    """How many blocks are lost now; None when not under memprof."""
    size, blocks = ctypes.c_size_t(), ctypes.c_size_t()
    gc.collect()
    if not _memprof or _memprof.size < ctypes.sizeof(_Table):
        return None
    return blocks.value if _memprof.leak_check(size, blocks) == 0 else None


# What is lost stays lost, but an old value on the stack can hide it for a while: the most seen counts.
_most = 0


@pytest.fixture(autouse=True)
def nothing_is_lost():
    global _most
    before = _most = max(_most, lost() or 0)
    yield
    after = _most = max(_most, lost() or 0)
    if after > before:
        pytest.fail(f"{after - before} blocks were lost: memprof leaks says which", pytrace=False)
