# SPDX-License-Identifier: Apache-2.0
"""What others may do to memprof, and what memprof may do to others."""
import contextlib
import ctypes
import ctypes.util
import os
import signal
import stat
import subprocess
import time

from table import can, documented, memprof, need, opened, record, root, row, run_group
import harness as h

FOLDER = os.environ["MEMPROF_RUNTIME_DIR"]


@row("security", "the session's folder is 0700, the segment has no name, others cannot read a profile that is not finished")
def modes():
    file, mask = os.path.join(h.scratch, "unfinished.mprof"), os.umask(0o022)
    host = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", file, "--", h.target("commanded")], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    try:
        host.stdout.readline()
        h.equal(stat.S_IMODE(os.stat(FOLDER).st_mode), 0o700, "the folder")
        sockets = os.listdir(FOLDER)
        h.equal([stat.S_IMODE(os.stat(os.path.join(FOLDER, s)).st_mode) for s in sockets], [0o600], "the socket")
        with open(f"/proc/{host.pid}/maps", encoding="ascii") as f:
            h.check("/memfd:memprof" in f.read(), "the segment has no name in a file system")
        while not os.path.exists(file):
            time.sleep(0.05)
        h.equal(stat.S_IMODE(os.stat(file).st_mode), 0o600, "the profile while the program runs")
    finally:
        host.communicate("q", timeout=300)
        os.umask(mask)
    h.equal(stat.S_IMODE(os.stat(file).st_mode), 0o644, "the finished profile")


@row("security", "a folder for sessions that others may enter is not used, and that is said")
def open_folder():
    entered = os.path.join(h.scratch, "entered")
    os.mkdir(entered)
    os.chmod(entered, 0o755)
    env = {**os.environ, "MEMPROF_RUNTIME_DIR": entered}
    run, file = record([h.target("plain"), "3"], env=env)
    h.equal(run.returncode, 3, f"status: {run.stderr[-300:]!r}")
    h.equal(os.listdir(entered), [], "nothing in it")
    h.check(f"MEMPROF_RUNTIME_DIR={entered} is not used: others may enter it" in run.stderr, f"said: {run.stderr[:300]!r}")
    opened(run, file)
    asked = memprof("list", env=env)
    h.check(asked.returncode == 1 and "is not used" in asked.stderr, f"memprof list: {asked.returncode} {asked.stderr!r}")


@row("security", "no folder for a session at all")
def no_folder():
    root()
    can("unshare", "-m")
    need(os.path.isdir("/mnt"), "there is no /mnt")
    text = f"""mount --bind {h.BUILD} /mnt && mount -t tmpfs -o ro none /tmp && cd / || exit 99
        exec env -u MEMPROF_RUNTIME_DIR -u XDG_RUNTIME_DIR -u TMPDIR /mnt/memprof run -o /dev/null -- /bin/echo started"""
    run = subprocess.run(["unshare", "-m", "sh", "-c", text], capture_output=True, text=True, timeout=300)
    h.equal((run.returncode, run.stdout), (125, ""), f"refused: {run.stderr!r}")


@row("security", "a folder in /tmp that somebody else made, or a link, is not used")
def folders():
    root()
    theirs = os.path.join(h.scratch, "shared")
    os.makedirs(theirs + "/elsewhere")
    os.chmod(theirs, 0o1777)
    os.symlink(theirs + "/elsewhere", f"{theirs}/memprof-{os.geteuid()}")
    env = {k: v for k, v in os.environ.items() if k not in ("MEMPROF_RUNTIME_DIR", "XDG_RUNTIME_DIR")}
    run, file = record([h.target("plain"), "3"], env={**env, "TMPDIR": theirs})
    h.equal(run.returncode, 3, f"status: {run.stderr[-300:]!r}")
    h.equal(os.listdir(theirs + "/elsewhere"), [], "nothing behind the link")
    opened(run, file)


@row("security", "the profile is not written through somebody else's link in a shared folder")
def links():
    root()
    shared, victim = os.path.join(h.scratch, "sticky"), os.path.join(h.scratch, "victim")
    os.makedirs(shared)
    os.chmod(shared, 0o1777)
    with open(victim, "w", encoding="ascii") as f:
        f.write("precious")
    link = os.path.join(shared, "x.mprof")
    os.symlink(victim, link)
    os.lchown(link, 65534, 65534)
    for options in (["-o", link], ["-o", os.path.join(shared, "y.mprof"), "--json", link]):
        run = memprof("run", "-q", *options, "--", h.target("plain"), "3")
        with open(victim, "rb") as f:
            h.equal(f.read(), b"precious", f"what the link leads to (status {run.returncode}, {run.stderr!r})")
        h.equal((run.returncode, run.stdout, run.stderr.count("\n")), (125, "", 1), f"refused before the program starts: {run.stderr!r}")
    return "refused: " + documented("that another user laid into a sticky folder")


WRITERS = (("top", "--json"), ("top", "--csv"), ("top", "--folded"), ("stat", "--json"), ("growth", "--json"), ("growth", "--csv"),
           ("pools", "--json"), ("pools", "--csv"), ("diff", "--json"), ("diff", "--csv"), ("compare", "--json"), ("compare", "--csv"),
           ("merge", "-o"), ("symbolize", "-o"), ("leaks", "--json"), ("leaks", "--report=json"), ("duplicates", "--json"),
           ("findings", "--json"), ("check", "--report=text", "--from"), ("check", "--update-baseline", "--from"))


def writer(command, options, link, profile, other):
    """The command with its output where the link is."""
    two = [profile, other] if command in ("diff", "compare", "merge") else [profile]
    if options[0] == "--update-baseline":
        return ["--update-baseline", f"--baseline={link}", "--from", profile]
    if "=" in options[0]:
        return [f"{options[0]}={link}", *options[1:], *two]
    return [*([options[0], link] if options[0] == "-o" else [f"{options[0]}={link}"]), *two]


@row("security", "no report of any command is written through somebody else's link, be it laid while the program runs")
def report_links():
    root()
    shared, victim = os.path.join(h.scratch, "sticky-reports"), os.path.join(h.scratch, "victim-of-reports")
    os.makedirs(shared)
    os.chmod(shared, 0o1777)
    (_, profile), (_, other) = (record([h.target("pool-mix")], "--allocator=pool", "--duplicates") for _ in range(2))
    link = os.path.join(shared, "report")
    os.symlink(victim, link)
    os.lchown(link, 65534, 65534)
    for command, *options in WRITERS:
        run = memprof(command, *writer(command, options, link, profile, other))
        h.check(run.returncode not in (0, 2) and run.stderr.count("\n") == 1 and "another user laid it" in run.stderr,
                f"{command} {options[0]}: {run.returncode} {run.stderr!r}")
        h.check(not os.path.exists(victim), f"{command} {options[0]}: nothing is written behind the link")
        h.check(os.path.islink(link), f"{command} {options[0]}: the link is there")
        with contextlib.suppress(OSError):
            os.unlink(victim)
    for option in ("--json", "--csv", "--folded", "--report=text", "-o"):
        later = os.path.join(shared, "later" + option)
        lay = f'ln -sf {victim} "$0" && chown -h 65534:65534 "$0" && exec {h.target("plain")} 3'
        where = [f"{option}={later}"] if "=" in option else [option, later]
        run = memprof("run", "-q", *(["-o", os.path.join(h.scratch, "later.mprof")] if option != "-o" else []), *where, "--", "sh", "-c", lay, later)
        h.check("total_blocks=12" in run.stdout, f"{option}, laid later: the program ran: {run.stderr!r}")
        h.check(not os.path.exists(victim), f"{option}, laid later: nothing behind the link (status {run.returncode}, {run.stderr!r})")
        with contextlib.suppress(OSError):
            os.unlink(victim)
    return documented("is refused, whatever")


def vandals(seeds):
    for seed in seeds:
        run, file = record([h.target("vandal"), str(seed)], timeout=300)
        h.check(run.returncode in (3, 125, 128 + signal.SIGALRM, 128 + signal.SIGSEGV, 128 + signal.SIGBUS),
                f"seed {seed}: memprof ended as a program should: {run.returncode} {run.stderr[-200:]!r}")
        h.check("ranges=0" not in run.stdout, f"seed {seed}: it found the segment")
        if os.path.exists(file):
            h.check(memprof("top", file).returncode in (0, 65), f"seed {seed}: the profile opens or is refused")


@row("security", "a target that writes garbage all over the shared segment, 4 seeds")
def vandals_short():
    vandals(range(4))


@row("security", "a target that writes garbage all over the shared segment, 60 seeds", long=True)
def vandals_long():
    vandals(range(4, 64))


@row("security", "environment and contents of the program are not stored")
def contents():
    library = ctypes.util.find_library("zstd")
    need(library, "libzstd is not installed")
    zstd = ctypes.CDLL(library)
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    zstd.ZSTD_findFrameCompressedSize.restype = ctypes.c_size_t
    zstd.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
    code = "import os; x = [os.environ['PASSWORD'] + '%d' % i for i in range(3000)]"
    run, file = record(["/usr/bin/python3", "-c", code], env={**os.environ, "PASSWORD": "sesame-open-4711", "PYTHONMALLOC": "malloc"})
    h.equal(run.returncode, 0, run.stderr[-200:])
    with open(file, "rb") as f:
        data = f.read()
    whole, at, frames = data, 0, 0
    while (at := data.find(b"\x28\xb5\x2f\xfd", at)) >= 0:
        size = zstd.ZSTD_getFrameContentSize(data[at:], ctypes.c_size_t(len(data) - at))
        if size < 1 << 30:
            room = ctypes.create_string_buffer(size + 1)
            length = zstd.ZSTD_findFrameCompressedSize(data[at:], ctypes.c_size_t(len(data) - at))
            if length < 1 << 30 and zstd.ZSTD_decompress(room, ctypes.c_size_t(size), data[at:at + length], ctypes.c_size_t(length)) == size:
                whole += room.raw
                frames += 1
        at += 4
    h.check(frames > 0 and b"python3" in whole, f"{frames} compressed pieces were looked into")
    h.check(b"sesame" not in whole, "neither the environment nor what blocks hold")


if __name__ == "__main__":
    run_group()
