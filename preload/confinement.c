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
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

ENTRY int prctl(int option, ...);
ENTRY long syscall(long number, ...);
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

/* As libc's functions answer. */
static long answer(long result)
{
    if (result >= 0 || result < -4095)
        return result;
    errno = (int)-result;
    return -1;
}

/* As libc's own, it takes four more arguments whether they were given or not. */
ENTRY int prctl(int option, ...)
{
    unsigned long a[4];
    va_list rest;

    va_start(rest, option);
    for (unsigned i = 0; i < 4; i++)
        a[i] = va_arg(rest, unsigned long);
    va_end(rest);
    if (option == PR_SET_SECCOMP && (a[0] != SECCOMP_MODE_FILTER || a[1]))
        confine();
    return (int)answer(
        rawcall6(SYS_prctl, option, (long)a[0], (long)a[1], (long)a[2], (long)a[3], 0));
}

/* seccomp(2) has no function of its own in libc.  Takes six arguments, as libc's. */
ENTRY long syscall(long number, ...)
{
    long a[6];
    va_list rest;

    va_start(rest, number);
    for (unsigned i = 0; i < 6; i++)
        a[i] = va_arg(rest, long);
    va_end(rest);
    /* without a filter it is asked whether the kernel knows of filters, or of such flags */
    if (number == SYS_seccomp &&
        ((a[0] == SECCOMP_SET_MODE_FILTER && a[2]) || a[0] == SECCOMP_SET_MODE_STRICT))
        confine();
    return answer(rawcall6(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

ENTRY int seccomp_load(void *context)
{
    int (*theirs)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "seccomp_load");

    if (!theirs)
        return -ENOSYS;
    confine();
    return theirs(context);
}
