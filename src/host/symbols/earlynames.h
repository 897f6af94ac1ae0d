/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that reads, while the program runs, the symbol tables and debugging information
 * that its frames will be named from, so that whoever waits for the end of the run does not
 * wait for that.  It goes through the nodes of the segment's trie as they come and has the
 * symbolizer prepare each frame (symbolizer_prepare); what it did not come to is read when
 * frames are named.
 *
 *   earlynames_init → earlynames_watch ... → earlynames_hurry → earlynames_end
 *
 * A short run has no such thread until its end, when frames can be prepared while leaks are
 * searched for.
 */
#ifndef MEMPROF_HOST_EARLYNAMES_H
#define MEMPROF_HOST_EARLYNAMES_H

#include "src/host/symbols/symbolize.h"
#include "src/shared/segment.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct earlynames {
    const struct segment *segment;
    struct symbolizer *symbolizer;
    pthread_t thread;
    pthread_mutex_t lock; /* of the next three */
    pthread_cond_t more;
    bool ended, hurried;
    bool ready, running;
    uint32_t watched; /* calls of earlynames_watch */
    uint32_t next;    /* node */
    uint64_t *recent; /* frames prepared, each at its hash */
};

/*
 * Segment and symbolizer outlive it.  `wanted` false: nothing is ever read ahead, as where
 * that could mean to wait for a server.
 */
void earlynames_init(struct earlynames *n, const struct segment *segment,
                     struct symbolizer *symbolizer, bool wanted);

/*
 * Now and then while the program runs: from the third call on there is a thread.  The thread
 * that calls it is the one that adds modules to the symbolizer.
 */
void earlynames_watch(struct earlynames *n);

/* The program has ended: no more nodes will come.  Modules may still be added. */
void earlynames_hurry(struct earlynames *n);

/*
 * Ends the thread, after the frame that it is at; in any state, and again.  From then on the
 * symbolizer can be asked; what was read of files that changed since is forgotten.
 */
void earlynames_end(struct earlynames *n);

#endif
