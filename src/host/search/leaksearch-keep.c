// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/leaksearch-parts.h"

#include "src/host/memory/growing.h"
#include "src/host/search/pointersort.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Of a graph that is not kept whole: */
#define PART_BLOCKS 20000u     /* in all */
#define LOST_BLOCKS 1000u      /* below one lost block */
#define NEIGHBOURS 1000u       /* referrers, and referents, of the block that is asked about */
#define CHAINS 64u             /* from roots to possibly lost blocks, each a search of its own, */
#define CHAIN_BYTES (1u << 30) /* while no more memory than this is read for them */

#define WORTH_A_THREAD (1u << 16) /* words that were kept of memory */

/* ------------------------------------------------------------------- roots -- */

static string_id text(struct profile *p, const char *words)
{
    uint32_t id = words ? strings_add(&p->strings, words) : 0;

    return id == UINT32_MAX ? 0 : id;
}

static string_id thread_name(const struct leaksearch *s, uint32_t tid)
{
    struct profile *p = s->part;

    for (uint32_t i = p->thread_count; tid && i > 0; i--)
        if (p->threads[i - 1].tid == (int64_t)tid && p->threads[i - 1].name)
            return p->threads[i - 1].name;
    return tid ? text(p, threadnames_find(&s->threads, tid)) : 0;
}

uint32_t leaksearch_root(struct leaksearch *s, uint32_t tag)
{
    const struct leakroot *root = &s->roots.rows[tag];
    struct profile *p = s->part;

    if (s->root_rows[tag] != NO_ROW)
        return s->root_rows[tag];
    if (!growing_reserve(&p->roots, p->root_count, sizeof(*p->roots)))
        return NO_ROW;
    p->roots[p->root_count] = (struct profile_root){.start = root->start,
                                                    .size = root->size,
                                                    .kind = root->kind,
                                                    .tid = root->tid,
                                                    .name = text(p, root->name),
                                                    .thread = thread_name(s, root->tid)};
    s->root_rows[tag] = p->root_count;
    return p->root_count++;
}

/* ----------------------------------------------------------------- choosing -- */

struct keep {
    struct leaksearch *s;
    struct leakgraph *graph;
    uint64_t *chosen; /* a bit for each block; NULL: all are */
    uint32_t count;   /* of those */
    uint32_t neighbours;
    uint32_t *seen[2]; /* by block: the last, from 1, that referred to it, by a start or inside */
    uint32_t *queue;   /* of choose_lost */
    uint32_t head, tail;
    struct profile *to; /* where pointers and exceptions go: the part, or a second thread's own */
    uint64_t left_out;  /* pointers that were repeated */
    bool failed;        /* out of memory */
};

static bool is_chosen(const struct keep *k, uint32_t block)
{
    return !k->chosen || (k->chosen[block / 64] >> block % 64 & 1);
}

static bool choose(struct keep *k, uint32_t block)
{
    if (is_chosen(k, block) || k->count >= PART_BLOCKS)
        return false;
    k->chosen[block / 64] |= UINT64_C(1) << block % 64;
    k->count++;
    return true;
}

/* ------------------------------------------------------------ what is kept -- */

static void add_pointer(struct keep *k, uint64_t address, const struct leakgraph_reference *r)
{
    struct profile *p = k->to;
    uint64_t value = k->graph->blocks[r->to].address + r->into;

    if (!growing_reserve(&p->pointers, p->pointer_count, sizeof(*p->pointers))) {
        k->failed = true;
        return;
    }
    p->pointers[p->pointer_count++] = (struct profile_pointer){.address = address, .value = value};
    if (r->pointer != POINTER_HEURISTIC)
        return;
    if (growing_reserve(&p->exceptions, p->exception_count, sizeof(*p->exceptions)))
        p->exceptions[p->exception_count++] = (struct profile_exception){.address = value};
    else
        k->failed = true;
}

static void add_from_root(struct keep *k, const struct leakgraph_reference *r)
{
    const struct leakgraph_root *root =
        r->kind == ROOT_WEAK ? &k->graph->weak[r->root] : &k->graph->roots[r->root];

    if (leaksearch_root(k->s, root->tag) == NO_ROW)
        k->failed = true;
    else if (root->size) /* a register's value is all there is to say */
        add_pointer(k, root->start + r->offset, r);
}

/* Tables and arenas may refer to a block a thousand times. */
static bool is_repeated(struct keep *k, const struct leakgraph_reference *r)
{
    uint32_t *seen = &k->seen[r->pointer == POINTER_INTERIOR][r->to];

    if (*seen == r->from + 1) {
        k->left_out++;
        return true;
    }
    *seen = r->from + 1;
    return false;
}

static bool add_reference(void *context, const struct leakgraph_reference *r)
{
    struct keep *k = context;

    if (r->from == LEAKGRAPH_NONE)
        add_from_root(k, r);
    else if (is_chosen(k, r->to) && !is_repeated(k, r))
        add_pointer(k, k->graph->blocks[r->from].address + r->offset, r);
    return !k->failed;
}

static int by_value(const void *x, const void *y)
{
    const struct profile_exception *a = x, *b = y;

    return a->address < b->address ? -1 : a->address > b->address;
}

/* Ranges of two roots may overlap, and a chain meets what was there before. */
static void sort_pointers(struct profile *p)
{
    uint32_t kept = 0;

    pointers_sort(p->pointers, p->pointer_count);
    for (uint32_t i = 0; i < p->pointer_count; i++)
        if (!kept || p->pointers[kept - 1].address != p->pointers[i].address)
            p->pointers[kept++] = p->pointers[i];
    p->pointer_count = kept;
}

static void sort_exceptions(struct profile *p)
{
    uint32_t kept = 0;

    if (p->exception_count)
        qsort(p->exceptions, p->exception_count, sizeof(*p->exceptions), by_value);
    for (uint32_t i = 0; i < p->exception_count; i++)
        if (!kept || p->exceptions[kept - 1].address != p->exceptions[i].address)
            p->exceptions[kept++] = p->exceptions[i];
    p->exception_count = kept;
}

/* By block: the number of its cycle, from 1.  NULL if there are none, or `failed`. */
static uint32_t *number_cycles(struct keep *k)
{
    const struct leakgraph *g = k->graph;
    uint32_t *cycle_of;

    if (!g->cycle_count)
        return NULL;
    cycle_of = calloc(g->count, sizeof(*cycle_of));
    k->failed |= !cycle_of;
    for (uint32_t c = 0; cycle_of && c < g->cycle_count; c++)
        for (uint32_t i = 0; i < g->cycles[c].count; i++)
            cycle_of[g->cycle_blocks[g->cycles[c].first + i]] = c + 1;
    return cycle_of;
}

static void keep_blocks(struct keep *k)
{
    const struct leakgraph *g = k->graph;
    struct leaksearch *s = k->s;
    struct profile *p = s->part;
    uint32_t *cycle_of = number_cycles(k);

    p->blocks = calloc((size_t)(k->chosen ? k->count : g->count) + 1, sizeof(*p->blocks));
    k->failed |= !p->blocks;
    for (uint32_t i = 0; i < g->count && !k->failed; i++)
        if (is_chosen(k, i))
            p->blocks[p->block_count++] = (struct profile_block){
                .address = g->blocks[i].address,
                .size = leakgraph_size(g, i),
                .retained = g->retained ? g->retained[i] : 0,
                .site = leaklive_site(g, i),
                .kind = leakgraph_kind(g, i),
                .age = births_age(&s->births, leaklive_birth(g, i)),
                .survived = births_survived(&s->births, leaklive_birth(g, i)),
                .cycle = cycle_of ? cycle_of[i] : 0,
            };
    free(cycle_of);
}

/* -------------------------------------------------------------------- a part -- */

static bool choose_lower(void *context, const struct leakgraph_reference *r)
{
    struct keep *k = context;

    if (leakgraph_kind(k->graph, r->to) == LEAK_INDIRECT && k->tail < LOST_BLOCKS &&
        choose(k, r->to))
        k->queue[k->tail++] = r->to;
    return k->tail < LOST_BLOCKS;
}

/* A lost block and what is lost below it, the nearest first. */
static void choose_lost(struct keep *k, uint32_t block)
{
    k->head = 0;
    k->tail = 1;
    k->queue[0] = block;
    choose(k, block);
    while (k->head < k->tail && k->tail < LOST_BLOCKS)
        leakgraph_referents(k->graph, k->queue[k->head++], choose_lower, k);
}

/* The chain that holds a block, from its root or lost block on. */
static void choose_chain(struct keep *k, uint32_t block)
{
    struct leakgraph_path path;

    choose(k, block);
    if (leakgraph_why(k->graph, block, &path, NULL) != 0) {
        k->failed = true;
        return;
    }
    for (uint32_t i = 0; i < path.count; i++) {
        const struct leakgraph_reference *r = &path.steps[i];

        if (r->from == LEAKGRAPH_NONE)
            add_from_root(k, r);
        else
            choose(k, r->from);
    }
    leakgraph_path_release(&path);
}

static bool choose_referrer(void *context, const struct leakgraph_reference *r)
{
    struct keep *k = context;

    if (r->from == LEAKGRAPH_NONE)
        add_from_root(k, r);
    else
        choose(k, r->from);
    return ++k->neighbours < NEIGHBOURS && !k->failed;
}

static bool choose_referent(void *context, const struct leakgraph_reference *r)
{
    struct keep *k = context;

    choose(k, r->to);
    return ++k->neighbours < NEIGHBOURS;
}

static void choose_asked(struct keep *k, uint64_t address)
{
    uint32_t block = leakgraph_find(k->graph, address);

    if (block == LEAKGRAPH_NONE)
        return;
    choose_chain(k, block);
    k->neighbours = 0;
    leakgraph_referrers(k->graph, block, choose_referrer, k);
    k->neighbours = 0;
    leakgraph_referents(k->graph, block, choose_referent, k);
}

/* The example of each row: of lost ones with what is below, of the others with its chain. */
static void choose_examples(struct keep *k)
{
    const struct profile *p = k->s->part;
    uint64_t bytes = (k->s->whole_copy ? k->s->copy.bytes : k->s->words.bytes) + 1;
    uint32_t chains = CHAIN_BYTES / bytes < CHAINS ? (uint32_t)(CHAIN_BYTES / bytes) : CHAINS;

    for (uint32_t i = p->leak_count; i > 0 && !k->failed; i--) {
        const struct profile_leak *row = &p->leaks[i - 1];

        if (row->kind == LEAK_REACHABLE || row->kind == LEAK_INDIRECT)
            continue;
        if (row->kind == LEAK_DEFINITE)
            choose_lost(k, leakgraph_find(k->graph, row->example));
    }
    for (uint32_t i = 0; i < p->leak_count && chains && !k->failed; i++) {
        const struct profile_leak *row = &p->leaks[i];

        if (row->kind != LEAK_POSSIBLE && row->kind != LEAK_WEAK)
            continue;
        choose_chain(k, leakgraph_find(k->graph, row->example));
        chains--;
    }
}

static void choose_part(struct keep *k)
{
    k->chosen = calloc((size_t)k->graph->count / 64 + 1, sizeof(*k->chosen));
    k->queue = calloc(LOST_BLOCKS + 1, sizeof(*k->queue));
    k->failed = !k->chosen || !k->queue;
    if (!k->failed && k->s->question.address)
        choose_asked(k, k->s->question.address);
    if (!k->failed)
        choose_examples(k);
    for (uint32_t i = 0; i < k->graph->count && !k->failed; i++)
        if (is_chosen(k, i))
            leakgraph_referents(k->graph, i, add_reference, k);
}

/* --------------------------------------------------------------- all of it -- */

static void keep_init(struct keep *k, struct leaksearch *s, struct profile *to)
{
    *k = (struct keep){.s = s, .graph = &s->graph, .to = to};
    for (unsigned i = 0; i < 2; i++) {
        k->seen[i] = calloc((size_t)s->graph.count + 1, sizeof(*k->seen[i]));
        k->failed |= !k->seen[i];
    }
}

static void keep_release(struct keep *k)
{
    free(k->chosen);
    free(k->queue);
    free(k->seen[0]);
    free(k->seen[1]);
}

static void keep_range(struct keep *k, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end && !k->failed; i++)
        leakgraph_referents(k->graph, i, add_reference, k);
}

/* The second half of the blocks. */
struct second {
    struct keep k;
    struct profile to; /* pointers and exceptions only */
};

static void *keep_second(void *argument)
{
    struct second *second = argument;

    keep_range(&second->k, second->k.graph->count / 2, second->k.graph->count);
    return NULL;
}

/* Signals to this process are for its other threads. */
static bool second_start(struct second *second, struct leaksearch *s, pthread_t *thread)
{
    sigset_t all, before;
    bool started;

    keep_init(&second->k, s, &second->to);
    if (second->k.failed) {
        keep_release(&second->k);
        return false;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(thread, NULL, keep_second, second) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started)
        keep_release(&second->k);
    return started;
}

/* Append `more` rows to an array; false: out of memory. */
static bool append(void *array, uint32_t *count, const void *rows, uint32_t more, size_t size)
{
    void **place = array, *grown;

    if (!more)
        return true;
    grown = more > UINT32_MAX - *count ? NULL : reallocarray(*place, *count + more, size);
    if (!grown)
        return false;
    memcpy((char *)grown + *count * size, rows, more * size);
    *place = grown;
    *count += more;
    return true;
}

static void take_second(struct keep *k, struct second *second)
{
    struct profile *p = k->to, *from = &second->to;

    k->left_out += second->k.left_out;
    k->failed |= second->k.failed ||
                 !append(&p->pointers, &p->pointer_count, from->pointers, from->pointer_count,
                         sizeof(*p->pointers)) ||
                 !append(&p->exceptions, &p->exception_count, from->exceptions,
                         from->exception_count, sizeof(*p->exceptions));
    free(from->pointers);
    free(from->exceptions);
    keep_release(&second->k);
}

static bool is_much(const struct leakgraph *g)
{
    uint64_t words = 0;

    for (uint32_t i = 0; g->words && i < KEPTWORDS_PARTS; i++)
        words += g->words->parts[i].count;
    return words >= WORTH_A_THREAD;
}

/* By two threads where it is much: the words that were kept can be read by several. */
static void keep_whole(struct keep *k)
{
    struct leakgraph *g = k->graph;
    struct second second = {.to.pointers = NULL};
    pthread_t thread;
    bool apart = is_much(g) && second_start(&second, k->s, &thread);

    leakgraph_root_references(g, add_reference, k);
    keep_range(k, 0, apart ? g->count / 2 : g->count);
    if (!apart)
        return;
    pthread_join(thread, NULL);
    take_second(k, &second);
}

int leaksearch_keep(struct leaksearch *s, struct error *e)
{
    struct keep k;
    bool whole = s->question.whole_graph || s->graph.count <= s->options.graph_blocks;

    keep_init(&k, s, s->part);
    if (k.failed)
        whole = false;
    else if (whole)
        keep_whole(&k);
    else
        choose_part(&k);
    if (!k.failed)
        keep_blocks(&k);
    s->about.pointers_left_out += k.left_out;
    sort_pointers(s->part);
    sort_exceptions(s->part);
    keep_release(&k);
    if (k.failed)
        return error_set(e, ERROR_MEMORY, "out of memory for the graph of a search for leaks");
    s->about.graph = whole ? GRAPH_WHOLE : GRAPH_PART;
    return 0;
}
