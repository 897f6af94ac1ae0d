# SPDX-License-Identifier: Apache-2.0
"""A program that runs and a memprof that attaches to it, for the tests of attaching."""
import json
import os
import shutil
import signal
import subprocess

import harness as h

TIMEOUT = "60s"  # on a busy machine
counter = 0


def memprof(*arguments, timeout=120):
    return subprocess.run([h.MEMPROF, *map(str, arguments)], capture_output=True, text=True, timeout=timeout)


class Program:
    """A program that obeys letters (tests/targets/attached.c)."""

    def __init__(self, *arguments, name="attached", before=(), env=None):
        command = [*before, h.target(name), *arguments]
        if name == "attached" and not arguments:
            command += [h.target("swap-plugin-1.so"), "swap-plugin-2.so", shutil.which("cat")]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        self.said = {}
        self.pid = int(self.read_until("ready"))

    def read_until(self, key):
        for line in self.child.stdout:
            name, _, value = line.decode().strip().partition("=")
            self.said[name] = value
            if name == key:
                return value
        return None

    def obey(self, letter, wait=True):
        self.child.stdin.write(letter.encode())
        self.child.stdin.flush()
        return self.read_until("done") if wait else None

    def state(self):
        with open(f"/proc/{self.pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0]

    def sound(self, name):
        """Nothing has failed for memprof's sake, and it ends as it would."""
        self.obey("t")
        self.obey("i")
        h.equal((self.said["interrupted"], self.said["wrong_sums"]), ("0", "0"), f"{name}: system calls and numbers")
        h.equal(self.end(), 0, f"{name}: its end")

    def stated(self):
        return {k: int(v) for k, v in self.said.items() if k in h.TOTALS}

    def end(self):
        self.child.stdin.close()
        return self.child.wait(60)


class Attached:
    """`memprof attach`, once records flow."""

    def __init__(self, pid, *options, command=(h.MEMPROF,), env=None):
        global counter
        counter += 1
        self.pid = pid
        self.base = os.path.join(h.scratch, f"attach{counter}")
        self.profile = self.base + ".mprof"
        self.child = subprocess.Popen(
            [*command, "attach", "--timeout", TIMEOUT, "-o", self.profile, "--json", self.base + ".json", "-g", "traceback",
             "--by", "total", "-t", "0", *options, str(pid)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.first = self.child.stderr.readline()
        self.begun = self.first.startswith(f"memprof: recording process {pid}")

    def finished(self):
        out, self.err = self.child.communicate(timeout=300)
        self.status = self.child.returncode
        try:
            with open(self.base + ".json", encoding="utf-8") as f:
                self.doc = json.load(f)
        except OSError:
            self.doc = None
        return self

    def interrupt(self):
        self.child.send_signal(signal.SIGINT)
        return self.finished()


def mapped(pid, what):
    with open(f"/proc/{pid}/maps") as f:
        return sum(what in line for line in f)


OURS = next(p for p in (os.path.join(h.BUILD, d, "libmemprof-preload.so") for d in ("preload/.libs", ".libs")) if os.path.exists(p))


def installed(name, library):
    """A memprof of its own, with that library or none."""
    folder = os.path.join(h.scratch, name)
    os.makedirs(os.path.join(folder, ".libs"))
    shutil.copy(h.MEMPROF, os.path.join(folder, "memprof"))
    shutil.copy(library, os.path.join(folder, ".libs/libmemprof-preload.so"))
    return folder
