# SPDX-License-Identifier: Apache-2.0
"""Much of everything.  Long rows state what memprof itself took."""
import os
import re
import shutil
import subprocess
import time

from table import documented, exact, memprof, need, opened, record, row, run_group
import harness as h

SCALE = h.target("scale")


def much(argv, *options, timeout=600):
    """Recorded; time and the summary's word on memory."""
    begun = time.monotonic()
    run, file = record(argv, "--leak-check=no", *options, timeout=timeout)
    took = time.monotonic() - begun
    h.equal(run.returncode, 0, f"status: {run.stderr[-300:]!r}")
    itself = OVERHEAD.search(run.stderr)
    return run, file, f"{took:.0f} s, " + (f"{itself[1]} in the program, {itself[2]} outside" if itself else "")


OVERHEAD = re.compile(r"memprof itself (.*) in the program, (.*) outside")
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def outside(run):
    """Bytes that memprof's own process took, by its summary."""
    number, unit = OVERHEAD.search(run.stderr)[2].split()
    return float(number) * UNITS[unit]


def live(blocks):
    run, file, note = much([SCALE, "live", str(blocks)])
    check_function(run, file, "keep", live_blocks=blocks)
    documented("at most 48 bytes for each live block")
    h.check(outside(run) < 48 * blocks + (16 << 20), f"memory as documented: {note}")
    return f"{note}, {outside(run) / blocks:.1f} bytes a block"


def amounts(done, function):
    rows = done.top("-g", "function", "--by", "total", "-t", "5")
    return next((r for r in rows["stats"] if function in str(r)), {})


def check_function(run, file, function, **wanted):
    done = h.Run(0, run.stdout, "", None, file)
    got = amounts(done, function)
    h.equal({k: got.get(k) for k in wanted}, wanted, f"in {function}")


@row("scale", "blocks of 0 bytes, 1 TiB, PTRDIFF_MAX")
def sizes():
    done = exact([SCALE, "sizes"])
    refused = 2 - done.stated["tebibyte"] - done.stated["ptrdiff_max"]
    h.equal(done.stated["errno_is_enomem"], 1, "errno")
    h.check(f"{refused} allocation" in done.err and "failed" in done.err, f"the failed ones are said: {done.err[:600]!r}")


@row("scale", "10,000 threads at once", long=True)
def threads():
    run, file, note = much([h.target("thread-crowd"), "10000"])
    need(run.returncode != 77, "too few threads can be made here")
    check_function(run, file, "attend", total_blocks=20000, live_blocks=10000)
    return note


@row("scale", "1,000 threads at once")
def threads_short():
    exact([h.target("thread-crowd"), "1000"])


def deep(frames):
    run, file, note = much([h.target("deep"), str(frames)])
    doc = h.Run(0, run.stdout, "", None, file).top("-g", "function", "--by", "total", "-t", "0")
    h.equal(doc["totals"]["total_blocks"], h.stated(run.stdout)["total_blocks"], "blocks")
    h.equal(doc["loss"]["stacks_truncated"], 0, "no stack is cut")
    return note


@row("scale", "a stack 20,000 frames deep")
def deep_short():
    return deep(20000)


@row("scale", "a stack 100,000 frames deep", long=True)
def deep_long():
    return deep(100000)


@row("scale", "65,536 distinct stacks")
def stacks_short():
    run, file, note = much([SCALE, "stacks", "65536"])
    check_function(run, file, "leaf", total_blocks=65536)
    return note


@row("scale", "2 million distinct stacks", long=True)
def stacks_long():
    run, file, note = much([SCALE, "stacks", str(1 << 21)])
    check_function(run, file, "leaf", total_blocks=1 << 21)
    return note


@row("scale", "10 million events")
def events_short():
    run, file, note = much([SCALE, "events", "5000000"])
    check_function(run, file, "pair", total_blocks=5000000)
    return note


@row("scale", "a billion events", long=True)
def events_long():
    run, file, note = much([SCALE, "events", "500000000"])
    check_function(run, file, "pair", total_blocks=500000000)
    return note


@row("scale", "a million live blocks")
def live_short():
    return live(1000000)


@row("scale", "100 million live blocks", long=True)
def live_long():
    need(memory_free() > 12 << 30, "less than 12 GiB of memory are free")
    return live(100000000)


def memory_free():
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("MemAvailable"))


@row("scale", "a symbol of 64 KiB")
def symbol():
    need(shutil.which("strip"), "binutils is not installed")
    program = os.path.join(h.scratch, "odd-names")
    # without debug information, which has another name for it
    subprocess.run(["strip", "-g", "-o", program, h.target("odd-names")], check=True, timeout=60)
    done = exact([program])
    names = {f["function"] or "" for r in done.doc["stats"] for f in r["traceback"]}
    h.check("long_long_name__" * 4096 in names, f"it has its whole name, among those of {sorted(map(len, names))} characters")
    h.equal(memprof("top", done.profile).returncode, 0, "it is shown")


def loads(rounds):
    run, file, note = much([h.target("swap"), h.target("swap-plugin-1.so"), h.target("swap-plugin-2.so"), str(rounds)])
    doc = opened(run, file).doc
    stated = h.stated(run.stdout)
    for f in ("one_inner", "two_inner"):
        h.equal(h.sums(doc, f)["total_blocks"], stated[f"in.{f}.total_blocks"], f"blocks of {f}")
    return note


@row("scale", "two modules loaded and unloaded 500 times each")
def modules_short():
    return loads(500)


@row("scale", "two modules loaded and unloaded 10,000 times each", long=True)
def modules_long():
    return loads(10000)


if __name__ == "__main__":
    run_group()
