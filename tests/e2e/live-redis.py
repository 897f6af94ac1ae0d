# SPDX-License-Identifier: Apache-2.0
"""A redis-server under load with snapshots: each sums up, and a diff of two names what the commands allocated.

The short form takes a few snapshots.  LIVE_REDIS_SECONDS=60 takes one every second for so
long and prints the throughput with and without them, interleaved.
"""
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import time

import harness as h

for tool in ("redis-server", "redis-benchmark"):
    if not shutil.which(tool):
        h.skip(f"{tool} is not installed")
SECONDS = int(os.environ.get("LIVE_REDIS_SECONDS", "0"))
os.environ["MEMPROF_RUNTIME_DIR"] = os.path.join(h.scratch, "sessions")
FILE = os.path.join(h.scratch, "redis.mprof")

with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    PORT = str(s.getsockname()[1])


def memprof(*argv):
    return subprocess.run([h.MEMPROF, *argv], capture_output=True, text=True, timeout=120)


def benchmark(requests):
    return subprocess.Popen(["redis-benchmark", "-p", PORT, "-n", str(requests), "-r", "100000", "-d", "64", "-c", "20", "-q",
                             "-t", "set,lpush,hset"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def throughput(output):
    """Requests a second, over all of the commands."""
    rates = [float(r) for r in re.findall(r"([\d.]+) requests per second", output)]
    return len(rates) / sum(1 / r for r in rates) if rates else 0


server = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", FILE, "--", "redis-server", "--port", PORT, "--save", "", "--bind",
                           "127.0.0.1", "--dir", h.scratch], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
deadline = time.monotonic() + 30
while subprocess.run(["redis-cli", "-p", PORT, "ping"], capture_output=True).returncode != 0 and time.monotonic() < deadline:
    time.sleep(0.1)


def snapshot(label):
    run = memprof("snapshot", "redis-server", "-l", label)
    return h.check(run.returncode == 0, f"snapshot {label}: {run.stdout!r} {run.stderr!r}")


def short():
    load = benchmark(20000)
    for i in range(5):
        snapshot(f"short{i}")
        time.sleep(0.2)
    load.communicate(timeout=120)
    snapshot("loaded")


def one_round(requests, snapshots):
    """Throughput of one run of the benchmark; how many snapshots were taken in it."""
    load, taken, next_one = benchmark(requests), 0, time.monotonic()
    while load.poll() is None:
        if snapshots and time.monotonic() >= next_one:
            taken += snapshot("long")
            next_one += 1
        time.sleep(0.02)
    return throughput(load.stdout.read()), taken


def long():
    one_round(50000, False)  # the tables have their size
    start = time.monotonic()
    one_round(50000, False)
    requests = int(50000 * 6 / (time.monotonic() - start))
    rates, taken, spent = {False: [], True: []}, 0, 0
    while spent < SECONDS:
        for snapshots in (False, True):
            start = time.monotonic()
            rate, count = one_round(requests, snapshots)
            rates[snapshots].append(rate)
            taken += count
            spent += (time.monotonic() - start) if snapshots else 0
    ratio = statistics.median(rates[True]) / statistics.median(rates[False])
    print(f"{taken} snapshots in {spent:.0f} s; requests a second without: {[round(r) for r in rates[False]]}, "
          f"with: {[round(r) for r in rates[True]]}, median ratio {ratio:.3f}")


try:
    long() if SECONDS else short()
finally:
    subprocess.run(["redis-cli", "-p", PORT, "shutdown", "nosave"], capture_output=True)
    try:
        server.wait(60)
    except subprocess.TimeoutExpired:
        server.kill()
h.equal(server.returncode, 0, "redis-server ended well")

stat = memprof("stat", "--json", "-", FILE)
listed = json.loads(stat.stdout)["snapshots"]
h.check(len(listed) >= (SECONDS * 0.8 or 6), f"{len(listed)} snapshots are in the file of {os.path.getsize(FILE)} bytes")
h.equal([s["number"] for s in listed], list(range(1, len(listed) + 1)), "numbers ascend")
for a, b in zip(listed, listed[1:]):
    h.check(a["seconds"] <= b["seconds"] and a["total_blocks"] <= b["total_blocks"], f"snapshots {a['number']}, {b['number']} ascend")
for s in listed:
    run = memprof("top", "--json", "-", "-t", "0", "-g", "traceback", "--by", "total", "--snapshot", str(s["number"]), FILE)
    rows = json.loads(run.stdout)["stats"]
    for key in ("live_bytes", "live_blocks", "total_bytes", "total_blocks"):
        h.equal(sum(row[key] for row in rows), s[key], f"snapshot {s['number']}: {key} over all stacks")
run = memprof("diff", "-g", "traceback", "-t", "0", FILE + "@1", FILE + "@last")
h.equal(run.returncode, 0, f"diff: {run.stderr}")
if "aeMain" in run.stdout:  # a server without any symbols cannot be named
    for command in ("setGenericCommand", "pushGenericCommand", "hsetCommand"):
        h.check(SECONDS or command in run.stdout, f"the diff names {command}: {run.stdout[:500]}")
h.finish()
