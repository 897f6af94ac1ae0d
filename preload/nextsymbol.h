/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlsym(RTLD_NEXT, name) for names that may be missing.  Where dlsym finds nothing it
 * allocates the text of an error and frees it at the next call, and a program whose own
 * `free` looks the real one up by dlsym then calls itself for ever.
 *
 * Reads the hash tables of the loaded modules (DT_GNU_HASH, as ld.so does).
 */
#ifndef MEMPROF_PRELOAD_NEXTSYMBOL_H
#define MEMPROF_PRELOAD_NEXTSYMBOL_H

#include <link.h>
#include <stdbool.h>

/*
 * The address of `name` as the modules that were loaded after memprof's library define it, in
 * a version that new programs may link with; NULL if none does.  Modules without a GNU hash
 * table count as defining nothing.  Takes the loader's lock.
 */
void *nextsymbol_find(const char *name);

/*
 * The address of the function `name` as the first module that defines it has it, in the order
 * in which the loader looks, memprof's own library and the loader itself left out: what a
 * program calls that was not started with memprof.  NULL if none does.  `before_us`, which may
 * be NULL, gets whether that module comes before memprof's.  Takes the loader's lock.
 */
void *firstsymbol_find(const char *name, bool *before_us);

/* Of a module that dl_iterate_phdr shows. */
bool module_is_ours(const struct dl_phdr_info *module);
bool module_is_loader(const struct dl_phdr_info *module);

#endif
