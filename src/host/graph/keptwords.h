/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of a process's memory that may matter to a search for leaks, each with the
 * address that it was read from; what else the memory held is forgotten while it is read.
 * Of a GiB of small blocks with two pointers each that is a sixth, and of text or numbers
 * next to nothing: a word is kept that
 *
 *   lies, as an address, in a range that the caller names (where live blocks are), or
 *   is at an address that the caller marks, as what the exceptions for pointers to a
 *   block's inside look at (leakgraph.h).
 *
 * Memory comes in pages of 4 KiB.  For each page that was added there are a bit a word and,
 * for 64 words, how many words come before: 128 bytes.  A word takes 8.  Pages are found
 * through pieces of 1 MiB, a hash table of them and a table of the 256 pages of each.
 *
 * Two parts may be filled at once by two threads, each with pieces of its own.
 */
#ifndef MEMPROF_HOST_KEPTWORDS_H
#define MEMPROF_HOST_KEPTWORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEPTWORDS_PARTS 2u
#define KEPTWORDS_PIECE_BITS 20u
#define KEPTWORDS_PAGE_BITS 12u
#define KEPTWORDS_PAGES (1u << (KEPTWORDS_PIECE_BITS - KEPTWORDS_PAGE_BITS))
#define KEPTWORDS_PAGE_WORDS 512u
#define KEPTWORDS_GROUPS 8u /* of 64 words, in a page */
#define KEPTWORDS_NO_PAGE UINT16_MAX

struct keptwords_range {
    uint64_t start, end;
};

/* Which words are addresses that matter. */
struct keptwords_filter {
    const struct keptwords_range *ranges; /* ascending, apart */
    uint32_t count;
    uint64_t tags; /* bits that are no part of an address */
};

struct keptwords_piece {
    uint64_t number; /* address >> KEPTWORDS_PIECE_BITS */
    uint64_t group;  /* the first page's first, in its part */
    uint64_t value;  /* the piece's first */
    uint32_t part;
    uint16_t pages[KEPTWORDS_PAGES]; /* which of the piece's pages it is, or KEPTWORDS_NO_PAGE */
};

/* 64 words. */
struct keptwords_bits {
    uint64_t kept;   /* a bit for each */
    uint32_t before; /* how many of the piece's were kept before these */
};

/* Where the ranges of a piece of the address space begin: values are looked up one after another.
 */
struct keptwords_near {
    uint64_t piece; /* its number plus 1; 0: none yet */
    uint32_t range; /* the first that does not end before it */
};
#define KEPTWORDS_NEAR 256u

struct keptwords_part {
    struct keptwords_bits *groups; /* pages.h, as the values */
    uint64_t group_count, group_room;
    uint64_t *values;
    uint64_t count, room;
    struct keptwords_piece *pieces; /* ascending */
    uint32_t piece_count, piece_room;
    uint32_t last; /* range that the last word lay in */
    struct keptwords_near near[KEPTWORDS_NEAR];
};

struct keptwords {
    struct keptwords_part parts[KEPTWORDS_PARTS];
    struct keptwords_piece **pieces; /* of all parts, ascending, after keptwords_seal */
    uint32_t piece_count;
    uint32_t *hash, hash_mask; /* of `pieces`, by number */
    uint64_t bytes, unreadable_bytes;
};

void keptwords_init(struct keptwords *w);
void keptwords_release(struct keptwords *w);

/*
 * Room for the first words of a part, `count` of them in memory that is pages_unmap's and then
 * the part's; before anything is added.
 */
void keptwords_give(struct keptwords_part *p, uint64_t *values, uint64_t count);

/*
 * Begin the next piece of a part: of two parts the first one has the lower numbers, and each
 * gets its own in ascending order.  Then its pages, ascending: `marked` is a bit for each
 * word to keep whatever it is (unless it is 0), or NULL.  A part has one filter for all its
 * pages.  false: out of memory.
 */
bool keptwords_begin_piece(struct keptwords_part *p, uint64_t number);
void keptwords_add_page(struct keptwords_part *p, const struct keptwords_filter *f, uint32_t page,
                        const uint64_t *words, const uint64_t *marked);

/* All is added, and memory that was not needed given back: from now on words can be found.
 * false: out of memory. */
bool keptwords_seal(struct keptwords *w);

/* Bytes held. */
uint64_t keptwords_memory(const struct keptwords *w);

/* ---------------------------------------------------------------- finding -- */

/* The 64 words at `start`. */
struct keptwords_group {
    uint64_t start;
    uint64_t bits;    /* those kept, */
    uint64_t *values; /* which are these */
};

static inline const struct keptwords_piece *keptwords_piece(const struct keptwords *w,
                                                            uint64_t number)
{
    uint32_t i = (uint32_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & w->hash_mask;

    for (; w->hash[i] != UINT32_MAX; i = (i + 1) & w->hash_mask)
        if (w->pieces[w->hash[i]]->number == number)
            return w->pieces[w->hash[i]];
    return NULL;
}

/* Number of the group of an address in its part; its page must be there. */
static inline uint64_t keptwords_group_number(const struct keptwords_piece *piece, uint32_t page,
                                              uint64_t address)
{
    return piece->group + (uint64_t)piece->pages[page] * KEPTWORDS_GROUPS +
           (address >> 9 & (KEPTWORDS_GROUPS - 1));
}

static inline void keptwords_group_at(const struct keptwords *w,
                                      const struct keptwords_piece *piece, uint32_t page,
                                      uint64_t address, struct keptwords_group *g)
{
    const struct keptwords_part *part = &w->parts[piece->part];
    const struct keptwords_bits *bits = &part->groups[keptwords_group_number(piece, page, address)];

    g->start = address & ~UINT64_C(511);
    g->bits = bits->kept;
    g->values = part->values + piece->value + bits->before;
}

/* The first group of a page that is there, at or after an address and before `end`. */
bool keptwords_next(const struct keptwords *w, uint64_t address, uint64_t end,
                    struct keptwords_group *g);

/* The word at an address (a multiple of 8), if it was kept. */
bool keptwords_word(const struct keptwords *w, uint64_t address, uint64_t *word);

#endif
