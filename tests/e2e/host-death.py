# SPDX-License-Identifier: Apache-2.0
"""If memprof is killed the program runs on, as fast as ever; a signal to memprof reaches the program."""
import os
import re
import signal
import subprocess
import time

import harness as h


def start():
    child = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", os.path.join(h.scratch, "steady.mprof"), "--", h.target("steady")],
                             stdout=subprocess.PIPE, text=True)
    pid = int(re.match(r"pid=(\d+)", child.stdout.readline()).group(1))
    time.sleep(0.3)
    return child, pid


for _ in range(3):
    child, pid = start()
    child.kill()
    child.wait()
    time.sleep(0.3)
    with open(f"/proc/{pid}/stat") as f:
        state = f.read().rpartition(")")[2].split()
    h.check(state[0] in "RS", f"the program runs on without its host (state {state[0]})")
    before = after = int(state[11])
    deadline = time.monotonic() + 20  # the machine may be busy with others
    while after - before < 10 and time.monotonic() < deadline:
        time.sleep(0.2)
        with open(f"/proc/{pid}/stat") as f:
            after = int(f.read().rpartition(")")[2].split()[11])
    h.check(after - before >= 10, f"it is not stuck: {after - before} ticks of CPU")
    os.kill(pid, signal.SIGTERM)
    rest, _ = child.communicate(timeout=20)
    h.check("pairs=" in rest, "it ended by itself, in its own way")

# SIGTERM to memprof is passed on; the profile is complete.
child, pid = start()
child.send_signal(signal.SIGTERM)
rest, _ = child.communicate(timeout=60)
pairs = re.search(r"pairs=(\d+)", rest)
if h.check(pairs, "SIGTERM reaches the program"):
    h.equal(child.returncode, 0, "its own status is passed on")
    doc = h.Run(0, "", "", None, os.path.join(h.scratch, "steady.mprof")).top("-t", "0")
    h.equal(doc["totals"].get("total_blocks"), int(pairs.group(1)), "every pair is in the profile")
h.finish()
