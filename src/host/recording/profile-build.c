/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/recording/profile-build.h"

#include "src/host/memory/growing.h"
#include "src/host/memory/ownmemory.h"

#include <stdlib.h>
#include <string.h>

/* What all the steps of one checkpoint share. */
struct making {
    struct profile_builder *b;
    const struct builder_moment *moment;
    struct checkpoint *c;
    uint64_t truncated_blocks;
    bool failed; /* out of memory */
};

static double seconds(uint64_t origin, double tick_seconds, uint64_t ticks)
{
    return ticks > origin ? (double)(ticks - origin) * tick_seconds : 0;
}

static double seconds_of(const struct making *m, uint64_t ticks)
{
    return seconds(m->b->source.origin, m->moment->tick_seconds, ticks);
}

static string_id text(struct making *m, const char *s)
{
    uint32_t id = strings_add(&m->c->part.strings, s);

    if (id != UINT32_MAX)
        return id;
    m->failed = true;
    return 0;
}

static void *array(struct making *m, size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);

    if (!memory)
        m->failed = true;
    return memory;
}

/* --------------------------------------------------------------- set-up -- */

int profile_builder_init(struct profile_builder *b, const struct builder_source *source,
                         struct error *e)
{
    memset(b, 0, sizeof(*b));
    b->source = *source;
    stack_numbers_init(&b->stacks, source->segment, source->modmap);
    return b->stacks.failed ? error_set(e, ERROR_MEMORY, "out of memory for the profile") : 0;
}

void profile_builder_release(struct profile_builder *b)
{
    stack_numbers_release(&b->stacks);
    free(b->shadow);
    free(b->truncated);
    memset(b, 0, sizeof(*b));
}

/* ---------------------------------------------------------------- sites -- */

static bool shadow_reserve(struct profile_builder *b, uint32_t count)
{
    uint32_t room = b->room ? b->room : 256;
    struct profile_stats *shadow;
    uint8_t *truncated;

    while (room < count)
        room *= 2;
    if (room == b->room)
        return true;
    shadow = reallocarray(b->shadow, room, sizeof(*shadow));
    if (shadow)
        b->shadow = shadow;
    truncated = realloc(b->truncated, room);
    if (truncated)
        b->truncated = truncated;
    if (!shadow || !truncated)
        return false;
    b->room = room;
    return true;
}

/* Sites that the model has gained; profile and model count them alike, from 0 and from 1. */
static void make_sites(struct making *m)
{
    const struct sites *sites = &m->b->source.model->sites;
    struct profile_builder *b = m->b;
    struct profile *part = &m->c->part;
    uint32_t count = sites->count ? sites->count - 1 : 0;

    part->sites = array(m, count - b->site_count, sizeof(*part->sites));
    if (m->failed || !shadow_reserve(b, count)) {
        m->failed = true;
        return;
    }
    for (; b->site_count < count; b->site_count++) {
        const struct site *from = &sites->sites[b->site_count + 1];
        uint32_t node = stack_numbers_node(&b->stacks, part, from->node);

        if (b->stacks.failed)
            return;
        part->sites[part->site_count++] =
            (struct profile_site){.node = node,
                                  .thread = from->thread,
                                  .domain = from->domain,
                                  .first_seconds = seconds_of(m, from->first_time)};
        b->shadow[b->site_count] = (struct profile_stats){.smallest = UINT64_MAX};
        b->truncated[b->site_count] =
            node >= STACK_ROOTS && b->stacks.roots[node] == STACK_ROOT_TRUNCATED;
    }
}

/*
 * The site's numbers as they are.  Where it has not changed since the current
 * peak, its peak is what is live (see model.c).
 */
static struct profile_stats stats_of(const struct profile_builder *b, const struct site *s)
{
    bool settled = s->epoch == model_domain_totals(b->source.model, s->domain)->epoch;

    return (struct profile_stats){
        .live_bytes = s->live_bytes,
        .live_blocks = s->live_blocks,
        .peak_bytes = !b->source.peak ? 0
                      : settled       ? s->peak_bytes
                                      : s->live_bytes,
        .peak_blocks = !b->source.peak ? 0
                       : settled       ? s->peak_blocks
                                       : s->live_blocks,
        .total_bytes = s->total_bytes,
        .total_blocks = s->total_blocks,
        .temporary_bytes = s->temporary_bytes,
        .temporary_blocks = s->temporary_blocks,
        .smallest = s->smallest,
        .largest = s->largest,
    };
}

static struct profile_stats difference(const struct profile_stats *now,
                                       const struct profile_stats *before)
{
    return (struct profile_stats){
        .live_bytes = now->live_bytes - before->live_bytes,
        .live_blocks = now->live_blocks - before->live_blocks,
        .peak_bytes = now->peak_bytes - before->peak_bytes,
        .peak_blocks = now->peak_blocks - before->peak_blocks,
        .total_bytes = now->total_bytes - before->total_bytes,
        .total_blocks = now->total_blocks - before->total_blocks,
        .temporary_bytes = now->temporary_bytes - before->temporary_bytes,
        .temporary_blocks = now->temporary_blocks - before->temporary_blocks,
        .smallest = now->smallest - before->smallest,
        .largest = now->largest - before->largest,
    };
}

static void make_changes(struct making *m)
{
    struct profile_builder *b = m->b;
    struct checkpoint *c = m->c;

    for (uint32_t i = 0; i < b->site_count; i++) {
        const struct site *site = &b->source.model->sites.sites[i + 1];
        struct profile_stats now = stats_of(b, site);

        if (b->truncated[i])
            m->truncated_blocks += now.total_blocks;
        if (memcmp(&now, &b->shadow[i], sizeof(now)) == 0)
            continue;
        if (!growing_reserve(&c->changes, c->change_count, sizeof(*c->changes))) {
            m->failed = true;
            return;
        }
        c->changes[c->change_count++] =
            (struct profile_change){.site = i, .stats = difference(&now, &b->shadow[i])};
        b->shadow[i] = now;
    }
}

/* ---------------------------------------------- tables that come as a whole -- */

static void make_threads(struct making *m)
{
    const struct threads *threads = &m->b->source.model->threads;
    struct profile *part = &m->c->part;

    part->threads = array(m, threads->count, sizeof(*part->threads));
    if (m->failed)
        return;
    part->thread_count = threads->count;
    for (uint32_t i = 0; i < threads->count; i++) {
        part->threads[i].tid = threads->rows[i].tid;
        part->threads[i].name = text(m, threads->rows[i].name);
    }
}

static void make_modules(struct making *m)
{
    const struct modmap *map = m->b->source.modmap;
    struct profile *part = &m->c->part;

    part->modules = array(m, map->count, sizeof(*part->modules));
    if (m->failed)
        return;
    part->module_count = map->count;
    for (uint32_t i = 0; i < map->count; i++) {
        part->modules[i] = map->modules[i].module;
        part->modules[i].path = text(m, map->modules[i].path);
    }
}

static void make_samples(struct making *m)
{
    const struct timeline *line = &m->b->source.model->timeline;
    struct profile *part = &m->c->part;

    part->samples = array(m, line->count, sizeof(*part->samples));
    if (m->failed)
        return;
    part->sample_count = line->count;
    for (uint32_t i = 0; i < line->count; i++)
        part->samples[i] = (struct profile_sample){
            .seconds = seconds_of(m, line->samples[i].time),
            .live_bytes = line->samples[i].live_bytes,
            .live_blocks = line->samples[i].live_blocks,
            .rss_bytes = line->samples[i].rss_bytes,
        };
}

static void make_domains(struct making *m)
{
    const struct model *model = m->b->source.model;
    struct profile *part = &m->c->part;
    uint32_t count = model_domain_count(model);

    part->domains = array(m, count, sizeof(*part->domains));
    if (m->failed)
        return;
    part->domain_count = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct model_totals *t = model_domain_totals(model, i);

        part->domains[i] = (struct profile_domain){.live_bytes = t->live_bytes,
                                                   .live_blocks = t->live_blocks,
                                                   .peak_bytes = t->peak_bytes,
                                                   .peak_blocks = t->peak_blocks,
                                                   .total_bytes = t->total_bytes,
                                                   .total_blocks = t->total_blocks,
                                                   .name = text(m, model_domain_name(model, i))};
    }
}

/*
 * Marks that came since the last checkpoint are not earlier than it, whatever
 * the clock's rate, better known by now, makes of their times.
 */
static void make_marks(struct making *m)
{
    const struct marks *marks = &m->b->source.model->marks;
    struct profile *part = &m->c->part;
    uint32_t first = m->b->mark_count;

    part->marks = array(m, marks->count - first, sizeof(*part->marks));
    if (m->failed)
        return;
    for (uint32_t i = first; i < marks->count; i++) {
        const struct mark *from = &marks->rows[i];

        double when = seconds_of(m, from->time);

        part->marks[part->mark_count++] =
            (struct profile_mark){.seconds = when > m->b->seconds ? when : m->b->seconds,
                                  .live_bytes = from->live_bytes,
                                  .live_blocks = from->live_blocks,
                                  .label = text(m, strings_get(&marks->labels, from->label)),
                                  .thread = from->thread};
    }
    m->b->mark_count = marks->count;
}

static struct profile_fault fault_row(struct making *m, const struct fault *from)
{
    struct stack_numbers *stacks = &m->b->stacks;
    struct profile *part = &m->c->part;

    return (struct profile_fault){
        .seconds = seconds_of(m, from->time),
        .address = from->address,
        .size = from->size,
        .value = from->value,
        .kind = from->kind,
        .found = from->found,
        .allocated_node = stack_numbers_node(stacks, part, from->allocated_at),
        .freed_node = stack_numbers_node(stacks, part, from->freed_at),
        .noticed_node = stack_numbers_node(stacks, part, from->noticed_at),
        .thread = from->thread,
    };
}

/* Faults that came since the last checkpoint. */
static void make_faults(struct making *m)
{
    const struct faults *faults = &m->b->source.model->faults;
    struct profile *part = &m->c->part;
    uint32_t first = m->b->fault_count;

    part->faults = array(m, faults->count - first, sizeof(*part->faults));
    if (m->failed)
        return;
    for (uint32_t i = first; i < faults->count; i++)
        part->faults[part->fault_count++] = fault_row(m, &faults->rows[i]);
    m->b->fault_count = faults->count;
}

/* ---------------------------------------------------------------- totals -- */

static uint64_t own_target_bytes(const struct segment *s, int fd)
{
    /* relaxed: a statistic */
    return fd > 0
               ? ownmemory_segment_bytes(fd) +
                     atomic_load_explicit(&segment_header(s)->private_bytes, memory_order_relaxed)
               : 0;
}

static void make_totals(struct making *m)
{
    const struct model *model = m->b->source.model;
    const struct model_totals *heap = model_domain_totals(model, DOMAIN_HEAP);
    const struct model_totals *mapped = model_domain_totals(model, DOMAIN_MMAP);
    const struct model_totals *ignored = model_domain_totals(model, DOMAIN_IGNORED);
    uint64_t own_host;

    own_host = ownmemory_bytes_lately();
    if (own_host > m->b->own_host_bytes)
        m->b->own_host_bytes = own_host;
    m->c->part.totals = (struct profile_totals){
        .live_bytes = heap->live_bytes,
        .live_blocks = heap->live_blocks,
        .peak_bytes = heap->peak_bytes,
        .peak_blocks = heap->peak_blocks,
        .peak_seconds = seconds_of(m, heap->peak_time),
        .total_bytes = heap->total_bytes,
        .total_blocks = heap->total_blocks,
        .freed_bytes = heap->total_bytes - heap->live_bytes - ignored->live_bytes,
        .freed_blocks = heap->total_blocks - heap->live_blocks - ignored->live_blocks,
        .temporary_bytes = heap->temporary_bytes,
        .temporary_blocks = heap->temporary_blocks,
        .failed_blocks = model->failed_blocks,
        .mmap_live_bytes = mapped->live_bytes,
        .mmap_peak_bytes = mapped->peak_bytes,
        .mmap_total_bytes = mapped->total_bytes,
        .rss_peak_bytes = model->rss_peak_bytes,
        .own_target_bytes = own_target_bytes(m->b->source.segment, m->b->source.segment_fd),
        .own_host_bytes = m->b->own_host_bytes,
    };
}

static void make_moment(struct making *m)
{
    const struct profile_totals *t = &m->c->part.totals;
    struct profile_moment *row = array(m, 1, sizeof(*row));
    double now = seconds_of(m, m->moment->time);

    if (!row)
        return;
    /* The clock's rate is known better and better: a later moment could seem to be earlier. */
    if (now < m->b->seconds)
        now = m->b->seconds;
    m->b->seconds = now;
    *row = (struct profile_moment){
        .seconds = now,
        .live_bytes = t->live_bytes,
        .live_blocks = t->live_blocks,
        .peak_bytes = t->peak_bytes,
        .peak_blocks = t->peak_blocks,
        .total_bytes = t->total_bytes,
        .total_blocks = t->total_blocks,
        .temporary_bytes = t->temporary_bytes,
        .temporary_blocks = t->temporary_blocks,
        .mmap_live_bytes = t->mmap_live_bytes,
        .rss_bytes = m->b->source.model->rss_bytes,
        .label = m->moment->label ? text(m, m->moment->label) : 0,
        .kind = m->moment->kind,
        .cause = m->moment->cause,
        .number = m->moment->number,
    };
    m->c->part.moments = row;
    m->c->part.moment_count = 1;
}

/* ---------------------------------------------------------------- losses -- */

static uint64_t counter(const _Atomic uint64_t *c)
{
    /* relaxed: a number of its own, complete once the process is gone */
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

static void make_loss(struct making *m)
{
    const struct segment *segment = m->b->source.segment;
    const struct segment_header *h = segment_header(segment);
    const struct model *model = m->b->source.model;

    m->c->part.loss = (struct profile_loss){
        .dropped =
            slots_unrecorded(segment) + counter(&h->slotless_unrecorded) + model->events_lost,
        .bootstrap_blocks = counter(&h->bootstrap_allocations),
        .bootstrap_bytes = counter(&h->bootstrap_bytes),
        .nested_blocks = counter(&h->nested_unrecorded),
        .unknown_frees = model->unknown_frees,
        .earlier_frees = model->attached ? model->untracked_frees : 0,
        .imports_missed = atomic_load_explicit(&h->imports_missed, memory_order_relaxed),
        .replaced_blocks = model->replaced_blocks,
        .stacks_truncated = m->truncated_blocks,
        .stacks_lost = counter(&h->stacks_lost),
        .modules_lost = counter(&h->modules_lost),
        .damaged_records = model->damaged_records + m->b->stacks.damaged,
        .forked_children = atomic_load_explicit(&h->unfollowed, memory_order_relaxed),
        .verified = counter(&h->verified),
        .verify_mismatch = counter(&h->verify_mismatch),
        .verify_skipped = counter(&h->verify_skipped),
        .slow_steps = counter(&h->slow_steps),
        .faults_dropped = m->b->source.model->faults.dropped,
    };
    m->c->part.incomplete = model->events_lost != 0 || m->b->source.modmap->failed;
}

/* ------------------------------------------------------------ all of it -- */

int profile_builder_make(struct profile_builder *b, const struct builder_moment *moment,
                         struct checkpoint *c, struct error *e)
{
    struct making m = {.b = b, .moment = moment, .c = c};

    /* Before frames are resolved to modules; the target publishes a module before its frames. */
    modmap_update(b->source.modmap);
    if (b->checkpoints == 0)
        stack_numbers_roots(&b->stacks, &c->part);
    make_sites(&m);
    if (!m.failed && !b->stacks.failed)
        make_changes(&m);
    make_threads(&m);
    make_modules(&m);
    make_samples(&m);
    make_domains(&m);
    make_marks(&m);
    make_faults(&m);
    make_totals(&m);
    make_moment(&m);
    make_loss(&m);
    b->checkpoints++;
    if (m.failed)
        b->stacks.failed = true;
    return b->stacks.failed ? error_set(e, ERROR_MEMORY, "out of memory while building the profile")
                            : 0;
}

void profile_builder_settle(const struct profile_builder *b, struct profile *p, double tick_seconds)
{
    const struct sites *sites = &b->source.model->sites;

    for (uint32_t i = 0; i < p->site_count && i + 1 < sites->count; i++) {
        const struct site *site = &sites->sites[i + 1];

        p->sites[i].first_seconds = seconds(b->source.origin, tick_seconds, site->first_time);
        p->sites[i].last_seconds = seconds(b->source.origin, tick_seconds, site->last_time);
    }
}
