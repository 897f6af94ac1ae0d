#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The manual pages are well formed, and each that is referred to is there.

set -u
command -v mandoc >/dev/null || {
    echo 'mandoc is not installed'
    exit 77
}

failed=0
cd "$top_srcdir/man" || exit 99
for page in *.[0-9]; do
    # a name of a function that is described together with others
    other=$(sed -n 's|^\.so man3/||p' "$page")
    if [ -n "$other" ]; then
        grep -q "^\.Nm ${page%.3}" "$other" || {
            echo "$page leads to $other, which does not describe it" >&2
            failed=1
        }
        continue
    fi
    # which of the system's pages are installed is not our matter; ours are looked at below
    complaints=$(mandoc -T lint "$page" 2>&1 |
        grep -vE 'mandoc\.db|referenced manual not found')
    if [ -n "$complaints" ]; then
        echo "$complaints" >&2
        failed=1
    fi
    while read -r name section; do
        if [ ! -e "$name.$section" ]; then
            echo "$page refers to $name($section), which is not there" >&2
            failed=1
        fi
    done < <(sed -nE 's/^\.Xr (memprof[^ ]*) ([0-9]).*/\1 \2/p' "$page")
done

# Every function of the header has a page.
functions=$(sed -nE 's/^MEMPROF_INLINE_ int (memprof_[a-z_]+)\(.*/\1/p' ../include/memprof.h)
[ "$(wc -l <<<"$functions")" -ge 14 ] || {
    echo 'the functions of memprof.h were not found' >&2
    failed=1
}
for name in $functions; do
    [ -e "$name.3" ] || {
        echo "$name has no page" >&2
        failed=1
    }
    grep -qw "$name" memprof.h.3 || {
        echo "memprof.h(3) does not mention $name" >&2
        failed=1
    }
done

# Every key that a report has is described.
keys=$(sed -nE 's/.*(set|member)\([^"]*"([a-z_]+)".*/\2/p' \
    ../src/host/report/report-json*.c ../src/host/report/report-stat-json.c ../src/host/report/report-leak-json.c | sort -u)
[ "$(wc -l <<<"$keys")" -gt 40 ] || {
    echo 'the keys of the JSON report were not found' >&2
    failed=1
}
for key in $keys schema_version stats; do
    if ! grep -qw "$key" memprof-json.5; then
        echo "memprof-json(5) does not describe $key" >&2
        failed=1
    fi
done
exit $failed
