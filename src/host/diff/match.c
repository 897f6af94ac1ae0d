// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/match.h"

#include "src/host/diff/align.h"
#include "src/host/text/sourceline.h"

#include <stdlib.h>
#include <string.h>

/* A place where it is sorted in: places of both sides that may be the same come together. */
struct entry {
    string_id path; /* of the module, as the new profile has it where there is a partner */
    string_id stem;
    string_id file; /* likewise */
    int64_t position;
    string_id function;
    uint32_t place;
    bool is_new;
};

struct matcher {
    const struct places *before, *after;
    struct match *match;
    struct sourcelines old_sources, new_sources;
    bool failed;
};

/* Neighbouring entries: those of the old side first. */
struct group {
    const struct entry *entries;
    size_t olds, news;
};

static const struct place *old_place(const struct matcher *m, const struct entry *entry)
{
    return &m->before->list[entry->place];
}

static const struct place *new_place(const struct matcher *m, const struct entry *entry)
{
    return &m->after->list[entry->place];
}

static void pair(struct matcher *m, uint32_t before, uint32_t after, enum match_tier tier)
{
    m->match->pairs[before] = after;
    m->match->tiers[before] = (uint8_t)tier;
}

/* ------------------------------------------------------- one function -- */

/* The line `number` of the place's file; a length of 0 when it cannot be known. */
static struct align_text read_text(struct sourcelines *sources, const struct profile *p,
                                   const struct place *place, uint32_t number)
{
    struct align_text text = {0};
    bool newer = false;
    const char *path = profile_text(p, p->lines[place->line].file);

    text.start =
        sourcelines_get(sources, path, number, p->process.started_unix, &text.length, &newer);
    if (!text.start || newer)
        text.length = 0;
    return text;
}

static struct align_text text_of(void *context, bool is_new, uint32_t place, uint32_t number)
{
    struct matcher *m = context;

    return is_new ? read_text(&m->new_sources, m->after->profile, &m->after->list[place], number)
                  : read_text(&m->old_sources, m->before->profile, &m->before->list[place], number);
}

static bool same_build(const struct matcher *m, const struct group *g)
{
    return pairing_same_build(m->before->profile, old_place(m, g->entries)->module,
                              m->after->profile, new_place(m, g->entries + g->olds)->module);
}

static struct align_item item_of(const struct entry *entry, const struct place *place)
{
    return (struct align_item){.position = entry->position,
                               .place = entry->place,
                               .line = place->number,
                               .name = place->function,
                               .pair = ALIGN_NONE,
                               .tier = MATCH_NOT};
}

/* The places of one function in one file, or in the two files it lay in. */
static void match_lines(struct matcher *m, const struct group *g, bool same_file)
{
    struct align align = {.old_count = g->olds,
                          .new_count = g->news,
                          .same_file = same_file,
                          .text = text_of,
                          .context = m};

    align.olds = malloc((g->olds + g->news) * sizeof *align.olds);
    if (!align.olds) {
        m->failed = true;
        return;
    }
    align.news = align.olds + g->olds;
    for (size_t i = 0; i < g->olds; i++)
        align.olds[i] = item_of(&g->entries[i], old_place(m, &g->entries[i]));
    for (size_t j = 0; j < g->news; j++)
        align.news[j] = item_of(&g->entries[g->olds + j], new_place(m, &g->entries[g->olds + j]));
    if (align_run(&align) != 0)
        m->failed = true;
    for (size_t i = 0; i < g->olds; i++)
        if (align.olds[i].pair != ALIGN_NONE)
            pair(m, align.olds[i].place, align.news[align.olds[i].pair].place,
                 (enum match_tier)align.olds[i].tier);
    free(align.olds);
}

/* One build: the same function and position, or nothing. */
static void match_exactly(struct matcher *m, const struct group *g)
{
    size_t j = 0;

    for (size_t i = 0; i < g->olds; i++) {
        const struct entry *x = &g->entries[i];

        while (j < g->news && g->entries[g->olds + j].position < x->position)
            j++;
        for (size_t k = j; k < g->news && g->entries[g->olds + k].position == x->position; k++)
            if (old_place(m, x)->function == new_place(m, &g->entries[g->olds + k])->function)
                pair(m, x->place, g->entries[g->olds + k].place, MATCH_BY_LINE);
    }
}

/* A place with neither function nor line: an offset in a module. */
static void match_offsets(struct matcher *m, const struct group *g)
{
    const struct profile *p = m->before->profile, *q = m->after->profile;
    const struct place *x = old_place(m, g->entries), *y = new_place(m, g->entries + g->olds);

    if (x->module == NO_MODULE || y->module == NO_MODULE)
        return;
    if (same_build(m, g)) {
        match_exactly(m, g);
        return;
    }
    if (p->modules[x->module].build_id_size && q->modules[y->module].build_id_size)
        return;
    for (size_t i = 0, j = 0; i < g->olds; i++) {
        while (j < g->news && g->entries[g->olds + j].position < g->entries[i].position)
            j++;
        if (j < g->news && g->entries[g->olds + j].position == g->entries[i].position)
            pair(m, g->entries[i].place, g->entries[g->olds + j].place, MATCH_BY_OFFSET);
    }
}

static void match_file(struct matcher *m, const struct group *g)
{
    const struct entry *first = g->entries;

    if (first->stem == 0 && first->file == 0)
        match_offsets(m, g);
    else if (same_build(m, g))
        match_exactly(m, g);
    else
        match_lines(m, g, first->file != 0);
}

/* ------------------------------------------------------ all functions -- */

static int compare_numbers(uint64_t x, uint64_t y)
{
    return x < y ? -1 : x > y;
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *x = left, *y = right;
    int by = compare_numbers(x->path, y->path);

    if (by == 0)
        by = compare_numbers(x->stem, y->stem);
    if (by == 0)
        by = compare_numbers(x->file, y->file);
    if (by == 0)
        by = (int)x->is_new - (int)y->is_new;
    if (by == 0 && x->position != y->position)
        by = x->position < y->position ? -1 : 1;
    if (by == 0)
        by = compare_numbers(x->function, y->function);
    return by ? by : compare_numbers(x->place, y->place);
}

static struct entry entry_of(const struct matcher *m, uint32_t number, bool is_new)
{
    const struct place *place = is_new ? &m->after->list[number] : &m->before->list[number];
    const struct pairing *pairing = &m->match->pairing;
    struct entry entry = {.path = place->path,
                          .stem = place->stem,
                          .file = place->file,
                          .position = place->number ? place->number : (int64_t)place->offset,
                          .function = place->function,
                          .place = number,
                          .is_new = is_new};

    if (!is_new) {
        uint32_t module = place->module == NO_MODULE ? NO_MODULE : pairing->modules[place->module];

        entry.file = pairing_file(pairing, place->file);
        if (module != NO_MODULE)
            entry.path = m->after->module_paths[module];
    }
    return entry;
}

static bool same_function(const struct entry *x, const struct entry *y)
{
    return x->path == y->path && x->stem == y->stem;
}

/* The entries from `start` on that are of its function and file. */
static struct group group_at(const struct entry *entries, size_t start, size_t count)
{
    struct group g = {.entries = entries + start};
    size_t i = start;

    while (i < count && !entries[i].is_new && same_function(&entries[i], g.entries) &&
           entries[i].file == g.entries->file)
        i++;
    g.olds = i - start;
    while (i < count && entries[i].is_new && same_function(&entries[i], g.entries) &&
           entries[i].file == g.entries->file)
        i++;
    g.news = i - start - g.olds;
    return g;
}

/* A function that has one file on each side, and not the same: it was moved. */
static void match_moved(struct matcher *m, const struct group *before, const struct group *after)
{
    struct group both = {.olds = before->olds, .news = after->news};
    struct entry *entries = malloc((both.olds + both.news) * sizeof *entries);

    if (!entries) {
        m->failed = true;
        return;
    }
    memcpy(entries, before->entries, both.olds * sizeof *entries);
    memcpy(entries + both.olds, after->entries, both.news * sizeof *entries);
    both.entries = entries;
    if (!same_build(m, &both))
        match_lines(m, &both, false);
    free(entries);
}

/* One function; returns where the next begins. */
static size_t match_function(struct matcher *m, const struct entry *entries, size_t start,
                             size_t count)
{
    struct group only_old = {0}, only_new = {0};
    size_t old_files = 0, new_files = 0, at = start;

    while (at < count && same_function(&entries[at], &entries[start])) {
        struct group g = group_at(entries, at, count);

        at += g.olds + g.news;
        if (g.olds && g.news) {
            match_file(m, &g);
        } else if (g.olds) {
            only_old = g;
            old_files++;
        } else {
            only_new = g;
            new_files++;
        }
    }
    if (entries[start].stem && old_files == 1 && new_files == 1)
        match_moved(m, &only_old, &only_new);
    return at;
}

static void match_all(struct matcher *m)
{
    size_t count = (size_t)m->before->count + m->after->count, at = 0;
    struct entry *entries = malloc((count + 1) * sizeof *entries);

    if (!entries) {
        m->failed = true;
        return;
    }
    for (uint32_t i = 0; i < m->before->count; i++)
        entries[at++] = entry_of(m, i, false);
    for (uint32_t i = 0; i < m->after->count; i++)
        entries[at++] = entry_of(m, i, true);
    qsort(entries, count, sizeof *entries, compare_entries);
    for (at = 0; at < count && !m->failed;)
        at = match_function(m, entries, at, count);
    free(entries);
}

int match_init(struct match *match, const struct places *before, const struct places *after,
               const struct strings *shared, struct error *e)
{
    struct matcher m = {.before = before, .after = after, .match = match};

    *match = (struct match){.pairs = malloc(((size_t)before->count + 1) * sizeof *match->pairs),
                            .tiers = malloc((size_t)before->count + 1)};
    if (pairing_init(&match->pairing, before, after, shared, e) != 0) {
        match_release(match);
        return -1;
    }
    sourcelines_init(&m.old_sources);
    sourcelines_init(&m.new_sources);
    if (match->pairs && match->tiers) {
        memset(match->pairs, 0xff, before->count * sizeof *match->pairs);
        memset(match->tiers, MATCH_NOT, before->count);
        match_all(&m);
    } else {
        m.failed = true;
    }
    sourcelines_release(&m.old_sources);
    sourcelines_release(&m.new_sources);
    if (!m.failed)
        return 0;
    match_release(match);
    return error_set(e, ERROR_MEMORY, "out of memory while comparing");
}

void match_release(struct match *match)
{
    pairing_release(&match->pairing);
    free(match->pairs);
    free(match->tiers);
    *match = (struct match){0};
}
