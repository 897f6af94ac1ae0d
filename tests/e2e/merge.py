# SPDX-License-Identifier: Apache-2.0
"""Several profiles as one: sums, united stacks, threads apart, and what is said to be lost."""
import json
import os
import shutil
import subprocess

import harness as h

SOURCE = """#include <pthread.h>
#include <stdlib.h>
static void *kept[100000];
static void *work(void *n)
{
    for (long i = 0; i < (long)n; i++)
        kept[i] = malloc(100);
    return NULL;
}
int main(int argc, char **argv)
{
    pthread_t thread;
    free(malloc(30000));
    pthread_create(&thread, NULL, work, (void *)atol(argv[1]));
    pthread_join(thread, NULL);
    kept[99999] = malloc(atol(argv[1]));
    return atoi(argv[2]);
}
"""
KEYS = ("live_bytes", "live_blocks", "peak_bytes", "peak_blocks", "total_bytes", "total_blocks", "temporary_blocks",
        "freed_bytes", "freed_blocks")


def memprof(*arguments, status=0):
    result = subprocess.run([h.MEMPROF, *arguments], capture_output=True, text=True, timeout=120)
    h.equal(result.returncode, status, f"memprof {' '.join(arguments)}: status ({result.stderr.strip()[:300]})")
    return result


def top(profile, *options):
    return json.loads(memprof("top", "--json", "-", *options, profile).stdout)


path = os.path.join(h.scratch, "shard.c")
with open(path, "w") as f:
    f.write(SOURCE)
program = os.path.join(h.scratch, "shard")
h.bare([os.environ.get("CC", "cc").split()[0], "-g", "-O1", "-fno-builtin", "-pthread", "-o", program, path], check=True)
runs = [h.profile([program, str(n), str(status)]) for n, status in ((10, 0), (200, 0), (3000, 3))]
other = h.profile([h.target("plain")])
merged = os.path.join(h.scratch, "merged.mprof")

# ---- shards of one program
said = memprof("merge", "-o", merged, *[r.profile for r in runs]).stderr
h.check("3 profiles merged into" in said, f"what was merged is said: {said!r}")
h.check("sum of their peaks" in said and "at no one time" in said, "that the peak is no moment's is said")
h.check("left out" in said and "timelines" in said, "what is left out is said")
all_of_it = top(merged, "--by", "total", "-t", "0")
parts = [top(r.profile, "--by", "total", "-t", "0") for r in runs]
for key in KEYS:
    h.equal(all_of_it["totals"][key], sum(p["totals"][key] for p in parts), f"{key} is the sum")


def by_place(document):
    return {(h.plain_name(r["function"]), r["file"], r["line"], r["module"]): r for r in document["stats"]}


places = by_place(all_of_it)
h.equal(set(places), set().union(*map(by_place, parts)), "the places are those of the parts, each once")
for place, row in places.items():
    for key in KEYS[:6]:
        h.equal(row[key], sum(by_place(p)[place][key] for p in parts if place in by_place(p)), f"{place}: {key}")
stacks = top(merged, "--by", "total", "-t", "0", "-g", "traceback")
h.equal(len(stacks["stats"]), max(len(top(r.profile, "--by", "total", "-t", "0", "-g", "traceback")["stats"]) for r in runs),
        "one build at other addresses: the stacks are the same")
threads = top(merged, "--by", "total", "-t", "0", "-g", "thread")["stats"]
h.equal(len(threads), 6, "threads are kept apart")
h.equal({r["thread"]["name"].split("/")[0] for r in threads}, {"shard"}, "threads are named by their programs")
process = all_of_it["process"]
h.equal(process["command"], "; ".join(f"{program} {n} {status}" for n, status in ((10, 0), (200, 0), (3000, 3))), "every command")
h.equal((process["program"], process["exit_status"]), ("shard", 3), "the program, and the first bad end")
h.equal(all_of_it["timeline"], [], "no timeline")
h.check("3 profiles" in memprof("top", merged).stdout, "top says that it is a sum")
h.check("3 profiles merged" in memprof("compare", runs[0].profile, merged).stdout, "so does compare")

# ---- merged again, with itself, and with another program
twice = os.path.join(h.scratch, "twice.mprof")
memprof("merge", "-q", "-o", twice, merged, other.profile, runs[0].profile)
again = top(twice, "--by", "total", "-t", "0")
h.equal(again["totals"]["total_bytes"],
        all_of_it["totals"]["total_bytes"] + other.doc["totals"]["total_bytes"] + parts[0]["totals"]["total_bytes"], "merged again")
h.equal(again["process"]["program"], "5 processes", "programs of several names are counted")
h.check(process["command"] in again["process"]["command"], "the commands of a sum stay")
same = os.path.join(h.scratch, "same.mprof")
copy = shutil.copy(runs[1].profile, os.path.join(h.scratch, "copy.mprof"))
memprof("merge", "-q", "-o", same, runs[1].profile, copy)
d = json.loads(memprof("diff", "--json", "-", runs[1].profile, same).stdout)
h.equal({r["size_diff"] for r in d["stats"]}, {r["size"] - r["size_diff"] for r in d["stats"]}, "twice the same is twice as much")
h.check("(2 times)" in top(same)["process"]["command"], "a command that comes twice is said once")

# ---- without symbols, other addresses, one build
if shutil.which("strip"):
    bare = shutil.copy(program, os.path.join(h.scratch, "bare"))
    h.bare(["strip", bare], check=True)
    a, b = h.profile([bare, "10", "0"]), h.profile([bare, "20", "0"])
    memprof("merge", "-q", "-o", merged, a.profile, b.profile)
    h.equal(len(top(merged, "--by", "total", "-t", "0")["stats"]), len(a.top("--by", "total", "-t", "0")["stats"]),
            "a stripped program: offsets are united")

# ---- what goes wrong
memprof("merge", "-o", "/nowhere/x.mprof", runs[0].profile, status=1)
damaged = os.path.join(h.scratch, "damaged.mprof")
with open(runs[0].profile, "rb") as f:
    content = f.read()
with open(damaged, "wb") as f:
    f.write(content[: len(content) // 4])
before = os.path.getmtime(twice)
wrong = memprof("merge", "-o", twice, runs[0].profile, twice, status=2)
h.check("twice.mprof is to be written" in wrong.stderr, "the output of before is not merged again")
link = os.path.join(h.scratch, "link.mprof")
os.symlink(runs[0].profile, link)
wrong = memprof("merge", "-o", twice, runs[0].profile, link, status=2)
h.check("the same file" in wrong.stderr, "one file under two names is not counted twice")
memprof("merge", "-o", twice, runs[1].profile, damaged, status=65)
h.equal(os.path.getmtime(twice), before, "a profile that cannot be read: the output is not touched")
h.equal(h.leftovers(), [], "no leftovers")

h.finish()
