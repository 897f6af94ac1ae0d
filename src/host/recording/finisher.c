// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/finisher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------ one image -- */

static void take_trouble(struct tree_row *row, const struct error *e)
{
    if (e->kind != ERROR_NONE)
        tree_append(&row->reason, e->text);
}

static const char *refusal(const struct run_image *image)
{
    if (image->target_state != TARGET_REFUSED)
        return NULL;
    return image->refusal == REFUSAL_MAP ? "no room for the recorder's memory (ulimit -v?)"
                                         : "the recorder gave up at its start";
}

static void note_exit(struct profile_process *process, const struct finisher_job *job)
{
    if (process->exit_kind == EXIT_EXECUTED || job->exit_kind == EXIT_EXECUTED) {
        process->exit_kind = EXIT_EXECUTED;
        return;
    }
    process->exit_kind = job->exit_kind;
    process->exit_value = job->exit_value;
}

static void finish(const struct finisher *f, struct finisher_job *job)
{
    struct run_image result = {0};
    struct error e = {0};

    image_stop(job->image);
    job->row.inherited_bytes = job->image->inherited_bytes;
    job->row.inherited_blocks = job->image->inherited_blocks;
    tree_set(&job->row.reason, job->image->origin_unknown);
    job->row.forks = image_forks(job->image);
    if (image_profile(job->image, &result, &e) != 0) {
        take_trouble(&job->row, &e);
        profile_release(&result.profile);
        return;
    }
    note_exit(&result.profile.process, job);
    leaksearch_explain(&result.profile);
    image_write(job->image, &result);
    tree_take(&job->row, &result.profile);
    job->row.recorded = result.target_state != TARGET_REFUSED;
    take_trouble(&job->row, &result.unwritten);
    if (refusal(&result))
        tree_append(&job->row.reason, refusal(&result));
    if (result.profile.process.exit_kind == EXIT_STATUS && image_end_unseen(job->image))
        tree_append(&job->row.reason, TREE_END_UNSEEN);
    tree_note_unfollowed(&job->row.reason, f->run->follow, &result.profile);
    if (f->run->each)
        f->run->each(f->run->context, &result, &job->row);
    free(result.path);
    profile_release(&result.profile);
}

/* ------------------------------------------------------------- the thread -- */

static struct finisher_job *next_job(struct finisher *f)
{
    struct finisher_job *job;

    pthread_mutex_lock(&f->lock);
    while (!f->first && !f->closing)
        pthread_cond_wait(&f->more, &f->lock);
    job = f->first;
    pthread_mutex_unlock(&f->lock);
    return job;
}

/* Only now does it leave the queue: its image is not released before. */
static void hand_back(struct finisher *f, struct finisher_job *job)
{
    const uint64_t one = 1;

    pthread_mutex_lock(&f->lock);
    f->first = job->next;
    if (!f->first)
        f->last = NULL;
    job->next = f->done;
    f->done = job;
    f->queued--;
    pthread_cond_signal(&f->less);
    pthread_mutex_unlock(&f->lock);
    (void)!write(f->ready, &one, sizeof(one));
}

static void *finish_all(void *context)
{
    struct finisher *f = context;
    struct finisher_job *job;

    while ((job = next_job(f))) {
        finish(f, job);
        hand_back(f, job);
    }
    return NULL;
}

/* ---------------------------------------------------------------- outside -- */

int finisher_start(struct finisher *f, const struct run_options *run, int ready, struct error *e)
{
    int failure;

    memset(f, 0, sizeof(*f));
    f->run = run;
    f->ready = ready;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->more, NULL);
    pthread_cond_init(&f->less, NULL);
    failure = pthread_create(&f->thread, NULL, finish_all, f);
    if (failure) {
        errno = failure;
        return error_set(e, ERROR_SYSTEM, "cannot start the finishing thread");
    }
    f->running = true;
    return 0;
}

void finisher_put(struct finisher *f, struct finisher_job *job, uint32_t most)
{
    pthread_mutex_lock(&f->lock);
    while (f->queued >= most)
        pthread_cond_wait(&f->less, &f->lock);
    job->next = NULL;
    if (f->last)
        f->last->next = job;
    else
        f->first = job;
    f->last = job;
    f->queued++;
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
}

struct finisher_job *finisher_take(struct finisher *f)
{
    struct finisher_job *job;

    pthread_mutex_lock(&f->lock);
    job = f->done;
    if (job)
        f->done = job->next;
    pthread_mutex_unlock(&f->lock);
    return job;
}

bool finisher_busy(struct finisher *f)
{
    bool busy;

    pthread_mutex_lock(&f->lock);
    busy = f->queued || f->done;
    pthread_mutex_unlock(&f->lock);
    return busy;
}

void finisher_end(struct finisher *f)
{
    if (!f->running)
        return;
    pthread_mutex_lock(&f->lock);
    f->closing = true;
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    f->running = false;
    pthread_cond_destroy(&f->more);
    pthread_cond_destroy(&f->less);
}
