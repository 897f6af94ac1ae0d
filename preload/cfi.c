/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/cfi.h"

#include <string.h>

/* ------------------------------------------------------------- cursor -- */

/* A bounded read position; `bad` sticks once anything would leave the bounds. */
struct cursor {
    const uint8_t *at, *end;
    uint64_t moved; /* as in cfi_module */
    bool bad;
};

static uint64_t take(struct cursor *c, size_t bytes)
{
    uint64_t value = 0;

    if (c->bad || (size_t)(c->end - c->at) < bytes) {
        c->bad = true;
        return 0;
    }
    memcpy(&value, c->at, bytes); /* little-endian */
    c->at += bytes;
    return value;
}

static uint8_t take_byte(struct cursor *c)
{
    return (uint8_t)take(c, 1);
}

static int64_t take_signed(struct cursor *c, size_t bytes)
{
    uint64_t value = take(c, bytes);
    unsigned shift = (unsigned)(64 - 8 * bytes);

    return (int64_t)(value << shift) >> shift;
}

/* The 7-bit groups of a LEB128 number: how many bits there were, and the last byte. */
static uint64_t take_leb(struct cursor *c, unsigned *bits, uint8_t *last)
{
    uint64_t value = 0;

    *bits = 0;
    do {
        *last = take_byte(c);
        if (*bits < 64)
            value |= (uint64_t)(*last & 0x7f) << *bits;
        *bits += 7;
    } while ((*last & 0x80) && !c->bad);
    return value;
}

static uint64_t take_uleb(struct cursor *c)
{
    unsigned bits;
    uint8_t last;

    return take_leb(c, &bits, &last);
}

static int64_t take_sleb(struct cursor *c)
{
    unsigned bits;
    uint8_t last;
    uint64_t value = take_leb(c, &bits, &last);

    if (bits < 64 && (last & 0x40))
        value |= ~UINT64_C(0) << bits;
    return (int64_t)value;
}

static void skip(struct cursor *c, uint64_t bytes)
{
    if (c->bad || (uint64_t)(c->end - c->at) < bytes)
        c->bad = true;
    else
        c->at += bytes;
}

/* DW_EH_PE_*: how a pointer is written */
#define PE_OMIT 0xff
#define PE_FORMAT(e) ((e)&0x0f)
#define PE_RELATIVE(e) ((e)&0x70)
#define PE_INDIRECT 0x80

static uint64_t take_encoded_value(struct cursor *c, uint8_t encoding)
{
    switch (PE_FORMAT(encoding)) {
    case 0x00: /* absptr */
    case 0x04: /* udata8 */
    case 0x0c: /* sdata8 */
        return take(c, 8);
    case 0x01:
        return take_uleb(c);
    case 0x02:
        return take(c, 2);
    case 0x03:
        return take(c, 4);
    case 0x09:
        return (uint64_t)take_sleb(c);
    case 0x0a:
        return (uint64_t)take_signed(c, 2);
    case 0x0b:
        return (uint64_t)take_signed(c, 4);
    default:
        c->bad = true;
        return 0;
    }
}

/* An address in the module; `data` is what DW_EH_PE_datarel counts from. */
static uint64_t take_encoded(struct cursor *c, uint8_t encoding, uint64_t data)
{
    uint64_t base = 0;

    switch (PE_RELATIVE(encoding)) {
    case 0x00:
        break;
    case 0x10: /* pcrel */
        base = (uint64_t)(uintptr_t)c->at + c->moved;
        break;
    case 0x30: /* datarel */
        base = data;
        break;
    default:
        c->bad = true;
        return 0;
    }
    return base + take_encoded_value(c, encoding);
}

static void visit(const struct cfi_module *m, uint64_t at)
{
    if (m->visit && at >= m->start && at < m->end)
        m->visit(at);
}

static struct cursor cursor_in(const struct cfi_module *m, uint64_t at)
{
    struct cursor c = {.at = (const uint8_t *)(uintptr_t)at,
                       .end = (const uint8_t *)(uintptr_t)m->end,
                       .moved = m->moved};

    visit(m, at);
    c.bad = at < m->start || at >= m->end;
    return c;
}

/* -------------------------------------------------------- CIE and FDE -- */

struct cie {
    uint64_t code_align;
    int64_t data_align;
    uint64_t ra_register;
    uint8_t pointer_encoding;
    bool signal_frame;
    bool augmented; /* the FDE has an augmentation length */
    const uint8_t *program, *program_end;
};

struct fde {
    uint64_t start, end;
    const uint8_t *program, *program_end;
    uint64_t moved; /* as in cfi_module */
    struct cie cie;
};

/* Enter the CIE or FDE at `c`: its body, and what its id field holds and where that field is. */
static bool entry_open(struct cursor *c, uint64_t *id, uint64_t *id_at)
{
    uint64_t length = take(c, 4);
    bool wide = length == 0xffffffff;

    if (wide)
        length = take(c, 8);
    if (c->bad || length == 0 || length > (uint64_t)(c->end - c->at))
        return false;
    c->end = c->at + length;
    *id_at = (uint64_t)(uintptr_t)c->at;
    *id = take(c, 4); /* .eh_frame's id has 4 bytes in both forms */
    return !c->bad;
}

/* What the augmentation string's letters announce. */
static bool cie_augmentation(struct cursor *c, const char *letters, struct cie *cie)
{
    uint64_t length;

    if (letters[0] == '\0')
        return true;
    if (letters[0] != 'z')
        return false;
    cie->augmented = true;
    length = take_uleb(c);
    if (c->bad || length > (uint64_t)(c->end - c->at))
        return false;
    cie->program = c->at + length;
    for (letters++; *letters; letters++) {
        if (*letters == 'R')
            cie->pointer_encoding = take_byte(c);
        else if (*letters == 'P')
            take_encoded_value(c, take_byte(c));
        else if (*letters == 'L')
            take_byte(c);
        else if (*letters == 'S')
            cie->signal_frame = true;
        else
            break; /* unknown: the length tells where the program begins */
    }
    return !c->bad;
}

static bool cie_read(const struct cfi_module *m, uint64_t at, struct cie *cie)
{
    struct cursor c = cursor_in(m, at);
    const char *letters;
    uint64_t id, id_at;
    uint8_t version;

    memset(cie, 0, sizeof(*cie));
    if (!entry_open(&c, &id, &id_at) || id != 0)
        return false;
    visit(m, (uint64_t)(uintptr_t)c.end - 1);
    version = take_byte(&c);
    if (version != 1 && version != 3)
        return false;
    letters = (const char *)c.at;
    while (take_byte(&c) != 0 && !c.bad)
        ;
    if (c.bad)
        return false;
    cie->code_align = take_uleb(&c);
    cie->data_align = take_sleb(&c);
    cie->ra_register = version == 1 ? take_byte(&c) : take_uleb(&c);
    cie->program = NULL;
    if (c.bad || !cie_augmentation(&c, letters, cie))
        return false;
    if (!cie->program)
        cie->program = c.at;
    cie->program_end = c.end;
    return cie->ra_register == CFI_RA && cie->program <= cie->program_end;
}

static bool fde_read(const struct cfi_module *m, uint64_t at, struct fde *fde)
{
    struct cursor c = cursor_in(m, at);
    uint64_t id, id_at, length;

    if (!entry_open(&c, &id, &id_at) || id == 0 || !cie_read(m, id_at - id, &fde->cie))
        return false;
    visit(m, (uint64_t)(uintptr_t)c.end - 1);
    fde->moved = m->moved;
    fde->start = take_encoded(&c, fde->cie.pointer_encoding, 0);
    fde->end = fde->start + take_encoded_value(&c, fde->cie.pointer_encoding);
    if (fde->cie.augmented) {
        length = take_uleb(&c);
        skip(&c, length);
    }
    fde->program = c.at;
    fde->program_end = c.end;
    return !c.bad;
}

/* ------------------------------------------------------- search table -- */

/* Tables that a page fault brings in whole, as Linux maps 64 KiB at one, are halved at once. */
#define NEAR_ROWS UINT64_C(8192)
#define FIRST_STEP UINT64_C(64)

static int32_t row_word(const struct cfi_module *m, const uint8_t *rows, uint64_t i, unsigned which)
{
    const uint8_t *at = rows + 8 * i + 4 * which;
    int32_t word;

    visit(m, (uint64_t)(uintptr_t)at);
    memcpy(&word, at, sizeof(word));
    return word;
}

/*
 * Where the row for `pc` lies if functions are about as long everywhere; halving a large table
 * would touch pages all over it.  `pc` and what rows begin at count from the header.
 */
static uint64_t row_guess(const struct cfi_table *t, int64_t pc)
{
    uint64_t all = (uint64_t)((int64_t)t->last - t->first), here = (uint64_t)(pc - t->first);

    if (pc <= t->first || t->last <= t->first || t->count > UINT32_MAX)
        return 0;
    return here >= all ? t->count - 1 : here * (t->count - 1) / all; /* both factors below 2^32 */
}

/* The first row of [*low, *high) that begins behind `pc` is in there still, or *high is. */
static void rows_narrow(const struct cfi_module *m, const struct cfi_table *t, int64_t pc,
                        uint64_t *low, uint64_t *high)
{
    uint64_t at = row_guess(t, pc), step = FIRST_STEP;

    if (row_word(m, t->rows, at, 0) <= pc) {
        for (*low = at + 1; step < *high - at; at += step, step *= 2) {
            if (row_word(m, t->rows, at + step, 0) > pc) {
                *high = at + step;
                return;
            }
            *low = at + step + 1;
        }
        return;
    }
    for (*high = at; step <= at; at -= step, step *= 2) {
        if (row_word(m, t->rows, at - step, 0) <= pc) {
            *low = at - step + 1;
            return;
        }
        *high = at - step;
    }
}

/* Where the FDE that may cover `pc` is read, 0 if none does. */
static uint64_t table_search(const struct cfi_module *m, const struct cfi_table *t, uint64_t pc)
{
    uint64_t data = (uint64_t)(uintptr_t)m->eh_frame_hdr;
    int64_t offset = (int64_t)(pc - (data + m->moved));
    uint64_t low = 0, high = t->count;

    if (t->count > NEAR_ROWS)
        rows_narrow(m, t, offset, &low, &high);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (row_word(m, t->rows, middle, 0) <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? data + (uint64_t)(int64_t)row_word(m, t->rows, low - 1, 1) : 0;
}

/* Without a table: every entry in turn.  Linkers always write one; packers may not. */
static uint64_t section_scan(const struct cfi_module *m, uint64_t eh_frame, uint64_t pc)
{
    uint64_t at = eh_frame;

    for (;;) {
        struct cursor c = cursor_in(m, at);
        uint64_t id, id_at;
        struct fde fde;

        if (!entry_open(&c, &id, &id_at))
            return 0;
        if (id != 0 && fde_read(m, at, &fde) && pc >= fde.start && pc < fde.end)
            return at;
        at = (uint64_t)(uintptr_t)c.end;
    }
}

/* What .eh_frame_hdr says: where .eh_frame begins, and the table; one without rows if there is none
 * that we can read. */
static bool header_read(const struct cfi_module *m, uint64_t *eh_frame, struct cfi_table *t)
{
    uint64_t data = (uint64_t)(uintptr_t)m->eh_frame_hdr;
    struct cursor c = cursor_in(m, data);
    uint8_t version = take_byte(&c);
    uint8_t frame_encoding = take_byte(&c);
    uint8_t count_encoding = take_byte(&c);
    uint8_t table_encoding = take_byte(&c);

    *t = (struct cfi_table){0};
    *eh_frame = take_encoded(&c, frame_encoding, data + m->moved);
    if (c.bad || version != 1)
        return false;
    if (count_encoding == PE_OMIT || table_encoding != 0x3b) /* datarel | sdata4 */
        return true;
    t->count = take_encoded(&c, count_encoding, data + m->moved);
    t->rows = c.at;
    return !c.bad && t->count <= (uint64_t)(c.end - c.at) / 8;
}

static void table_ends(const struct cfi_module *m, struct cfi_table *t)
{
    t->first = row_word(m, t->rows, 0, 0);
    t->last = row_word(m, t->rows, t->count - 1, 0);
}

bool cfi_table_find(const struct cfi_module *m, struct cfi_table *table)
{
    uint64_t eh_frame;

    if (!header_read(m, &eh_frame, table) || !table->rows || table->count == 0)
        return false;
    table_ends(m, table);
    return true;
}

/* Where the FDE that may cover `pc` is read, 0 if none does. */
static uint64_t fde_find(const struct cfi_module *m, uint64_t pc)
{
    struct cfi_table t;
    uint64_t eh_frame;

    if (m->table)
        return table_search(m, m->table, pc);
    if (!header_read(m, &eh_frame, &t))
        return 0;
    if (!t.rows)
        return section_scan(m, eh_frame - m->moved, pc);
    if (t.count > NEAR_ROWS)
        table_ends(m, &t);
    return table_search(m, &t, pc);
}

/* -------------------------------------------------------- the program -- */

#define REMEMBERED 4 /* nested DW_CFA_remember_state; compilers nest one or two */

struct machine {
    const struct fde *fde;
    uint64_t location;
    struct cfi_row row, initial;
    struct cfi_row remembered[REMEMBERED];
    unsigned depth;
    bool in_fde;
};

static void register_set(struct machine *m, uint64_t reg, uint8_t how, int64_t value)
{
    if (reg >= CFI_REGISTERS)
        return; /* a vector register: nobody asks for it */
    m->row.how[reg] = how;
    m->row.value[reg] = value;
}

/* false: the CIE itself has nothing to go back to. */
static bool register_restore(struct machine *m, uint64_t reg)
{
    if (!m->in_fde)
        return false;
    if (reg >= CFI_REGISTERS)
        return true;
    m->row.how[reg] = m->initial.how[reg];
    m->row.value[reg] = m->initial.value[reg];
    return true;
}

/* An offset as instructions write it: in units of the CIE's data alignment. */
static int64_t factored(const struct machine *m, uint64_t units)
{
    return (int64_t)(units * (uint64_t)m->fde->cie.data_align); /* wraps: it may be nonsense */
}

/* Where an expression lies in the module. */
static uint64_t take_block(struct cursor *c)
{
    uint64_t block = (uint64_t)(uintptr_t)c->at + c->moved;
    uint64_t length = take_uleb(c);

    skip(c, length);
    return block;
}

static void cfa_set(struct machine *m, uint64_t reg, int64_t offset)
{
    m->row.cfa_expr = NULL;
    m->row.cfa_register = reg;
    m->row.cfa_offset = offset;
}

static bool state_remember(struct machine *m)
{
    if (m->depth == REMEMBERED)
        return false;
    m->remembered[m->depth++] = m->row;
    return true;
}

static bool state_restore(struct machine *m)
{
    if (m->depth == 0)
        return false;
    m->row = m->remembered[--m->depth];
    return true;
}

/* The instructions that say where the CFA is. */
static bool execute_cfa(struct machine *m, struct cursor *c, uint8_t op)
{
    uint64_t reg;

    switch (op) {
    case 0x0c: /* def_cfa */
        reg = take_uleb(c);
        cfa_set(m, reg, (int64_t)take_uleb(c));
        return true;
    case 0x0d: /* def_cfa_register */
        m->row.cfa_register = take_uleb(c);
        return m->row.cfa_expr == NULL;
    case 0x0e: /* def_cfa_offset */
        m->row.cfa_offset = (int64_t)take_uleb(c);
        return m->row.cfa_expr == NULL;
    case 0x0f: /* def_cfa_expression */
        m->row.cfa_expr = (const uint8_t *)(uintptr_t)take_block(c);
        return true;
    case 0x12: /* def_cfa_sf */
        reg = take_uleb(c);
        cfa_set(m, reg, factored(m, (uint64_t)take_sleb(c)));
        return true;
    case 0x13: /* def_cfa_offset_sf */
        m->row.cfa_offset = factored(m, (uint64_t)take_sleb(c));
        return m->row.cfa_expr == NULL;
    default:
        return false;
    }
}

/* The instructions whose operand does not lie in the opcode byte: one line or two each. */
static bool execute_extended(struct machine *m, struct cursor *c, uint8_t op)
{
    uint64_t reg;

    switch (op) {
    case 0x00: /* nop */
        return true;
    case 0x01: /* set_loc */
        m->location = take_encoded(c, m->fde->cie.pointer_encoding, 0);
        return true;
    case 0x02: /* advance_loc1 */
        m->location += take(c, 1) * m->fde->cie.code_align;
        return true;
    case 0x03:
        m->location += take(c, 2) * m->fde->cie.code_align;
        return true;
    case 0x04:
        m->location += take(c, 4) * m->fde->cie.code_align;
        return true;
    case 0x05: /* offset_extended */
        reg = take_uleb(c);
        register_set(m, reg, CFI_OFFSET, factored(m, take_uleb(c)));
        return true;
    case 0x06: /* restore_extended */
        return register_restore(m, take_uleb(c));
    case 0x07:
        register_set(m, take_uleb(c), CFI_UNDEFINED, 0);
        return true;
    case 0x08:
        register_set(m, take_uleb(c), CFI_SAME, 0);
        return true;
    case 0x09: /* register */
        reg = take_uleb(c);
        register_set(m, reg, CFI_REGISTER, (int64_t)take_uleb(c));
        return true;
    case 0x0a:
        return state_remember(m);
    case 0x0b:
        return state_restore(m);
    case 0x10: /* expression */
        reg = take_uleb(c);
        register_set(m, reg, CFI_EXPRESSION, (int64_t)take_block(c));
        return true;
    case 0x11: /* offset_extended_sf */
        reg = take_uleb(c);
        register_set(m, reg, CFI_OFFSET, factored(m, (uint64_t)take_sleb(c)));
        return true;
    case 0x14: /* val_offset */
        reg = take_uleb(c);
        register_set(m, reg, CFI_VAL_OFFSET, factored(m, take_uleb(c)));
        return true;
    case 0x15:
        reg = take_uleb(c);
        register_set(m, reg, CFI_VAL_OFFSET, factored(m, (uint64_t)take_sleb(c)));
        return true;
    case 0x16: /* val_expression */
        reg = take_uleb(c);
        register_set(m, reg, CFI_VAL_EXPRESSION, (int64_t)take_block(c));
        return true;
    case 0x2e: /* GNU_args_size: says nothing about where things are */
        take_uleb(c);
        return true;
    case 0x2f: /* GNU_negative_offset_extended */
        reg = take_uleb(c);
        register_set(m, reg, CFI_OFFSET, factored(m, -take_uleb(c)));
        return true;
    default:
        return execute_cfa(m, c, op);
    }
}

/* Run one program until it ends or, in an FDE, moves past `pc`. */
static bool execute(struct machine *m, const uint8_t *program, const uint8_t *end, uint64_t pc)
{
    struct cursor c = {.at = program, .end = end, .moved = m->fde->moved};

    while (c.at < c.end && !c.bad) {
        uint8_t op = take_byte(&c);
        uint8_t low = op & 0x3f;

        if (op >> 6 == 1) /* advance_loc */
            m->location += low * m->fde->cie.code_align;
        else if (op >> 6 == 2) /* offset */
            register_set(m, low, CFI_OFFSET, factored(m, take_uleb(&c)));
        else if (!(op >> 6 == 3 ? register_restore(m, low) : execute_extended(m, &c, op)))
            return false;
        if (m->in_fde && m->location > pc)
            return !c.bad;
    }
    return !c.bad;
}

enum cfi_result cfi_find_row(const struct cfi_module *m, uint64_t pc, struct cfi_row *row)
{
    uint64_t at = fde_find(m, pc);
    struct machine machine;
    struct fde fde;

    if (at == 0)
        return CFI_NO_ENTRY;
    if (!fde_read(m, at, &fde))
        return CFI_UNREADABLE;
    if (pc < fde.start || pc >= fde.end)
        return CFI_NO_ENTRY;
    /* not the remembered rows: they would be cleared for nothing */
    memset(&machine.row, 0, sizeof(machine.row));
    machine.fde = &fde;
    machine.location = fde.start;
    machine.depth = 0;
    machine.in_fde = false;
    if (!execute(&machine, fde.cie.program, fde.cie.program_end, pc))
        return CFI_UNREADABLE;
    machine.initial = machine.row;
    machine.in_fde = true;
    if (!execute(&machine, fde.program, fde.program_end, pc))
        return CFI_UNREADABLE;
    *row = machine.row;
    row->signal_frame = fde.cie.signal_frame;
    return CFI_FOUND;
}

/* -------------------------------------------------------- expressions -- */

#define EXPRESSION_STACK 16
#define EXPRESSION_STEPS 200 /* a loop in an expression must end */

struct evaluation {
    const uint64_t *registers;
    uint64_t low, high;
    uint64_t stack[EXPRESSION_STACK];
    unsigned depth;
};

static bool push(struct evaluation *e, uint64_t value)
{
    if (e->depth == EXPRESSION_STACK)
        return false;
    e->stack[e->depth++] = value;
    return true;
}

static bool dereference(struct evaluation *e)
{
    uint64_t at;

    if (e->depth == 0)
        return false;
    at = e->stack[e->depth - 1];
    if (at < e->low || at > e->high - 8)
        return false;
    memcpy(&e->stack[e->depth - 1], (const void *)(uintptr_t)at, 8);
    return true;
}

/* Operations on the two topmost values. */
static bool binary(struct evaluation *e, uint8_t op)
{
    uint64_t a, b;

    if (e->depth < 2)
        return false;
    b = e->stack[--e->depth];
    a = e->stack[e->depth - 1];
    switch (op) {
    case 0x1a:
        a &= b;
        break;
    case 0x1c:
        a -= b;
        break;
    case 0x1e:
        a *= b;
        break;
    case 0x21:
        a |= b;
        break;
    case 0x22:
        a += b;
        break;
    case 0x24:
        a = b < 64 ? a << b : 0;
        break;
    case 0x25:
        a = b < 64 ? a >> b : 0;
        break;
    case 0x27:
        a ^= b;
        break;
    case 0x29:
        a = (int64_t)a == (int64_t)b;
        break;
    case 0x2a:
        a = (int64_t)a >= (int64_t)b;
        break;
    case 0x2b:
        a = (int64_t)a > (int64_t)b;
        break;
    case 0x2c:
        a = (int64_t)a <= (int64_t)b;
        break;
    case 0x2d:
        a = (int64_t)a < (int64_t)b;
        break;
    case 0x2e:
        a = a != b;
        break;
    default:
        return false;
    }
    e->stack[e->depth - 1] = a;
    return true;
}

/* Operations that push a constant written in the expression. */
static bool constant(struct evaluation *e, struct cursor *c, uint8_t op)
{
    switch (op) {
    case 0x03: /* addr */
    case 0x0e:
    case 0x0f:
        return push(e, take(c, 8));
    case 0x08:
        return push(e, take(c, 1));
    case 0x09:
        return push(e, (uint64_t)take_signed(c, 1));
    case 0x0a:
        return push(e, take(c, 2));
    case 0x0b:
        return push(e, (uint64_t)take_signed(c, 2));
    case 0x0c:
        return push(e, take(c, 4));
    case 0x0d:
        return push(e, (uint64_t)take_signed(c, 4));
    case 0x10:
        return push(e, take_uleb(c));
    case 0x11:
        return push(e, (uint64_t)take_sleb(c));
    default:
        return false;
    }
}

static bool evaluate_one(struct evaluation *e, struct cursor *c, uint8_t op)
{
    if (op >= 0x30 && op <= 0x4f) /* lit */
        return push(e, op - 0x30u);
    if (op >= 0x70 && op <= 0x8f) { /* breg */
        int64_t offset = take_sleb(c);

        return op - 0x70 < CFI_REGISTERS && push(e, e->registers[op - 0x70] + (uint64_t)offset);
    }
    if (op == 0x06) /* deref */
        return dereference(e);
    if (op == 0x12) /* dup */
        return e->depth > 0 && push(e, e->stack[e->depth - 1]);
    if (op == 0x13) /* drop */
        return e->depth > 0 && e->depth-- > 0;
    if (op == 0x23) { /* plus_uconst */
        uint64_t addend = take_uleb(c);

        if (e->depth == 0)
            return false;
        e->stack[e->depth - 1] += addend;
        return true;
    }
    if (op == 0x96) /* nop */
        return true;
    return constant(e, c, op) || binary(e, op);
}

bool cfi_evaluate(const uint8_t *expr, const uint64_t registers[CFI_REGISTERS], bool with_initial,
                  uint64_t initial, uint64_t low, uint64_t high, uint64_t *result)
{
    /* the block's bounds were checked when the row was decoded */
    struct cursor c = {.at = expr, .end = expr + 10};
    struct evaluation e = {.registers = registers, .low = low, .high = high};
    uint64_t length = take_uleb(&c);

    c.end = c.at + length;
    if (with_initial)
        push(&e, initial);
    for (unsigned steps = 0; c.at < c.end && !c.bad; steps++)
        if (steps == EXPRESSION_STEPS || !evaluate_one(&e, &c, take_byte(&c)))
            return false;
    if (c.bad || e.depth == 0)
        return false;
    *result = e.stack[e.depth - 1];
    return true;
}
