/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C++'s operators new and delete.  They stand in front of those that the program
 * was started with.  A program started without them may load a C++ library later,
 * into a scope that only that library sees: ours would be found first, and could
 * not pass the call on.  There they are withdrawn.
 */
#ifndef MEMPROF_PRELOAD_OPERATORS_H
#define MEMPROF_PRELOAD_OPERATORS_H

#include <stdbool.h>

/*
 * Once, when the next allocator is looked for: find the next definitions, and
 * take those of ours that have none out of this library's symbol table.  To ask
 * the loader later, in the first call, could wait for a thread that holds the
 * loader's lock and waits for us.  Leaves an error of dlsym behind, which the next
 * dlsym takes away: dlerror would translate it, maybe before libc has a locale.
 */
void operators_find(void);

/*
 * For redirecting imports (imports.h): the name of operator `i` and our function for it; false:
 * there are no more.  And the definition that it passes calls on to from now on.
 */
#define OPERATORS_MOST 20u
bool operators_import(unsigned i, const char **name, void (**ours)(void));
void operators_adopt(unsigned i, void (*next)(void));

#endif
