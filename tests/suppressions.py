#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Valgrind and LeakSanitizer take the suppressions that are generated, for the leak they are of and no other."""
import os
import shutil
import subprocess
import sys
import tempfile

tool = os.path.join(os.environ["top_builddir"], "tests/tools/suppress-stack")
program = r"""
#include <stdlib.h>
#define KEEP __attribute__((noinline))
namespace app {
struct Pool {
    KEEP char *grow(unsigned long n) { return static_cast<char *>(malloc(n)); }
    KEEP char *shrink(unsigned long n) { return static_cast<char *>(malloc(n)); }
};
}
KEEP void run(int n)
{
    app::Pool pool;
    volatile char *lost = pool.grow(n);
    lost[0] = 1;
#ifdef TWO
    lost = pool.shrink(n);
    lost[0] = 1;
#endif
    lost = nullptr;
}
int main()
{
    run(100);
    return 0;
}
"""
stack = ["app::Pool::grow(unsigned long)", "run(int)", "main"]
skipped = []


def compiled(folder, name, *flags):
    """The path of the program, or None when the compiler cannot do it."""
    path = os.path.join(folder, name)
    compiler = shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++")
    if not compiler:
        return None
    made = subprocess.run([compiler, "-g", "-O0", "-x", "c++", "-", "-o", path, *flags],
                          input=program.encode(), capture_output=True)
    return path if made.returncode == 0 else None


def rules(folder, form):
    path = os.path.join(folder, form + ".supp")
    with open(path, "wb") as f:
        f.write(subprocess.run([tool, form, *stack], check=True, capture_output=True).stdout)
    return path


def under_valgrind(path, *options):
    command = ["valgrind", "-q", "--leak-check=full", "--error-exitcode=9", *options, path]
    return subprocess.run(command, capture_output=True).returncode


def under_lsan(path, options=""):
    environment = {**os.environ, "LSAN_OPTIONS": "exitcode=9:" + options}
    return subprocess.run([path], env=environment, capture_output=True).returncode


def check_valgrind(folder):
    one, two = compiled(folder, "one"), compiled(folder, "two", "-DTWO")
    if not one or not shutil.which("valgrind") or under_valgrind(one) != 9:
        skipped.append("valgrind")
        return
    option = "--suppressions=" + rules(folder, "valgrind")
    assert under_valgrind(one, option) == 0
    assert under_valgrind(two, option) == 9
    print("valgrind: as it reads them")


def check_lsan(folder):
    one = compiled(folder, "one-lsan", "-fsanitize=leak")
    two = compiled(folder, "two-lsan", "-fsanitize=leak", "-DTWO")
    if not one or not two or under_lsan(one) != 9:
        skipped.append("LeakSanitizer")
        return
    option = "suppressions=" + rules(folder, "lsan")
    assert under_lsan(one, option) == 0
    assert under_lsan(two, option) == 9
    print("LeakSanitizer: as it reads them")


with tempfile.TemporaryDirectory() as where:
    check_valgrind(where)
    check_lsan(where)
for what in skipped:
    print("not checked:", what)
sys.exit(77 if skipped else 0)
