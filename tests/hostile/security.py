# SPDX-License-Identifier: Apache-2.0
"""What others may do to memprof, and what memprof may do to others."""
import contextlib
import ctypes
import ctypes.util
import json
import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time

from table import can, documented, memprof, need, opened, record, root, row, run_group
import harness as h

FOLDER = os.environ["MEMPROF_RUNTIME_DIR"]
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
SECRET = "sesame-open-4711"
VANDAL_BYTES = 1 << 30  # a tenth of it, but for what the sanitizers keep


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
    os.makedirs(theirs)
    os.mkdir(theirs + "/elsewhere", 0o700)  # as it should be, but for how it is come by
    os.chmod(theirs, 0o1777)
    os.symlink(theirs + "/elsewhere", f"{theirs}/memprof-{os.geteuid()}")
    env = {k: v for k, v in os.environ.items() if k not in ("MEMPROF_RUNTIME_DIR", "XDG_RUNTIME_DIR")}
    file = os.path.join(h.scratch, "beside-link.mprof")
    host = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", file, "--", h.target("commanded")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True, env={**env, "TMPDIR": theirs})
    h.check(host.stdout.readline().startswith("pid="), "it has begun")
    h.equal(os.listdir(theirs + "/elsewhere"), [], "nothing behind the link while it runs")
    out, _ = host.communicate("gq", timeout=300)
    h.equal((host.returncode, "live_blocks=10" in out), (0, True), f"it ran: {out!r}")
    h.equal(os.listdir(theirs + "/elsewhere"), [], "nor behind it then")
    done = opened(subprocess.CompletedProcess([], 0, out, ""), file)
    h.equal(h.sums(done.doc, "take_block")["total_blocks"], 10, "recorded")


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


def watched(child, seconds):
    """Wait for a process, and kill it after so many; the most memory of its own that it was seen to have."""
    most, end = 0, time.monotonic() + seconds
    while child.poll() is None:
        with contextlib.suppress(OSError), open(f"/proc/{child.pid}/status", encoding="utf-8") as f:
            most = max([most] + [int(n) << 10 for n in re.findall(r"^RssAnon:\s+(\d+)", f.read(), re.M)])
        if time.monotonic() > end:
            child.kill()
        time.sleep(0.005)
    return most


def measured(argv):
    """`argv`, which ends within a minute, and the most memory that its own process had."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        most = watched(child, 60)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(argv, child.returncode, out.buffer.read().decode(errors="replace"),
                                           err.buffer.read().decode(errors="replace")), most


def vandals(seeds):
    most = 0
    for seed in seeds:
        file = os.path.join(h.scratch, f"vandal{seed}.mprof")
        run, bytes_taken = measured([h.MEMPROF, "run", "-o", file, "--", h.target("vandal"), str(seed)])
        most = max(most, bytes_taken)
        h.check(0 < bytes_taken < VANDAL_BYTES, f"seed {seed}: memprof took {bytes_taken >> 20} MiB")
        h.check(run.returncode in (3, 125, 128 + signal.SIGALRM, 128 + signal.SIGSEGV, 128 + signal.SIGBUS),
                f"seed {seed}: memprof ended as a program should: {run.returncode} {run.stderr[-200:]!r}")
        h.check("ranges=0" not in run.stdout, f"seed {seed}: it found the segment")
        if os.path.exists(file):
            h.check(memprof("top", file, timeout=60).returncode in (0, 65), f"seed {seed}: the profile opens or is refused")
    return f"memprof took {most >> 20} MiB at most"


@row("security", "a target that writes garbage all over the shared segment, 4 seeds")
def vandals_short():
    return vandals(range(4))


@row("security", "a target that writes garbage all over the shared segment, 60 seeds", long=True)
def vandals_long():
    return vandals(range(4, 64))


# As another user: what each attempt ended with, by name.
TRY = """
import errno, json, os, socket, sys
file, folder, sockets, host, target, requests = json.loads(sys.argv[1])
ended = {}
def attempt(name, what):
    try:
        ended[name] = what()
    except OSError as e:
        ended[name] = errno.errorcode[e.errno]
def ask(request):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(20)
        s.connect(sockets[0])
        s.send(bytes.fromhex(request))
        answer, ancillary, _, _ = s.recvmsg(65536, 1024)
        return [len(answer), len(ancillary)]
if file:
    attempt("profile", lambda: len(open(file, "rb").read()))
    attempt("folder", lambda: os.listdir(folder))
    for name, pid in (("memprof", host), ("program", target)):
        attempt(name + "'s memory", lambda: len(open(f"/proc/{pid}/mem", "rb").read(1)))
        attempt(name + "'s descriptors", lambda: os.listdir(f"/proc/{pid}/fd"))
        attempt(name + "'s environment", lambda: len(open(f"/proc/{pid}/environ", "rb").read()))
        attempt(name + " signalled", lambda: os.kill(pid, 12))
for name, request in requests.items():
    attempt(name, lambda: ask(request))
print(json.dumps(ended))
"""


def requests(pid):
    """What may be said at the socket, in hexadecimal, by name."""
    def number(name, header):
        with open(os.path.join(h.SOURCE, header), encoding="utf-8") as f:
            return int(re.search(rf"#define {name} (0x[0-9a-f]+|[0-9]+)u", f.read())[1], 0)
    said = {f"request {kind}": struct.pack("<IIIIqQ256s", number("CONTROL_MAGIC", "src/host/recording/control.h"),
                                           number("CONTROL_VERSION", "src/host/recording/control.h"), kind, 0, 0 if kind == 1 else pid, 0, b"theirs")
            for kind in range(1, 7)}
    version = number("SEGMENT_VERSION", "src/shared/record.h")
    # as a program that is to be recorded, and as one that is about to execute another
    said["hello"] = struct.pack("<6I", number("HELLO_MAGIC", "src/shared/record.h"), version, pid, 0, 0, 0)
    said["question"] = struct.pack("<6I", number("EXECUTE_MAGIC", "src/shared/record.h"), version, 0, 9, 1, 0) + b"/bin/true"
    return {name: text.hex() for name, text in {**said, "nonsense": b"\x7f" * 400, "one byte": b"x"}.items()}


def tried(prefix, *what):
    run = subprocess.run([*prefix, "/usr/bin/python3", "-I", "-c", TRY, json.dumps(what)], capture_output=True, text=True, timeout=300, cwd="/")
    need(run.returncode == 0, f"python3 as another user: {run.stderr.strip()[-200:]}")
    return json.loads(run.stdout)


@row("security", "another user reads, signals and asks in vain; where the folder was opened to others, too")
def another_user():
    root()
    need(shutil.which("setpriv"), "util-linux is not installed")
    os.chmod(h.scratch, 0o755)
    file = os.path.join(h.scratch, "theirs.mprof")
    host = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", file, "--", h.target("commanded")], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    try:
        pid = int(host.stdout.readline().strip().partition("=")[2])
        while not os.path.exists(file):
            time.sleep(0.05)
        sockets = [os.path.join(FOLDER, s) for s in os.listdir(FOLDER) if s.startswith(f"{host.pid}-")]
        h.equal(len(sockets), 1, "memprof's socket")
        ended = tried(AS_NOBODY, file, FOLDER, sockets, host.pid, pid, requests(pid))
        h.check(len(ended) == 20, f"all was tried: {ended}")
        for name, result in ended.items():
            h.check(result in ("EACCES", "EPERM"), f"{name} by another user: {result}")
        os.chmod(FOLDER, 0o711)
        os.chmod(sockets[0], 0o666)
        ended = tried(AS_NOBODY, None, None, sockets, 0, 0, requests(pid))
        for name, result in ended.items():
            h.check(result in ([0, 0], "ECONNRESET", "EPIPE"), f"{name} where the folder is open: no answer, {result}")
        os.chmod(FOLDER, 0o700)
        own = tried([], None, None, sockets, 0, 0, {k: v for k, v in requests(pid).items() if k in ("request 1", "request 2", "question")})
        for name, result in own.items():
            h.check(isinstance(result, list) and result[0] > 0, f"{name} by the same user is answered: {result}")
    finally:
        os.chmod(FOLDER, 0o700)
        host.communicate("q", timeout=300)
    h.equal(host.returncode, 0, "the program ends as alone")
    taken = json.loads(memprof("stat", "--json", "-", file).stdout)["snapshots"]
    h.equal([s["label"] for s in taken], ["theirs"], "one snapshot, the user's own")


def unpacked(data):
    """All that a profile holds, compressed pieces as well; and their number."""
    library = ctypes.util.find_library("zstd")
    need(library, "libzstd is not installed")
    zstd = ctypes.CDLL(library)
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    zstd.ZSTD_findFrameCompressedSize.restype = ctypes.c_size_t
    zstd.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
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
    return whole, frames


def segment_of(pid):
    """The bytes of memprof's segment that are there."""
    found = b""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{fd}"
        try:
            to = os.readlink(path)
        except FileNotFoundError:
            continue  # memprof goes on working, and closes files meanwhile
        if "memfd:memprof" not in to:
            continue
        with open(path, "rb", buffering=0) as f:
            at = 0
            with contextlib.suppress(OSError):  # ENXIO: no more data
                while True:
                    at = os.lseek(f.fileno(), at, os.SEEK_DATA)
                    end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
                    found += os.pread(f.fileno(), end - at, at)
                    at = end
    return found


# Keeps the secret in many blocks, loses some, and waits in between.
KEEPER = """
import ctypes, os, sys
x = [os.environ['PASSWORD'] + '%d' % i for i in range(3000)]
libc = ctypes.CDLL(None)
libc.strdup.restype = ctypes.c_void_p
for i in range(100): libc.strdup(os.environ['PASSWORD'].encode())
print('ready', flush=True)
sys.stdin.read()
"""


@row("security", "environment and contents of the program are not stored: not in the segment, the unfinished profile, the finished one")
def contents():
    file = os.path.join(h.scratch, "keeper.mprof")
    host = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", file, "--snapshot-every", "50ms", "--leak-check=full", "--", "/usr/bin/python3", "-c", KEEPER,
                             "an-argument"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "PASSWORD": SECRET, "PYTHONMALLOC": "malloc"})
    h.equal(host.stdout.readline(), "ready\n", "it has begun")
    said = memprof("leaks", str(json.loads(memprof("list", "--json").stdout)[0]["pid"]), "--json")
    h.equal(said.returncode, 0, f"a search meanwhile: {said.stderr[-200:]}")
    time.sleep(0.3)  # for snapshots
    segment = segment_of(host.pid)
    with open(file, "rb") as f:
        unfinished, _ = unpacked(f.read())
    _, err = host.communicate(timeout=300)
    h.equal(host.returncode, 0, err[-200:])
    with open(file, "rb") as f:
        whole, frames = unpacked(f.read())
    h.check(frames > 0 and b"python3" in whole, f"{frames} compressed pieces were looked into")
    h.check(len(segment) > 100000 and b"python3" in segment + unfinished, "the segment and the unfinished profile were looked into")
    for name, data in (("segment", segment), ("unfinished profile", unfinished), ("profile", whole), ("search's report", said.stdout.encode())):
        h.check(SECRET.encode()[:6] not in data, f"{name}: neither the environment nor what blocks hold")
    h.check(b"an-argument" in whole, "the arguments are kept")
    shown, shown_file = record(["/usr/bin/python3", "-c", KEEPER], "--contents", env={**os.environ, "PASSWORD": SECRET, "PYTHONMALLOC": "malloc"})
    h.equal(shown.returncode, 0, shown.stderr[-200:])
    # their bytes lie in columns, where the search above would not find them
    for what, profile, kept in (("with --contents", shown_file, True), ("without", file, False)):
        said = memprof("leaks", "--contents", "--top=0", profile)
        h.equal((said.returncode, SECRET in said.stdout), (0, kept), f"{what}: what lost blocks hold is shown")
        h.check("strdup" in said.stdout, f"{what}: blocks with the secret are lost")
    return documented("its command line with all arguments")


if __name__ == "__main__":
    run_group()
