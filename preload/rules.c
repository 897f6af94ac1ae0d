/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/rules.h"

#include "preload/cfi.h"
#include "preload/modules.h"
#include "preload/session.h"

#define TABLE_ENTRIES ((size_t)1 << RULE_BITS)

struct rule_entry *rule_table;

bool rules_init(void)
{
    rule_table = bump_alloc(&session.tables, TABLE_ENTRIES * sizeof(*rule_table), TABLE_ALIGNMENT);
    return rule_table != NULL;
}

static void store(struct rule_entry *e, uint64_t mixed, uint64_t rule)
{
    /* volatile: whole words, no atomics needed, since a mixture of two entries matches nothing */
    *(volatile uint64_t *)&e->rule = rule;
    *(volatile uint64_t *)&e->mixed = mixed;
}

static void keep(uint64_t key, uint64_t rule)
{
    struct rule_entry *to = &rule_table[rule_place(key)];

    for (unsigned i = 0; i < RULE_WAYS; i++)
        if (rule_table[rule_place(key) ^ i].rule == 0) {
            to = &rule_table[rule_place(key) ^ i];
            break;
        }
    store(to, key ^ rule, rule); /* all taken: the one whose first place this is, or was, goes */
}

void rules_forget(uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < TABLE_ENTRIES; i++) {
        uint64_t pc = frame_pc(rule_table[i].mixed ^ rule_table[i].rule);

        if (rule_table[i].rule && pc >= start && pc <= end)
            store(&rule_table[i], 0, 0);
    }
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

    if (!module->eh_frame_hdr || cfi_find_row(module, pc, &row) != CFI_FOUND)
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
