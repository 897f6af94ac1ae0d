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

# Every key that a report has is described.
keys=$(sed -nE 's/.*(set|member)\([^"]*"([a-z_]+)".*/\2/p' \
    ../src/host/report-json*.c ../src/host/report-stat-json.c | sort -u)
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
