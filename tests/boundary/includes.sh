#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cli → src/host → src/shared ← preload: no file includes across that, and every
# include of ours names its path from the top.
set -eu
cd "$top_srcdir"
bad=0

complain()
{
    echo "$*"
    bad=$((bad + 1))
}

# check FOLDER ALLOWED-FOLDER... : what the files of FOLDER include
check()
{
    folder=$1
    shift
    seen=0
    for file in "$folder"/*.[ch]; do
        seen=$((seen + 1))
        for name in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file"); do
            case " $* " in
            *" ${name%/*} "*) [ -e "$name" ] || complain "$file includes $name, which is not there" ;;
            *) complain "$file includes $name; $folder may include only from: $*" ;;
            esac
        done
        # a header of ours in angle brackets, or reached by way of a parent folder
        if grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*(<(src|preload|cli)/|["<][^">]*\.\./)' "$file"; then
            complain "$file includes in a way that this test cannot follow"
        fi
    done
    [ "$seen" -gt 1 ] || complain "no files found in $folder"
}

check src/shared src/shared
check preload preload src/shared include
check src/host src/host src/shared
check cli cli src/host

[ "$bad" = 0 ] || exit 1
echo "every include keeps to its side"
