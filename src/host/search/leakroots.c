// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/leakroots-parts.h"

#include "src/host/files/filefaults.h"
#include "src/host/memory/growing.h"
#include "src/host/text/strbuf.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------- finder -- */

static bool is_wanted(const struct rootfinder *f, uint32_t kind)
{
    uint32_t kinds = f->source->kinds;

    return kind == ROOT_WEAK || kinds == 0 || (kinds >> kind & 1);
}

void rootfinder_add(struct rootfinder *f, uint32_t kind, pid_t tid, const char *name,
                    uint64_t start, uint64_t end)
{
    struct leakroots *r = f->roots;

    if (f->failed || start >= end || !is_wanted(f, kind))
        return;
    if (!growing_reserve(&r->rows, r->count, sizeof(*r->rows))) {
        f->failed = true;
        return;
    }
    r->rows[r->count++] = (struct leakroot){start, end - start, kind, (uint32_t)tid, name};
    if (kind != ROOT_WEAK)
        r->bytes += end - start;
}

void rootfinder_value(struct rootfinder *f, uint32_t kind, pid_t tid, const char *name,
                      uint64_t value)
{
    struct leakroots *r = f->roots;

    if (f->failed || value == 0 || !is_wanted(f, kind))
        return;
    if (!growing_reserve(&r->rows, r->count, sizeof(*r->rows))) {
        f->failed = true;
        return;
    }
    r->rows[r->count++] = (struct leakroot){value, 0, kind, (uint32_t)tid, name};
    r->bytes += sizeof(value);
}

void rootfinder_take(struct rootfinder *f, uint64_t start, uint64_t end)
{
    if (f->failed || start >= end)
        return;
    if (!growing_reserve(&f->taken, f->taken_count, sizeof(*f->taken))) {
        f->failed = true;
        return;
    }
    f->taken[f->taken_count++] = (struct heap_range){start, end};
    f->sorted = false;
}

static int by_start(const void *a, const void *b)
{
    const struct heap_range *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

/* What is taken, ascending; the array keeps its room, which growing.h derives from the count. */
static void sort_taken(struct rootfinder *f)
{
    if (f->taken_count)
        qsort(f->taken, f->taken_count, sizeof(*f->taken), by_start);
    /* each one's end is that of all before it, too: a search by end may be binary */
    for (uint32_t i = 1; i < f->taken_count; i++)
        if (f->taken[i].end < f->taken[i - 1].end)
            f->taken[i].end = f->taken[i - 1].end;
    f->sorted = true;
}

/* The first range taken that ends behind an address. */
static uint32_t taken_behind(const struct rootfinder *f, uint64_t address)
{
    uint32_t low = 0, high = f->taken_count, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (f->taken[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* As rootfinder_take, and what is sorted stays so. */
static void take_in_order(struct rootfinder *f, uint64_t start, uint64_t end)
{
    uint32_t i = f->taken_count;

    rootfinder_take(f, start, end);
    if (f->failed || f->taken_count == i)
        return;
    for (; i > 0 && f->taken[i - 1].start > start; i--)
        f->taken[i] = f->taken[i - 1];
    f->taken[i] = (struct heap_range){start, end};
    if (i > 0 && f->taken[i - 1].end > end)
        f->taken[i].end = end = f->taken[i - 1].end;
    for (i++; i < f->taken_count && f->taken[i].end < end; i++)
        f->taken[i].end = end;
    f->sorted = true;
}

void rootfinder_add_rest(struct rootfinder *f, uint32_t kind, const char *name, uint64_t start,
                         uint64_t end)
{
    uint64_t at = start;

    if (!f->sorted)
        sort_taken(f);
    for (uint32_t i = taken_behind(f, at); i < f->taken_count && f->taken[i].start < end; i++) {
        if (f->taken[i].start > at)
            rootfinder_add(f, kind, 0, name, at, f->taken[i].start);
        at = f->taken[i].end > at ? f->taken[i].end : at;
    }
    if (at < end)
        rootfinder_add(f, kind, 0, name, at, end);
    take_in_order(f, start, end);
}

const char *rootfinder_text(struct rootfinder *f, const char *text)
{
    struct leakroots *r = f->roots;
    char *copy;

    if (f->failed || text[0] == '\0')
        return "";
    copy = strdup(text);
    if (!copy || !growing_reserve(&r->texts, r->text_count, sizeof(*r->texts))) {
        free(copy);
        f->failed = true;
        return "";
    }
    return r->texts[r->text_count++] = copy;
}

bool rootfinder_word(const struct rootfinder *f, uint64_t address, uint64_t *word)
{
    return (address & 7) == 0 && heapcopy_read(f->source->copy, address, word, sizeof(*word));
}

bool rootfinder_block(const struct rootfinder *f, uint64_t address, uint64_t reach, uint64_t *start)
{
    struct livetable_block block;
    uint64_t at = address & ~UINT64_C(15);

    for (uint64_t back = 0; back < reach && back <= at; back += 16)
        if (livetable_find(&f->source->model->live, at - back, &block)) {
            *start = at - back;
            return address - *start < block.size;
        }
    return false;
}

/* ------------------------------------------------- named by the program -- */

/* The variable that a region lies in, as a name; "" none. */
static const char *name_of(struct rootfinder *f, uint64_t address)
{
    struct elfsymtab_entry object;

    for (uint32_t i = 0; i < f->module_count; i++) {
        struct rootmodule *m = &f->modules[i];

        if (address >= m->start && address < m->end && m->file.elf &&
            elfsymtab_find(&m->file.symbols, address - m->bias, &object))
            return rootfinder_text(f, object.name);
    }
    return "";
}

static void add_regions(struct rootfinder *f)
{
    const struct regions *regions = &f->source->model->regions;

    for (uint32_t i = 0; i < regions->count; i++) {
        const struct region *r = &regions->rows[i];
        uint64_t end = r->size > UINT64_MAX - r->start ? UINT64_MAX : r->start + r->size;

        rootfinder_add(f, r->weak ? ROOT_WEAK : ROOT_NAMED, 0, name_of(f, r->start),
                       r->start & ~UINT64_C(7), end);
    }
}

/* A variable may have two names, and be named twice. */
static bool is_listed(const struct leakroots *r, uint64_t start)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (r->rows[i].kind == ROOT_WEAK && r->rows[i].start == start)
            return true;
    return false;
}

/* false: there is none of that name. */
static bool add_weak_variable(struct rootfinder *f, const char *name)
{
    const char *text = rootfinder_text(f, name);
    struct elfsymtab_entry object;
    bool found = false;

    for (uint32_t i = 0; i < f->module_count; i++) {
        struct rootmodule *m = &f->modules[i];
        size_t at = 0;

        while (m->file.elf && elfsymtab_variable(&m->file.symbols, name, &at, &object)) {
            found = true;
            if (object.size && !is_listed(f->roots, object.start + m->bias))
                rootfinder_add(f, ROOT_WEAK, 0, text, object.start + m->bias,
                               object.start + m->bias + object.size);
        }
    }
    return found;
}

/* What cannot be found makes nothing weak, and the search says so. */
static void add_weak_variables(struct rootfinder *f)
{
    const char *const *weak = f->source->weak;
    struct strbuf names;

    strbuf_init(&names);
    for (uint32_t i = 0; weak && weak[i] && !f->failed; i++)
        if (!add_weak_variable(f, weak[i]))
            strbuf_addf(&names, "%s'%s'", names.length ? " and " : "", weak[i]);
    if (names.length) {
        strbuf_add(&names, ", named by --weak, is no variable that the symbols of the program or "
                           "its libraries have: nothing is weak for it");
        f->failed |= names.failed;
        f->roots->unknown = rootfinder_text(f, strbuf_text(&names));
    }
    strbuf_release(&names);
}

/* Blocks that the program said to ignore hold what they point to. */
static void add_ignored(struct rootfinder *f)
{
    const struct model *m = f->source->model;

    if (m->totals[DOMAIN_IGNORED].live_blocks == 0)
        return;
    for (uint32_t s = 0; s < LIVETABLE_SHARDS; s++) {
        const struct livetable_shard *shard = &m->live.shards[s];

        for (uint64_t k = 0; shard->entries && k < shard->room; k++) {
            uint64_t address = shard->entries[k].address_birth >> 16;
            struct livetable_block block;

            if (address && m->sites.sites[shard->entries[k].site].domain == DOMAIN_IGNORED &&
                livetable_find(&m->live, address, &block))
                rootfinder_add(f, ROOT_IGNORED, 0, "", address, address + block.size);
        }
    }
}

/* ------------------------------------------------------------ the calls -- */

static void find_all(struct rootfinder *f)
{
    leakroots_modules(f);
    leakroots_threads(f);
    leakroots_globals(f);
    leakroots_memory(f);
    add_regions(f);
    add_ignored(f);
    add_weak_variables(f);
    leakroots_modules_release(f);
}

int leakroots_find(struct leakroots *r, const struct leakroots_source *source, struct error *e)
{
    struct rootfinder f = {.roots = r, .source = source};
    int result = 0;

    memset(r, 0, sizeof(*r));
    r->unknown = "";
    filefaults_begin(); /* symbols and segments are read where the modules' files are mapped */
    find_all(&f);
    filefaults_end();
    free(f.taken);
    if (f.failed)
        result = error_set(e, ERROR_MEMORY, "out of memory for the roots of a search for leaks");
    if (result != 0)
        leakroots_release(r);
    return result;
}

void leakroots_release(struct leakroots *r)
{
    for (uint32_t i = 0; i < r->text_count; i++)
        free(r->texts[i]);
    free(r->texts);
    free(r->rows);
    memset(r, 0, sizeof(*r));
}
