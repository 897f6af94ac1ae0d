/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which module and which source file of one profile is which of another, made
 * by another process, on another host, from another build.
 *
 * Modules pair by the first of these that finds a partner without one: equal
 * paths, equal build IDs, equal last parts of the path (of several, those whose
 * paths agree the farthest from the end), the same up to the version behind
 * `.so`; at last the two programs themselves, since two builds to be compared
 * often have two names.
 * Files pair by equal paths, else those with the same last part whose paths
 * agree the farthest from the end.
 */
#ifndef MEMPROF_HOST_PAIRING_H
#define MEMPROF_HOST_PAIRING_H

#include "src/host/diff/places.h"

struct pairing {
    uint32_t *modules;   /* by module of the old profile: of the new one, or NO_MODULE */
    string_id *files;    /* by string of the shared table: the new file of an old one, 0 none */
    uint32_t file_count; /* entries of `files` */
};

/* 0, or -1 with `e` set (out of memory). */
int pairing_init(struct pairing *pairing, const struct places *before, const struct places *after,
                 const struct strings *shared, struct error *e);
void pairing_release(struct pairing *pairing);

/* The file's partner, or the file itself where it has none. */
string_id pairing_file(const struct pairing *pairing, string_id file);

/* Whether the two modules are known to be one build: both have a build ID, and it is the same. */
bool pairing_same_build(const struct profile *before, uint32_t old_module,
                        const struct profile *after, uint32_t new_module);

#endif
