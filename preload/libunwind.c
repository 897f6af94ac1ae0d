/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libunwind, loaded by dlopen into a scope of its own.  It must not be linked:
 * its shared library exports _Unwind_RaiseException and the rest of that family,
 * which would come before libgcc's in programs that reach libgcc_s only through
 * libstdc++, and the program's own exceptions would run through it.
 */
#define UNW_LOCAL_ONLY
#include "preload/walk.h"

#include "preload/modules.h"

#include <dlfcn.h>
#include <libunwind.h>

#define TEXT_OF(x) #x
#define NAME_OF(x) TEXT_OF(x)

static int (*init_local)(unw_cursor_t *, unw_context_t *);
static int (*step)(unw_cursor_t *);
static int (*get_reg)(unw_cursor_t *, unw_regnum_t, unw_word_t *);
static int (*is_signal_frame)(unw_cursor_t *);
static int (*get_context)(unw_context_t *);
static void (*flush_cache)(unw_addr_space_t, unw_word_t, unw_word_t);
static unw_addr_space_t *address_space;

bool libunwind_load(void)
{
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);

    if (!library)
        return false;
    /* the headers' macros expand to the names that the library really exports */
    init_local = (int (*)(unw_cursor_t *, unw_context_t *))dlsym(library, NAME_OF(unw_init_local));
    step = (int (*)(unw_cursor_t *))dlsym(library, NAME_OF(unw_step));
    get_reg =
        (int (*)(unw_cursor_t *, unw_regnum_t, unw_word_t *))dlsym(library, NAME_OF(unw_get_reg));
    is_signal_frame = (int (*)(unw_cursor_t *))dlsym(library, NAME_OF(unw_is_signal_frame));
    get_context = (int (*)(unw_context_t *))dlsym(library, NAME_OF(unw_tdep_getcontext));
    flush_cache = (void (*)(unw_addr_space_t, unw_word_t, unw_word_t))dlsym(
        library, NAME_OF(unw_flush_cache));
    address_space = dlsym(library, NAME_OF(unw_local_addr_space));
    return flush_cache && address_space && get_context && init_local && step && get_reg &&
           is_signal_frame;
}

void libunwind_forget(void)
{
    if (flush_cache)
        flush_cache(*address_space, 0, 0);
}

static uint64_t tagged(uint64_t pc, bool exact)
{
    struct cfi_module module;
    uint32_t generation = 0;

    if (module_find(pc - !exact, &module, &generation) != MODULE_FOUND)
        generation = 0;
    return (pc & FRAME_PC_MASK) | (exact ? FRAME_EXACT : 0) |
           (uint64_t)generation << FRAME_GENERATION_SHIFT;
}

bool walk_by_libunwind(struct walk *w, const uint64_t *innermost)
{
    bool inside = true; /* still in our own functions */
    bool exact = false;
    unw_context_t context;
    unw_cursor_t cursor;
    unw_word_t pc, sp;
    int stepped;

    w->count = 0;
    w->root = STACK_ROOT_WHOLE;
    if (!init_local || get_context(&context) != 0 || init_local(&cursor, &context) != 0)
        return false;
    for (;;) {
        if (get_reg(&cursor, UNW_REG_IP, &pc) != 0 || get_reg(&cursor, UNW_REG_SP, &sp) != 0 ||
            pc == 0)
            return !inside;
        if (inside && sp == (uint64_t)(uintptr_t)(innermost + 1))
            inside = false;
        if (!inside) {
            if (w->count == w->room) {
                w->root = STACK_ROOT_LIMITED;
                return true;
            }
            w->frames[w->count++] = tagged(pc, exact);
        }
        exact = is_signal_frame(&cursor) > 0;
        stepped = step(&cursor);
        if (stepped < 0)
            w->root = STACK_ROOT_TRUNCATED;
        if (stepped <= 0)
            return !inside;
    }
}
