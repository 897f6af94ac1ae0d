/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roots of a leak search, from a process that is held still, or a copy of it: what is searched
 * for pointers to live blocks besides the blocks themselves.
 *
 *   ROOT_REGISTER    every thread's, vector registers too
 *   ROOT_STACK       from the stack pointer less the red zone up; for the thread at the
 *                    program's end from where it first entered exit; alternate signal
 *                    stacks while they are in use; the whole stack of a missed thread
 *   ROOT_TLS         static TLS and what the dynamic thread vector points to
 *   ROOT_DESCRIPTOR  struct pthread; ROOT_KEY its values of pthread_setspecific
 *   ROOT_GLOBAL      writable data of modules, ld.so's among them, without the bins of
 *                    libc's allocator, which point to freed memory
 *   ROOT_MAPPING     memory that the program mapped itself (mappings.h), and anonymous
 *                    memory that is no allocator's: the loader's, a language runtime's
 *   ROOT_NAMED, ROOT_WEAK, ROOT_IGNORED   as the program said
 *
 * Where memprof attached to the process later, nobody knows where its earlier blocks lie: all
 * memory but that of the blocks that are known is ROOT_MAPPING then, an allocator's too.
 *
 * Not roots otherwise: memprof's own memory, and an allocator's arenas, where only live blocks
 * are searched: [heap], glibc's arenas, and unrecorded anonymous memory with live
 * blocks in it.  `roots` of the options narrows what is one.
 *
 * The layouts of struct pthread and of the thread vector are glibc's; sizes come from
 * the constants that libc exports for libthread_db, else from what glibc 2.31 to 2.42 have.
 */
#ifndef MEMPROF_HOST_LEAKROOTS_H
#define MEMPROF_HOST_LEAKROOTS_H

#include "src/host/graph/leakgraph.h"
#include "src/host/model/model.h"
#include "src/host/search/heapcopy.h"
#include "src/host/search/leaklive.h"
#include "src/host/symbols/modmap.h"

/* One root: the graph's `tag` is its index here. */
struct leakroot {
    uint64_t start, size; /* size 0: a value */
    uint32_t kind;        /* enum leakgraph_root_kind */
    uint32_t tid;         /* 0: no thread's */
    const char *name;     /* of the module, register or region; "" none; static or the list's */
};

struct leakroots {
    struct leakroot *rows;
    uint32_t count, room;
    char **texts; /* what names lie in */
    uint32_t text_count, text_room;
    uint64_t bytes;          /* of all but weak regions */
    uint32_t stacks_guessed; /* searched whole, the stack pointer being unknown */
    const char *unknown;     /* a sentence on the names in `weak` that no variable has; "" none */
};

struct leakroots_source {
    const struct stopped *stopped;
    struct heapcopy *copy;
    const struct model *model;   /* mappings, live blocks, regions */
    const struct leaklive *live; /* the live blocks once more, by slots; NULL: not taken */
    struct modmap *modmap;
    const char *const *weak; /* --weak: names of global variables; NULL ends */
    uint32_t kinds;          /* 1 << enum leakgraph_root_kind of those wanted; 0: all */
};

/* 0; or -1 with `e` set: out of memory. */
int leakroots_find(struct leakroots *r, const struct leakroots_source *source, struct error *e);
void leakroots_release(struct leakroots *r);

#endif
