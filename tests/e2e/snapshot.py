# SPDX-License-Identifier: Apache-2.0
"""A program is spoken with while it runs: list, snapshot, where; timers and signals; a host that is killed."""
import json
import os
import random
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import time

import harness as h

FOLDER = os.path.join(h.scratch, "sessions")
os.environ["MEMPROF_RUNTIME_DIR"] = FOLDER  # so that other runs are not seen


class Live:
    """A program under memprof that does what it is told."""

    def __init__(self, *options, name="live", argv=None, cwd=None, output=True):
        self.file = os.path.join(h.scratch, name + ".mprof")
        command = [h.MEMPROF, "run", *(["-o", self.file] if output else []), *options, "--",
                   *(argv or [h.target("commanded")])]
        self.err = open(os.path.join(h.scratch, name + ".err"), "w+")
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.err, cwd=cwd)
        self.pid = int(self.line().partition("=")[2]) if not argv else 0

    def line(self):
        return self.child.stdout.readline().decode().strip()

    def tell(self, letter):
        self.child.stdin.write(letter.encode())
        self.child.stdin.flush()
        said = []
        while not said or said[-1] not in ("done", ""):
            said.append(self.line())
        return h.stated("\n".join(said))

    def quit(self):
        self.child.stdin.write(b"q")
        self.child.stdin.close()
        status = self.child.wait(60)
        self.err.seek(0)
        return status, self.err.read()


def memprof(*argv, **options):
    return subprocess.run([h.MEMPROF, *argv], capture_output=True, text=True, timeout=120, **options)


def top(file, *options):
    run = memprof("top", "--json", "-", "-t", "0", "-g", "traceback", *options, file)
    if not h.check(run.returncode == 0, f"top {' '.join(options)} {os.path.basename(file)}: {run.returncode} {run.stderr}"):
        return {"stats": [], "totals": {}, "snapshots": [], "process": {}}
    return json.loads(run.stdout)


def snapshots(file):
    run = memprof("stat", "--json", "-", file)
    h.equal(run.returncode, 0, f"stat of {os.path.basename(file)}: {run.stderr}")
    return json.loads(run.stdout)["snapshots"] if run.returncode == 0 else []


def check_moment(file, number, stated, what):
    """Every block that the program holds is in its rows, and nothing else is live through its functions."""
    doc = top(file, "--snapshot", str(number), "--by", "live")
    sums = h.sums(doc, "take_block")
    h.equal((sums["live_blocks"], sums["live_bytes"]), (stated["live_blocks"], stated["live_bytes"]), what)
    listed = [s for s in snapshots(file) if s["number"] == number]
    if h.check(len(listed) == 1, f"{what}: listed once"):
        rows = sum(row["live_bytes"] for row in doc["stats"]), sum(row["live_blocks"] for row in doc["stats"])
        h.equal(rows, (listed[0]["live_bytes"], listed[0]["live_blocks"]), f"{what}: the rows sum up to the total")


# Snapshots on request, of one thread and of two.
for threads in (False, True):
    live = Live(name=f"request{threads}")
    if threads:
        live.tell("t")
    first = live.tell("g")
    run = memprof("snapshot", str(live.pid), "-l", "grown")
    h.equal(run.returncode, 0, f"snapshot: {run.stderr}")
    h.check(re.match(r"snapshot 1 \(grown\) of commanded \(pid \d+\) at [\d.]+ s: ", run.stdout), f"it says: {run.stdout!r}")
    h.check(live.file in run.stdout, "and names the file")
    second = live.tell("s")
    run = memprof("snapshot", "commanded")
    h.check(run.stdout.startswith("snapshot 2 of "), f"by name: {run.stdout!r} {run.stderr!r}")
    run = memprof("snapshot", str(live.child.pid), "-l", "Grün ☃")
    h.check(run.stdout.startswith("snapshot 3 (Gr"), f"by memprof's process id: {run.stdout!r} {run.stderr!r}")
    check_moment(live.file, 1, first, f"snapshot 1 while it runs, threads {threads}")
    doc = top(live.file)
    h.check(doc["process"].get("pid") == live.pid, "top of a running program")
    run = memprof("top", live.file)
    h.check("still being recorded" in run.stdout, f"top says that it still runs: {run.stdout[:300]!r}")
    run = memprof("diff", live.file + "@1", live.file + "@2")
    h.check(run.returncode == 0 and "take_block" in run.stdout, f"diff of a running program: {run.stdout!r} {run.stderr!r}")
    listed = json.loads(memprof("list", "--json").stdout)
    h.equal([(p["pid"], p["program"], p["file"], p["snapshots"]) for p in listed],
            [(live.pid, "commanded", live.file, 3)], "list")
    if not threads:
        h.equal(listed[0]["live_bytes"], second["live_bytes"], "list: current bytes")
        h.equal(listed[0]["peak_bytes"], first["live_bytes"], "list: peak")
    text = memprof("list").stdout.splitlines()
    h.check(len(text) == 2 and str(live.pid) in text[1] and live.file in text[1], f"list: {text}")
    status, err = live.quit()
    h.equal(status, 0, f"it ended well: {err}")
    for number, said in ((1, first), (2, second), (3, second)):
        check_moment(live.file, number, said, f"snapshot {number} afterwards, threads {threads}")
    h.equal([(s["number"], s["label"], s["cause"]) for s in snapshots(live.file)],
            [(1, "grown", "command"), (2, None, "command"), (3, "Grün ☃", "command")], "numbers, labels, causes")
    h.equal(os.listdir(FOLDER), [], "no socket is left behind")
run = memprof("list")
h.equal((run.returncode, run.stdout), (0, ""), "nothing is profiled: status 0")
h.equal(json.loads(memprof("list", "--json").stdout), [], "nothing is profiled: an empty array")
h.equal(memprof("snapshot", "commanded").returncode, 3, "a program that is not profiled: status 3")

# Where a block came from.
live = Live(name="where")
live.tell("g")
address = live.tell("a")["address"]
for offset, words in ((0, "the block of 1,000 B"), (999, "999 bytes into the block of 1,000 B")):
    run = memprof("where", hex(address + offset))
    h.equal(run.returncode, 0, f"where: {run.stderr}")
    h.check(words in run.stdout and "(pid %d)" % live.pid in run.stdout, f"where: {run.stdout.splitlines()[:1]}")
    order = [run.stdout.find(f" in {f}") for f in ("take_block", "grow", "main")]
    h.check(-1 not in order and order == sorted(order), f"where: the stack: {run.stdout!r}")
    h.check("commanded.c:" in run.stdout and "malloc(BLOCK)" in run.stdout, f"where: with source lines: {run.stdout!r}")
    h.check(re.search(r"age: [\d.]+ s to [\d.]+ s", run.stdout), f"where: age: {run.stdout!r}")
run = memprof("where", "--frames", "1", str(address))
h.check("take_block" in run.stdout and " in main" not in run.stdout, f"where --frames 1: {run.stdout!r}")
live.tell("s")
run = memprof("where", hex(address))
h.equal(run.returncode, 1, "where: a block that was freed: status")
h.check("freed, or never recorded" in run.stderr, f"where: a block that was freed: {run.stderr!r}")
other = Live(name="other")
run = memprof("where", hex(address))
h.check(run.returncode == 4 and str(live.pid) in run.stderr and str(other.pid) in run.stderr, f"two programs: {run.stderr!r}")
run = memprof("snapshot", "commanded")
h.check(run.returncode == 4 and str(live.pid) in run.stderr and str(other.pid) in run.stderr, f"one name: {run.stderr!r}")
h.equal(memprof("snapshot", str(other.pid)).returncode, 0, "two programs: by process id")
h.equal(memprof("where", "--pid", str(other.pid), hex(address)).returncode, 1, "where: the other program has no such block")
live.quit()
other.quit()

# The folder is this user's alone; hostile and stale things in it harm nobody.
live = Live(name="hostile")
h.equal(stat.S_IMODE(os.stat(FOLDER).st_mode), 0o700, "the folder's mode")
path = os.path.join(FOLDER, os.listdir(FOLDER)[0])
stale = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
stale.bind(os.path.join(FOLDER, "1-1.socket"))
stale.close()
with open(os.path.join(FOLDER, "note.txt"), "w") as f:
    f.write("not ours\n")
rng = random.Random(3)
held = []
for i in range(300):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.connect(path)
    body = struct.pack("<IIIIqQ", 0x4D504354, 1, rng.randrange(5), 0, rng.choice([live.pid, 0, -1]), rng.getrandbits(64))
    junk = rng.choice([b"", body, body + bytes(256), body + b"x" * 256, rng.randbytes(rng.randrange(1, 5000)), body[:7]])
    try:
        if junk:
            client.send(junk)
    except OSError:
        pass
    (held.append if i % 2 else lambda c: c.close())(client)
said = live.tell("g")
run = memprof("snapshot", str(live.pid))
h.equal(run.returncode, 0, f"a snapshot in spite of 300 hostile clients: {run.stderr}")
for client in held:
    client.close()
h.equal(sorted(os.listdir(FOLDER)), sorted([os.path.basename(path), "note.txt"]), "the dead socket is gone, nothing else")
number = int(run.stdout.split()[1]) if run.stdout else 0
check_moment(live.file, number, said, "after hostile clients")
os.remove(os.path.join(FOLDER, "note.txt"))
h.equal(live.quit()[0], 0, "after hostile clients")

# A folder that is not ours is not used, and the program is recorded all the same.
shutil.rmtree(FOLDER)
os.symlink("/tmp", FOLDER)
live = Live(name="symlink")
h.check(not [n for n in os.listdir("/tmp") if n.startswith(f"{live.child.pid}-")], "a symbolic link is not followed")
run = memprof("snapshot", str(live.pid))
h.check(run.returncode == 1 and "is not used: it is no folder" in run.stderr, f"not found, with the reason: {run}")
h.equal(live.quit()[0], 0, "with a symbolic link in place of the folder")
os.remove(FOLDER)

# By a timer.
live = Live("--snapshot-every", "100ms", name="timer")
for _ in range(10):
    last = live.tell("g")
    time.sleep(0.1)
live.quit()
taken = snapshots(live.file)
h.check(len(taken) >= 3 and all(s["cause"] == "timer" for s in taken), f"snapshots by the timer: {len(taken)}")
h.equal([s["number"] for s in taken], list(range(1, len(taken) + 1)), "timer: numbers")
h.check(all(a["seconds"] <= b["seconds"] and a["total_bytes"] <= b["total_bytes"] for a, b in zip(taken, taken[1:])),
        "timer: they ascend")
for s in taken:
    doc = top(live.file, "--snapshot", str(s["number"]), "--by", "live")
    h.equal(sum(row["live_bytes"] for row in doc["stats"]), s["live_bytes"], f"timer: rows of snapshot {s['number']}")


def wait_for(what, truth):
    deadline = time.monotonic() + 20
    while not truth() and time.monotonic() < deadline:
        time.sleep(0.05)
    h.check(truth(), what)


# On a signal: to the program, to memprof; not when the program handles it.
live = Live("--snapshot-on-signal", "USR2", name="signal")
first = live.tell("g")
os.kill(live.pid, signal.SIGUSR2)
wait_for("a signal takes a snapshot", lambda: json.loads(memprof("list", "--json").stdout)[0]["snapshots"] == 1)
second = live.tell("g")
live.child.send_signal(signal.SIGUSR2)
wait_for("one to memprof does too", lambda: json.loads(memprof("list", "--json").stdout)[0]["snapshots"] == 2)
live.tell("d")
os.kill(live.pid, signal.SIGUSR2)
h.equal(live.tell("g")["handled"], 1, "the program's own handler has its signal")
live.quit()
h.equal([s["cause"] for s in snapshots(live.file)], ["signal", "signal"], "two snapshots by signal")
check_moment(live.file, 1, first, "by signal to the program")
check_moment(live.file, 2, second, "by signal to memprof")
live = Live(name="no-signal")
os.kill(live.pid, signal.SIGUSR2)
h.equal(live.child.wait(60), 128 + signal.SIGUSR2, "without the option the signal does what it always did")

# A program that executes another in its place: the file moves, snapshots go to the new one.
live = Live(name="exec")
live.tell("g")
h.equal(memprof("snapshot", str(live.pid), "-l", "before").returncode, 0, "before exec")
live.child.stdin.write(b"x")
live.child.stdin.flush()
h.equal(live.line(), f"pid={live.pid}", "it executed itself")
after = live.tell("g")
earlier = live.file[: -len("mprof")] + "1.mprof"
h.equal([s["label"] for s in snapshots(earlier)], ["before"], "the earlier image's file has its number while the new one runs")
h.equal(memprof("snapshot", str(live.pid), "-l", "after").returncode, 0, "after exec")
check_moment(live.file, 1, after, "after exec")
live.quit()
h.equal([s["label"] for s in snapshots(live.file)], ["after"], "the new image's snapshots")
h.check(top(earlier)["process"].get("executed"), "the earlier one says how it ended")

# Without a name of our choice: PROGRAM.PID.mprof, there from the start.
folder = os.path.join(h.scratch, "named")
os.mkdir(folder)
live = Live(name="named", cwd=folder, output=False)
live.tell("g")
wait_for("the file is there while it runs", lambda: os.listdir(folder) == [f"commanded.{live.pid}.mprof"])
h.equal([p["file"] for p in json.loads(memprof("list", "--json").stdout)], [os.path.join(folder, f"commanded.{live.pid}.mprof")],
        "list names it absolutely")
live.quit()
h.equal(os.listdir(folder), [f"commanded.{live.pid}.mprof"], "nothing else is left")

# No file: snapshots can be looked at in the report at the end.
report = os.path.join(h.scratch, "none.json")
live = Live("-o", "/dev/null", "--snapshot", "1", "--json", report, name="none", output=False)
said = live.tell("g")
run = memprof("snapshot", str(live.pid))
h.check(run.returncode == 0 and "no file" in run.stdout, f"/dev/null: {run.stdout!r} {run.stderr!r}")
live.tell("g")
live.quit()
with open(report, encoding="utf-8") as f:
    h.equal(sum(row["live_bytes"] for row in json.load(f)["stats"]), said["live_bytes"], "/dev/null: the report at the end")

# Eight threads that do not stop allocating: what the program knows at a snapshot is in it, no more and no less.
if os.path.exists(h.target("snapshot-threads")):
    for options in ((), ("--snapshot-every", "10ms")):
        run = h.profile([h.target("snapshot-threads")], *options)
        h.equal(run.status, 0, f"snapshots from eight threads: {run.err}")
        h.check_no_loss(run, "snapshots from eight threads")
        listed = snapshots(run.profile)
        own = [s for s in listed if s["cause"] == "program"]
        h.equal([s["label"] for s in own], [f"s{i + 1}" for i in range(run.stated["snapshots"])], "eight threads: in their order")
        h.check(all(a["seconds"] <= b["seconds"] for a, b in zip(listed, listed[1:])), "eight threads: times ascend")
        for s in own[::5] + listed[::17]:
            doc = top(run.profile, "--snapshot", str(s["number"]), "--by", "total")
            for key in ("live_bytes", "live_blocks", "total_bytes", "total_blocks"):
                h.equal(sum(row[key] for row in doc["stats"]), s[key], f"eight threads: {key} over all stacks of {s['number']}")
            if s in own:
                sums, number = h.sums(doc, "take_block"), s["label"][1:]
                h.equal((sums["live_bytes"], sums["live_blocks"]),
                        (run.stated[f"moment.{number}.bytes"], run.stated[f"moment.{number}.blocks"]), f"eight threads: {s['label']}")
        stat_run = memprof("stat", "--json", "-", run.profile)
        marks = {m["label"]: m["seconds"] for m in json.loads(stat_run.stdout)["marks"]}
        h.equal([s["label"] for s in own if marks.get(s["label"], -1) < s["seconds"]], [], "a mark is not earlier than the snapshot before it")
        h.equal([b["label"] for a, b in zip(own, own[1:]) if marks.get(a["label"], 1e9) > b["seconds"]], [],
                "nor later than the one after it")

# Without the peak's stacks.
live = Live("--no-snapshot-at-peak", name="no-peak")
live.tell("g")
live.tell("s")
live.quit()
doc = top(live.file, "--by", "live")
h.equal(doc["totals"].get("peak_bytes"), 10000, "no peak: its size is known")
h.equal(sum(row["peak_bytes"] for row in doc["stats"]), 0, "no peak: no stack says what it held")
run = memprof("top", live.file)
h.check(run.returncode == 0 and "by bytes live" in run.stdout and "take_block" in run.stdout, f"no peak: live is shown: {run.stdout!r}")
for options in (["--by", "peak"], ["--snapshot", "peak"]):
    run = memprof("top", *options, live.file)
    h.check(run.returncode == 2 and "--no-snapshot-at-peak" in run.stderr, f"no peak: {options}: {run.stderr!r}")

# memprof is killed at any moment: the program goes on, and the file opens with the last state written.
for i in range(5):
    live = Live("--snapshot-every", "50ms", name=f"killed{i}")
    live.tell("t")
    live.tell("g")
    h.equal(memprof("snapshot", str(live.pid), "-l", "sure").returncode, 0, "a snapshot before the end")
    time.sleep(rng.random() * 0.4)
    live.child.kill()
    live.child.wait()
    said = live.tell("g")
    h.equal(said["live_blocks"], 20, "the program goes on")
    run = memprof("top", "-t", "1", live.file)
    h.check(run.returncode == 0 and "take_block" in run.stdout, f"killed: the file opens, with names: {run.stdout!r} {run.stderr!r}")
    h.check("still being recorded" not in run.stdout, "killed: it does not say that it is still written")
    taken = snapshots(live.file)
    h.check("sure" in [s["label"] for s in taken], "killed: the snapshot that was answered is there")
    for s in taken:
        doc = top(live.file, "--snapshot", str(s["number"]), "--by", "live")
        h.equal(sum(row["live_bytes"] for row in doc["stats"]), s["live_bytes"], f"killed: rows of snapshot {s['number']}")
    run = memprof("list", "--json")
    h.equal(json.loads(run.stdout), [], "killed: it is not listed")
    live.child.stdin.close()
    os.kill(live.pid, signal.SIGKILL)
h.equal([n for n in os.listdir(FOLDER) if not n.startswith(".")], [], "killed: their sockets are removed")
h.finish()
