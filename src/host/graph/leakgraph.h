/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of references between live blocks, and what a leak search asks of
 * it: which blocks are reachable from the roots, which are lost and under which
 * lost block, which lost blocks form cycles, why a block is held, and how much
 * would go with it (its retained size).
 *
 * A reference is a word of memory whose value lies in a live block.  The memory is either
 * read through a reader, again for each question (the images of profiles, and searches that
 * copy all of it), or only the words that may be references were kept of it (keptwords.h):
 * these become references in place, each of 8 bytes that name the block and where in it the
 * word points, and nothing is sorted, since memory was read in the order of addresses.
 * What is kept besides is 16 bytes a block in an array sorted by address, 1 for its kind, and
 * a table of 1 to 2 bytes a block that finds the block an address lies in.  On top of
 * that a block costs
 *
 *   while marking        4 (the mark stack) and a bit
 *   a root's word        32 for each that refers to a block, as long as they are no more than
 *                        a million, so that roots are scanned once and not for each question
 *   a lost block         16.3 while cycles are looked for, if it refers to another lost one
 *                        or one to it, then 8, and 24 if it is the first of such; and 4 in
 *                        a cycle; others cost a fifth of a byte then, lost or not
 *   dominators           24 + 4 a reference that does not lead forward in a
 *                        depth-first order (pointers to a parent or predecessor,
 *                        mostly) while they are computed, then 12
 *   a path               8 while it is looked for
 *
 * so that a search never passes 48 bytes a block, and dominators pass it only
 * where blocks have more than one such reference each or most of the heap is
 * lost.  leakgraph_memory tells the largest sum there was.
 *
 * Nothing is kept here of what a block was allocated by: its address finds that in
 * the live table, for the few blocks that are reported.
 *
 * Use: init; add blocks, roots, weak regions; leakgraph_seal; leakgraph_mark;
 * then any of the questions.  Not thread-safe.  No function recurses, whatever
 * the shape of the graph.
 *
 * What counts as a reference.  A pointer to a block's start does.  A pointer to
 * its inside makes it possibly lost only, unless it is one of four well-known
 * sorts (leakgraph_heuristics).  A pointer to one past the end does not, unless
 * the options say so: Valgrind and LeakSanitizer do not count it either, and
 * with it every array keeps alive what happens to lie behind it.
 *
 * Memory is scanned as words at multiples of 8.  Words of weak regions are
 * passed over (see leakgraph_add_weak); so are live blocks inside a root range,
 * since they are scanned when something refers to them.
 */
#ifndef MEMPROF_HOST_LEAKGRAPH_H
#define MEMPROF_HOST_LEAKGRAPH_H

#include "src/host/error.h"
#include "src/host/graph/leakkind.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAKGRAPH_NONE UINT32_MAX
#define LEAKGRAPH_BLOCKS_MAX (UINT32_MAX - 2)

/* How the target's memory, or a copy of it, is read. */
struct leakgraph_reader {
    /*
     * The bytes at `address` of the target, and in *size how many lie there
     * together; both ends of such a piece are multiples of 8.  NULL when there
     * is nothing at `address`: *size is then how many bytes to skip, 0 when
     * nothing readable follows.  The bytes stay where they are and do not
     * change while the graph is used.
     */
    const void *(*bytes)(void *context, uint64_t address, uint64_t *size);
    void *context;
};

/* The exceptions that make a pointer to a block's inside count as one to its start. */
enum leakgraph_heuristic {
    LEAKGRAPH_STDSTRING = 0x1, /* std::string before C++11: length, capacity, count, text */
    LEAKGRAPH_NEWARRAY = 0x2,  /* new T[n] with a destructor: n, then the elements */
    LEAKGRAPH_MULTIPLE = 0x4,  /* an object's second base class, by its vtable's offset-to-top */
    LEAKGRAPH_LENGTH64 = 0x8,  /* the length of what follows, 8 bytes (sqlite3) */
    LEAKGRAPH_HEURISTICS = 0xf,
};

struct leakgraph_options {
    uint32_t heuristics; /* of enum leakgraph_heuristic */
    uint32_t step;       /* bytes from one word to the next: 8, or 4, 2, 1 for packed structures */
    bool low_tags;       /* a value that is a block's start + 1 to 7 points to the start */
    bool past_end;       /* a pointer to one past the end is one to the inside */
    uint64_t high_tags;  /* bits of a pointer that are no part of the address */
    bool compressed;     /* also take 32-bit values v for the address base + (v << shift) */
    uint32_t compressed_shift;
    uint64_t compressed_base;
    /*
     * Instead of the heuristics, which need the blocks' memory: the addresses inside blocks that
     * are exceptions, ascending.  They stay the caller's.  NULL: none are given.
     */
    const uint64_t *exceptions;
    uint32_t exception_count;
};

enum leakgraph_root_kind {
    ROOT_REGISTER = 0,
    ROOT_STACK,
    ROOT_GLOBAL, /* writable memory of a module */
    ROOT_TLS,
    ROOT_KEY,        /* a value of pthread_setspecific */
    ROOT_DESCRIPTOR, /* a thread's descriptor */
    ROOT_MAPPING,    /* memory that the program mapped itself */
    ROOT_NAMED,      /* memprof_root_region */
    ROOT_IGNORED,    /* a block that the program said to leave out */
    ROOT_WEAK,       /* a weak region */
    ROOT_LOST,       /* not a root: the lost block at which a chain begins */
    ROOT_KINDS
};

struct leakgraph_root {
    uint64_t start, size; /* size 0: `start` is the value itself (a register) */
    uint32_t tag;         /* the caller's: which thread, which module */
    uint32_t kind;
};

/* One live block, 16 bytes laid out as a livetable_entry; use leakgraph_size. */
struct leakgraph_block {
    uint64_t mark : 16; /* the caller's, as the tag */
    uint64_t address : 48;
    uint32_t tag;
    uint32_t size; /* UINT32_MAX: in the side list */
};
#define LEAKGRAPH_END UINT64_C(0xffffffffffff) /* blocks end before it */

struct leakgraph_sum {
    uint64_t bytes, blocks;
};

/* A definitely lost block that refers to lost ones, and what is lost with it. */
struct leakgraph_lost {
    uint32_t block;
    uint32_t cycle;             /* LEAKGRAPH_NONE, or the cycle that it stands for */
    struct leakgraph_sum below; /* indirectly lost under it, each block under one root only */
};

/* A strongly connected component of two and more lost blocks. */
struct leakgraph_cycle {
    uint32_t first, count; /* in cycle_blocks, ascending */
    uint64_t bytes;
};

struct keptwords;       /* keptwords.h */
struct leakgraph_slot;  /* leakgraph-find.h */
struct leakgraph_found; /* leakgraph-scan.h */
struct leakgraph_big;

struct leakgraph {
    struct leakgraph_options options;
    struct leakgraph_reader reader;
    struct keptwords *words; /* NULL: memory is read by the reader */

    struct leakgraph_block *blocks; /* ascending, after leakgraph_seal */
    uint32_t count, room;
    bool adopted;      /* blocks are pages.h's */
    uint8_t *kinds;    /* enum leak_kind by block, after leakgraph_mark */
    uint16_t *holders; /* of LEAK_WEAK: the number of the weak region; NULL: there are none */
    struct leakgraph_big *big;
    uint32_t big_count, big_room;

    struct leakgraph_root *roots;
    uint32_t root_count, root_room;
    struct leakgraph_root *weak;
    uint32_t weak_count, weak_room;
    struct leakgraph_big *holes; /* the weak regions' ranges, ascending and merged */
    uint32_t hole_count;

    /* finding the block of an address */
    uint64_t low, span;
    uint64_t sought, sought_span; /* words that point elsewhere are passed over */
    struct leakgraph_slot *slots;
    uint32_t slot_count;
    uint32_t *slot_hash, slot_hash_mask;
    uint32_t *table, table_size;
    bool plain; /* no option asks for more than comparing words with the heap's range */
    uint64_t window_start, window_size; /* the piece of memory read last */
    const uint8_t *window;

    /* a bit a block: its first word is no vtable's, as was found out; NULL: not remembered */
    _Atomic uint64_t *plain_starts;

    /* the words of roots that refer to blocks, kept by leakgraph_mark unless they are many */
    struct leakgraph_found *found;
    uint32_t *found_first; /* by root, and one more: in `found`; NULL: not kept */
    uint32_t found_count;

    /* of leakgraph_mark */
    struct leakgraph_sum sums[LEAK_KINDS];
    struct leakgraph_lost *lost; /* ascending; without those that refer to no lost block */
    uint32_t lost_count;
    struct leakgraph_cycle *cycles;
    uint32_t cycle_count;
    uint32_t *cycle_blocks, cycle_block_count;
    uint64_t *linked_bits; /* of lost blocks: it refers to another one, or is referred to */
    uint32_t *linked_before;
    uint32_t *linked; /* those, ascending; the rest by a block's number in it */
    uint32_t linked_count;
    uint32_t *owner; /* leakgraph_owner */

    /* of leakgraph_dominate */
    uint32_t *dominator;
    uint64_t *retained;

    /* what was not as it should be; reports say so */
    uint64_t unreadable_bytes;   /* of blocks and roots, skipped by leakgraph_mark */
    uint64_t overlapping_blocks; /* cut short where the next begins */
    uint64_t repeated_blocks;    /* given twice, one dropped */

    uint64_t memory, memory_peak;
};

/* No heuristic is off and no tag on. */
void leakgraph_options_init(struct leakgraph_options *o);

/* The reader and options are copied. */
void leakgraph_init(struct leakgraph *g, const struct leakgraph_reader *reader,
                    const struct leakgraph_options *options);
void leakgraph_release(struct leakgraph *g);

/*
 * Read words that were kept of the target instead of its memory; before anything else is done
 * with the graph, whose step must be 8 and which takes no compressed pointers.  leakgraph_seal
 * turns the words into references in place: `words` must outlive the graph, and be no other's.
 */
void leakgraph_use_words(struct leakgraph *g, struct keptwords *words);

/*
 * Instead of adding blocks: all there are, ascending and no two at one address, in memory for
 * `room` of them, one more than there are at least, that is pages_unmap's.  Of one whose size
 * is UINT32_MAX leakgraph_big tells the size.  Their marks and tags stay as they are.
 */
void leakgraph_adopt(struct leakgraph *g, struct leakgraph_block *blocks, uint64_t room,
                     uint32_t count);
int leakgraph_big(struct leakgraph *g, uint64_t address, uint64_t size, struct error *e);

/* Room for `count` blocks, so that adding them copies nothing.  0 or -1. */
int leakgraph_reserve(struct leakgraph *g, uint32_t count, struct error *e);

/*
 * Blocks in any order; 0 or -1 (out of memory, or too many).  They must not
 * overlap: what does is cut or dropped by leakgraph_seal and counted, as is what
 * lies at LEAKGRAPH_END and beyond.
 */
int leakgraph_add_block(struct leakgraph *g, uint64_t address, uint64_t size, struct error *e);
/* What of a root lies in blocks is no root, unless it is ROOT_NAMED. */
int leakgraph_add_root(struct leakgraph *g, enum leakgraph_root_kind kind, uint32_t tag,
                       uint64_t start, uint64_t size, struct error *e);
/* A single value that keeps alive what it points to. */
int leakgraph_add_value(struct leakgraph *g, enum leakgraph_root_kind kind, uint32_t tag,
                        uint64_t value, struct error *e);

/*
 * Pointers in this range hold nothing, wherever it lies.  What nothing but the
 * range holds is LEAK_WEAK, with the region's number in `holder` (0 for the
 * first added; of several that hold a block, the first).  A range inside a lost
 * block holds nothing at all.  At most 65,535 of them.
 */
int leakgraph_add_weak(struct leakgraph *g, uint32_t tag, uint64_t start, uint64_t size,
                       struct error *e);

/* Sorts the blocks (radix sort, 16 more bytes a block meanwhile).  0 or -1. */
int leakgraph_seal(struct leakgraph *g, struct error *e);

/*
 * Decides each block's kind, and for the lost ones their roots, sums and
 * cycles.  Time is that of one scan of what is held and of one of what is
 * lost, of three where lost blocks refer to each other.  Of a cycle that nothing outside points to
 * the block with the lowest address is the definitely lost one, and the others lie under it;
 * Valgrind does the same.  Cycles: Pearce's algorithm ("A space-efficient algorithm for finding
 * strongly connected components", 2016), iterative.  0 or -1.
 */
int leakgraph_mark(struct leakgraph *g, struct error *e);

/* The definitely lost block that a lost one counts under; of others LEAKGRAPH_NONE. */
uint32_t leakgraph_owner(const struct leakgraph *g, uint32_t block);

uint64_t leakgraph_size(const struct leakgraph *g, uint32_t block);

/* After leakgraph_mark. */
static inline enum leak_kind leakgraph_kind(const struct leakgraph *g, uint32_t block)
{
    return (enum leak_kind)g->kinds[block];
}

/* The weak region that a block of kind LEAK_WEAK is held by; of others 0. */
static inline uint16_t leakgraph_holder(const struct leakgraph *g, uint32_t block)
{
    return g->holders ? g->holders[block] : 0;
}

/* Before, after or instead of leakgraph_mark: all blocks are of one kind, and none lies under
 * another.  0 or -1. */
int leakgraph_mark_all(struct leakgraph *g, enum leak_kind kind, struct error *e);

/* The block that holds `address`, its start included; LEAKGRAPH_NONE. */
uint32_t leakgraph_find(const struct leakgraph *g, uint64_t address);

/* ------------------------------------------------------------ questions -- */

/* Which sort of pointer refers to a block. */
enum leakgraph_pointer {
    POINTER_NONE = 0,
    POINTER_START,
    POINTER_TAGGED,    /* its start with low bits set */
    POINTER_HEURISTIC, /* its inside, by one of the four exceptions */
    POINTER_INTERIOR,
};

/* A reference: the word at `offset` of a block or of a root points to a block. */
struct leakgraph_reference {
    uint32_t from;    /* block; LEAKGRAPH_NONE: a root */
    uint32_t root;    /* of a root: its index, in `weak` for a weak region's word */
    uint32_t kind;    /* enum leakgraph_root_kind of that */
    uint32_t to;      /* block */
    uint64_t offset;  /* of the word, from the start of the block or root */
    uint64_t into;    /* where in `to` it points, from its start */
    uint32_t pointer; /* enum leakgraph_pointer */
};

/* Called for each reference found; false ends the search. */
typedef bool leakgraph_visit(void *context, const struct leakgraph_reference *reference);

/*
 * The words of a block that point to blocks, in their order.  Weak regions' words are left out.
 * Of a graph over words that were kept several threads may ask at once.
 */
void leakgraph_referents(struct leakgraph *g, uint32_t block, leakgraph_visit *visit,
                         void *context);

/* All references to a block, roots' and weak regions' first.  Reads all memory once. */
void leakgraph_referrers(struct leakgraph *g, uint32_t block, leakgraph_visit *visit,
                         void *context);

/* All references of roots and weak regions. */
void leakgraph_root_references(struct leakgraph *g, leakgraph_visit *visit, void *context);

struct leakgraph_path {
    struct leakgraph_reference *steps; /* the root's first, or from the lost root on; from free() */
    uint32_t count;
};

/*
 * A shortest chain of references that holds a block as what it is: from a root
 * by pointers to starts when it is reachable, by any when it is possibly lost;
 * from the weak region that holds it; from its lost root when it is indirectly
 * lost, the root's own path being empty.  Breadth-first: time of one scan.
 * 0; or -1, out of memory.
 */
int leakgraph_why(struct leakgraph *g, uint32_t block, struct leakgraph_path *path,
                  struct error *e);
void leakgraph_path_release(struct leakgraph_path *path);

/*
 * Fill `dominator` (of each block; LEAKGRAPH_NONE: none but the roots) and
 * `retained` (bytes, own included, that nothing would hold if the block went).
 * A lost root counts as held by a root of its own, and so does what a weak
 * region points to, whatever its kind.  Lengauer and Tarjan's algorithm ("A
 * fast algorithm for finding dominators in a flowgraph", 1979) with path
 * compression: O(m log n) for m references and n blocks, and three scans of
 * memory.  0 or -1.
 */
int leakgraph_dominate(struct leakgraph *g, struct error *e);

/*
 * Retained bytes of groups of blocks: what lies under any block of a group in
 * the dominator tree, each byte once a group.  group[block] < group_count.
 * That is what freeing any one block of the group frees by itself, summed up
 * without counting twice; freeing all of them together may free more (what two
 * of them hold between them).  After leakgraph_dominate.  0 or -1.
 */
int leakgraph_retained_by_group(struct leakgraph *g, const uint32_t *group, uint32_t group_count,
                                uint64_t *bytes, struct error *e);

/* Bytes the graph has now and had at most. */
void leakgraph_memory(const struct leakgraph *g, uint64_t *now, uint64_t *peak);

#endif
