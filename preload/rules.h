/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One compact unwind rule per program counter, and the table that keeps them.
 *
 * On x86-64 nearly every row of call-frame information says: the CFA is rsp or
 * rbp plus a constant, the return address lies just below it, and rbp is either
 * unchanged or saved at a constant distance.  That fits in 64 bits.
 *
 * The table is a hash table with eight places for each key, in one cache line and
 * then in the one beside it, shared by all threads without a lock: an entry holds the rule and the
 * key XORed with the rule, so that a torn read does not match.  (The technique is known from chess
 * programs' transposition tables: Hyatt and Mann, "A lock-less transposition table implementation",
 * 2002.)
 *
 * It begins small and grows within its room as rules are kept, by one bit of the hash more: a
 * table of a few pages stays in the cache, and what is not used of it is never touched.  Who looks
 * with the mask of before, or while entries move, may miss one, and decodes it again.
 */
#ifndef MEMPROF_PRELOAD_RULES_H
#define MEMPROF_PRELOAD_RULES_H

#include "src/shared/record.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum rule_kind {
    RULE_NONE = 0,
    RULE_RSP = 1,       /* CFA = rsp + offset */
    RULE_RBP = 2,       /* CFA = rbp + offset */
    RULE_RBP_DEREF = 3, /* CFA = *(rbp + offset); a realigned stack.  rbp saved relative to rbp */
    RULE_SIGNAL = 4,    /* a signal frame: registers lie in the ucontext at rsp */
    RULE_END = 5,       /* the outermost frame */
    RULE_STOP = 6,      /* no or unintelligible unwind information: the walk is truncated here */
    RULE_FULL = 7,      /* valid, but more than a rule can say: needs all registers */
};

/*
 * bits 0-2 kind, 3 rbp is saved, 4-17 where (signed, in words, from the CFA;
 * from rbp for RULE_RBP_DEREF), 18-45 CFA offset (signed, in words),
 * 48-58 generation of the module, as in a frame (record.h), 59 guessed (code of
 * no module).  A saved rbp of RULE_RSP lies inside the frame, one of RULE_RBP
 * within RULE_RBP_REACH of the CFA.
 */
#define RULE_KIND(rule) ((enum rule_kind)((rule)&7))
#define RULE_RBP_SAVED UINT64_C(8)
#define RULE_GUESSED (UINT64_C(1) << 59)
#define RULE_RBP_REACH 256

static inline int64_t rule_rbp_offset(uint64_t rule)
{
    return ((int64_t)(rule << 46) >> 50) * 8;
}
static inline int64_t rule_cfa_offset(uint64_t rule)
{
    return ((int64_t)(rule << 18) >> 36) * 8;
}
/* The frame of the stack trie for a key and its rule. */
static inline uint64_t rule_frame(uint64_t key, uint64_t rule)
{
    return key | (rule & FRAME_GENERATION_MASK << FRAME_GENERATION_SHIFT);
}
static inline bool rule_uses_rbp(uint64_t rule)
{
    return RULE_KIND(rule) == RULE_RBP || RULE_KIND(rule) == RULE_RBP_DEREF;
}

/* A key is a program counter, with FRAME_EXACT if it is not a return address. */
struct rule_entry {
    uint64_t mixed; /* key ^ rule */
    uint64_t rule;
};

#define RULE_WAYS 8u
#define RULE_BITS_FIRST 11u
#define RULE_BITS 17u /* at most */

extern struct rule_entry *rule_table;
extern _Atomic uint32_t rule_mask; /* its entries - 1 */

/* Neighbouring code shares pages of the table. */
static inline uint64_t rule_hash(uint64_t key)
{
    return key >> 2 ^ key >> 19 ^ key >> 36;
}

/*
 * The place a key goes to if it is free; otherwise one of its three neighbours in
 * the same cache line, or of four in the next, by flipping the lowest bits.  Nearly every key is in
 * its first place, so that a processor predicts the comparison.
 */
static inline uint64_t rule_place(uint64_t key)
{
    /* relaxed: any mask that it ever had is good, see above */
    return rule_hash(key) & atomic_load_explicit(&rule_mask, memory_order_relaxed);
}

/* The rule for `key`, or RULE_NONE (0) if it is not in the table. */
static inline uint64_t rule_get(uint64_t key)
{
    uint64_t place = rule_place(key);

    for (unsigned i = 0; i < RULE_WAYS; i++) {
        const struct rule_entry *e = &rule_table[place ^ i];
        uint64_t rule = *(const volatile uint64_t *)&e->rule;

        if (__builtin_expect((*(const volatile uint64_t *)&e->mixed ^ rule) == key, 1))
            return rule;
    }
    return RULE_NONE;
}

/* Whether `key` can be an address at all.  One that cannot has no rule. */
static inline bool rule_key_valid(uint64_t key)
{
    return (key & ~FRAME_EXACT) - 4096 <= FRAME_PC_MASK - 4096;
}

/* Once, before any stack is walked.  false: no memory. */
bool rules_init(void);

/* Decode the rule for `key` and keep it.  Never RULE_NONE.  Async-signal-safe. */
uint64_t rule_make(uint64_t key);

/* Drop the rules of all code in [start, end). */
void rules_forget(uint64_t start, uint64_t end);

#endif
