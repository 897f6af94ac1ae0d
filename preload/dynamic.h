/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dynamic section of a loaded module: where its symbols and relocations lie in memory (ELF
 * gABI, chapter 5; DT_GNU_HASH as ld.so reads it).
 */
#ifndef MEMPROF_PRELOAD_DYNAMIC_H
#define MEMPROF_PRELOAD_DYNAMIC_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dynamic {
    const ElfW(Sym) * symbols;
    const char *names;
    const ElfW(Half) * versions;  /* NULL: none */
    const uint32_t *hash;         /* buckets, offset, Bloom words, shift; then the tables.  NULL */
    const ElfW(Rela) * tables[2]; /* of data, and of the procedure linkage table; NULL: none */
    size_t sizes[2];              /* in bytes */
};

/*
 * Of a module that dl_iterate_phdr shows, while it is shown.  false: it has no symbols.
 * Async-signal-safe.
 */
bool dynamic_read(const struct dl_phdr_info *module, struct dynamic *d);

#endif
