// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/align.h"

#include "src/host/diff/match.h"

#include <stdlib.h>
#include <string.h>

#define VOTES_MAX 65536u  /* pairs of lines that are asked how far the function moved */
#define TABLE_MAX 262144u /* cells of the table that in_order fills */

struct work {
    struct align *align;
    struct align_text *old_texts, *new_texts;
    int64_t moved; /* by how many lines most of the function did */
};

static void pair(struct align *a, size_t i, size_t j, enum match_tier tier)
{
    a->olds[i].pair = j;
    a->olds[i].tier = tier;
    a->news[j].pair = i;
}

static bool known(struct align_text text)
{
    return text.length != 0;
}

static bool equal(struct align_text x, struct align_text y)
{
    return known(x) && x.length == y.length && memcmp(x.start, y.start, x.length) == 0;
}

static uint64_t size_of(int64_t x)
{
    return x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
}

/* ------------------------------------------------------ how far it moved -- */

static int compare_distances(const void *left, const void *right)
{
    int64_t x, y;

    memcpy(&x, left, sizeof x);
    memcpy(&y, right, sizeof y);
    return x < y ? -1 : x > y;
}

/* The distance that the most pairs of lines have; 0, then the shortest, wins a tie. */
static int64_t most_common(int64_t *distances, size_t count)
{
    int64_t best = 0;
    size_t most = 0;

    qsort(distances, count, sizeof *distances, compare_distances);
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start; end < count && distances[end] == distances[start]; end++)
            ;
        if (end - start > most ||
            (end - start == most && size_of(distances[start]) < size_of(best))) {
            most = end - start;
            best = distances[start];
        }
    }
    return best;
}

static int vote(struct work *w)
{
    struct align *a = w->align;
    int64_t *distances;
    size_t count = 0;

    if (a->old_count > VOTES_MAX / a->new_count)
        return 0;
    distances = malloc(a->old_count * a->new_count * sizeof *distances);
    if (!distances)
        return -1;
    for (size_t i = 0; i < a->old_count; i++)
        for (size_t j = 0; j < a->new_count; j++)
            if (a->olds[i].line && a->news[j].line)
                distances[count++] = a->news[j].position - a->olds[i].position;
    w->moved = most_common(distances, count);
    free(distances);
    return 0;
}

/* -------------------------------------------------------------- tiers -- */

static bool same_lines(const struct align *a)
{
    if (a->old_count != a->new_count)
        return false;
    for (size_t i = 0; i < a->old_count; i++)
        if (a->olds[i].line != a->news[i].line || a->olds[i].position != a->news[i].position ||
            a->olds[i].name != a->news[i].name)
            return false;
    return true;
}

static void read_texts(struct work *w)
{
    struct align *a = w->align;

    for (size_t i = 0; i < a->old_count; i++)
        w->old_texts[i] = a->text(a->context, false, a->olds[i].place, a->olds[i].line);
    for (size_t j = 0; j < a->new_count; j++)
        w->new_texts[j] = a->text(a->context, true, a->news[j].place, a->news[j].line);
}

/* Of the new ones at the position of `j`, the one of this name; without it the first. */
static size_t of_name(const struct align *a, size_t j, uint32_t name)
{
    for (size_t k = j; k < a->new_count && a->news[k].position == a->news[j].position; k++)
        if (a->news[k].name == name)
            return k;
    return j;
}

/* Equal lines, if they mean something; equal offsets where neither side knows a line. */
static void by_line(struct work *w)
{
    struct align *a = w->align;
    bool lines_mean_it = a->same_file && w->moved == 0;

    for (size_t i = 0, first = 0; i < a->old_count; i++) {
        size_t j;

        while (first < a->new_count && a->news[first].position < a->olds[i].position)
            first++;
        if (first == a->new_count || a->news[first].position != a->olds[i].position)
            continue;
        j = of_name(a, first, a->olds[i].name);
        if (a->olds[i].line != a->news[j].line || (a->olds[i].line && !lines_mean_it))
            continue;
        if (!known(w->old_texts[i]) || !known(w->new_texts[j]) ||
            equal(w->old_texts[i], w->new_texts[j]))
            pair(a, i, j, MATCH_BY_LINE);
    }
}

static void by_text(struct work *w)
{
    struct align *a = w->align;

    for (size_t i = 0; i < a->old_count; i++) {
        size_t best = ALIGN_NONE;
        uint64_t least = UINT64_MAX;

        for (size_t j = 0; a->olds[i].pair == ALIGN_NONE && j < a->new_count; j++) {
            uint64_t off = size_of(a->news[j].position - a->olds[i].position - w->moved);

            if (a->news[j].pair == ALIGN_NONE && off < least &&
                equal(w->old_texts[i], w->new_texts[j])) {
                best = j;
                least = off;
            }
        }
        if (best != ALIGN_NONE)
            pair(a, i, best, MATCH_BY_TEXT);
    }
}

/*
 * Whether the item's line is in the other side's source as well, where the
 * function moved to: then it is itself what it would be paired with.
 */
static bool still_there(struct work *w, const struct align_item *item, struct align_text text,
                        bool item_is_new)
{
    struct align *a = w->align;
    const struct align_item *others = item_is_new ? a->olds : a->news;
    int64_t line = item->position + (item_is_new ? -w->moved : w->moved);

    if (!known(text) || line <= 0 || line > UINT32_MAX)
        return false;
    return equal(text, a->text(a->context, !item_is_new, others[0].place, (uint32_t)line));
}

/* ------------------------------------------------------------ in order -- */

/* Whether one text may have become the other: half of it is at both ends of either. */
static bool alike(struct align_text x, struct align_text y)
{
    size_t shorter = x.length < y.length ? x.length : y.length;
    size_t longer = x.length < y.length ? y.length : x.length, common = 0, end = 0;

    if (!known(x) || !known(y))
        return true;
    while (common < shorter && x.start[common] == y.start[common])
        common++;
    while (common + end < shorter && x.start[x.length - 1 - end] == y.start[y.length - 1 - end])
        end++;
    return (common + end) * 2 >= longer;
}

static void pair_in_order(struct work *w, size_t i, size_t j)
{
    if (alike(w->old_texts[i], w->new_texts[j]))
        pair(w->align, i, j, MATCH_BY_FUNCTION);
}

struct rest {
    size_t *olds, *news; /* indices of what has no partner */
    size_t old_count, new_count;
};

static uint64_t cost(const struct work *w, size_t i, size_t j)
{
    const struct align *a = w->align;

    if (!a->olds[i].line || !a->news[j].line)
        return a->olds[i].position != a->news[j].position;
    return size_of(a->news[j].position - a->olds[i].position - w->moved);
}

/*
 * Pair all of the shorter list in order so that the lines end as near as
 * possible to where the function moved: cells[i][j] is the least sum for the
 * first i of the shorter and the first j of the longer list.
 */
static int in_order(struct work *w, const struct rest *r)
{
    bool olds_shorter = r->old_count <= r->new_count;
    size_t rows = olds_shorter ? r->old_count : r->new_count;
    size_t columns = olds_shorter ? r->new_count : r->old_count, width = columns + 1;
    uint64_t *cells = calloc((rows + 1) * width, sizeof *cells);

    if (!cells)
        return -1;
#define COST(i, j)                                                                                 \
    (olds_shorter ? cost(w, r->olds[i], r->news[j]) : cost(w, r->olds[j], r->news[i]))
    for (size_t i = 1; i <= rows; i++) {
        for (size_t j = i; j <= columns; j++) {
            uint64_t taken = cells[(i - 1) * width + j - 1] + COST(i - 1, j - 1);
            uint64_t passed = j > i ? cells[i * width + j - 1] : UINT64_MAX;

            cells[i * width + j] = taken <= passed ? taken : passed;
        }
    }
    for (size_t i = rows, j = columns; i > 0; j--) {
        if (j > i && cells[i * width + j] == cells[i * width + j - 1])
            continue;
        i--;
        pair_in_order(w, r->olds[olds_shorter ? i : j - 1], r->news[olds_shorter ? j - 1 : i]);
    }
#undef COST
    free(cells);
    return 0;
}

static int by_function(struct work *w)
{
    struct align *a = w->align;
    struct rest r = {.olds = malloc((a->old_count + a->new_count) * sizeof *r.olds)};
    int result = 0;

    if (!r.olds)
        return -1;
    r.news = r.olds + a->old_count;
    for (size_t i = 0; i < a->old_count; i++)
        if (a->olds[i].pair == ALIGN_NONE && !still_there(w, &a->olds[i], w->old_texts[i], false))
            r.olds[r.old_count++] = i;
    for (size_t j = 0; j < a->new_count; j++)
        if (a->news[j].pair == ALIGN_NONE && !still_there(w, &a->news[j], w->new_texts[j], true))
            r.news[r.new_count++] = j;
    if (r.old_count && r.new_count && r.old_count <= TABLE_MAX / r.new_count) {
        result = in_order(w, &r);
    } else if (r.old_count && r.new_count) {
        for (size_t i = 0; i < r.old_count && i < r.new_count; i++)
            pair_in_order(w, r.olds[i], r.news[i]);
    }
    free(r.olds);
    return result;
}

int align_run(struct align *a)
{
    struct work w = {.align = a};
    int result = 0;

    if ((a->same_file || !a->olds[0].line) && same_lines(a)) {
        for (size_t i = 0; i < a->old_count; i++)
            pair(a, i, i, MATCH_BY_LINE);
        return 0;
    }
    w.old_texts = calloc(a->old_count + a->new_count, sizeof *w.old_texts);
    if (!w.old_texts)
        return -1;
    w.new_texts = w.old_texts + a->old_count;
    if (vote(&w) != 0)
        result = -1;
    if (result == 0) {
        read_texts(&w);
        by_line(&w);
        by_text(&w);
        result = by_function(&w);
    }
    free(w.old_texts);
    return result;
}
