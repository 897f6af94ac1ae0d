# SPDX-License-Identifier: Apache-2.0
"""What is lost in real programs, by memprof and by Valgrind, for the same commands.

Takes minutes, so only with MEMPROF_LONG_TESTS=1.  What is definitely lost must agree, but for
what KNOWN gives a reason for; the other kinds are printed.  Arguments choose programs;
KEEP=FOLDER keeps both reports.
"""
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import harness as h

sys.path.insert(0, os.path.join(h.SOURCE, "bench"))
import workloads  # noqa: E402

KINDS = {"definite": "definitely lost", "indirect": "indirectly lost", "possible": "possibly lost",
         "reachable": "still reachable"}

BASH = r"""
declare -A count; list=()
f() { local a=$1 b=$2; echo "$(( a * b ))"; }
for i in $(seq 1 300); do
    key="k$((i % 17))"; count[$key]=$(( ${count[$key]:-0} + i ))
    list+=("item $i"); [[ "item $i" =~ ([0-9]+) ]] && n=${BASH_REMATCH[1]}
    case $n in *7) x=${list[-1]^^};; *) x=${list[0]//t/T};; esac
done
trap 'echo bye' EXIT
read -r first rest <<< "one two three"
printf -v text '%05d %s' "$(f 6 7)" "$first"
while read -r line; do total=$(( ${total:-0} + ${#line} )); done < <(printf '%s\n' "${list[@]}")
eval 'g() { echo "${FUNCNAME[0]}"; }'; g; unset -f g
echo "$text $total ${!count[*]} ${list[@]:3:2}"
"""

PYTHON = """
import collections, csv, ctypes, datetime, hashlib, io, json, re, socket, sqlite3, sys, threading, urllib.request, zlib
text = urllib.request.urlopen(sys.argv[1]).read().decode()
rows = json.loads(text)
words = collections.Counter(re.findall(r'[a-z]+', text))
db = sqlite3.connect(':memory:')
db.execute('create table t(a, b)')
db.executemany('insert into t values(?, ?)', [(r['id'], r['name']) for r in rows])
print(len(rows), words.most_common(2), db.execute('select count(*) from t').fetchone())
print(hashlib.sha256(text.encode()).hexdigest(), len(zlib.compress(text.encode())))
ts = [threading.Thread(target=lambda: json.dumps(rows)) for _ in range(4)]
[t.start() for t in ts]; [t.join() for t in ts]
"""

PERL = r"""
use strict; use warnings; use POSIX; use Data::Dumper; use List::Util qw(sum first);
my %h; for my $i (1 .. 2000) { push @{$h{$i % 97}}, { n => $i, s => "v$i" x 3 }; }
my @s = sort { $a->{s} cmp $b->{s} } map { @$_ } values %h;
my $text = join ",", map { $_->{s} } @s; my $n = () = $text =~ /v(\d)\1/g;
my $d = Data::Dumper->new([$h{1}])->Dump; local $@; eval { die { code => 3 } };
my $cycle = {}; $cycle->{me} = $cycle; my @many = map { my $x = $_; sub { $x + shift } } 1 .. 100;
print sum(map { $_->(1) } @many), " $n ", length($d), " $@->{code} ", strftime("%Y", gmtime 0), "\n";
open my $f, '<', $0 or die; my %seen; while (<$f>) { $seen{$_}++ for split } close $f; print scalar(keys %seen), "\n";
sprintf("%s", first { $_ > 5 } 1 .. 10);
"""


class Server:
    """An HTTP server of the folder's files, in a thread of the test."""

    def __enter__(self):
        folder = h.scratch

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args):
                super().__init__(*args, directory=folder)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *ignored):
        self.server.shutdown()


def redis_client(port):
    """Fill the server a little, then let SIGTERM end it."""
    def send(command):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
            s.sendall(command + b"\r\n")
            return s.recv(4096)

    def client():
        deadline = time.monotonic() + 120
        while True:
            try:
                if b"PONG" in send(b"PING"):
                    break
            except OSError:
                pass
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)
        subprocess.run(["redis-benchmark", "-p", str(port), "-q", "-n", "2000", "-c", "5", "-r", "500",
                        "-t", "set,get,lpush,sadd,hset,zadd"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
        os.kill(int(re.search(rb"process_id:(\d+)", send(b"INFO server"))[1]), 15)

    return client


def programs(url):
    """Name, argv, file for stdin, environment, client."""
    write = workloads.write
    folder = h.scratch
    made = lambda name, scale: workloads.make(name, os.path.join(folder, "made"), scale)
    json_file = write(folder, "big.json", json.dumps(
        [{"id": i, "name": f"name {i % 100}", "tags": ["a", "b"], "x": {"y": i * 0.5}} for i in range(8000)]))
    xml = write(folder, "big.xml", "<?xml version='1.0'?><r xmlns:q='urn:q'>" + "".join(
        f"<item id='{i}' q:k='v'><name>n{i % 50}</name><!-- c --></item>" for i in range(5000)) + "</r>")
    pem = os.path.join(folder, "key.pem")
    certificate = os.path.join(folder, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pem, "-out", certificate,
                    "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True)
    sqlite, git = made("sqlite3", 0.02), made("git", 0.1)
    port = workloads.free_port()
    python = "/usr/bin/python3"
    yield "sqlite3", sqlite.argv, sqlite.stdin, {}, None
    yield "jq", ["jq", "group_by(.name) | map({n: length, s: (map(.x.y) | add)})", json_file], None, {}, None
    yield "jq, error", ["jq", ".[] | .id.x", json_file], None, {}, None
    yield "git log", git.argv, None, git.env, None
    yield "git diff", ["git", "-C", os.path.join(folder, "made/repository"), "diff", "--stat", "main~20", "main"], None, git.env, None
    subprocess.run(["git", "-C", os.path.join(folder, "made/repository"), "gc", "-q"], check=True, capture_output=True,
                   env={**os.environ, **git.env})  # so that both find the same to do
    yield "git gc", ["git", "-C", os.path.join(folder, "made/repository"), "gc", "-q"], None, git.env, None
    yield "python3", [python, write(folder, "p.py", PYTHON), url + "/big.json"], None, {"PYTHONMALLOC": "malloc"}, None
    yield "xmllint --xpath", ["xmllint", "--xpath", "count(//item[@id > 100 and name = 'n7'])", xml], None, {}, None
    yield "xmllint --format", ["xmllint", "--format", "--c14n", xml], None, {}, None
    yield "curl", ["curl", "-s", url + "/big.json", "-o", os.devnull, "-D", os.devnull], None, {}, None
    yield "openssl genrsa", ["openssl", "genrsa", "1024"], None, {}, None
    yield "openssl x509", ["openssl", "x509", "-in", certificate, "-text", "-noout"], None, {}, None
    yield "perl", ["perl", write(folder, "p.pl", PERL)], None, {"PERL_HASH_SEED": "0"}, None
    yield "bash", ["bash", write(folder, "p.sh", BASH)], None, {}, None
    yield "redis-server", ["redis-server", "--port", str(port), "--save", "", "--dir", folder], None, {}, redis_client(port)


def start(argv, stdin, env, client):
    with open(stdin or os.devnull) as source:
        child = subprocess.Popen(argv, stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env={**os.environ, **env})
    if client:
        client()
    child.wait(900)


def by_valgrind(argv, stdin, env, client):
    log = os.path.join(h.scratch, "valgrind.log")
    start(["valgrind", f"--log-file={log}.%p", "--leak-check=full", "--show-leak-kinds=all",
           "--run-libc-freeres=no", "--run-cxx-freeres=no", "--default-suppressions=no", "--num-callers=40", "--child-silent-after-fork=yes", *argv], stdin, env, client)
    logs = [os.path.join(h.scratch, f) for f in os.listdir(h.scratch) if f.startswith("valgrind.log.")]
    text = max((open(f, errors="replace").read() for f in logs), key=len)
    for f in logs:
        os.unlink(f)
    sums = {}
    for kind, words in KINDS.items():
        found = re.search(words + r": ([\d,]+) bytes in ([\d,]+) blocks", text)
        sums[kind] = tuple(int(n.replace(",", "")) for n in found.groups()) if found else (0, 0)
    return sums, text


def by_memprof(argv, stdin, env, client):
    profile = os.path.join(h.scratch, "real.mprof")
    start([h.MEMPROF, "run", "-q", "-o", profile, "--", *argv], stdin, env, client)
    said = subprocess.run([h.MEMPROF, "leaks", profile, "--no-builtin-suppressions", "--show-leak-kinds=all", "--top=0",
                           "--json"], capture_output=True, text=True)
    doc = json.loads(said.stdout)
    sums = {kind: (doc["leaks"][kind]["bytes"], doc["leaks"][kind]["blocks"]) for kind in KINDS}
    return sums, subprocess.run([h.MEMPROF, "leaks", profile, "--no-builtin-suppressions", "--top=0",
                                 "--show-leak-kinds=definite,indirect,possible"], capture_output=True, text=True).stdout


# Blocks that memprof calls definitely lost and Valgrind, in some environments, possibly.  perl: a
# slab of its regular expressions' states (Perl_regexec_flags), after perl_free.  Under Valgrind
# the heap lies at 0x4bc0000, which two numbers of 16 bits in a slab of ops make as well.
KNOWN = {"perl": 1}


def compare(name, argv, stdin, env, client):
    if not shutil.which(argv[0]):
        return
    theirs, their_text = by_valgrind(argv, stdin, env, client)
    ours, our_text = by_memprof(argv, stdin, env, client)
    for kind in KINDS:
        print(f"{name:18} {kind:10} {ours[kind][0]:>10} {ours[kind][1]:>7}  {theirs[kind][0]:>10} {theirs[kind][1]:>7}"
              f"{'' if ours[kind] == theirs[kind] else '  differs'}", flush=True)
    keep = os.environ.get("KEEP")
    if keep:
        for tool, text in (("valgrind", their_text), ("memprof", our_text)):
            with open(os.path.join(keep, f"{name.replace(' ', '-')}.{tool}"), "w") as f:
                f.write(text)
    if name in KNOWN:
        h.check(ours["definite"][1] - theirs["definite"][1] in range(KNOWN[name] + 1), f"{name}: definitely lost")
    else:
        h.equal(ours["definite"], theirs["definite"], f"{name}: definitely lost")


def main():
    if not os.environ.get("MEMPROF_LONG_TESTS"):
        h.skip("takes minutes; MEMPROF_LONG_TESTS=1 runs it")
    if not shutil.which("valgrind"):
        h.skip("valgrind is not installed")
    only = sys.argv[1:]
    print(f"{'':29} {'memprof':>18} {'Valgrind':>19}")
    with Server() as url:
        for name, *rest in programs(url):
            if not only or name in only:
                compare(name, *rest)
    h.finish()


main()
