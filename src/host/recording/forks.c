// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/forks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool forks_init(struct forks *f)
{
    pthread_condattr_t clock;

    memset(f, 0, sizeof(*f));
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&f->more, &clock);
    pthread_condattr_destroy(&clock);
    f->entries = calloc(FORKS_REMEMBERED, sizeof(*f->entries));
    return f->entries != NULL;
}

static struct forks_entry *entry_at(struct forks *f, uint32_t i)
{
    return &f->entries[(f->first + i) % FORKS_REMEMBERED];
}

static void let_go(struct forks *f, struct forks_entry *e)
{
    if (!e->kept)
        return;
    inheritance_release(&e->inheritance);
    e->kept = false;
    f->kept--;
    f->bytes -= e->bytes;
}

void forks_release(struct forks *f)
{
    for (uint32_t i = 0; f->entries && i < f->count; i++)
        let_go(f, entry_at(f, i));
    free(f->entries);
    pthread_cond_destroy(&f->more);
    pthread_mutex_destroy(&f->lock);
    memset(f, 0, sizeof(*f));
}

/* Make room for one more of so many bytes, the oldest first. */
static void make_room(struct forks *f, uint64_t bytes)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (!f->kept || (f->kept < FORKS_MAX && f->bytes + bytes <= FORKS_BYTES))
            break;
        let_go(f, entry_at(f, i));
    }
    if (f->count == FORKS_REMEMBERED) {
        let_go(f, entry_at(f, 0));
        f->first = (f->first + 1) % FORKS_REMEMBERED;
        f->count--;
    }
}

static struct forks_entry *find(struct forks *f, uint32_t image, uint32_t number)
{
    for (uint32_t i = f->count; i > 0; i--) {
        struct forks_entry *e = entry_at(f, i - 1);

        if (e->image == image && e->number == number)
            return e;
    }
    return NULL;
}

static struct forks_entry *add(struct forks *f, uint32_t image, uint32_t number, uint64_t bytes)
{
    struct forks_entry *e;

    make_room(f, bytes);
    e = entry_at(f, f->count++);
    *e = (struct forks_entry){.image = image, .number = number, .bytes = bytes};
    return e;
}

static bool is_dropped(struct forks *f, uint32_t image, uint32_t number)
{
    bool dropped;

    pthread_mutex_lock(&f->lock);
    dropped = find(f, image, number) != NULL;
    pthread_mutex_unlock(&f->lock);
    return dropped;
}

/* The copy is made outside of the lock, which others wait for whose children are in a hurry. */
void forks_put(struct forks *f, uint32_t image, uint32_t number, const struct model *m)
{
    uint64_t bytes = inheritance_bytes(m);
    struct inheritance in = {0};
    struct forks_entry *e;
    bool copied;

    if (is_dropped(f, image, number))
        return;
    copied = bytes <= FORKS_LARGEST && inheritance_take(&in, m);
    pthread_mutex_lock(&f->lock);
    e = find(f, image, number);
    if (e) { /* dropped meanwhile */
        inheritance_release(&in);
    } else {
        e = add(f, image, number, copied ? bytes : 0);
        e->inheritance = in;
        e->kept = copied;
        f->kept += copied;
        f->bytes += e->bytes;
    }
    pthread_cond_broadcast(&f->more);
    pthread_mutex_unlock(&f->lock);
}

/* Noted also before the parent's collector has come to the record, which then copies nothing. */
void forks_drop(struct forks *f, uint32_t image, uint32_t number)
{
    struct forks_entry *e;

    pthread_mutex_lock(&f->lock);
    e = find(f, image, number);
    if (e)
        let_go(f, e);
    else
        add(f, image, number, 0);
    pthread_mutex_unlock(&f->lock);
}

static enum forks_result look(struct forks *f, uint32_t image, uint32_t number,
                              struct inheritance *in)
{
    struct forks_entry *e = find(f, image, number);

    if (!e)
        return FORKS_NOT_YET;
    if (!e->kept)
        return FORKS_DROPPED;
    *in = e->inheritance;
    e->kept = false;
    f->kept--;
    f->bytes -= e->bytes;
    return FORKS_TAKEN;
}

enum forks_result forks_take(struct forks *f, uint32_t image, uint32_t number, unsigned wait_ms,
                             struct inheritance *in)
{
    struct timespec until;
    enum forks_result result;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&f->lock);
    while ((result = look(f, image, number, in)) == FORKS_NOT_YET)
        if (pthread_cond_timedwait(&f->more, &f->lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&f->lock);
    return result;
}

bool forks_pending(struct forks *f, uint32_t image)
{
    bool pending = false;

    pthread_mutex_lock(&f->lock);
    for (uint32_t i = 0; i < f->count; i++)
        pending |= entry_at(f, i)->kept && entry_at(f, i)->image == image;
    pthread_mutex_unlock(&f->lock);
    return pending;
}

bool forks_any_pending(struct forks *f)
{
    bool pending;

    pthread_mutex_lock(&f->lock);
    pending = f->kept != 0;
    pthread_mutex_unlock(&f->lock);
    return pending;
}
