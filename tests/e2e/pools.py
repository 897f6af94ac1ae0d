# SPDX-License-Identifier: Apache-2.0
"""memprof pools: a program that states its blocks, on the pools and not, while it runs and after; real programs."""
import json
import os
import shutil
import subprocess

import harness as h

os.environ["MEMPROF_RUNTIME_DIR"] = os.path.join(h.scratch, "sessions")  # so that other runs are not seen


def memprof(*argv):
    return subprocess.run([h.MEMPROF, *argv], capture_output=True, text=True, timeout=120)


def pools(what, *options):
    run = memprof("pools", "--json", "-", *options, str(what))
    if not h.check(run.returncode == 0, f"memprof pools {' '.join(options)}: {run.returncode} {run.stderr.strip()}"):
        return {"classes": [], "lines": [], "pinned": [], "map": [], "arenas": {}, "glibc": {}}
    return json.loads(run.stdout)


def sizes(run):
    """What the target stated: blocks by size."""
    return {int(k.partition(".")[2]): v for k, v in run.items() if k.startswith("blocks.")}


def by_class(blocks):
    """Those small enough for pools, by the bytes of their block."""
    result = {}
    for size, count in blocks.items():
        if size <= 512:
            result[(size + 15) // 16 * 16] = result.get((size + 15) // 16 * 16, 0) + count
    return result


def of_classes(doc, key):
    return {c["block_bytes"]: c[key] for c in doc["classes"] if c[key]}


def check_bytes(doc, name):
    a = doc["arenas"]
    h.equal(a["mapped_bytes"], sum(a[k] for k in ("used_bytes", "free_block_bytes", "header_bytes", "free_pool_bytes")),
            f"{name}: what is mapped is accounted for")
    g = doc["glibc"]
    h.equal(g["taken_bytes"], sum(g[k] for k in ("requested_bytes", "header_bytes", "rounding_bytes", "minimum_bytes")),
            f"{name}: glibc's chunks are accounted for")


def simulation():
    run = h.profile([h.target("pool-mix")])
    doc, blocks = pools(run.profile), sizes(run.stated)
    h.check(doc["simulated"], "libc: a simulation")
    h.equal(of_classes(doc, "blocks_in_use"), by_class(blocks), "libc: blocks in use")
    h.equal(doc["glibc"]["blocks"], sum(blocks.values()) + 2, "libc: all blocks, and two of stdio")
    check_bytes(doc, "libc")
    h.equal(doc["map"], [], "libc: no map of pools that were not")
    lines = {h.plain_name(line["place"]["function"]): line for line in pools(run.profile, "-g", "function")["lines"]}
    h.equal(lines["take_nodes"]["sizes"], [{"size": 40, "blocks": 7000, "taken_bytes": 7000 * 48}], "libc: sizes of a function")
    h.equal(lines["take_nodes"]["shrink_bytes"], None, "libc: 40 bytes are as good as 25 there")
    h.equal(lines["take_others"]["shrink_bytes"], 1, "libc: 41 bytes are not as good as 40")
    h.equal(lines["take_others"]["saved_bytes"], 1500 * 16, "libc: what that saves")
    text = memprof("pools", run.profile).stdout
    h.check("a simulation" in text and "glibc" in text, "libc: the text says that it is a simulation")


def true_state():
    run = h.profile([h.target("pool-mix")], "--allocator=pool")
    doc, blocks = pools(run.profile), sizes(run.stated)
    h.check(doc["counted"] and not doc["simulated"], "pool: the pools' own count")
    h.equal(of_classes(doc, "blocks_in_use"), by_class(blocks), "pool: blocks in use")
    h.equal(of_classes(doc, "recorded_blocks"), by_class(blocks), "pool: blocks that were recorded")
    check_bytes(doc, "pool")
    h.check(doc["arenas"]["high_water"] >= doc["arenas"]["count"], "pool: high water")
    pinned = {c["block_bytes"]: c for c in doc["pinned"]}
    h.equal(pinned[80]["blocks"], blocks[72], "pool: the blocks that keep pools")
    h.check(pinned[80]["pools"] > 20, f"pool: {pinned[80]['pools']} pools are kept")
    h.equal([h.plain_name(line["place"]["function"]) for line in pinned[80]["lines"]], ["take_spread"],
            "pool: and who allocated them")
    h.equal(pinned[80]["lines"][0]["pools"], pinned[80]["pools"], "pool: they are in all of these pools")
    cells = [fill for arena in doc["map"] for fill in arena["fill"]]
    h.check(cells.count(255) >= 20 and sum(1 for c in cells if 0 < c < 32) > 20, "pool: the map shows full and pinned pools")
    text = memprof("pools", "--ascii", run.profile).stdout
    h.check("simulation" not in text and "take_spread" in text and "|####" in text, "pool: the text shows them")


def shrunk():
    """Blocks that realloc made smaller in place lie in pools of the class that they had."""
    run = h.profile([h.target("pool-mix"), "shrunk"], "--allocator=pool")
    doc, blocks = pools(run.profile), sizes(run.stated)
    h.equal(of_classes(doc, "blocks_in_use").get(400), blocks[330], "shrunk: as the pools count them")
    h.equal([(c["block_bytes"], c["blocks"]) for c in doc["pinned"]], [(400, blocks[330])], "shrunk: what they keep")
    h.check(len(doc["map"]) > 0, "shrunk: the map")


def killed():
    """Without destructors there is no count: the addresses tell the same."""
    run = h.profile([h.target("pool-mix"), "x"], "--allocator=pool")
    doc, blocks = pools(run.profile), sizes(run.stated)
    h.check(not doc["counted"] and not doc["simulated"], "_exit: no count, no simulation")
    h.equal(of_classes(doc, "blocks_in_use"), by_class(blocks), "_exit: blocks in use")
    h.check("could not be counted" not in memprof("pools", h.profile([h.target("pool-mix")]).profile).stdout
            and "ended before its pools could be counted" in memprof("pools", run.profile).stdout, "_exit: it is said")


def guards():
    run = h.profile([h.target("pool-mix")], "--allocator=pool-debug")
    doc, blocks = pools(run.profile), sizes(run.stated)
    h.check(doc["guarded"] and doc["counted"], "pool-debug: guards, counted")
    wanted = {}
    for size, count in by_class({s + 64: n for s, n in blocks.items()}).items():
        wanted[size] = count
    h.equal(of_classes(doc, "recorded_blocks"), wanted, "pool-debug: blocks with their guards")
    h.check(all(of_classes(doc, "blocks_in_use").get(size, 0) >= n for size, n in wanted.items()),
            "pool-debug: at least these are in use")


def running(allocator):
    """Asked while it runs, by process id and by name."""
    file = os.path.join(h.scratch, f"running-{allocator}.mprof")
    child = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", file, f"--allocator={allocator}", "--", h.target("pool-mix")],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    said = [child.stdout.readline() for _ in range(5)]
    blocks = sizes(h.stated("".join(said)))
    listed = memprof("list", "--json")
    for what in [str(json.loads(listed.stdout)[0]["pid"]) if listed.returncode == 0 else "", "pool-mix"]:
        doc = pools(what)
        h.equal(of_classes(doc, "blocks_in_use"), by_class(blocks), f"{allocator}, running: blocks in use")
        h.equal(doc.get("counted"), allocator == "pool", f"{allocator}, running: whether they are counted")
    memprof("snapshot", "--label", "held", "pool-mix")
    text = memprof("pools", "pool-mix").stdout
    h.check("still being recorded" in text and "last looked at" in text, f"{allocator}, running: it is said")
    child.stdin.close()
    child.wait(60)
    doc = pools(file)
    h.equal(of_classes(doc, "blocks_in_use"), by_class(blocks), f"{allocator}, ended: blocks in use")
    then = pools(file, "--snapshot", "held")
    h.equal(of_classes(then, "recorded_blocks"), by_class(blocks), f"{allocator}, snapshot: blocks by class")
    h.equal((then.get("simulated"), then.get("pooled")), (allocator != "pool", allocator == "pool"),
            f"{allocator}, snapshot: a simulation or not")
    cells = {a["address"]: a["fill"] for a in then.get("map", [])}
    h.check(all(a["address"] in cells for a in doc["map"]), f"{allocator}, snapshot: the arenas of the map")
    h.check(all(cell in (0, fill) for a in doc["map"] for cell, fill in zip(a["fill"], cells.get(a["address"], []))),
            f"{allocator}, snapshot: the map is that of the end, as nothing was freed, with empty pools kept for their class")
    h.equal([c["pools"] for c in then["classes"]] == [c["pools"] for c in doc["classes"]], True,
            f"{allocator}, snapshot: the pools of each class, too")
    counts = [c for c in then.get("over_time", []) if c["snapshot"] == 1]
    h.equal([c["used_bytes"] for c in counts], [doc["arenas"]["used_bytes"]] if allocator == "pool" else [],
            f"{allocator}, snapshot: what the pools counted")
    text = memprof("pools", "--snapshot", "1", file).stdout
    h.check("at snapshot 1 (held)" in text and ("simulation" in text) == (allocator != "pool"),
            f"{allocator}, snapshot: the text says so")
    text = memprof("pools", file).stdout
    h.check(("arenas over time" in text) == (allocator == "pool"), f"{allocator}: counts over time")
    h.check(f"allocator {'pool' if allocator == 'pool' else 'libc.so.6'}\n" in text, f"{allocator}: which one is said")
    h.equal(" on memprof's pools," in memprof("top", file).stdout, allocator == "pool", f"{allocator}: top says on what it ran")
    rows = memprof("pools", "--csv", "-", "--by", "waste", file).stdout.splitlines()
    h.equal(len(rows) - 1, len(pools(file, "--by", "waste")["lines"]), f"{allocator}: a row of CSV a line")
    run = memprof("pools", "pool-mix")
    h.equal(run.returncode, 3, "ended: no such program")


def refused():
    one = h.profile([h.target("pool-mix")]).profile
    both = os.path.join(h.scratch, "both.mprof")
    memprof("merge", "-q", "-o", both, one, shutil.copy(one, one + ".copy"))
    run = memprof("pools", both)
    h.check(run.returncode == 2 and "merged" in run.stderr, f"merged: {run.returncode} {run.stderr.strip()}")


def real(name, argv, env=None):
    """A program that does the same each time: laid out by us, its blocks are those that it had on the pools."""
    if not shutil.which(argv[0]):
        return
    plain = pools(h.profile(argv, env=env).profile)
    run = h.profile(argv, "--allocator=pool", env=env)
    true = pools(run.profile)
    blocks, same = of_classes(plain, "blocks_in_use"), of_classes(true, "recorded_blocks")
    h.equal(same, blocks, f"{name}: the same blocks are live on the pools")
    h.check(sum(blocks.values()) > 0, f"{name}: {sum(blocks.values())} blocks are live")
    used = of_classes(true, "blocks_in_use")
    h.check(all(used.get(size, 0) >= n for size, n in blocks.items()), f"{name}: the pools have at least these in use")
    check_bytes(plain, name)
    check_bytes(true, name)


h.need("pool-mix")
simulation()
true_state()
shrunk()
killed()
guards()
running("libc")
running("pool")
refused()
real("sqlite3", ["sqlite3", ":memory:", "create table t(a, b);"
                 "insert into t select value, hex(value) from generate_series(1, 5000); select count(*) from t;"])
real("perl", ["perl", "-e", "my %h = map { $_ => [$_] } 1..5000; print scalar keys %h"],
     {"PERL_HASH_SEED": "0"})
real("python3", ["/usr/bin/python3", "-E", "-S", "-c", "x = [str(i) * 3 for i in range(20000)]\nimport os\nos._exit(0)"],
     {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"})
source = os.path.join(h.scratch, "small.c")
with open(source, "w") as f:
    f.write("struct node { struct node *next; int value; };\nint sum(struct node *n) { int s = 0;\n"
            "for (; n; n = n->next) s += n->value; return s; }\n")
cc1 = h.bare(["gcc", "-print-prog-name=cc1"]).stdout.strip() if shutil.which("gcc") else "none"
real("cc1", [cc1, "-quiet", "-O2", source, "-o", os.devnull])
h.finish()
