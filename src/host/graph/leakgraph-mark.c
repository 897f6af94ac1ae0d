// SPDX-License-Identifier: Apache-2.0
#include "src/host/graph/leakgraph-scan.h"

/*
 * LEAK_INDIRECT stands for "not held by anything yet" until leakgraph_sort_lost
 * has told the lost roots from what is under them.
 */
struct marking {
    uint32_t *stack; /* blocks to scan: each is pushed once a level, so there is room for all */
    uint32_t count;
    uint64_t *done;  /* a bit a block: it was pushed */
    uint16_t region; /* while what weak regions hold is marked */
};

/* A block that is on the stack, or was, is held as well as can be by what is being marked. */
static inline bool is_done(const struct marking *m, uint32_t block)
{
    return m->done[block / 64] >> block % 64 & 1;
}

static inline void push(struct marking *m, uint32_t block)
{
    m->done[block / 64] |= UINT64_C(1) << block % 64;
    m->stack[m->count++] = block;
}

/* What one reference does to the block it points to, while `level` is being marked. */
static inline __attribute__((always_inline)) void mark_hit(struct leakgraph *g, struct marking *m,
                                                           enum leak_kind level,
                                                           const struct leakgraph_hit *hit)
{
    uint8_t *kind = &g->kinds[hit->block];

    if (level == LEAK_REACHABLE && hit->pointer == POINTER_INTERIOR) {
        /* scanned by the next level, unless a better pointer turns up */
        if (*kind > LEAK_POSSIBLE && !is_done(m, hit->block))
            *kind = LEAK_POSSIBLE;
        return;
    }
    if (*kind <= level || is_done(m, hit->block))
        return;
    *kind = level;
    if (level == LEAK_WEAK)
        g->holders[hit->block] = m->region;
    push(m, hit->block);
}

/* ------------------------------------------------------------ the pipeline -- */

/*
 * A pointer leads to three places that are in no cache: an entry of the table,
 * the block's row, and the block's memory.  Each is asked for when it is known
 * and looked at only when as many others have been asked for in the meantime;
 * that makes the search three times as fast.
 */
#define AHEAD 32u /* a power of two */

struct pipeline {
    struct {
        uint64_t value;
        const uint32_t *entry;
    } values[AHEAD]; /* waiting for the table */
    struct {
        uint64_t value;
        uint32_t first;     /* the block is this one or a later one */
    } places[AHEAD];        /* waiting for the row */
    uint32_t blocks[AHEAD]; /* waiting for their memory */
    uint32_t value_in, value_out, place_in, place_out, block_in, block_row, block_out;
};

static inline __attribute__((always_inline)) void
end_value(struct leakgraph *g, struct marking *m, struct pipeline *p, enum leak_kind level)
{
    uint64_t value = p->places[p->place_out % AHEAD].value;
    uint32_t i = p->places[p->place_out++ % AHEAD].first;
    struct leakgraph_hit hit;

    while (g->blocks[i].address <= value)
        i++;
    /* held as well already: whether the pointer counts, and as what, needs no looking */
    if (i && g->kinds[i - 1] > level && leakgraph_resolve_in(g, i - 1, value, &hit))
        mark_hit(g, m, level, &hit);
}

/* The table's entry has come: ask for the row. */
static inline __attribute__((always_inline)) void
move_value(struct leakgraph *g, struct marking *m, struct pipeline *p, enum leak_kind level)
{
    uint32_t at = p->value_out++ % AHEAD, first = *p->values[at].entry;

    __builtin_prefetch(&g->blocks[first]);
    if (p->place_in - p->place_out == AHEAD)
        end_value(g, m, p, level);
    p->places[p->place_in % AHEAD].value = p->values[at].value;
    p->places[p->place_in++ % AHEAD].first = first;
}

static inline __attribute__((always_inline)) void begin_value(struct leakgraph *g,
                                                              struct marking *m, struct pipeline *p,
                                                              enum leak_kind level, uint64_t value)
{
    const struct leakgraph_slot *slot = leakgraph_slot_of(g, value);
    struct leakgraph_hit hit;

    if (!slot) {
        if (leakgraph_resolve(g, value, &hit))
            mark_hit(g, m, level, &hit);
        return;
    }
    if (p->value_in - p->value_out == AHEAD)
        move_value(g, m, p, level);
    p->values[p->value_in % AHEAD].value = value;
    p->values[p->value_in % AHEAD].entry = leakgraph_slot_entry(g, slot, value);
    __builtin_prefetch(p->values[p->value_in++ % AHEAD].entry);
}

static inline __attribute__((always_inline)) void scan_words(struct leakgraph *g, struct marking *m,
                                                             struct pipeline *p,
                                                             enum leak_kind level,
                                                             const uint8_t *words, uint64_t size)
{
    uint64_t low = g->low, span = g->span;

    for (uint64_t i = 0; i + 8 <= size; i += 8) {
        uint64_t value;

        memcpy(&value, words + i, sizeof value);
        if (value - low < span)
            begin_value(g, m, p, level, value);
    }
}

/* Take the next block from the stack and ask for its row, which was seen a while ago. */
static void begin_block(struct leakgraph *g, struct marking *m, struct pipeline *p)
{
    uint32_t block = m->stack[--m->count];

    __builtin_prefetch(&g->blocks[block]);
    p->blocks[p->block_in++ % AHEAD] = block;
}

/* Its row has come: ask for its memory. */
static void move_block(struct leakgraph *g, struct pipeline *p)
{
    uint64_t into = g->blocks[p->blocks[p->block_row++ % AHEAD]].address - g->window_start;

    if (into < g->window_size) {
        __builtin_prefetch(g->window + into);
        __builtin_prefetch(g->window + into + 64);
    }
}

static inline __attribute__((always_inline)) void
scan_block(struct leakgraph *g, struct marking *m, struct pipeline *p, enum leak_kind level)
{
    uint32_t block = p->blocks[p->block_out++ % AHEAD];
    uint64_t start = g->blocks[block].address, size = leakgraph_block_size(g, &g->blocks[block]);
    uint64_t into = start - g->window_start;
    struct leakgraph_scan s;

    if (g->hole_count == 0 && start % 8 == 0 && into < g->window_size &&
        size <= g->window_size - into) {
        scan_words(g, m, p, level, g->window + into, size);
        return;
    }
    leakgraph_scan_block(&s, g, block, 0);
    s.counts = true;
    while (leakgraph_scan_refill(g, &s)) {
        uint64_t bytes = s.piece_end - s.at + 7;

        scan_words(g, m, p, level, s.piece, bytes);
        s.at += bytes / 8 * 8;
    }
}

/* Everything on the stack, and what it leads to. */
static inline __attribute__((always_inline)) void
close_plain(struct leakgraph *g, struct marking *m, enum leak_kind level)
{
    struct pipeline p;

    p.value_in = p.value_out = p.place_in = p.place_out = 0;
    p.block_in = p.block_row = p.block_out = 0;
    for (;;) {
        while (m->count && p.block_in - p.block_out < AHEAD)
            begin_block(g, m, &p);
        while (p.block_row != p.block_in && p.block_row - p.block_out < AHEAD / 2)
            move_block(g, &p);
        if (p.block_in != p.block_out)
            scan_block(g, m, &p, level);
        else if (p.value_in != p.value_out)
            move_value(g, m, &p, level);
        else if (p.place_in != p.place_out)
            end_value(g, m, &p, level);
        else
            break;
    }
}

static inline __attribute__((always_inline)) void
close_special(struct leakgraph *g, struct marking *m, enum leak_kind level)
{
    while (m->count) {
        uint32_t block = m->stack[--m->count];
        struct leakgraph_scan s;
        struct leakgraph_hit hit;

        leakgraph_scan_block(&s, g, block, 0);
        s.counts = true;
        while (leakgraph_scan_next(g, &s, &hit))
            mark_hit(g, m, level, &hit);
    }
}

/* ------------------------------------------------------------- words kept -- */

/*
 * The same where words were kept (keptwords.h) and say what they point to: what is in no cache
 * are a block's row, the bits of its words, the words, and the rows of the blocks they lead to.
 */
struct kept_pipeline {
    uint32_t blocks[AHEAD];
    const struct keptwords_bits *bits[AHEAD];
    const uint64_t *values[AHEAD]; /* of the piece */
    uint64_t words[AHEAD];         /* references, waiting for the bit and the row of their block */
    uint32_t in, row, bit, out;    /* blocks: popped, row there, bits there, scanned */
    uint32_t word_in, word_out;
};

static void begin_kept(struct leakgraph *g, struct marking *m, struct kept_pipeline *p)
{
    uint32_t block = m->stack[--m->count];

    __builtin_prefetch(&g->blocks[block]);
    p->blocks[p->in++ % AHEAD] = block;
}

/* The row has come: say what the block is, and ask for the bits. */
static inline __attribute__((always_inline)) void move_to_bits(struct leakgraph *g,
                                                               const struct marking *m,
                                                               struct kept_pipeline *p,
                                                               enum leak_kind level)
{
    uint32_t at = p->row++ % AHEAD;
    uint32_t block = p->blocks[at];
    uint64_t address = g->blocks[block].address;
    const struct keptwords_piece *piece =
        keptwords_piece(g->words, address >> KEPTWORDS_PIECE_BITS);
    uint32_t page = (uint32_t)(address >> KEPTWORDS_PAGE_BITS) & (KEPTWORDS_PAGES - 1);
    const struct keptwords_part *part;

    g->kinds[block] = level;
    if (level == LEAK_WEAK)
        g->holders[block] = m->region;
    p->bits[at] = NULL;
    if (!piece || piece->pages[page] == KEPTWORDS_NO_PAGE)
        return;
    part = &g->words->parts[piece->part];
    p->bits[at] = &part->groups[keptwords_group_number(piece, page, address)];
    p->values[at] = part->values + piece->value;
    __builtin_prefetch(p->bits[at]);
}

/* They have come: ask for the words. */
static void move_to_words(struct kept_pipeline *p)
{
    uint32_t at = p->bit++ % AHEAD;

    if (p->bits[at])
        __builtin_prefetch(p->values[at] + p->bits[at]->before);
}

/* Of a pointer to the inside, the row and the block's memory say whether it counts as one to the
 * start; else the row is written when it is there. */
static inline __attribute__((always_inline)) void
end_reference(struct leakgraph *g, struct marking *m, struct kept_pipeline *p, enum leak_kind level)
{
    uint64_t word = p->words[p->word_out++ % AHEAD];
    struct leakgraph_hit hit = {.block = (uint32_t)word, .into = leakgraph_reference_into(word)};

    if (is_done(m, hit.block))
        return;
    if (hit.into == 0) {
        push(m, hit.block);
        return;
    }
    if (g->kinds[hit.block] <= level)
        return;
    hit.pointer = leakgraph_reference_pointer(g, hit.block, hit.into);
    mark_hit(g, m, level, &hit);
}

static inline __attribute__((always_inline)) void
begin_reference(struct leakgraph *g, struct marking *m, struct kept_pipeline *p,
                enum leak_kind level, uint64_t word)
{
    struct leakgraph_hit hit;

    if (!(word & REFERENCE)) {
        if (leakgraph_resolve_value(g, word, &hit))
            mark_hit(g, m, level, &hit);
        return;
    }
    if (p->word_in - p->word_out == AHEAD)
        end_reference(g, m, p, level);
    __builtin_prefetch(&m->done[(uint32_t)word / 64]);
    if (leakgraph_reference_into(word) != 0)
        __builtin_prefetch(&g->blocks[(uint32_t)word]);
    p->words[p->word_in++ % AHEAD] = word;
}

static inline __attribute__((always_inline)) void
scan_kept(struct leakgraph *g, struct marking *m, struct kept_pipeline *p, enum leak_kind level)
{
    uint32_t at = p->out++ % AHEAD;
    struct leakgraph_scan s;
    uint64_t word;

    leakgraph_scan_block(&s, g, p->blocks[at], 0);
    while (leakgraph_scan_word(g, &s, &word))
        begin_reference(g, m, p, level, word);
}

static inline __attribute__((always_inline)) void close_kept(struct leakgraph *g, struct marking *m,
                                                             enum leak_kind level)
{
    struct kept_pipeline p;

    p.in = p.row = p.bit = p.out = p.word_in = p.word_out = 0;
    for (;;) {
        while (m->count && p.in - p.out < AHEAD)
            begin_kept(g, m, &p);
        while (p.row != p.in && p.row - p.out < AHEAD * 3 / 4)
            move_to_bits(g, m, &p, level);
        while (p.bit != p.row && p.bit - p.out < AHEAD / 2)
            move_to_words(&p);
        if (p.in != p.out)
            scan_kept(g, m, &p, level);
        else if (p.word_in != p.word_out)
            end_reference(g, m, &p, level);
        else
            break;
    }
}

static inline __attribute__((always_inline)) void close_over(struct leakgraph *g, struct marking *m,
                                                             enum leak_kind level)
{
    if (g->words)
        close_kept(g, m, level);
    else if (g->plain)
        close_plain(g, m, level);
    else
        close_special(g, m, level);
}

/* ------------------------------------------------------------------ levels -- */

static bool mark_from_root(struct leakgraph *g, void *context, uint32_t root, uint64_t offset,
                           const struct leakgraph_hit *hit)
{
    (void)root;
    (void)offset;
    mark_hit(g, context, LEAK_REACHABLE, hit);
    return true;
}

static void mark_reachable(struct leakgraph *g, struct marking *m)
{
    leakgraph_keep_hits(g, mark_from_root, m);
    close_over(g, m, LEAK_REACHABLE);
}

static void mark_possible(struct leakgraph *g, struct marking *m)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (g->kinds[i] == LEAK_POSSIBLE)
            push(m, i);
    close_over(g, m, LEAK_POSSIBLE);
}

/* ----------------------------------------------------------- weak regions -- */

static bool mark_from_weak(struct leakgraph *g, void *context, uint32_t region, uint64_t offset,
                           const struct leakgraph_hit *hit)
{
    (void)region;
    (void)offset;
    mark_hit(g, context, LEAK_WEAK, hit);
    return true;
}

/* A weak region inside a block that is lost holds nothing. */
static bool is_in_lost_block(const struct leakgraph *g, const struct leakgraph_root *region)
{
    uint32_t block = leakgraph_find(g, region->start);

    return block != LEAKGRAPH_NONE && leakgraph_is_lost(g, block);
}

/* A region may lie in a block that only a later one holds: go round until nothing changes. */
static int mark_weak(struct leakgraph *g, struct marking *m, struct error *e)
{
    bool *done = leakgraph_array(g, g->weak_count, sizeof *done, e);
    bool changed = true;

    if (!done)
        return -1;
    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < g->weak_count; i++) {
            if (done[i] || is_in_lost_block(g, &g->weak[i]))
                continue;
            m->region = (uint16_t)i;
            leakgraph_weak_hits(g, i, true, mark_from_weak, m);
            close_over(g, m, LEAK_WEAK);
            done[i] = changed = true;
        }
    }
    leakgraph_array_free(g, done, g->weak_count, sizeof *done);
    return 0;
}

/* ----------------------------------------------------------------- result -- */

/* All blocks as lost as can be.  0 or -1. */
static int forget_marks(struct leakgraph *g, struct error *e)
{
    g->unreadable_bytes = 0;
    if (g->weak_count && !g->holders)
        g->holders = leakgraph_array(g, g->count, sizeof *g->holders, e);
    if (g->weak_count && !g->holders)
        return -1;
    return leakgraph_mark_all(g, LEAK_INDIRECT, e);
}

int leakgraph_mark_all(struct leakgraph *g, enum leak_kind kind, struct error *e)
{
    leakgraph_forget_lost(g);
    if (!g->kinds)
        g->kinds = leakgraph_array(g, g->count, sizeof *g->kinds, e);
    if (!g->kinds)
        return -1;
    memset(g->kinds, kind, g->count);
    return 0;
}

static void add_up(struct leakgraph *g)
{
    memset(g->sums, 0, sizeof g->sums);
    for (uint32_t i = 0; i < g->count; i++) {
        struct leakgraph_sum *sum = &g->sums[g->kinds[i]];

        sum->blocks++;
        sum->bytes += leakgraph_size(g, i);
    }
}

int leakgraph_mark(struct leakgraph *g, struct error *e)
{
    uint64_t groups = (uint64_t)g->count / 64 + 1;
    struct marking m = {.stack = leakgraph_array(g, g->count, sizeof *m.stack, e),
                        .done = leakgraph_array(g, groups, sizeof *m.done, e)};
    int result = -1;

    if (m.stack && m.done && forget_marks(g, e) == 0) {
        mark_reachable(g, &m);
        mark_possible(g, &m);
        result = g->weak_count ? mark_weak(g, &m, e) : 0;
    }
    leakgraph_array_free(g, m.stack, g->count, sizeof *m.stack);
    leakgraph_array_free(g, m.done, groups, sizeof *m.done);
    if (result == 0)
        result = leakgraph_sort_lost(g, e);
    if (result == 0)
        add_up(g);
    return result;
}
