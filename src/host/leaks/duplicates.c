// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaks/duplicates.h"

#include "src/host/leaks/leaks.h"

#include <stdlib.h>

/* The blocks of one row with one content. */
struct alike {
    uint64_t hash, size, blocks, example;
    uint32_t row;
};

bool duplicates_known(const struct profile *p, struct error *why)
{
    if (!leaks_were_searched(p, why))
        return false;
    if (p->search.duplicates)
        return true;
    error_set(why, ERROR_REFUSED,
              "the search did not look for equal blocks: record with --duplicates, or ask while "
              "the program runs");
    return false;
}

static int by_content(const void *x, const void *y)
{
    const struct alike *a = x, *b = y;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static bool same_content(const struct alike *a, const struct alike *b)
{
    return a->hash == b->hash && a->size == b->size;
}

/* Sites of one row become one. */
static uint32_t take_rows(struct alike *all, const struct profile *p, const struct siterows *places)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < p->duplicate_count; i++) {
        const struct profile_duplicate *d = &p->duplicates[i];

        all[i] = (struct alike){d->hash, d->size, d->blocks, d->example, places->row_of[d->site]};
    }
    if (p->duplicate_count)
        qsort(all, p->duplicate_count, sizeof *all, by_content);
    for (uint32_t i = 0; i < p->duplicate_count; i++) {
        if (kept && by_content(&all[kept - 1], &all[i]) == 0)
            all[kept - 1].blocks += all[i].blocks;
        else
            all[kept++] = all[i];
    }
    return kept;
}

/* Of blocks of one content `kept` are needed. */
static void add_alike(struct duplicates_row *row, const struct alike *a, uint64_t kept)
{
    if (row->blocks == 0 || a->size < row->smallest)
        row->smallest = a->size;
    if (a->size > row->largest)
        row->largest = a->size;
    if (a->blocks > row->most) {
        row->most = a->blocks;
        row->example = a->example;
    }
    row->row = a->row;
    row->contents++;
    row->blocks += a->blocks;
    row->bytes += a->blocks * a->size;
    row->saved += (a->blocks - kept) * a->size;
}

/* All rows that have one content. */
static void add_content(struct duplicates *d, const struct alike *all, uint32_t count)
{
    uint64_t blocks = 0;
    uint32_t most = 0;

    for (uint32_t i = 0; i < count; i++) {
        blocks += all[i].blocks;
        if (all[i].blocks > all[most].blocks)
            most = i;
    }
    if (blocks < 2)
        return;
    for (uint32_t i = 0; i < count; i++)
        add_alike(&d->rows[all[i].row], &all[i], i == most);
    d->contents++;
    d->blocks += blocks;
    d->bytes += blocks * all[0].size;
    d->saved += (blocks - 1) * all[0].size;
}

static int by_saving(const void *x, const void *y)
{
    const struct duplicates_row *a = x, *b = y;

    if (a->saved != b->saved)
        return a->saved > b->saved ? -1 : 1;
    if (a->blocks != b->blocks)
        return a->blocks > b->blocks ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static void add_all(struct duplicates *d, const struct alike *all, uint32_t count)
{
    uint32_t next;

    for (uint32_t i = 0; i < count; i = next) {
        for (next = i + 1; next < count && same_content(&all[i], &all[next]);)
            next++;
        add_content(d, all + i, next - i);
    }
    qsort(d->rows, d->places.count, sizeof *d->rows, by_saving);
    while (d->row_count < d->places.count && d->rows[d->row_count].blocks)
        d->row_count++;
}

/* The site with most blocks that have copies stands for a row. */
static bool represent(struct duplicates *d, const struct profile *p)
{
    uint64_t *site_bytes = calloc((size_t)p->site_count + 1, sizeof *site_bytes);
    uint64_t *most = calloc((size_t)d->places.count + 1, sizeof *most);
    bool fine = site_bytes && most;

    for (uint32_t i = 0; fine && i < p->duplicate_count; i++) {
        uint32_t site = p->duplicates[i].site, row = d->places.row_of[site];

        site_bytes[site] += p->duplicates[i].blocks * p->duplicates[i].size;
        if (site_bytes[site] > most[row]) {
            most[row] = site_bytes[site];
            siterows_represent(&d->places, p, site);
        }
    }
    free(site_bytes);
    free(most);
    return fine;
}

int duplicates_make(struct duplicates *d, const struct profile *p, enum view_group group,
                    const struct skiplist *skip, struct error *e)
{
    struct alike *all;
    bool fine;

    *d = (struct duplicates){.row_count = 0};
    if (siterows_init(&d->places, p, group, skip, e) != 0)
        return -1;
    all = calloc((size_t)p->duplicate_count + 1, sizeof *all);
    d->rows = calloc((size_t)d->places.count + 1, sizeof *d->rows);
    fine = all && d->rows && represent(d, p);
    if (fine)
        add_all(d, all, take_rows(all, p, &d->places));
    free(all);
    if (fine)
        return 0;
    duplicates_release(d);
    return error_set(e, ERROR_MEMORY, "out of memory for %u equal blocks", p->duplicate_count);
}

void duplicates_release(struct duplicates *d)
{
    siterows_release(&d->places);
    free(d->rows);
    *d = (struct duplicates){.row_count = 0};
}
