// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/snapshot-draft.h"

#include "src/host/profile/snapshot-tables.h"

#include <string.h>

/* The largest first: what comes last is most likely left to the writer. */
static const uint32_t types[SNAPSHOT_DRAFT_SECTIONS] = {SNAPSHOT_POINTERS, SNAPSHOT_SITES,
                                                        SNAPSHOT_NODES,    SNAPSHOT_BLOCKS,
                                                        SNAPSHOT_SIZES,    SNAPSHOT_SAMPLES};

void snapshot_draft_init(struct snapshot_draft *d)
{
    memset(d, 0, sizeof *d);
    for (size_t i = 0; i < SNAPSHOT_DRAFT_SECTIONS; i++)
        buffer_init(&d->sections[i]);
}

/* false: somebody else has it. */
static bool take(struct snapshot_draft *d, size_t i)
{
    bool taken;

    pthread_mutex_lock(&d->lock);
    taken = d->states[i] == DRAFT_OPEN;
    if (taken)
        d->states[i] = DRAFT_TAKEN;
    pthread_mutex_unlock(&d->lock);
    return taken;
}

static void finish(struct snapshot_draft *d, size_t i)
{
    pthread_mutex_lock(&d->lock);
    d->states[i] = DRAFT_DONE;
    pthread_cond_signal(&d->done);
    pthread_mutex_unlock(&d->lock);
}

static void *pack_all(void *context)
{
    struct snapshot_draft *d = context;

    for (size_t i = 0; i < SNAPSHOT_DRAFT_SECTIONS; i++) {
        if (!take(d, i))
            continue;
        /* without memory it is left empty, and so to the writer */
        if (snapshot_table_pack(&d->sections[i], snapshot_table_find(types[i]), &d->p, NULL) != 0)
            buffer_release(&d->sections[i]);
        finish(d, i);
    }
    return NULL;
}

void snapshot_draft_begin(struct snapshot_draft *d, const struct profile *p)
{
    d->p = *p;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->done, NULL);
    d->begun = pthread_create(&d->thread, NULL, pack_all, d) == 0;
    if (!d->begun) {
        pthread_mutex_destroy(&d->lock);
        pthread_cond_destroy(&d->done);
    }
}

const struct buffer *snapshot_draft_section(struct snapshot_draft *d, uint32_t type)
{
    size_t i = 0;

    while (i < SNAPSHOT_DRAFT_SECTIONS && types[i] != type)
        i++;
    if (!d->begun || i == SNAPSHOT_DRAFT_SECTIONS)
        return NULL;
    pthread_mutex_lock(&d->lock);
    if (d->states[i] == DRAFT_OPEN)
        d->states[i] = DRAFT_DONE; /* empty */
    while (d->states[i] != DRAFT_DONE)
        pthread_cond_wait(&d->done, &d->lock);
    pthread_mutex_unlock(&d->lock);
    return d->sections[i].used ? &d->sections[i] : NULL;
}

void snapshot_draft_release(struct snapshot_draft *d)
{
    if (d->begun) {
        pthread_join(d->thread, NULL);
        pthread_mutex_destroy(&d->lock);
        pthread_cond_destroy(&d->done);
    }
    for (size_t i = 0; i < SNAPSHOT_DRAFT_SECTIONS; i++)
        buffer_release(&d->sections[i]);
    d->begun = false;
}
