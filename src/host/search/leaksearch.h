/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A search for leaks in the recorded process, in two halves.
 *
 *   leaksearch_take   in the collector's thread, between two rounds: stop the process,
 *                     drain what its threads had committed, note the live blocks and the
 *                     roots, keep the words of its memory that may refer to blocks
 *                     (keptwords-take.h), let it run on
 *   leaksearch_find   in the writer's thread, from these alone: which blocks are
 *                     reachable, and fill in the tables of a profile's part.  A thread of the
 *                     search's own begins to mark when the process runs on, since what the
 *                     writer waits for takes a while
 *
 * A search that looks at other things (contents, equal blocks, packed or compressed pointers)
 * copies all of its memory instead (heapcopy.h).  So the program stands still only while its
 * memory is read once.  Whatever keeps the process from being stopped or read makes a search of
 * method SEARCH_UNSTOPPED, which counts all that is live as reachable and says why: it is no error.
 */
#ifndef MEMPROF_HOST_LEAKSEARCH_H
#define MEMPROF_HOST_LEAKSEARCH_H

#include "src/host/error.h"
#include "src/host/model/births.h"
#include "src/host/model/collector.h"
#include "src/host/profile/profile.h"
#include "src/host/search/leakroots.h"

#define LEAKSEARCH_GRAPH_BLOCKS 200000u /* a graph of so many live blocks is kept whole */
#define LEAKSEARCH_ROWS_MAX (1u << 20)

/* What a user may choose (cli/leak-options.h). */
struct leaksearch_options {
    bool at_end; /* search when the program ends */
    enum stop_how how;
    struct leakgraph_options graph; /* heuristics, tags, compressed pointers, step */
    const char *const *weak;        /* --weak; NULL ends; NULL: none */
    uint32_t roots;                 /* see leakroots.h */
    uint64_t graph_blocks;          /* keep the graph whole up to so many blocks; 0 never */
    uint32_t contents;              /* keep so many first bytes of lost blocks; 0 none */
    bool duplicates;                /* look for blocks with equal contents */
    bool retained;                  /* find out retained sizes, too; else see leakretain.h */
};

void leaksearch_options_init(struct leaksearch_options *o);

/* What is asked of one search beyond that. */
struct leaksearch_question {
    uint32_t cause;   /* enum search_cause */
    uint32_t signal;  /* of SEARCH_AT_SIGNAL */
    uint64_t address; /* GRAPH_PART keeps this block, why it is held, and its neighbours; 0 none */
    bool duplicates, contents, retained, whole_graph; /* as in the options, for this search */
};

struct leaksearch_source {
    struct collector *collector;
    const struct model *model;
    const struct segment *segment;
    struct modmap *modmap;
    pid_t pid; /* 0: the process has ended, and only its live blocks are known */
    const struct leaksearch_options *options;
    double seconds;              /* since the image began */
    const struct births *births; /* what the blocks' births count */
    /* The process runs on: called by leaksearch_take as soon as it does; may be NULL. */
    void (*resumed)(void *context);
    void *context;
};

struct leaksearch; /* leaksearch.c */

/* NULL with `e` set: out of memory. */
struct leaksearch *leaksearch_take(const struct leaksearch_source *source,
                                   const struct leaksearch_question *question, struct error *e);

/*
 * Fill in the search of `part` but for its number, and its leaks, blocks, pointers, roots,
 * exceptions, contents and duplicates, which are empty; strings are added to part's.
 * Sites are numbered as in the profile.  0, or -1 with `e` set: out of memory.
 */
int leaksearch_find(struct leaksearch *search, struct profile *part, struct error *e);

/*
 * At the end of a finished profile: if nothing was searched because the process ended
 * without asking, say how it ended.
 */
void leaksearch_explain(struct profile *p);

/* NULL-safe. */
void leaksearch_release(struct leaksearch *search);

/* Bytes held, once what is under way is done. */
uint64_t leaksearch_memory(struct leaksearch *search);

#endif
