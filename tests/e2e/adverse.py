# SPDX-License-Identifier: Apache-2.0
"""Programs are recorded and asked under adverse conditions: limits, full disks, kills, many at once, other users."""
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import time

import harness as h

FOLDER = os.path.join(h.scratch, "sessions")
os.environ["MEMPROF_RUNTIME_DIR"] = FOLDER  # so that other runs are not seen
ROOT = os.geteuid() == 0
rng = random.Random(11)


def memprof(*argv, **options):
    return subprocess.run([h.MEMPROF, *argv], capture_output=True, text=True, timeout=120, **options)


def rows(file, *options):
    run = memprof("top", "--json", "-", "-t", "0", "-g", "traceback", "--by", "total", *options, file)
    if not h.check(run.returncode == 0, f"top {' '.join(options)} {os.path.basename(file)}: {run.returncode} {run.stderr.strip()}"):
        return {"stats": [], "totals": {}, "snapshots": []}
    return json.loads(run.stdout)


def total(doc, key):
    return sum(row[key] for row in doc["stats"])


def snapshots(file):
    run = memprof("stat", "--json", "-", file)
    h.equal(run.returncode, 0, f"stat of {os.path.basename(file)}: {run.stderr.strip()}")
    return json.loads(run.stdout)["snapshots"] if run.returncode == 0 else []


def check_sums(file, which, what):
    doc = rows(file, *(["--snapshot", str(which["number"])]))
    for key in ("live_bytes", "live_blocks", "total_bytes", "total_blocks"):
        h.equal(total(doc, key), which[key], f"{what}: snapshot {which['number']}: {key} over all stacks")


class Commanded:
    """tests/targets/commanded under memprof, by itself or behind a prefix."""

    def __init__(self, name, *options, prefix=(), **popen):
        self.file = os.path.join(h.scratch, name + ".mprof")
        self.child = subprocess.Popen([*prefix, h.MEMPROF, "run", "-q", "-o", self.file, *options, "--", h.target("commanded")],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen)
        self.pid = int(self.line().partition("=")[2] or 0)

    def line(self):
        return self.child.stdout.readline().strip()

    def tell(self, letter):
        self.child.stdin.write(letter)
        self.child.stdin.flush()
        said = []
        while not said or said[-1] not in ("done", ""):
            said.append(self.line())
        return h.stated("\n".join(said))

    def quit(self):
        out, err = self.child.communicate("q", timeout=60)
        return self.child.returncode, err


def limited(kib):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (kib << 10, kib << 10))


# A limit on the size of files: the program runs, the profile is there or is said not to be, nobody dies.
for kib in (0, 1, 40, 4096, 1 << 20):
    file = os.path.join(h.scratch, f"fsize{kib}.mprof")
    run = subprocess.run([h.MEMPROF, "run", "-q", "-o", file, "--", h.target("temporary")], capture_output=True, text=True,
                         preexec_fn=limited(kib), timeout=60)
    h.check(run.returncode in (0, 125), f"files of {kib} KiB at most: status {run.returncode}, {run.stderr.strip()!r}")
    if run.returncode == 0:
        h.equal(memprof("top", file).returncode, 0, f"files of {kib} KiB at most: the profile opens")
    else:
        h.check(run.stderr.startswith("memprof: ") and run.stderr.count("\n") == 1, f"files of {kib} KiB: one line: {run.stderr!r}")
run = subprocess.run(["bash", "-c", f"ulimit -S -f 40; exec {h.MEMPROF} run -q -o {h.scratch}/soft.mprof -- {h.target('temporary')}"],
                     capture_output=True, text=True, timeout=60)
h.equal((run.returncode, run.stderr), (0, ""), "a soft limit alone is no hindrance to the shared memory")
run = subprocess.run([h.MEMPROF, "run", "-q", "--leak-check=no", "-o", "/dev/null", "--", "sh", "-c", "grep SigIgn /proc/self/status; grep SigCgt /proc/$$/status"],
                     capture_output=True, text=True, timeout=60)
bare = h.bare(["sh", "-c", "grep SigIgn /proc/self/status; grep SigCgt /proc/$$/status"])
h.equal(run.stdout, bare.stdout, "the program ignores and handles the signals that it would without us")

# A full disk: the program's output is right, what was written opens, and the status says that something is missing.
if ROOT and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0:
    disk = os.path.join(h.scratch, "disk")
    os.mkdir(disk)
    script = f"""mount -t tmpfs -o size=64k tmpfs {disk} && cd {disk} || exit 99
        {h.MEMPROF} run -q --snapshot-every 20ms -o full.mprof -- /usr/bin/python3 -c '
import time
x = [bytes(600) for i in range(3000)]
exec("\\n".join("def f%d(): return [%d]" % (i, i) for i in range(3000)))
for i in range(20): x.append(bytes(100000)); time.sleep(0.02)
print("whole")'
        echo status $?; {h.MEMPROF} top -t 1 full.mprof > top.out 2>&1 || cat top.out; echo opened $?; ls {disk}; cp full.mprof {h.scratch}"""
    run = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=120)
    h.check(run.stdout.startswith("whole\nstatus "), f"full disk: {run.stdout!r} {run.stderr!r}")
    h.check("opened 0" in run.stdout, f"full disk: what was written opens: {run.stdout!r}")
    h.check(".tmp" not in run.stdout, f"full disk: nothing is left beside it: {run.stdout!r}")
    if "status 0" not in run.stdout:
        h.check("status 125" in run.stdout and "memprof: " in run.stderr, f"full disk: {run.stdout!r} {run.stderr!r}")

# 200 requests at once are all answered, each by a snapshot of its own.
live = Commanded("crowd")
said = live.tell("g")
crowd = [subprocess.Popen([h.MEMPROF, "snapshot", str(live.pid), "-l", f"n{i}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) for i in range(200)]
answers = [(c.communicate(timeout=120), c.returncode) for c in crowd]
h.equal([a for a in answers if a[1] != 0][:3], [], "200 requests at once: all are answered")
numbers = sorted(int(a[0][0].split()[1]) for a in answers if a[1] == 0)
h.equal(numbers, list(range(1, 201)), "200 requests at once: every one has its own number")
h.equal(live.quit()[0], 0, "200 requests at once: the end")
taken = snapshots(live.file)
h.equal(sorted(s["label"] for s in taken), sorted(f"n{i}" for i in range(200)), "200 requests at once: all are in the file")

# A program that is stopped, and one that does nothing for long: snapshots are taken all the same.
live = Commanded("stopped")
said = live.tell("g")
os.kill(live.pid, signal.SIGSTOP)
run = memprof("snapshot", str(live.pid))
h.equal(run.returncode, 0, f"a stopped program: {run.stderr}")
os.kill(live.pid, signal.SIGKILL)
status, err = live.quit() if live.child.poll() is None else (live.child.returncode, "")
h.equal(status, 128 + signal.SIGKILL, "a stopped program that is killed")
h.equal([s["live_blocks"] >= said["live_blocks"] for s in snapshots(live.file)], [True], "a stopped program: the snapshot")

# memprof is stopped: who asks is told, and does not wait for ever.
live = Commanded("deaf")
live.child.send_signal(signal.SIGSTOP)
run = memprof("snapshot", str(live.pid))
h.check(run.returncode == 3 and "did not answer" in run.stderr, f"a stopped memprof: {run.returncode} {run.stderr!r}")
run = memprof("list")
h.check(run.returncode == 0 and "did not answer" in run.stderr, f"list beside a stopped memprof: {run.returncode} {run.stderr!r}")
live.child.send_signal(signal.SIGCONT)
h.equal(live.quit()[0], 0, "a memprof that was stopped goes on")

# memprof is killed at any moment, also in the first: the program says what it would, and the file opens or is not there yet.
for i in range(12):
    live = Commanded(f"killed{i}", "--snapshot-every", "10ms")
    live.tell("t")
    for _ in range(rng.randrange(4)):
        live.tell("g")
    time.sleep(rng.random() * 0.15)
    live.child.kill()
    live.child.wait()
    h.equal(live.tell("g")["live_blocks"] % 10, 0, "killed: the program goes on")
    live.child.communicate("q", timeout=60)
    if not os.path.exists(live.file):
        continue
    taken = snapshots(live.file)
    for s in taken[-1:]:
        check_sums(live.file, s, f"killed {i}")
        h.equal((s["live_bytes"] // 1000 - s["live_bytes"] % 1000 // 1000) >= 0, True, "killed: whole blocks")
# A kill between the making of a file and its naming leaves it; memprof-run(1) says so.
beside = [f for f in h.leftovers() if not os.path.basename(f).startswith("killed")]
h.equal(beside, [], "nothing beside the files but what a memprof that was killed was making")

# A chain of executions, longer than there are descriptors.
chain = os.path.join(h.scratch, "chain.mprof")
run = subprocess.run([h.MEMPROF, "run", "-q", "-o", chain, "--", h.target("exec-self"), "150"], capture_output=True, text=True,
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)), timeout=300)
h.equal((run.returncode, run.stderr), (0, ""), "a chain of 150 images with 128 descriptors")
h.equal(run.stdout.count("life="), 150, "every image ran")
for number in (1, 2, 75, 149, 0):
    file = chain[:-len("mprof")] + f"{number}.mprof" if number else chain
    lives = 150 - (number or 150) + 1
    h.equal(h.sums(rows(file), "main")["total_blocks"], 10 * lives, f"image {number or 150}: what it allocated")

# Too few descriptors for that: every image is there, or the status says that one is not.
for most in range(8, 36):
    few = os.path.join(h.scratch, f"few{most}.mprof")
    run = subprocess.run([h.MEMPROF, "run", "-q", "-o", few, "--", h.target("exec-self"), "3"], capture_output=True, text=True,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)), timeout=60)
    there = sum(os.path.exists(f) and memprof("top", f).returncode == 0 for f in (few, few[:-5] + "1.mprof", few[:-5] + "2.mprof"))
    h.check((run.returncode == 0 and there == 3) or (run.returncode == 125 and run.stderr.startswith("memprof: ")),
            f"{most} descriptors: status {run.returncode}, {there} images, {run.stderr!r}")

# A program whose name is longer than a file's may be, and one with a control character.
folder = os.path.join(h.scratch, "odd")
os.mkdir(folder)
for name in ("n" * 255 + "\u00fc", "a\n\x1b[1mb", "-rf", "..", "\u00fc" * 200):
    before = set(os.listdir(folder))
    run = subprocess.run(["bash", "-c", 'exec -a "$1" "$2" run -q -- bash -c \'exec -a "$1" "$2"\' bash "$1" "$3"', "bash", name,
                          h.MEMPROF, h.target("temporary")], cwd=folder, capture_output=True, text=True, timeout=60)
    h.equal(run.returncode, 0, f"a program named {name[:9]!r}: {run.stderr.strip()}")
    made = [n for n in set(os.listdir(folder)) - before]
    h.equal(len(made), 2, f"a program named {name[:9]!r}: its file and bash's: {made}")
    for file in made:
        h.equal(memprof("top", "./" + file, cwd=folder).returncode, 0, f"top of {file!r}")

# Where the profile cannot be written, nothing is started.
for what, file in (("a folder without permission", "/proc/memprof.mprof"), ("no folder", h.scratch + "/none/x.mprof"),
                   ("a folder in its place", h.scratch)):
    run = memprof("run", "-o", file, "--", "echo", "started")
    h.check(run.returncode == 125 and "started" not in run.stdout and run.stderr.count("\n") == 1 and file in run.stderr,
            f"{what}: {run.returncode} {run.stderr!r}")

# Where a device takes the profile: only the last image's, and the others are said to be missing.
run = subprocess.run([h.MEMPROF, "run", "-o", "/dev/full", "--", h.target("exec-self"), "2"], capture_output=True, text=True, timeout=60)
h.check(run.returncode == 125 and "/dev/full" in run.stderr, f"a device that is full: {run.returncode} {run.stderr[:200]!r}")
h.check(not os.path.exists("/dev/full.1"), "nothing is made in /dev")

# Two that cannot see each other's processes have the same ids, and are told apart.
if ROOT and subprocess.run(["unshare", "-pf", "true"], capture_output=True).returncode == 0:
    pair = [Commanded(f"space{i}", prefix=("unshare", "-pf", "--mount-proc")) for i in range(2)]
    for p in pair:
        p.tell("g")
    h.equal(pair[0].pid, pair[1].pid, "both have the same process id, each in its own namespace")
    listed = json.loads(memprof("list", "--json").stdout or "[]")
    h.equal(sorted(p["file"] for p in listed), [p.file for p in pair], "both are listed")
    if len(listed) == 2:
        h.check(listed[0]["memprof_pid"] != listed[1]["memprof_pid"], f"memprofs by the ids that we know: {listed}")
        for p in listed:
            run = memprof("snapshot", str(p["memprof_pid"]))
            h.check(run.returncode == 0 and p["file"] in run.stdout, f"asked by memprof's id: {run.stdout!r} {run.stderr!r}")
    for p in pair:
        h.equal(p.quit()[0], 0, "in a namespace of its own")
        h.equal(len(snapshots(p.file)), 1, "each had its one snapshot")

# Other users: one line, status 5; and a folder of theirs is not looked into.
if ROOT and shutil.which("setpriv"):
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-u", "MEMPROF_RUNTIME_DIR"]
    os.chmod(h.scratch, 0o755)
    reachable = subprocess.run([*as_nobody, h.MEMPROF, "--version"], capture_output=True).returncode == 0
    live = Commanded("roots")
    if reachable:
        run = subprocess.run([*as_nobody, h.MEMPROF, "snapshot", str(live.pid)], capture_output=True, text=True, timeout=60)
        h.check(run.returncode == 5 and "belongs to root" in run.stderr and run.stderr.count("\n") == 1, f"nobody asks root's: {run}")
        run = subprocess.run([*as_nobody, "env", f"MEMPROF_RUNTIME_DIR={FOLDER}", h.MEMPROF, "snapshot", str(live.pid)],
                             capture_output=True, text=True, timeout=60)
        h.equal(run.returncode, 5, f"nobody asks root's in root's folder: {run.stderr!r}")
        run = subprocess.run([*as_nobody, h.MEMPROF, "where", "--pid", str(live.pid), "0x1000"], capture_output=True, text=True)
        h.equal(run.returncode, 5, f"where: {run.stderr!r}")
    live.quit()
    h.equal(len(snapshots(live.file)), 0, "nobody has taken a snapshot of root's program")
    theirs = os.path.join(h.scratch, "theirs")
    os.mkdir(theirs)
    os.chown(theirs, 65534, 65534)
    if reachable:
        child = subprocess.Popen([*as_nobody, "env", f"MEMPROF_RUNTIME_DIR={theirs}/s", h.MEMPROF, "run", "-q", "-o", theirs + "/x.mprof",
                                  "--", h.target("commanded")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        pid = child.stdout.readline().strip().partition("=")[2]
        for folder in (FOLDER, theirs + "/s"):
            run = memprof("snapshot", pid, env={**os.environ, "MEMPROF_RUNTIME_DIR": folder})
            h.check(run.returncode == 5 and "belongs to nobody" in run.stderr and run.stderr.count("\n") == 1, f"root asks nobody's: {run}")
        child.communicate("q", timeout=60)
        h.equal(child.returncode, 0, "nobody's program ends well")
        h.equal(len(snapshots(theirs + "/x.mprof")), 0, "root has taken no snapshot of nobody's program")
h.finish()
