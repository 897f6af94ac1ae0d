// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/writer.h"

#include "src/host/process/procinfo.h"
#include "src/host/profile/profile-append.h"
#include "src/host/search/leaksearch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct writer_item {
    struct checkpoint checkpoint;
    uint64_t ticket;
    bool last; /* the file need not have it: the finished profile follows */
    struct writer_item *next;
};

static void item_free(struct writer_item *item)
{
    checkpoint_release(&item->checkpoint);
    free(item);
}

/* ---------------------------------------------------------- one checkpoint -- */

/* The first time: here, and not in writer_start, which the program waits for. */
static int open_journal(struct writer *w, struct error *e)
{
    if (!w->path || w->journal_open)
        return 0;
    if (journal_open(&w->journal, w->path, e) != 0)
        return -1;
    w->journal_open = true;
    return 0;
}

/* Memory of the search is given back before the checkpoint is added. */
static int find_leaks(struct checkpoint *c, struct error *e)
{
    int result = c->search ? leaksearch_find(c->search, &c->part, e) : 0;

    leaksearch_release(c->search);
    c->search = NULL;
    return result;
}

static int take_in(struct writer *w, struct checkpoint *c, struct profile_changes *packed,
                   struct error *e)
{
    const struct profile_moment *moment = c->part.moments;

    if (find_leaks(c, e) != 0 || profile_append(&w->whole, &c->part, e) != 0 ||
        profile_change(&w->whole, c->changes, c->change_count, moment->seconds, e) != 0 ||
        changes_encode(packed, c->changes, c->change_count, e) != 0)
        return -1;
    return series_add(&w->series, moment, packed, e);
}

static int append_or_defer(struct writer *w, const struct profile_moment *moment,
                           const struct profile_changes *packed, bool defer, struct error *e)
{
    if (defer)
        return journal_defer(&w->journal, moment, packed, e);
    return journal_append(&w->journal, &w->whole, &w->series, moment, packed, e);
}

/* An error of the journal is told once; until it can write again the old one holds. */
static void append(struct writer *w, const struct profile_moment *moment,
                   const struct profile_changes *packed, bool defer)
{
    struct error e = {0};

    if (open_journal(w, &e) != 0 || (w->path && append_or_defer(w, moment, packed, defer, &e) != 0))
        w->lost = e;
    else if (!w->path || !w->journal.failing)
        w->lost = (struct error){0};
}

static void work(struct writer *w, struct writer_item *item)
{
    struct profile_moment *moment = item->checkpoint.part.moments;
    struct profile_changes packed = {0};
    struct error e = {0};
    const struct error *outcome = &w->trouble;

    if (w->trouble.kind == ERROR_NONE) {
        if (take_in(w, &item->checkpoint, &packed, &e) != 0) {
            w->trouble = e;
        } else {
            append(w, moment, &packed, item->last);
            outcome = &w->lost;
        }
        changes_release(&packed);
    }
    if (item->ticket)
        w->done(w->context, item->ticket, moment, &w->whole, outcome);
}

/* ------------------------------------------------------------- the thread -- */

/* The next one, waited for; NULL when no more will come. */
static struct writer_item *next_item(struct writer *w)
{
    struct writer_item *item;

    pthread_mutex_lock(&w->lock);
    while (!w->first && !w->closing)
        pthread_cond_wait(&w->more, &w->lock);
    item = w->first;
    if (item) {
        w->first = item->next;
        if (!w->first)
            w->last = NULL;
    }
    pthread_mutex_unlock(&w->lock);
    return item;
}

/* Only now is its place free: what is being written is not done. */
static void give_place(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->queued--;
    pthread_cond_signal(&w->room);
    pthread_mutex_unlock(&w->lock);
}

static void *write_all(void *context)
{
    struct writer *w = context;
    struct writer_item *item;

    while ((item = next_item(w))) {
        work(w, item);
        item_free(item);
        give_place(w);
    }
    return NULL;
}

/* ---------------------------------------------------------------- outside -- */

int writer_start(struct writer *w, const struct writer_options *options, struct error *e)
{
    int failure;

    memset(w, 0, sizeof(*w));
    w->done = options->done;
    w->context = options->context;
    w->path = options->path ? strdup(options->path) : NULL;
    if (options->path && !w->path)
        return error_set(e, ERROR_MEMORY, "out of memory");
    profile_init(&w->whole);
    w->whole.unnamed = true;
    w->whole.writer =
        (struct profile_writer){.pid = getpid(), .start_ticks = procinfo_start_ticks(getpid())};
    series_init(&w->series);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    pthread_cond_init(&w->room, NULL);
    failure = pthread_create(&w->thread, NULL, write_all, w);
    if (failure) {
        writer_release(w);
        errno = failure;
        return error_set(e, ERROR_SYSTEM, "cannot start the writing thread");
    }
    w->running = true;
    return 0;
}

bool writer_has_room(struct writer *w)
{
    bool room;

    pthread_mutex_lock(&w->lock);
    room = w->queued < WRITER_SHALLOW;
    pthread_mutex_unlock(&w->lock);
    return room;
}

static void enqueue(struct writer *w, struct writer_item *item)
{
    pthread_mutex_lock(&w->lock);
    while (w->queued >= WRITER_DEEP)
        pthread_cond_wait(&w->room, &w->lock);
    if (w->last)
        w->last->next = item;
    else
        w->first = item;
    w->last = item;
    w->queued++;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
}

static int put(struct writer *w, struct checkpoint *c, uint64_t ticket, bool last, struct error *e)
{
    struct writer_item *item = calloc(1, sizeof(*item));

    if (!item) {
        checkpoint_release(c);
        return error_set(e, ERROR_MEMORY, "out of memory while building the profile");
    }
    item->checkpoint = *c;
    item->ticket = ticket;
    item->last = last;
    enqueue(w, item);
    return 0;
}

int writer_put(struct writer *w, struct checkpoint *c, uint64_t ticket, struct error *e)
{
    return put(w, c, ticket, false, e);
}

int writer_put_last(struct writer *w, struct checkpoint *c, struct error *e)
{
    return put(w, c, 0, true, e);
}

void writer_finish(struct writer *w)
{
    if (!w->running)
        return;
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    w->running = false;
}

void writer_release(struct writer *w)
{
    writer_finish(w);
    if (w->journal_open)
        journal_close(&w->journal);
    series_release(&w->series);
    profile_release(&w->whole);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->more);
    pthread_cond_destroy(&w->room);
    free(w->path);
    memset(w, 0, sizeof(*w));
}
