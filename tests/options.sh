#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every option is in three places that are written by hand or made from a
# table: --help, the manual page and the bash completion.  They must agree.

set -u
export LC_ALL=C
failed=0

fail()
{
    echo "$*" >&2
    failed=1
}

# Compare two lists of words, one a line.
same()
{
    local difference

    difference=$(diff <(sort -u <<<"$2") <(sort -u <<<"$3")) ||
        fail "$1 differ:" "$difference"
}

from_help()
{
    "$MEMPROF" $1 --help | sed -n '/^ *-/p' | grep -oE '^ *(-[a-zA-Z], )?--[a-z-]+' |
        grep -oE -- '--?[a-zA-Z][a-z-]*'
}

# The .It lines of the page: ".It Fl o , Fl -output Ar file".
from_page()
{
    grep -E '^\.It Fl' "$1" | grep -oE 'Fl -?[a-zA-Z][a-zA-Z-]*' | sed 's/^Fl /-/'
}

# The synopsis names each option once, by its letter where it has one.
from_synopsis()
{
    sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$1" |
        grep -oE '^\.Op Fl -?[a-zA-Z][a-zA-Z-]*' | sed 's/^\.Op Fl /-/'
}

letter_or_name()
{
    "$MEMPROF" $1 --help | sed -nE 's/^ *(-[a-zA-Z]), --.*/\1/p; s/^ +(--[a-z-]+).*/\1/p' |
        grep -vx -- -h
}

from_completion()
{
    bash -c '. "$1"; _memprof_options "$2"' - "$top_srcdir/completions/memprof" "$1" |
        tr -s ' \n' '\n\n' | grep .
}

for command in attach check compare detach diff duplicates findings growth leaks list merge pools referents referrers run snapshot stat symbolize top tree where why; do
    page=$top_srcdir/man/memprof-$command.1
    help=$(from_help $command)
    [ "$(wc -l <<<"$help")" -gt 2 ] || fail "memprof $command --help lists too few options"
    same "memprof $command --help (<) and its manual page (>)" "$help" "$(from_page "$page")"
    same "memprof $command --help (<) and the completion (>)" "$help" "$(from_completion $command)"
    same "memprof $command --help (<) and the page's synopsis (>)" \
        "$(letter_or_name $command)" "$(from_synopsis "$page")"
done
same "memprof --help (<) and its manual page (>)" \
    "$(from_help '')" "$(from_page "$top_srcdir/man/memprof.1")"
same "memprof --help (<) and the completion (>)" "$(from_help '')" "$(from_completion '')"

# What the completion offers as an argument is what the option takes.
words()
{
    bash -c '. "$1"; cur=; _memprof_argument "$2" && printf "%s\n" "${COMPREPLY[@]}"' - \
        "$top_srcdir/completions/memprof" "$1"
}
taken()
{
    "$MEMPROF" run "$1" no-such-word true 2>&1 | sed -n 's/^  //p' | sed 's/, /\n/g'
}
for option in --group-by --by --unwinder --leak-check --leak-stop --gen-suppressions; do
    [ -n "$(words $option)" ] || fail "no words are completed for $option"
    same "the words completed for $option (<) and those it takes (>)" \
        "$(words $option)" "$(taken $option)"
done

exit $failed
