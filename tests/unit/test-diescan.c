// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/diescan.h"

#include <dwarf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Sections under construction. */
struct bytes {
    uint8_t at[1024];
    size_t used;
};

static void put(struct bytes *b, size_t count, uint64_t value)
{
    assert_true(b->used + count <= sizeof b->at);
    for (size_t i = 0; i < count; i++, value >>= 8)
        b->at[b->used++] = (uint8_t)value;
}

static void put_each(struct bytes *b, size_t count, const uint8_t *values)
{
    for (size_t i = 0; i < count; i++)
        put(b, 1, values[i]);
}

#define PUT(b, ...) put_each(b, sizeof(uint8_t[]){__VA_ARGS__}, (const uint8_t[]){__VA_ARGS__})

struct found {
    uint64_t offsets[16];
    size_t count;
    int answer;
};

static int note(void *context, uint64_t offset)
{
    struct found *f = context;

    if (f->count < 16)
        f->offsets[f->count++] = offset;
    return f->answer;
}

static int scan(const struct bytes *info, const struct bytes *abbrev, struct found *f)
{
    struct diescan_sections sections = {info->at, info->used, abbrev->at, abbrev->used};

    return diescan_functions(&sections, 0, note, f);
}

/* 1: the unit; 2: a function with code; 3: a declaration, of every form there is. */
static void put_abbreviations(struct bytes *b)
{
    static const uint16_t forms[] = {
        DW_FORM_block2,  DW_FORM_block4,       DW_FORM_data2,     DW_FORM_data4,
        DW_FORM_data8,   DW_FORM_string,       DW_FORM_block,     DW_FORM_block1,
        DW_FORM_data1,   DW_FORM_flag,         DW_FORM_sdata,     DW_FORM_strp,
        DW_FORM_udata,   DW_FORM_ref_addr,     DW_FORM_ref1,      DW_FORM_ref2,
        DW_FORM_ref4,    DW_FORM_ref8,         DW_FORM_ref_udata, DW_FORM_indirect,
        DW_FORM_exprloc, DW_FORM_flag_present, DW_FORM_strx,      DW_FORM_addrx,
        DW_FORM_data16,  DW_FORM_line_strp,    DW_FORM_ref_sig8,  DW_FORM_strx3,
    };

    PUT(b, 1, DW_TAG_compile_unit, 1, DW_AT_name, DW_FORM_string, 0, 0);
    PUT(b, 2, DW_TAG_subprogram, 0, DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc, DW_FORM_data4, 0, 0);
    PUT(b, 3, DW_TAG_subprogram, 0);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        PUT(b, DW_AT_name, (uint8_t)forms[i]);
    PUT(b, DW_AT_name, DW_FORM_implicit_const, 0x7f);
    PUT(b, DW_AT_name, 0xa0, 0x3e); /* DW_FORM_GNU_ref_alt, 0x1f20 */
    PUT(b, 0, 0, 0);
}

static void put_every_form(struct bytes *b)
{
    put(b, 1, 3);
    PUT(b, 2, 0, 'a', 'b');                         /* block2 */
    PUT(b, 1, 0, 0, 0, 'a');                        /* block4 */
    put(b, 2, 2), put(b, 4, 2), put(b, 8, 2);       /* data2, data4, data8 */
    PUT(b, 2, 2, 0);                                /* string */
    PUT(b, 3, 2, 2, 2, 2, 2, 2);                    /* block, block1 */
    PUT(b, 2, 2, 0x82, 0x02);                       /* data1, flag, sdata */
    put(b, 4, 2), PUT(b, 0x82, 0x82, 2);            /* strp, udata */
    put(b, 4, 2), put(b, 1, 2), put(b, 2, 2);       /* ref_addr, ref1, ref2 */
    put(b, 4, 2), put(b, 8, 2), PUT(b, 0x82, 0x02); /* ref4, ref8, ref_udata */
    PUT(b, DW_FORM_data2, 2, 2);                    /* indirect */
    PUT(b, 2, 2, 2);                                /* exprloc; flag_present has no bytes */
    PUT(b, 2, 0x80, 0x01);                          /* strx, addrx */
    put(b, 8, 2), put(b, 8, 2);                     /* data16 */
    put(b, 4, 2), put(b, 8, 2), put(b, 3, 2);       /* line_strp, ref_sig8, strx3 */
    put(b, 4, 2);                                   /* GNU_ref_alt */
}

static void put_function(struct bytes *b)
{
    put(b, 1, 2), put(b, 8, 0x1000), put(b, 4, 16);
}

/* The offsets of the two functions go to `expected`. */
static void put_unit(struct bytes *b, unsigned version, uint64_t expected[2])
{
    put(b, 4, 0);
    put(b, 2, version);
    if (version == 5)
        PUT(b, DW_UT_compile, 8);
    put(b, 4, 0);
    if (version < 5)
        put(b, 1, 8);
    PUT(b, 1, 'u', 0);
    expected[0] = b->used;
    put_function(b);
    put_every_form(b);
    put_every_form(b);
    put(b, 1, 0);
    expected[1] = b->used;
    put_function(b);
    put(b, 1, 0);
    for (size_t i = 0, length = b->used - 4; i < 4; i++, length >>= 8)
        b->at[i] = (uint8_t)length;
}

static void functions_with_code_are_found_behind_every_form(void **state)
{
    (void)state;
    for (unsigned version = 3; version <= 5; version++) {
        struct bytes info = {.used = 0}, abbrev = {.used = 0};
        struct found f = {.count = 0};
        uint64_t expected[2];

        put_abbreviations(&abbrev);
        put_unit(&info, version, expected);
        assert_int_equal(scan(&info, &abbrev, &f), 0);
        assert_int_equal(f.count, 2);
        assert_int_equal(f.offsets[0], expected[0]);
        assert_int_equal(f.offsets[1], expected[1]);
    }
}

static void the_caller_can_end_the_pass(void **state)
{
    struct bytes info = {.used = 0}, abbrev = {.used = 0};
    struct found f = {.answer = 5};
    uint64_t expected[2];

    (void)state;
    put_abbreviations(&abbrev);
    put_unit(&info, 5, expected);
    assert_int_equal(scan(&info, &abbrev, &f), 5);
    assert_int_equal(f.count, 1);
}

/* Cut short at every byte: an error, and no read beyond the end (the sanitizers watch). */
static void a_cut_unit_is_refused(void **state)
{
    struct bytes info = {.used = 0}, abbrev = {.used = 0};
    uint64_t expected[2];

    (void)state;
    put_abbreviations(&abbrev);
    put_unit(&info, 5, expected);
    for (size_t size = 0; size < info.used; size++) {
        uint8_t *copy = malloc(size + 1);
        struct diescan_sections sections = {copy, size, abbrev.at, abbrev.used};
        struct found f = {.count = 0};

        memcpy(copy, info.at, size);
        assert_int_equal(diescan_functions(&sections, 0, note, &f), -1);
        free(copy);
    }
    for (size_t size = 0; size + 1 < abbrev.used; size++) {
        uint8_t *copy = malloc(size + 1);
        struct diescan_sections sections = {info.at, info.used, copy, size};
        struct found f = {.count = 0};

        memcpy(copy, abbrev.at, size);
        assert_int_equal(diescan_functions(&sections, 0, note, &f), -1);
        free(copy);
    }
}

static void nonsense_ends_the_pass(void **state)
{
    struct bytes info = {.used = 0}, abbrev = {.used = 0};
    uint64_t expected[2];

    (void)state;
    put_abbreviations(&abbrev);
    put_unit(&info, 5, expected);
    srand(4);
    for (int round = 0; round < 50000; round++) {
        struct bytes broken_info = info, broken_abbrev = abbrev;
        struct found f = {.count = 0};

        for (int i = 0; i < 3; i++) {
            broken_info.at[4 + (size_t)rand() % (info.used - 4)] = (uint8_t)rand();
            broken_abbrev.at[(size_t)rand() % abbrev.used] = (uint8_t)rand();
        }
        scan(&broken_info, &broken_abbrev, &f);
        for (size_t i = 0; i < f.count; i++)
            assert_true(f.offsets[i] < info.used);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_with_code_are_found_behind_every_form),
        cmocka_unit_test(the_caller_can_end_the_pass),
        cmocka_unit_test(a_cut_unit_is_refused),
        cmocka_unit_test(nonsense_ends_the_pass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
