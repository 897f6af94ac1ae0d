# SPDX-License-Identifier: Apache-2.0
"""A host that cannot keep up: by default the program waits and nothing is lost; --lossy counts what is."""
import os
import re
import signal
import subprocess
import time

import harness as h


def ticks(pid):
    """Processor time of a process in clock ticks."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def stopped_host(name, *options):
    """Run the target with the host stopped for a while; the report, the pairs and the ticks meanwhile."""
    path = os.path.join(h.scratch, name + ".mprof")
    child = subprocess.Popen([h.MEMPROF, "run", "-q", *options, "-o", path, "--", h.target("steady")],
                             stdout=subprocess.PIPE, text=True)
    pid = int(re.match(r"pid=(\d+)", child.stdout.readline()).group(1))
    time.sleep(0.2)
    child.send_signal(signal.SIGSTOP)
    time.sleep(2)
    before = ticks(pid)
    time.sleep(1)
    used = ticks(pid) - before
    child.send_signal(signal.SIGCONT)
    time.sleep(0.2)
    os.kill(pid, signal.SIGTERM)
    rest, _ = child.communicate(timeout=60)
    pairs = re.search(r"pairs=(\d+)", rest)
    h.check(child.returncode == 0 and pairs, f"{name}: the program ended in its own way (status {child.returncode})")
    return h.Run(0, "", "", None, path).top("-t", "0"), int(pairs.group(1)) if pairs else 0, used


doc, pairs, used = stopped_host("lossless")
h.equal(doc["totals"]["total_blocks"], pairs, "lossless: every pair is there although the host was stopped")
h.equal(doc["loss"]["dropped"], 0, "lossless: nothing dropped")
h.check(used <= 10, f"lossless: the program waited without burning the processor ({used} ticks in 1 s)")

waiting = used
doc, pairs, used = stopped_host("lossy", "--lossy")
h.check(used > waiting, f"lossy: the program did not wait ({used} ticks in 1 s, and {waiting} when it waits)")
h.check(doc["loss"]["dropped"] > 0, "lossy: something was dropped, and counted")
kept = doc["totals"]["total_blocks"]
h.check(0 < kept < pairs, f"lossy: {kept} of {pairs} pairs were kept")
h.check(doc["loss"]["dropped"] >= pairs - kept, f"lossy: {pairs - kept} allocations are missing, {doc['loss']['dropped']} events counted")
text = subprocess.run([h.MEMPROF, "top", os.path.join(h.scratch, "lossy.mprof")], capture_output=True, text=True).stdout
h.check(re.search(r"dropped|not recorded|lost", text), "lossy: the report says so")
h.finish()
