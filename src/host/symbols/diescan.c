// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/diescan.h"

#include <dwarf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_CODE 65536 /* of an abbreviation; compilers number them from 1 */

/* Reads forward; beyond the end it yields zeros and says so. */
struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static void skip(struct cursor *c, uint64_t size)
{
    if (size > (uint64_t)(c->end - c->at)) {
        c->bad = true;
        c->at = c->end;
    } else {
        c->at += size;
    }
}

static uint64_t read_fixed(struct cursor *c, unsigned size)
{
    const uint8_t *at = c->at;
    uint64_t value = 0;

    skip(c, size);
    if (c->bad)
        return 0;
    for (unsigned i = 0; i < size; i++)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        value |= (uint64_t)at[i] << (8 * i);
#else
        value = value << 8 | at[i];
#endif
    return value;
}

static uint64_t read_uleb(struct cursor *c)
{
    uint64_t value = 0;

    for (unsigned shift = 0; c->at < c->end; shift += 7) {
        uint8_t byte = *c->at++;

        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    c->bad = true;
    return 0;
}

/* -------------------------------------------------------------- abbreviations -- */

/* How to step over an attribute's value; runs of fixed ones become a single step. */
enum step_kind {
    STEP_FIXED, /* `size` bytes */
    STEP_ULEB,
    STEP_STRING,
    STEP_BLOCK,      /* a length in `size` bytes, then that many */
    STEP_BLOCK_ULEB, /* a length as ULEB128, then that many */
    STEP_INDIRECT,   /* the form stands before the value */
};

struct step {
    uint8_t kind;
    uint32_t size;
};

struct abbreviation {
    uint32_t first_step, steps;
    bool known, function;
};

struct unit {
    struct cursor entries;
    const uint8_t *info;
    unsigned version, address_size, offset_size;
    struct abbreviation *abbreviations; /* by code */
    struct step *steps;
    size_t codes, steps_used, steps_room;
};

static bool fixed_form(const struct unit *u, uint64_t form, struct step *step)
{
    *step = (struct step){STEP_FIXED, 0};
    switch (form) {
    case DW_FORM_flag_present:
    case DW_FORM_implicit_const:
        return true;
    case DW_FORM_data1:
    case DW_FORM_ref1:
    case DW_FORM_flag:
    case DW_FORM_strx1:
    case DW_FORM_addrx1:
        step->size = 1;
        return true;
    case DW_FORM_data2:
    case DW_FORM_ref2:
    case DW_FORM_strx2:
    case DW_FORM_addrx2:
        step->size = 2;
        return true;
    case DW_FORM_strx3:
    case DW_FORM_addrx3:
        step->size = 3;
        return true;
    case DW_FORM_data4:
    case DW_FORM_ref4:
    case DW_FORM_strx4:
    case DW_FORM_addrx4:
    case DW_FORM_ref_sup4:
        step->size = 4;
        return true;
    case DW_FORM_data8:
    case DW_FORM_ref8:
    case DW_FORM_ref_sig8:
    case DW_FORM_ref_sup8:
        step->size = 8;
        return true;
    case DW_FORM_data16:
        step->size = 16;
        return true;
    case DW_FORM_addr:
        step->size = u->address_size;
        return true;
    case DW_FORM_ref_addr:
        step->size = u->version <= 2 ? u->address_size : u->offset_size;
        return true;
    case DW_FORM_strp:
    case DW_FORM_line_strp:
    case DW_FORM_sec_offset:
    case DW_FORM_strp_sup:
    case DW_FORM_GNU_ref_alt:
    case DW_FORM_GNU_strp_alt:
        step->size = u->offset_size;
        return true;
    default:
        return false;
    }
}

static bool variable_form(uint64_t form, struct step *step)
{
    switch (form) {
    case DW_FORM_sdata:
    case DW_FORM_udata:
    case DW_FORM_ref_udata:
    case DW_FORM_strx:
    case DW_FORM_addrx:
    case DW_FORM_loclistx:
    case DW_FORM_rnglistx:
    case DW_FORM_GNU_addr_index:
    case DW_FORM_GNU_str_index:
        *step = (struct step){STEP_ULEB, 0};
        return true;
    case DW_FORM_string:
        *step = (struct step){STEP_STRING, 0};
        return true;
    case DW_FORM_block1:
    case DW_FORM_block2:
        *step = (struct step){STEP_BLOCK, form == DW_FORM_block1 ? 1 : 2};
        return true;
    case DW_FORM_block4:
        *step = (struct step){STEP_BLOCK, 4};
        return true;
    case DW_FORM_block:
    case DW_FORM_exprloc:
        *step = (struct step){STEP_BLOCK_ULEB, 0};
        return true;
    case DW_FORM_indirect:
        *step = (struct step){STEP_INDIRECT, 0};
        return true;
    default:
        return false;
    }
}

static bool step_for(const struct unit *u, uint64_t form, struct step *step)
{
    return fixed_form(u, form, step) || variable_form(form, step);
}

static int add_step(struct unit *u, struct abbreviation *a, struct step step)
{
    struct step *last = a->steps ? &u->steps[u->steps_used - 1] : NULL;

    if (step.kind == STEP_FIXED && last && last->kind == STEP_FIXED) {
        last->size += step.size;
        return 0;
    }
    if (u->steps_used == u->steps_room) {
        size_t room = u->steps_room ? u->steps_room * 2 : 1024;
        struct step *steps = reallocarray(u->steps, room, sizeof *steps);

        if (!steps)
            return -1;
        u->steps = steps;
        u->steps_room = room;
    }
    u->steps[u->steps_used++] = step;
    a->steps++;
    return 0;
}

static struct abbreviation *abbreviation_for(struct unit *u, uint64_t code)
{
    if (code >= LARGEST_CODE)
        return NULL;
    if (code >= u->codes) {
        size_t codes = u->codes ? u->codes : 128;
        struct abbreviation *all;

        while (codes <= code)
            codes *= 2;
        all = reallocarray(u->abbreviations, codes, sizeof *all);
        if (!all)
            return NULL;
        memset(all + u->codes, 0, (codes - u->codes) * sizeof *all);
        u->abbreviations = all;
        u->codes = codes;
    }
    return &u->abbreviations[code];
}

static int read_abbreviation(struct unit *u, struct cursor *c, struct abbreviation *a)
{
    uint64_t tag = read_uleb(c);
    bool code = false;

    *a = (struct abbreviation){.first_step = (uint32_t)u->steps_used, .known = true};
    skip(c, 1); /* whether it has children: the pass is linear */
    while (!c->bad) {
        uint64_t name = read_uleb(c), form = read_uleb(c);
        struct step step;

        if (!name && !form)
            break;
        if (form == DW_FORM_implicit_const)
            read_uleb(c);
        if (name == DW_AT_low_pc || name == DW_AT_ranges)
            code = true;
        if (!step_for(u, form, &step) || add_step(u, a, step))
            return -1;
    }
    a->function = tag == DW_TAG_subprogram && code;
    return c->bad ? -1 : 0;
}

static int read_abbreviations(struct unit *u, struct cursor c)
{
    while (c.at < c.end) {
        uint64_t code = read_uleb(&c);
        struct abbreviation *a;

        if (!code)
            break;
        a = abbreviation_for(u, code);
        if (!a || a->known || read_abbreviation(u, &c, a))
            return -1;
    }
    return c.bad ? -1 : 0;
}

/* ---------------------------------------------------------------------- unit -- */

/* The header: where entries begin and end, the sizes of things, the abbreviations. */
static int read_header(struct unit *u, const struct diescan_sections *s, uint64_t unit_offset,
                       struct cursor *abbreviations)
{
    struct cursor c = {s->info, s->info + s->info_size, false};
    uint64_t length, abbrev_offset;
    unsigned type = DW_UT_compile;

    skip(&c, unit_offset);
    length = read_fixed(&c, 4);
    u->offset_size = 4;
    if (length == UINT32_MAX) {
        length = read_fixed(&c, 8);
        u->offset_size = 8;
    }
    if (c.bad || length > (uint64_t)(c.end - c.at))
        return -1;
    c.end = c.at + length;
    u->version = (unsigned)read_fixed(&c, 2);
    if (u->version < 2 || u->version > 5)
        return -1;
    if (u->version == 5) {
        type = (unsigned)read_fixed(&c, 1);
        u->address_size = (unsigned)read_fixed(&c, 1);
    }
    abbrev_offset = read_fixed(&c, u->offset_size);
    if (u->version < 5)
        u->address_size = (unsigned)read_fixed(&c, 1);
    if (type == DW_UT_skeleton || type == DW_UT_split_compile)
        skip(&c, 8); /* the unit's ID */
    *abbreviations = (struct cursor){s->abbrev, s->abbrev + s->abbrev_size, false};
    skip(abbreviations, abbrev_offset);
    u->entries = c;
    u->info = s->info;
    return c.bad || abbreviations->bad || u->address_size > 8 ? -1 : 0;
}

static void skip_string(struct cursor *c)
{
    const uint8_t *end = memchr(c->at, '\0', (size_t)(c->end - c->at));

    if (end)
        c->at = end + 1;
    else
        c->bad = true;
}

static void take_step(const struct unit *u, struct cursor *c, struct step step)
{
    if (step.kind == STEP_INDIRECT &&
        (!step_for(u, read_uleb(c), &step) || step.kind == STEP_INDIRECT)) {
        c->bad = true;
        return;
    }
    switch (step.kind) {
    case STEP_FIXED:
        skip(c, step.size);
        break;
    case STEP_ULEB:
        read_uleb(c);
        break;
    case STEP_STRING:
        skip_string(c);
        break;
    case STEP_BLOCK:
        skip(c, read_fixed(c, step.size));
        break;
    case STEP_BLOCK_ULEB:
        skip(c, read_uleb(c));
        break;
    default:
        c->bad = true;
    }
}

static int scan_entries(const struct unit *u, diescan_found *found, void *context)
{
    struct cursor c = u->entries;

    while (c.at < c.end) {
        uint64_t offset = (uint64_t)(c.at - u->info), code = read_uleb(&c);
        const struct abbreviation *a;
        int status;

        if (!code && !c.bad)
            continue; /* the end of a list of siblings */
        if (c.bad || code >= u->codes || !u->abbreviations[code].known)
            return -1;
        a = &u->abbreviations[code];
        if (a->function && (status = found(context, offset)) != 0)
            return status;
        for (uint32_t i = 0; i < a->steps; i++)
            take_step(u, &c, u->steps[a->first_step + i]);
        if (c.bad)
            return -1;
    }
    return 0;
}

int diescan_functions(const struct diescan_sections *sections, uint64_t unit_offset,
                      diescan_found *found, void *context)
{
    struct unit u = {.codes = 0};
    struct cursor abbreviations;
    int status = -1;

    if (!read_header(&u, sections, unit_offset, &abbreviations) &&
        !read_abbreviations(&u, abbreviations))
        status = scan_entries(&u, found, context);
    free(u.abbreviations);
    free(u.steps);
    return status;
}
