# SPDX-License-Identifier: Apache-2.0
"""Names that try to steer a terminal, in every report of every subcommand."""
import os
import re
import subprocess

from table import built, memprof, need, row, run_group
import harness as h

EVIL = "\033[31m\033]0;owned\007\033[2J\177\u009b31m"
# C0 but tab and newline, DEL, and C1, also as bytes that are no UTF-8
C0 = re.compile(rb"[\x00-\x08\x0b-\x1f]")
CONTROLS = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|(?<![\x80-\xff])[\x80-\xbf]")
REPLACED = [(name, evil + b"_" * (len(name) - len(evil) - len(suffix)) + suffix) for name, evil, suffix in
            ((b"steering_the_terminal", b"f\033]0;owned\007\xc2\x9b1m", b""), (b"steering_the_global", b"g\033[31mowned\007", b""),
             (b"steering_the_source_file.c", b"s\033]0;owned\007\033[31m", b".c"),
             (b"one_inner_with_a_long_name__", b"p\033]0;owned\007\x9b31m", b""))]
FORMATS = ("json", "text", "sarif", "junit", "github", "gitlab", "markdown", "memcheck")


def make_program(folder):
    """The program, and its module, under names of their own."""
    compiler = os.environ.get("CC", "cc").split()
    source = os.path.join(folder, "steering_the_source_file.c")
    with open(os.path.join(h.SOURCE, "tests/targets/steering.c"), encoding="utf-8") as f:
        text = f.read()
    with open(source, "w", encoding="utf-8") as f:
        f.write(text)
    with open(os.path.join(h.SOURCE, "tests/targets/swap-plugin.c"), encoding="utf-8") as f:
        plugin = f.read().replace("NAME(inner)", "one_inner_with_a_long_name__")
    with open(os.path.join(folder, "plugin.c"), "w", encoding="utf-8") as f:
        f.write(plugin)
    flags = ["-g", "-O1", "-fno-builtin", "-std=gnu17", "-I" + h.SOURCE, "-I" + os.path.join(h.SOURCE, "include"), "-pthread"]
    for output, file, more in (("program", source, ["-rdynamic", "-ldl"]),
                               ("module", os.path.join(folder, "plugin.c"), ["-DSWAP_PLUGIN=1", "-fPIC", "-shared"])):
        run = subprocess.run([*compiler, *flags, "-o", os.path.join(folder, output), file, *more], capture_output=True, text=True, timeout=300)
        need(run.returncode == 0, run.stderr[-200:])
    made = []
    for name in ("program", "module"):
        with open(os.path.join(folder, name), "rb") as f:
            image = f.read()
        for word, evil in REPLACED:
            image = image.replace(word, evil)
        made.append(os.path.join(folder, name + EVIL))
        with open(made[-1], "wb") as f:
            f.write(image)
        os.chmod(made[-1], 0o755)
    with open(os.path.join(os.fsencode(folder), REPLACED[2][1]), "w", encoding="utf-8") as f:
        f.write(text.replace("steering_the_comment____", EVIL))
    return made


class Seen:
    """Everything that was shown or written, and by what."""

    def __init__(self):
        self.names = 0

    def look(self, what, data, kind=""):
        """JSON escapes what it must itself, which is C0."""
        at = (C0 if kind in ("json", "sarif", "gitlab") else CONTROLS).search(data)
        shown = at and data[max(0, at.start() - 40):at.end() + 40]
        h.check(not at, f"{what}: {shown!r}")
        self.names += b"owned" in data

    def command(self, *argv, statuses=(0,), **options):
        run = subprocess.run([h.MEMPROF, *argv], capture_output=True, timeout=300, stdin=subprocess.DEVNULL, **options)
        what = " ".join(os.path.basename(a) for a in argv)
        h.check(run.returncode in statuses, f"{what!r} ended with {run.returncode}: {run.stderr[-300:]!r}")
        kind = "json" if run.stdout[:1] in (b"{", b"[") else ""
        self.look(f"{what!r}, standard output", run.stdout.replace(b"\r\n", b"\n") if "--csv" in argv else run.stdout, kind)
        self.look(f"{what!r}, standard error", run.stderr)
        return run


def recorded(seen, folder, program, module, name):
    file = os.path.join(folder, name + EVIL + ".mprof")
    reports = [arg for f in FORMATS for arg in ("--report", f"{f}={folder}/{name}.{f}")]
    for output in ("json", "csv", "folded"):
        reports += [f"--{output}", f"{folder}/{name}.rows.{output}"]
    seen.command("run", "-v", "--leak-check=full", "--show-leak-kinds=all", "--contents", "--duplicates", "--leak-graph=all",
                 "--gen-suppressions", "valgrind", "--snapshot-every", "10ms", "-g", "traceback", *reports, "-o", file, "--", program, module)
    written = [n for n in os.listdir(folder) if n.startswith(name + ".")]
    h.equal(len(written), len(FORMATS) + 3, "reports")
    for report in written:
        with open(os.path.join(folder, report), "rb") as f:
            data = f.read()
        seen.look(report, data.replace(b"\r\n", b"\n") if report.endswith(".csv") else data, report.rpartition(".")[2])
    return file


def addresses(file):
    """Of blocks that the search kept."""
    run = memprof("leaks", "--show-leak-kinds=all", "--json", file)
    return re.findall(r"0x[0-9a-f]+", run.stdout)[:3]


def look_at_files(seen, one, two, folder):
    for what in ("line", "function", "file", "module", "thread", "traceback"):
        seen.command("top", "-g", what, one)
    seen.command("top", "--domain", "all", "--cumulative", one)
    for output in ("json", "csv", "folded"):
        seen.command("top", "-g", "traceback", f"--{output}", "-", one)
    for how in (["stat"], ["stat", "--json", "-"], ["leaks", "--contents", "--show-leak-kinds=all"], ["duplicates"], ["duplicates", "--json"],
                ["pools"], ["pools", "--json", "-"], ["findings"], ["findings", "--json"], ["growth"], ["growth", "--json", "-"],
                ["growth", "--csv", "-"], ["growth", "-g", "traceback"]):
        seen.command(*how, one, statuses=(0, 1))
    for syntax in ("lsan", "valgrind"):
        seen.command("leaks", "--gen-suppressions", syntax, one)
    for form in FORMATS:
        seen.command("leaks", "--report", f"{form}=-", "--show-leak-kinds=all", one)
        seen.command("check", "--from", one, "--report", f"{form}=-", statuses=(23,))
    for how in (["diff"], ["diff", "-g", "traceback"], ["diff", "--json", "-"], ["diff", "--csv", "-"], ["compare"], ["compare", "--json", "-"],
                ["compare", "--csv", "-"]):
        seen.command(*how, one, two)
    seen.command("merge", "-o", os.path.join(folder, "merged" + EVIL + ".mprof"), one, two)
    seen.command("symbolize", "-o", os.path.join(folder, "named.mprof"), one)
    for address in addresses(one):
        for how in (["why"], ["why", "--json"], ["referrers"], ["referents"]):
            seen.command(*how, one, address, statuses=(0, 1, 2, 3, 4))
    for missing in ("top", "stat", "leaks", "diff", "tree", "growth", "why"):
        seen.command(missing, os.path.join(folder, "missing" + EVIL), "x" + EVIL, statuses=(1, 2, 65))


def look_at_running(seen, folder, program, module):
    file = os.path.join(folder, "live" + EVIL + ".mprof")
    host = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", file, "--", program, module, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True)
    try:
        address = host.stdout.readline().strip().partition("=")[2]
        seen.command("list")
        seen.command("list", "--json")
        seen.command("snapshot", "program" + EVIL)
        seen.command("snapshot", "no" + EVIL, statuses=(1, 2, 3, 4, 5))
        seen.command("where", address)
        seen.command("why", "program" + EVIL, address, statuses=(0, 1, 2, 3, 4))
        seen.command("pools", "program" + EVIL, statuses=(0, 1, 2, 3, 4))
    finally:
        host.communicate("q", timeout=300)


@row("security", "terminal escapes in names of all kinds, in every report of every command")
def escapes():
    built("plain")
    folder = os.path.join(h.scratch, "folder" + EVIL)
    os.makedirs(folder)
    program, module = make_program(folder)
    seen = Seen()
    one, two = (recorded(seen, folder, program, module, name) for name in ("one", "two"))
    look_at_files(seen, one, two, folder)
    look_at_running(seen, folder, program, module)
    tree = os.path.join(folder, "tree")
    seen.command("run", "-o", tree + "/", "--", "sh", "-c", '"$1" "$2"; "$1" "$2"; true', "sh", program, module)
    for how in ([], ["--json"]):
        seen.command("tree", *how, tree)
    h.check(seen.names > 50, f"the names are shown, escaped: in {seen.names} texts")
    return f"{seen.names} texts with such names"


if __name__ == "__main__":
    run_group()
