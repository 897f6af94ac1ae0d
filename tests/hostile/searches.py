# SPDX-License-Identifier: Apache-2.0
"""Searches for leaks in programs that do not stand still for them."""
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

from table import memprof, need, record, row, run_group
import harness as h

os.environ["MEMPROF_RUNTIME_DIR"] = os.path.join(h.scratch, "searches")
LOST = 3  # blocks of 100 bytes, which search-asked has lost when it says pid=


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answered(port, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
        time.sleep(0.1)
    return False


def kinds(said):
    return {k: v["blocks"] for k, v in json.loads(said.stdout)["leaks"].items()}


@contextlib.contextmanager
def recorded(argv, *options, **popen):
    """`memprof run` of a program that goes on; its profile is row `file` of the popen."""
    file = os.path.join(h.scratch, f"search{random.getrandbits(48):x}.mprof")
    child = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", file, *options, "--", *map(str, argv)], text=True, **popen)
    child.file = file
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(60)


@row("searches", "200 of redis-server under redis-benchmark", long=True)
def redis():
    need(shutil.which("redis-server") and shutil.which("redis-benchmark"), "redis is not installed")
    port, held, seen = free_port(), [], []
    with recorded(["redis-server", "--port", port, "--save", "", "--dir", h.scratch], stdout=subprocess.DEVNULL) as server:
        h.check(answered(port), "the server answers")
        load = subprocess.Popen(["redis-benchmark", "-p", str(port), "-q", "-l", "-n", "100000", "-c", "10", "-r", "10000",
                                 "-t", "set,lpush,hset,get"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for i in range(200):
                said = memprof("leaks", "redis-server", "--json", timeout=120)
                if not h.equal(said.returncode, 0, f"search {i}: {said.stderr.strip()[-200:]}"):
                    break
                held.append(json.loads(said.stdout)["held_seconds"])
                seen.append(kinds(said)["definite"])
            h.equal(load.poll(), None, "the load goes on")
        finally:
            load.kill()
            load.wait()
        subprocess.run(["redis-cli", "-p", str(port), "shutdown", "nosave"], capture_output=True, timeout=60)
        h.equal(server.wait(120), 0, "the server ends as it would")
    h.equal(max(seen, default=-1), 0, "nothing is definitely lost at any moment")
    held.sort()
    return f"held still for {held[len(held) // 2] * 1e3:.0f} ms in the middle, {held[-1] * 1e3:.0f} ms at most" if held else ""


def get_page(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    page = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s, context.wrap_socket(s) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with contextlib.suppress(ssl.SSLError):  # it ends without a word of TLS
            while piece := connection.recv(65536):
                page += piece
    return page


@row("searches", "openssl s_server with 100 connections", long=True)
def openssl():
    need(shutil.which("openssl"), "openssl is not installed")
    key, certificate, port = os.path.join(h.scratch, "s.key"), os.path.join(h.scratch, "s.pem"), free_port()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", "/CN=localhost"], check=True, capture_output=True, timeout=120)
    argv = ["openssl", "s_server", "-accept", port, "-key", key, "-cert", certificate, "-www", "-quiet"]
    with recorded(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        h.check(answered(port), "the server answers")
        before = None
        for i in range(100):
            page = get_page(port)
            if not h.check(page.startswith(b"HTTP/1.0 200"), f"connection {i} has its page: {page[:100]!r}"):
                break
            if i in (9, 99):
                asked = memprof("leaks", "openssl", "--json", timeout=120)
                h.equal(asked.returncode, 0, f"a search after connection {i}: {asked.stderr.strip()[-200:]}")
                found = kinds(asked)
                h.equal((found["definite"], found["indirect"]), (0, 0), f"lost after connection {i}")
                h.check(before is None or found["reachable"] <= before + 20, f"blocks do not grow with connections: {before}, {found}")
                before = found["reachable"]
        os.kill(json.loads(memprof("list", "--json").stdout)[0]["pid"], signal.SIGTERM)
        h.equal(server.wait(60), 128 + signal.SIGTERM, "SIGTERM ends it")
    doc = json.loads(memprof("leaks", server.file, "--json").stdout)
    h.equal(doc["leaks"]["definite"]["blocks"], 0, "lost at its end")
    return f"{before} blocks are live between connections"


@row("searches", "the program is killed while one is made, 40 times", long=True)
def killed():
    found = 0
    for i in range(40):
        with recorded([h.target("search-asked"), "wait", "1000000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as host:
            pid = int(host.stdout.readline().partition("=")[2])
            asking = subprocess.Popen([h.MEMPROF, "leaks", str(pid), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      text=True)
            time.sleep(random.uniform(0, 0.5))
            os.kill(pid, signal.SIGKILL)
            out, err = asking.communicate(timeout=120)
            h.check(asking.returncode in (0, 1, 3), f"an answer, or why there is none: {asking.returncode} {err[-300:]!r}")
            h.check(asking.returncode == 0 or err.count("\n") == 1, f"in a line: {err!r}")
            if asking.returncode == 0 and out:
                blocks = json.loads(out)["leaks"]
                found += blocks["definite"]["blocks"] == LOST
            h.equal(host.wait(60), 128 + signal.SIGKILL, "the status is the signal's")
            h.equal(memprof("stat", host.file).returncode, 0, f"its profile opens, time {i}")
    return f"{found} searches were done before"


def change(arguments, line):
    """Search a program again and again while it changes its memory; nothing of it is lost or refused."""
    with recorded([h.target("search-asked"), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as host:
        h.check(host.stdout.readline().startswith(line), "it has begun")
        for i in range(100):
            said = memprof("leaks", "search-asked", "--json", timeout=120)
            if not h.equal(said.returncode, 0, f"search {i}: {said.stderr.strip()[-200:]}"):
                break
            found = json.loads(said.stdout)
            lost = found["leaks"]["definite"]
            h.equal((lost["blocks"], lost["bytes"]), (LOST, 100 * LOST), f"search {i}: what is lost {found['notes']}")
        host.stdin.close()
        h.equal(host.wait(60), 0, "its status")


@row("searches", "threads that end and begin during 100", long=True)
def threads():
    change(["churn"], "pid=")


@row("searches", "memory mapped, unmapped and protected during 100", long=True)
def unmapped():
    change(["remap"], "pid=")


@row("searches", "the same where the threads are stopped by a signal", long=True)
def unmapped_by_signal():
    with recorded([h.target("search-asked"), "remap"], "--leak-stop=signal", stdin=subprocess.PIPE,
                  stdout=subprocess.PIPE) as host:
        h.check(host.stdout.readline().startswith("pid="), "it has begun")
        for i in range(100):
            said = memprof("leaks", "search-asked", "--json", timeout=120)
            if not h.equal(said.returncode, 0, f"search {i}: {said.stderr.strip()[-200:]}"):
                break
            h.check(kinds(said)["definite"] <= LOST, f"search {i}: nothing else is lost: {kinds(said)}")
        host.stdin.close()
        h.equal(host.wait(60), 0, "its status")


@row("searches", "a mapping of 100 GiB with a page in it, and one that nobody may read")
def sparse():
    run, file = record([h.target("leak-kinds"), "in-sparse-mapping"])
    need("skip=1" not in run.stdout, "100 GiB cannot be mapped")
    h.equal(run.returncode, 0, "its status")
    doc = json.loads(memprof("leaks", file, "--json").stdout)
    h.equal(doc["leaks"]["definite"]["blocks"], 0, "what only the page holds is not lost")
    h.check(doc["held_seconds"] is not None, "it was searched")
    return f"held still for {doc['held_seconds'] * 1e3:.0f} ms"


if __name__ == "__main__":
    run_group()
