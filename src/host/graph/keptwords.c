// SPDX-License-Identifier: Apache-2.0
#include "src/host/graph/keptwords.h"

#include "src/host/memory/pages.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_WORDS (1u << (KEPTWORDS_PIECE_BITS - 3))
#define PIECE_GROUPS (KEPTWORDS_PAGES * KEPTWORDS_GROUPS)
#define NONE UINT32_MAX

void keptwords_init(struct keptwords *w)
{
    memset(w, 0, sizeof(*w));
}

void keptwords_release(struct keptwords *w)
{
    for (uint32_t i = 0; i < KEPTWORDS_PARTS; i++) {
        struct keptwords_part *p = &w->parts[i];

        pages_unmap(p->groups, p->group_room * sizeof(*p->groups));
        pages_unmap(p->values, p->room * sizeof(*p->values));
        free(p->pieces);
    }
    free(w->pieces);
    free(w->hash);
    keptwords_init(w);
}

uint64_t keptwords_memory(const struct keptwords *w)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < KEPTWORDS_PARTS; i++) /* what was not touched is not there */
        bytes += w->parts[i].group_count * sizeof(struct keptwords_bits) +
                 w->parts[i].count * sizeof(uint64_t) +
                 (uint64_t)w->parts[i].piece_room * sizeof(struct keptwords_piece);
    return bytes;
}

/* ----------------------------------------------------------------- adding -- */

/* Room for `more` members of `size` bytes. */
static bool reserve(void *array, uint64_t used, uint64_t *room, uint64_t more, size_t size)
{
    void **place = array, *grown;

    if (used + more <= *room)
        return true;
    grown = pages_grow(*place, *room * size, (*room * 2 + more) * size);
    if (!grown)
        return false;
    *place = grown;
    *room = *room * 2 + more;
    return true;
}

void keptwords_give(struct keptwords_part *p, uint64_t *values, uint64_t count)
{
    p->values = values;
    p->room = count;
}

bool keptwords_begin_piece(struct keptwords_part *p, uint64_t number)
{
    struct keptwords_piece *piece;

    if (p->piece_count == p->piece_room) {
        uint32_t room = p->piece_room ? p->piece_room * 2 : 16;

        piece = reallocarray(p->pieces, room, sizeof(*piece));
        if (!piece)
            return false;
        p->pieces = piece;
        p->piece_room = room;
    }
    if (!reserve(&p->groups, p->group_count, &p->group_room, PIECE_GROUPS, sizeof(*p->groups)) ||
        !reserve(&p->values, p->count, &p->room, PIECE_WORDS, sizeof(*p->values)))
        return false;
    piece = &p->pieces[p->piece_count++];
    piece->number = number;
    piece->group = p->group_count;
    piece->value = p->count;
    memset(piece->pages, 0xff, sizeof(piece->pages));
    return true;
}

/* The first range that ends behind an address. */
static uint32_t range_behind(const struct keptwords_filter *f, uint64_t address)
{
    uint32_t low = 0, high = f->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (f->ranges[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/*
 * Neighbouring words point to neighbouring places; else to one of a few pieces with few ranges
 * each, which takes no search, and none of the wrong predictions in one.
 */
static bool is_inside(struct keptwords_part *p, const struct keptwords_filter *f, uint64_t value)
{
    uint64_t number = value >> KEPTWORDS_PIECE_BITS;
    struct keptwords_near *near = &p->near[number % KEPTWORDS_NEAR];
    uint32_t i;

    if (value >= f->ranges[p->last].start && value < f->ranges[p->last].end)
        return true;
    if (near->piece != number + 1)
        *near =
            (struct keptwords_near){number + 1, range_behind(f, number << KEPTWORDS_PIECE_BITS)};
    for (i = near->range; i < f->count && f->ranges[i].end <= value; i++)
        ;
    if (i == f->count || value < f->ranges[i].start)
        return false;
    p->last = i;
    return true;
}

/* Words between the lowest and the highest address that matters: nearly all are addresses. */
static uint64_t likely_words(const struct keptwords_filter *f, const uint64_t words[64])
{
    uint64_t low, span, keep = ~f->tags, mask = 0;

    if (!f->count)
        return 0;
    low = f->ranges[0].start;
    span = f->ranges[f->count - 1].end - low;
    for (unsigned i = 0; i < 64; i++)
        mask |= (uint64_t)((words[i] & keep) - low < span) << i;
    return mask;
}

static void add_group(struct keptwords_part *p, const struct keptwords_filter *f,
                      const uint64_t words[64], uint64_t marked)
{
    uint64_t kept = 0, *values = p->values + p->count;
    uint32_t count = 0;

    for (uint64_t left = likely_words(f, words) | marked; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);

        if (!(marked >> i & 1) && f->count > 1 && !is_inside(p, f, words[i] & ~f->tags))
            continue;
        if (words[i] == 0)
            continue;
        kept |= UINT64_C(1) << i;
        values[count++] = words[i];
    }
    p->groups[p->group_count++] =
        (struct keptwords_bits){kept, (uint32_t)(p->count - p->pieces[p->piece_count - 1].value)};
    p->count += count;
}

void keptwords_add_page(struct keptwords_part *p, const struct keptwords_filter *f, uint32_t page,
                        const uint64_t *words, const uint64_t *marked)
{
    struct keptwords_piece *piece = &p->pieces[p->piece_count - 1];

    piece->pages[page] = (uint16_t)((p->group_count - piece->group) / KEPTWORDS_GROUPS);
    for (unsigned i = 0; i < KEPTWORDS_GROUPS; i++)
        add_group(p, f, words + (size_t)i * 64, marked ? marked[i] : 0);
}

/* ---------------------------------------------------------------- sealing -- */

static void list_pieces(struct keptwords *w)
{
    uint32_t next = 0;

    for (uint32_t i = 0; i < KEPTWORDS_PARTS; i++)
        for (uint32_t k = 0; k < w->parts[i].piece_count; k++) {
            w->parts[i].pieces[k].part = i;
            w->pieces[next++] = &w->parts[i].pieces[k];
        }
}

static void put_in_hash(struct keptwords *w, uint32_t piece)
{
    uint64_t number = w->pieces[piece]->number;
    uint32_t i = (uint32_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & w->hash_mask;

    while (w->hash[i] != NONE)
        i = (i + 1) & w->hash_mask;
    w->hash[i] = piece;
}

/* Members that stay mapped: what is used, to the end of a huge page. */
static uint64_t trim(void *array, uint64_t used, uint64_t room, size_t size)
{
    uint64_t keep = (used * size + PAGES_HUGE - 1) & ~(uint64_t)(PAGES_HUGE - 1);

    if (keep >= room * size)
        return room;
    pages_unmap((char *)array + keep, room * size - keep);
    return keep / size;
}

static void trim_part(struct keptwords_part *p)
{
    p->group_room = trim(p->groups, p->group_count, p->group_room, sizeof(*p->groups));
    p->room = trim(p->values, p->count, p->room, sizeof(*p->values));
}

bool keptwords_seal(struct keptwords *w)
{
    uint64_t size = 2;

    for (uint32_t i = 0; i < KEPTWORDS_PARTS; i++) {
        w->piece_count += w->parts[i].piece_count;
        trim_part(&w->parts[i]);
    }
    while (size < (uint64_t)w->piece_count * 2)
        size *= 2;
    w->pieces = calloc((size_t)w->piece_count + 1, sizeof(*w->pieces));
    w->hash = malloc(size * sizeof(*w->hash));
    if (!w->pieces || !w->hash)
        return false;
    w->hash_mask = (uint32_t)(size - 1);
    memset(w->hash, 0xff, size * sizeof(*w->hash));
    list_pieces(w);
    for (uint32_t i = 0; i < w->piece_count; i++)
        put_in_hash(w, i);
    return true;
}

/* ---------------------------------------------------------------- finding -- */

static uint32_t piece_from(const struct keptwords *w, uint64_t number)
{
    uint32_t low = 0, high = w->piece_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (w->pieces[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool next_in_piece(const struct keptwords *w, const struct keptwords_piece *piece,
                          uint64_t address, uint64_t end, struct keptwords_group *g)
{
    uint32_t page = (uint32_t)(address >> KEPTWORDS_PAGE_BITS) & (KEPTWORDS_PAGES - 1);

    while (page < KEPTWORDS_PAGES && piece->pages[page] == KEPTWORDS_NO_PAGE) {
        page++;
        address = (piece->number << KEPTWORDS_PIECE_BITS) + ((uint64_t)page << KEPTWORDS_PAGE_BITS);
    }
    if (page == KEPTWORDS_PAGES || address >= end)
        return false;
    keptwords_group_at(w, piece, page, address, g);
    return true;
}

bool keptwords_next(const struct keptwords *w, uint64_t address, uint64_t end,
                    struct keptwords_group *g)
{
    const struct keptwords_piece *piece = keptwords_piece(w, address >> KEPTWORDS_PIECE_BITS);

    if (piece && next_in_piece(w, piece, address, end, g))
        return true;
    for (uint32_t i = piece_from(w, (address >> KEPTWORDS_PIECE_BITS) + 1); i < w->piece_count;
         i++) {
        uint64_t start = w->pieces[i]->number << KEPTWORDS_PIECE_BITS;

        if (start >= end)
            return false;
        if (next_in_piece(w, w->pieces[i], start, end, g))
            return true;
    }
    return false;
}

bool keptwords_word(const struct keptwords *w, uint64_t address, uint64_t *word)
{
    const struct keptwords_piece *piece = keptwords_piece(w, address >> KEPTWORDS_PIECE_BITS);
    uint32_t page = (uint32_t)(address >> KEPTWORDS_PAGE_BITS) & (KEPTWORDS_PAGES - 1);
    unsigned bit = (unsigned)(address >> 3 & 63);
    struct keptwords_group g;

    if ((address & 7) || !piece || piece->pages[page] == KEPTWORDS_NO_PAGE)
        return false;
    keptwords_group_at(w, piece, page, address, &g);
    if (!(g.bits >> bit & 1))
        return false;
    *word = g.values[__builtin_popcountll(g.bits & ((UINT64_C(1) << bit) - 1))];
    return true;
}
