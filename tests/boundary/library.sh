#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the preload library brings into a stranger's process: which libraries and
# symbols it needs, what it shows, how it uses thread-local storage.
set -eu
library=$top_builddir/.libs/libmemprof-preload.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LC_ALL=C
export LC_ALL
bad=0

complain()
{
    echo "$*"
    bad=$((bad + 1))
}

command -v nm >/dev/null && command -v readelf >/dev/null || { echo "no binutils"; exit 77; }
[ -e "$library" ] || { echo "$library is not there"; exit 1; }

# Every symbol that it may take from libc or the loader.  A new one needs a
# reason: it is called in the middle of a foreign program's malloc.
cat >"$work/allowed" <<'ALLOWED'
_ITM_deregisterTMCloneTable
_ITM_registerTMCloneTable
__cxa_at_quick_exit
__cxa_atexit
__cxa_finalize
__environ
__errno_location
__gmon_start__
__libc_single_threaded
__libc_stack_end
__lsan_init
__register_atfork
__stack_chk_fail
_dl_find_object
_r_debug
clock_gettime
dl_iterate_phdr
dladdr1
dlopen
dlsym
environ
getauxval
memchr
memcmp
memcpy
memmove
memset
on_exit
pthread_mutex_trylock
pthread_mutex_unlock
sigdelset
sigfillset
strchr
strchrnul
strcmp
strcspn
strlen
strncmp
ALLOWED
# the debugging build stops the target when the recorder itself allocates
! grep -q '^#define MEMPROF_DEBUG_ALLOC_CHECK' "$top_builddir/config.h" || echo abort >>"$work/allowed"
sort -o "$work/allowed" "$work/allowed"

names()
{
    sed 's/.* //; s/@.*//' | sort -u
}

nm -D --undefined-only "$library" | names >"$work/imports"
[ -s "$work/imports" ] || complain "nm shows no imports at all"
comm -23 "$work/imports" "$work/allowed" >"$work/news"
[ ! -s "$work/news" ] || complain "imports that are not in the list: $(tr '\n' ' ' <"$work/news")"

nm -D --defined-only "$library" | names >"$work/exports"
sed -n 's/^ *\([A-Za-z_][A-Za-z0-9_]*\);$/\1/p' "$top_srcdir/preload/preload.map" | sort -u >"$work/map"
[ -s "$work/map" ] || complain "preload.map names nothing"
diff "$work/map" "$work/exports" >"$work/difference" ||
    complain "exports differ from preload.map (< map, > library): $(cat "$work/difference")"

readelf -d "$library" >"$work/dynamic"
for needed in $(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$work/dynamic"); do
    case $needed in
    libc.so.6 | ld-linux*) ;;
    *) complain "needs $needed" ;;
    esac
done
grep -q 'BIND_NOW' "$work/dynamic" || complain "is bound lazily: the first call of a function would run the linker"
! grep -q 'TEXTREL' "$work/dynamic" || complain "has relocations in its code"
# dynamic thread-local storage is allocated at its first use, inside the hook
readelf -rW "$library" >"$work/relocations"
! grep -qE 'DTPMOD|DTPOFF|TLSDESC' "$work/relocations" || complain "uses dynamic thread-local storage"
# static thread-local storage is short for libraries loaded later
tls=$(readelf -lW "$library" | awk '$1 == "TLS" { print $6 }')
[ "$((${tls:-0}))" -le 64 ] || complain "takes $((tls)) bytes of static thread-local storage"

[ "$bad" = 0 ] || exit 1
echo "$(wc -l <"$work/imports") imports, $(wc -l <"$work/exports") exports, $((${tls:-0})) bytes of TLS"
