/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs call that are written for LeakSanitizer, if it is there: the functions of
 * compiler-rt's sanitizer/lsan_interface.h (LLVM 19), declared weak by such programs or
 * looked up.  Where a program has LeakSanitizer itself, it is told too.
 *
 * A check never ends the program here.  __lsan_default_suppressions is the program's own
 * function: see ending.c.
 */
#include "preload/api.h"
#include "preload/entry.h"

#include <dlfcn.h>

/* In a program that has the sanitizer. */
extern void __lsan_init(void) __attribute__((weak));

ENTRY void __lsan_disable(void);
ENTRY void __lsan_enable(void);
ENTRY void __lsan_ignore_object(const void *object);
ENTRY void __lsan_register_root_region(const void *start, size_t size);
ENTRY void __lsan_unregister_root_region(const void *start, size_t size);
ENTRY void __lsan_do_leak_check(void);
ENTRY int __lsan_do_recoverable_leak_check(void);

static void *theirs(const char *name)
{
    return __lsan_init ? dlsym(RTLD_NEXT, name) : NULL;
}

/*
 * Blocks that this thread makes meanwhile are ignored.  A thread without a slot has no
 * blocks that are recorded.
 */
static void count_disabled(int by)
{
    uint32_t was;
    struct thread *t = entry_begin_request(FRAME, &was);

    if (!t)
        return;
    if (by > 0 || t->ignoring > 0)
        t->ignoring += (uint32_t)by;
    entry_end_request(was);
}

ENTRY void __lsan_disable(void)
{
    void (*also)(void) = (void (*)(void))theirs("__lsan_disable");

    count_disabled(1);
    if (also)
        also();
}

ENTRY void __lsan_enable(void)
{
    void (*also)(void) = (void (*)(void))theirs("__lsan_enable");

    count_disabled(-1);
    if (also)
        also();
}

ENTRY void __lsan_ignore_object(const void *object)
{
    void (*also)(const void *) = (void (*)(const void *))theirs("__lsan_ignore_object");

    api_ignore(object);
    if (also)
        also(object);
}

ENTRY void __lsan_register_root_region(const void *start, size_t size)
{
    void (*also)(const void *, size_t) =
        (void (*)(const void *, size_t))theirs("__lsan_register_root_region");

    api_region(REGION_ROOT_ADD, start, size);
    if (also)
        also(start, size);
}

ENTRY void __lsan_unregister_root_region(const void *start, size_t size)
{
    void (*also)(const void *, size_t) =
        (void (*)(const void *, size_t))theirs("__lsan_unregister_root_region");

    api_region(REGION_ROOT_REMOVE, start, 0);
    if (also)
        also(start, size);
}

ENTRY void __lsan_do_leak_check(void)
{
    void (*also)(void) = (void (*)(void))theirs("__lsan_do_leak_check");

    api_leak_check(FRAME, NULL, NULL);
    if (also)
        also();
}

/* Not 0: there are leaks. */
ENTRY int __lsan_do_recoverable_leak_check(void)
{
    int (*also)(void) = (int (*)(void))theirs("__lsan_do_recoverable_leak_check");
    size_t blocks = 0;
    bool lost = api_leak_check(FRAME, NULL, &blocks) == 0 && blocks != 0;

    return also ? also() : lost;
}
