/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/confinement.h"

#include "preload/disposition.h"
#include "preload/ending.h"
#include "preload/entry.h"
#include "preload/real.h"
#include "preload/search.h"
#include "src/shared/rawcall.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/prctl.h>

ENTRY int prctl(int option, ...);
ENTRY int seccomp_load(void *context);

static _Atomic bool now_confined;

bool confined(void)
{
    /* relaxed: set before the filter is there, by the thread itself or one that it waits for */
    return atomic_load_explicit(&now_confined, memory_order_relaxed);
}

/* Not in a child by vfork, whose memory is its parent's. */
static void confine(void)
{
    if (!search_possible())
        return;
    ending_note(LEAVING_SILENT);
    atomic_store_explicit(&now_confined, true, memory_order_relaxed);
    dispositions_give_up();
}

/* As libc's own, it takes four more arguments whether they were given or not. */
ENTRY int prctl(int option, ...)
{
    unsigned long a[4];
    va_list rest;
    long result;

    va_start(rest, option);
    for (unsigned i = 0; i < 4; i++)
        a[i] = va_arg(rest, unsigned long);
    va_end(rest);
    if (option == PR_SET_SECCOMP)
        confine();
    result = rawcall6(SYS_prctl, option, (long)a[0], (long)a[1], (long)a[2], (long)a[3], 0);
    if (result >= 0)
        return (int)result;
    errno = (int)-result;
    return -1;
}

ENTRY int seccomp_load(void *context)
{
    int (*theirs)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "seccomp_load");

    if (!theirs)
        return -ENOSYS;
    confine();
    return theirs(context);
}
