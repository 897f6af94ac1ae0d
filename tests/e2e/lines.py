# SPDX-License-Identifier: Apache-2.0
"""The line shown is the line of the call, and inlined functions are where they belong."""
import os
import shutil
import subprocess

import harness as h

run = h.profile([h.target("lines")])
rows = run.top("-g", "line", "--by", "total", "-t", "0")["stats"]
found = {h.plain_name(r["function"]): f"{(r['file'] or '?').split('/')[-1]}:{r['line']}" for r in rows}
for name in ["plain", "inner", "spread"]:
    h.equal(found.get(name), run.stated["line." + name], f"line of {name}")

inner = [r["traceback"] for r in run.doc["stats"] if h.passes_through(r, "inner")]
if h.check(len(inner) == 1, "one stack through inner"):
    names = [h.plain_name(f["function"]) for f in inner[0]]
    i = names.index("inner")
    h.equal(names[i : i + 3], ["inner", "outer", "main"], "order of inlined frames")
    h.equal([f["inlined"] for f in inner[0][i : i + 3]], [True, False, False], "which are inlined")
    outer = inner[0][i + 1]
    h.equal(f"{outer['file'].split('/')[-1]}:{outer['line']}", run.stated["line.outer"], "line of the inlined call")

for group, key, wanted in [("function", "function", {"plain", "inner", "spread"}), ("file", "file", {"lines.c"}),
                           ("module", "module", {"lines"})]:
    got = {h.plain_name(r[key]) if key == "function" else r[key].split("/")[-1]
           for r in run.top("-g", group, "--by", "total", "-t", "0")["stats"]}
    h.equal(got, wanted, f"grouped by {group}")



def found_lines(program):
    rows = h.profile([program]).top("-g", "line", "--by", "total", "-t", "0")["stats"]
    return {h.plain_name(r["function"]): f"{(r['file'] or '?').split('/')[-1]}:{r['line']}" for r in rows}


def same_lines(program, what):
    wanted = {name: run.stated["line." + name] for name in ("plain", "inner", "spread")}
    h.equal(found_lines(program), wanted, what)


def command(*argv):
    return subprocess.run(argv, cwd=h.scratch, capture_output=True).returncode == 0


# Debug information elsewhere: a file beside the program, one in .debug, compressed; then none at all.
if shutil.which("objcopy"):
    for folder, compression in [("", "none"), (".debug/", "none"), ("", "zlib")]:
        program, debug = os.path.join(h.scratch, "split"), os.path.join(h.scratch, folder, "split.debug")
        os.makedirs(os.path.dirname(debug), exist_ok=True)
        if (command("objcopy", "--only-keep-debug", f"--compress-debug-sections={compression}", h.target("lines"), debug)
                and command("objcopy", "--strip-debug", f"--add-gnu-debuglink={debug}", h.target("lines"), program)):
            same_lines(program, f"separate debug file in ./{folder}, compression {compression}")
        os.unlink(debug)
    h.equal(set(found_lines(program)), {"plain", "outer", "spread"}, "no debug file: functions from the symbol table")
    h.equal({v for v in found_lines(program).values()}, {"?:None"}, "no debug file: no lines")
    stripped = os.path.join(h.scratch, "stripped")
    command("objcopy", "--strip-all", h.target("lines"), stripped)
    rows = h.profile([stripped]).top("-g", "line", "--by", "total", "-t", "0")["stats"]
    h.check(len(rows) == 3 and all(r["module"].endswith("/stripped") for r in rows), "stripped: told apart by offset")

# Other compilers and formats; clang writes no .debug_aranges.
source = os.path.join(h.SOURCE, "tests/targets/lines.c")
for compiler, *flags in [("clang", "-gdwarf-5"), ("clang", "-gdwarf-4"), ("gcc", "-gdwarf-4"), ("gcc", "-no-pie"), ("gcc", "-O2")]:
    program = os.path.join(h.scratch, "other")
    if shutil.which(compiler) and command(compiler, "-g", "-O1", "-fno-builtin", *flags, source, "-o", program):
        same_lines(program, f"{compiler} {' '.join(flags)}")

# libc's own functions by its debug file, where that is installed; its lines too unless it is compressed:
# unpacking it would take longer than many a program runs, for frames that are nobody's own.
listed = subprocess.run(["readelf", "-n", "/lib/x86_64-linux-gnu/libc.so.6"], capture_output=True, text=True).stdout
build_id = listed.partition("Build ID: ")[2].split("\n")[0]
debug = f"/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug"
if build_id and os.path.exists(debug):
    frames = {f["function"]: f["file"] for r in run.doc["stats"] for f in r["traceback"] if f["module"].endswith("libc.so.6")}
    h.check("__libc_start_call_main" in frames, f"functions of libc by its debug file: {frames}")
    sections = subprocess.run(["readelf", "-SW", debug], capture_output=True, text=True).stdout
    info = [line.split() for line in sections.splitlines() if " .debug_info " in line]
    if info and "C" not in info[0][-4]:
        h.check(all(frames.values()), f"lines of libc by its debug file: {frames}")

# The source line itself is shown.
run = h.profile([h.target("lines")], "-g", "line", quiet=False)
h.check("malloc(1001)" in run.err, "the source line is printed")
h.finish()
