/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/recording/image.h"

#include "src/host/memory/ownmemory.h"
#include "src/host/process/procinfo.h"
#include "src/host/profile/profilename.h"
#include "src/host/recording/alive.h"
#include "src/host/recording/answer.h"
#include "src/host/recording/segmentmemory.h"
#include "src/host/search/rootnames.h"
#include "src/host/symbols/framenames.h"
#include "src/host/text/quote.h"
#include "src/shared/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FORK_WAIT_MS 20000u /* for a parent's collector to come to the record of a fork */
#define TIMELINE_TICKS ((uint64_t)1 << 20) /* a fraction of a millisecond by either clock */

/* ---------------------------------------------------------- the segment -- */

int image_prepare(struct image *i, const struct segment_settings *settings, struct error *e)
{
    struct segment_layout layout;
    void *base;

    memset(i, 0, sizeof(*i));
    snapshot_draft_init(&i->draft);
    i->clock = settings->clock;
    i->fd = segment_memory_make(&layout, e);
    if (i->fd < 0)
        return -1;
    base = alive_map(i->fd, layout.segment_bytes);
    if (base == MAP_FAILED) {
        error_set(e, ERROR_SYSTEM, "cannot map the shared memory");
        close(i->fd);
        return -1;
    }
    segment_format(&i->segment, base, &layout, settings);
    if (alive_hold(base) != 0) {
        error_set(e, ERROR_REFUSED, "the system has no robust futexes");
        image_release(i);
        return -1;
    }
    i->begin_ticks = clock_ticks(i->clock);
    i->begin_ns = clock_monotonic_ns();
    i->started_unix = time(NULL);
    return 0;
}

void image_shrink(struct image *i)
{
    image_stop(i);
    snapshot_draft_release(&i->draft);
    if (i->begun) {
        capture_release(&i->capture);
        collector_release(&i->collector);
        model_release(&i->model);
        earlynames_end(&i->names);
        modmap_release(&i->modmap);
    }
    i->begun = false;
}

void image_release(struct image *i)
{
    image_shrink(i);
    if (i->segment.base) {
        /* a process that runs on must find its host dead, be it that it waits for it */
        ring_host_gone(&i->segment);
        alive_unmap(i->segment.base, i->segment.layout.segment_bytes);
    }
    if (i->fd >= 0)
        close(i->fd);
    free(i->arguments);
    free(i->path);
    memset(i, 0, sizeof(*i));
    i->fd = -1;
}

/* ----------------------------------------------------------- descending -- */

/* What the target counts in a header's lists; their contents were copied before or are now. */
struct descended {
    uint32_t modules, names, nodes, ranges;
};

static bool copy_region(struct image *i, const struct image *parent, uint64_t from, uint64_t to)
{
    const struct segment_memory mine = {i->segment.base, i->fd};
    const struct segment_memory theirs = {parent->segment.base, parent->fd};

    return segment_memory_copy(&mine, &theirs, from, to);
}

/*
 * The counts of what is published below them are read before that is copied, and the trie's
 * heads before its nodes: whatever is found through what was copied was copied too.
 */
static bool copy_lists(struct image *i, const struct image *parent, struct descended *d)
{
    const struct segment_header *h = segment_header(&parent->segment);
    const struct segment_layout *l = &i->segment.layout;

    /* acquire, all four: pairs with the target's release of what they count */
    d->modules = atomic_load_explicit(&h->modules_used, memory_order_acquire);
    d->names = atomic_load_explicit(&h->names_used, memory_order_acquire);
    d->ranges = atomic_load_explicit(&h->own_ranges_used, memory_order_acquire);
    if (!copy_region(i, parent, l->modules_offset, l->slots_offset) ||
        !copy_region(i, parent, l->buckets_offset, l->nodes_offset))
        return false;
    d->nodes = atomic_load_explicit(&h->nodes_used, memory_order_acquire);
    return copy_region(i, parent, l->nodes_offset, l->chunks_offset);
}

bool image_descend(struct image *i, const struct image *parent)
{
    const struct segment_header *from = segment_header(&parent->segment);
    struct segment_header *to = segment_header(&i->segment);
    struct descended d;

    if (memcmp(&i->segment.layout, &parent->segment.layout, sizeof(i->segment.layout)) != 0 ||
        !copy_lists(i, parent, &d))
        return false;
    /* relaxed, all: handed over by the socket */
    atomic_store_explicit(&to->modules_used, d.modules, memory_order_relaxed);
    atomic_store_explicit(&to->names_used, d.names, memory_order_relaxed);
    atomic_store_explicit(&to->nodes_used, d.nodes, memory_order_relaxed);
    atomic_store_explicit(&to->own_ranges_used, d.ranges, memory_order_relaxed);
    atomic_store_explicit(&to->private_bytes, atomic_load(&from->private_bytes),
                          memory_order_relaxed);
    atomic_store_explicit(&to->pool_state, atomic_load(&from->pool_state), memory_order_relaxed);
    atomic_store_explicit(&to->stop_ready, atomic_load(&from->stop_ready), memory_order_relaxed);
    memcpy(to->next_allocator, from->next_allocator, sizeof(to->next_allocator));
    to->bootstrap_start = from->bootstrap_start;
    to->bootstrap_end = from->bootstrap_end;
    to->settings.stop_signal = from->settings.stop_signal;
    return true;
}

/* ------------------------------------------------------- what it says of itself -- */

static string_id text(struct profile *p, const char *s)
{
    uint32_t id = strings_add(&p->strings, s);

    return id == UINT32_MAX ? 0 : id;
}

static string_id command_text(struct profile *p, const struct image *i)
{
    struct strbuf quoted;
    string_id id;

    strbuf_init(&quoted);
    quote_arguments(&quoted, i->arguments, i->arguments_size);
    id = text(p, strbuf_text(&quoted));
    strbuf_release(&quoted);
    return id;
}

/* Which allocator served it. */
static string_id allocator_text(struct profile *p, const struct image *i)
{
    const struct segment_header *h = segment_header(&i->segment);
    char name[ALLOCATOR_NAME_BYTES + 1] = "";

    if (h->settings.allocator == ALLOCATOR_POOL)
        return text(p, "pool");
    if (h->settings.allocator == ALLOCATOR_POOL_DEBUG)
        return text(p, "pool-debug");
    /* acquire: the name was there before it began */
    if (atomic_load_explicit(&h->target_state, memory_order_acquire) != TARGET_RECORDING)
        return 0;
    memcpy(name, h->next_allocator, ALLOCATOR_NAME_BYTES);
    return text(p, *name ? name : i->program);
}

/* For every checkpoint: a file that is cut short says as much as a whole one. */
static void describe_process(void *context, struct profile *p, double seconds)
{
    const struct image *i = context;

    p->process.program = text(p, i->program);
    p->process.executable = text(p, i->modmap.executable);
    p->process.command = command_text(p, i);
    p->process.host = text(p, i->host);
    p->process.memprof_version = text(p, PACKAGE_VERSION);
    p->process.allocator = allocator_text(p, i);
    p->process.pid = i->pid;
    p->process.started_unix = i->started_unix;
    p->process.seconds = seconds;
    p->process.attached_seconds = i->attached_seconds;
    p->process.own_malloc = segment_own_malloc(&i->segment);
}

static void read_arguments(struct image *i)
{
    i->arguments = malloc(IMAGE_ARGUMENTS_BYTES);
    if (i->arguments)
        i->arguments_size = procinfo_arguments(i->pid, i->arguments, IMAGE_ARGUMENTS_BYTES);
    procinfo_name(i->program, sizeof(i->program), i->arguments_size ? i->arguments : "",
                  i->modmap.executable);
    gethostname(i->host, sizeof(i->host) - 1);
}

/* The profile's path; NULL: out of memory. */
static char *make_path(const struct image *i, const struct run_options *options, uint32_t earlier)
{
    struct strbuf path;
    char *result = NULL;

    strbuf_init(&path);
    profile_name_add(&path, options->output, i->program, i->pid, earlier);
    if (!path.failed)
        result = strdup(strbuf_text(&path));
    strbuf_release(&path);
    return result;
}

/* ----------------------------------------------------------- collecting -- */

static void poll_modules(void *context)
{
    struct image *i = context;

    modmap_update(&i->modmap);
    earlynames_watch(&i->names);
}

static uint64_t before_round(void *context)
{
    struct image *i = context;

    return capture_before(&i->capture);
}

static void after_round(void *context)
{
    struct image *i = context;

    capture_after(&i->capture);
}

static void program_snapshot(void *context, const char *label, uint64_t time)
{
    struct image *i = context;

    capture_by_program(&i->capture, label, time);
}

static void program_query(void *context, uint32_t slot, uint32_t what, uint32_t sequence)
{
    struct image *i = context;
    const struct model_totals *heap = &i->model.totals[DOMAIN_HEAP];

    if (what == QUERY_TRACED)
        answer_query(&i->segment, slot, sequence, heap->live_bytes, heap->peak_bytes);
    else
        answer_query(&i->segment, slot, sequence, ownmemory_segment_bytes(i->fd),
                     ownmemory_bytes());
}

static void program_fork(void *context, uint32_t number)
{
    struct image *i = context;

    if (i->family.forks)
        forks_put(i->family.forks, i->family.number, number, &i->model);
}

static int modules_begin(struct image *i, const struct run_options *options, struct error *e)
{
    struct symbolizer_options symbolizer = options->symbolizer;
    char perf_map[48];

    snprintf(perf_map, sizeof(perf_map), "/tmp/perf-%d.map", (int)i->pid);
    symbolizer.shared = i->family.binaries;
    if (!symbolizer.perf_map)
        symbolizer.perf_map = perf_map;
    return modmap_init(&i->modmap, &i->segment, i->pid, options->program, options->preload,
                       &symbolizer, e);
}

static int capture_start(struct image *i, const struct image_options *options, struct error *e)
{
    const struct run_options *run = options->run;
    struct capture_options capturing = {
        .source = {&i->segment, &i->model, &i->modmap, i->begin_ticks, !run->no_peak, i->fd},
        .clock = i->clock,
        .begin_ns = i->begin_ns,
        .every_ns = run->snapshot_every_ns,
        .collector = &i->collector,
        .pid = i->pid,
        .search = &run->search,
        .ready = options->ready,
        .describe = describe_process,
        .context = i,
    };

    if (options->placed ? options->path != NULL : profile_name_wanted(run->output)) {
        i->path = options->placed ? strdup(options->path) : make_path(i, run, 0);
        if (!i->path)
            return error_set(e, ERROR_MEMORY, "out of memory");
        capturing.path = i->path;
    }
    return capture_init(&i->capture, &capturing, e);
}

/* The profile itself says what its numbers begin with. */
static void mark_origin(struct image *i)
{
    const char *reason = i->origin_unknown;
    struct model *m = &i->model;
    struct mark mark = {.time = i->begin_ticks,
                        .live_bytes = m->totals[DOMAIN_HEAP].live_bytes,
                        .live_blocks = m->totals[DOMAIN_HEAP].live_blocks};
    char text[160];

    snprintf(text, sizeof(text), "forked from process %lld%s%s", (long long)i->birth.parent,
             reason ? ": " : ", whose live blocks it has", reason ? reason : "");
    if (!m->threads.count && threads_add(&m->threads, (uint32_t)i->pid, i->program) == THREADS_NONE)
        return;
    marks_add(&m->marks, &mark, text);
}

/* What a forked child begins with; NULL, or why that is not known.  To be released. */
static const char *find_inheritance(const struct image *i, struct inheritance *in)
{
    *in = (struct inheritance){.partial = true};
    if (i->birth.fork == FORK_UNMARKED)
        return "what its parent had live is not known: it was not forked by libc's fork";
    switch (forks_take(i->family.forks, i->birth.from, i->birth.fork, FORK_WAIT_MS, in)) {
    case FORKS_TAKEN:
        return NULL;
    case FORKS_DROPPED:
        return "what its parent had live is not known: too much, or too many forks ago";
    default:
        return "what its parent had live is not known: its fork was not read of in time";
    }
}

/*
 * By the collector's thread, before it collects: with a million blocks it takes most of a second,
 * and the child records meanwhile.
 */
static void inherit(struct image *i)
{
    struct inheritance in;

    if (!i->birth.fork)
        return;
    i->origin_unknown = find_inheritance(i, &in);
    inheritance_give(&in, &i->model, i->begin_ticks);
    inheritance_release(&in);
    i->inherited_bytes = i->model.totals[DOMAIN_HEAP].total_bytes;
    i->inherited_blocks = i->model.totals[DOMAIN_HEAP].total_blocks;
    mark_origin(i);
}

static void *collect(void *context)
{
    struct image *i = context;

    inherit(i);
    capture_begin(&i->capture);
    collector_run(&i->collector);
    return NULL;
}

/* Everything but the thread; each step undone if a later one fails. */
static int collecting_begin(struct image *i, const struct image_options *options, struct error *e)
{
    struct collector_options collecting = {.pid = i->pid,
                                           .clock = i->clock,
                                           .poll = poll_modules,
                                           .before = before_round,
                                           .after = after_round,
                                           .context = i};

    i->family = options->family;
    if (modules_begin(i, options->run, e) != 0)
        return -1;
    read_arguments(i);
    earlynames_init(&i->names, &i->segment, i->modmap.symbolizer,
                    !options->run->symbolizer.debuginfod);
    model_init(&i->model, i->segment.layout.nodes_max, i->begin_ticks, TIMELINE_TICKS);
    i->model.attached = i->model.partial = i->attached_seconds > 0;
    i->model.hooks = (struct model_hooks){
        .context = i, .snapshot = program_snapshot, .query = program_query, .fork = program_fork};
    i->birth = options->birth;
    if (collector_init(&i->collector, &i->segment, &i->model, &collecting, e) == 0) {
        if (capture_start(i, options, e) == 0) {
            i->begun = true;
            return 0;
        }
        collector_release(&i->collector);
    }
    model_release(&i->model);
    earlynames_end(&i->names);
    modmap_release(&i->modmap);
    return -1;
}

int image_begin(struct image *i, pid_t pid, const struct image_options *options, struct error *e)
{
    int failure;

    i->pid = pid;
    i->file_known = procinfo_file(pid, &i->file);
    i->attached_seconds = options->attached_seconds;
    if (collecting_begin(i, options, e) != 0)
        return -1;
    failure = pthread_create(&i->thread, NULL, collect, i);
    if (failure) {
        errno = failure;
        return error_set(e, ERROR_SYSTEM, "cannot start the collecting thread");
    }
    i->running = true;
    return 0;
}

void image_choose_stop(struct image *i, enum stop_how how, pid_t pid)
{
    if (how == STOP_BY_SIGNAL || (how == STOP_AUTO && !stop_can_trace(pid)))
        segment_header(&i->segment)->settings.stop_signal = (uint32_t)SIGRTMAX - 2;
}

int image_ask(struct image *i, const struct capture_request *request)
{
    if (!i->running || capture_ask(&i->capture, request) != 0)
        return -1;
    collector_rouse(&i->collector);
    return 0;
}

static uint32_t says_it_executes(const struct image *i)
{
    /* relaxed: a hint; what follows says hello, if it can */
    return atomic_load_explicit(&segment_header(&i->segment)->executed, memory_order_relaxed);
}

bool image_replaced(const struct image *i)
{
    struct procinfo_file now;

    return i->file_known && says_it_executes(i) != EXECUTED_HEARD && procinfo_file(i->pid, &now) &&
           (now.device != i->file.device || now.inode != i->file.inode);
}

uint32_t image_forks(const struct image *i)
{
    const struct segment_header *h = segment_header(&i->segment);
    /* relaxed: statistics */
    uint32_t forks = atomic_load_explicit(&h->forks, memory_order_relaxed);
    uint32_t failed = atomic_load_explicit(&h->forks_failed, memory_order_relaxed);

    return forks > failed ? forks - failed : 0;
}

uint32_t image_unfollowed(const struct image *i)
{
    /* relaxed: a statistic */
    return atomic_load_explicit(&segment_header(&i->segment)->unfollowed, memory_order_relaxed);
}

bool image_said_end(const struct image *i)
{
    /* relaxed: the image is gone, or is about to be */
    return atomic_load_explicit(&segment_header(&i->segment)->leaving, memory_order_relaxed);
}

/* libc's daemon ends those that fork by a call of its own. */
bool image_end_unseen(const struct image *i)
{
    const struct segment_header *h = segment_header(&i->segment);

    /* relaxed, all: the image is gone */
    return !says_it_executes(i) &&
           atomic_load_explicit(&h->target_state, memory_order_relaxed) == TARGET_RECORDING &&
           !image_said_end(i) && !image_forks(i);
}

static double tick_seconds(const struct image *i)
{
    if (i->clock == CLOCK_MONOTONIC_NS || i->end_ticks <= i->begin_ticks)
        return 1e-9;
    return (double)(i->end_ns - i->begin_ns) * 1e-9 / (double)(i->end_ticks - i->begin_ticks);
}

void image_stop(struct image *i)
{
    if (!i->running)
        return;
    collector_stop(&i->collector);
    pthread_join(i->thread, NULL);
    i->running = false;
    collector_finish(&i->collector);
    i->end_ticks = clock_ticks(i->clock);
    i->end_ns = clock_monotonic_ns();
    model_finish(&i->model, i->end_ticks);
    modmap_finish(&i->modmap);
    earlynames_hurry(&i->names);
    capture_finish(&i->capture, i->end_ticks, tick_seconds(i),
                   (double)(i->end_ns - i->begin_ns) * 1e-9);
}

/* ---------------------------------------------------------- the profile -- */

/* The file keeps its name, and is the next image's from now on. */
static void give_up_file(struct image *i, const struct error *why)
{
    struct writer *w = &i->capture.writer;

    if (w->journal_open)
        journal_close(&w->journal);
    w->journal_open = false;
    w->lost = *why;
}

void image_make_earlier(struct image *i, const struct run_options *options, uint32_t number)
{
    struct writer *w = &i->capture.writer;
    struct error e = {0};
    char *path;

    if (!i->path)
        return;
    if (w->journal_open && w->journal.file.special) { /* a device or a pipe is the last image's */
        free(i->path);
        i->path = NULL;
        return;
    }
    /* Its file is finished later, and its successor runs until then. */
    if (w->journal_open)
        journal_settle(&w->journal, &w->whole, &w->series, NULL);
    if (options->directory) /* all have names of their own there */
        return;
    path = make_path(i, options, number);
    if (!path)
        error_set(&e, ERROR_MEMORY, "out of memory");
    else if (!w->journal_open || journal_rename(&w->journal, path, &e) == 0) {
        free(i->path);
        i->path = path;
        return;
    }
    free(path);
    give_up_file(i, &e);
}

/* What could not be built is an error as grave as no profile at all. */
static int check_captured(const struct image *i, struct error *e)
{
    const struct error *trouble = &i->capture.trouble;

    if (trouble->kind == ERROR_NONE)
        trouble = &i->capture.writer.trouble;
    if (trouble->kind == ERROR_NONE)
        return 0;
    if (e)
        *e = *trouble;
    return -1;
}

int image_profile(struct image *i, struct run_image *result, struct error *e)
{
    const struct segment_header *h = segment_header(&i->segment);
    struct writer *w = &i->capture.writer;

    result->target_state = atomic_load_explicit(&h->target_state, memory_order_relaxed);
    result->refusal = atomic_load_explicit(&h->refusal, memory_order_relaxed);
    result->events = i->model.events;
    result->profile = w->whole;
    profile_init(&w->whole);
    series_hand_over(&w->series, &result->profile);
    memset(&result->profile.writer, 0, sizeof(result->profile.writer));
    if (check_captured(i, e) != 0)
        return -1;
    if (root_names(&result->profile, &i->modmap, e) != 0)
        return -1;
    if (i->path)
        snapshot_draft_begin(&i->draft, &result->profile);
    earlynames_end(&i->names);
    if (frame_names(&result->profile, &i->modmap, e) != 0) {
        snapshot_draft_release(&i->draft);
        return -1;
    }
    /* relaxed: the image is gone */
    if (atomic_load_explicit(&h->executed, memory_order_relaxed))
        result->profile.process.exit_kind = EXIT_EXECUTED;
    return 0;
}

void image_write(struct image *i, struct run_image *result)
{
    struct writer *w = &i->capture.writer;

    if (!i->path)
        return;
    result->path = strdup(i->path);
    if (!result->path || !w->journal_open)
        result->unwritten = w->lost;
    else
        journal_finish(&w->journal, &result->profile, &i->draft, &result->bytes,
                       &result->unwritten);
    snapshot_draft_release(&i->draft);
}
