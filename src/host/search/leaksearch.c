// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/leaksearch-parts.h"

#include "src/host/graph/rootrank.h"
#include "src/host/memory/pages.h"
#include "src/host/process/procinfo.h"
#include "src/host/search/wordguess.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROOM_PAUSE_NS 500000
#define WORTH_GUESSING 100000u /* blocks: memory for fewer is made as it is needed */

void leaksearch_options_init(struct leaksearch_options *o)
{
    *o = (struct leaksearch_options){.at_end = true, .graph_blocks = LEAKSEARCH_GRAPH_BLOCKS};
    leakgraph_options_init(&o->graph);
}

/* ----------------------------------------------------------------- taking -- */

static void resume(const struct leaksearch_source *source)
{
    if (source->resumed)
        source->resumed(source->context);
}

/* What is not to be known if a thread ran on meanwhile waits for the next round. */
static void settle(struct collector *c, const struct stopped *stopped)
{
    if (stopped->missed)
        collector_round(c);
    else
        collector_settle(c);
}

/*
 * What has to be read of memory besides words that refer to blocks, or at other places than
 * multiples of 8, needs all of it.
 */
static bool needs_copy(const struct leaksearch *s)
{
    const struct leaksearch_options *o = &s->options;
    const struct leaksearch_question *q = &s->question;

    return o->graph.step != 8 || o->graph.compressed || o->contents || o->duplicates ||
           q->contents || q->duplicates;
}

static void describe(struct leaksearch *s, const struct stopped *stopped)
{
    s->about.method = stopped->how == STOP_BY_SIGNAL ? SEARCH_SIGNAL : SEARCH_PTRACE;
    s->about.held_seconds = (double)(stopped->ended_ns - stopped->began_ns) * 1e-9;
    s->about.threads = stopped->count;
    s->about.threads_missed = stopped->missed;
    s->about.copied_bytes = s->whole_copy ? s->copy.bytes : s->words.bytes;
    s->about.unreadable_bytes =
        s->whole_copy ? s->copy.unreadable_bytes : s->words.unreadable_bytes;
    s->about.notes |= stopped->missed ? SEARCH_THREADS_MISSED : 0;
}

static int find_roots(struct leaksearch *s, const struct leaksearch_source *source,
                      const struct stopped *stopped, struct error *e)
{
    const struct leakroots_source from = {.stopped = stopped,
                                          .copy = &s->copy,
                                          .model = source->model,
                                          .live = &s->live,
                                          .modmap = source->modmap,
                                          .weak = source->options->weak,
                                          .kinds = source->options->roots};

    modmap_update(source->modmap);
    s->rooted = leakroots_find(&s->roots, &from, e) == 0;
    return s->rooted ? closedpages_find(&s->closed, &s->copy, &s->live, &s->roots, e) : -1;
}

/* For the bytes of a copy; or for the live blocks, and the words of them that refer to others. */
static uint64_t room_needed(const struct leaksearch *s, const struct leaksearch_source *source)
{
    if (s->whole_copy)
        return procinfo_anonymous(source->pid);
    if (source->model->live.count < WORTH_GUESSING)
        return 0;
    /* whole huge pages are cut off, and some blocks are allocated meanwhile */
    return (source->model->live.count + source->model->live.count / 64) *
               sizeof(struct livetable_entry) +
           2 * PAGES_HUGE + wordguess(&source->model->live, source->pid) * sizeof(uint64_t);
}

/* The process runs on meanwhile, and goes on being followed. */
static void make_room(struct leaksearch *s, const struct leaksearch_source *source)
{
    copyroom_begin(&s->room, room_needed(s, source));
    while (!copyroom_ready(&s->room)) {
        collector_round(source->collector);
        nanosleep(&(struct timespec){.tv_nsec = ROOM_PAUSE_NS}, NULL);
    }
}

static int take_live(struct leaksearch *s, const struct leaksearch_source *source, struct error *e)
{
    s->taken = leaklive_take(&s->live, source->collector, &s->room, e) == 0;
    return s->taken ? 0 : -1;
}

/* Which words to read is known by the live blocks and the roots. */
static int read_words(struct leaksearch *s, const struct leaksearch_source *source,
                      const struct stopped *stopped, struct error *e)
{
    const struct keptwords_source from = {.look = &s->copy,
                                          .live = &s->live,
                                          .roots = &s->roots,
                                          .high_tags = s->options.graph.high_tags,
                                          .room = &s->room};

    s->copied = heapcopy_look(&s->copy, stopped, NULL, 0, e) == 0;
    if (!s->copied || take_live(s, source, e) != 0 || find_roots(s, source, stopped, e) != 0)
        return -1;
    s->worded = keptwords_take(&s->words, &from, e) == 0;
    heapcopy_let_go(&s->copy);
    return s->worded ? 0 : -1;
}

/* While it is held. */
static int read_memory(struct leaksearch *s, const struct leaksearch_source *source,
                       const struct stopped *stopped, struct error *e)
{
    settle(source->collector, stopped);
    if (!s->whole_copy)
        return read_words(s, source, stopped, e);
    s->copied = heapcopy_take(&s->copy, stopped, NULL, 0, &s->room, e) == 0;
    if (!s->copied || take_live(s, source, e) != 0)
        return -1;
    return find_roots(s, source, stopped, e);
}

/* 0; or -1, and `why` says what keeps the process from being searched. */
static int hold_and_read(struct leaksearch *s, const struct leaksearch_source *source)
{
    struct stopped stopped;
    int result;

    make_room(s, source);
    if (stop_threads(&stopped, source->pid, source->segment, source->options->how, &s->why) != 0) {
        resume(source);
        copyroom_release(&s->room);
        return -1;
    }
    result = read_memory(s, source, &stopped, &s->why);
    heapcopy_let_go(&s->copy);
    threadnames_take(&s->threads, &stopped, &source->model->threads);
    stop_resume(&stopped);
    resume(source);
    copyroom_release(&s->room);
    if (result == 0)
        describe(s, &stopped);
    stop_release(&stopped);
    return result;
}

static void give_up(struct leaksearch *s)
{
    s->about.method = SEARCH_UNSTOPPED;
    s->about.held_seconds = 0;
    s->about.notes |= s->why.kind == ERROR_MEMORY ? SEARCH_NO_MEMORY : 0;
}

static int take(struct leaksearch *s, const struct leaksearch_source *source, struct error *e)
{
    if (births_copy(&s->births, source->births) != 0) {
        resume(source);
        return error_set(e, ERROR_MEMORY, "out of memory for a search for leaks");
    }
    s->about.seconds = source->seconds;
    s->about.moments = s->births.moments;
    s->about.snapshots = s->births.taken;
    if (segment_own_malloc(source->segment))
        s->about.notes |= SEARCH_OWN_MALLOC;
    if (source->model->attached)
        s->about.notes |= SEARCH_EARLIER_BLOCKS;
    else if (source->model->partial)
        s->about.notes |= SEARCH_PARTIAL_RECORD;
    if (source->model->regions.left_out)
        s->about.notes |= SEARCH_REGIONS_MISSED;
    if (s->births.shift)
        s->about.notes |= SEARCH_AGES_SATURATED;
    if (!source->pid)
        resume(source);
    s->whole_copy = needs_copy(s);
    if (!source->pid || hold_and_read(s, source) != 0)
        give_up(s);
    return s->taken ? 0 : take_live(s, source, e);
}

/* ------------------------------------------------------- what is reachable -- */

static int add_root(struct leakgraph *g, const struct leakroot *root, uint32_t tag, struct error *e)
{
    if (root->kind == ROOT_WEAK)
        return leakgraph_add_weak(g, tag, root->start, root->size, e);
    if (root->size)
        return leakgraph_add_root(g, root->kind, tag, root->start, root->size, e);
    return leakgraph_add_value(g, root->kind, tag, root->start, e);
}

static int add_roots(struct leaksearch *s, struct error *e)
{
    s->root_rows = malloc(((size_t)s->roots.count + 1) * sizeof(*s->root_rows));
    if (!s->root_rows)
        return error_set(e, ERROR_MEMORY, "out of memory for the roots of a search for leaks");
    memset(s->root_rows, 0xff, s->roots.count * sizeof(*s->root_rows));
    for (uint32_t rank = 0; rank < ROOT_RANKS; rank++)
        for (uint32_t i = 0; i < s->roots.count; i++)
            if (root_rank(s->roots.rows[i].kind, s->roots.rows[i].name) == rank &&
                add_root(&s->graph, &s->roots.rows[i], i, e) != 0)
                return -1;
    return 0;
}

static int mark(struct leaksearch *s, struct error *e)
{
    const struct leakgraph_reader reader = heapcopy_reader(&s->copy);

    leakgraph_init(&s->graph, &reader, &s->options.graph);
    if (!s->whole_copy)
        leakgraph_use_words(&s->graph, &s->words);
    if (leaklive_sort(&s->live, &s->graph, e) != 0)
        return -1;
    s->sorted = true;
    if (add_roots(s, e) != 0 || leakgraph_seal(&s->graph, e) != 0)
        return -1;
    return leakgraph_mark(&s->graph, e);
}

static void *mark_ahead(void *argument)
{
    struct leaksearch *s = argument;

    s->marked = mark(s, &s->why);
    return NULL;
}

/* Signals to this process are for its other threads. */
static void begin_marking(struct leaksearch *s)
{
    sigset_t all, before;

    if (!s->rooted || (!s->whole_copy && !s->worded))
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    s->marking = s->ahead = pthread_create(&s->marker, NULL, mark_ahead, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void end_marking(struct leaksearch *s)
{
    if (s->marking)
        pthread_join(s->marker, NULL);
    s->marking = false;
}

/* ------------------------------------------------------------ from outside -- */

struct leaksearch *leaksearch_take(const struct leaksearch_source *source,
                                   const struct leaksearch_question *question, struct error *e)
{
    struct leaksearch *s = calloc(1, sizeof(*s));

    if (!s) {
        resume(source);
        error_set(e, ERROR_MEMORY, "out of memory for a search for leaks");
        return NULL;
    }
    s->question = *question;
    s->options = *source->options;
    s->about.cause = question->cause;
    s->about.signal = question->signal;
    if (take(s, source, e) != 0) {
        leaksearch_release(s);
        return NULL;
    }
    begin_marking(s);
    return s;
}

void leaksearch_release(struct leaksearch *s)
{
    if (!s)
        return;
    end_marking(s);
    births_release(&s->births);
    leaklive_release(&s->live);
    closedpages_release(&s->closed);
    threadnames_release(&s->threads);
    leakgraph_release(&s->graph);
    if (s->rooted)
        leakroots_release(&s->roots);
    if (s->worded)
        keptwords_release(&s->words);
    if (s->copied)
        heapcopy_release(&s->copy);
    free(s->root_rows);
    intern_release(&s->rows);
    free(s);
}

uint64_t leaksearch_memory(struct leaksearch *s)
{
    uint64_t now, peak;

    end_marking(s);
    leakgraph_memory(&s->graph, &now, &peak);
    return now + leaklive_memory(&s->live) + s->copy.memory_size + keptwords_memory(&s->words);
}

/* ----------------------------------------------------------------- finding -- */

static void describe_marked(struct leaksearch *s)
{
    const struct leakgraph_options *o = &s->options.graph;

    s->about.root_bytes = s->roots.bytes;
    s->about.unreadable_bytes += closedpages_bytes(&s->closed, &s->graph, &s->roots);
    /* what the graph could not read beyond that are pages that the program never touched */
    s->about.notes |= s->about.unreadable_bytes ? SEARCH_MEMORY_MISSED : 0;
    s->about.step = o->step;
    s->about.low_tags = o->low_tags;
    s->about.high_tags = o->high_tags;
    s->about.past_end = o->past_end;
    s->about.compressed = o->compressed;
    s->about.compressed_shift = o->compressed_shift;
    s->about.compressed_base = o->compressed_base;
}

/* All that is asked about what was marked. */
static int look_at_marked(struct leaksearch *s, struct error *e)
{
    if (leaksearch_rows(s, e) != 0)
        return -1;
    if ((s->options.retained || s->question.retained) && leaksearch_retain(s, e) != 0)
        return -1;
    leaksearch_sort_rows(s);
    if (leaksearch_keep(s, e) != 0)
        return -1;
    if ((s->options.contents || s->question.contents) && leaksearch_contents(s, e) != 0)
        return -1;
    if ((s->options.duplicates || s->question.duplicates) && leaksearch_duplicates(s, e) != 0)
        return -1;
    s->about.duplicates = s->options.duplicates || s->question.duplicates;
    return 0;
}

/* -1 with `why`: memory ran out, and what is in the part is no good. */
static int find_searched(struct leaksearch *s)
{
    end_marking(s);
    if (!s->ahead)
        s->marked = mark(s, &s->why);
    if (s->marked != 0)
        return -1;
    describe_marked(s);
    return look_at_marked(s, &s->why);
}

/* ------------------------------------------------------ what cannot be known -- */

static const void *no_bytes(void *context, uint64_t address, uint64_t *size)
{
    (void)context;
    (void)address;
    *size = 0;
    return NULL;
}

/* All that is live counts as reachable. */
static int count_unsearched(struct leaksearch *s, struct error *e)
{
    const struct leakgraph_reader nothing = {no_bytes, NULL};

    if (!s->sorted) {
        leakgraph_release(&s->graph);
        leakgraph_init(&s->graph, &nothing, &s->options.graph);
        if (leaklive_sort(&s->live, &s->graph, e) != 0)
            return -1;
    }
    if (leakgraph_mark_all(&s->graph, LEAK_REACHABLE, e) != 0)
        return -1;
    if (leaksearch_rows(s, e) != 0)
        return -1;
    leaksearch_sort_rows(s);
    return 0;
}

/* Everything that was found so far is forgotten. */
static void begin_again(struct leaksearch *s, uint32_t number)
{
    profile_forget_search(s->part);
    s->part->search.number = number;
    s->about.graph = GRAPH_NONE;
    s->about.contents = 0;
    s->about.duplicates = 0;
    intern_release(&s->rows);
    intern_init(&s->rows);
    s->merged = false;
    give_up(s);
}

static string_id text(struct profile *p, const char *words)
{
    uint32_t id = strings_add(&p->strings, words);

    return id == UINT32_MAX ? 0 : id;
}

void leaksearch_explain(struct profile *p)
{
    char words[200] = "it ended in a way that was not seen coming: a system call of its own or "
                      "one that seccomp forbids, perhaps, or an end of the C library's that "
                      "memprof does not know";

    if (!p->search.number || p->search.method != SEARCH_UNSTOPPED || p->search.why)
        return;
    if (p->process.exit_kind == EXIT_SIGNAL)
        snprintf(words, sizeof(words), "it was killed by signal %d before it could be searched",
                 (int)p->process.exit_value);
    else if (p->process.exit_kind == EXIT_EXECUTED)
        snprintf(words, sizeof(words), "it was replaced by another program (exec)");
    p->search.why = text(p, words);
}

int leaksearch_find(struct leaksearch *s, struct profile *part, struct error *e)
{
    uint32_t number = part->search.number;
    bool found = false;

    s->part = part;
    intern_init(&s->rows);
    if (s->rooted && (s->whole_copy || s->worded)) {
        found = find_searched(s) == 0;
        if (!found)
            begin_again(s, number);
    }
    if (!found && count_unsearched(s, e) != 0)
        return -1;
    part->search = s->about;
    part->search.number = number;
    part->search.why = text(part, found ? s->roots.unknown : s->why.text);
    return 0;
}
