# SPDX-License-Identifier: Apache-2.0
"""Real programs under real loads, for the benchmarks and the end-to-end tests.

A workload's input is generated here, the same bytes every time, so that two
runs of a program do the same work.  `scale` multiplies the amount of it; 1.0
takes the bare program about half a second.
"""

import os
import random
import shutil
import socket
import subprocess
import time


class Workload:
    """What to run.  `argv` and `env` are complete but for the tool in front."""

    def __init__(self, name, argv, stdin=None, env=None, client=None):
        self.name = name
        self.argv = argv
        self.stdin = stdin  # path of a file, or None for /dev/null
        self.env = env or {}
        self.client = client  # function: drives a server to its end


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def sqlite3(directory, scale):
    rows = int(200000 * scale)
    script = f"""
CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, value REAL, part INTEGER);
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < {rows})
  INSERT INTO t SELECT i, 'name ' || (i * 7919 % 100003), i * 0.5, i % 97 FROM c;
CREATE INDEX by_name ON t(name);
CREATE INDEX by_part ON t(part, value);
SELECT part, count(*), sum(value), group_concat(id % 10) FROM t GROUP BY part ORDER BY 3 DESC LIMIT 5;
SELECT count(*) FROM t a JOIN t b ON a.name = b.name AND a.id < b.id;
UPDATE t SET name = upper(name) || '!' WHERE id % 3 = 0;
SELECT count(*) FROM t WHERE name LIKE '%99%';
DELETE FROM t WHERE part BETWEEN 10 AND 40;
SELECT json_group_array(json_object('id', id, 'name', name)) IS NOT NULL FROM t WHERE id % 5 = 0;
"""
    script += "".join(
        f"SELECT * FROM t WHERE id = {i * 31 % rows} AND part + {i} > 0;\n" for i in range(int(4000 * scale))
    )
    program = shutil.which("sqlite3")
    return program and Workload("sqlite3", [program, ":memory:"], write(directory, "load.sql", script))


PYTHON = """
import ast, json, sys
scale = float(sys.argv[1])

class Node:
    def __init__(self, key, left=None, right=None):
        self.key, self.left, self.right = key, left, right
        self.tags = {'key': key, 'name': 'node %d' % key}

def tree(low, high):
    if low >= high:
        return None
    middle = (low + high) // 2
    return Node(middle, tree(low, middle), tree(middle + 1, high))

root = tree(0, int(30000 * scale))
records = [{'id': i, 'name': 'record %d' % (i % 1000), 'values': [i * k for k in range(6)]}
           for i in range(int(12000 * scale))]
text = json.dumps(records)
back = json.loads(text)
by_name = {}
for r in back:
    by_name.setdefault(r['name'], []).append(r)
words = sorted(text.split(' '), key=lambda w: (len(w), w))
source = '\\n'.join('def f%d(a, b):\\n    return [a + %d, {b: (a, b)}]' % (i, i) for i in range(int(900 * scale)))
module = ast.parse(source)
code = compile(module, 'generated', 'exec')
space = {}
exec(code, space)
print(len(by_name), len(words), len(space), sum(f(1, 2)[0] for n, f in space.items() if n.startswith('f')))
"""


def python3(directory, scale):
    program = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else shutil.which("python3")
    script = write(directory, "load.py", PYTHON)
    return program and Workload(
        "python3", [program, script, str(scale)], env={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}
    )


def jq(directory, scale):
    dice = random.Random(1)
    items = ",\n".join(
        f'{{"id": {i}, "name": "item {dice.randrange(5000)}", "tags": ["a{dice.randrange(50)}", '
        f'"b{dice.randrange(50)}"], "price": {dice.random():.4f}}}'
        for i in range(int(65000 * scale))
    )
    path = write(directory, "load.json", f"[{items}]")
    program = shutil.which("jq")
    query = "group_by(.name) | map({name: .[0].name, n: length, sum: (map(.price) | add)}) | sort_by(.n) | .[-5:]"
    return program and Workload("jq", [program, query, path])


def c_source(functions):
    head = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <math.h>\n#include <time.h>\n"
    body = """
struct s@ { int a; double b; struct s@ *next; char name[%d]; };
static int work@(struct s@ *s, int n)
{
    int total = 0;
    for (int i = 0; i < n; i++) {
        if (s[i].a %% %d == 0)
            total += s[i].a * (int)s[i].b;
        else if (s[i].next)
            total -= s[i].next->a + (int)strlen(s[i].name);
        switch (s[i].a & 7) {
        case 0: total ^= %d; break;
        case 1: total += printf("%%d %%s\\n", total, s[i].name); break;
        case 3: total *= 3; /* fall through */
        default: total += i;
        }
    }
    return total;
}
int entry@(int n) { struct s@ *s = calloc((size_t)n, sizeof *s); int r = s ? work@(s, n) : 0; free(s); return r; }
"""
    return head + "".join((body % (8 + i % 40, 2 + i % 9, i)).replace("@", str(i)) for i in range(functions))


def cc1(directory, scale):
    compiler = shutil.which("gcc")
    if not compiler:
        return None
    program = subprocess.run([compiler, "-print-prog-name=cc1"], capture_output=True, text=True).stdout.strip()
    if not os.path.isabs(program):
        return None
    source = write(directory, "load.c", c_source(int(130 * scale)))
    preprocessed = os.path.join(directory, "load.i")
    subprocess.run([compiler, "-E", source, "-o", preprocessed], check=True)
    return Workload("cc1", [program, "-quiet", "-fpreprocessed", "-O1", preprocessed, "-o", os.devnull])


CXX = """
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>
template <int N> struct holder {
    std::map<std::string, std::vector<int>> m;
    int run(int k) {
        m[std::to_string(k + N)].push_back(N);
        std::vector<int> &v = m.begin()->second;
        std::sort(v.begin(), v.end(), [](int a, int b) { return a % (N + 2) < b; });
        return static_cast<int>(m.size()) + v.back();
    }
};
"""


def clangxx(directory, scale):
    source = CXX + "".join(
        f"int run{i}(int k) {{ holder<{i}> h; std::function<int(int)> f = [&](int x) {{ return h.run(x); }};"
        f" return f(k); }}\n"
        for i in range(int(12 * scale))
    )
    path = write(directory, "load.cc", source)
    program = shutil.which("clang++")
    output = os.path.join(directory, "load.o")
    return program and Workload("clang++", [program, "-std=c++17", "-c", path, "-o", output])


PERL = r"""
use strict;
my $n = int(140000 * $ARGV[0]);
my (%h, @rows);
for my $i (1 .. $n) {
    my $k = "key " . ($i * 7919 % 10007);
    push @{$h{$k}}, {id => $i, text => "value $i " x 2};
}
for my $k (sort keys %h) {
    my @texts = map { uc $_->{text} } grep { $_->{id} % 3 } @{$h{$k}};
    push @rows, join(",", @texts);
}
my $all = join("\n", @rows);
my %words;
$words{$1}++ while $all =~ /(\w+)/g;
my @top = (sort { $words{$b} <=> $words{$a} || $a cmp $b } keys %words)[0 .. 4];
print scalar(@rows), " @top\n";
"""


def perl(directory, scale):
    script = write(directory, "load.pl", PERL)
    program = shutil.which("perl")
    return program and Workload(
        "perl", [program, script, str(scale)], env={"PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0"}
    )


def git(directory, scale):
    program = shutil.which("git")
    if not program:
        return None
    repository = os.path.join(directory, "repository")
    env = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": directory,
        "GIT_AUTHOR_DATE": "1700000000 +0000",
        "GIT_COMMITTER_DATE": "1700000000 +0000",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    if not os.path.isdir(repository):
        subprocess.run([program, "init", "-q", repository], check=True, env={**os.environ, **env})
        stream = []
        for i in range(int(400 * scale)):
            data = "\n".join(f"line {k * (i + 3) % 211}" for k in range(300))
            stream.append(
                f"commit refs/heads/main\ncommitter a <a@b> {1700000000 + i} +0000\ndata 7\ncommit\n"
                f"M 100644 inline file{i % 20}\ndata {len(data)}\n{data}\n"
            )
        subprocess.run([program, "-C", repository, "fast-import", "--quiet"], input="\n".join(stream).encode(),
                       check=True, env={**os.environ, **env})
    return Workload("git", [program, "-C", repository, "--no-pager", "log", "-p", "--stat", "-M", "main"], env=env)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def redis(directory, scale):
    program, benchmark = shutil.which("redis-server"), shutil.which("redis-benchmark")
    if not program or not benchmark:
        return None
    port = free_port()
    requests = str(int(60000 * scale))
    argv = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", directory, "--daemonize", "no", "--io-threads", "1"]

    def send(command, patience=30):
        deadline = time.monotonic() + patience
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                    s.sendall(command + b"\r\n")
                    return s.recv(64)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)

    def client():
        """Seconds that the benchmark took; the server has been told to end."""
        while b"PONG" not in send(b"PING"):
            time.sleep(0.005)
        start = time.monotonic()
        subprocess.run([benchmark, "-p", str(port), "-q", "-n", requests, "-c", "10", "-P", "8", "-r", "10000",
                        "-d", "64", "-t", "set,get,lpush,rpop,sadd,hset,zadd,mset"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.monotonic() - start
        send(b"SHUTDOWN NOSAVE")
        return seconds

    return Workload("redis-server", argv, client=client)


ALL = {
    "sqlite3": sqlite3,
    "python3": python3,
    "jq": jq,
    "cc1": cc1,
    "redis-server": redis,
    "clang++": clangxx,
    "perl": perl,
    "git": git,
}


def make(name, directory, scale=1.0):
    """The workload with its files in `directory`, or None if the program is not installed."""
    os.makedirs(directory, exist_ok=True)
    return ALL[name](directory, scale)
