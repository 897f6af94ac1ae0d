/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redirecting imports: where the loader did not bind a program's calls to our entry points,
 * because this library came later (memprof attach) or because the executable has a malloc of
 * its own, the places that hold the addresses of the functions are written instead: the
 * relocations JUMP_SLOT, GLOB_DAT and 64-bit absolute of every loaded module that name one of
 * them (ELF gABI, chapter 5; the psABIs of x86-64 and AArch64).
 *
 * A place is redirected only if it holds the function that the program really uses, which
 * becomes our next allocator, or is not bound yet.  Calls within the module that defines the
 * function are seen only where that module goes through such a place itself, as libc does; the
 * loader's are not.  Of modules loaded later the imports are redirected after the dlopen that
 * loaded them has returned: what their constructors allocate is not seen.
 *
 * No heap.  What waits, waits for the loader's own locks only.  One thread at a time redirects;
 * another that comes meanwhile leaves it to the first.
 */
#ifndef MEMPROF_PRELOAD_IMPORTS_H
#define MEMPROF_PRELOAD_IMPORTS_H

#include <stdbool.h>
#include <stdint.h>

/* Whether a module that comes before ours, as a rule the executable, defines malloc. */
bool imports_needed(void);

/*
 * Whether that malloc passes its calls on to ours, which it found by dlsym(RTLD_NEXT): then it
 * is no allocator that could be our next one, and all that passes through it is seen anyway.
 * Allocates and frees a block there: to be asked while ours serves from the bootstrap heap, and
 * not from inside of that malloc, which may hold a lock.
 */
bool imports_wrapped(void);

/*
 * Take the functions that the program uses without us for our next ones: fills in `real`.
 * false: there is no allocator.
 */
bool imports_adopt(void);

/* Redirect what is not yet.  After imports_adopt. */
void imports_redirect(void);

/* Every place that still holds our entry points gets back what it held. */
void imports_restore(void);

/* Places that could not be redirected: memory that cannot be written, or too many. */
uint32_t imports_missed(void);

#endif
