// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/leaklive.h"

#include "src/host/memory/pages.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define BIRTH_BITS 16u
#define SIZE_IS_BIG UINT32_MAX
#define NONE UINT32_MAX
#define TAKERS 2u
#define WORTH_TWO (1u << 20) /* blocks */

/* Within a slot: two passes for the bits above the alignment of most blocks. */
#define DIGIT_BITS 8u
#define DIGITS (1u << DIGIT_BITS)
#define INSERTION_MAX 32u /* fewer are sorted by insertion */

static int out_of_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory for the blocks of a search for leaks");
}

static uint64_t address_of(const struct livetable_entry *row)
{
    return row->address_birth >> BIRTH_BITS;
}

uint64_t leaklive_size(const struct leaklive *l, const struct livetable_entry *row)
{
    uint64_t address = address_of(row);

    if (row->size != SIZE_IS_BIG)
        return row->size;
    for (uint32_t i = 0; i < l->big_count; i++)
        if (l->big[i].address == address)
            return l->big[i].size;
    return SIZE_IS_BIG;
}

/* ------------------------------------------------------------------ slots -- */

/* What one thread takes: the slots that it finds, by number, while blocks are counted and placed.
 */
struct taker {
    struct leaklive *live;
    const struct collector *collector;
    uint32_t shard, shards_end; /* of the table of live blocks */
    bool held;                  /* and what reallocs hold */
    struct leaklive_slot *slots;
    uint32_t slot_count, room;
    uint32_t *index; /* of slots, by hash; NONE: empty */
    uint32_t mask;
    uint64_t count;
    bool failed; /* out of memory */
};

static uint32_t hash_of(uint64_t number)
{
    return (uint32_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

static uint32_t *place_of(const struct taker *t, uint64_t number)
{
    uint32_t i = hash_of(number) & t->mask;

    while (t->index[i] != NONE && t->slots[t->index[i]].number != number)
        i = (i + 1) & t->mask;
    return &t->index[i];
}

static bool grow(struct taker *t)
{
    uint32_t room = t->room ? t->room * 2 : 64;
    struct leaklive_slot *slots = reallocarray(t->slots, room, sizeof(*slots));
    uint32_t *index;

    if (!slots)
        return false;
    t->slots = slots;
    index = reallocarray(t->index, room, 2 * sizeof(*index));
    if (!index)
        return false;
    t->index = index;
    t->room = room;
    t->mask = room * 2 - 1;
    memset(index, 0xff, 2 * room * sizeof(*index));
    for (uint32_t i = 0; i < t->slot_count; i++)
        *place_of(t, t->slots[i].number) = i;
    return true;
}

static struct leaklive_slot *slot_for(struct taker *t, uint64_t number)
{
    uint32_t *place;

    if (t->slot_count == t->room && !grow(t))
        return NULL;
    place = place_of(t, number);
    if (*place == NONE) {
        *place = t->slot_count;
        t->slots[t->slot_count++] = (struct leaklive_slot){.number = number, .start = UINT64_MAX};
    }
    return &t->slots[*place];
}

static int by_number(const void *a, const void *b)
{
    const struct leaklive_slot *x = a, *y = b;

    return x->number < y->number ? -1 : x->number > y->number;
}

/* Where each slot's blocks go, and what reaches into it. */
static void place_slots(struct leaklive *l)
{
    uint64_t reach = 0;
    uint32_t first = 0;

    if (l->slot_count)
        qsort(l->slots, l->slot_count, sizeof(*l->slots), by_number);
    for (uint32_t i = 0; i < l->slot_count; i++) {
        struct leaklive_slot *slot = &l->slots[i];

        slot->first = first;
        slot->reach = reach;
        first += slot->count;
        reach = slot->end > reach ? slot->end : reach;
    }
}

static void join_slot(struct leaklive_slot *all, const struct leaklive_slot *slot)
{
    all->count += slot->count;
    all->start = slot->start < all->start ? slot->start : all->start;
    all->end = slot->end > all->end ? slot->end : all->end;
}

/* All takers' slots; each of theirs then says where its first block goes. */
static bool join_slots(struct leaklive *l, struct taker *takers, unsigned count)
{
    struct taker all = {.live = l};
    bool fine = grow(&all);

    for (unsigned i = 0; fine && i < count; i++)
        for (uint32_t k = 0; fine && k < takers[i].slot_count; k++) {
            struct leaklive_slot *slot = slot_for(&all, takers[i].slots[k].number);

            fine = slot != NULL;
            if (slot)
                join_slot(slot, &takers[i].slots[k]);
        }
    free(all.index);
    l->slots = all.slots;
    l->slot_count = all.slot_count;
    if (!fine)
        return false;
    place_slots(l);
    for (uint32_t k = 0; k < l->slot_count; k++) {
        uint32_t first = l->slots[k].first;

        for (unsigned i = 0; i < count; i++) {
            uint32_t place = *place_of(&takers[i], l->slots[k].number);

            if (place == NONE)
                continue;
            takers[i].slots[place].first = first;
            first += takers[i].slots[place].count;
        }
    }
    return true;
}

uint32_t leaklive_slot_at(const struct leaklive *l, uint64_t number)
{
    uint32_t low = 0, high = l->slot_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (l->slots[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t leaklive_largest_slot(const struct leaklive *l)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < l->slot_count; i++)
        most = l->slots[i].count > most ? l->slots[i].count : most;
    return most;
}

/* ----------------------------------------------------------------- taking -- */

static bool count_row(struct taker *t, const struct livetable_entry *row)
{
    uint64_t address = address_of(row), end = address + leaklive_size(t->live, row);
    struct leaklive_slot *slot = slot_for(t, address >> LEAKLIVE_SLOT_BITS);

    if (!slot) {
        t->failed = true;
        return false;
    }
    slot->count++;
    slot->start = address < slot->start ? address : slot->start;
    slot->end = end > slot->end ? end : slot->end;
    t->count++;
    return true;
}

static bool place_row(struct taker *t, const struct livetable_entry *row)
{
    t->live->rows[t->slots[*place_of(t, address_of(row) >> LEAKLIVE_SLOT_BITS)].first++] = *row;
    return true;
}

/* What is done with each live block: counted, then placed.  false: no more. */
typedef bool take_row(struct taker *t, const struct livetable_entry *row);

static bool is_ignored(const struct model *m, uint32_t site)
{
    return m->sites.sites[site].domain == DOMAIN_IGNORED;
}

static inline __attribute__((always_inline)) bool
take_shard(struct taker *t, const struct livetable_shard *shard, take_row *take)
{
    const struct model *m = t->collector->model;
    bool ignored = m->totals[DOMAIN_IGNORED].live_blocks != 0;

    for (uint64_t k = 0; shard->entries && k < shard->room; k++) {
        const struct livetable_entry *entry = &shard->entries[k];

        if (entry->address_birth && entry->site && !(ignored && is_ignored(m, entry->site)) &&
            !take(t, entry))
            return false;
    }
    return true;
}

static bool keep_big(struct leaklive *l, uint64_t address, uint64_t size)
{
    struct livetable_big *big = realloc(l->big, ((size_t)l->big_count + 1) * sizeof(*l->big));

    if (!big)
        return false;
    l->big = big;
    l->big[l->big_count++] = (struct livetable_big){.address = address, .size = size};
    return true;
}

static bool is_held(const struct model *m, const struct model_thread *thread)
{
    return thread->holds && thread->held_clears == m->clears && !is_ignored(m, thread->held.site);
}

static bool take_held(struct taker *t, const struct livetable_block *b, take_row *take)
{
    const struct livetable_entry row = {.address_birth = b->address << BIRTH_BITS | b->birth,
                                        .site = b->site,
                                        .size = b->size < SIZE_IS_BIG ? (uint32_t)b->size
                                                                      : SIZE_IS_BIG};

    return take(t, &row);
}

static inline __attribute__((always_inline)) void take_all(struct taker *t, take_row *take)
{
    const struct collector *c = t->collector;

    for (uint32_t i = t->shard; i < t->shards_end; i++)
        if (!take_shard(t, &c->model->live.shards[i], take))
            return;
    for (uint32_t i = 0; t->held && i < c->used; i++)
        if (c->streams[i].open && is_held(c->model, &c->streams[i].thread) &&
            !take_held(t, &c->streams[i].thread.held, take))
            return;
}

static void *count_all(void *taker)
{
    take_all(taker, count_row);
    return NULL;
}

static void *place_all(void *taker)
{
    take_all(taker, place_row);
    return NULL;
}

/* Signals to this process are for its other threads. */
static bool start(pthread_t *thread, void *(*work)(void *), void *argument)
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(thread, NULL, work, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* The first taker's work here, the second's in a thread if one can be had. */
static void run(struct taker *takers, unsigned count, void *(*work)(void *))
{
    pthread_t thread;
    bool apart = count > 1 && start(&thread, work, &takers[1]);

    work(&takers[0]);
    if (apart)
        pthread_join(thread, NULL);
    else if (count > 1)
        work(&takers[1]);
}

static bool take_bigs(struct leaklive *l, const struct collector *c)
{
    const struct model *m = c->model;

    for (uint32_t i = 0; i < m->live.big_count; i++)
        if (!keep_big(l, m->live.big[i].address, m->live.big[i].size))
            return false;
    for (uint32_t i = 0; i < c->used; i++) {
        const struct livetable_block *b = &c->streams[i].thread.held;

        if (c->streams[i].open && is_held(m, &c->streams[i].thread) && b->size >= SIZE_IS_BIG &&
            !keep_big(l, b->address, b->size))
            return false;
    }
    return true;
}

/* One row more than there are: the graph's sentinel. */
static bool make_rows(struct leaklive *l, struct copyroom *room)
{
    uint64_t bytes = (l->count + 1) * sizeof(*l->rows);

    l->rows = room ? copyroom_cut(room, &bytes) : NULL;
    if (!l->rows) {
        l->rows = pages_map(bytes);
        if (l->rows)
            pages_touch(l->rows, bytes);
    }
    l->room = bytes / sizeof(*l->rows);
    return l->rows != NULL;
}

/* What reallocs hold comes last: of two at one address what the model has counts. */
static unsigned share_out(struct taker takers[TAKERS], struct leaklive *l,
                          const struct collector *c)
{
    unsigned count = c->model->live.count >= WORTH_TWO ? TAKERS : 1;

    for (unsigned i = 0; i < count; i++)
        takers[i] = (struct taker){.live = l,
                                   .collector = c,
                                   .shard = LIVETABLE_SHARDS / count * i,
                                   .shards_end = LIVETABLE_SHARDS / count * (i + 1),
                                   .held = i + 1 == count};
    return count;
}

static bool take(struct leaklive *l, const struct collector *c, struct copyroom *room)
{
    struct taker takers[TAKERS];
    unsigned count = share_out(takers, l, c);
    bool whole = take_bigs(l, c);

    for (unsigned i = 0; whole && i < count; i++)
        whole = grow(&takers[i]);
    if (whole)
        run(takers, count, count_all);
    for (unsigned i = 0; i < count; i++) {
        whole = whole && !takers[i].failed;
        l->count += takers[i].count;
    }
    whole = whole && join_slots(l, takers, count) && make_rows(l, room);
    if (whole)
        run(takers, count, place_all);
    for (unsigned i = 0; i < count; i++) {
        free(takers[i].slots);
        free(takers[i].index);
    }
    return whole;
}

int leaklive_take(struct leaklive *l, const struct collector *c, struct copyroom *room,
                  struct error *e)
{
    memset(l, 0, sizeof(*l));
    if (c->model->live.count + c->open > LEAKGRAPH_BLOCKS_MAX)
        return error_set(e, ERROR_REFUSED, "more than %u live blocks cannot be searched",
                         LEAKGRAPH_BLOCKS_MAX);
    if (take(l, c, room))
        return 0;
    leaklive_release(l);
    return out_of_memory(e);
}

static void release_rows(struct leaklive *l)
{
    pages_unmap(l->rows, l->room * sizeof(*l->rows));
    l->rows = NULL;
}

void leaklive_release(struct leaklive *l)
{
    release_rows(l);
    free(l->slots);
    free(l->big);
    memset(l, 0, sizeof(*l));
}

uint64_t leaklive_memory(const struct leaklive *l)
{
    return l->rows ? l->room * sizeof(*l->rows) : 0;
}

/* ---------------------------------------------------------------- sorting -- */

static void sort_few(struct livetable_entry *rows, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct livetable_entry row = rows[i];
        uint32_t at = i;

        for (; at > 0 && address_of(&rows[at - 1]) > address_of(&row); at--)
            rows[at] = rows[at - 1];
        rows[at] = row;
    }
}

/* One stable pass over the bits from `shift` on. */
static void radix_pass(const struct livetable_entry *from, struct livetable_entry *to,
                       uint32_t count, unsigned shift)
{
    uint32_t starts[DIGITS] = {0}, sum = 0;

    for (uint32_t i = 0; i < count; i++)
        starts[(from[i].address_birth >> shift) & (DIGITS - 1)]++;
    for (uint32_t i = 0; i < DIGITS; i++) {
        uint32_t here = starts[i];

        starts[i] = sum;
        sum += here;
    }
    for (uint32_t i = 0; i < count; i++)
        to[starts[(from[i].address_birth >> shift) & (DIGITS - 1)]++] = from[i];
}

/* Bits of addresses in which no two differ need no pass. */
static uint64_t differing_bits(const struct livetable_entry *rows, uint32_t count)
{
    uint64_t bits = 0;

    for (uint32_t i = 1; i < count; i++)
        bits |= rows[i].address_birth ^ rows[0].address_birth;
    return bits >> BIRTH_BITS << BIRTH_BITS;
}

void leaklive_sort_slot(struct leaklive *l, uint32_t number, struct livetable_entry *scratch)
{
    struct leaklive_slot *slot = &l->slots[number];
    struct livetable_entry *rows = l->rows + slot->first, *from = rows, *to = scratch;
    uint64_t differ;

    slot->sorted = true;
    if (slot->count <= INSERTION_MAX) {
        sort_few(rows, slot->count);
        return;
    }
    differ = differing_bits(rows, slot->count);
    for (unsigned shift = differ ? (unsigned)__builtin_ctzll(differ) : 64; shift < 64;
         shift += DIGIT_BITS) {
        struct livetable_entry *swap = from;

        if (!(differ >> shift & (DIGITS - 1)))
            continue;
        radix_pass(from, to, slot->count, shift);
        from = to;
        to = swap;
    }
    if (from != rows)
        memcpy(rows, from, slot->count * sizeof(*rows));
}

static bool sort_rest(struct leaklive *l)
{
    struct livetable_entry *scratch =
        calloc((size_t)leaklive_largest_slot(l) + 1, sizeof(*scratch));

    for (uint32_t i = 0; scratch && i < l->slot_count; i++)
        if (!l->slots[i].sorted)
            leaklive_sort_slot(l, i, scratch);
    free(scratch);
    return scratch;
}

/* -------------------------------------------------------------- handing over -- */

_Static_assert(sizeof(struct leakgraph_block) == sizeof(struct livetable_entry),
               "a row becomes a block where it lies");

/* Of two at one address the second goes. */
static uint32_t drop_repeated(struct livetable_entry *rows, uint64_t count)
{
    uint64_t kept = 0;

    for (uint64_t i = 0; i < count; i++) {
        if (kept && address_of(&rows[kept - 1]) == address_of(&rows[i]))
            continue;
        if (kept != i)
            rows[kept] = rows[i];
        kept++;
    }
    return (uint32_t)kept;
}

int leaklive_sort(struct leaklive *l, struct leakgraph *g, struct error *e)
{
    uint32_t count;

    if (!sort_rest(l))
        return out_of_memory(e);
    for (uint32_t i = 0; i < l->big_count; i++)
        if (leakgraph_big(g, l->big[i].address, l->big[i].size, e) != 0)
            return -1;
    count = drop_repeated(l->rows, l->count); /* nothing fails from here on */
    leakgraph_adopt(g, (struct leakgraph_block *)(void *)l->rows, l->room, count);
    l->rows = NULL;
    return 0;
}
