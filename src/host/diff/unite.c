// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/unite.h"

#include "src/host/diff/borrow.h"
#include "src/shared/record.h"

#include <stdlib.h>
#include <string.h>

/* A hostile file could repeat one long run of inlined lines at every node. */
#define LINES_A_NODE 64u
#define NODES_FREE 1000000u

struct work {
    struct united *united;
    struct assembly assembly;
    const struct unite_options *options;
    struct places old_places, new_places;
    struct match match;
    struct borrow borrow;      /* empty where nothing has to be matched */
    struct intern modules;     /* by path: row of the united profile's modules */
    struct intern new_lines;   /* the new side's lines as a view tells them apart */
    uint32_t *old_to, *new_to; /* by place: row of lines and of frames */
    uint64_t node_room;
    bool too_many;
};

/* ----------------------------------------------------------- places -- */

static uint32_t add_module(struct work *w, const struct places *places, uint32_t module)
{
    struct profile_module row;
    bool added;
    uint32_t number;

    if (module == NO_MODULE)
        return NO_MODULE;
    row = places->profile->modules[module];
    row.path = places->module_paths[module];
    number = intern_add(&w->modules, (struct intern_key){row.path, 0, 0}, &added);
    if (number == INTERN_NONE)
        w->assembly.failed = true;
    else if (added)
        assembly_module(&w->assembly, &row);
    return number == INTERN_NONE ? NO_MODULE : number;
}

static uint32_t add_place(struct work *w, const struct place *place, string_id file,
                          uint32_t module)
{
    struct profile_line line = {.function = place->function,
                                .file = file,
                                .line = place->number,
                                .flags = place->flags & ~LINE_INLINED,
                                .offset = place->offset};
    uint32_t row = assembly_line(&w->assembly, &line);
    struct profile_frame frame = {
        .value = row, .module = module, .first_line = row, .line_count = 1};

    assembly_frame(&w->assembly, &frame);
    return row;
}

/* A line as a view tells it from others (view.h). */
static struct intern_key line_key(const struct place *place, string_id file, string_id path)
{
    if (place->number)
        return (struct intern_key){(uint64_t)path << 32 | place->function, place->number,
                                   UINT64_C(1) << 32 | file};
    return (struct intern_key){(uint64_t)path << 32 | place->function, place->offset, 0};
}

static void add_new_places(struct work *w)
{
    for (uint32_t i = 0; i < w->new_places.count && !w->assembly.failed; i++) {
        const struct place *place = &w->new_places.list[i];
        uint32_t row =
            add_place(w, place, place->file, add_module(w, &w->new_places, place->module));

        w->united->lines[row] = (struct united_line){UNITED_NONE, place->line, MATCH_NOT};
        w->new_to[i] = row;
        if (w->options->lines_apart &&
            intern_add(&w->new_lines, line_key(place, place->file, place->path), NULL) ==
                INTERN_NONE)
            w->assembly.failed = true;
    }
}

/* The module of an old place: its partner, so that the two are one row by module. */
static uint32_t old_module(struct work *w, const struct place *place)
{
    uint32_t partner = place->module == NO_MODULE || w->united->exact
                           ? NO_MODULE
                           : w->match.pairing.modules[place->module];

    return partner == NO_MODULE ? add_module(w, &w->old_places, place->module)
                                : add_module(w, &w->new_places, partner);
}

/*
 * A line that only the old side has may have the number, or the offset, of another
 * one of the new side.  A view would take them for one: the old one is put into a
 * module of the same name, but with a string of its own for it.
 */
static uint32_t module_apart(struct work *w, const struct place *place, string_id file,
                             uint32_t module)
{
    struct profile *u = &w->united->profile;
    struct profile_module row = {0};
    bool added;
    uint32_t number;

    if (module != NO_MODULE)
        row = u->modules[module];
    if (!w->options->lines_apart ||
        intern_find(&w->new_lines, line_key(place, file, row.path)) == INTERN_NONE)
        return module;
    number = intern_add(&w->modules, (struct intern_key){row.path, 1, 0}, &added);
    if (number == INTERN_NONE) {
        w->assembly.failed = true;
        return module;
    }
    if (added) {
        row.path = strings_add_apart(&u->strings, strings_get(&u->strings, row.path));
        w->assembly.failed |= row.path == UINT32_MAX;
        assembly_module(&w->assembly, &row);
    }
    return number;
}

static void add_old_places(struct work *w)
{
    for (uint32_t i = 0; i < w->old_places.count && !w->assembly.failed; i++) {
        const struct place *place = &w->old_places.list[i];
        uint32_t pair = w->match.pairs[i], module, row;

        if (pair != NO_PLACE) {
            row = w->new_to[pair];
            if (w->united->lines[row].before == UNITED_NONE) {
                w->united->lines[row].before = place->line;
                w->united->lines[row].tier = (enum match_tier)w->match.tiers[i];
            }
        } else {
            string_id file = pairing_file(&w->match.pairing, place->file);

            module = module_apart(w, place, file, old_module(w, place));
            row = add_place(w, place, file, module);
            w->united->lines[row] = (struct united_line){place->line, UNITED_NONE, MATCH_NOT};
        }
        w->old_to[i] = row;
    }
}

/* ------------------------------------------------------ stacks and sites -- */

/* The lines that stand for a frame: its own, or those of the other side. */
struct lines {
    const struct places *places;
    const uint32_t *rows;
    const struct profile_frame *frame;
};

static struct lines lines_of(const struct work *w, bool is_new, uint32_t frame)
{
    const uint32_t *borrowed = is_new ? w->borrow.of_new : w->borrow.of_old;
    bool from_new = is_new;
    struct lines lines;

    if (borrowed && borrowed[frame] != NO_FRAME) {
        frame = borrowed[frame];
        from_new = !is_new;
    }
    lines.places = from_new ? &w->new_places : &w->old_places;
    lines.rows = from_new ? w->new_to : w->old_to;
    lines.frame = &lines.places->profile->frames[frame];
    return lines;
}

static uint32_t row_of(const struct lines *lines, uint32_t i)
{
    return lines->rows[lines->places->of_line[lines->frame->first_line + i]];
}

/* Lines that one side alone has names for are in both. */
static void join_borrowed(struct work *w, bool is_new)
{
    const struct profile *p = is_new ? w->new_places.profile : w->old_places.profile;
    const uint32_t *borrowed = is_new ? w->borrow.of_new : w->borrow.of_old;

    for (uint32_t f = 0; borrowed && f < p->frame_count; f++) {
        struct lines lines = lines_of(w, is_new, f);

        for (uint32_t i = 0; borrowed[f] != NO_FRAME && i < lines.frame->line_count; i++) {
            struct united_line *line = &w->united->lines[row_of(&lines, i)];
            uint32_t *missing = is_new ? &line->after : &line->before;

            if (*missing == UNITED_NONE) {
                *missing = p->frames[f].first_line;
                line->tier = MATCH_BY_LINE;
            }
        }
    }
}

/* The side's nodes as nodes of the united profile; to be freed.  NULL: out of memory. */
static uint32_t *add_nodes(struct work *w, const struct places *places, bool is_new)
{
    const struct profile *p = places->profile;
    uint32_t *nodes = malloc(((size_t)p->node_count + 1) * sizeof *nodes);

    for (uint32_t n = 0; nodes && n < p->node_count && !w->assembly.failed; n++) {
        struct lines lines;
        uint32_t node;

        nodes[n] = n < STACK_ROOTS ? n : nodes[p->nodes[n].parent];
        if (n < STACK_ROOTS || view_frame_is_ours(p, p->nodes[n].frame))
            continue;
        lines = lines_of(w, is_new, p->nodes[n].frame);
        if (lines.frame->line_count > w->node_room) {
            w->too_many = true;
            break;
        }
        w->node_room -= lines.frame->line_count;
        node = nodes[n];
        for (uint32_t i = lines.frame->line_count; i-- > 0;)
            node = assembly_node(&w->assembly, node, row_of(&lines, i));
        nodes[n] = node;
    }
    return nodes;
}

/* Threads go by name: the second "worker" of one run is the second of the other. */
static uint32_t *add_threads(struct work *w, const struct places *places, struct intern *known)
{
    const struct profile *p = places->profile;
    uint32_t *threads = malloc(((size_t)p->thread_count + 1) * sizeof *threads);
    uint32_t *seen =
        calloc(w->united->profile.strings.count + (size_t)p->thread_count + 1, sizeof *seen);

    for (uint32_t i = 0; threads && seen && i < p->thread_count && !w->assembly.failed; i++) {
        struct profile_thread row = p->threads[i];
        bool added, folded = row.tid == 0, first = row.tid && row.tid == p->process.pid;
        uint64_t kind = folded ? 1 : first ? 2 : 0;

        row.name = assembly_text(&w->assembly, profile_text(p, row.name));
        /* The first thread has the program's name, which may be another one now. */
        threads[i] = intern_add(
            known, (struct intern_key){first ? 0 : row.name, kind, kind ? 0 : seen[row.name]++},
            &added);
        if (threads[i] == INTERN_NONE)
            w->assembly.failed = true;
        else if (added)
            assembly_thread(&w->assembly, &row);
    }
    if (!seen)
        w->assembly.failed = true;
    free(seen);
    return threads;
}

/*
 * The domains that programs name go by name; the others have fixed numbers.  The
 * new side comes first, so that its numbers are those of the united profile.
 */
static uint32_t add_domain(struct work *w, const struct profile *p, uint32_t domain)
{
    struct profile *u = &w->united->profile;
    struct profile_domain row = {
        .name = assembly_text(&w->assembly, profile_text(p, p->domains[domain].name))};

    for (uint32_t i = DOMAIN_BUILTIN; domain >= DOMAIN_BUILTIN && i < u->domain_count; i++)
        if (u->domains[i].name == row.name)
            return i;
    return domain < u->domain_count && domain < DOMAIN_BUILTIN
               ? domain
               : assembly_domain(&w->assembly, &row);
}

/* By the side's domain: its number in the united profile. */
static uint32_t *add_domains(struct work *w, const struct profile *p)
{
    uint32_t *domains = malloc(((size_t)p->domain_count + 1) * sizeof *domains);

    for (uint32_t i = 0; domains && i < p->domain_count && !w->assembly.failed; i++)
        domains[i] = add_domain(w, p, i);
    return domains;
}

static void add_site(struct work *w, const struct profile_site *site,
                     const struct profile_stats *stats, struct view_amount amount, bool is_new,
                     uint32_t node, uint32_t thread, uint32_t domain)
{
    struct profile_site row = {.node = node,
                               .thread = thread,
                               .domain = domain,
                               .first_seconds = site->first_seconds,
                               .last_seconds = site->last_seconds};

    row.stats.smallest = stats->smallest;
    row.stats.largest = stats->largest;
    row.stats.total_bytes = amount.bytes;
    row.stats.total_blocks = amount.blocks;
    if (is_new) {
        row.stats.live_bytes = amount.bytes;
        row.stats.live_blocks = amount.blocks;
    } else {
        row.stats.peak_bytes = amount.bytes;
        row.stats.peak_blocks = amount.blocks;
    }
    assembly_site(&w->assembly, &row);
}

static int add_side(struct work *w, const struct unite_side *side, const struct places *places,
                    struct intern *threads_known, struct error *e)
{
    const struct profile *p = side->profile;
    bool is_new = places == &w->new_places;
    uint32_t *nodes, *threads, *domains;
    struct profile_stats *stats;

    if (moment_stats(p, side->moment, &stats, e) != 0)
        return -1;
    nodes = add_nodes(w, places, is_new);
    threads = add_threads(w, places, threads_known);
    domains = add_domains(w, p);
    if (!nodes || !threads || !domains)
        w->assembly.failed = true;
    for (uint32_t i = 0; i < p->site_count && !w->assembly.failed && !w->too_many; i++) {
        const struct profile_site *site = &p->sites[i];
        struct view_amount amount = view_amount_of(w->options->order, side->moment, &stats[i]);

        if (amount.bytes || amount.blocks)
            add_site(w, site, &stats[i], amount, is_new, nodes[site->node], threads[site->thread],
                     site->domain < p->domain_count ? domains[site->domain] : site->domain);
    }
    free(nodes);
    free(threads);
    free(domains);
    free(stats);
    return 0;
}

static int add_sides(struct work *w, const struct unite_side *before,
                     const struct unite_side *after, struct error *e)
{
    struct intern threads;
    int result;

    intern_init(&threads);
    result = add_side(w, after, &w->new_places, &threads, e);
    if (result == 0 && !w->assembly.failed && !w->too_many)
        result = add_side(w, before, &w->old_places, &threads, e);
    intern_release(&threads);
    return result;
}

/* ------------------------------------------------------------- whole -- */

/* One profile on both sides: its places are themselves. */
static int match_itself(struct match *match, uint32_t count, struct error *e)
{
    *match = (struct match){.pairs = malloc(((size_t)count + 1) * sizeof *match->pairs),
                            .tiers = calloc((size_t)count + 1, 1)};
    if (!match->pairs || !match->tiers)
        return error_set(e, ERROR_MEMORY, "out of memory while comparing");
    for (uint32_t i = 0; i < count; i++)
        match->pairs[i] = i;
    return 0;
}

static int prepare(struct work *w, const struct unite_side *before, const struct unite_side *after,
                   struct error *e)
{
    const struct profile *p = before->profile, *q = after->profile;
    size_t lines = (size_t)p->line_count + q->line_count + 1;
    bool exact = w->united->exact;

    w->node_room = NODES_FREE + LINES_A_NODE * ((uint64_t)p->node_count + q->node_count);
    if (places_init(&w->old_places, p, w->options->paths, &w->assembly, exact, e) != 0 ||
        places_init(&w->new_places, q, w->options->paths, &w->assembly, exact, e) != 0)
        return -1;
    if ((exact ? match_itself(&w->match, w->old_places.count, e)
               : match_init(&w->match, &w->old_places, &w->new_places, &w->united->profile.strings,
                            e)) != 0)
        return -1;
    if (!exact &&
        borrow_init(&w->borrow, &w->old_places, &w->new_places, &w->match.pairing, e) != 0)
        return -1;
    w->old_to = malloc(lines * sizeof *w->old_to);
    w->new_to = malloc(lines * sizeof *w->new_to);
    w->united->lines = malloc(lines * sizeof *w->united->lines);
    if (!w->old_to || !w->new_to || !w->united->lines)
        return error_set(e, ERROR_MEMORY, "out of memory while comparing");
    return 0;
}

static int work(struct work *w, const struct unite_side *before, const struct unite_side *after,
                struct error *e)
{
    if (prepare(w, before, after, e) != 0)
        return -1;
    add_new_places(w);
    add_old_places(w);
    if (!w->assembly.failed) {
        join_borrowed(w, false);
        join_borrowed(w, true);
    }
    if (!w->assembly.failed && add_sides(w, before, after, e) != 0)
        return -1;
    if (w->too_many)
        return error_set(e, ERROR_FORMAT, "the profile's stacks are longer than any program's");
    return w->assembly.failed ? error_set(e, ERROR_MEMORY, "out of memory while comparing") : 0;
}

int unite(struct united *u, const struct unite_side *before, const struct unite_side *after,
          const struct unite_options *options, struct error *e)
{
    struct work w = {.united = u, .options = options};
    int result;

    *u = (struct united){.exact = before->profile == after->profile};
    profile_init(&u->profile);
    assembly_init(&w.assembly, &u->profile);
    intern_init(&w.modules);
    intern_init(&w.new_lines);
    result = work(&w, before, after, e);
    assembly_release(&w.assembly);
    intern_release(&w.modules);
    intern_release(&w.new_lines);
    places_release(&w.old_places);
    places_release(&w.new_places);
    match_release(&w.match);
    borrow_release(&w.borrow);
    free(w.old_to);
    free(w.new_to);
    if (result != 0)
        united_release(u);
    return result;
}

void united_release(struct united *u)
{
    profile_release(&u->profile);
    free(u->lines);
    *u = (struct united){0};
    profile_init(&u->profile);
}
