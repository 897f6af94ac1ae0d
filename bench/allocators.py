# SPDX-License-Identifier: Apache-2.0
"""The part `allocators` of bench/run: the core by itself beside other allocators.

Each is preloaded into bench/small; none of memprof's recorder is there.
"""

import os
import statistics

LIBRARIES = "/usr/lib/{}-linux-gnu"
PEERS = {"jemalloc": "libjemalloc.so.2", "mimalloc": "libmimalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4"}

LOADS = [
    # name, arguments of bench/small, pairs or blocks, unit
    ("pairs of one block", ["pairs"], 20000000, "ns"),
    ("100 blocks, then freed", ["batches"], 20000000, "ns"),
    ("200,000 blocks, then freed", ["bulk"], 20000000, "ns"),
    ("churn, one thread", ["churn", "1"], 5000000, "ns"),
    ("churn of mixed sizes", ["mixed", "1"], 5000000, "ns"),
    ("the same on two threads", ["mixed", "2"], 5000000, "ns"),
    ("producer and consumer", ["queue"], 5000000, "ns"),
    ("10,000,000 blocks of 24 bytes", ["held"], 10000000, "bytes"),
]


def libraries(bench):
    """Allocator → library to preload, None for none; those that are not installed are left out."""
    found = {"glibc": None}
    for name, file in {"pool": "pool-preload.so", "pool-classic": "pool-classic-preload.so"}.items():
        if os.path.exists(bench.built(file)):
            found[name] = bench.built(file)
    for name, file in PEERS.items():
        path = os.path.join(LIBRARIES.format(os.uname().machine), file)
        if os.path.exists(path):
            found[name] = path
    return found


def run(bench):
    found = libraries(bench)
    rows = bench.results["allocators"] = {}
    print("\n== allocators: ns for a malloc and its free; bytes that a block of 24 takes ==")
    print(f"{'':32}" + "".join(f"{name:>14}" for name in found))
    for name, arguments, count, unit in LOADS:
        count = count if unit == "bytes" else count // (10 if bench.options.quick else 1)
        argv = [bench.built("small"), *arguments, str(count)]
        runs = bench.interleaved(list(found), bench.options.repeats,
                                 lambda a: bench.run("bare", argv, env={"LD_PRELOAD": found[a]} if found[a] else {}))
        rows[name] = {a: statistics.median(float(r["said"].split(unit + "=")[1]) for r in results)
                      for a, results in runs.items()}
        print(f"{name:32}" + "".join(f"{rows[name][a]:14.2f}" for a in found), flush=True)
    judge(rows)


def judge(rows):
    """What the figures are aimed at."""
    held = rows["10,000,000 blocks of 24 bytes"]
    for pool in ("pool", "pool-classic"):
        if pool not in held:
            continue
        for name in ("pairs of one block", "100 blocks, then freed", "200,000 blocks, then freed", "churn, one thread"):
            others = [v for a, v in rows[name].items() if not a.startswith("pool")]
            print(f"  {pool}, {name}: {rows[name][pool] / min(others):.2f} of the best of the others (aim: 1.10), "
                  f"{rows[name][pool] / rows[name]['glibc']:.2f} of glibc")
        for name in ("the same on two threads", "producer and consumer"):
            print(f"  {pool}, {name}: {rows[name][pool] / rows[name]['glibc']:.2f} of glibc (aim: 1.00)")
        print(f"  {pool}, overhead of a block of 24 bytes: {(held[pool] - 24) / (held['glibc'] - 24):.2f} of glibc's "
              "(aim: 0.67)")
