# SPDX-License-Identifier: Apache-2.0
"""However a program ends, it is searched for leaks before, and ends as it would have: output, status, core file."""
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time

import harness as h

# LeakSanitizer in memprof itself cannot work where memprof is traced.
os.environ["ASAN_OPTIONS"] += ":detect_leaks=0"
LOST = 1000  # bytes, by every target here
# In these the memory is not what it was at a search, or there can be none.
NOT_SEARCHED = {"stack_overflow", "exec", "sys", "confined"}
LOSES_MORE = {"double_free"}
WAYS = """return exit exit_from_thread exit_in_handler exit_in_exit_handler exit_in_destructor _exit_in_exit_handler
    signal_in_exit_handler _exit _Exit quick_exit err abort abort_and_jump abort_and_return abort_ignored abort_blocked
    double_free main_thread_ends only_thread_ends cancelled_thread segv segv_on_small_stack stack_overflow
    stack_overflow_on_small_stack fpe ill bus sys confined unconfined trap term_in_malloc term_thrice in_register in_vector timer value children exec""".split()
FATAL = [signal.Signals[f"SIG{name}"] for name in """SEGV BUS ILL FPE ABRT SYS TRAP TERM INT HUP QUIT ALRM USR1 USR2 PIPE XCPU
    XFSZ VTALRM PROF IO STKFLT PWR""".split() if hasattr(signal, f"SIG{name}")]
with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as pattern:
    CORES = pattern.read().strip()[0] not in "|/"


def fresh_signals():
    """As an interactive shell leaves them, whatever the test's own parents did; and room for a core file."""
    for number in FATAL:
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY if CORES else 0,) * 2)


def ended(argv, where):
    """Status, output, complaint, and how many core files the end left."""
    shutil.rmtree(where, ignore_errors=True)
    os.mkdir(where)
    run = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, cwd=where,
                         preexec_fn=fresh_signals)
    return run.returncode if run.returncode >= 0 else 128 - run.returncode, run.stdout, run.stderr, \
        sum(name.startswith("core") for name in os.listdir(where))


def lost(profile):
    """Definitely lost bytes; None if nothing was searched."""
    run = subprocess.run([h.MEMPROF, "leaks", "--json", "-", profile], capture_output=True, text=True, timeout=120)
    doc = json.loads(run.stdout)
    return None if any("nothing was searched" in note for note in doc["notes"]) else doc["leaks"]["definite"]["bytes"]


def same_end(name, argv):
    file = os.path.join(h.scratch, "way.mprof")
    bare = ended(argv, os.path.join(h.scratch, "bare"))
    with_us = ended([h.MEMPROF, "run", "-q", "--leak-check=summary", "-o", file, "--", *argv], os.path.join(h.scratch, "ours"))
    bare, with_us = ((end[0], *(re.sub(r" *\b\d{3,}\b", " PID", text) for text in end[1:3]), end[3]) for end in (bare, with_us))
    # memprof adds its own lines to standard error, behind the program's
    h.check(with_us[2].startswith(bare[2]), f"{name}: standard error: {with_us[2]!r} begins with {bare[2]!r}")
    h.equal((with_us[0], with_us[1], with_us[3]), (bare[0], bare[1], bare[3]), f"{name}: status, output, core files")
    return file


target = h.target("ways-out")
for way in WAYS:
    profile = same_end(way, [target, way])
    if way in LOSES_MORE:
        h.check((lost(profile) or 0) > LOST, f"{way}: {lost(profile)} bytes definitely lost")
    elif way not in NOT_SEARCHED:
        h.equal(lost(profile), LOST, f"{way}: definitely lost")
for number in FATAL:
    profile = same_end(number.name, [target, "raise", str(int(number))])
    h.equal(lost(profile), LOST, f"{number.name}: definitely lost")

# Two threads that call exit at once: which one's status and output is chance, but it ends.
run = h.profile([target, "exit_from_two_threads"], timeout=60)
h.equal(run.status, 7, "exit from two threads")



def states(pid):
    """Of the process's threads: T is stopped, S asleep."""
    found = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii") as stat:
            found.add(stat.read().rpartition(")")[2].split()[0])
    return found


def reaches(pid, wanted):
    deadline = time.monotonic() + 60
    while states(pid) != wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    return states(pid) == wanted


# A program that waits for its search goes on when memprof dies, which it cannot tell from being slow before.
command = [h.MEMPROF, "run", "-q", "--leak-check=summary", "-o", os.path.join(h.scratch, "dead.mprof"), "--", "sh", "-c", "echo $$; read go; echo ended"]
with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as host:
    pid = int(host.stdout.readline())
    host.send_signal(signal.SIGSTOP)
    h.check(reaches(host.pid, {"T"}), "memprof is stopped")
    host.stdin.write("\n")
    host.stdin.flush()
    h.equal(host.stdout.readline(), "ended\n", "output of a program whose memprof is stopped")
    h.check(reaches(pid, {"S"}), "it waits for its search")
    host.kill()
    # its end closes the pipe
    h.equal(host.communicate(timeout=60)[0], "", "a program whose memprof was killed while it waited ends")

# What programs are told of signals.
target = h.target("dispositions")
bare = ended([target], os.path.join(h.scratch, "bare"))
h.check(bare[1].count("\n") > 500, "the target says much")
for options in ([], ["--leak-check=summary"], ["--leak-check=no"], ["--snapshot-on-signal=WINCH"]):
    with_us = ended([h.MEMPROF, "run", "-q", "-o", "/dev/null", *options, "--", target], os.path.join(h.scratch, "ours"))
    differing = [pair for pair in itertools.zip_longest(with_us[1].splitlines(), bare[1].splitlines()) if pair[0] != pair[1]]
    h.equal(differing[:5], [], f"dispositions {options}")
    h.equal(with_us[0], bare[0], f"dispositions {options}: status")

SCRIPTS = {
    "python handles SIGINT": ["/usr/bin/python3", "-c", """
import os, signal
print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGUSR1))
try:
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
except KeyboardInterrupt:
    print("interrupted")
print(signal.signal(signal.SIGTERM, signal.SIG_IGN), signal.signal(signal.SIGTERM, signal.SIG_DFL))
os.kill(os.getpid(), signal.SIGTERM)"""],
    "python is interrupted": ["/usr/bin/python3", "-c", "import os, signal, time\nos.kill(os.getpid(), 2)\ntime.sleep(5)"],
    "python forks": ["/usr/bin/python3", "-c", """
import os, subprocess, signal
for how in (lambda: os._exit(3), lambda: os.abort(), lambda: os.kill(os.getpid(), 15), lambda: exit(4)):
    child = os.fork()
    if not child:
        how()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
print(subprocess.run(["sh", "-c", "kill -USR1 $$"]).returncode, subprocess.run(["false"]).returncode)"""],
    "bash traps": ["bash", "-c", """
trap 'echo trapped' INT TERM USR1; trap 'echo bye' EXIT
kill -INT $$; kill -TERM $$; kill -USR1 $$; trap; trap - TERM; trap '' HUP; kill -HUP $$; (kill -USR2 $BASHPID); echo $?
sh -c 'kill -SEGV $$'; echo $?; sleep 9 & kill $!; wait $!; echo $?; kill -TERM $$; echo not here"""],
    "bash is killed": ["bash", "-c", "kill -QUIT $$; kill -ALRM $$; echo not here"],
    "sh in a pipe": ["sh", "-c", "exec yes"],
    "perl": ["perl", "-e", """$| = 1; print defined $SIG{INT} ? "set" : "unset", "\\n"; $SIG{INT} = sub { print "int\\n" };
kill 'INT', $$; $SIG{USR1} = 'IGNORE'; kill 'USR1', $$; $SIG{INT} = 'DEFAULT'; eval { local $SIG{ALRM} = sub { die "alarm\\n" };
alarm 1; sleep 5; }; print $@; if (!fork) { kill 'TERM', $$ } wait; print $?, "\\n"; kill 'INT', $$; print "not here\\n" """],
    "timeout": ["timeout", "0.3", "sleep", "9"],
    "timeout kills": ["timeout", "-s", "SEGV", "0.3", "sleep", "9"],
    "nohup": ["nohup", "sh", "-c", "kill -HUP $$; echo goes on"],
}
for name, argv in SCRIPTS.items():
    if not shutil.which(argv[0]):
        continue
    if argv == ["sh", "-c", "exec yes"]:  # SIGPIPE
        command = ["bash", "-c", '"$@" | head -n 3; echo "${PIPESTATUS[@]}"', "-"]
        with_us = ended([*command, h.MEMPROF, "run", "-q", "-o", "/dev/null", "--", *argv], os.path.join(h.scratch, "ours"))
        h.equal(with_us[:2], ended(command + argv, os.path.join(h.scratch, "bare"))[:2], name)
    else:
        same_end(name, argv)

# What others see of the signal that is raised again: its sender, and that it is no fault.
if shutil.which("strace"):
    log = os.path.join(h.scratch, "strace")
    ended(["strace", "-f", "-e", "trace=none", "-o", log, h.MEMPROF, "run", "-q", "-o", "/dev/null", "--",
           h.target("ways-out"), "value"], os.path.join(h.scratch, "ours"))
    with open(log, encoding="utf-8") as f:
        told = [line for line in f if "--- SIGUSR2" in line]
    h.check(told == [] or (len(told) == 2 and told[0].split("---")[1] == told[1].split("---")[1] and "SI_QUEUE" in told[0]),
            f"the signal is raised as it was: {told}")
    # Traced by strace, the program cannot be traced by memprof: its threads stop by a signal.
    for way in "return exit_from_thread abort abort_and_jump main_thread_ends segv_on_small_stack term_in_malloc".split():
        file = os.path.join(h.scratch, "way.mprof")
        bare = ended([h.target("ways-out"), way], os.path.join(h.scratch, "bare"))
        with_us = ended(["strace", "-f", "-qq", "-o", log, h.MEMPROF, "run", "-q", "--leak-check=summary", "-o", file, "--",
                         h.target("ways-out"), way], os.path.join(h.scratch, "ours"))
        h.equal(with_us[:2], bare[:2], f"{way}, stopped by a signal")
        h.equal(lost(file), LOST, f"{way}, stopped by a signal: definitely lost")
h.finish()
