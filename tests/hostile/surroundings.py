# SPDX-License-Identifier: Apache-2.0
"""What surrounds the program: descriptors, roots, limits, privileges, names, namespaces, clocks."""
import json
import os
import resource
import shutil
import subprocess

from table import can, documented, exact, memprof, need, opened, record, root, row, run_group, script, unharmed
import harness as h

PLAIN = [h.target("plain"), "3"]
# What it says of itself: tests/targets/plain.c.
STATED = "total_blocks=12\ntotal_bytes=12000\nlive_blocks=12\nlive_bytes=12000\npeak_blocks=12\npeak_bytes=12000\n"


@row("surroundings", "every descriptor closed")
def close_all():
    exact([h.target("close-all")])
    exact([h.target("close-all"), "closefrom"])


@row("surroundings", "a daemon that closes every descriptor")
def daemon():
    folder, said = os.path.join(h.scratch, "daemon"), os.path.join(h.scratch, "daemon.said")
    run = memprof("run", "-q", "-o", folder + "/", "--", h.target("close-all"), "daemon", said)
    h.equal(run.returncode, 0, f"status: {run.stderr!r}")
    stated = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".mprof"):
            done = opened(run, os.path.join(folder, name))
            stated.append(h.sums(done.doc, "after_close")["total_blocks"])
            if stated[-1]:
                with open(said, encoding="ascii") as f:
                    done.stated = h.stated(f.read())
                h.check_stated(done, "the daemon")
    h.equal(stated.count(0), 1, f"the one that left allocated nothing there: {stated}")


def closed(which, name):
    @row("surroundings", f"{name} closed at start")
    def stdio():
        file = os.path.join(h.scratch, "closed.mprof")
        closing = {"capture_output": True, "text": True, "timeout": 300, "preexec_fn": lambda: [os.close(fd) for fd in which]}
        run, alone = subprocess.run([h.MEMPROF, "run", "-q", "-o", file, "--", *PLAIN], **closing), subprocess.run(PLAIN, **closing)
        h.equal((run.stdout, run.stderr), (alone.stdout, alone.stderr), "output as alone")
        run.stdout = STATED  # which there may be no descriptor for
        h.equal(run.returncode, alone.returncode, "status as alone")
        h.check_stated(opened(run, file), name)


closed((0,), "standard input")
closed((1,), "standard output")
closed((2,), "standard error")
closed((0, 1, 2), "all three")


@row("surroundings", "chroot after start, and privileges given up")
def chroot_later():
    root()
    empty = os.path.join(h.scratch, "empty")
    os.makedirs(empty, exist_ok=True)
    exact([h.target("chroot-later"), empty])


@row("surroundings", "memprof inside a chroot, without /dev/shm")
def chroot_before():
    root()
    can("unshare", "-m")
    jail = os.path.join(h.scratch, "jail")
    script_text = f"""set -e; J={jail}; mkdir -p $J; mount -t tmpfs jail $J; cd $J
        for d in usr proc b; do mkdir $d; done; mkdir dev out tmp; mknod -m 666 dev/null c 1 3; mknod -m 666 dev/urandom c 1 9
        for l in bin sbin lib lib64; do [ ! -L /$l ] || ln -s usr/$l $l; done
        mount --bind /usr usr; mount --bind {h.BUILD} b; mount -t proc proc proc
        set +e; env -u MEMPROF_RUNTIME_DIR -u TMPDIR chroot . /b/memprof run -o /out/x.mprof -- /b/tests/targets/plain 3; echo status $?
        cp out/x.mprof {h.scratch}/jail.mprof"""
    need(os.path.islink("/lib64"), "/lib64 is no link into /usr")
    run = subprocess.run(["unshare", "-m", "sh", "-c", script_text], capture_output=True, text=True, timeout=300)
    h.check("total_blocks=12" in run.stdout and "status 3" in run.stdout, f"it ran: {run.stdout!r} {run.stderr!r}")
    h.check_stated(opened(run, os.path.join(h.scratch, "jail.mprof")), "in a chroot")


@row("surroundings", "no folder for temporary files")
def no_tmp():
    env = {k: v for k, v in os.environ.items() if k not in ("MEMPROF_RUNTIME_DIR", "XDG_RUNTIME_DIR")}
    run, file = record(PLAIN, env={**env, "TMPDIR": os.path.join(h.scratch, "none")})
    h.equal(run.returncode, 3, f"status: {run.stderr[-300:]!r}")
    h.check_stated(opened(run, file), "no folder")


@row("surroundings", "the program changes its root before it executes another")
def chroot_prefix():
    root()
    need(shutil.which("chroot"), "chroot is not installed")
    unharmed(["chroot", "/", *PLAIN])


@row("surroundings", "set-user-id, and what else is refused", tested=True)
def privileged():
    return script("refusals.py")


@row("surroundings", "file capabilities")
def capabilities():
    root()
    need(shutil.which("setcap") and shutil.which("setpriv"), "setcap and setpriv are not installed")
    os.chmod(h.scratch, 0o755)
    file = os.path.join(h.scratch, "capable")
    shutil.copy(h.target("plain"), file)
    run = subprocess.run(["setcap", "cap_net_raw+ep", file], capture_output=True, text=True, timeout=300)
    need(run.returncode == 0, f"setcap: {run.stderr.strip()[:100]}")
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-u", "MEMPROF_RUNTIME_DIR"]
    need(subprocess.run([*as_nobody, h.MEMPROF, "--version"], capture_output=True).returncode == 0, "nobody cannot reach the build")
    run = subprocess.run([*as_nobody, h.MEMPROF, "run", "-o", "/dev/null", "--", file], capture_output=True, text=True, timeout=300)
    h.equal(run.returncode, 125, f"status: {run.stderr!r}")
    h.check("capabilities" in run.stderr and run.stderr.count("\n") == 1, f"one line: {run.stderr!r}")
    return "refused; " + documented("setuid, setgid, capabilities")


@row("surroundings", "seccomp filter that refuses other calls")
def seccomp():
    exact([h.target("confined")])


@row("surroundings", "seccomp filter that kills for other calls")
def seccomp_kill():
    exact([h.target("confined"), "kill"])
    exact([h.target("confined"), "threads"])
    exact([h.target("confined"), "syscall"])
    return documented("it needs these calls to be allowed")


def limited(what, soft):
    def limit():
        resource.setrlimit(what, (soft, resource.getrlimit(what)[1]))
    return limit


@row("surroundings", "RLIMIT_AS from too small to enough")
def address_space():
    said = recorded = 0
    for mib in (8, 20, 64, 256, 1000, 4000, 20000):
        alone = subprocess.run(["sh", "-c", f"ulimit -v {mib << 10}; exec {PLAIN[0]} 3"], capture_output=True, text=True)
        run, file = record(["sh", "-c", f"ulimit -v {mib << 10}; exec {PLAIN[0]} 3"])
        h.equal((run.returncode, run.stdout), (alone.returncode if alone.returncode >= 0 else 128 - alone.returncode, alone.stdout),
                f"{mib} MiB: as alone")
        if "not recorded" in run.stderr or "no allocator calls" in run.stderr:
            said += 1
        elif alone.returncode == 3:
            recorded += 1
            h.check_stated(opened(run, file), f"{mib} MiB")
    h.check(recorded, "with enough it is recorded")
    return f"recorded with {recorded} limits, said not to be with {said}"


@row("surroundings", "RLIMIT_STACK of 64 KiB")
def stack():
    exact(["sh", "-c", f"ulimit -s 64; exec {PLAIN[0]} 3"], 3)


@row("surroundings", "RLIMIT_NOFILE, RLIMIT_FSIZE, full disk, other users, both in PID namespaces", tested=True)
def adverse():
    return script("adverse.py")


@row("surroundings", "/dev/shm and /tmp full")
def full():
    root()
    can("unshare", "-m")
    text = f"""mount -t tmpfs -o size=4k full /dev/shm && mkdir -p {h.scratch}/full && mount -t tmpfs -o size=4k full {h.scratch}/full || exit 99
        cat /dev/zero >/dev/shm/x 2>/dev/null; cat /dev/zero >{h.scratch}/full/x 2>/dev/null
        env -u MEMPROF_RUNTIME_DIR TMPDIR={h.scratch}/full {h.MEMPROF} run -q -o {h.scratch}/full.mprof -- {' '.join(PLAIN)}; echo status $?"""
    run = subprocess.run(["unshare", "-m", "sh", "-c", text], capture_output=True, text=True, timeout=300)
    h.check("status 3" in run.stdout, f"it ran: {run.stdout!r} {run.stderr!r}")
    h.check_stated(opened(run, os.path.join(h.scratch, "full.mprof")), "with both full")
    text = f"""mount -t tmpfs -o size=4k full /tmp && cat /dev/zero >/tmp/x 2>/dev/null; mount -t tmpfs -o ro none /dev/shm && cd / || exit 99
        exec env -u MEMPROF_RUNTIME_DIR -u XDG_RUNTIME_DIR -u TMPDIR /mnt/memprof run -q -o /run/memprof-row.mprof -- /mnt/tests/targets/plain 3"""
    # what the build and the profile are in must be seen where /tmp is another
    text = f"mount --bind {h.BUILD} /mnt && mount -t tmpfs none /run && {text}; echo status $?"
    need(os.path.isdir("/mnt"), "there is no /mnt")
    run = subprocess.run(["unshare", "-m", "sh", "-c", text.replace("exec env", "env") + "; cp /run/memprof-row.mprof /mnt/"],
                         capture_output=True, text=True, timeout=300)
    kept = os.path.join(h.BUILD, "memprof-row.mprof")
    h.check("status 3" in run.stdout, f"/tmp itself is full, it ran: {run.stdout!r} {run.stderr!r}")
    h.check_stated(opened(run, kept), "with /tmp itself full")
    os.unlink(kept)


@row("surroundings", "read-only current directory")
def read_only():
    root()
    can("unshare", "-m")
    text = f"""mkdir -p {h.scratch}/ro && mount -t tmpfs -o ro ro {h.scratch}/ro && cd {h.scratch}/ro || exit 99
        {h.MEMPROF} run -- {' '.join(PLAIN)}; echo status $?; {h.MEMPROF} run -q -o {h.scratch}/ro.mprof -- {' '.join(PLAIN)}; echo elsewhere $?"""
    run = subprocess.run(["unshare", "-m", "sh", "-c", text], capture_output=True, text=True, timeout=300)
    h.check("status 125" in run.stdout and "elsewhere 3" in run.stdout, f"{run.stdout!r}")
    h.check("Read-only" in run.stderr and run.stderr.startswith("memprof: "), f"the reason: {run.stderr!r}")
    return "refused with the reason, -o elsewhere recorded; " + documented("Whether the file can be written is found out before the program is started")


@row("surroundings", "paths with spaces and UTF-8, of 4,000 characters")
def paths():
    odd = os.path.join(h.scratch, "a folder with spaces, \u00fcml\u00e4ut \u2603 and 'quotes'")
    os.makedirs(odd)
    shutil.copy(h.target("plain"), os.path.join(odd, "a program"))
    run = subprocess.run([h.MEMPROF, "run", "-q", "--", "./a program", "3"], cwd=odd, capture_output=True, text=True, timeout=300)
    h.equal(run.returncode, 3, f"spaces: {run.stderr!r}")
    files = [f for f in os.listdir(odd) if f.endswith(".mprof")]
    if h.equal(len(files), 1, "one profile there"):
        h.check_stated(opened(run, os.path.join(odd, files[0])), "spaces")
    deep = os.path.join(h.scratch, "deep")
    while len(deep) < 3800:
        deep = os.path.join(deep, "d" * min(200, 3999 - len(deep)))
    here = os.open(h.scratch, os.O_RDONLY)
    os.makedirs(deep)
    path = os.path.join(deep, "p" * (4000 - len(deep) - 1))
    shutil.copy(h.target("plain"), path)
    os.close(here)
    run, file = record([path, "3"])
    h.equal((len(path), run.returncode), (4000, 3), f"4,000 characters: {run.stderr[:200]!r}")
    h.check_stated(opened(run, file), "4,000 characters")
    with open(file, "rb") as f:
        profile = f.read()
    there = os.path.join(deep, "o" * (4000 - len(deep) - 7) + ".mprof")
    run = memprof("run", "-q", "-o", there, "--", *PLAIN)
    h.equal((len(there), run.returncode), (4000, 3), f"a profile's path of 4,000 characters: {run.stderr[:200]!r}")
    if h.check(len(profile) > 0 and os.path.exists(there), "it is there"):
        h.check_stated(opened(run, there), "a profile's path of 4,000 characters")


@row("surroundings", "no HOME, and no environment but PATH")
def no_home():
    exact(PLAIN, 3, env={"PATH": os.environ["PATH"]})


HOSTILE = {"LD_BIND_NOW": "1", "LD_LIBRARY_PATH": "::/nonexistent:.", "LD_DYNAMIC_WEAK": "1", "MALLOC_ARENA_MAX": "1", "MALLOC_PERTURB_": "165",
           "MALLOC_TOP_PAD_": "0", "MALLOC_MMAP_THRESHOLD_": "1", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.check=3:nonsense=",
           "LC_ALL": "no_SUCH.locale", "LANG": "\x1b[31m", "TERM": "\x1b]0;owned\x07", "COLUMNS": "-1", "PAGER": "/nonexistent",
           "TZ": ":/dev/zero", "TMPDIR": "/proc/self/mem", "XDG_RUNTIME_DIR": "relative", "HOME": "\udcff", "PATH_": "x" * 100000,
           "DEBUGINFOD_URLS": "file:///dev/zero", "MEMPROF": "1", "_": "\udcfe"}


@row("surroundings", "a hostile environment")
def environment():
    for without in (set(), {"LC_ALL"}, {"TMPDIR", "GLIBC_TUNABLES"}):
        exact(PLAIN, 3, env={**os.environ, **{k: v for k, v in HOSTILE.items() if k not in without}})
    bare = subprocess.run(["/usr/bin/env"], capture_output=True, env={**os.environ, **HOSTILE})
    run = subprocess.run([h.MEMPROF, "run", "-q", "-o", "/dev/null", "--", "/usr/bin/env"], capture_output=True, env={**os.environ, **HOSTILE})
    h.equal(run.stdout, bare.stdout, f"the program has the same environment: {run.stderr[-200:]!r}")


@row("surroundings", "LD_PRELOAD of the user's own is kept, in order", tested=True)
def preloads():
    return script("transparency.py")


def in_namespace(name, *command):
    @row("surroundings", name)
    def namespace():
        can(*command)
        exact([*command, *PLAIN], 3)
        file = os.path.join(h.scratch, "namespace.mprof")
        run = subprocess.run([*command, h.MEMPROF, "run", "-q", "-o", file, "--", *PLAIN], capture_output=True, text=True, timeout=300)
        h.equal(run.returncode, 3, f"memprof inside: {run.stderr!r}")
        h.check_stated(opened(run, file), "memprof inside")


in_namespace("user namespace, around the program and around both", "unshare", "-Ur")


@row("surroundings", "PID namespace, around the program and around both")
def pid_namespace():
    root()
    can("unshare", "-pf", "--mount-proc")
    file = os.path.join(h.scratch, "pids.mprof")
    run = subprocess.run(["unshare", "-pf", "--mount-proc", h.MEMPROF, "run", "-q", "-o", file, "--", *PLAIN], capture_output=True,
                         text=True, timeout=300)
    h.equal(run.returncode, 3, f"status: {run.stderr!r}")
    h.check_stated(opened(run, file), "memprof inside")
    folder = os.path.join(h.scratch, "pid-tree")
    run = memprof("run", "-q", "-o", folder + "/", "--", "unshare", "-pf", "--mount-proc", *PLAIN)
    h.equal(run.returncode, 3, f"around the program: {run.stderr!r}")
    of_plain = [f for f in os.listdir(folder) if f.startswith("plain.")]
    if h.equal(len(of_plain), 1, f"around the program: its profile, of {os.listdir(folder)}"):
        h.check_stated(opened(run, os.path.join(folder, of_plain[0])), "around the program")


@row("surroundings", "no permission for ptrace")
def no_ptrace():
    need(shutil.which("strace"), "strace is not installed")
    log = os.path.join(h.scratch, "strace.log")
    file = os.path.join(h.scratch, "traced.mprof")
    run = subprocess.run(["strace", "-f", "-qq", "-e", "trace=none", "-o", log, h.MEMPROF, "run", "-o", file, "--",
                          h.target("ways-out"), "return"], capture_output=True, text=True, timeout=300)
    h.equal(run.returncode, subprocess.run([h.target("ways-out"), "return"], capture_output=True, timeout=60).returncode, "status as alone")
    leaks = json.loads(memprof("leaks", "--json", file).stdout)
    lost = leaks["leaks"]["definite"]
    h.equal((lost["blocks"], lost["bytes"]), (1, 1000), f"traced by strace, searched all the same: {leaks['notes']}")
    h.equal(h.sums(opened(run, file).doc, "lose")["total_blocks"], 2, "recorded")


@row("surroundings", "transparent hugepages for the heap")
def hugepages():
    with open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="ascii") as f:
        need("[never]" not in f.read(), "the kernel gives none")
    exact([h.target("scale"), "live", "300000"], env={**os.environ, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"})


@row("surroundings", "a clock that jumps, in both processes")
def clock():
    preload = os.path.join(h.BUILD, "tests/tools/clock-preload.so")
    need(os.path.exists(preload), "clock-preload.so is not built")
    for seed in ("1", "2", "3"):
        exact([h.target("scale"), "events", "300000"], options=("--snapshot-every", "20ms"),
              env={**os.environ, "LD_PRELOAD": preload, "CLOCK_SEED": seed}, timeout=300)


if __name__ == "__main__":
    run_group()
