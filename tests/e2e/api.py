# SPDX-License-Identifier: Apache-2.0
"""What a program says through memprof.h arrives, and does no harm where nobody listens."""
import json
import os
import signal
import subprocess

import harness as h

MODULE = h.target("api-module.so")
LABELS = ["loaded", ""]


def stat(run):
    """What `memprof stat` says of the profile."""
    done = subprocess.run([h.MEMPROF, "stat", "--json", "-", run.profile], capture_output=True, text=True, timeout=60)
    h.equal(done.returncode, 0, f"memprof stat: {done.stderr.strip()}")
    return json.loads(done.stdout or "{}")


def check_domains(run, name):
    """The lines domain.NAME.KEY=VALUE against the domain's totals and the sum of its rows."""
    domains = {d["name"]: d for d in stat(run).get("domains", [])}
    said = [key.split(".") for key in run.stated if key.startswith("domain.")]
    for _, domain, key in said:
        wanted = run.stated[f"domain.{domain}.{key}"]
        found = next((d for n, d in domains.items() if n.startswith(domain)), {})
        h.equal(found.get(key), wanted, f"{name}: {key} of {domain}")
        if found and key != "peak_bytes":
            rows = run.top("-t", "0", "-g", "traceback", "--by", "total", "--domain", found["name"])["stats"]
            h.equal(sum(r[key] for r in rows), wanted, f"{name}: {key} of the rows of {domain}")
    return len(said)


def snapshots(run):
    return stat(run).get("snapshots", [])


def check(name, *arguments, options=()):
    run = h.profile([h.target(name), *arguments], *options)
    what = " ".join([name, *arguments[:1]])
    h.equal((run.status, run.stated.get("failed")), (0, 0), f"{what}: {run.out.strip()[-800:]} {run.err.strip()[-300:]}")
    h.check_no_loss(run, what, but=("slow_steps", "forked_children", "nested_blocks"))
    return run


h.need("api")
for name in ("api", "api-no-pie"):
    run = check(name)
    h.check_stated(run, name)
    h.equal(check_domains(run, name), 7, f"{name}: domains stated")
    h.equal([m.get("label") or "" for m in snapshots(run)], LABELS, f"{name}: labels of snapshots")
    marks = [m["label"] for m in stat(run).get("marks", [])]
    h.equal(marks, ["begun", "x" * 239, "handler"], f"{name}: marks, the long one cut between characters")

run = check("api", "plugin", MODULE)
h.equal(check_domains(run, "plugin"), 1, "plugin: domains stated")
rows = run.top("-t", "0", "-g", "traceback", "--domain", "module")["stats"]
names = [h.plain_name(f["function"]) for f in rows[0]["traceback"]] if rows else []
h.equal([n for n in names if not n.startswith("memprof_")][:2], ["module_pool", "plugin"],
        "the stack of a plugin's block begins where it was reported")
run = check("api-linked")
h.equal(check_domains(run, "api-linked"), 1, "api-linked: domains stated")
run = h.profile([h.target("api-allocator")])
h.equal((run.status, run.stated.get("failed")), (0, 0), f"api-allocator: {run.out.strip()[-800:]} {run.err.strip()[-300:]}")
h.equal(check_domains(run, "api-allocator"), 2, "api-allocator: domains stated")
if os.path.exists(h.target("api-cxx")):
    run = check("api-cxx")
    h.equal(check_domains(run, "api-cxx"), 2, "api-cxx: domains stated")
    h.equal([m.get("label") for m in snapshots(run)], ["end"], "api-cxx: labels of snapshots")

# Nobody listens: no memprof, or a program that memprof cannot record.
for command in (["api"], ["api-no-pie"], ["api-allocator"], ["api-static"], ["api-cxx"]):
    if os.path.exists(h.target(command[0])):
        done = h.bare([h.target(command[0]), "bare"])
        h.equal((done.returncode, h.stated(done.stdout).get("failed"), done.stderr), (0, 0, ""), f"{command[0]} bare: {done.stdout}")
done = h.bare([h.target("api"), "plugin", MODULE])
h.equal(done.returncode, 0, f"plugin bare: {done.stdout}")

# A program that is recorded only from memprof_start on; what it frees before is no loss.
run = check("api", "paused", options=("--paused",))
h.check_stated(run, "paused")
run = h.profile([h.target("plain")], "--paused")
h.equal({k: run.doc["totals"][k] for k in h.TOTALS}, dict.fromkeys(h.TOTALS, 0), "never started: nothing recorded")
h.equal(run.doc["loss"]["unknown_frees"], 0, "never started: frees of what was left out are no surprise")

# Signal handlers in the middle of everything: what was accepted is there, all of it.
run = check("api", "storm")
h.equal(len(stat(run).get("marks", [])), run.stated.get("marks"), "storm: marks")
check_domains(run, "storm")
h.check(run.doc["loss"]["nested_blocks"] >= run.stated["refused"], "storm: what was refused is counted")

# A signal asks for snapshots where the program has not said what it does.
run = check("api", "signals", options=("--snapshot-on-signal", "USR2", "--follow=none"))
h.equal(len(snapshots(run)), 3, "signals: snapshots, none for the child's")
run = check("api", options=("--snapshot-on-signal", "USR2", "--follow=none"))
h.equal([m.get("label") or "" for m in snapshots(run)], LABELS, "a program that handles the signal gets it itself")
before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
run = check("api", "signals", options=("--snapshot-on-signal", "USR2", "--follow=none"))
signal.signal(signal.SIGUSR2, before)
h.equal(len(snapshots(run)), 0, "a signal that is ignored stays so")
h.finish()
