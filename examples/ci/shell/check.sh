#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh DIRECTORY TEST...: run every test under memprof, each profile into DIRECTORY,
# and make one report of all of them.  Exits with 1 when a test failed or leaked.
set -u
directory=$1
shift
failed=0
mkdir -p "$directory"
for test in "$@"; do
    name=$(basename "$test")
    memprof check -q -o "$directory/$name.mprof" -- "$test" || {
        echo "$name: status $?"
        failed=1
    }
done
memprof merge -q -o "$directory/all.mprof" "$directory"/[!a]*.mprof
memprof leaks "$directory/all.mprof" --report sarif="$directory/leaks.sarif" --report markdown="$directory/leaks.md"
exit $failed
