/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/rules.h"

#include "preload/cficopy.h"
#include "preload/modules.h"
#include "preload/session.h"

#define TABLE_ENTRIES ((size_t)1 << RULE_BITS)

struct rule_entry *rule_table;
_Atomic uint32_t rule_mask;

static _Atomic int32_t rules_kept; /* about so many entries are taken */
static _Atomic uint32_t crowded;   /* rules that took another's entry since the table grew */
static _Atomic uint32_t forgotten; /* how often rules_forget was called */

#define CROWDED_MOST 8u

bool rules_init(void)
{
    rule_table = bump_alloc(&session.tables, TABLE_ENTRIES * sizeof(*rule_table), TABLE_ALIGNMENT);
    /* relaxed: no other thread looks before the session is there */
    atomic_store_explicit(&rule_mask, (1u << RULE_BITS_FIRST) - 1, memory_order_relaxed);
    atomic_store_explicit(&rules_kept, 0, memory_order_relaxed);
    return rule_table != NULL;
}

static void store(struct rule_entry *e, uint64_t mixed, uint64_t rule)
{
    /* volatile: whole words, no atomics needed, since a mixture of two entries matches nothing */
    *(volatile uint64_t *)&e->rule = rule;
    *(volatile uint64_t *)&e->mixed = mixed;
}

/* Copy what belongs into the upper half of a table twice as large, or clear it in the lower one. */
static void upper_half(uint32_t entries, bool copy)
{
    for (uint32_t i = 0; i < entries; i++) {
        struct rule_entry e = rule_table[i];

        if (e.rule == 0 || !(rule_hash(e.mixed ^ e.rule) & entries))
            continue;
        if (copy)
            store(&rule_table[i + entries], e.mixed, e.rule);
        else
            store(&rule_table[i], 0, 0);
    }
}

/*
 * Several threads may do this at once, and one may be interrupted for good.  A module's rules that
 * are forgotten meanwhile must not come back: rules_forget counts, then looks at the mask.
 */
static void grow(uint32_t mask)
{
    uint32_t forgets = atomic_load_explicit(&forgotten, memory_order_seq_cst);
    uint32_t entries = mask + 1, expected = mask;
    bool won;

    upper_half(entries, true);
    /* seq_cst, with the loads of `forgotten`: either it is seen to have changed, or it sees this */
    won = atomic_compare_exchange_strong_explicit(&rule_mask, &expected, 2 * mask + 1,
                                                  memory_order_seq_cst, memory_order_seq_cst);
    if (atomic_load_explicit(&forgotten, memory_order_seq_cst) != forgets)
        for (uint32_t i = entries; i < 2 * entries; i++)
            store(&rule_table[i], 0, 0);
    if (!won)
        return;
    atomic_store_explicit(&crowded, 0, memory_order_relaxed);
    upper_half(entries, false);
}

/* Before a rule is kept.  relaxed: counts that need not be exact */
static void grow_if_full(void)
{
    uint32_t mask = atomic_load_explicit(&rule_mask, memory_order_relaxed);

    if (mask + 1 < TABLE_ENTRIES &&
        (atomic_load_explicit(&rules_kept, memory_order_relaxed) > (int32_t)(mask / 4) ||
         atomic_load_explicit(&crowded, memory_order_relaxed) > CROWDED_MOST))
        grow(mask);
}

static void keep(uint64_t key, uint64_t rule)
{
    uint64_t place;

    grow_if_full();
    place = rule_place(key);
    for (unsigned i = 0; i < RULE_WAYS; i++)
        if (rule_table[place ^ i].rule == 0) {
            store(&rule_table[place ^ i], key ^ rule, rule);
            atomic_fetch_add_explicit(&rules_kept, 1, memory_order_relaxed);
            return;
        }
    /* all taken: the one whose first place this is, or was, goes */
    store(&rule_table[place], key ^ rule, rule);
    atomic_fetch_add_explicit(&crowded, 1, memory_order_relaxed);
}

void rules_forget(uint64_t start, uint64_t end)
{
    int32_t cleared = 0;
    uint32_t mask;

    /* seq_cst: see grow */
    atomic_fetch_add_explicit(&forgotten, 1, memory_order_seq_cst);
    mask = atomic_load_explicit(&rule_mask, memory_order_seq_cst);
    for (size_t i = 0; i <= mask; i++) {
        uint64_t pc = frame_pc(rule_table[i].mixed ^ rule_table[i].rule);

        if (!rule_table[i].rule || pc < start || pc > end)
            continue;
        store(&rule_table[i], 0, 0);
        cleared++;
    }
    atomic_fetch_sub_explicit(&rules_kept, cleared, memory_order_relaxed); /* a count only */
}

/* ------------------------------------------------------- row to rule -- */

#if defined(__x86_64__)

static bool fits(int64_t offset, unsigned bits)
{
    int64_t words = offset / 8;

    return offset % 8 == 0 && words >= -(INT64_C(1) << (bits - 1)) &&
           words < INT64_C(1) << (bits - 1);
}

static uint64_t encode(enum rule_kind kind, int64_t cfa, bool saved, int64_t rbp)
{
    if (!fits(cfa, 28) || !fits(rbp, 14))
        return RULE_FULL;
    return (uint64_t)kind | (saved ? RULE_RBP_SAVED : 0) | ((uint64_t)(rbp / 8) & 0x3fff) << 4 |
           ((uint64_t)(cfa / 8) & 0xfffffff) << 18;
}

/* Whether the expression is just `rbp + offset` (after an optional dereference). */
static bool is_rbp_offset(const uint8_t *expr, bool dereferenced, int64_t *offset)
{
    /* a length of 2 or 3, DW_OP_breg6, one byte of SLEB128, DW_OP_deref */
    if (expr[0] != (dereferenced ? 3 : 2) || expr[1] != 0x76 || (expr[2] & 0x80) ||
        (dereferenced && expr[3] != 0x06))
        return false;
    *offset = (int64_t)((uint64_t)expr[2] << 57) >> 57;
    return true;
}

/* A realigned stack: the CFA was put aside below rbp, and rbp saved where rbp points. */
static uint64_t compile_realigned(const struct cfi_row *row)
{
    int64_t cfa, rbp;

    if (!is_rbp_offset(row->cfa_expr, true, &cfa) || row->how[CFI_RBP] != CFI_EXPRESSION ||
        !is_rbp_offset((const uint8_t *)(uintptr_t)row->value[CFI_RBP], false, &rbp))
        return RULE_FULL;
    return encode(RULE_RBP_DEREF, cfa, true, rbp);
}

static bool saved_in_reach(const struct cfi_row *row)
{
    int64_t at = row->value[CFI_RBP];

    if (row->cfa_register == CFI_RSP)
        return at <= -16 && row->cfa_offset >= 0 && at >= -row->cfa_offset;
    return at <= -16 && at >= -RULE_RBP_REACH;
}

static uint64_t compile(const struct cfi_row *row)
{
    bool saved = row->how[CFI_RBP] == CFI_OFFSET;

    if (row->signal_frame)
        return RULE_SIGNAL;
    if (row->how[CFI_RA] == CFI_UNDEFINED)
        return RULE_END;
    if (row->how[CFI_RA] != CFI_OFFSET || row->value[CFI_RA] != -8)
        return RULE_FULL;
    if (row->cfa_expr)
        return compile_realigned(row);
    if (saved && !saved_in_reach(row))
        return RULE_FULL;
    if (!saved && row->how[CFI_RBP] != CFI_UNSPECIFIED && row->how[CFI_RBP] != CFI_SAME)
        return RULE_FULL;
    if (row->cfa_register == CFI_RSP)
        return encode(RULE_RSP, row->cfa_offset, saved, saved ? row->value[CFI_RBP] : 0);
    if (row->cfa_register == CFI_RBP)
        return encode(RULE_RBP, row->cfa_offset, saved, saved ? row->value[CFI_RBP] : 0);
    return RULE_FULL;
}

/* Code that no module contains was made at run time; such compilers keep frame pointers. */
static uint64_t guess(void)
{
    return encode(RULE_RBP, 16, true, -16) | RULE_GUESSED;
}

#else

static uint64_t compile(const struct cfi_row *row)
{
    (void)row;
    return RULE_FULL;
}

static uint64_t guess(void)
{
    return RULE_STOP;
}

#endif

/* The rule for code at `pc` in a module. */
static uint64_t rule_decode(const struct cfi_module *module, uint64_t pc)
{
    struct cfi_row row;

    if (!module->eh_frame_hdr || cficopy_find_row(module, pc, &row) != CFI_FOUND)
        return RULE_STOP;
    return compile(&row);
}

uint64_t rule_make(uint64_t key)
{
    uint64_t pc = frame_pc(key) - (key & FRAME_EXACT ? 0 : 1);
    struct cfi_module module;
    uint32_t generation = 0;
    uint64_t rule;

    switch (module_find(pc, &module, &generation)) {
    case MODULE_FOUND:
        rule = rule_decode(&module, pc) | (uint64_t)generation << FRAME_GENERATION_SHIFT;
        break;
    case MODULE_NONE:
        rule = guess();
        break;
    default:
        return RULE_STOP; /* not kept */
    }
    keep(key, rule);
    return rule;
}
