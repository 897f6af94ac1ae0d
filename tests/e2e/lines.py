# SPDX-License-Identifier: Apache-2.0
"""The line shown is the line of the call, and inlined functions are where they belong."""
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

# The source line itself is shown.
run = h.profile([h.target("lines")], "-g", "line", quiet=False)
h.check("malloc(1001)" in run.err, "the source line is printed")
h.finish()
