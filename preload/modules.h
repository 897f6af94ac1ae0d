/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modules (executable, shared objects, vdso) whose code has been seen on a
 * stack: found by the loader's own lock-free index, told to the host once each,
 * and given a generation so that what is mapped where another module was before
 * is never mistaken for it.
 *
 * A module can only disappear by the loader's doing, and the loader frees
 * memory through our free() after it has unmapped one: modules_loader_active
 * counts those calls, and the next stack walk checks which modules are still
 * there.
 */
#ifndef MEMPROF_PRELOAD_MODULES_H
#define MEMPROF_PRELOAD_MODULES_H

#include "preload/cfi.h"

#include <stdatomic.h>

/* The base name of the module's file, cut to fit; "" for the program or where there is none. */
void module_name(uint64_t pc, char *name, size_t room);

/* The dynamic section (ElfW(Dyn)) of the module that holds `pc`, or NULL.  Async-signal-safe. */
const void *module_dynamic(uint64_t pc);

/* Once, before any stack is walked.  false: no memory. */
bool modules_init(void);

enum module_result {
    MODULE_NONE = 0, /* no module contains it */
    MODULE_FOUND,
    MODULE_BUSY /* another thread is at the table; ask again another time */
};

/*
 * The module that contains `pc`, with its generation.  Async-signal-safe; takes
 * a short, bounded spin lock the first time a module is seen.
 */
enum module_result module_find(uint64_t pc, struct cfi_module *module, uint32_t *generation);

/* The loader's own text; a call from there may have changed what is loaded. */
extern uint64_t loader_start, loader_bytes;
extern _Atomic uint32_t loader_events;

static inline void modules_note_caller(uint64_t pc)
{
    if (__builtin_expect(pc - loader_start < loader_bytes, 0))
        /* release: whoever sees the new count also sees what the loader did before */
        atomic_fetch_add_explicit(&loader_events, 1, memory_order_release);
}

/* The calling thread will never finish what it was doing here. */
void modules_abandon(void);

/*
 * Look whether known modules are gone; forgets the rules of those that are.  false:
 * another thread is at the table; ask again before the next walk.
 */
bool modules_revalidate(void);

#endif
