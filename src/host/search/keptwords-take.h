/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the words that matter to a search for leaks from a process that is held still:
 * memory goes through a buffer of 1 MiB that stays in the cache, and only what keptwords.h
 * keeps is written to memory of this process.  (Clearing as much fresh memory as a copy takes
 * costs more time than reading it.)
 *
 * What is read are the pages that roots and live blocks lie in and that are there; of an
 * allocator's memory nothing else.  Of modules' data that may only be read, and of pages of other
 * data that look like vtables, all words are kept.  By two threads where it is much, which sort the
 * live blocks of the slots they come to, too.  Where the words would take more memory than is
 * available (availmem.h) it is given up.
 */
#ifndef MEMPROF_HOST_KEPTWORDS_TAKE_H
#define MEMPROF_HOST_KEPTWORDS_TAKE_H

#include "src/host/graph/keptwords.h"
#include "src/host/search/heapcopy.h"
#include "src/host/search/leaklive.h"
#include "src/host/search/leakroots.h"

struct keptwords_source {
    const struct heapcopy *look; /* of heapcopy_look */
    struct leaklive *live;
    const struct leakroots *roots;
    uint64_t high_tags;    /* of the graph's options */
    struct copyroom *room; /* memory for the words, or NULL */
};

/*
 * 0; or -1 with `e` set (as heapcopy_take), with nothing to release.  The process must be held
 * until this returns.
 */
int keptwords_take(struct keptwords *w, const struct keptwords_source *source, struct error *e);

#endif
