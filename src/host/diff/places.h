/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The distinct places of a profile: what its stacks pass through, whatever the
 * addresses were.  A place is a source line in a function of a module; where
 * there is no debug information, an offset in a function or in a module.
 * Names are those of a string table that two profiles share, so that equal names
 * are equal numbers; paths are as --strip-prefix and --map-path have them.
 */
#ifndef MEMPROF_HOST_PLACES_H
#define MEMPROF_HOST_PLACES_H

#include "src/host/diff/pathmap.h"
#include "src/host/profile/assembly.h"
#include "src/host/profile/profile.h"

struct place {
    uint32_t line;      /* one of its rows in the profile's lines */
    uint32_t module;    /* its row in the profile's modules, or NO_MODULE */
    string_id function; /* of the shared table, as all of these; 0 unknown */
    string_id stem;     /* the function without what compilers append to copies of it, and where a
                           line is known without the numbers by which they count lambdas */
    string_id file;
    string_id path;  /* of the module; 0 none */
    uint32_t number; /* of the line; 0 unknown */
    uint32_t flags;
    uint64_t offset;
};

struct places {
    const struct profile *profile;
    struct place *list;
    uint32_t count;
    uint32_t *of_line;       /* by row of the profile's lines; NO_PLACE: no frame has it */
    string_id *module_paths; /* by row of the profile's modules */
};
#define NO_PLACE UINT32_MAX

/*
 * The places of `p`, whose names are added to the strings of `shared`.  With
 * `apart` every row of the profile's lines is a place of its own.  0, or -1
 * with `e` set and `places` empty.
 */
int places_init(struct places *places, const struct profile *p, const struct pathmap *paths,
                struct assembly *shared, bool apart, struct error *e);
void places_release(struct places *places);

#endif
