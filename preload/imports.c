/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/imports.h"

#include "preload/bootstrap.h"
#include "preload/dynamic.h"
#include "preload/modules.h"
#include "preload/nextsymbol.h"
#include "preload/operators.h"
#include "preload/real.h"
#include "preload/session.h"
#include "src/shared/rawcall.h"
#include "src/shared/sysmem.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#if defined(__x86_64__)
#define JUMP_SLOT R_X86_64_JUMP_SLOT
#define GLOB_DAT R_X86_64_GLOB_DAT
#define ABSOLUTE R_X86_64_64
#elif defined(__aarch64__)
#define JUMP_SLOT R_AARCH64_JUMP_SLOT
#define GLOB_DAT R_AARCH64_GLOB_DAT
#define ABSOLUTE R_AARCH64_ABS64
#endif

#define PAGE UINT64_C(4096)
#define KEPT_MOST 16384u /* places; a power of two */
#define TRIES 16u        /* while others load modules */

typedef void (*function)(void);

/* Entry points whose names are poisoned here, or that no header declares. */
void entry_abort(void) __asm__("abort");
void *entry_mmap64(void *, size_t, int, int, int, off_t) __asm__("mmap64");
void cfree(void *block);
void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size);

static void *open_library(const char *file, int mode);
static void *find_symbol(void *handle, const char *name);
static int close_library(void *handle);

struct import {
    const char *name;
    function ours;
    function next; /* what the program uses without us; NULL: there is none */
};

#define OTHER(name, ours)                                                                          \
    {                                                                                              \
        name, (function)ours, NULL                                                                 \
    }
#define PLAIN(name) OTHER(#name, name)

/* The loader's come first: see enum. */
static struct import imports[] = {
    OTHER("dlopen", open_library),
    OTHER("dlsym", find_symbol),
    OTHER("dlclose", close_library),
    PLAIN(malloc),
    PLAIN(calloc),
    PLAIN(realloc),
    PLAIN(free),
    PLAIN(memalign),
    PLAIN(aligned_alloc),
    PLAIN(posix_memalign),
    PLAIN(valloc),
    PLAIN(pvalloc),
    PLAIN(malloc_usable_size),
    PLAIN(free_sized),
    PLAIN(free_aligned_sized),
    PLAIN(cfree),
    OTHER("reallocarray", reallocarray),
    PLAIN(mmap),
    OTHER("mmap64", entry_mmap64),
    PLAIN(munmap),
    PLAIN(mremap),
    PLAIN(brk),
    PLAIN(sbrk),
    PLAIN(_exit),
    OTHER("_Exit", _Exit),
    OTHER("abort", entry_abort),
    OTHER("prctl", prctl),
    /* not syscall: threads wait in it for as long as they like, and leaving waits for them */
};
enum { OPEN_LIBRARY, FIND_SYMBOL, CLOSE_LIBRARY };

#define IMPORTS (sizeof(imports) / sizeof(imports[0]))

/* C++'s operators, where they do not come down to an imported malloc. */
static struct import operators[OPERATORS_MOST];
static unsigned operator_count;

/* A place that was redirected, and what it held.  Found by hashing; 0: empty. */
struct kept {
    uintptr_t place;
    uintptr_t value;
};
static struct kept *kept; /* KEPT_MOST of them while anything is redirected */
static uint32_t kept_count;

static _Atomic bool on;          /* modules are to be redirected; false: to be restored */
static _Atomic bool busy;        /* a thread is at it, and does what comes meanwhile, too */
static _Atomic uint32_t pending; /* `on` was changed since, or a module may have been loaded */
static _Atomic uint32_t missed;

static bool is_on(void)
{
    /* relaxed: whoever changes it says so by `pending` */
    return atomic_load_explicit(&on, memory_order_relaxed);
}

uint32_t imports_missed(void)
{
    return atomic_load_explicit(&missed, memory_order_relaxed);
}

static void miss(void)
{
    /* relaxed: a count for the report */
    atomic_fetch_add_explicit(&missed, 1, memory_order_relaxed);
}

/* ---------------------------------------------------------- what was there -- */

static struct kept *kept_at(uintptr_t place)
{
    uint64_t at = (place >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 32;

    while (kept[at % KEPT_MOST].place && kept[at % KEPT_MOST].place != place)
        at++;
    return &kept[at % KEPT_MOST];
}

static bool keep(uintptr_t place, uintptr_t value)
{
    struct kept *k = kept_at(place);

    if (k->place == 0) {
        if (kept_count >= KEPT_MOST / 2)
            return false;
        kept_count++;
        k->place = place;
    }
    k->value = value;
    return true;
}

/* ----------------------------------------------------------- one module -- */

/* What is done to the places of a module. */
struct patch {
    const struct dl_phdr_info *module;
    uintptr_t relro, relro_end; /* pages that the loader made read-only; none: both 0 */
    uintptr_t start, end;       /* of all segments */
    bool opened;
    bool restoring;
};

static void patch_init(struct patch *p, const struct dl_phdr_info *module, bool restoring)
{
    *p = (struct patch){.module = module, .restoring = restoring, .start = UINTPTR_MAX};
    for (unsigned i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *s = &module->dlpi_phdr[i];
        uintptr_t at = module->dlpi_addr + s->p_vaddr;

        if (s->p_type == PT_GNU_RELRO) {
            p->relro = at & -PAGE;
            p->relro_end = (at + s->p_memsz) & -PAGE;
        } else if (s->p_type == PT_LOAD) {
            p->start = at < p->start ? at : p->start;
            p->end = at + s->p_memsz > p->end ? at + s->p_memsz : p->end;
        }
    }
}

static bool lies_in_data(const struct patch *p, uintptr_t place)
{
    for (unsigned i = 0; i < p->module->dlpi_phnum; i++) {
        const ElfW(Phdr) *s = &p->module->dlpi_phdr[i];

        if (s->p_type == PT_LOAD && (s->p_flags & PF_W) &&
            place - p->module->dlpi_addr - s->p_vaddr < s->p_memsz)
            return (place & 7) == 0;
    }
    return false;
}

static bool relro_protect(const struct patch *p, int protection)
{
    return rawcall(SYS_mprotect, p->relro, p->relro_end - p->relro, protection) == 0;
}

/* false: it cannot be written. */
static bool place_write(struct patch *p, uintptr_t place, uintptr_t value)
{
    if (place >= p->relro && place < p->relro_end && !p->opened) {
        if (!relro_protect(p, PROT_READ | PROT_WRITE))
            return false;
        p->opened = true;
    }
    /* relaxed: whoever calls through it calls the one function or the other */
    atomic_store_explicit((_Atomic uintptr_t *)place, value, memory_order_relaxed);
    return true;
}

static void place_redirect(struct patch *p, uintptr_t place, uint32_t type, const struct import *i)
{
    uintptr_t value = *(const uintptr_t *)place;
    bool unbound = type == JUMP_SLOT && value >= p->start && value < p->end;

    if (value == (uintptr_t)i->ours || !i->next || (value != (uintptr_t)i->next && !unbound))
        return;
    if (!keep(place, value) || !place_write(p, place, (uintptr_t)i->ours))
        miss();
}

static void place_restore(struct patch *p, uintptr_t place, const struct import *i)
{
    const struct kept *k = kept_at(place);

    if (*(const uintptr_t *)place != (uintptr_t)i->ours || k->place != place)
        return;
    place_write(p, place, k->value);
}

/* ---------------------------------------------------------- relocations -- */

static const struct import *named_in(const struct import *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].name[0] == name[0] && strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static const struct import *import_named(const char *name)
{
    const struct import *i = named_in(imports, IMPORTS, name);

    return i ? i : named_in(operators, operator_count, name);
}

static void patch_relocation(struct patch *p, const struct dynamic *d, const ElfW(Rela) * r)
{
    uint32_t type = (uint32_t)ELF64_R_TYPE(r->r_info), symbol = (uint32_t)ELF64_R_SYM(r->r_info);
    uintptr_t place = p->module->dlpi_addr + r->r_offset;
    const struct import *i;

    if ((type != JUMP_SLOT && type != GLOB_DAT && type != ABSOLUTE) || symbol == 0 ||
        (type == ABSOLUTE && r->r_addend != 0))
        return;
    i = import_named(d->names + d->symbols[symbol].st_name);
    if (!i || !lies_in_data(p, place))
        return;
    if (p->restoring)
        place_restore(p, place, i);
    else
        place_redirect(p, place, type, i);
}

static void patch_module(const struct dl_phdr_info *module, bool restoring)
{
    struct dynamic d;
    struct patch p;

    if (module_is_ours(module) || module_is_loader(module) || !dynamic_read(module, &d))
        return;
    patch_init(&p, module, restoring);
    for (unsigned t = 0; t < 2; t++)
        for (size_t i = 0; d.tables[t] && i < d.sizes[t] / sizeof(ElfW(Rela)); i++)
            patch_relocation(&p, &d, &d.tables[t][i]);
    if (p.opened)
        relro_protect(&p, PROT_READ);
}

/* ----------------------------------------------------------- all modules -- */

struct pass {
    unsigned long long adds;      /* modules loaded so far, when nobody was loading any */
    unsigned long long count, at; /* on the loader's list now, and looked at of these */
    bool behind;                  /* this library */
    bool skipped;                 /* some may not be complete */
};

static int count_adds(struct dl_phdr_info *module, size_t size, void *adds)
{
    (void)size;
    *(unsigned long long *)adds = module->dlpi_adds;
    return 1;
}

static int count_modules(struct dl_phdr_info *module, size_t size, void *count)
{
    (void)module, (void)size;
    ++*(unsigned long long *)count;
    return 0;
}

/*
 * New modules come last.  So what comes before this library was complete when it was loaded, and
 * of the others as many as were loaded since may not be.
 */
static int redirect_complete(struct dl_phdr_info *module, size_t size, void *context)
{
    struct pass *pass = context;

    (void)size;
    if (pass->at == 0) /* the list stays as it is from now on */
        dl_iterate_phdr(count_modules, &pass->count);
    pass->behind |= module_is_ours(module);
    pass->skipped = ++pass->at + (module->dlpi_adds - pass->adds) > pass->count && pass->behind;
    if (pass->skipped || !is_on())
        return 1;
    patch_module(module, false);
    return 0;
}

/*
 * A module is on the loader's list before it is relocated, and its pages must not be protected
 * by us before the loader has done with them.  Whoever loads one holds the loader's lock until
 * then: what was on the list before we had that lock in our turn is complete.  false: others are
 * left, since threads load modules all the time.
 */
static bool redirect_once(void)
{
    struct pass pass = {0};
    ElfW(Sym) * symbol;
    Dl_info info;

    dl_iterate_phdr(count_adds, &pass.adds);
    (void)!dladdr1((const void *)imports, &info, (void **)&symbol, RTLD_DL_SYMENT);
    dl_iterate_phdr(redirect_complete, &pass);
    return !pass.skipped;
}

static void redirect_all(void)
{
    for (unsigned i = 0; i < TRIES && is_on(); i++)
        if (redirect_once())
            return;
    if (is_on())
        miss();
}

/* What was never redirected is not touched, so that it may as well be incomplete. */
static int restore_one(struct dl_phdr_info *module, size_t size, void *unused)
{
    (void)size, (void)unused;
    patch_module(module, true);
    return 0;
}

static void restore_all(void)
{
    if (!kept)
        return;
    dl_iterate_phdr(restore_one, NULL);
    sysmem_unmap(kept, KEPT_MOST * sizeof(*kept));
    kept = NULL;
    kept_count = 0;
    /* relaxed: as where it is counted */
    atomic_store_explicit(&missed, 0, memory_order_relaxed);
}

/* Bounded, or a thread of the program would be kept by others that load modules all the time. */
static void work_off(void)
{
    /* acquire: what is pending was set before */
    for (unsigned i = 0; i < TRIES && atomic_exchange_explicit(&pending, 0, memory_order_acquire);
         i++) {
        if (!is_on())
            restore_all();
        else if (kept || (kept = sysmem_map(KEPT_MOST * sizeof(*kept))))
            redirect_all();
        else
            miss();
    }
}

/*
 * Do what is to be done, or leave it to the thread that is at it.  Sequentially consistent: this
 * sets `pending` and then looks at `busy`, that one clears `busy` and then looks at `pending`; one
 * of them sees the other's.
 */
static void catch_up(void)
{
    atomic_store_explicit(&pending, 1, memory_order_seq_cst);
    for (unsigned i = 0; i < 2 && atomic_load_explicit(&pending, memory_order_seq_cst) &&
                         !atomic_exchange_explicit(&busy, true, memory_order_seq_cst);
         i++) {
        work_off();
        atomic_store_explicit(&busy, false, memory_order_seq_cst);
    }
}

void imports_redirect(void)
{
    atomic_store_explicit(&on, true, memory_order_relaxed);
    catch_up();
}

void imports_restore(void)
{
    static const struct timespec pause = {.tv_nsec = 1000000};

    atomic_store_explicit(&on, false, memory_order_relaxed);
    catch_up();
    /* one that waits for the loader restores when it has it; until then our entry points pass
       everything on */
    for (unsigned i = 0; i < TRIES && atomic_load_explicit(&busy, memory_order_acquire); i++) {
        rawcall(SYS_nanosleep, &pause, NULL, 0);
        catch_up();
    }
}

/* --------------------------------------------------- modules loaded later -- */

/* Whether dlopen would look where the calling module says (DT_RPATH, DT_RUNPATH). */
static bool caller_says_where(const char *file, uint64_t caller)
{
    const ElfW(Dyn) * entry;

    if (!file || strchr(file, '/'))
        return file && strchr(file, '$');
    entry = module_dynamic(caller);
    for (; entry && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_RPATH || entry->d_tag == DT_RUNPATH)
            return true;
    return !entry;
}

/* A function that is left by a jump, also where the compiler is told to optimize little. */
#if defined(__clang__)
#define LEFT_BY_A_JUMP
#define JUMP __attribute__((musttail)) return
#else
#define LEFT_BY_A_JUMP __attribute__((optimize("O2")))
#define JUMP return
#endif

/*
 * The loader's own frees, by which else a module that is gone is noticed, are not seen.  Another
 * thread may have closed one, and this one loaded another there before that thread came to this.
 */
static void note_loader(void)
{
    /* release: as in modules_note_caller */
    atomic_fetch_add_explicit(&loader_events, 1, memory_order_release);
}

/*
 * dlopen looks at who calls it.  Where that matters it is left by a jump, and the new modules
 * are looked for when the program asks for a symbol, as it will.
 */
LEFT_BY_A_JUMP static void *open_library(const char *file, int mode)
{
    void *(*next)(const char *, int) = (void *(*)(const char *, int))imports[OPEN_LIBRARY].next;
    void *handle;

    if (!is_on() || caller_says_where(file, (uint64_t)(uintptr_t)__builtin_return_address(0))) {
        /* relaxed: looked at by this thread, or by one that it synchronises with */
        atomic_store_explicit(&pending, 1, memory_order_relaxed);
        JUMP next(file, mode);
    }
    handle = next(file, mode);
    note_loader();
    if (handle && is_on() && session_recording())
        catch_up();
    return handle;
}

/* dlsym looks at who calls it, too. */
LEFT_BY_A_JUMP static void *find_symbol(void *handle, const char *name)
{
    void *(*next)(void *, const char *) =
        (void *(*)(void *, const char *))imports[FIND_SYMBOL].next;

    if (atomic_load_explicit(&pending, memory_order_relaxed) && is_on() && session_recording()) {
        note_loader();
        catch_up();
    }
    JUMP next(handle, name);
}

static int close_library(void *handle)
{
    int (*next)(void *) = (int (*)(void *))imports[CLOSE_LIBRARY].next;
    int result = next(handle);

    note_loader();
    return result;
}

/* --------------------------------------------------------------- adopting -- */

bool imports_needed(void)
{
    bool before_us = false;

    return firstsymbol_find("malloc", &before_us) && before_us;
}

bool imports_wrapped(void)
{
    void *(*allocate)(size_t) = (void *(*)(size_t))firstsymbol_find("malloc", NULL);
    void (*release)(void *) = (void (*)(void *))firstsymbol_find("free", NULL);
    void *block = allocate ? allocate(1) : NULL;
    bool wrapped = block && bootstrap_owns(block);

    if (release)
        release(block);
    return wrapped;
}

/*
 * libstdc++'s operators call malloc through a place that is redirected.  An allocator that
 * defines both calls its own directly.
 */
static void adopt_operators(void)
{
    const void *allocator = module_dynamic((uint64_t)(uintptr_t)real.malloc);
    const char *name;
    function ours;

    operator_count = 0;
    for (unsigned i = 0; allocator && operators_import(i, &name, &ours); i++) {
        function next = (function)firstsymbol_find(name, NULL);

        if (!next || module_dynamic((uint64_t)(uintptr_t)next) != allocator)
            continue;
        operators_adopt(i, next);
        operators[operator_count++] = (struct import){name, ours, next};
    }
}

bool imports_adopt(void)
{
    for (unsigned i = 0; i < IMPORTS; i++)
        imports[i].next = (function)firstsymbol_find(imports[i].name, NULL);
    if (!real_find_first())
        return false;
    adopt_operators();
    return true;
}
