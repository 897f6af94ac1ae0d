# SPDX-License-Identifier: Apache-2.0
"""Programs of every making: other allocators, other languages, other ways to load code."""
import contextlib
import glob
import os
import shutil
import struct
import subprocess
import sys

from table import built, documented, exact, installed, need, opened, record, refused, row, run_group, script, unharmed
import harness as h

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
ALLOCATORS = {"jemalloc": ("libjemalloc.so.2", "libjemalloc2", "libjemalloc.a", "libjemalloc-dev"),
              "tcmalloc": ("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4", "libtcmalloc_minimal.a", "libgoogle-perftools-dev"),
              "mimalloc": ("libmimalloc.so.2", "libmimalloc2.0", None, None)}  # Debian has no archive of it
# 50 blocks of its own, and 30 of libc's for it.
SERVED = """#include <stdio.h>
#include <stdlib.h>
#include <string.h>
__attribute__((noinline)) static void by_itself(void){ for (int i = 0; i < 50; i++) { void *volatile p = malloc(100); (void)p; } }
__attribute__((noinline)) static void by_libc(void){ for (int i = 0; i < 30; i++) { char *volatile p = strdup("nineteen characters"); (void)p; } }
int main(void){ by_itself(); by_libc(); puts("done"); return 4; }
"""
HELLO = "int printf(const char *, ...); void *malloc(unsigned long); int main(void){ void *volatile p = 0; " \
        "for (int i = 0; i < 50; i++) p = malloc(100); printf(\"%d\\n\", p != 0); return 4; }"


def compiled(name, compiler, *flags, text=HELLO, suffix=".c"):
    need(shutil.which(compiler), f"{compiler} is not installed")
    source, program = os.path.join(h.scratch, name + suffix), os.path.join(h.scratch, name)
    with open(source, "w", encoding="utf-8") as f:
        f.write(text)
    run = subprocess.run([compiler, *flags, "-o", program, source], capture_output=True, text=True, timeout=300)
    need(run.returncode == 0, f"{compiler} {' '.join(flags)}: {run.stderr.strip()[-150:]}")
    return program


def static_library(name):
    """Where it is; some are in a folder of their version."""
    found = glob.glob(f"{LIBRARIES}/{name}") + glob.glob(f"{LIBRARIES}/*/{name}")
    return found[0] if found else ""


def served_by(name, *flags, itself):
    """A program with that allocator: all that is expected to be seen of it is."""
    program = compiled(name, "gcc", "-fno-builtin", *flags, text=SERVED)
    run, file = record([program])
    h.equal((run.returncode, run.stdout), (4, "done\n"), f"{name}: as alone ({run.stderr[-300:]!r})")
    done = opened(run, file)
    for function, blocks, size in (("by_itself", 50 if itself else 0, 100), ("by_libc", 30, 20)):
        seen = h.sums(done.doc, function)
        h.equal((seen["total_blocks"], seen["total_bytes"]), (blocks, blocks * size), f"{name}: {function}")
    return done


def allocator(name, library, package, archive, development):
    path = os.path.join(LIBRARIES, library)

    @row("programs", f"{name} by LD_PRELOAD behind us")
    def behind():
        need(os.path.exists(path), f"{package} is not installed")
        exact([h.target("thread-pairs"), "4", "2000"], env={**os.environ, "LD_PRELOAD": path})

    @row("programs", f"{name} linked dynamically")
    def linked():
        need(os.path.exists(path), f"{package} is not installed")
        served_by("with-" + name, "-Wl,--no-as-needed", path, itself=True)

    if not archive:
        return

    @row("programs", f"{name} linked statically")
    def built_in():
        where = static_library(archive)
        need(where, f"{development} is not installed")
        # behind the source, as an archive must be; their C++ parts need its library
        done = served_by("within-" + name, "-Wl,--start-group", where, "-lstdc++", "-lm", "-lpthread", "-ldl", "-Wl,--end-group",
                         "-Wl,--undefined=malloc", itself=False)
        h.equal(done.doc["process"]["own_malloc"], True, "the profile says that it has its own")
        h.check("has a malloc of its own built in" in done.err, f"said when it starts: {done.err[:300]!r}")
        return documented("the summary says that the program's own calls are not") + "; what libc allocates is recorded"


for key, value in ALLOCATORS.items():
    allocator(key, *value)


@row("programs", "an allocator of its own, built in")
def own_malloc():
    run, _ = record([h.target("own-malloc")])
    h.equal(run.returncode, 5, "status")
    h.check("no allocator calls seen" in run.stderr, f"said: {run.stderr!r}")
    return documented("the summary says that no allocator calls were seen")


@row("programs", "an allocator of its own that the executable exports", tested=True)
def exported_malloc():
    return script("own-malloc.py")


@row("programs", "statically linked")
def static():
    built("plain-static")
    return refused([h.target("plain-static")], "static", "statically linked")


@row("programs", "built with AddressSanitizer")
def asan():
    return refused([compiled("asan", "gcc", "-fsanitize=address")], "sanitizer", "built with a sanitizer")


@row("programs", "musl-linked")
def musl():
    return refused([compiled("musl", "musl-gcc")], "", "another C library")


@row("programs", "Go without cgo")
def go_static():
    folder = os.path.join(h.scratch, "go")
    os.makedirs(folder, exist_ok=True)
    need(shutil.which("go"), "go is not installed")
    with open(os.path.join(folder, "main.go"), "w", encoding="ascii") as f:
        f.write('package main\nimport "fmt"\nfunc main() { x := make([]byte, 1<<20); fmt.Println(len(x)) }\n')
    env = {**os.environ, "CGO_ENABLED": "0", "GOCACHE": folder + "/c", "GOFLAGS": "-mod=mod", "GO111MODULE": "off", "HOME": folder}
    run = subprocess.run(["go", "build", "-o", "prog", "main.go"], cwd=folder, env=env, capture_output=True, text=True, timeout=400)
    need(run.returncode == 0, f"go build: {run.stderr.strip()[-150:]}")
    return refused([os.path.join(folder, "prog")], "static", "statically linked")


@row("programs", "Go with cgo")
def go_cgo():
    folder = os.path.join(h.scratch, "cgo")
    os.makedirs(folder, exist_ok=True)
    need(shutil.which("go"), "go is not installed")
    with open(os.path.join(folder, "main.go"), "w", encoding="ascii") as f:
        f.write('package main\n// #include <stdlib.h>\nimport "C"\nimport "fmt"\n'
                'func main() { for i := 0; i < 100; i++ { C.malloc(1000) }; fmt.Println("done") }\n')
    env = {**os.environ, "CGO_ENABLED": "1", "GOCACHE": folder + "/c", "GO111MODULE": "off", "HOME": folder}
    run = subprocess.run(["go", "build", "-o", "prog", "main.go"], cwd=folder, env=env, capture_output=True, text=True, timeout=500)
    need(run.returncode == 0, f"go build: {run.stderr.strip()[-150:]}")
    done = unharmed([os.path.join(folder, "prog")])
    h.check(done.doc["totals"]["total_bytes"] >= 100000, "what C allocates is recorded")


@row("programs", "Rust")
def rust():
    program = compiled("rusty", "rustc", "-g", suffix=".rs",
                       text='fn main() { let v: Vec<Vec<u8>> = (0..100).map(|i| vec![1u8; 1000 + i]).collect(); println!("{}", v.len()); }')
    done = unharmed([program])
    h.check(done.doc["totals"]["total_bytes"] >= 100000, "recorded")


@row("programs", "node")
def node():
    need(shutil.which("node"), "node is not installed")
    unharmed([shutil.which("node"), "-e", "let a=[]; for (let i=0;i<20000;i++) a.push('x'.repeat(i%100)); console.log(a.length)"])


@row("programs", "node, whose functions are named from its perf map")
def node_names():
    need(shutil.which("node"), "node is not installed")
    code = "function turnTheWheel(n) { let a = []; for (let i = 0; i < n; i++) a.push(Buffer.alloc(5000 + i)); return a.length } " \
           "let k = 0; for (let i = 0; i < 200; i++) k += turnTheWheel(20); console.log(k)"
    # it writes a log where it is
    run, file = record([shutil.which("node"), "--perf-basic-prof", "--interpreted-frames-native-stack", "-e", code], "--unwinder=fp", cwd=h.scratch)
    h.equal((run.returncode, run.stdout), (0, "4000\n"), f"as alone: {run.stderr[-300:]!r}")
    done = opened(run, file)
    with contextlib.suppress(OSError):
        os.unlink(f"/tmp/perf-{done.doc['process']['pid']}.map")
    named = {f["function"] for r in done.doc["stats"] for f in r["traceback"] if "turnTheWheel" in (f["function"] or "")}
    h.check(named, "turnTheWheel is in stacks")
    return documented("follows frame pointers") + f"; {', '.join(sorted(named))}"[:120]


@row("programs", "Java")
def java():
    need(shutil.which("java"), "java is not installed")
    unharmed([shutil.which("java"), "-Xshare:auto", "-XX:+UseSerialGC", "-version"])
    tool = installed(shutil.which("keytool"), "openjdk-17-jre-headless")
    store = os.path.join(h.scratch, "store")
    with_store = ["-storepass", "sesame", "-keystore", store]
    run, file = record([tool, "-genkeypair", "-alias", "made", "-keyalg", "RSA", "-keysize", "2048", "-keypass", "sesame", "-dname", "CN=x",
                        *with_store])
    h.equal(run.returncode, 0, f"a key is made: {run.stderr[-300:]!r}")
    h.check(opened(run, file).doc["totals"]["total_bytes"] > 1000000, "what the JVM allocates is recorded")
    listed = unharmed([tool, "-list", *with_store])
    h.check("PrivateKeyEntry" in listed.out, f"and is in the store: {listed.out!r}")


@row("programs", "allocator functions in the executable that pass on by dlsym(RTLD_NEXT)")
def next_malloc():
    exact([h.target("next-malloc")])


@row("programs", "dlmopen and RTLD_DEEPBIND")
def namespaces():
    exact([h.target("namespaces"), h.target("swap-plugin-1.so")])
    return documented("a namespace of its own")


@row("programs", "LD_AUDIT")
def audit():
    exact([h.target("plain"), "3"], 3, env={**os.environ, "LD_AUDIT": h.target("audit-plugin.so")})


@row("programs", "a handler of SIGPROF at 1 kHz that allocates inside malloc")
def storm():
    with open(os.path.join(h.BUILD, "config.h")) as f:
        need("#define MEMPROF_DEBUG_ALLOC_CHECK 1" not in f.read(), "this build stops a program whose handlers allocate")
    # not into memprof as well, whose blocks live longer than that allocator keeps them
    run, file = record(["sh", "-c", f'LD_PRELOAD="$LD_PRELOAD:{h.target("cells-plugin.so")}" exec {h.target("timer-storm")} 300'])
    h.equal(run.returncode, 0, f"status: {run.stderr[-300:]!r}")
    done = opened(run, file)
    h.equal(h.sums(done.doc, "meanwhile", ["in_handler"])["total_blocks"], done.stated["in.meanwhile.total_blocks"], "what was interrupted")
    seen, missing = h.sums(done.doc, "in_handler")["total_blocks"], done.doc["loss"].get("nested_blocks", 0)
    # each has an allocation and a free; those inside the allocator cannot be told from its own
    h.check(0 < missing <= 2 * (done.stated["signals"] - seen), f"the handler's: {seen} blocks recorded, {missing} events said to be missing")
    h.check(f"{missing:,} allocations and frees by signal handlers" in done.err, f"said: {done.err[-500:]!r}")
    return f"{seen} blocks of the handler recorded, {missing} of its allocations and frees said to be missing"


def led_astray(path, table):
    """The module's unwind information now lies between two segments, by its table or without one."""
    with open(path, "rb") as f:
        image = bytearray(f.read())
    offset, size, count = *struct.unpack_from("<Q", image, 32), *struct.unpack_from("<HH", image, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", image, offset + i * size) for i in range(count)]
    loads = [(h[3], h[3] + h[6]) for h in headers if h[0] == 1]
    gaps = [a[1] + 65536 for a, b in zip(loads, loads[1:]) if b[0] - a[1] > 131072]
    need(gaps, "the linker leaves no room between segments")
    at, address = next((h[2], h[3]) for h in headers if h[0] == 0x6474E550)
    if table:
        for i in range(struct.unpack_from("<I", image, at + 8)[0]):
            struct.pack_into("<i", image, at + 12 + 8 * i + 4, gaps[-1] - address)
    else:
        image[at + 2] = 0xFF
        struct.pack_into("<i", image, at + 4, gaps[-1] - (address + 4))
    with open(path, "wb") as f:
        f.write(image)


@row("programs", "unwind information that leads to where nothing can be read")
def holes():
    for table in (True, False):
        with open(os.path.join(h.SOURCE, "tests/targets/swap-plugin.c"), encoding="ascii") as f:
            text = f.read()
        plugins = [compiled(f"astray{i}{table}.so", "gcc", "-O1", "-fPIC", "-shared", "-Wl,-z,max-page-size=0x200000", f"-DSWAP_PLUGIN={i}",
                            text=text) for i in (1, 2)]
        led_astray(plugins[0], table)
        run, file = record([h.target("swap"), *plugins])
        h.equal(run.returncode, 0, f"status, by table {table}: {run.stderr[-300:]!r}")
        done = opened(run, file)
        h.equal(h.sums(done.doc, "two_inner")["total_blocks"], done.stated["in.two_inner.total_blocks"], "the other module's stacks")
        h.check(done.doc["loss"]["stacks_truncated"] > 0, "stacks of this one end there, which is said")


def forks(count):
    done = exact([h.target("fork-loop"), str(count)])
    h.equal(done.stated["children_that_ended_otherwise"], 0, "every child")


@row("programs", "100 forks while other threads allocate")
def forks_short():
    forks(100)


@row("programs", "1,000 forks while other threads allocate", long=True)
def forks_long():
    forks(1000)


@row("programs", "redis-server under load, attached to and left 200 times", long=True)
def attached():
    need(shutil.which("redis-server") and shutil.which("redis-benchmark"), "redis is not installed")
    run = subprocess.run([sys.executable, os.path.join(h.SOURCE, "tests/e2e/attach.py")], capture_output=True, text=True,
                         timeout=3600, env={**os.environ, "MEMPROF_LONG_TESTS": "1"})
    h.equal(run.returncode, 0, f"tests/e2e/attach.py: {run.stdout[-500:]}")
    return next((line for line in run.stdout.splitlines() if line.startswith("redis-server:")), "")


@row("programs", "memprof killed at each of its calls of ptrace, attaching and detaching", long=True)
def attach_killed():
    run = subprocess.run([sys.executable, os.path.join(h.SOURCE, "tests/e2e/attach-killed.py")], capture_output=True, text=True,
                         env={**os.environ, "MEMPROF_LONG_TESTS": "1"}, timeout=3600)
    need(run.returncode != h.SKIP, run.stdout.strip()[-100:])
    h.equal(run.returncode, 0, f"tests/e2e/attach-killed.py: {run.stdout[-500:]}")
    return "; ".join(line for line in run.stdout.splitlines() if "killed at" in line)


@row("programs", "processes that cannot be attached to", tested=True)
def attach_refused():
    return script("attach-refused.py")


if __name__ == "__main__":
    run_group()
