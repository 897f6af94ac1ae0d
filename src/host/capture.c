// SPDX-License-Identifier: Apache-2.0
#include "src/host/capture.h"

#include "src/host/heaplook.h"
#include "src/shared/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
#define CHECKPOINT_FIRST_NS SECOND /* a host that is killed soon leaves something */
#define CHECKPOINT_EVERY_NS (5 * SECOND)
#define CHECKPOINT_IDLE_NS (60 * SECOND) /* while nothing happens */
/*
 * Of a run of less than this the file gets the end with the finished profile only.
 * Naming the frames of a program with debug information may take as long again, and
 * whoever ends memprof meanwhile loses no more than that run.
 */
#define SHORT_NS CHECKPOINT_EVERY_NS
#define ROOM_NS (SECOND / 1000) /* until the writer is asked again whether it has room */

struct capture_entry {
    struct capture_entry *next;
    union {
        struct capture_request request;
        struct capture_answer answer; /* while a checkpoint is being written, and after */
    };
};

/* ---------------------------------------------------------------- answers -- */

static void append(struct capture_entry **first, struct capture_entry **last,
                   struct capture_entry *entry)
{
    entry->next = NULL;
    if (*first)
        (*last)->next = entry;
    else
        *first = entry;
    *last = entry;
}

static void announce(const struct capture *c)
{
    uint64_t one = 1;

    if (c->options.ready >= 0)
        (void)!write(c->options.ready, &one, sizeof(one)); /* full: it is readable anyway */
}

/* The entry holds an answer; one that nobody waits for is dropped. */
static void answer(struct capture *c, struct capture_entry *entry)
{
    if (!entry->answer.ticket) {
        free(entry);
        return;
    }
    pthread_mutex_lock(&c->lock);
    append(&c->answers, &c->answers_last, entry);
    pthread_mutex_unlock(&c->lock);
    announce(c);
}

/* Make an answer of a request. */
static void answer_begin(struct capture_entry *entry)
{
    struct capture_answer a = {.ticket = entry->request.ticket, .kind = entry->request.kind};

    entry->answer = a;
}

/* The entry waits for its checkpoint to be written; its address is the ticket. */
static void wait_for_writer(struct capture *c, struct capture_entry *entry)
{
    pthread_mutex_lock(&c->lock);
    entry->next = c->waiting;
    c->waiting = entry;
    pthread_mutex_unlock(&c->lock);
}

static struct capture_entry *take_waiting(struct capture *c, uint64_t ticket)
{
    struct capture_entry **place = &c->waiting, *entry;

    pthread_mutex_lock(&c->lock);
    while (*place && (uint64_t)(uintptr_t)*place != ticket)
        place = &(*place)->next;
    entry = *place;
    if (entry)
        *place = entry->next;
    pthread_mutex_unlock(&c->lock);
    return entry;
}

/* In the writer's thread. */
static void written(void *context, uint64_t ticket, const struct profile_moment *moment,
                    const struct error *e)
{
    struct capture *c = context;
    struct capture_entry *entry = take_waiting(c, ticket);

    if (!entry)
        return;
    entry->answer.moment = *moment;
    entry->answer.moment.label = 0;
    if (e->kind != ERROR_NONE) {
        entry->answer.outcome = CAPTURE_FAILED;
        entry->answer.error = *e;
    }
    answer(c, entry);
}

/* --------------------------------------------------------- set-up and end -- */

int capture_init(struct capture *c, const struct capture_options *options, struct error *e)
{
    struct writer_options writing = {.path = options->path, .done = written, .context = c};

    memset(c, 0, sizeof(*c));
    c->options = *options;
    pthread_mutex_init(&c->lock, NULL);
    if (profile_builder_init(&c->builder, &options->source, e) != 0 ||
        writer_start(&c->writer, &writing, e) != 0) {
        profile_builder_release(&c->builder);
        pthread_mutex_destroy(&c->lock);
        return -1;
    }
    c->next_checkpoint_ns = options->begin_ns + CHECKPOINT_FIRST_NS;
    c->next_snapshot_ns = options->every_ns ? options->begin_ns + options->every_ns : UINT64_MAX;
    return 0;
}

static void free_list(struct capture_entry *entry)
{
    while (entry) {
        struct capture_entry *next = entry->next;

        free(entry);
        entry = next;
    }
}

void capture_release(struct capture *c)
{
    writer_release(&c->writer);
    profile_builder_release(&c->builder);
    free_list(c->asked);
    free_list(c->noted);
    free_list(c->waiting);
    free_list(c->answers);
    pthread_mutex_destroy(&c->lock);
    memset(c, 0, sizeof(*c));
}

/* ------------------------------------------------------------- one moment -- */

static double tick_seconds(const struct capture *c, uint64_t ticks, uint64_t ns)
{
    uint64_t origin = c->options.source.origin;

    if (c->options.clock == CLOCK_MONOTONIC_NS || ticks <= origin || ns <= c->options.begin_ns)
        return 1e-9;
    return (double)(ns - c->options.begin_ns) * 1e-9 / (double)(ticks - origin);
}

/* `pid`: 0 once the process has ended. */
static int look_at_heap(struct capture *c, struct checkpoint *checkpoint, pid_t pid)
{
    const struct builder_source *source = &c->options.source;
    struct profile *part = &checkpoint->part;

    if (heap_look(part, source->model, source->segment, pid, &c->trouble) != 0)
        return -1;
    part->heap.seconds = part->moments[0].seconds;
    part->heap.number = ++c->heap_looks;
    return 0;
}

static int make(struct capture *c, const struct builder_moment *moment, double seconds,
                uint64_t ticket)
{
    struct checkpoint checkpoint;

    checkpoint_init(&checkpoint);
    if (profile_builder_make(&c->builder, moment, &checkpoint, &c->trouble) != 0) {
        checkpoint_release(&checkpoint);
        return -1;
    }
    c->options.describe(c->options.context, &checkpoint.part, seconds);
    if (c->heap_due &&
        look_at_heap(c, &checkpoint, c->finished ? 0 : (pid_t)checkpoint.part.process.pid) != 0) {
        checkpoint_release(&checkpoint);
        return -1;
    }
    c->heap_due = false;
    if (c->finished && seconds < (double)SHORT_NS * 1e-9)
        return writer_put_last(&c->writer, &checkpoint, &c->trouble);
    return writer_put(&c->writer, &checkpoint, ticket, &c->trouble);
}

/* Take a moment.  It says to be of `time`, or of now if that is earlier. */
static int take_at(struct capture *c, uint64_t time, uint32_t kind, uint32_t cause,
                   const char *label, uint64_t ticket)
{
    uint64_t ns = clock_monotonic_ns(), ticks = clock_ticks(c->options.clock);
    struct builder_moment moment = {.time = time < ticks ? time : ticks,
                                    .tick_seconds = tick_seconds(c, ticks, ns),
                                    .kind = kind,
                                    .cause = cause,
                                    .number = kind == MOMENT_SNAPSHOT ? c->snapshots + 1 : 0,
                                    .label = label};

    if (c->trouble.kind != ERROR_NONE ||
        make(c, &moment, (double)(ns - c->options.begin_ns) * 1e-9, ticket) != 0)
        return -1;
    c->snapshots += kind == MOMENT_SNAPSHOT;
    c->checkpoint_ns = ns;
    c->checkpoint_events = c->options.source.model->events;
    c->next_checkpoint_ns =
        ns + (ns - c->options.begin_ns < CHECKPOINT_EVERY_NS ? CHECKPOINT_FIRST_NS
                                                             : CHECKPOINT_EVERY_NS);
    return 0;
}

static int take(struct capture *c, uint32_t kind, uint32_t cause, const char *label,
                uint64_t ticket)
{
    return take_at(c, UINT64_MAX, kind, cause, label, ticket);
}

void capture_begin(struct capture *c)
{
    take(c, MOMENT_CHECKPOINT, MOMENT_BY_RUN, NULL, 0);
}

void capture_by_program(struct capture *c, const char *label, uint64_t time)
{
    take_at(c, time, MOMENT_SNAPSHOT, MOMENT_BY_PROGRAM, label, 0);
}

/* --------------------------------------------------------------- requests -- */

int capture_ask(struct capture *c, const struct capture_request *request)
{
    struct capture_entry *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return -1;
    entry->request = *request;
    pthread_mutex_lock(&c->lock);
    append(&c->asked, &c->asked_last, entry);
    pthread_mutex_unlock(&c->lock);
    return 0;
}

bool capture_answer(struct capture *c, struct capture_answer *answer)
{
    struct capture_entry *entry;

    pthread_mutex_lock(&c->lock);
    entry = c->answers;
    if (entry)
        c->answers = entry->next;
    pthread_mutex_unlock(&c->lock);
    if (!entry)
        return false;
    *answer = entry->answer;
    free(entry);
    return true;
}

static void note_requests(struct capture *c)
{
    pthread_mutex_lock(&c->lock);
    while (c->asked) {
        struct capture_entry *entry = c->asked;

        c->asked = entry->next;
        append(&c->noted, &c->noted_last, entry);
    }
    pthread_mutex_unlock(&c->lock);
}

static void fill_status(const struct capture *c, struct capture_answer *a)
{
    const struct model *m = c->options.source.model;
    const struct model_totals *heap = &m->totals[DOMAIN_HEAP];
    uint64_t ns = clock_monotonic_ns();

    a->snapshots = c->snapshots;
    a->moment = (struct profile_moment){
        .seconds = (double)(ns - c->options.begin_ns) * 1e-9,
        .live_bytes = heap->live_bytes,
        .live_blocks = heap->live_blocks,
        .peak_bytes = heap->peak_bytes,
        .peak_blocks = heap->peak_blocks,
        .total_bytes = heap->total_bytes,
        .total_blocks = heap->total_blocks,
        .rss_bytes = m->rss_bytes,
    };
}

static void fill_block(const struct capture *c, struct capture_answer *a)
{
    const struct model *m = c->options.source.model;
    const struct site *site = &m->sites.sites[a->block.site];
    uint64_t ns = clock_monotonic_ns(), ticks = clock_ticks(c->options.clock);
    double scale = tick_seconds(c, ticks, ns);
    uint64_t origin = c->options.source.origin;

    a->now_seconds = (double)(ns - c->options.begin_ns) * 1e-9;
    a->first_seconds = site->first_time > origin ? (double)(site->first_time - origin) * scale : 0;
    a->last_seconds = site->last_time > origin ? (double)(site->last_time - origin) * scale : 0;
}

/* The moment is taken, and the answer waits until it is written. */
static void take_and_answer(struct capture *c, struct capture_entry *entry, uint32_t kind,
                            uint32_t cause, const char *label)
{
    uint64_t ticket = entry->answer.ticket ? (uint64_t)(uintptr_t)entry : 0;

    if (ticket)
        wait_for_writer(c, entry);
    if (take(c, kind, cause, label, ticket) == 0) {
        if (!ticket)
            free(entry);
        return;
    }
    if (ticket)
        entry = take_waiting(c, ticket);
    entry->answer.outcome = CAPTURE_FAILED;
    entry->answer.error = c->trouble;
    answer(c, entry);
}

static void serve_snapshot(struct capture *c, struct capture_entry *entry)
{
    char label[CAPTURE_LABEL_BYTES];
    uint32_t cause = entry->request.cause;

    memcpy(label, entry->request.label, sizeof(label));
    label[sizeof(label) - 1] = '\0';
    answer_begin(entry);
    entry->answer.snapshots = c->snapshots + 1;
    take_and_answer(c, entry, MOMENT_SNAPSHOT, cause, label);
}

static void serve_block(struct capture *c, struct capture_entry *entry)
{
    uint64_t address = entry->request.address;

    answer_begin(entry);
    if (!block_find(c->options.source.model, address, &entry->answer.block)) {
        entry->answer.outcome = CAPTURE_NOT_FOUND;
        answer(c, entry);
        return;
    }
    fill_block(c, &entry->answer);
    take_and_answer(c, entry, MOMENT_CHECKPOINT, MOMENT_BY_RUN, NULL);
}

static void serve_heap(struct capture *c, struct capture_entry *entry)
{
    answer_begin(entry);
    c->heap_due = true;
    take_and_answer(c, entry, MOMENT_CHECKPOINT, MOMENT_BY_RUN, NULL);
}

static void serve(struct capture *c, struct capture_entry *entry)
{
    if (entry->request.kind == CAPTURE_SNAPSHOT) {
        serve_snapshot(c, entry);
    } else if (entry->request.kind == CAPTURE_HEAP) {
        serve_heap(c, entry);
    } else if (entry->request.kind == CAPTURE_BLOCK) {
        serve_block(c, entry);
    } else {
        answer_begin(entry);
        fill_status(c, &entry->answer);
        answer(c, entry);
    }
}

/* In the order in which they came; one that needs a place in the queue may have to wait for it. */
static void serve_noted(struct capture *c)
{
    while (c->noted) {
        struct capture_entry *entry = c->noted;

        if (entry->request.kind != CAPTURE_STATUS && !writer_has_room(&c->writer))
            return;
        c->noted = entry->next;
        serve(c, entry);
    }
}

/* ------------------------------------------------------------ round by round -- */

static uint64_t until(uint64_t due, uint64_t now)
{
    return due == UINT64_MAX ? due : due > now ? due - now : 0;
}

uint64_t capture_before(struct capture *c)
{
    const struct segment_header *h = segment_header(c->options.source.segment);
    /* relaxed: the round that follows sees what was recorded before the signal, or the next does */
    uint32_t signals = atomic_load_explicit(&h->snapshot_signals, memory_order_relaxed);
    uint64_t now = clock_monotonic_ns(), checkpoint, snapshot;

    note_requests(c);
    c->signals_due += signals - c->signals_seen;
    c->signals_seen = signals;
    if (now >= c->next_snapshot_ns) {
        c->timers_due = 1;
        /* On the beat, however late this one is. */
        c->next_snapshot_ns +=
            ((now - c->next_snapshot_ns) / c->options.every_ns + 1) * c->options.every_ns;
    }
    if (c->left_over)
        return ROOM_NS;
    checkpoint = until(c->next_checkpoint_ns, now);
    snapshot = until(c->next_snapshot_ns, now);
    return checkpoint < snapshot ? checkpoint : snapshot;
}

static void take_due(struct capture *c, uint32_t *due, uint32_t cause)
{
    while (*due && writer_has_room(&c->writer)) {
        --*due;
        take(c, MOMENT_SNAPSHOT, cause, NULL, 0);
    }
}

static void take_checkpoint(struct capture *c)
{
    uint64_t now = clock_monotonic_ns();

    if (now < c->next_checkpoint_ns)
        return;
    c->next_checkpoint_ns = now + CHECKPOINT_EVERY_NS;
    if (c->options.source.model->events == c->checkpoint_events &&
        now - c->checkpoint_ns < CHECKPOINT_IDLE_NS)
        return;
    if (writer_has_room(&c->writer))
        take(c, MOMENT_CHECKPOINT, MOMENT_BY_RUN, NULL, 0);
}

void capture_after(struct capture *c)
{
    serve_noted(c);
    take_due(c, &c->signals_due, MOMENT_BY_SIGNAL);
    take_due(c, &c->timers_due, MOMENT_BY_TIMER);
    take_checkpoint(c);
    c->left_over = c->noted || c->signals_due || c->timers_due;
}

/* -------------------------------------------------------------- at the end -- */

/* A signal or a request just before the end: what could be taken still is. */
static void take_last(struct capture *c)
{
    capture_before(c);
    c->timers_due = 0;
    while (c->signals_due) {
        c->signals_due--;
        take(c, MOMENT_SNAPSHOT, MOMENT_BY_SIGNAL, NULL, 0);
    }
}

static void end_requests(struct capture *c)
{
    while (c->noted) {
        struct capture_entry *entry = c->noted;

        c->noted = entry->next;
        answer_begin(entry);
        entry->answer.outcome = CAPTURE_ENDED;
        answer(c, entry);
    }
}

void capture_finish(struct capture *c, uint64_t time, double rate, double seconds)
{
    struct builder_moment moment = {.time = time, .tick_seconds = rate};

    take_last(c);
    end_requests(c);
    c->finished = c->heap_due = true;
    if (c->trouble.kind == ERROR_NONE)
        make(c, &moment, seconds, 0);
    writer_finish(&c->writer);
    profile_builder_settle(&c->builder, &c->writer.whole, rate);
}
