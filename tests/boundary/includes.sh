#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cli → src/host → src/shared ← preload, and within src/host the order of its folders
# (HACKING.md): no file includes across that, and every include of ours names its path
# from the top.
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

# host FOLDER LOWER-FOLDER... : a folder of src/host, and those below it that it builds on.
# Each stands behind all that it names, so that no circle can come about.
host_folders=src/host
host()
{
    folder=src/host/$1
    shift
    lower=
    for name in "$@"; do
        case " $host_folders " in
        *" src/host/$name "*) lower="$lower src/host/$name" ;;
        *) complain "$folder: $name does not stand before it" ;;
        esac
    done
    # shellcheck disable=SC2086 # a list
    check "$folder" "$folder" src/host src/shared $lower
    host_folders="$host_folders $folder"
}

check src/host src/host src/shared
host memory
host text
host files text
host graph memory
host profile memory text files graph
host process files
host symbols memory text files profile process
host attach memory text files process
host model memory text profile process
host search memory text files graph profile symbols process model
host view memory text graph profile model
host pools memory profile model view
host suppress text graph
host leaks text graph profile view suppress
host findings text profile view pools suppress leaks
host diff text profile view
host recording memory text files profile symbols process attach model search pools
host report text profile view pools leaks findings diff recording

# shellcheck disable=SC2086 # a list
check cli cli $host_folders

# an archive's member is called by its file's name alone, and so is a header's guard
find src/host -name '*.[ch]' | sed 's|.*/||' | sort | uniq -d | grep . && complain "two files of that name"
for folder in $(find src/host cli preload src/shared -name '*.[ch]' | sed 's|/[^/]*$||' | sort -u) src/*; do
    case " $host_folders cli preload src/shared " in
    *" $folder "*) ;;
    *) complain "$folder is not in this list" ;;
    esac
done

[ "$bad" = 0 ] || exit 1
echo "every include keeps to its side"
