/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/profile-build.h"

#include "src/shared/stacktrie.h"

#include <stdlib.h>
#include <string.h>

#define LINES_A_FRAME 64u
#define UNUSED UINT32_MAX

struct builder {
    struct profile *p;
    const struct profile_source *source;
    uint32_t *nodes; /* by trie node: its index in the profile, UNUSED, or WANTED */
    uint32_t node_limit;
    uint32_t *frame_index; /* hash table of frame numbers + 1 */
    uint32_t frame_index_size;
    uint32_t line_room;
    bool failed; /* out of memory */
};
#define WANTED (UINT32_MAX - 1)

static double seconds(const struct builder *b, uint64_t ticks)
{
    return ticks > b->source->origin ? (double)(ticks - b->source->origin) * b->source->tick_seconds
                                     : 0;
}

static string_id text(struct builder *b, const char *s)
{
    uint32_t id = strings_add(&b->p->strings, s);

    if (id != UINT32_MAX)
        return id;
    b->failed = true;
    return 0;
}

static void *array(struct builder *b, size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);

    if (!memory)
        b->failed = true;
    return memory;
}

/* -------------------------------------------------------------- lines -- */

static bool lines_reserve(struct builder *b, uint32_t more)
{
    uint32_t room = b->line_room ? b->line_room : 256;
    struct profile_line *lines;

    while (room < b->p->line_count + more)
        room *= 2;
    if (room == b->line_room)
        return true;
    lines = realloc(b->p->lines, (size_t)room * sizeof(*lines));
    if (!lines) {
        b->failed = true;
        return false;
    }
    b->p->lines = lines;
    b->line_room = room;
    return true;
}

static void add_lines(struct builder *b, struct profile_frame *frame)
{
    struct symbol_line found[LINES_A_FRAME];
    int module = frame->module == NO_MODULE ? (int)-1 : (int)frame->module;
    size_t count = symbolizer_lookup(b->source->modmap->symbolizer, module, frame->value, found,
                                     LINES_A_FRAME);

    if (!lines_reserve(b, (uint32_t)count))
        return;
    frame->first_line = b->p->line_count;
    frame->line_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        b->p->lines[b->p->line_count++] = (struct profile_line){
            .function = text(b, found[i].function),
            .file = text(b, found[i].file),
            .line = found[i].line,
            .flags = found[i].flags,
            .offset = found[i].offset,
        };
}

/* ------------------------------------------------------------- frames -- */

static bool frames_prepare(struct builder *b, uint32_t nodes)
{
    b->frame_index_size = 64;
    while (b->frame_index_size < 2 * (uint64_t)nodes)
        b->frame_index_size *= 2;
    b->frame_index = array(b, b->frame_index_size, sizeof(*b->frame_index));
    b->p->frames = array(b, nodes, sizeof(*b->p->frames));
    return !b->failed;
}

static uint32_t frame_number(struct builder *b, uint64_t value)
{
    uint32_t mask = b->frame_index_size - 1;
    uint32_t i = (uint32_t)((value * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & mask;
    struct profile_frame *frame;

    for (; b->frame_index[i]; i = (i + 1) & mask)
        if (b->p->frames[b->frame_index[i] - 1].value == value)
            return b->frame_index[i] - 1;
    frame = &b->p->frames[b->p->frame_count];
    frame->value = value;
    frame->module = modmap_find(b->source->modmap, value);
    add_lines(b, frame);
    b->frame_index[i] = ++b->p->frame_count;
    return b->p->frame_count - 1;
}

/* -------------------------------------------------------------- nodes -- */

/* Mark what sites use and all that leads there; returns how many nodes that is. */
static uint32_t nodes_mark(struct builder *b)
{
    const struct sites *sites = &b->source->model->sites;
    uint32_t count = STACK_ROOTS;

    for (uint32_t i = 0; i < b->node_limit; i++)
        b->nodes[i] = i < STACK_ROOTS ? i : UNUSED;
    for (uint32_t i = 1; i < sites->count; i++)
        if (sites->sites[i].node >= STACK_ROOTS)
            b->nodes[sites->sites[i].node] = WANTED;
    /* Parents come before children: one pass from the end finds them all. */
    for (uint32_t i = b->node_limit; i-- > STACK_ROOTS;) {
        uint64_t frame;
        uint32_t parent;

        if (b->nodes[i] != WANTED)
            continue;
        if (!stacktrie_read(b->source->segment, i, &frame, &parent)) {
            b->nodes[i] = STACK_ROOT_TRUNCATED;
            b->p->loss.damaged_records++;
            continue;
        }
        count++;
        if (parent >= STACK_ROOTS)
            b->nodes[parent] = WANTED;
    }
    return count;
}

static void node_add(struct builder *b, uint32_t id)
{
    struct profile_node *node = &b->p->nodes[b->p->node_count];
    uint64_t frame;
    uint32_t parent;

    /* It was readable a moment ago; a target that still lives could have changed that. */
    if (!stacktrie_read(b->source->segment, id, &frame, &parent) ||
        b->nodes[parent] >= b->p->node_count) {
        b->nodes[id] = STACK_ROOT_TRUNCATED;
        b->p->loss.damaged_records++;
        return;
    }
    node->parent = b->nodes[parent];
    node->frame = frame_number(b, frame);
    b->nodes[id] = b->p->node_count++;
}

static void build_nodes(struct builder *b)
{
    uint32_t count = nodes_mark(b);

    b->p->nodes = array(b, count, sizeof(*b->p->nodes));
    if (!b->p->nodes || !frames_prepare(b, count))
        return;
    for (; b->p->node_count < STACK_ROOTS; b->p->node_count++)
        b->p->nodes[b->p->node_count] = (struct profile_node){.frame = NO_FRAME};
    for (uint32_t i = STACK_ROOTS; i < b->node_limit && !b->failed; i++)
        if (b->nodes[i] == WANTED)
            node_add(b, i);
}

/* ---------------------------------------------------- what sites count -- */

static void build_site(struct builder *b, const struct site *from)
{
    struct profile_site *to = &b->p->sites[b->p->site_count++];

    to->node = b->nodes[from->node];
    to->thread = from->thread;
    to->domain = from->domain;
    to->first_seconds = seconds(b, from->first_time);
    to->last_seconds = seconds(b, from->last_time);
    to->stats = (struct profile_stats){
        .live_bytes = from->live_bytes,
        .live_blocks = from->live_blocks,
        .peak_bytes = from->peak_bytes,
        .peak_blocks = from->peak_blocks,
        .total_bytes = from->total_bytes,
        .total_blocks = from->total_blocks,
        .temporary_bytes = from->temporary_bytes,
        .temporary_blocks = from->temporary_blocks,
        .smallest = from->smallest,
        .largest = from->largest,
    };
}

static void build_sites(struct builder *b)
{
    const struct sites *sites = &b->source->model->sites;

    b->p->sites = array(b, sites->count, sizeof(*b->p->sites));
    if (b->failed)
        return;
    for (uint32_t i = 1; i < sites->count; i++)
        if (sites->sites[i].total_blocks)
            build_site(b, &sites->sites[i]);
}

static void build_threads(struct builder *b)
{
    const struct threads *threads = &b->source->model->threads;

    b->p->threads = array(b, threads->count, sizeof(*b->p->threads));
    if (b->failed)
        return;
    b->p->thread_count = threads->count;
    for (uint32_t i = 0; i < threads->count; i++) {
        b->p->threads[i].tid = threads->rows[i].tid;
        b->p->threads[i].name = text(b, threads->rows[i].name);
    }
}

static void build_modules(struct builder *b)
{
    const struct modmap *map = b->source->modmap;

    b->p->modules = array(b, map->count, sizeof(*b->p->modules));
    if (b->failed)
        return;
    b->p->module_count = map->count;
    for (uint32_t i = 0; i < map->count; i++) {
        b->p->modules[i] = map->modules[i].module;
        b->p->modules[i].path = text(b, map->modules[i].path);
    }
}

static void build_samples(struct builder *b)
{
    const struct timeline *line = &b->source->model->timeline;

    b->p->samples = array(b, line->count, sizeof(*b->p->samples));
    if (b->failed)
        return;
    b->p->sample_count = line->count;
    for (uint32_t i = 0; i < line->count; i++)
        b->p->samples[i] = (struct profile_sample){
            .seconds = seconds(b, line->samples[i].time),
            .live_bytes = line->samples[i].live_bytes,
            .live_blocks = line->samples[i].live_blocks,
            .rss_bytes = line->samples[i].rss_bytes,
        };
}

static void build_totals(struct builder *b)
{
    const struct model *m = b->source->model;
    const struct model_totals *heap = &m->totals[DOMAIN_HEAP];
    const struct model_totals *mapped = &m->totals[DOMAIN_MMAP];

    b->p->totals = (struct profile_totals){
        .live_bytes = heap->live_bytes,
        .live_blocks = heap->live_blocks,
        .peak_bytes = heap->peak_bytes,
        .peak_blocks = heap->peak_blocks,
        .peak_seconds = seconds(b, heap->peak_time),
        .total_bytes = heap->total_bytes,
        .total_blocks = heap->total_blocks,
        .freed_bytes = heap->total_bytes - heap->live_bytes,
        .freed_blocks = heap->total_blocks - heap->live_blocks,
        .temporary_bytes = heap->temporary_bytes,
        .temporary_blocks = heap->temporary_blocks,
        .failed_blocks = m->failed_blocks,
        .mmap_live_bytes = mapped->live_bytes,
        .mmap_peak_bytes = mapped->peak_bytes,
        .mmap_total_bytes = mapped->total_bytes,
        .rss_peak_bytes = m->rss_peak_bytes,
    };
}

/* ---------------------------------------------------------------- losses -- */

static uint64_t counter(const _Atomic uint64_t *c)
{
    /* relaxed: the process is gone */
    return atomic_load_explicit(c, memory_order_relaxed);
}

/* Events that threads could not record, over all slots ever used. */
static uint64_t slots_unrecorded(const struct segment *s)
{
    uint32_t used = atomic_load_explicit(&segment_header(s)->slots_used, memory_order_relaxed);
    uint64_t sum = 0;

    for (uint32_t i = 0; i < used && i < s->layout.slots_max; i++)
        sum += counter(&segment_slot(s, i)->unrecorded);
    return sum;
}

/* Allocations whose stack has frames but not its outermost ones. */
static uint64_t truncated_blocks(struct builder *b)
{
    const struct profile *p = b->p;
    uint32_t *roots = array(b, p->node_count, sizeof(*roots));
    uint64_t blocks = 0;

    if (!roots)
        return 0;
    for (uint32_t i = 0; i < p->node_count; i++) /* parents come first */
        roots[i] = i < STACK_ROOTS ? i : roots[p->nodes[i].parent];
    for (uint32_t i = 0; i < p->site_count; i++)
        if (p->sites[i].node >= STACK_ROOTS && roots[p->sites[i].node] == STACK_ROOT_TRUNCATED)
            blocks += p->sites[i].stats.total_blocks;
    free(roots);
    return blocks;
}

static void build_loss(struct builder *b)
{
    const struct segment_header *h = segment_header(b->source->segment);
    const struct model *m = b->source->model;
    struct profile_loss *loss = &b->p->loss;

    loss->dropped =
        slots_unrecorded(b->source->segment) + counter(&h->slotless_unrecorded) + m->events_lost;
    loss->bootstrap_blocks = counter(&h->bootstrap_allocations);
    loss->bootstrap_bytes = counter(&h->bootstrap_bytes);
    loss->nested_blocks = counter(&h->nested_unrecorded);
    loss->unknown_frees = m->unknown_frees;
    loss->replaced_blocks = m->replaced_blocks;
    loss->stacks_truncated = truncated_blocks(b);
    loss->stacks_lost = counter(&h->stacks_lost);
    loss->modules_lost = counter(&h->modules_lost);
    loss->damaged_records += m->damaged_records;
    loss->forked_children = atomic_load_explicit(&h->forked_children, memory_order_relaxed);
    loss->verified = counter(&h->verified);
    loss->verify_mismatch = counter(&h->verify_mismatch);
    loss->verify_skipped = counter(&h->verify_skipped);
    loss->slow_steps = counter(&h->slow_steps);
    b->p->incomplete = m->events_lost != 0 || b->source->modmap->failed;
}

/* Beyond the largest node that a site uses there is nothing to look at. */
static uint32_t node_limit(const struct sites *sites)
{
    uint32_t limit = STACK_ROOTS;

    for (uint32_t i = 1; i < sites->count; i++)
        if (sites->sites[i].node >= limit)
            limit = sites->sites[i].node + 1;
    return limit;
}

int profile_build(struct profile *p, const struct profile_source *source, struct error *e)
{
    struct builder b = {.p = p, .source = source};

    b.node_limit = node_limit(&source->model->sites);
    b.nodes = array(&b, b.node_limit, sizeof(*b.nodes));
    if (b.nodes) {
        build_nodes(&b);
        build_sites(&b);
        build_threads(&b);
        build_modules(&b);
        build_samples(&b);
        build_totals(&b);
        build_loss(&b);
    }
    free(b.nodes);
    free(b.frame_index);
    return b.failed ? error_set(e, ERROR_MEMORY, "out of memory while building the profile") : 0;
}
