/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C++'s operator new and delete, for programs whose operators do not come down
 * to malloc and free (an allocator preloaded behind us or linked in that
 * defines them itself).
 *
 * Whether they do is found out by watching: if the real operator new returned a
 * block and nothing was recorded on the way, it is recorded here.  Where
 * something was recorded, the operator passes calls straight on from then on.
 * No guard is held across the real call, because it may throw.
 */
#include "preload/entry.h"
#include "preload/modules.h"

#include <dlfcn.h>
#include <stdlib.h>

enum mode {
    MODE_UNKNOWN = 0,
    MODE_PASS, /* it reaches malloc, which records */
    MODE_OWN,  /* it does not */
};

typedef void (*function)(void);

struct wrapped {
    const char *name;
    _Atomic(function) real;
    _Atomic uint32_t mode;
};

/* Set once any operator new was seen not to reach malloc: then delete does not reach free. */
static _Atomic bool deletes_are_ours;

static function operator_real(struct wrapped *o)
{
    /* acquire/relaxed do not matter: the same value is found by whoever looks */
    function f = atomic_load_explicit(&o->real, memory_order_relaxed);

    if (__builtin_expect(!f, 0)) {
        f = (function)dlsym(RTLD_NEXT, o->name);
        atomic_store_explicit(&o->real, f, memory_order_relaxed);
    }
    return f;
}

static bool passes(const struct wrapped *o)
{
    return atomic_load_explicit(&o->mode, memory_order_relaxed) == MODE_PASS;
}

/* How many allocations of this thread were recorded, or tried to be. */
static uint64_t recorded_so_far(void)
{
    return local.thread ? local.thread->allocations : 0;
}

/* After the real operator: record the block unless something else did since `before`. */
static void new_settle(struct wrapped *o, uint64_t before, void *block, size_t size,
                       const uint64_t *frame)
{
    struct thread *t;

    if (!block || local.busy != BUSY_NO || !session_open())
        return;
    if (recorded_so_far() != before) {
        atomic_store_explicit(&o->mode, MODE_PASS, memory_order_relaxed);
        return;
    }
    t = entry_begin();
    if (!t)
        return;
    atomic_store_explicit(&o->mode, MODE_OWN, memory_order_relaxed);
    atomic_store_explicit(&deletes_are_ours, true, memory_order_relaxed);
    emit_alloc(t, 0, block, size, frame);
    entry_end();
}

/*
 * One entry point per signature: `parameters` as declared, `arguments` as passed
 * on.  `size` is the first parameter of all of them.
 */
#define NEW(symbol, parameters, arguments)                                                         \
    ENTRY void *symbol parameters;                                                                 \
    ENTRY void *symbol parameters                                                                  \
    {                                                                                              \
        static struct wrapped self = {.name = #symbol};                                            \
        void *(*next)parameters = (void *(*)parameters)operator_real(&self);                       \
        uint64_t before;                                                                           \
        void *block;                                                                               \
                                                                                                   \
        if (passes(&self))                                                                         \
            return next arguments;                                                                 \
        before = recorded_so_far();                                                                \
        block = next ? next arguments : malloc(size);                                              \
        new_settle(&self, before, block, size, FRAME);                                             \
        return block;                                                                              \
    }

/*
 * Deletes are recorded only where news are.  A delete does not throw, so the guard
 * is held across it: some come down to free all the same.
 */
static inline struct thread *delete_begin(void *block)
{
    struct thread *t;

    if (__builtin_expect(!atomic_load_explicit(&deletes_are_ours, memory_order_relaxed), 1) ||
        !block)
        return NULL;
    t = entry_begin();
    if (t)
        emit_free(t, block);
    return t;
}

#define DELETE(symbol, parameters, arguments)                                                      \
    ENTRY void symbol parameters;                                                                  \
    ENTRY void symbol parameters                                                                   \
    {                                                                                              \
        static struct wrapped self = {.name = #symbol};                                            \
        void(*next) parameters = (void(*) parameters)operator_real(&self);                         \
                                                                                                   \
        struct thread *t = delete_begin(block);                                                    \
        if (next)                                                                                  \
            next arguments;                                                                        \
        else                                                                                       \
            free(block);                                                                           \
        if (t)                                                                                     \
            entry_end();                                                                           \
    }

NEW(_Znwm, (size_t size), (size))
NEW(_Znam, (size_t size), (size))
NEW(_ZnwmRKSt9nothrow_t, (size_t size, const void *nothrow), (size, nothrow))
NEW(_ZnamRKSt9nothrow_t, (size_t size, const void *nothrow), (size, nothrow))
NEW(_ZnwmSt11align_val_t, (size_t size, size_t alignment), (size, alignment))
NEW(_ZnamSt11align_val_t, (size_t size, size_t alignment), (size, alignment))
NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t size, size_t alignment, const void *nothrow),
    (size, alignment, nothrow))
NEW(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t size, size_t alignment, const void *nothrow),
    (size, alignment, nothrow))

DELETE(_ZdlPv, (void *block), (block))
DELETE(_ZdaPv, (void *block), (block))
DELETE(_ZdlPvm, (void *block, size_t size), (block, size))
DELETE(_ZdaPvm, (void *block, size_t size), (block, size))
DELETE(_ZdlPvRKSt9nothrow_t, (void *block, const void *nothrow), (block, nothrow))
DELETE(_ZdaPvRKSt9nothrow_t, (void *block, const void *nothrow), (block, nothrow))
DELETE(_ZdlPvSt11align_val_t, (void *block, size_t alignment), (block, alignment))
DELETE(_ZdaPvSt11align_val_t, (void *block, size_t alignment), (block, alignment))
DELETE(_ZdlPvmSt11align_val_t, (void *block, size_t size, size_t alignment),
       (block, size, alignment))
DELETE(_ZdaPvmSt11align_val_t, (void *block, size_t size, size_t alignment),
       (block, size, alignment))
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, const void *nothrow),
       (block, alignment, nothrow))
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, const void *nothrow),
       (block, alignment, nothrow))
