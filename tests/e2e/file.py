# SPDX-License-Identifier: Apache-2.0
"""The profile file: its size with many snapshots, what is left of it when its
writer dies or the file is cut, and names that are found later."""

import ctypes
import http.server
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import harness
from harness import check, equal, finish

MEMPROF = harness.MEMPROF
SERIES = os.path.join(harness.BUILD, "tests/tools/make-series")


def path(name):
    return os.path.join(harness.scratch, name)


def memprof(*arguments):
    return subprocess.run([MEMPROF, *arguments], capture_output=True, text=True, timeout=300)


def report(file, *options):
    """The JSON of memprof top, {} if it fails."""
    done = memprof("top", "--json", "-", "-g", "traceback", "-t", "0", *options, file)
    if not check(done.returncode == 0, f"top of {os.path.basename(file)}: {done.stderr.strip()}"):
        return {}
    return json.loads(done.stdout)


def functions(doc):
    return {f["function"] for row in doc.get("stats", []) for f in row["traceback"]}


def lines(doc):
    return {(os.path.basename(f["file"] or ""), f["line"]) for row in doc.get("stats", []) for f in row["traceback"]}


# ------------------------------------------------------------ many snapshots


def make_series(name, stacks, snapshots, *options):
    done = subprocess.run([SERIES, *options, str(stacks), str(snapshots), path(name)], capture_output=True, text=True,
                          timeout=300)
    equal(done.returncode, 0, f"make-series: {done.stderr.strip()}")
    said = {}
    for line in done.stdout.splitlines():
        if line.startswith("snapshot="):
            fields = dict(pair.split("=") for pair in line.split())
            said[int(fields["snapshot"])] = int(fields["live_bytes"])
        else:
            key, _, value = line.partition("=")
            said[key] = int(value)
    return said


def live(doc):
    return sum(row["live_bytes"] for row in doc.get("stats", []))


def many_snapshots():
    said = make_series("many.mprof", 50000, 1000)
    size = os.path.getsize(path("many.mprof"))
    check(size < 20_000_000, f"1,000 snapshots of 50,000 stacks take {size:,} bytes")
    for number in (1, 2, 250, 1000):
        doc = report(path("many.mprof"), "--snapshot", str(number), "--by", "live", "-g", "module")
        equal(live(doc), said[number], f"live bytes in snapshot {number}")
    equal(live(report(path("many.mprof"), "--by", "live", "-g", "module")), said["live_bytes"], "live bytes at exit")
    doc = report(path("many.mprof"), "--snapshot", "step 250", "--by", "live", "-g", "module")
    equal(live(doc), said[250], "live bytes in the snapshot with a label")


def a_journal_has_the_same_numbers():
    said = make_series("journal.mprof", 2000, 40, "--journal")
    whole = path("journal.mprof")
    equal(live(report(whole, "--by", "live")), said["live_bytes"], "live bytes of a journal")
    size = os.path.getsize(whole)
    cut = path("cut.mprof")
    with open(whole, "rb") as f:
        content = f.read()
    for part in (0.3, 0.6, 0.95):
        with open(cut, "wb") as f:
            f.write(content[: int(size * part)])
        done = memprof("top", cut)
        equal(done.returncode, 0, f"top of a file cut to {part:.0%}")
        check(f"of {int(size * part):,}" in done.stdout, f"it is said where the file is cut: {done.stdout[:600]!r}")
        doc = report(cut, "--snapshot", "last", "--by", "live")
        equal(live(doc), doc.get("totals", {}).get("live_bytes"), "the last whole snapshot is what the file shows")


# --------------------------------------------------------- damaged and cut


def the_cut_is_kept():
    """A file with names made of one that was cut says the same of it."""
    make_series("torn.mprof", 500, 10, "--journal")
    for name, change in (("short", lambda b: b[: len(b) * 2 // 3]), ("bad", lambda b: b[: len(b) - 9] + b"\0" * 9)):
        with open(path("torn.mprof"), "rb") as f:
            content = change(f.read())
        with open(path("part.mprof"), "wb") as f:
            f.write(content)
        note = [line for line in memprof("top", path("part.mprof")).stdout.splitlines() if "note: this file" in line]
        equal(len(note), 1, f"a {name} file says so")
        done = memprof("symbolize", "-o", path("part-named.mprof"), path("part.mprof"))
        equal(done.returncode, 0, f"symbolize of a {name} file: {done.stderr!r}")
        again = memprof("top", path("part-named.mprof")).stdout.splitlines()
        check(note and note[0] in again, f"symbolize keeps {note}")


def damaged_files(content):
    """Contents that no reader may take for a profile: cut anywhere, and with any byte changed."""
    size = len(content)
    for part in range(0, size // 2, max(1, size // 20)):
        yield content[:part]
    for at in range(3, size, max(1, size // 40)):
        yield content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :]
    yield content + b"more"
    yield b"\0" * 4096
    yield b"{}\n"


def every_command_refuses_damage():
    make_series("sound.mprof", 300, 3)  # enough of what a cut file cannot do without
    with open(path("sound.mprof"), "rb") as f:
        content = f.read()
    sound, bad, out = path("sound.mprof"), path("bad.mprof"), path("never.mprof")
    commands = (["top"], ["top", "--json", "-"], ["stat"], ["diff"], ["diff", sound], ["compare", sound],
                ["merge", "-o", out, sound], ["symbolize", "-o", out])
    for number, damaged in enumerate(damaged_files(content)):
        with open(bad, "wb") as f:
            f.write(damaged)
        for command in commands if number % 5 == 0 else commands[:1]:
            done = memprof(*command, bad)
            what = f"{' '.join(command[:1])} of damaged file {number}"
            equal(done.returncode, 65, what)
            equal(len(done.stderr.splitlines()), 1, f"{what} says one line: {done.stderr!r}")
            equal(done.stdout, "", f"{what} shows nothing")
    check(not os.path.exists(out), "no output is made of a damaged file")
    for command in commands:
        for odd, code in ((harness.scratch, 1), ("/dev/zero", 65), (os.devnull, 65)):
            done = memprof(*command, odd)
            equal(done.returncode, code, f"{command[0]} of {odd}")
            equal(len(done.stderr.splitlines()), 1, f"{command[0]} of {odd} says one line: {done.stderr!r}")


def one_clear_error():
    make_series("small.mprof", 50, 3)
    with open(path("small.mprof"), "rb") as f:
        content = bytearray(f.read())
    content[len(content) // 2] ^= 0x10
    with open(path("flipped.mprof"), "wb") as f:
        f.write(content)
    with open(path("short.mprof"), "wb") as f:
        f.write(content[:200])
    for command in (["top"], ["symbolize"], ["stat"], ["diff"]):
        for name in ("flipped.mprof", "short.mprof"):
            done = memprof(*command, path(name))
            equal(done.returncode, 65, f"{command[0]} of {name}")
            equal(len(done.stderr.splitlines()), 1, f"{command[0]} of {name} says one line: {done.stderr!r}")
            check(name in done.stderr, "the line names the file")


def killed_host():
    """SIGKILL to memprof itself: the file has the last checkpoint, with names."""
    file = path("killed.mprof")
    program = "import time\nkept = [bytearray(5000 + i) for i in range(200)]\nprint('ready', flush=True)\ntime.sleep(60)"
    host = subprocess.Popen([MEMPROF, "run", "-q", "-o", file, "--", shutil.which("python3") or "python3", "-c", program],
                            stdout=subprocess.PIPE, text=True)
    host.stdout.readline()
    deadline = time.monotonic() + 60
    doc = {}
    while time.monotonic() < deadline and doc.get("totals", {}).get("live_bytes", 0) < 1_000_000:
        time.sleep(0.2)
        done = memprof("top", "--json", "-", file)
        doc = json.loads(done.stdout) if done.returncode == 0 else {}
    check(doc.get("totals", {}).get("live_bytes", 0) >= 1_000_000, "a checkpoint is in the file while the program runs")
    refused = memprof("symbolize", file)
    equal(refused.returncode, 2, "a file that is being written is not replaced")
    check("still being written" in refused.stderr, f"and it is said why: {refused.stderr!r}")
    child = doc.get("process", {}).get("pid")
    host.send_signal(signal.SIGKILL)
    host.wait()
    if child:
        os.kill(child, signal.SIGKILL)
    host.stdout.close()
    after = report(file, "--by", "live")
    check(after.get("totals", {}).get("live_bytes", 0) >= 1_000_000, "the last checkpoint is there when the host is dead")
    check(any(f for f in functions(after)), "with names of functions")
    text = memprof("top", file).stdout
    check("into the run" in text, f"and it is said that there is no more: {text[:500]!r}")
    named = memprof("symbolize", file)
    equal(named.returncode, 0, f"symbolize: {named.stderr!r}")
    check("(before: 0)" in named.stdout, f"symbolize says what is new: {named.stdout!r}")
    # it also reads what takes long, as the C library's inlined functions
    missing = functions(after) - functions(report(file, "--by", "live"))
    equal(missing, set(), "the names are in the file now")


# ------------------------------------------------------------- names later

SOURCE = """
#include <stdlib.h>
void *kept[100];
__attribute__((noinline)) void keep_blocks(void)
{
    for (int i = 0; i < 100; i++)
        kept[i] = malloc(1000);
}
int main(void) { keep_blocks(); return 0; }
#ifdef OTHER
int other = 1; /* clang's build ID does not tell options apart that change no code */
#endif
"""


def build(folder, extra=()):
    with open(os.path.join(folder, "keeper.c"), "w", encoding="utf-8") as f:
        f.write(SOURCE)
    cc = os.environ.get("CC", "cc").split()
    subprocess.run([*cc, "-g", "-O1", "-Wl,--build-id", *extra, "-o", os.path.join(folder, "keeper"),
                    os.path.join(folder, "keeper.c")], check=True, timeout=60)


def names_later():
    folder, debug, root = path("build"), path("debug"), path("root")
    for each in (folder, debug, root):
        os.mkdir(each)
    binary, file = os.path.join(folder, "keeper"), path("keeper.mprof")
    try:
        build(folder)
        notes = subprocess.run(["readelf", "-n", binary], check=True, capture_output=True, text=True, timeout=60).stdout
        build_id = notes.partition("Build ID: ")[2].split()[0]
        os.makedirs(os.path.join(debug, ".build-id", build_id[:2]))
        separate = os.path.join(debug, ".build-id", build_id[:2], build_id[2:] + ".debug")
        subprocess.run(["objcopy", "--only-keep-debug", binary, separate], check=True, timeout=60)
        shutil.copy(binary, path("whole"))
        subprocess.run(["strip", binary], check=True, timeout=60)
    except (OSError, subprocess.SubprocessError, IndexError) as e:
        print(f"names later: left out: {e}")
        return
    done = subprocess.run([MEMPROF, "run", "-q", "-o", file, "--", binary], capture_output=True, timeout=60)
    equal(done.returncode, 0, "the stripped program runs")
    check("keep_blocks" not in functions(report(file)), "a stripped program has no names")

    done = memprof("symbolize", "-o", path("named.mprof"), "--debug-dir", debug, file)
    equal(done.returncode, 0, f"symbolize with a debug file: {done.stderr!r}")
    doc = report(path("named.mprof"))
    check("keep_blocks" in functions(doc), "the debug file gives functions")
    check(("keeper.c", 7) in lines(doc), "and lines")
    check("keep_blocks" not in functions(report(file)), "-o leaves the profile as it is")

    os.makedirs(root + folder)
    shutil.copy(path("whole"), root + binary)
    os.remove(binary)
    done = memprof("symbolize", "-o", path("gone.mprof"), file)
    check("left as it is" in done.stdout and "not here" in done.stdout, f"a file that is gone is named: {done.stdout!r}")
    done = memprof("symbolize", "-o", path("rooted.mprof"), "--sysroot", root, file)
    check("keep_blocks" in functions(report(path("rooted.mprof"))), f"names from a sysroot: {done.stdout!r}")

    build(folder, ["-DOTHER", "-O2"])
    done = memprof("symbolize", file)
    equal(done.returncode, 0, "symbolize with another build")
    check("another build" in done.stdout, f"another build is refused: {done.stdout!r}")
    check("keep_blocks" not in functions(report(file)), "and gives no names")
    os.remove(binary)
    again = memprof("symbolize", path("named.mprof"))
    equal(again.returncode, 0, "symbolize where nothing is to be found any more")
    check("keep_blocks" in functions(report(path("named.mprof"))), "what was known stays")
    before = report(file)
    equal({k: doc["totals"][k] for k in doc["totals"]}, before.get("totals"), "names change no numbers")


class Server(http.server.BaseHTTPRequestHandler):
    """A debuginfod that knows the files in `answers`, by path."""

    answers = {}
    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        content = self.answers.get(self.path)
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        pass


def names_from_a_server():
    """--debuginfod asks by build ID; without it nobody is asked, and a wrong answer is no answer."""
    folder, file = path("served"), path("served.mprof")
    binary = os.path.join(folder, "keeper")
    os.mkdir(folder)
    try:
        ctypes.CDLL("libdebuginfod.so.1")
        build(folder)
        notes = subprocess.run(["readelf", "-n", binary], check=True, capture_output=True, text=True, timeout=60).stdout
        build_id = notes.partition("Build ID: ")[2].split()[0]
        subprocess.run(["objcopy", "--only-keep-debug", binary, path("served.debug")], check=True, timeout=60)
        shutil.copy(binary, path("served.whole"))
        subprocess.run(["strip", binary], check=True, timeout=60)
    except (OSError, subprocess.SubprocessError, IndexError) as e:
        print(f"names from a server: left out: {e}")
        return
    equal(subprocess.run([MEMPROF, "run", "-q", "-o", file, "--", binary], timeout=60).returncode, 0, "run")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"/buildid/{build_id}/debuginfo"

    def symbolize(output, *options, urls=f"http://127.0.0.1:{server.server_port}"):
        environment = dict(os.environ, DEBUGINFOD_URLS=urls, DEBUGINFOD_CACHE_PATH=path(output + ".cache"))
        environment.pop("DEBUGINFOD_PROGRESS", None)
        return subprocess.run([MEMPROF, "symbolize", *options, "-o", path(output), file], capture_output=True,
                              text=True, timeout=120, env=environment)

    equal(symbolize("unasked.mprof").returncode, 0, "symbolize without --debuginfod")
    check(url not in Server.asked, f"nobody is asked without --debuginfod: {Server.asked}")
    equal(symbolize("unknown.mprof", "--debuginfod").returncode, 0, "a server that does not know the program")
    check(url in Server.asked, f"the server is asked for the build ID: {Server.asked}")
    check("keep_blocks" not in functions(report(path("unknown.mprof"))), "and gives no names")
    with open("/bin/sh", "rb") as f:
        Server.answers[url] = f.read()
    equal(symbolize("wrong.mprof", "--debuginfod").returncode, 0, "a server with another build")
    check("keep_blocks" not in functions(report(path("wrong.mprof"))), "a wrong answer gives no names")
    Server.answers[url] = b"this is no ELF file"
    equal(symbolize("text.mprof", "--debuginfod").returncode, 0, "a server that answers with a text")
    with open(path("served.debug"), "rb") as f:
        Server.answers[url] = f.read()
    done = symbolize("served-named.mprof", "--debuginfod")
    equal(done.returncode, 0, f"symbolize with --debuginfod: {done.stderr!r}")
    doc = report(path("served-named.mprof"))
    check("keep_blocks" in functions(doc), f"the server's debug file gives functions: {Server.asked}")
    check(("keeper.c", 7) in lines(doc), "and lines")
    os.remove(binary)
    symbolize("moved.mprof", "--debuginfod")
    check("keep_blocks" in functions(report(path("moved.mprof"))), "also where the program itself is not to be found")
    none = symbolize("none.mprof", "--debuginfod", urls="")
    equal(none.returncode, 2, "--debuginfod without a server")
    check("DEBUGINFOD_URLS" in none.stderr, f"says what to set: {none.stderr!r}")
    server.shutdown()


many_snapshots()
a_journal_has_the_same_numbers()
the_cut_is_kept()
every_command_refuses_damage()
one_clear_error()
killed_host()
names_later()
names_from_a_server()
finish()
