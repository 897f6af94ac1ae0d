/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside leakgraph-*.c only: the references in a range of memory, one after
 * the other.  The loop over words is in a header because it must be inlined
 * where it is used: it is where a search spends its time.
 */
#ifndef MEMPROF_HOST_LEAKGRAPH_SCAN_H
#define MEMPROF_HOST_LEAKGRAPH_SCAN_H

#include "src/host/graph/keptwords.h"
#include "src/host/graph/leakgraph-find.h"

#include <string.h>

/* What a word refers to. */
struct leakgraph_hit {
    uint32_t block;
    uint32_t pointer; /* enum leakgraph_pointer */
    uint64_t into;
};

/* Where a scan stands: the next word is at `at`. */
struct leakgraph_scan {
    uint64_t at, end;
    const uint8_t *piece; /* the bytes at `at` */
    uint64_t piece_end;   /* its words end there */
    /* of words that were kept, instead: */
    uint64_t bits, group; /* those left of 64 at `group`, */
    uint64_t group_end;   /* before this address, */
    const uint64_t *next; /* the first of which is this one */
    uint64_t found;       /* address of the word returned last */
    bool weak;            /* weak regions too */
    bool counts;          /* add what cannot be read to unreadable_bytes */
};

void leakgraph_scan_range(struct leakgraph_scan *s, const struct leakgraph *g, uint64_t start,
                          uint64_t end);
/* A block from `offset` on. */
void leakgraph_scan_block(struct leakgraph_scan *s, const struct leakgraph *g, uint32_t block,
                          uint64_t offset);

/* Make more words readable at `at`; false at the end of the range. */
bool leakgraph_scan_refill(struct leakgraph *g, struct leakgraph_scan *s);

/* The bytes at an address, and how many lie there together; NULL, and how many to skip. */
const uint8_t *leakgraph_bytes(struct leakgraph *g, uint64_t address, uint64_t *size);

/* Move past a weak region at `at`; where the next one begins, or the end of the range. */
uint64_t leakgraph_pass_holes(const struct leakgraph *g, struct leakgraph_scan *s);

/* A word of the target that was kept, 0 when it was not; of a reference the address. */
uint64_t leakgraph_kept_word(struct leakgraph *g, uint64_t address);

/* A word of the target at any address, 0 when it cannot be read. */
uint64_t leakgraph_word(struct leakgraph *g, uint64_t address);

/* Whether a pointer to `into` of a block's inside is one of the exceptions. */
bool leakgraph_is_exception(struct leakgraph *g, uint32_t block, uint64_t into);

/* leakgraph_resolve with options; `left` bytes are readable at `word`. */
bool leakgraph_resolve_special(struct leakgraph *g, const uint8_t *word, uint64_t left,
                               struct leakgraph_hit *hit);
bool leakgraph_resolve_value(struct leakgraph *g, uint64_t value, struct leakgraph_hit *hit);

/* Whether a value refers to the last block that begins at or before it, without any option. */
static inline __attribute__((always_inline)) bool
leakgraph_resolve_in(struct leakgraph *g, uint32_t block, uint64_t value, struct leakgraph_hit *hit)
{
    uint64_t into;

    if (block == LEAKGRAPH_NONE)
        return false;
    into = value - g->blocks[block].address;
    hit->block = block;
    hit->into = into;
    hit->pointer = POINTER_START;
    if (into == 0)
        return true;
    if (into >= leakgraph_block_size(g, &g->blocks[block]))
        return false;
    hit->pointer = leakgraph_is_exception(g, block, into) ? POINTER_HEURISTIC : POINTER_INTERIOR;
    return true;
}

/* Which block a value within [low, low + span) refers to. */
static inline __attribute__((always_inline)) bool
leakgraph_resolve(struct leakgraph *g, uint64_t value, struct leakgraph_hit *hit)
{
    return leakgraph_resolve_in(g, leakgraph_before(g, value), value, hit);
}

/* ------------------------------------------------------------ words kept -- */

/*
 * A word that refers to a block says so: 1 at the top, then 31 bits of where in the block it
 * points, and the block's number.  No kept word has that bit otherwise (leakgraph_resolve_words).
 * One that points farther into a block stays as it is.
 */
#define REFERENCE (UINT64_C(1) << 63)
#define REFERENCE_INTO_MAX (UINT64_C(1) << 31)

static inline uint64_t leakgraph_reference_into(uint64_t word)
{
    return (word & ~REFERENCE) >> 32;
}

/* What a kept word that is no reference was: of a negative number the top bit was cut. */
static inline uint64_t leakgraph_kept_value(uint64_t word)
{
    return (uint64_t)((int64_t)(word << 1) >> 1);
}

/* Turn the words into references. */
void leakgraph_resolve_words(struct leakgraph *g);

/* Which sort of pointer a reference is. */
static inline uint32_t leakgraph_reference_pointer(struct leakgraph *g, uint32_t block,
                                                   uint64_t into)
{
    if (into == 0)
        return POINTER_START;
    if (g->options.low_tags && into < 8)
        return POINTER_TAGGED;
    if (into >= leakgraph_block_size(g, &g->blocks[block]))
        return POINTER_INTERIOR;
    return leakgraph_is_exception(g, block, into) ? POINTER_HEURISTIC : POINTER_INTERIOR;
}

/* What a kept word refers to. */
static inline bool leakgraph_resolve_kept(struct leakgraph *g, uint64_t word,
                                          struct leakgraph_hit *hit)
{
    if (!(word & REFERENCE))
        return leakgraph_resolve_value(g, word, hit);
    hit->block = (uint32_t)word;
    hit->into = leakgraph_reference_into(word);
    hit->pointer = leakgraph_reference_pointer(g, hit->block, hit->into);
    return true;
}

/* The next 64 words of which any were kept; false at the end. */
bool leakgraph_scan_group(const struct leakgraph *g, struct leakgraph_scan *s);

/* The next word kept; false at the end. */
static inline bool leakgraph_scan_word(const struct leakgraph *g, struct leakgraph_scan *s,
                                       uint64_t *word)
{
    if (!s->bits && !leakgraph_scan_group(g, s))
        return false;
    s->found = s->group + 8 * (uint64_t)__builtin_ctzll(s->bits);
    s->bits &= s->bits - 1;
    s->at = s->bits ? s->found + 8 : s->group_end;
    *word = *s->next++;
    return true;
}

static inline bool leakgraph_scan_kept(struct leakgraph *g, struct leakgraph_scan *s,
                                       struct leakgraph_hit *hit)
{
    uint64_t word;

    while (leakgraph_scan_word(g, s, &word))
        if (leakgraph_resolve_kept(g, word, hit))
            return true;
    return false;
}

/* The next reference; false at the end. */
static inline __attribute__((always_inline)) bool
leakgraph_scan_next(struct leakgraph *g, struct leakgraph_scan *s, struct leakgraph_hit *hit)
{
    uint64_t low = g->sought, span = g->sought_span, step = g->options.step;
    bool plain = g->plain;

    if (g->words)
        return leakgraph_scan_kept(g, s, hit);
    do {
        while (s->at < s->piece_end) {
            const uint8_t *word = s->piece;
            uint64_t value;

            s->found = s->at;
            s->at += step;
            s->piece += step;
            if (!plain) {
                /* piece_end is that of words: the bytes go on for the rest of the last one */
                uint64_t left = s->piece_end - s->found + (g->options.compressed ? 3 : 7);

                if (leakgraph_resolve_special(g, word, left, hit))
                    return true;
                continue;
            }
            memcpy(&value, word, sizeof value);
            if (value - low < span && leakgraph_resolve(g, value, hit))
                return true;
        }
    } while (leakgraph_scan_refill(g, s));
    return false;
}

/* Walks the parts of a root's range that are not in live blocks. */
struct leakgraph_gaps {
    uint64_t at, end;
    uint32_t block; /* the next one */
};

void leakgraph_gaps_init(struct leakgraph_gaps *gaps, const struct leakgraph *g,
                         const struct leakgraph_root *root);
bool leakgraph_gaps_next(struct leakgraph_gaps *gaps, const struct leakgraph *g, uint64_t *start,
                         uint64_t *end);

/* Called for each word of a root that refers to a block; `offset` from the root's start. */
typedef bool leakgraph_root_hit(struct leakgraph *g, void *context, uint32_t root, uint64_t offset,
                                const struct leakgraph_hit *hit);

/* A hit that was kept. */
struct leakgraph_found {
    uint64_t offset;
    struct leakgraph_hit hit;
};
#define FOUND_MAX (1u << 20)

/*
 * As leakgraph_root_hits for all roots, whose words are scanned, counted, and kept: after that
 * leakgraph_root_hits looks at no memory any more.  Where there are too many, or memory runs
 * out, nothing is kept.
 */
void leakgraph_keep_hits(struct leakgraph *g, leakgraph_root_hit *call, void *context);
void leakgraph_forget_hits(struct leakgraph *g);

/* All words of one root, or of one weak region, until the call returns false.  Whether all were
 * seen. */
bool leakgraph_root_hits(struct leakgraph *g, uint32_t root, bool counts, leakgraph_root_hit *call,
                         void *context);
bool leakgraph_weak_hits(struct leakgraph *g, uint32_t region, bool counts,
                         leakgraph_root_hit *call, void *context);

/* What is lost: its roots, sums and cycles (leakgraph-lost.c). */
int leakgraph_sort_lost(struct leakgraph *g, struct error *e);
void leakgraph_forget_lost(struct leakgraph *g);

/* Whether a lost block refers to another lost one, or one to it. */
static inline bool leakgraph_is_linked(const struct leakgraph *g, uint32_t block)
{
    return g->linked_bits[block / 64] >> (block % 64) & 1;
}

/* How many such blocks come before this one. */
static inline uint32_t leakgraph_linked_number(const struct leakgraph *g, uint32_t block)
{
    uint64_t below = (UINT64_C(1) << (block % 64)) - 1;

    return g->linked_before[block / 64] +
           (uint32_t)__builtin_popcountll(g->linked_bits[block / 64] & below);
}

static inline bool leakgraph_is_lost(const struct leakgraph *g, uint32_t block)
{
    return g->kinds[block] >= LEAK_DEFINITE;
}

#endif
