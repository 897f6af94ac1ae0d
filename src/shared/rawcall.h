/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that leave errno alone and are no cancellation points: the
 * target's code makes them inside malloc, where neither may show.  The result
 * is the kernel's: a negative errno value on failure.
 */
#ifndef MEMPROF_SHARED_RAWCALL_H
#define MEMPROF_SHARED_RAWCALL_H

#include <sys/syscall.h>

#if defined(__x86_64__)

static inline long rawcall6(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#elif defined(__aarch64__)

static inline long rawcall6(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;

    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory", "cc");
    return x0;
}

#else

#include <errno.h>
#include <unistd.h>

static inline long rawcall6(long number, long a, long b, long c, long d, long e, long f)
{
    int saved = errno;
    long result = syscall(number, a, b, c, d, e, f);

    if (result == -1)
        result = -errno;
    errno = saved;
    return result;
}

#endif

#define rawcall(number, a, b, c) rawcall6((number), (long)(a), (long)(b), (long)(c), 0, 0, 0)

#endif
