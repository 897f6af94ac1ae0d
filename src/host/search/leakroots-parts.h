/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside leakroots*.c only.
 *
 *   leakroots.c          the order of the steps; what the program named
 *   leakroots-modules.c  the modules of the process: their data, without libc's bins
 *   leakroots-threads.c  registers, stacks, descriptors, thread-local storage
 *   leakroots-memory.c   the rest of its memory: the program's, or an allocator's
 */
#ifndef MEMPROF_HOST_LEAKROOTS_PARTS_H
#define MEMPROF_HOST_LEAKROOTS_PARTS_H

#include "src/host/search/leakroots.h"
#include "src/host/symbols/elfobjects.h"

struct rootmodule {
    const char *path; /* the root's text */
    uint64_t start, end, bias;
    struct elfobjects file; /* fd -1: not open */
    bool ours;
};

struct rootfinder {
    struct leakroots *roots;
    const struct leakroots_source *source;
    struct rootmodule *modules;
    uint32_t module_count;
    struct heap_range *taken; /* decided already: a root, or none */
    uint32_t taken_count;
    uint64_t loader_data; /* _rtld_global of the dynamic loader; 0: not known */
    bool sorted;          /* taken is ascending, and its ranges do not overlap */
    bool failed;          /* out of memory: everything else does nothing from then on */
};

/*
 * Add a root, if its kind is wanted.  What is taken is not made a root once more, whether
 * its kind is wanted or not: `take` is called apart.  Names must live as long as the roots.
 */
void rootfinder_add(struct rootfinder *f, uint32_t kind, pid_t tid, const char *name,
                    uint64_t start, uint64_t end);
void rootfinder_value(struct rootfinder *f, uint32_t kind, pid_t tid, const char *name,
                      uint64_t value);
void rootfinder_take(struct rootfinder *f, uint64_t start, uint64_t end);

/* Add what is not taken of a range, and take it. */
void rootfinder_add_rest(struct rootfinder *f, uint32_t kind, const char *name, uint64_t start,
                         uint64_t end);

/* A copy that lives as long as the roots; "" when memory runs out. */
const char *rootfinder_text(struct rootfinder *f, const char *text);

bool rootfinder_word(const struct rootfinder *f, uint64_t address, uint64_t *word);

void leakroots_modules(struct rootfinder *f);
void leakroots_modules_release(struct rootfinder *f);
void leakroots_globals(struct rootfinder *f);
void leakroots_threads(struct rootfinder *f);
void leakroots_memory(struct rootfinder *f);

/*
 * The module that has a variable, and where that is in memory, among those whose file names
 * begin with `file`.
 */
struct rootmodule *leakroots_module_with(struct rootfinder *f, const char *file,
                                         const char *variable, uint64_t *address);

/* The start of the live block that holds an address, if it begins less than `reach` before it. */
bool rootfinder_block(const struct rootfinder *f, uint64_t address, uint64_t reach,
                      uint64_t *start);

#endif
