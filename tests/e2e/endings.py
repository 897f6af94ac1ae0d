# SPDX-License-Identifier: Apache-2.0
"""However a program ends, its status is passed on and everything it did is there."""
import signal

import harness as h

WAYS = {"return": 7, "exit": 7, "_exit": 7, "_Exit": 7, "quick_exit": 7, "other-thread": 7, "main-thread": 0,
        "abort": -signal.SIGABRT, "kill": -signal.SIGKILL, "term": -signal.SIGTERM, "segv": -signal.SIGSEGV}
for way, end in WAYS.items():
    run = h.profile([h.target("ends"), way])
    h.equal(run.status, end if end >= 0 else 128 - end, f"{way}: memprof's status")
    h.check_stated(run, way)
    h.check_no_loss(run, way)
    if run.doc:
        h.equal((run.doc["process"]["exit_status"], run.doc["process"]["signal"]),
                (end, None) if end >= 0 else (None, -end), f"{way}: end in the report")
run = h.profile([h.target("ends"), "_exit"], referee=True)
h.check_referee(run, "_exit", peak=True)
h.finish()
