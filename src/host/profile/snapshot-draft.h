/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The large sections of a finished profile that have no frames' names in them, packed in
 * a thread of their own while the frames are being named.  Whoever writes the
 * file takes them; one that is not begun by then is the writer's to pack, so that
 * the two share the work.
 *
 *   snapshot_draft_init → snapshot_draft_begin → snapshot_write_drafted → snapshot_draft_release
 *
 * A draft that was never begun, or has no thread because none could be had, holds
 * nothing, and everything is left to the writer.
 */
#ifndef MEMPROF_HOST_SNAPSHOT_DRAFT_H
#define MEMPROF_HOST_SNAPSHOT_DRAFT_H

#include "src/host/memory/buffer.h"
#include "src/host/profile/profile.h"

#include <pthread.h>
#include <stdbool.h>

#define SNAPSHOT_DRAFT_SECTIONS 6u

enum snapshot_draft_state { DRAFT_OPEN, DRAFT_TAKEN, DRAFT_DONE };

struct snapshot_draft {
    struct profile p; /* its arrays are the profile's */
    struct buffer sections[SNAPSHOT_DRAFT_SECTIONS];
    enum snapshot_draft_state states[SNAPSHOT_DRAFT_SECTIONS];
    pthread_t thread;
    pthread_mutex_t lock; /* of the states; a section is its taker's until it is done */
    pthread_cond_t done;
    bool begun;
};

void snapshot_draft_init(struct snapshot_draft *d);

/* Once.  Until the release the rows of these sections (snapshot-draft.c) must not change. */
void snapshot_draft_begin(struct snapshot_draft *d, const struct profile *p);

/*
 * The section of a type, waited for if it is being packed; NULL where it is the
 * caller's to pack.  It stays the draft's.
 */
const struct buffer *snapshot_draft_section(struct snapshot_draft *d, uint32_t type);

/* Ends the thread; in any state, and again. */
void snapshot_draft_release(struct snapshot_draft *d);

#endif
