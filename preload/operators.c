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
#include "preload/operators.h"

#include "preload/entry.h"
#include "preload/modules.h"
#include "preload/nextsymbol.h"
#include "preload/pool-debug.h"
#include "src/shared/rawcall.h"

#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum mode {
    MODE_UNKNOWN = 0,
    MODE_PASS, /* it reaches malloc, which records */
    MODE_OWN,  /* it does not */
};

typedef void (*function)(void);

struct wrapped {
    const char *name;
    function ours;
    _Atomic(function) real;
    _Atomic uint32_t mode;
};

/* All of them, by symbol. */
#define OPERATORS(X)                                                                               \
    X(_Znwm)                                                                                       \
    X(_Znam)                                                                                       \
    X(_ZnwmRKSt9nothrow_t)                                                                         \
    X(_ZnamRKSt9nothrow_t)                                                                         \
    X(_ZnwmSt11align_val_t)                                                                        \
    X(_ZnamSt11align_val_t)                                                                        \
    X(_ZnwmSt11align_val_tRKSt9nothrow_t)                                                          \
    X(_ZnamSt11align_val_tRKSt9nothrow_t)                                                          \
    X(_ZdlPv)                                                                                      \
    X(_ZdaPv)                                                                                      \
    X(_ZdlPvm)                                                                                     \
    X(_ZdaPvm)                                                                                     \
    X(_ZdlPvRKSt9nothrow_t)                                                                        \
    X(_ZdaPvRKSt9nothrow_t)                                                                        \
    X(_ZdlPvSt11align_val_t)                                                                       \
    X(_ZdaPvSt11align_val_t)                                                                       \
    X(_ZdlPvmSt11align_val_t)                                                                      \
    X(_ZdaPvmSt11align_val_t)                                                                      \
    X(_ZdlPvSt11align_val_tRKSt9nothrow_t)                                                         \
    X(_ZdaPvSt11align_val_tRKSt9nothrow_t)

#define INDEX(symbol) symbol##_,
enum { OPERATORS(INDEX) OPERATORS_COUNT };

static struct wrapped operators[OPERATORS_COUNT];

/* Set once any operator new was seen not to reach malloc: then delete does not reach free. */
static _Atomic bool deletes_are_ours;

/* NULL in code that was bound to ours before they were withdrawn. */
static function operator_real(const struct wrapped *o)
{
    /* relaxed: set before the session's stage says that all is found */
    function f = atomic_load_explicit(&o->real, memory_order_relaxed);

    if (__builtin_expect(!f, 0)) {
        session_enter(); /* the first call of all may be this one */
        f = atomic_load_explicit(&o->real, memory_order_relaxed);
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

    if (!block || local.busy != BUSY_NO || !session_tracing())
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
 * on.  `size` is the first parameter of all of them.  `plain` is the same without
 * anything to pass it on to.
 */
#define NEW(symbol, parameters, arguments, plain)                                                  \
    ENTRY void *symbol parameters;                                                                 \
    ENTRY void *symbol parameters                                                                  \
    {                                                                                              \
        struct wrapped *self = &operators[symbol##_];                                              \
        void *(*next)parameters = (void *(*)parameters)operator_real(self);                        \
        uint64_t before;                                                                           \
        void *block;                                                                               \
                                                                                                   \
        if (passes(self))                                                                          \
            return next arguments;                                                                 \
        before = recorded_so_far();                                                                \
        block = next ? next arguments : plain;                                                     \
        new_settle(self, before, block, size, FRAME);                                              \
        return block;                                                                              \
    }

/*
 * Deletes are recorded only where news are.  A delete does not throw, so the guard
 * is held across it: some come down to free all the same.
 */
static inline __attribute__((always_inline)) struct thread *delete_begin(void *block)
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

/* The size is the compiler's; with guards around blocks it is compared with what was asked for. */
static inline __attribute__((always_inline)) void delete_expect(const void *block, size_t size)
{
    struct thread *t = __builtin_expect(pool_debug_installed, 0) && block ? entry_begin() : NULL;

    if (!t)
        return;
    pool_debug_expect(block, size);
    entry_end();
}

#define DELETE_AFTER(symbol, parameters, arguments, before)                                        \
    ENTRY void symbol parameters;                                                                  \
    ENTRY void symbol parameters                                                                   \
    {                                                                                              \
        void(*next) parameters = (void(*) parameters)operator_real(&operators[symbol##_]);         \
        struct thread *t;                                                                          \
                                                                                                   \
        before;                                                                                    \
        t = delete_begin(block);                                                                   \
        if (next)                                                                                  \
            next arguments;                                                                        \
        else                                                                                       \
            free(block);                                                                           \
        if (t)                                                                                     \
            entry_end();                                                                           \
    }

#define DELETE(symbol, parameters, arguments) DELETE_AFTER(symbol, parameters, arguments, (void)0)
#define DELETE_SIZED(symbol, parameters, arguments)                                                \
    DELETE_AFTER(symbol, parameters, arguments, delete_expect(block, size))

NEW(_Znwm, (size_t size), (size), malloc(size))
NEW(_Znam, (size_t size), (size), malloc(size))
NEW(_ZnwmRKSt9nothrow_t, (size_t size, const void *nothrow), (size, nothrow), malloc(size))
NEW(_ZnamRKSt9nothrow_t, (size_t size, const void *nothrow), (size, nothrow), malloc(size))
NEW(_ZnwmSt11align_val_t, (size_t size, size_t alignment), (size, alignment),
    memalign(alignment, size))
NEW(_ZnamSt11align_val_t, (size_t size, size_t alignment), (size, alignment),
    memalign(alignment, size))
NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t size, size_t alignment, const void *nothrow),
    (size, alignment, nothrow), memalign(alignment, size))
NEW(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t size, size_t alignment, const void *nothrow),
    (size, alignment, nothrow), memalign(alignment, size))

DELETE(_ZdlPv, (void *block), (block))
DELETE(_ZdaPv, (void *block), (block))
DELETE_SIZED(_ZdlPvm, (void *block, size_t size), (block, size))
DELETE_SIZED(_ZdaPvm, (void *block, size_t size), (block, size))
DELETE(_ZdlPvRKSt9nothrow_t, (void *block, const void *nothrow), (block, nothrow))
DELETE(_ZdaPvRKSt9nothrow_t, (void *block, const void *nothrow), (block, nothrow))
DELETE(_ZdlPvSt11align_val_t, (void *block, size_t alignment), (block, alignment))
DELETE(_ZdaPvSt11align_val_t, (void *block, size_t alignment), (block, alignment))
DELETE_SIZED(_ZdlPvmSt11align_val_t, (void *block, size_t size, size_t alignment),
             (block, size, alignment))
DELETE_SIZED(_ZdaPvmSt11align_val_t, (void *block, size_t size, size_t alignment),
             (block, size, alignment))
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, const void *nothrow),
       (block, alignment, nothrow))
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, const void *nothrow),
       (block, alignment, nothrow))

/* -------------------------------------------------------- finding them -- */

#define WRAPPED(symbol) {.name = #symbol, .ours = (function)symbol},
static struct wrapped operators[OPERATORS_COUNT] = {OPERATORS(WRAPPED)};

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* Make the page at `page` writable, or read-only again; only of a mapping that holds no code. */
static bool page_protect(uintptr_t page, int protection)
{
    const unsigned char *base = (const unsigned char *)&__ehdr_start;
    const ElfW(Phdr) *p = (const void *)(base + __ehdr_start.e_phoff);

    for (unsigned i = 0; i < __ehdr_start.e_phnum; i++)
        if (p[i].p_type == PT_LOAD && page - (uintptr_t)base - p[i].p_vaddr < p[i].p_memsz)
            return p[i].p_flags == PF_R && rawcall(SYS_mprotect, page, 4096, protection) == 0;
    return false;
}

/* The loader does not find a symbol without a section and a value (glibc's elf/dl-lookup.c). */
static void withdraw(const struct wrapped *o)
{
    ElfW(Sym) *symbol = NULL;
    uintptr_t page, last;
    Dl_info info;

    if (!dladdr1((void *)(uintptr_t)o->ours, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol ||
        info.dli_fbase != &__ehdr_start || !info.dli_sname || strcmp(info.dli_sname, o->name) != 0)
        return;
    page = (uintptr_t)symbol & ~(uintptr_t)4095;
    last = (uintptr_t)(symbol + 1) - 1;
    last &= ~(uintptr_t)4095;
    if (page_protect(page, PROT_READ | PROT_WRITE) &&
        (page == last || page_protect(last, PROT_READ | PROT_WRITE))) {
        symbol->st_shndx = SHN_UNDEF;
        symbol->st_value = 0;
    }
    page_protect(page, PROT_READ);
    page_protect(last, PROT_READ);
}

void operators_find(void)
{
    /* libraries that have any have the plain one: C programs are not asked for all */
    function plain = (function)nextsymbol_find(operators[0].name);

    for (unsigned i = 0; i < OPERATORS_COUNT; i++) {
        struct wrapped *o = &operators[i];
        function f = plain ? (function)nextsymbol_find(o->name) : NULL;

        /* relaxed: published with the stage */
        atomic_store_explicit(&o->real, f, memory_order_relaxed);
        if (!f)
            withdraw(o);
    }
}

_Static_assert(OPERATORS_COUNT == OPERATORS_MOST, "imports.c has room for all");

bool operators_import(unsigned i, const char **name, void (**ours)(void))
{
    if (i >= OPERATORS_COUNT)
        return false;
    *name = operators[i].name;
    *ours = operators[i].ours;
    return true;
}

void operators_adopt(unsigned i, void (*next)(void))
{
    /* relaxed: before any import is redirected to ours */
    atomic_store_explicit(&operators[i].real, next, memory_order_relaxed);
}
