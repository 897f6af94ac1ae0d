# SPDX-License-Identifier: Apache-2.0
"""The program cannot tell that it is being recorded: descriptors, signals, environment, errno, output."""
import difflib
import os

import harness as h

argv = [h.target("surroundings")]
clean = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "_")}
for name, change in [("as it is", {}), ("with a preload of its own", {"LD_PRELOAD": h.target("early-plugin.so")})]:
    os.environ.clear()
    os.environ.update(clean)
    bare, run = h.bare(argv, env=change), h.profile(argv, env=change)
    h.equal(run.status, bare.returncode, f"{name}: status")
    difference = [d for d in difflib.unified_diff(bare.stdout.splitlines(), run.out.splitlines(), lineterm="", n=0)
                  if not d.startswith(("---", "+++", "@@"))]
    h.equal(difference, [], f"{name}: what differs when recorded")
    h.check("errno_changes=0" in run.out, f"{name}: errno is kept")

# Standard output and standard error are the program's own under -q.
run = h.profile([h.target("plain"), "3"])
h.equal((run.status, run.err), (3, "plain: to standard error\n"), "standard error under -q")
run = h.profile([h.target("plain"), "3"], quiet=False)
h.check(run.err.startswith("plain: to standard error\nmemprof: plain (pid "), "the summary follows on standard error")
h.check("exit 3" in run.err.splitlines()[1], "the summary says the exit status")
h.check("memprof" not in run.out, "standard output is the program's own")

# Signals interrupt the recorder without harm.
run = h.profile([h.target("signals")])
h.equal(run.status, 0, "signals: status")
h.check_stated(run, "signals")
h.check_no_loss(run, "signals")

# Under a seccomp filter that refuses whatever the recorder might ask of the kernel.
run = h.profile([h.target("confined")])
if run.status == h.SKIP:
    print("no seccomp here")
else:
    h.equal(run.status, 0, "confined: status")
    h.check_stated(run, "confined")

    for how in ("kill", "threads"):
        run = h.profile([h.target("confined"), how])
        h.equal(run.status, 0, f"confined {how}: status")
        h.check_stated(run, f"confined {how}")

# A free of the program's own that looks for the next one when it is first called.
run = h.profile([h.target("next-malloc")])
h.equal(run.status, 0, "next-malloc: status")
h.check_stated(run, "next-malloc")

# It allocates as it would alone.
for argv in (["resize"], ["temporary"], ["plain"]):
    path = os.path.join(h.scratch, "alone")
    h.bare([h.target(argv[0])], env={"LD_PRELOAD": h.REFEREE, "COUNT_TO": path})
    alone = h.counted([os.path.join(h.scratch, f) for f in os.listdir(h.scratch) if f.startswith("alone.")][0])
    os.unlink([os.path.join(h.scratch, f) for f in os.listdir(h.scratch) if f.startswith("alone.")][0])
    recorded = h.profile([h.target(argv[0])], referee=True).referee
    # Requests that overflow before they get to the allocator may be refused on the way.
    alone["failed"] = recorded.get("failed")
    h.equal(recorded, alone, f"{argv[0]}: what it asks of the allocator")
h.finish()
