/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside leaksearch*.c only: what the steps of one search share.
 *
 *   leaksearch.c         taking, and finding: the order of the steps
 *   leaksearch-rows.c    sums by site, kind and age; retained sizes
 *   leaksearch-keep.c    the part of the graph that the profile keeps
 *   leaksearch-bytes.c   contents of lost blocks, and blocks with equal contents
 */
#ifndef MEMPROF_HOST_LEAKSEARCH_PARTS_H
#define MEMPROF_HOST_LEAKSEARCH_PARTS_H

#include "src/host/memory/intern.h"
#include "src/host/search/closedpages.h"
#include "src/host/search/keptwords-take.h"
#include "src/host/search/leaklive.h"
#include "src/host/search/leaksearch.h"
#include "src/host/search/threadnames.h"

#include <pthread.h>

#define NO_ROW UINT32_MAX

struct leaksearch {
    struct leaksearch_question question;
    struct leaksearch_options options;
    struct births births;
    struct leaklive live;
    struct copyroom room;
    struct heapcopy copy;       /* with bytes only where whole_copy is needed */
    struct keptwords words;     /* else this */
    struct threadnames threads; /* of those that never allocated */
    struct leakroots roots;
    struct closedpages closed;
    struct leakgraph graph;
    bool whole_copy;
    bool taken, copied, rooted, worded; /* live, copy, roots, words are there */
    struct profile_search about;        /* of the part, but for its strings */
    struct error why;                   /* it was not searched */
    pthread_t marker;                   /* marks ahead of leaksearch_find, */
    bool marking;                       /* while this is set; */
    bool ahead;                         /* it did so, */
    int marked;                         /* and how that went */

    /* while leaksearch_find works: */
    struct profile *part;
    struct intern rows;  /* row of part->leaks */
    bool sorted;         /* the graph has all blocks */
    bool merged;         /* rows have no ages: there were too many */
    uint32_t *root_rows; /* of a root: its row in part->roots, or NO_ROW */
};

/* All of these: 0, or -1 with `e` set. */

int leaksearch_rows(struct leaksearch *s, struct error *e);

/* The row of part->leaks that a block counts in. */
uint32_t leaksearch_row(const struct leaksearch *s, uint32_t block);

/* By kind, then most bytes first.  Rows have other numbers afterwards. */
void leaksearch_sort_rows(struct leaksearch *s);

/* Retained bytes of the rows, into the graph's for each block. */
int leaksearch_retain(struct leaksearch *s, struct error *e);

int leaksearch_keep(struct leaksearch *s, struct error *e);

/* The row of a root in part->roots, made if need be; NO_ROW: out of memory. */
uint32_t leaksearch_root(struct leaksearch *s, uint32_t tag);

int leaksearch_contents(struct leaksearch *s, struct error *e);
int leaksearch_duplicates(struct leaksearch *s, struct error *e);

#endif
