#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The command line where no program needs to be recorded: usage, exit statuses,
# one clear line for each mistake, colours.

set -u
export LC_ALL=C
unset NO_COLOR
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
failed=0

# expect STATUS PATTERN ARGUMENT...: the exit status, and a line of the output
expect()
{
    local status=$1 pattern=$2 got output

    shift 2
    output=$("$MEMPROF" "$@" 2>&1 </dev/null)
    got=$?
    if [ $got -ne "$status" ] || ! grep -qE -- "$pattern" <<<"$output"; then
        echo "memprof $*: exit $got, expected $status and /$pattern/, output:" >&2
        echo "$output" >&2
        failed=1
    fi
}

expect 2 '^Usage: memprof COMMAND'
expect 0 '^Usage: memprof COMMAND' --help
expect 0 '^memprof [0-9]+\.[0-9]+' --version
expect 2 "no command 'rnu'" rnu
expect 2 "Did you mean 'memprof run'" runn
expect 2 'memprof run sqlite3 \.\.\.' sqlite3

expect 0 '^Usage: memprof run' run --help
expect 125 'which program\?' run
expect 125 'which program\?' run --
expect 125 "Try 'memprof run --help'" run --no-such-option true
expect 125 "takes a number from 0 to 4294967295, not '-3'" run --depth -3 true
expect 125 "takes a number from 0 to 4294967295, not '12x'" run -t 12x true
expect 125 "takes a number" run --width 99999999999999999999 true
expect 125 'line, function, file' run -g lines true
expect 125 'the pattern to skip is empty' run --skip file: true
expect 127 'memprof: no-such-program-here: not found$' run no-such-program-here
expect 127 'not found$' run ./no-such-program-here
touch plain
expect 126 'memprof: ./plain: not an executable file$' run ./plain
expect 126 'not an executable file$' run "$work"
expect 125 'cannot write /nowhere/x.mprof: No such file' run -o /nowhere/x.mprof true
expect 125 'cannot write /nowhere/x.json: No such file' run --json /nowhere/x.json true
expect 125 "cannot write $work: it is a folder" run -o "$work" true
# an option behind the program is the program's: the program is looked for first
expect 127 'no-such-program-here: not found' run -q no-such-program-here --depth nonsense

expect 125 "a time from 10ms to 1000h with its unit.*not '1'" run --snapshot-every 1 true
expect 125 "not '-1s'" run --snapshot-every -1s true
expect 125 "not '1ms'" run --snapshot-every 1ms true
expect 125 "not 'nans'" run --snapshot-every nans true
expect 125 "does not know the signal 'USR9'" run --snapshot-on-signal USR9 true
expect 125 'cannot use SIGKILL' run --snapshot-on-signal kill true
expect 125 'cannot use SIGSEGV' run --snapshot-on-signal 11 true
expect 125 'cannot use SIGTERM' run --snapshot-on-signal SIGTERM true

export MEMPROF_RUNTIME_DIR=$work/runtime
mkdir -m 700 runtime
expect 0 'nothing is being profiled' list
expect 3 'nothing is being profiled' snapshot some-program
expect 3 'nothing is being profiled' where 0x1000
expect 0 '^Usage: memprof list' list --help
expect 2 'takes no argument' list x
expect 0 '^Usage: memprof snapshot' snapshot --help
expect 2 'which program\?' snapshot
expect 2 'one program at a time' snapshot a b
expect 2 "cannot be called '12'" snapshot -l 12 a
expect 2 "cannot be called 'peak'" snapshot -l peak a
expect 2 'at most 255 bytes' snapshot -l "$(printf '%300s' x)" a
expect 3 "process $$ is not being profiled" snapshot $$
expect 3 'there is no process 999999999' snapshot 999999999
expect 0 '^Usage: memprof where' where --help
expect 2 'which address\?' where
expect 2 'one address at a time' where 1 2
expect 2 "'12z' is no address" where 12z
expect 2 "'99999999999999999999' is no address" where 99999999999999999999
if [ "$(id -u)" -ne 0 ]; then
    expect 5 'process 1 belongs to root' snapshot 1
fi
rmdir runtime

expect 0 '^Usage: memprof top' top --help
expect 2 'which profile\?' top
expect 2 'one profile at a time' top a b
expect 2 "Try 'memprof top --help'" top --lossy a
expect 1 'no-such.mprof' top no-such.mprof
echo 'this is no profile' >text.mprof
expect 65 'text.mprof' top text.mprof
: >empty.mprof
expect 65 'empty.mprof' top empty.mprof

expect 0 '^Usage: memprof stat' stat --help
expect 2 'which profile\?' stat
expect 2 'one profile at a time' stat a b
expect 2 "Try 'memprof stat --help'" stat --group-by line a
expect 2 "Try 'memprof stat --help'" stat --all-frames a
expect 1 'no-such.mprof' stat no-such.mprof
expect 65 'text.mprof' stat text.mprof

expect 0 '^Usage: memprof symbolize' symbolize --help
expect 2 'which profile\?' symbolize
expect 2 'one profile at a time' symbolize a b
expect 2 "there is no folder '/nowhere'" symbolize --debug-dir /nowhere a
expect 2 "there is no folder '/nowhere'" symbolize --sysroot /nowhere a
expect 1 'no-such.mprof' symbolize no-such.mprof
expect 65 'text.mprof' symbolize text.mprof

expect 0 '^Usage: memprof findings' findings --help
expect 2 'which profile\?' findings
expect 2 'one profile at a time' findings a b
expect 1 'no-such.mprof' findings no-such.mprof
expect 2 "takes a number" findings --top x a
expect 0 '^Usage: memprof growth' growth --help
expect 2 'which profile\?' growth
expect 2 'one profile at a time' growth a b
expect 1 'no-such.mprof' growth no-such.mprof
expect 2 "takes a size such as 4096.*not 'x'" growth --min-bytes x a
expect 0 '^Usage: memprof diff' diff --help
expect 2 'which profiles\?' diff
expect 2 'two profiles at a time' diff a b c
expect 2 'one profile is compared with a baseline' diff --baseline x a b
expect 1 'no-such.mprof' diff no-such.mprof text.mprof
expect 65 'text.mprof' diff text.mprof text.mprof
expect 65 'text.mprof is no JSON' diff --baseline text.mprof text.mprof
expect 2 "'@3' is not FILE@SNAPSHOT" diff @3 a
expect 2 "'5 %' is no limit of growth" diff --fail-on-growth '5 %' a b
expect 2 "'-1MiB' is no limit of growth" diff --fail-on-growth=-1MiB a b
expect 2 'not --by average' diff --fail-on-growth 5% --by average a b
expect 2 'a number of blocks or a share' diff --fail-on-growth 1MiB --by count a b
expect 2 "'/old' is not OLD=NEW" diff --map-path /old a b
expect 2 'folder to strip is empty' diff --strip-prefix '' a b
expect 2 "Try 'memprof diff --help'" diff --snapshot 3 a b
expect 0 '^Usage: memprof pools' pools --help
expect 2 'which profile, or program\?' pools
expect 2 'one at a time' pools text.mprof text.mprof
expect 2 'class, line, function' pools -g file text.mprof
expect 2 'taken, waste, asked, count' pools --by size text.mprof
expect 65 'text.mprof' pools text.mprof
expect 1 'missing.mprof' pools missing.mprof
expect 3 'nothing is being profiled' pools no-such-program
expect 0 '^Usage: memprof duplicates' duplicates --help
expect 2 'which profile, or program\?' duplicates
expect 2 'one at a time' duplicates text.mprof text.mprof
expect 2 'one at a time' duplicates --pid 1 text.mprof
expect 2 'line, function, file, module, thread, traceback' duplicates -g size-class text.mprof
expect 65 'text.mprof' duplicates text.mprof
expect 1 'missing.mprof' duplicates missing.mprof
expect 3 'nothing is being profiled' duplicates no-such-program
expect 2 'line, function, file, module, thread, traceback' leaks -g class text.mprof
expect 2 'retained, own' leaks --by peak text.mprof
for question in why referrers referents; do
    expect 0 "^Usage: memprof $question" $question --help
    expect 2 'which address, or leak\?' $question
    expect 2 'which address, or leak\?' $question text.mprof
    expect 2 'one block at a time' $question text.mprof 0x1000 0x2000
    expect 2 'one block at a time' $question --pid 1 text.mprof 0x1000
    expect 2 "'here' is neither an address" $question text.mprof here
    expect 65 'text.mprof' $question text.mprof 0x1000
    expect 65 'text.mprof' $question text.mprof 3fa91c02
    expect 1 'missing.mprof' $question missing.mprof 0x1000
    expect 3 'nothing is being profiled' $question no-such-program 0x1000
    expect 3 'nothing is being profiled' $question 0x1000
done
expect 0 '^Usage: memprof compare' compare --help
expect 2 'which profiles\?' compare
expect 2 'more names than profiles' compare -n x -n y text.mprof
expect 2 'peak, live, total, count' compare --by size text.mprof
expect 65 'text.mprof' compare text.mprof
expect 0 '^Usage: memprof merge' merge --help
expect 2 'name the new profile with -o' merge text.mprof
expect 2 'which profiles\?' merge -o new.mprof
expect 65 'text.mprof' merge -o new.mprof text.mprof

expect 0 '^operator new$' run --skip-list
expect 0 '^my_alloc$' top --skip my_alloc --skip-list
if [ "$("$MEMPROF" top --no-skip --skip 'module:x.so' --skip-list)" != module:x.so ]; then
    echo '--no-skip leaves more than what --skip names' >&2
    failed=1
fi

# nothing is left behind by all this
left=$(ls -A)
if [ "$left" != $'empty.mprof\nplain\ntext.mprof' ]; then
    echo "files were left behind:" "$left" >&2
    failed=1
fi

# output that cannot be written is a failure
if [ -w /dev/full ]; then
    "$MEMPROF" --help >/dev/full 2>/dev/null
    [ $? -eq 1 ] || {
        echo 'a full disk goes unnoticed' >&2
        failed=1
    }
fi
exit $failed
