#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A call that may not happen in the target does not compile there, and every file
# of the target is compiled that way.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

complain()
{
    echo "$*"
    bad=$((bad + 1))
}

compiles()
{
    printf 'void f(void);\nvoid f(void)\n{\n    %s;\n}\n' "$1" >"$work/f.c"
    $CC -std=gnu17 -D_GNU_SOURCE= -I"$top_srcdir" -include "$top_srcdir/preload/banned.h" \
        -c "$work/f.c" -o "$work/f.o" 2>"$work/errors"
}

compiles 'write(2, "", 0)' || complain "what is allowed does not compile: $(cat "$work/errors")"
for call in 'printf("x")' 'fprintf(stderr, "x")' 'snprintf((char *)0, 0, "x")' 'exit(1)' 'abort()' \
    'puts("x")' 'strdup("x")' 'pthread_mutex_lock((void *)0)' 'setenv("a", "b", 1)' 'syslog(0, "x")'; do
    ! compiles "$call" || complain "$call compiles in the target"
done

# one set of flags compiles all of the library's files
flags=$(sed -n '/^libmemprof_preload_la_CFLAGS *=/,/[^\\]$/p' "$top_builddir/Makefile")
case $flags in
*-include*preload/banned.h*) ;;
*) complain "the library is compiled without banned.h: $flags" ;;
esac

[ "$bad" = 0 ] || exit 1
echo "banned calls do not compile in the library"
