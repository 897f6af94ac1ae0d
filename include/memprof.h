/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memprof.h - what a program can say to memprof while it is being profiled, and
 * ask of it.  For C99 and C++11.
 *
 * Every call does nothing, and says so by its result, when the program does not
 * run under memprof: programs are compiled and linked with this header for good,
 * and need no library (`pkg-config --libs memprof` is empty on current systems).
 * It works in executables of any kind, shared libraries and plugins; in a
 * statically linked program, which memprof cannot record, all calls do nothing.
 *
 * Threads: every function may be called by any thread at any time.  Before the
 * constructors of the module that calls it have begun, every call does nothing,
 * as without memprof.
 * Signal handlers: every function is async-signal-safe.  In a handler that
 * interrupted memprof's own code a call returns -1 and nothing is done
 * (memprof_is_tracing and memprof_start and memprof_stop always work).
 * errno is never changed.
 *
 * memprof.h(3) and the pages of the functions say more.
 */
#ifndef MEMPROF_H
#define MEMPROF_H 1

#include <stddef.h>

#if !defined(__GNUC__)
#error "memprof.h needs the attributes of GCC or clang"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What memprof's library in the process offers: found by name, under which it
 * will only ever grow at its end.  Not to be used by itself.
 */
struct memprof_api_v1 {
    size_t size; /* of this structure, in bytes, as the library knows it */
    int (*start)(void);
    int (*stop)(void);
    int (*is_tracing)(void);
    int (*snapshot)(const char *label);
    int (*clear_traces)(void);
    int (*get_traced_memory)(size_t *current, size_t *peak);
    int (*reset_peak)(void);
    int (*get_overhead)(size_t *target, size_t *host);
    int (*mark)(const char *label);
    int (*ignore)(const void *ptr);
    int (*domain)(const char *name);
    int (*alloc)(int domain, const void *ptr, size_t size);
    int (*realloc)(int domain, const void *old_ptr, const void *new_ptr, size_t size);
    int (*free)(int domain, const void *ptr);
    int (*leak_check)(size_t *lost_bytes, size_t *lost_blocks);
    int (*root_region)(const void *ptr, size_t size);
    int (*root_region_remove)(const void *ptr);
    int (*weak_region)(const void *ptr, size_t size);
    int (*weak_region_remove)(const void *ptr);
};

#ifndef MEMPROF_API_TABLE_ONLY /* memprof's own library is the other side */

#ifdef __cplusplus
#define MEMPROF_NULL_ nullptr
#else
#define MEMPROF_NULL_ NULL
#endif

/*
 * The loader's look-up.  References through weakref do not make a static program
 * link it, nor do they weaken the program's own.
 */
static void *memprof_dlsym_(void *handle, const char *name) __attribute__((__weakref__("dlsym")));
static char *memprof_dlerror_(void) __attribute__((__weakref__("dlerror")));

/*
 * The table, NULL if there is none or it was not looked for.  One for all files of
 * an executable or a shared object.
 */
extern const struct memprof_api_v1 *memprof_found_;
__attribute__((__weak__, __visibility__("hidden"))) const struct memprof_api_v1 *memprof_found_ =
    MEMPROF_NULL_;

/*
 * Before any other constructor of the module, and never later: where dlsym finds
 * nothing it allocates, and the caller may be the program's own malloc, under its
 * lock.  The second dlerror frees what the first returned.
 */
void memprof_find_(void);
__attribute__((__weak__, __visibility__("hidden"), __constructor__(101))) void memprof_find_(void)
{
    const struct memprof_api_v1 *found;
    void *symbol;

    if (!memprof_dlsym_ || __atomic_load_n(&memprof_found_, __ATOMIC_RELAXED))
        return;
    symbol = memprof_dlsym_(MEMPROF_NULL_, "memprof_api_v1");
    if (!symbol && memprof_dlerror_ && memprof_dlerror_())
        (void)memprof_dlerror_(); /* the failure is not the program's */
    /* no cast is as good in C as in C++ */
    __builtin_memcpy(&found, &symbol, sizeof(found));
    __atomic_store_n(&memprof_found_, found, __ATOMIC_RELEASE);
}

#define MEMPROF_INLINE_ static __inline__ __attribute__((__always_inline__, __unused__))

MEMPROF_INLINE_ const struct memprof_api_v1 *memprof_api_(void)
{
    return __atomic_load_n(&memprof_found_, __ATOMIC_ACQUIRE);
}

/* Whether the library has this member. */
#define MEMPROF_HAS_(api, member)                                                                  \
    ((api) && (api)->size >= offsetof(struct memprof_api_v1, member) + sizeof((api)->member))

#define MEMPROF_CALL_(member, arguments)                                                           \
    const struct memprof_api_v1 *api = memprof_api_();                                             \
    return MEMPROF_HAS_(api, member) ? api->member arguments : -1

/*
 * Record allocations from now on / no more.  While recording is off, frees of
 * blocks that were recorded are still followed, and such a block stays recorded
 * when it is reallocated.  0, or -1 when not under memprof.
 */
MEMPROF_INLINE_ int memprof_start(void)
{
    MEMPROF_CALL_(start, ());
}

MEMPROF_INLINE_ int memprof_stop(void)
{
    MEMPROF_CALL_(stop, ());
}

/* 1 while allocations are recorded, else 0. */
MEMPROF_INLINE_ int memprof_is_tracing(void)
{
    const struct memprof_api_v1 *api = memprof_api_();

    return MEMPROF_HAS_(api, is_tracing) ? api->is_tracing() : 0;
}

/*
 * Take a snapshot of exactly what is recorded at this point.  The label may be
 * NULL; 240 bytes of it are kept.  Does not wait until the snapshot is written.
 * 0, or -1 when none will be taken.
 */
MEMPROF_INLINE_ int memprof_snapshot(const char *label)
{
    MEMPROF_CALL_(snapshot, (label));
}

/* Forget all that was recorded so far, but not the snapshots.  0 or -1. */
MEMPROF_INLINE_ int memprof_clear_traces(void)
{
    MEMPROF_CALL_(clear_traces, ());
}

/*
 * The bytes now live in the heap that were recorded, and the most there were.
 * Either may be NULL.  Waits for memprof to catch up, which takes a fraction of a
 * millisecond.  0; or -1 with both set to 0.
 */
MEMPROF_INLINE_ int memprof_get_traced_memory(size_t *current, size_t *peak)
{
    const struct memprof_api_v1 *api = memprof_api_();

    if (current)
        *current = 0;
    if (peak)
        *peak = 0;
    return MEMPROF_HAS_(api, get_traced_memory) ? api->get_traced_memory(current, peak) : -1;
}

/* The peak is what is live now.  0 or -1. */
MEMPROF_INLINE_ int memprof_reset_peak(void)
{
    MEMPROF_CALL_(reset_peak, ());
}

/*
 * The bytes that memprof itself takes in this process and shares with it, and those in
 * its own process, for all that it records.  Either may be NULL.  Waits as
 * memprof_get_traced_memory does.  0; or -1 with both set to 0.
 */
MEMPROF_INLINE_ int memprof_get_overhead(size_t *target, size_t *host)
{
    const struct memprof_api_v1 *api = memprof_api_();

    if (target)
        *target = 0;
    if (host)
        *host = 0;
    return MEMPROF_HAS_(api, get_overhead) ? api->get_overhead(target, host) : -1;
}

/* Note this point of time on the profile's timeline, with a label as above.  0 or -1. */
MEMPROF_INLINE_ int memprof_mark(const char *label)
{
    MEMPROF_CALL_(mark, (label));
}

/*
 * Leave out a live block of the heap (what malloc returned) from now on: it is
 * shown as domain "ignored".  0 or -1.
 */
MEMPROF_INLINE_ int memprof_ignore(const void *ptr)
{
    MEMPROF_CALL_(ignore, (ptr));
}

/*
 * The number of the program's own domain of that name, the same for every call
 * with the name; there may be 61.  A positive number; -1 if there is none.
 */
MEMPROF_INLINE_ int memprof_domain(const char *name)
{
    MEMPROF_CALL_(domain, (name));
}

/*
 * Blocks of the program's own allocators, each in a domain from memprof_domain:
 * say memprof_alloc after a block was taken, memprof_free before it is given back.
 * memprof_realloc says both at once, for a caller that nobody can have been given
 * the old address since.  A NULL block is none: alloc and free of it do nothing,
 * realloc of it is an alloc, realloc to it does nothing.  Addresses and sizes have 48
 * bits.  0 or -1.
 */
MEMPROF_INLINE_ int memprof_alloc(int domain, const void *ptr, size_t size)
{
    MEMPROF_CALL_(alloc, (domain, ptr, size));
}

MEMPROF_INLINE_ int memprof_realloc(int domain, const void *old_ptr, const void *new_ptr,
                                    size_t size)
{
    MEMPROF_CALL_(realloc, (domain, old_ptr, new_ptr, size));
}

MEMPROF_INLINE_ int memprof_free(int domain, const void *ptr)
{
    MEMPROF_CALL_(free, (domain, ptr));
}

/*
 * Look now for blocks that nothing leads to any more, as memprof leaks does: their
 * bytes and number, those included that only lost blocks lead to.  Either may be NULL.
 * The program stands still while its memory is read, and the call returns when the
 * search is done.  0; or -1 with both set to 0, also when nothing could be searched.
 */
MEMPROF_INLINE_ int memprof_leak_check(size_t *lost_bytes, size_t *lost_blocks)
{
    const struct memprof_api_v1 *api = memprof_api_();

    if (lost_bytes)
        *lost_bytes = 0;
    if (lost_blocks)
        *lost_blocks = 0;
    return MEMPROF_HAS_(api, leak_check) ? api->leak_check(lost_bytes, lost_blocks) : -1;
}

/*
 * Pointers in these bytes hold blocks, wherever the bytes lie: in memory that memprof
 * does not know to be the program's, or in a block that nothing else leads to.  Until
 * the range that begins at ptr is removed; one that is named twice is removed twice.
 * Addresses and sizes have 48 bits; NULL, or a size of 0, changes nothing.  0 or -1.
 */
MEMPROF_INLINE_ int memprof_root_region(const void *ptr, size_t size)
{
    MEMPROF_CALL_(root_region, (ptr, size));
}

MEMPROF_INLINE_ int memprof_root_region_remove(const void *ptr)
{
    MEMPROF_CALL_(root_region_remove, (ptr));
}

/*
 * Pointers in these bytes hold nothing: a cache's table, a list of observers.  What only
 * they lead to is shown as held by them only.  Otherwise as memprof_root_region.
 */
MEMPROF_INLINE_ int memprof_weak_region(const void *ptr, size_t size)
{
    MEMPROF_CALL_(weak_region, (ptr, size));
}

MEMPROF_INLINE_ int memprof_weak_region_remove(const void *ptr)
{
    MEMPROF_CALL_(weak_region_remove, (ptr));
}

#undef MEMPROF_CALL_
#undef MEMPROF_HAS_
#undef MEMPROF_INLINE_
#undef MEMPROF_NULL_

#endif /* MEMPROF_API_TABLE_ONLY */

#ifdef __cplusplus
}
#endif

#endif
