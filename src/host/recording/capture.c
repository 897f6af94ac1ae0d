// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/capture.h"

#include "src/host/pools/heaplook.h"
#include "src/host/search/lsan.h"
#include "src/host/search/searchanswer.h"
#include "src/shared/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
/*
 * A sixteenth of the time so far lies between two checkpoints, so that runs of any
 * length have enough of them in either half to tell how the heap grows.  A host that
 * is killed soon leaves something, too.
 */
#define CHECKPOINT_FIRST_NS (SECOND / 8)
#define CHECKPOINT_EVERY_NS (5 * SECOND)
#define CHECKPOINT_SHARE 16u
#define CHECKPOINT_COST 32u              /* times what the last one took is the least between two */
#define CHECKPOINT_IDLE_NS (60 * SECOND) /* while nothing happens */
/*
 * Of a run of less than this the file gets the end with the finished profile only.
 * Naming the frames of a program with debug information may take as long again, and
 * whoever ends memprof meanwhile loses no more than that run.
 */
#define SHORT_NS CHECKPOINT_EVERY_NS
#define AFTER_END_NS (SECOND / 50) /* most programs are gone before */
#define ROOM_NS (SECOND / 1000)    /* until the writer is asked again whether it has room */
#define SIGNALS_DUE 256u           /* snapshots that wait; what counts more signals is damage */

struct capture_entry {
    struct capture_entry *next;
    struct capture_entry *also; /* waits for the same search */
    uint32_t by_program;        /* what searches_asked was, if it asked; else 0 */
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
    if (entry->by_program)
        search_answer(c->options.source.segment, entry->by_program, entry->answer.lost_bytes,
                      entry->answer.lost_blocks);
    if (entry->by_program || !entry->answer.ticket) {
        free(entry);
        return;
    }
    entry->also = NULL; /* it has its own place among the answers */
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

static void fill_lost(struct capture_answer *a, const struct profile *whole)
{
    a->search = whole->search.number;
    if (whole->search.method == SEARCH_UNSTOPPED) {
        a->lost_bytes = a->lost_blocks = SEARCH_NO_ANSWER;
        return;
    }
    for (uint32_t i = 0; i < whole->leak_count; i++) {
        const struct profile_leak *row = &whole->leaks[i];

        if (row->kind != LEAK_DEFINITE && row->kind != LEAK_INDIRECT)
            continue;
        a->lost_bytes += row->bytes;
        a->lost_blocks += row->blocks;
    }
}

/* In the writer's thread. */
static void written(void *context, uint64_t ticket, const struct profile_moment *moment,
                    const struct profile *whole, const struct error *e)
{
    struct capture *c = context;
    struct capture_entry *entry = take_waiting(c, ticket);

    while (entry) {
        struct capture_entry *also = entry->also;

        entry->answer.moment = *moment;
        entry->answer.moment.label = 0;
        if (entry->answer.kind == CAPTURE_SEARCH)
            fill_lost(&entry->answer, whole);
        if (e->kind != ERROR_NONE) {
            entry->answer.outcome = CAPTURE_FAILED;
            entry->answer.error = *e;
        }
        answer(c, entry);
        entry = also;
    }
}

/* --------------------------------------------------------- set-up and end -- */

int capture_init(struct capture *c, const struct capture_options *options, struct error *e)
{
    struct writer_options writing = {.path = options->path, .done = written, .context = c};

    memset(c, 0, sizeof(*c));
    c->options = *options;
    births_init(&c->births);
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

        free_list(entry->also);
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
    leaksearch_release(c->search);
    births_release(&c->births);
    poolstate_rows_release(&c->end_pools);
    free(c->suppressions);
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

    if (heap_look(part, source->model, source->segment, pid, &c->end_pools, &c->trouble) != 0)
        return -1;
    part->heap.seconds = part->moments[0].seconds;
    part->heap.number = ++c->heap_looks;
    return 0;
}

/* The search that was taken goes with this checkpoint. */
static void attach_search(struct capture *c, struct checkpoint *checkpoint)
{
    if (!c->search)
        return;
    checkpoint->search = c->search;
    checkpoint->part.search.number = c->searches;
    c->search = NULL;
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
    attach_search(c, &checkpoint);
    heap_fill(&checkpoint.part, c->options.source.segment,
              c->finished ? 0 : (pid_t)checkpoint.part.process.pid,
              HEAPLOOK_SNAPSHOT_POOLS_MAX - c->snapshot_pools);
    c->snapshot_pools += checkpoint.part.snapshot_pool_count;
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

/* What is allocated from now on is a moment younger. */
static void count_moment(struct capture *c, bool snapshot)
{
    struct model *m = c->options.collector ? c->options.collector->model : NULL;
    bool halve;

    if (!births_moment(&c->births, snapshot, &halve) || !m)
        return;
    if (halve)
        model_halve_births(m);
    m->birth = births_now(&c->births);
}

/* When the checkpoint after one at `ns` is due, whose making cost so much of the processor. */
static uint64_t next_checkpoint(const struct capture *c, uint64_t ns, uint64_t cost)
{
    uint64_t wait = (ns - c->options.begin_ns) / CHECKPOINT_SHARE;

    if (wait < CHECKPOINT_FIRST_NS)
        wait = CHECKPOINT_FIRST_NS;
    if (wait > CHECKPOINT_EVERY_NS)
        wait = CHECKPOINT_EVERY_NS;
    return ns + (cost * CHECKPOINT_COST > wait ? cost * CHECKPOINT_COST : wait);
}

/* Of this thread: on a busy machine time passes that a checkpoint does not cost. */
static uint64_t processor_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* Take a moment.  It says to be of `time`, or of now if that is earlier. */
static int take_at(struct capture *c, uint64_t time, uint32_t kind, uint32_t cause,
                   const char *label, uint64_t ticket)
{
    uint64_t ns = clock_monotonic_ns(), ticks = clock_ticks(c->options.clock);
    uint64_t begun = processor_ns();
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
    count_moment(c, kind == MOMENT_SNAPSHOT);
    c->checkpoint_ns = ns;
    c->checkpoint_events = c->options.source.model->events;
    c->next_checkpoint_ns = next_checkpoint(c, ns, processor_ns() - begun);
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

/* All that wait with it, too. */
static void fail(struct capture *c, struct capture_entry *entry, const struct error *e)
{
    while (entry) {
        struct capture_entry *also = entry->also;

        entry->answer.outcome = CAPTURE_FAILED;
        entry->answer.error = *e;
        entry->answer.lost_bytes = entry->answer.lost_blocks = SEARCH_NO_ANSWER;
        answer(c, entry);
        entry = also;
    }
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
    fail(c, entry, &c->trouble);
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

/* ---------------------------------------------------------------- searches -- */

static double seconds_now(const struct capture *c)
{
    return (double)(clock_monotonic_ns() - c->options.begin_ns) * 1e-9;
}

/*
 * Keep a search for the next moment, in place of one that is still kept.  `pid` 0: the
 * process is gone.
 */
static int take_search(struct capture *c, const struct leaksearch_question *question, pid_t pid,
                       void (*resumed)(void *context), struct error *e)
{
    struct leaksearch_source source = {
        .collector = c->options.collector,
        .model = c->options.source.model,
        .segment = c->options.source.segment,
        .modmap = c->options.source.modmap,
        .pid = pid,
        .options = c->options.search,
        .seconds = seconds_now(c),
        .births = &c->births,
        .resumed = resumed,
        .context = c,
    };
    struct leaksearch *search = leaksearch_take(&source, question, e);

    if (!search)
        return -1;
    leaksearch_release(c->search);
    c->search = search;
    c->searches++;
    return 0;
}

/* Whether one search answers both; if so `all` asks for what either does. */
static bool join_questions(struct leaksearch_question *all, const struct capture_entry *entry)
{
    const struct leaksearch_question *q = &entry->request.search;

    if (entry->request.kind != CAPTURE_SEARCH ||
        (all->address && q->address && all->address != q->address))
        return false;
    if (q->address)
        all->address = q->address;
    if (entry->by_program)
        all->cause = SEARCH_BY_PROGRAM;
    all->duplicates |= q->duplicates;
    all->contents |= q->contents;
    all->retained |= q->retained;
    all->whole_graph |= q->whole_graph;
    return true;
}

/* The requests that came with the first one and can be answered by the same search. */
static struct capture_entry *take_joined(struct capture *c, struct leaksearch_question *all)
{
    struct capture_entry **place = &c->noted, *joined = NULL;

    c->noted_last = NULL;
    while (*place) {
        struct capture_entry *entry = *place;

        if (!join_questions(all, entry)) {
            c->noted_last = entry;
            place = &entry->next;
            continue;
        }
        *place = entry->next;
        answer_begin(entry);
        entry->also = joined;
        joined = entry;
    }
    return joined;
}

static void serve_search(struct capture *c, struct capture_entry *entry)
{
    struct leaksearch_question all = {.cause = SEARCH_BY_COMMAND};
    struct error e = {0};

    join_questions(&all, entry);
    answer_begin(entry);
    entry->also = take_joined(c, &all);
    if (!c->options.search)
        error_set(&e, ERROR_REFUSED, "there is no search for leaks here");
    if (e.kind != ERROR_NONE || take_search(c, &all, c->options.pid, NULL, &e) != 0)
        fail(c, entry, &e);
    else
        take_and_answer(c, entry, MOMENT_CHECKPOINT, MOMENT_BY_RUN, NULL);
}

/* The program, which asked as the `asked`th, waits. */
static void note_program(struct capture *c, uint32_t asked)
{
    struct capture_entry *entry = calloc(1, sizeof(*entry));

    if (!entry) {
        search_answer(c->options.source.segment, asked, SEARCH_NO_ANSWER, SEARCH_NO_ANSWER);
        return;
    }
    entry->by_program = asked;
    entry->request = (struct capture_request){.ticket = UINT64_MAX, .kind = CAPTURE_SEARCH};
    append(&c->noted, &c->noted_last, entry);
}

static void note_searches(struct capture *c)
{
    struct segment_header *h = segment_header(c->options.source.segment);
    /* acquire: `ending` is complete */
    uint32_t asked = atomic_load_explicit(&h->searches_asked, memory_order_acquire);

    if (asked == c->searches_seen)
        return;
    c->searches_seen = asked;
    /* relaxed: it came with the asking */
    if (atomic_load_explicit(&h->ending.cause, memory_order_relaxed) == SEARCH_NONE) {
        note_program(c, asked);
        return;
    }
    c->end_due = true;
    c->end_asked = asked;
}

/* The search that counts is not found yet. */
static void end_resumed(void *context)
{
    struct capture *c = context;
    const struct builder_source *source = &c->options.source;

    if (!c->suppressions) {
        modmap_update(source->modmap); /* the executable may not be in it yet */
        segment_header(source->segment)->call = lsan_suppressions_function(source->modmap);
    }
    search_answer(source->segment, c->end_asked, SEARCH_NO_ANSWER, SEARCH_NO_ANSWER);
}

/* One that is none, which the program may have written over it, is an end all the same. */
static uint32_t ending_cause(const struct segment_header *h)
{
    /* relaxed: it came with the asking (note_searches) */
    uint32_t cause = atomic_load_explicit(&h->ending.cause, memory_order_relaxed);

    return cause > ENDING_NONE && cause <= ENDING_SIGNAL ? cause : ENDING_EXIT;
}

/* The program goes on to its end meanwhile; if that takes long, what is found is written before. */
static void search_at_end(struct capture *c)
{
    const struct segment_header *h = segment_header(c->options.source.segment);
    struct leaksearch_question question = {.cause = ending_cause(h), .signal = h->ending.signal};
    struct error e = {0};

    c->end_due = false;
    heap_pools_now(&c->end_pools, c->options.source.segment, c->options.pid);
    if (h->ending.suppressions && !c->suppressions) {
        c->suppressions = lsan_suppressions_read(c->options.pid, h->ending.suppressions);
        end_resumed(c);
    } else if (!c->options.search) {
        end_resumed(c);
    } else if (take_search(c, &question, c->options.pid, end_resumed, &e) == 0) {
        c->end_searched = true;
        c->next_checkpoint_ns = clock_monotonic_ns() + AFTER_END_NS;
    }
}

static void serve(struct capture *c, struct capture_entry *entry)
{
    if (entry->request.kind == CAPTURE_SNAPSHOT) {
        serve_snapshot(c, entry);
    } else if (entry->request.kind == CAPTURE_SEARCH) {
        serve_search(c, entry);
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
        if (!c->noted)
            c->noted_last = NULL;
        serve(c, entry);
    }
}

/* ------------------------------------------------------------ round by round -- */

static uint64_t until(uint64_t due, uint64_t now)
{
    return due == UINT64_MAX ? due : due > now ? due - now : 0;
}

/* The target writes the count: whatever it says, the end of the run is not held up by it. */
static void note_signals(struct capture *c)
{
    const struct segment_header *h = segment_header(c->options.source.segment);
    /* relaxed: the round that follows sees what was recorded before the signal, or the next does */
    uint32_t signals = atomic_load_explicit(&h->snapshot_signals, memory_order_relaxed);
    uint32_t more = signals - c->signals_seen, room = SIGNALS_DUE - c->signals_due;

    if (more > room && c->options.collector)
        c->options.collector->model->damaged_records++;
    c->signals_due += more < room ? more : room;
    c->signals_seen = signals;
}

uint64_t capture_before(struct capture *c)
{
    uint64_t now = clock_monotonic_ns(), checkpoint, snapshot;

    note_requests(c);
    note_searches(c);
    note_signals(c);
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
    c->next_checkpoint_ns = next_checkpoint(c, now, 0);
    if (!c->search && c->options.source.model->events == c->checkpoint_events &&
        now - c->checkpoint_ns < CHECKPOINT_IDLE_NS)
        return;
    if (writer_has_room(&c->writer))
        take(c, MOMENT_CHECKPOINT, MOMENT_BY_RUN, NULL, 0);
}

void capture_after(struct capture *c)
{
    serve_noted(c);
    if (c->end_due)
        search_at_end(c);
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

/*
 * Nothing was searched: what is live is all that is known.  Who sees how the process ended
 * says why (leaksearch_explain).
 */
static void search_nothing(struct capture *c)
{
    struct leaksearch_question question = {.cause = SEARCH_NONE};

    if (c->options.search && c->options.search->at_end && !c->searches)
        take_search(c, &question, 0, NULL, &c->trouble);
}

static void finish_search(struct capture *c)
{
    struct profile_search *s = &c->writer.whole.search;

    if (s->number && c->suppressions)
        s->suppressions = strings_add(&c->writer.whole.strings, c->suppressions);
    if (s->suppressions == UINT32_MAX)
        s->suppressions = 0;
    if (s->number && !c->end_searched && s->method != SEARCH_UNSTOPPED)
        s->notes |= SEARCH_BEFORE_LATER;
}

void capture_finish(struct capture *c, uint64_t time, double rate, double seconds)
{
    struct builder_moment moment = {.time = time, .tick_seconds = rate};

    take_last(c);
    end_requests(c);
    search_nothing(c);
    c->finished = c->heap_due = true;
    if (c->trouble.kind == ERROR_NONE)
        make(c, &moment, seconds, 0);
    writer_finish(&c->writer);
    finish_search(c);
    profile_builder_settle(&c->builder, &c->writer.whole, rate);
}
